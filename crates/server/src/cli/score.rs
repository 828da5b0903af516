use std::{collections::BTreeSet, path::PathBuf};

use anyhow::Context;
use crossfade_blend::{Arrangement, Discovery, Diversity, Names, Ranking, TrackFilter};
use crossfade_bundle::Store;
use crossfade_catalog::Vocab;
use crossfade_ingest::read_ids;

use super::{
    args::{FilterArgs, RankingArg, Score},
    serve::open,
    train::{pool, set},
    ui::Ui,
};
use crate::{
    arm::Arm,
    batch::{BatchReport, BatchRequest, place, score},
    experiments::Experiments,
    grpc::limits,
    pipeline::Event,
    settings::Settings,
};

pub(super) fn run(args: &Score, mut settings: Settings, ui: &Ui) -> anyhow::Result<()> {
    set(&mut settings.threads, args.threads);
    let request = request(args, ui)?;
    let place = place(&args.out)?;
    let pool = pool(settings.threads)?;
    ui.observe(Event::Stage("open the bundle"));
    let serving = open(Store::open(&args.bundles)?, None, Experiments::default())?;
    let bundle = serving.bundle().context("there is no active bundle")?;
    ui.observe(Event::Stage("score users"));
    let observe = |event: Event<'_>| ui.observe(event);
    let report = pool.install(|| score(&bundle, &request, place.as_ref(), &observe))?;
    ui.result(&report, |report: &BatchReport| {
        format!(
            "{} users in {} files, {} of them found complete; {} rows written, bundle {}\n\
             {} users were unknown, {} lists are of popular tracks, {} candidates were unknown{}",
            report.users,
            report.parts,
            report.parts_found,
            report.rows,
            bundle.version,
            report.unknown_users,
            report.popular,
            report.unknown_candidates,
            unknown_names(report)
        )
    })
}

/// What the filter names that the bundle does not know.
fn unknown_names(report: &BatchReport) -> String {
    let unknown = &report.unknown_names;
    let lists = [
        ("artists", &unknown.artists),
        ("genres", &unknown.genres),
        ("markets", &unknown.markets),
    ];
    let named = lists.into_iter().filter(|(_, names)| !names.is_empty());
    named
        .map(|(what, names)| format!("\nunknown {what}: {}", names.join(", ")))
        .collect()
}

impl FilterArgs {
    fn filter(&self) -> TrackFilter {
        let year = |year: Option<u16>, open: i16| {
            year.map_or(open, |year| i16::try_from(year).unwrap_or(i16::MAX))
        };
        TrackFilter {
            track_ids: Vec::new(),
            artists: Names {
                only: self.artist.clone(),
                blocked: self.block_artist.clone(),
            },
            genres: Names {
                only: self.genre.clone(),
                blocked: self.block_genre.clone(),
            },
            years: (self.year)
                .map(|years| (year(years.first, i16::MIN), year(years.last, i16::MAX))),
            explicit: self.explicit,
            market: self.market.clone(),
        }
    }
}

fn request(args: &Score, ui: &Ui) -> anyhow::Result<BatchRequest> {
    let most = limits::LIMIT as usize;
    anyhow::ensure!(
        (1..=most).contains(&args.limit),
        "--limit must be from 1 to {most}, is {}",
        args.limit
    );
    anyhow::ensure!(
        args.content_weight.is_none() || args.ranking == RankingArg::Blend,
        "--content-weight goes with --ranking blend only"
    );
    let arms = match (args.arms.is_empty(), args.content_weight) {
        (false, _) => args.arms.clone(),
        (true, Some(weight)) => vec![Arm::blend(weight)?],
        (true, None) => vec![Arm(match args.ranking {
            RankingArg::Blend => Ranking::Blend(None),
            RankingArg::Collaborative => Ranking::Collaborative,
            RankingArg::Content => Ranking::Content,
            RankingArg::Popular => Ranking::Popular,
        })],
    };
    let names: BTreeSet<String> = arms.iter().map(Arm::to_string).collect();
    anyhow::ensure!(names.len() == arms.len(), "--arms names a ranking twice");
    let ids = |path: &Option<PathBuf>, column| -> anyhow::Result<Option<Vocab>> {
        let Some(path) = path else {
            return Ok(None);
        };
        let (ids, report) = read_ids(path, column)?;
        if !report.is_clean() {
            ui.note(&report.to_string());
        }
        Ok(Some(ids))
    };
    Ok(BatchRequest {
        users: ids(&args.users, "user_id")?,
        candidates: ids(&args.candidates, "track_id")?,
        filter: args.filter.filter(),
        arms,
        discovery: dial(
            args.discovery,
            Discovery::new,
            "--discovery must be from -1 to 1",
        )?,
        arrangement: Arrangement {
            max_per_artist: args.max_per_artist,
            diversity: dial(
                args.diversity,
                Diversity::new,
                "--diversity must be from 0 to 1",
            )?,
        },
        limit: args.limit,
        include_played: args.include_played,
        part_users: args.part_users as usize,
        shard: args
            .shard
            .map_or((0, 1), |shard| (shard.index, shard.count)),
    })
}

/// A dial where one was set, or where it stands by itself.
fn dial<T: Default>(
    set: Option<f64>,
    checked: fn(f64) -> Option<T>,
    complaint: &'static str,
) -> anyhow::Result<T> {
    match set {
        Some(number) => checked(number).with_context(|| format!("{complaint}, is {number}")),
        None => Ok(T::default()),
    }
}
