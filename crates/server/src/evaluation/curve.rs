use std::time::Instant;

use anyhow::Context;
use crossfade_eval::{ArmScores, Metric};
use crossfade_mf::Training;
use serde::Serialize;

use super::exam::Exam;
use crate::{
    pipeline::{Audience, FAILED, Observer, Pull, liked, metrics, most_popular, needed, run_epoch},
    settings::Settings,
};

/// How good the collaborative ranking was after an epoch.
#[derive(Debug, Clone, Serialize)]
pub struct EpochQuality {
    /// From 1.
    pub epoch: usize,
    /// Seconds that training had taken until then, setting up included and measuring not.
    pub seconds: f64,
    /// Means over the users.
    pub metrics: Vec<Mean>,
}

/// A metric's mean.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Mean {
    /// What is measured.
    pub metric: Metric,
    /// Its mean over the users.
    pub mean: f64,
}

/// Trains once more, and measures after every epoch.
///
/// # Errors
///
/// If training or ranking fails, or the tested users are not trained on.
pub(super) fn learning_curve(
    exam: &Exam,
    (settings, observer): (&Settings, Observer<'_>),
) -> anyhow::Result<Vec<EpochQuality>> {
    anyhow::ensure!(
        !exam.folded_in && exam.new_tracks.is_none(),
        "--each-epoch measures factors of users and tracks that are trained on, and --split {} holds them out",
        exam.about.kind
    );
    let config = &settings.factorisation;
    let metrics = metrics(&settings.validation.cutoffs);
    let audience = Audience {
        train: &exam.split.train,
        users: exam.test(),
        popular: &most_popular(&exam.split.train),
    };
    let liked = liked(&exam.split.train);
    let pull = Pull::new(&exam.world.tracks, &liked, &settings.content);
    let start = Instant::now();
    let mut training = Training::new(&liked, config).context(FAILED)?;
    let mut time = start.elapsed();
    let mut curve = Vec::with_capacity(config.epochs);
    for epoch in 1..=config.epochs {
        let start = Instant::now();
        run_epoch(&mut training, config.epochs, (pull.as_ref(), observer))?;
        time += start.elapsed();
        let factors = (training.users(), training.items());
        let lists = audience.collaborative(factors, config.dim, needed(&metrics))?;
        let scores = ArmScores::measure("collaborative", &lists, exam.test(), &metrics);
        let mean = |&metric: &Metric| Mean {
            metric,
            mean: scores.mean(metric).unwrap_or(0.0),
        };
        curve.push(EpochQuality {
            epoch,
            seconds: time.as_secs_f64(),
            metrics: metrics.iter().map(mean).collect(),
        });
    }
    Ok(curve)
}
