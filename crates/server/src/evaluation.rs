//! Which ranking finds hidden plays, how surely, and for whom: every contender on the same users, with intervals, tests,
//! segments and examples.
//!
//! [`evaluate`] hides, trains, ranks and measures; [`write`](Evaluation::write) makes `report.html` and `metrics.json` of
//! what was found. All that is drawn is also in the JSON.

use std::path::{Path, PathBuf};

use anyhow::Context;
use crossfade_baselines::{EaseConfig, KnnConfig};
use crossfade_blend::Parameters;
use crossfade_eval::{ArmReport, Estimate, Metric, Test, Variety};
use serde::Serialize;

use crate::{
    files::write_atomically,
    pipeline::{EpochReport, Observer, StageTime, Stages},
    settings::Settings,
};

mod arms;
mod assess;
mod contender;
mod curve;
mod exam;
mod examples;
mod page;

pub use contender::Contender;
pub use curve::{EpochQuality, Mean};
pub use exam::{About, Source, SplitKind};
pub use examples::{Example, Shown, ShownList};

/// What to measure.
#[derive(Debug, Clone)]
pub struct Request {
    /// Where plays come from, and which are hidden.
    pub source: Source,
    /// The rankings, each on the same users.
    pub contenders: Vec<Contender>,
    /// How item-kNN is learned.
    pub knn: KnnConfig,
    /// How EASE is learned.
    pub ease: EaseConfig,
    /// Whether the collaborative ranking is measured after every epoch, in a training of its own.
    pub each_epoch: bool,
}

/// All that was found.
#[derive(Debug, Clone, Serialize)]
pub struct Evaluation {
    /// Version of the program.
    pub program_version: &'static str,
    /// What was hidden.
    pub split: About,
    /// Users that were measured.
    pub users: usize,
    /// How many of them have no plays to know them by; they are given popular tracks.
    pub unknown_users: usize,
    /// Hidden pairs of user and track.
    pub hidden: usize,
    /// Those whose track has no plays to train on; only content can find them.
    pub unknown_pairs: usize,
    /// Those that are known as well; no list shows a user's own tracks, so they count as missed.
    pub repeated_pairs: usize,
    /// Tracks that could be shown.
    pub tracks: usize,
    /// Length of the factors.
    pub dim: usize,
    /// Every epoch of the training.
    pub epochs: Vec<EpochReport>,
    /// The collaborative ranking after every epoch, if that was asked for.
    pub curve: Vec<EpochQuality>,
    /// By what rankings are compared.
    pub target: Metric,
    /// Each ranking with its metrics.
    pub arms: Vec<ArmResult>,
    /// One ranking against each other one by the target metric, on the same users; the p-values are one family.
    pub comparisons: Vec<Test>,
    /// Where rankings are strong and weak.
    pub segments: Vec<SegmentResult>,
    /// What some users were shown.
    pub examples: Vec<Example>,
    /// Which share of what is known, and of what is hidden, lies in each band of popularity: head, middle, tail, cold.
    pub listening_bands: [[f64; 4]; 2],
    /// The blend, learned on other users than those measured; absent without a track table.
    pub parameters: Option<Parameters>,
    /// How long each stage took; not written.
    #[serde(skip)]
    pub stages: Vec<StageTime>,
}

/// What was measured of one ranking.
#[derive(Debug, Clone, Serialize)]
pub struct ArmResult {
    /// Name, metrics with intervals, coverage of whole lists.
    #[serde(flatten)]
    pub report: ArmReport,
    /// The content weight, of a blend with a given one.
    pub content_weight: Option<f64>,
    /// What the lists offer, by their length.
    pub variety: Vec<Variety>,
    /// Which share of the lists' first places lies in each band of popularity: head, middle, tail, cold.
    pub bands: [f64; 4],
}

/// What was measured of some users, or of some of the hidden tracks.
#[derive(Debug, Clone, Serialize)]
pub struct SegmentResult {
    /// By what they were parted.
    pub by: &'static str,
    /// Which part.
    pub segment: String,
    /// Its users.
    pub users: usize,
    /// The main rankings.
    pub arms: Vec<SegmentArm>,
}

/// A ranking in a segment.
#[derive(Debug, Clone, Serialize)]
pub struct SegmentArm {
    /// The ranking.
    pub arm: String,
    /// Its metrics there.
    pub metrics: Vec<Estimate>,
}

/// Hides plays, trains on the rest, has all contenders rank, and measures them.
///
/// # Errors
///
/// If a file cannot be read, nobody can be tested, or training or ranking fails.
pub fn evaluate(
    request: &Request,
    settings: &Settings,
    observer: Observer<'_>,
) -> anyhow::Result<Evaluation> {
    let mut stages = Stages::new(settings, observer);
    let exam = exam::prepare(&request.source, &mut stages)?;
    let curve = match request.each_epoch {
        true => stages.run("measure every epoch", |settings, observer| {
            curve::learning_curve(&exam, (settings, observer))
        })?,
        false => Vec::new(),
    };
    let ranked = arms::rank(&exam, request, &mut stages)?;
    let assessed = stages.run("measure", |settings, observer| {
        Ok(assess::assess(&exam, &ranked.arms, (settings, observer)))
    })?;
    let known: Vec<&[u32]> = exam
        .test()
        .iter()
        .map(|user| exam.known(user.user))
        .collect();
    let is_known = |place: usize, track: &u32| known[place].binary_search(track).is_ok();
    let pairs = || {
        let users = exam.test().iter().enumerate();
        users.flat_map(|(place, user)| user.tracks.iter().map(move |track| (place, track)))
    };
    Ok(Evaluation {
        program_version: env!("CARGO_PKG_VERSION"),
        users: exam.test().len(),
        unknown_users: known.iter().filter(|known| known.is_empty()).count(),
        hidden: pairs().count(),
        unknown_pairs: pairs()
            .filter(|(_, track)| exam.listeners(**track) == 0)
            .count(),
        repeated_pairs: pairs()
            .filter(|&(place, track)| is_known(place, track))
            .count(),
        tracks: exam.choices(),
        dim: settings.factorisation.dim,
        epochs: ranked.epochs,
        curve,
        target: exam.target,
        examples: examples::choose(&exam, &ranked.arms),
        arms: assessed.arms,
        comparisons: assessed.comparisons,
        segments: assessed.segments,
        listening_bands: assessed.listening_bands,
        parameters: ranked.parameters,
        split: exam.about,
        stages: stages.times,
    })
}

impl Evaluation {
    /// Writes `metrics.json` and `report.html` to a directory, which is made if it is missing; each appears complete or not at
    /// all. Returns the path of the page.
    ///
    /// # Errors
    ///
    /// If they cannot be written.
    pub fn write(&self, directory: &Path) -> anyhow::Result<PathBuf> {
        std::fs::create_dir_all(directory)
            .with_context(|| format!("cannot create {}", directory.display()))?;
        let json = serde_json::to_vec(self).context("the numbers cannot be written as JSON")?;
        let page = directory.join("report.html");
        for (path, bytes) in [
            (&directory.join("metrics.json"), json.as_slice()),
            (&page, page::render(self).as_bytes()),
        ] {
            write_atomically(path, bytes)
                .with_context(|| format!("{} cannot be written", path.display()))?;
        }
        Ok(page)
    }

    /// Rankings that people choose between, without the blends that only show the course of the content weight.
    pub(crate) fn main_arms(&self) -> impl Iterator<Item = &ArmResult> {
        self.arms.iter().filter(|arm| arm.content_weight.is_none())
    }
}
