use std::{net::SocketAddr, path::Path, sync::Arc};

use anyhow::Context;
use crossfade_bundle::Store;
use crossfade_client::{Client, Options};
use tokio::sync::oneshot;

use super::{
    args::Quickstart,
    comparison,
    serve::{experiments, open, recorder},
    signals::stop_signal,
    tables,
    train::{pool, set},
    ui::{Ui, print},
};
use crate::{
    grpc::{Listeners, ServeOptions, serve},
    pb,
    pipeline::{Job, Sources, Stop, train},
    serving::Serving,
    settings::Settings,
};

/// Length of the lists in the comparison.
const SHOWN: i32 = 8;

pub(super) fn run(args: Quickstart, mut settings: Settings, ui: &Ui) -> anyhow::Result<()> {
    set(&mut settings.serve.listen, args.listen);
    let sources = Sources {
        plays: data_file(&args.data, "plays.parquet")?,
        tracks: data_file(&args.data, "tracks.parquet")?,
    };
    let store = Store::create(&args.bundles)?;
    let job = Job {
        sources: &sources,
        store: &store,
        resume: false,
        stop: &Stop::default(),
    };
    let report =
        pool(settings.threads)?.install(|| train(&job, &settings, &|event| ui.observe(event)))?;
    ui.result(&report, tables::train_report)?;

    let serving = open(store, recorder(&settings)?, experiments(&settings)?)?;
    let mut options = settings.serve;
    if args.no_serve {
        options.listen = SocketAddr::from(([127, 0, 0, 1], 0));
    }
    let runtime = tokio::runtime::Runtime::new().context("the runtime cannot be started")?;
    runtime.block_on(show(serving, options, (args.no_serve, ui)))
}

fn data_file(directory: &Path, name: &str) -> anyhow::Result<std::path::PathBuf> {
    let path = directory.join(name);
    anyhow::ensure!(
        path.exists(),
        "{} is missing; run this where data/ lies, or write a world with \"crossfade generate --out DIR\" and pass --data DIR",
        path.display()
    );
    Ok(path)
}

/// Serves, asks the server for a first comparison, and goes on serving unless told otherwise.
async fn show(
    serving: Arc<Serving>,
    options: ServeOptions,
    (stop_at_once, ui): (bool, &Ui),
) -> anyhow::Result<()> {
    let signal = stop_signal()?;
    let user = serving
        .bundle()
        .and_then(|bundle| bundle.engine.model().users.iter().next().map(str::to_owned))
        .context("the bundle has no users")?;
    let listeners = Listeners::bind(&options).await?;
    let address = listeners.main.local_addr()?;
    let (stop, stopped) = oneshot::channel::<()>();
    let server = tokio::spawn(serve(listeners, serving, options, async {
        // A dropped sender stops the server, too.
        let _ = stopped.await;
    }));
    compare(address, &user, ui).await?;
    if !stop_at_once {
        if !ui.is_json() {
            print(&how_to_call(address, &user))?;
        }
        ui.note(&format!("serving on {address}; stop with Ctrl-C"));
        signal.await;
    }
    let _ = stop.send(());
    server.await?
}

async fn compare(address: SocketAddr, user: &str, ui: &Ui) -> anyhow::Result<()> {
    let client = Client::new([format!("http://{address}")], &Options::default())?;
    let request = pb::CompareRankingsRequest {
        user_id: user.to_owned(),
        limit: Some(SHOWN),
        ..pb::CompareRankingsRequest::default()
    };
    let response = client.compare_rankings(request).await?;
    if !ui.is_json() {
        print(&format!(
            "\nA first comparison, for {user}:\n\n{}",
            comparison::text(&response)
        ))?;
    }
    Ok(())
}

fn how_to_call(address: SocketAddr, user: &str) -> String {
    let server = match address.port() {
        50051 => String::new(),
        _ => format!(" --server http://{address}"),
    };
    format!(
        "\nIn another terminal:\n\n  \
         cargo run --release -- recommend {user} --content-weight 0.5{server}\n  \
         cargo run --release -- compare {user}{server}\n  \
         grpcurl -plaintext -d '{{\"user_id\": \"{user}\", \"limit\": 5}}' {address} \
         crossfade.v1.RecommendationService/Recommend\n"
    )
}
