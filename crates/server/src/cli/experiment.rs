use std::path::{Path, PathBuf};

use anyhow::Context;
use chrono::Utc;
use crossfade_experiments::{Arm, ArmRanking, Effect, Interval, Report, bucket};
use serde::Serialize;

use super::{
    args::{Experiment, ExperimentVerb, OutcomeArgs, RankingArg},
    tables::table,
    ui::Ui,
};
use crate::{
    experiments::{self, Defined, Estimated, Sources},
    files::write_atomically,
    settings::Settings,
};

pub(super) fn run(args: &Experiment, settings: &Settings, ui: &Ui) -> anyhow::Result<()> {
    match &args.verb {
        ExperimentVerb::List => list(settings, ui),
        ExperimentVerb::Assign { name, user } => assign(&find(settings, name)?, user, ui),
        ExperimentVerb::Report {
            name,
            sources,
            html,
        } => {
            let (sources, as_of_ms) = gathered(sources, settings)?;
            let report = experiments::report(&find(settings, name)?, &sources, as_of_ms)?;
            if let Some(page) = html {
                let written = write_atomically(page, experiments::render(&report).as_bytes());
                written.with_context(|| format!("cannot write {}", page.display()))?;
            }
            ui.result(&report, |report| text(report, html.as_deref()))
        }
        ExperimentVerb::Estimate {
            name,
            sources,
            ranking,
            content_weight,
        } => {
            let target = target(*ranking, *content_weight)?;
            let (sources, as_of_ms) = gathered(sources, settings)?;
            let defined = find(settings, name)?;
            let found = experiments::estimate(&defined, &target, (&sources, as_of_ms))?;
            ui.result(&found, estimated)
        }
    }
}

fn find(settings: &Settings, name: &str) -> anyhow::Result<Defined> {
    let experiment = settings.experiments.get(name).with_context(|| {
        let known: Vec<&str> = settings.experiments.keys().map(String::as_str).collect();
        match known.as_slice() {
            [] => format!("there is no experiment {name}: the settings define none; name their file with --config"),
            known => format!("there is no experiment {name}; the settings define {}", known.join(", ")),
        }
    })?;
    Ok(Defined::new(name, experiment.clone()))
}

/// What a report is made of: what was named, or else what the settings name.
fn gathered(args: &OutcomeArgs, settings: &Settings) -> anyhow::Result<(Sources, i64)> {
    let or = |named: &[PathBuf], set: &Option<PathBuf>| match named {
        [] => set.iter().cloned().collect(),
        named => named.to_vec(),
    };
    let sources = Sources {
        exposures: or(&args.exposures, &settings.serve.exposures),
        events: or(&args.events, &settings.serve.events),
        plays: args.plays.clone(),
        columns: settings.plays.columns.clone(),
    };
    anyhow::ensure!(
        !sources.exposures.is_empty(),
        "name the directory of what was shown with --exposures, or set serve.exposures"
    );
    anyhow::ensure!(
        !sources.events.is_empty() || !sources.plays.is_empty(),
        "name the directory of what was played with --events, or set serve.events"
    );
    let now = Utc::now();
    let as_of = args.as_of.unwrap_or(now);
    anyhow::ensure!(as_of <= now, "--as-of {as_of} must not be in the future");
    Ok((sources, as_of.timestamp_millis()))
}

/// An experiment, in short.
#[derive(Debug, Serialize)]
struct Listed<'a> {
    name: &'a str,
    fingerprint: &'a str,
    running: bool,
    #[serde(flatten)]
    experiment: &'a crossfade_experiments::Experiment,
}

fn list(settings: &Settings, ui: &Ui) -> anyhow::Result<()> {
    let now_ms = Utc::now().timestamp_millis();
    let defined: Vec<Defined> = settings
        .experiments
        .iter()
        .map(|(name, experiment)| Defined::new(name, experiment.clone()))
        .collect();
    let listed: Vec<Listed<'_>> = defined
        .iter()
        .map(|defined| Listed {
            name: &defined.name,
            fingerprint: &defined.fingerprint,
            running: defined.experiment.runs_at(now_ms),
            experiment: &defined.experiment,
        })
        .collect();
    ui.result(&listed, |listed| {
        let mut rows = table(&["experiment", "method", "arms", "running"], 3);
        for one in listed {
            let arms: Vec<String> = one.experiment.arms.iter().map(arm).collect();
            rows.add_row([
                one.name.to_owned(),
                format!("{:?}", one.experiment.method).to_lowercase(),
                arms.join(", "),
                if one.running { "yes" } else { "no" }.to_owned(),
            ]);
        }
        match listed.is_empty() {
            true => "The settings define no experiments.".to_owned(),
            false => rows.to_string(),
        }
    })
}

fn arm(arm: &Arm) -> String {
    let ranking = crate::arm::Arm(experiments::ranking(arm));
    let share = match arm.share {
        0.0 => String::new(),
        share => format!(" for {} %", 100.0 * share),
    };
    format!("{} ({ranking}{share})", arm.name)
}

/// Which arm a user sees.
#[derive(Debug, Serialize)]
struct Assigned<'a> {
    experiment: &'a str,
    user_id: &'a str,
    bucket: u64,
    arm: Option<&'a str>,
    running: bool,
}

fn assign(defined: &Defined, user: &str, ui: &Ui) -> anyhow::Result<()> {
    let experiment = &defined.experiment;
    anyhow::ensure!(
        experiment.method == crossfade_experiments::Method::Assign,
        "experiment {} interleaves its arms, so nobody is assigned to one",
        defined.name
    );
    let arm = experiment.assign(&defined.name, user);
    let assigned = Assigned {
        experiment: &defined.name,
        user_id: user,
        bucket: bucket(experiment.salt(&defined.name), user),
        arm: arm.map(|place| experiment.arms[place].name.as_str()),
        running: experiment.runs_at(Utc::now().timestamp_millis()),
    };
    ui.result(&assigned, |assigned| {
        let sees = match assigned.arm {
            Some(arm) => format!("sees arm {arm}"),
            None => "takes no part".to_owned(),
        };
        let when = if assigned.running {
            ""
        } else {
            " (not under way)"
        };
        format!(
            "{user} {sees} of {}, bucket {}{when}",
            assigned.experiment, assigned.bucket
        )
    })
}

fn target(ranking: RankingArg, content_weight: Option<f64>) -> anyhow::Result<Arm> {
    let ranking = match ranking {
        RankingArg::Collaborative => ArmRanking::Collaborative,
        RankingArg::Content => ArmRanking::Content,
        RankingArg::Blend => ArmRanking::Blend,
        RankingArg::Popular => ArmRanking::Popular,
    };
    match (ranking, content_weight) {
        (ArmRanking::Blend, None) => anyhow::bail!("name the blend's --content-weight"),
        (ArmRanking::Blend, Some(weight)) => anyhow::ensure!(
            (0.0..=1.0).contains(&weight),
            "the content weight must be from 0 to 1, is {weight}"
        ),
        (_, Some(_)) => anyhow::bail!("only a blend has a --content-weight"),
        (_, None) => {}
    }
    Ok(Arm {
        name: "target".to_owned(),
        ranking,
        content_weight,
        share: 0.0,
    })
}

fn text(report: &Report, page: Option<&Path>) -> String {
    let mut arms = table(
        &[
            "arm",
            "users",
            "final",
            "lists",
            "played",
            experiments::outcome(report),
        ],
        1,
    );
    for arm in &report.arms {
        arms.add_row([
            arm.arm.clone(),
            arm.users.to_string(),
            arm.final_users.to_string(),
            arm.lists.to_string(),
            arm.played.to_string(),
            arm.value
                .map_or_else(String::new, |value| format!("{value:.4}")),
        ]);
    }
    let mut text = format!("{}\n\n{arms}\n", experiments::verdict(report));
    for effect in &report.effects {
        text += &format!("\n{}: {}", effect.arm, effect_text(&effect.effect));
    }
    for guardrail in &report.guardrails {
        text += &format!(
            "\n{}: {} {} [{}, {}], {}",
            guardrail.arm,
            guardrail.guards.replace('_', " "),
            experiments::percent(guardrail.change.estimate),
            experiments::percent(guardrail.change.low),
            experiments::percent(guardrail.change.high),
            experiments::state(guardrail.state)
        );
    }
    if let Some(arrivals) = report.mismatch {
        let alarm = if arrivals.alarm { ": ALARM" } else { "" };
        text += &format!(
            "\narrivals as they were dealt out: p {:.4}{alarm}",
            arrivals.p_value
        );
    }
    if report.other_lists > 0 {
        text += &format!(
            "\n{} lists of another definition are left out",
            report.other_lists
        );
    }
    if let Some(page) = page {
        text += &format!("\n{}", page.display());
    }
    text
}

fn effect_text(effect: &Effect) -> String {
    let relative = effect.relative.map_or_else(String::new, |relative| {
        format!(" ({})", experiments::percent(relative.estimate))
    });
    let needed = effect.users_needed.map_or_else(String::new, |users| {
        format!(", the worthwhile effect takes {users}")
    });
    format!(
        "{}{relative}, p {:.4}, {} users; from {:.4} on it shows{needed}",
        interval(&effect.difference),
        effect.p_value,
        effect.users,
        effect.detectable
    )
}

fn interval(interval: &Interval) -> String {
    format!(
        "{:+.4} [{:+.4}, {:+.4}]",
        interval.estimate, interval.low, interval.high
    )
}

fn estimated(found: &Estimated) -> String {
    let value = &found.value;
    let mut rows = table(&["plays of the place per list", "", "95 % interval"], 1);
    for (name, at) in [
        ("what was shown", value.logged),
        ("the ranking, IPS", value.ips),
        ("the ranking, SNIPS", value.snips),
        ("the ranking, doubly robust", value.dr),
    ] {
        rows.add_row([
            name.to_owned(),
            format!("{:.4}", at.estimate),
            format!("{:.4} to {:.4}", at.low, at.high),
        ]);
    }
    format!(
        "{rows}\n\nplace {} of {} lists of {} users, which say as much as {:.0} lists of the ranking's own",
        found.place, value.choices, value.users, value.effective_choices
    )
}
