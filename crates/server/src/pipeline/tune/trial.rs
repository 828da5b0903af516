use std::time::Instant;

use crossfade_eval::{ArmScores, Metric, TestUser};
use crossfade_matrix::Csr;
use crossfade_mf::{Config, Training};
use crossfade_tune::{Patience, Verdict, verdict};
use serde::{Deserialize, Serialize};

use super::super::{
    fit::liked,
    lists::{Audience, most_popular},
};
use crate::settings::TuneSettings;

/// One configuration that was, or is being, trained and measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// From 1.
    pub trial: usize,
    /// The configuration; `epochs` is the best one.
    pub config: Config,
    /// The metric after each epoch.
    pub scores: Vec<f64>,
    /// The metric after the best epoch.
    pub score: f64,
    /// Seconds of wall-clock time.
    pub seconds: f64,
    /// Why it ended; absent while it runs.
    pub end: Option<End>,
    /// Where it lies in the space of the search.
    pub place: Vec<f64>,
}

/// Why a trial ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum End {
    /// It had as many epochs as a trial may have.
    Complete,
    /// It got no better.
    NoGain,
    /// Earlier trials were much better at this point.
    Worse,
    /// The configuration cannot be trained or measured; it counts as 0 from there on.
    Failed(String),
}

impl Trial {
    pub(super) fn new(trial: usize, place: Vec<f64>, config: Config) -> Self {
        Self {
            trial,
            config,
            scores: Vec::new(),
            score: 0.0,
            seconds: 0.0,
            end: None,
            place,
        }
    }

    fn measured(&mut self, score: f64) {
        self.scores.push(score);
        if self.scores.len() == 1 || score > self.score {
            self.score = score;
            self.config.epochs = self.scores.len();
        }
    }
}

/// Where trials are run: what is trained on and what is to be found.
pub(super) struct Bench<'a> {
    train: &'a Csr,
    /// Pairs with positive strength.
    liked: Csr,
    test: &'a [TestUser],
    popular: Vec<u32>,
    metric: Metric,
    patience: Patience,
}

impl<'a> Bench<'a> {
    pub(super) fn new(train: &'a Csr, test: &'a [TestUser], settings: &TuneSettings) -> Self {
        Self {
            train,
            liked: liked(train),
            test,
            popular: most_popular(train),
            metric: settings.metric,
            patience: Patience {
                most: settings.epochs,
                without_gain: settings.patience,
            },
        }
    }

    /// Trains a configuration and measures it after every epoch, until its end. `None` if `go_on` says no before. `peers` are the
    /// trials it is judged by.
    pub(super) fn run<'t>(
        &self,
        mut trial: Trial,
        peers: impl Iterator<Item = &'t Trial>,
        go_on: &dyn Fn(&Trial) -> bool,
    ) -> anyhow::Result<Option<Trial>> {
        let start = Instant::now();
        let peers: Vec<&[f64]> = peers.map(|peer| peer.scores.as_slice()).collect();
        trial.config.epochs = 1;
        let mut training = Training::new(&self.liked, &trial.config)?;
        while trial.end.is_none() {
            if !go_on(&trial) {
                return Ok(None);
            }
            match self.epoch(&mut training, trial.config.dim) {
                Ok(score) => trial.measured(score),
                Err(error) => trial.end = Some(End::Failed(format!("{error:#}"))),
            }
            trial.seconds = start.elapsed().as_secs_f64();
            let judged = verdict(&trial.scores, peers.iter().copied(), self.patience);
            trial.end = trial.end.or(match judged {
                Verdict::GoOn => None,
                Verdict::Complete => Some(End::Complete),
                Verdict::NoGain => Some(End::NoGain),
                Verdict::Worse => Some(End::Worse),
            });
        }
        Ok(Some(trial))
    }

    fn epoch(&self, training: &mut Training, dim: usize) -> anyhow::Result<f64> {
        training.epoch()?;
        let audience = Audience {
            train: self.train,
            users: self.test,
            popular: &self.popular,
        };
        let factors = (training.users(), training.items());
        let lists = audience.collaborative(factors, dim, self.metric.cutoff())?;
        let scores = ArmScores::measure("trial", &lists, self.test, &[self.metric]);
        Ok(scores.mean(self.metric).unwrap_or(0.0))
    }
}
