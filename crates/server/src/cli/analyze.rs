use std::path::PathBuf;

use anyhow::Context;
use crossfade_content::{ClusterCount, LabelReports};
use serde::Serialize;

use super::{
    args::Analyze,
    labels,
    tables::table,
    train::{pool, set},
    ui::Ui,
};
use crate::{
    analysis::{Analysis, AnalysisSources, Counts, analyze},
    pipeline::StageTime,
    settings::Settings,
};

pub(super) fn run(args: &Analyze, mut settings: Settings, ui: &Ui) -> anyhow::Result<()> {
    set(&mut settings.threads, args.threads);
    set(&mut settings.content.clusters.seed, args.seed);
    args.columns.apply(&mut settings);
    if let Some(count) = args.clusters {
        anyhow::ensure!(
            (2..=ClusterCount::MOST).contains(&count),
            "--clusters must be from 2 to {}, is {count}; leave it out to have the number chosen",
            ClusterCount::MOST
        );
        settings.content.clusters.count = ClusterCount::Given(count);
    }
    settings.validate()?;
    let sources = AnalysisSources {
        tracks: args.tracks.clone(),
        plays: args.plays.clone(),
    };
    // A directory that cannot be made is better known before the work than after it.
    std::fs::create_dir_all(&args.out)
        .with_context(|| format!("cannot create {}", args.out.display()))?;
    let pool = pool(settings.threads)?;
    let analysis = pool.install(|| analyze(&sources, &settings, &|event| ui.observe(event)))?;
    let page = analysis.write(&args.out)?;
    ui.result(&Outcome::of(&analysis, page), text)
}

/// The most important of what was found; all of it is in the files.
#[derive(Debug, Serialize)]
struct Outcome {
    page: PathBuf,
    numbers: PathBuf,
    counts: Counts,
    silhouette: f64,
    clusters: Vec<Cluster>,
    labels: LabelReports,
    r2: Option<f64>,
    stages: Vec<StageTime>,
}

#[derive(Debug, Serialize)]
struct Cluster {
    name: String,
    tracks: usize,
    share: f64,
}

impl Outcome {
    fn of(analysis: &Analysis, page: PathBuf) -> Self {
        let clusters = analysis.clusters.clusters.iter().map(|cluster| Cluster {
            name: cluster.name.clone(),
            tracks: cluster.tracks,
            share: cluster.share,
        });
        Self {
            numbers: page.with_extension("json"),
            page,
            counts: analysis.counts,
            silhouette: analysis.clusters.silhouette,
            clusters: clusters.collect(),
            labels: analysis.labels.clone(),
            r2: analysis.popularity.as_ref().map(|popularity| popularity.r2),
            stages: analysis.stages.clone(),
        }
    }
}

fn text(outcome: &Outcome) -> String {
    let mut rows = table(&["cluster", "what it is like", "tracks", "share"], 2);
    for (number, cluster) in outcome.clusters.iter().enumerate() {
        rows.add_row([
            number.to_string(),
            cluster.name.clone(),
            cluster.tracks.to_string(),
            format!("{:.1} %", 100.0 * cluster.share),
        ]);
    }
    let counts = outcome.counts;
    let mut text = format!(
        "{} tracks, {} with features; silhouette {:.3}\n\n{rows}\n\n",
        counts.tracks, counts.described, outcome.silhouette
    );
    if !outcome.labels.is_empty() {
        text += &format!("{}\n\n", labels::quality(&outcome.labels));
    }
    if let Some(r2) = outcome.r2 {
        text += &format!(
            "The features explain {:.1} % of the variance of ln(1 + plays).\n",
            100.0 * r2
        );
    }
    text + &format!("{}\n{}", outcome.page.display(), outcome.numbers.display())
}
