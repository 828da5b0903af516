//! When a training has learned enough.

use anyhow::Context;
use crossfade_catalog::TrackTable;
use crossfade_eval::{ArmScores, Metric, TestUser};
use crossfade_matrix::{Csr, Dense};
use crossfade_mf::{Factors, Training};

use super::{
    Observer, Pull,
    fit::{EpochReport, FAILED, run_epoch},
    lists::{Audience, most_popular},
};
use crate::settings::{EarlyStopping, Settings};

/// By what factors are measured after each epoch: longer lists than the blend's, whose means are steadier.
const METRIC: Metric = Metric::Ndcg(100);

/// Factors, and after how many epochs.
#[derive(Debug)]
pub(crate) struct Factorised {
    pub(crate) factors: Factors,
    /// Epochs of these factors.
    pub(crate) epochs: usize,
    /// Every epoch that was run.
    pub(crate) reports: Vec<EpochReport>,
    /// How many epochs are enough, where that is known.
    pub(crate) enough: Option<usize>,
    /// Quality after each epoch, where training was watched.
    pub(crate) curve: Vec<f64>,
}

/// Learns factors from plays that tell of liking, for no more epochs than are of use for the hidden tracks of `users` where
/// early stopping is on. Factors of `tracks` are pulled towards what is predicted of them, if that is wanted.
///
/// # Errors
///
/// If the factorisation or measuring it fails.
pub(crate) fn factorise(
    (liked, tracks): (&Csr, &TrackTable),
    users: &[TestUser],
    (settings, observer): (&Settings, Observer<'_>),
) -> anyhow::Result<Factorised> {
    let config = &settings.factorisation;
    let stopping = &settings.validation.early_stopping;
    let watched = stopping.enabled && !users.is_empty();
    let popular = match watched {
        true => most_popular(liked),
        false => Vec::new(),
    };
    let audience = Audience {
        train: liked,
        users,
        popular: &popular,
    };
    let mut watch = Watch::new(stopping);
    let mut training = Training::new(liked, config).context(FAILED)?;
    let pull = Pull::new(tracks, liked, &settings.content);
    let mut best = None;
    let mut reports = Vec::with_capacity(config.epochs);
    while training.epochs() < config.epochs && watch.enough().is_none() {
        reports.push(run_epoch(
            &mut training,
            config.epochs,
            (pull.as_ref(), observer),
        )?);
        if watched && watch.hear(quality(&training, &audience, config.dim)?) {
            best = Some((training.epochs(), copy(&training, liked, config.dim)));
        }
    }
    let enough = watch.enough();
    if let (Some(_), Some(best)) = (enough, best) {
        training = Training::resume(liked, config, best).context(FAILED)?;
    }
    Ok(Factorised {
        epochs: training.epochs(),
        reports,
        factors: training.finish().context(FAILED)?,
        enough,
        curve: watch.curve,
    })
}

/// Mean quality of the lists that a training's factors give now.
fn quality(training: &Training, audience: &Audience<'_>, dim: usize) -> anyhow::Result<f64> {
    let factors = (training.users(), training.items());
    let lists = audience.collaborative(factors, dim, METRIC.cutoff())?;
    let scores = ArmScores::measure("collaborative", &lists, audience.users, &[METRIC]);
    Ok(scores.mean(METRIC).unwrap_or(0.0))
}

/// The factors of a training as they are now.
fn copy(training: &Training, plays: &Csr, dim: usize) -> Factors {
    Factors {
        users: Dense::new(plays.rows(), dim, training.users().to_vec()),
        items: Dense::new(plays.columns(), dim, training.items().to_vec()),
    }
}

/// Looks for the epoch from which on training is of no more use.
#[derive(Debug)]
struct Watch<'a> {
    settings: &'a EarlyStopping,
    /// Quality after each epoch.
    curve: Vec<f64>,
    /// The last epoch, from 1, that was clearly better than those before, and its quality.
    best: (usize, f64),
}

impl<'a> Watch<'a> {
    fn new(settings: &'a EarlyStopping) -> Self {
        Self {
            settings,
            curve: Vec::new(),
            best: (0, 0.0),
        }
    }

    /// Takes note of an epoch's quality. Returns whether it is the best so far.
    fn hear(&mut self, quality: f64) -> bool {
        self.curve.push(quality);
        let (_, before) = self.best;
        let better = self.curve.len() == 1 || quality > before * (1.0 + self.settings.min_gain);
        if better {
            self.best = (self.curve.len(), quality);
        }
        better
    }

    /// How many epochs are enough, once that is known.
    fn enough(&self) -> Option<usize> {
        let (best, _) = self.best;
        let waited = self.curve.len() - best;
        (best > 0 && waited >= self.settings.patience).then_some(best)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// After how many epochs a watch says what, when quality takes that course.
    fn watched(curve: &[f64]) -> Option<(usize, usize)> {
        let settings = EarlyStopping {
            enabled: true,
            patience: 2,
            min_gain: 0.01,
        };
        let mut watch = Watch::new(&settings);
        curve.iter().enumerate().find_map(|(done, &quality)| {
            watch.hear(quality);
            watch.enough().map(|enough| (done + 1, enough))
        })
    }

    #[test]
    fn enough_is_the_last_clear_gain_before_patience_ends() {
        assert_eq!(watched(&[0.1, 0.2, 0.3, 0.29, 0.28]), Some((5, 3)));
        // Gains of less than a hundredth are taken for noise, unless they add up before patience ends.
        assert_eq!(watched(&[0.2, 0.2015, 0.2019]), Some((3, 1)));
        assert_eq!(watched(&[0.2, 0.2015, 0.203, 0.2031, 0.2032]), Some((5, 3)));
    }

    #[test]
    fn a_course_that_still_rises_is_not_enough() {
        assert_eq!(watched(&[0.1, 0.2, 0.2, 0.3, 0.3]), None);
        assert_eq!(watched(&[0.1]), None);
    }

    #[test]
    fn a_world_where_nothing_is_found_is_given_up() {
        assert_eq!(watched(&[0.0, 0.0, 0.0]), Some((3, 1)));
    }
}
