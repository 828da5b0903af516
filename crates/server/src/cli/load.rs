use std::{num::NonZero, sync::Arc, time::Duration};

use anyhow::Context;
use crossfade_bundle::Store;
use crossfade_client::{Client, Options, RetryPolicy, ThrottlePolicy};
use crossfade_ingest::read_ids;
use serde::Serialize;
use tokio::{net::TcpListener, runtime::Runtime};

use super::{args::Load, serve::open, tables::table, ui::Ui};
use crate::{
    experiments::Experiments,
    grpc::{Listeners, serve},
    load::{Echo, Outcome, Target, offer, plain_loop, saturate},
    pb,
    serving::Serving,
    settings::Settings,
};

/// Users that requests are made for at most.
const USERS: usize = 20_000;

/// What was measured.
#[derive(Debug, Default, Serialize)]
struct Report {
    /// Requests a second that were offered, where they were.
    offered: Option<f64>,
    /// What became of the requests offered.
    load: Option<Outcome>,
    /// As much as the server bears.
    peak: Option<Outcome>,
    /// With what is done for a request in it, and without.
    compared: Option<Compared>,
}

/// What a server's peak is made of.
#[derive(Debug, Serialize)]
struct Compared {
    /// Lists a second in a plain loop on all workers' threads.
    plain_loop: f64,
    /// Requests a second over the same transport with nothing to do.
    echo: f64,
    /// Both one after the other: 1 / (1 / plain_loop + 1 / echo).
    both: f64,
    /// The peak's share of that.
    share: f64,
}

pub(super) fn run(args: &Load, settings: Settings, ui: &Ui) -> anyhow::Result<()> {
    for (name, value) in [
        ("--seconds", args.seconds),
        ("--rate", args.rate.unwrap_or(1.0)),
    ] {
        anyhow::ensure!(
            value > 0.0 && value.is_finite(),
            "{name} is {value}; it must be above 0"
        );
    }
    anyhow::ensure!(args.callers > 0, "--callers must be at least 1");
    anyhow::ensure!(args.connections > 0, "--connections must be at least 1");
    let serving = match &args.bundles {
        Some(bundles) => Some(open(Store::open(bundles)?, None, Experiments::default())?),
        None => None,
    };
    let requests = requests(args, serving.as_deref())?;
    let calls = Runtime::new().context("the runtime cannot be started")?;
    let report = match (&serving, args.server.is_empty()) {
        (Some(serving), true) => here(args, (serving, settings), requests, &calls)?,
        _ => calls.block_on(async {
            let target = Target::new(client(args, &args.server)?, requests);
            measure(args, &target).await
        })?,
    };
    ui.result(&report, text)
}

/// The requests, in the order in which they are made.
fn requests(args: &Load, serving: Option<&Serving>) -> anyhow::Result<Vec<pb::RecommendRequest>> {
    let base = pb::RecommendRequest {
        content_weight: args.content_weight,
        limit: Some(args.limit),
        experiment: args.experiment.clone(),
        ..pb::RecommendRequest::default()
    };
    let of_user = |user: &str| pb::RecommendRequest {
        user_id: user.to_owned(),
        ..base.clone()
    };
    let bundle = serving.map(|serving| serving.bundle().context("there is no active bundle"));
    let bundle = bundle.transpose()?;
    let requests: Vec<_> = match (&args.users, &bundle) {
        (Some(file), _) => {
            let (users, _) = read_ids(file, "user_id")?;
            users.iter().take(USERS).map(of_user).collect()
        }
        (None, Some(bundle)) => {
            let model = bundle.engine.model();
            let step = model.users.len().div_ceil(USERS).max(1);
            let users = (0..model.users.len()).step_by(step);
            match args.history {
                0 => users
                    .map(|user| of_user(model.users.id(user as u32)))
                    .collect(),
                plays => users
                    .map(|user| {
                        let rows = (user..model.users.len()).chain(0..user);
                        let played = rows.flat_map(|row| model.history.row(row).indices);
                        let history = played.take(plays).map(|&track| pb::Play {
                            track_id: model.tracks.ids.id(track).to_owned(),
                            play_count: None,
                            played_at: None,
                        });
                        pb::RecommendRequest {
                            history: history.collect(),
                            ..base.clone()
                        }
                    })
                    .collect(),
            }
        }
        (None, None) => Vec::new(),
    };
    anyhow::ensure!(!requests.is_empty(), "there are no users to ask for");
    Ok(requests)
}

/// A client that tells of every failure, instead of trying again, and calls as often as it is told to.
fn client(args: &Load, servers: &[String]) -> anyhow::Result<Client> {
    let options = Options {
        retry: RetryPolicy {
            attempts: 1,
            ..RetryPolicy::default()
        },
        throttle: match args.throttle {
            true => ThrottlePolicy::default(),
            false => ThrottlePolicy::OFF,
        },
        bulk: args.bulk,
        ..args.call.options()?
    };
    let connections = std::iter::repeat_n(servers, args.connections).flatten();
    Ok(Client::new(connections, &options)?)
}

async fn measure(args: &Load, target: &Target) -> anyhow::Result<Report> {
    let time = Duration::from_secs_f64(args.seconds);
    let warm_up = Duration::try_from_secs_f64(args.warm_up).unwrap_or_default();
    if let Some(rate) = args.rate {
        offer(target, rate, warm_up).await?;
        return Ok(Report {
            offered: Some(rate),
            load: Some(offer(target, rate, time).await?),
            ..Report::default()
        });
    }
    saturate(target, args.callers, warm_up).await?;
    let peak = saturate(target, args.callers, time).await?;
    let half = peak.answered_per_second / 2.0;
    anyhow::ensure!(half > 0.0, "the server answered nothing: {:?}", peak.failed);
    Ok(Report {
        offered: Some(half),
        load: Some(offer(target, half, time).await?),
        peak: Some(peak),
        compared: None,
    })
}

/// Serves in this process, on threads that are not those of the calls, and compares.
fn here(
    args: &Load,
    (serving, settings): (&Arc<Serving>, Settings),
    requests: Vec<pb::RecommendRequest>,
    calls: &Runtime,
) -> anyhow::Result<Report> {
    let bundle = serving.bundle().context("there is no active bundle")?;
    let time = Duration::from_secs_f64(args.seconds);
    let workers = NonZero::new(settings.serve.workers()).unwrap_or(NonZero::<usize>::MIN);
    let servers = Runtime::new().context("the runtime cannot be started")?;
    let local = || servers.block_on(TcpListener::bind(("127.0.0.1", 0)));
    let listener = local()?;
    let address = vec![format!("http://{}", listener.local_addr()?)];
    servers.spawn(serve(
        Listeners {
            main: listener,
            admin: None,
            metrics: None,
        },
        Arc::clone(serving),
        settings.serve,
        std::future::pending(),
    ));
    let target = calls
        .block_on(async { anyhow::Ok(Target::new(client(args, &address)?, requests.clone())) })?;
    let mut report = calls.block_on(measure(args, &target))?;
    if let Some(peak) = &report.peak {
        let loop_rate = plain_loop(&bundle.engine, &requests, (workers, time))?;
        let answer = calls.block_on(target.first())?;
        let listener = local()?;
        let address = vec![format!("http://{}", listener.local_addr()?)];
        servers.spawn(Echo::new(answer).serve(listener));
        let echo = calls.block_on(async {
            let target = Target::new(client(args, &address)?, requests);
            saturate(&target, args.callers, Duration::from_secs(1)).await?;
            saturate(&target, args.callers, time).await
        })?;
        let both = 1.0 / (1.0 / loop_rate + 1.0 / echo.answered_per_second);
        report.compared = Some(Compared {
            plain_loop: loop_rate,
            echo: echo.answered_per_second,
            both,
            share: peak.answered_per_second / both,
        });
    }
    // Its tasks never end by themselves.
    servers.shutdown_background();
    Ok(report)
}

fn text(report: &Report) -> String {
    let header = [
        "",
        "answers/s",
        "mean ms",
        "p50",
        "p90",
        "p99",
        "p99.9",
        "max",
        "failed",
    ];
    let mut rows = table(&header, 1);
    let mut row = |name: String, outcome: &Outcome| {
        let latency = &outcome.latency;
        let mut cells = vec![name, format!("{:.0}", outcome.answered_per_second)];
        let numbers = [
            latency.mean,
            latency.p50,
            latency.p90,
            latency.p99,
            latency.p999,
            latency.max,
        ];
        cells.extend(numbers.map(|number| format!("{number:.2}")));
        let failed = outcome.failed.iter();
        let failed: Vec<String> = failed
            .map(|(code, count)| format!("{count} {code}"))
            .collect();
        cells.push(failed.join(", "));
        rows.add_row(cells);
    };
    if let Some(peak) = &report.peak {
        row("peak".into(), peak);
    }
    if let (Some(load), Some(rate)) = (&report.load, report.offered) {
        row(format!("{rate:.0}/s offered"), load);
    }
    let mut text = rows.to_string();
    if let Some(compared) = &report.compared {
        text += &format!(
            "\n\nplain loop {:.0}/s, echo {:.0}/s, both 1 / (1 / loop + 1 / echo) = {:.0}/s; the peak is {:.0} % of that",
            compared.plain_loop,
            compared.echo,
            compared.both,
            100.0 * compared.share
        );
    }
    text
}
