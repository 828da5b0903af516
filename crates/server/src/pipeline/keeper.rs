//! Training that loses no more than its last epoch, however it ends.

use std::{path::PathBuf, time::Instant};

use anyhow::Context;
use crossfade_bundle::{Checkpoint, CheckpointHead, Checkpoints, Fingerprint, Origin};
use crossfade_catalog::TrackTable;
use crossfade_matrix::Csr;
use crossfade_mf::{Factors, Training};

use super::{
    Content, Event, Findings, Job, Observer, Pull, Stop, World,
    fit::{EpochReport, FAILED, run_epoch},
};
use crate::settings::Settings;

/// The training was asked to stop and did; what it has learned is saved.
#[derive(Debug, thiserror::Error)]
#[error(
    "stopped after epoch {done} of {wanted}, which is saved in {}; the same command with --resume goes on, \
     and with --resume --epochs {done} publishes what is there",
    directory.display()
)]
pub struct Interrupted {
    /// Epochs that are done.
    pub done: usize,
    /// Epochs that there were to be.
    pub wanted: usize,
    /// Where they are saved.
    pub directory: PathBuf,
}

/// Keeps what a training has learned in its store until it is published.
#[derive(Debug)]
pub(super) struct Keeper<'a> {
    checkpoints: Checkpoints,
    /// What the training learns from, and how.
    origin: Origin,
    /// Whether what an earlier training left is taken up.
    resume: bool,
    /// The checkpoint that it goes on from.
    earlier: Option<Checkpoint>,
    stop: &'a Stop,
}

impl<'a> Keeper<'a> {
    /// Finds out what the job may go on from.
    ///
    /// # Errors
    ///
    /// If it is to be resumed and the checkpoint is damaged or does not fit.
    pub(super) fn new(
        checkpoints: Checkpoints,
        job: &Job<'a>,
        world: &World,
        (settings, observer): (&Settings, Observer<'_>),
    ) -> anyhow::Result<Self> {
        let config = &settings.factorisation;
        let origin = Origin {
            descriptions: Pull::fingerprint(&world.tracks, &settings.content),
            ..Origin::new([&world.users, &world.tracks.ids], &world.plays, config)
        };
        let earlier = match job.resume {
            true => fitting(&checkpoints, &origin, config.epochs)?,
            false => None,
        };
        let directory = checkpoints.directory().display();
        let note = match &earlier {
            Some(checkpoint) => Some(format!("going on after epoch {}", checkpoint.head.epochs)),
            None if job.resume => Some(format!(
                "there is no checkpoint in {directory}; starting anew"
            )),
            None => checkpoints.exists().then(|| {
                format!(
                    "starting anew, though an earlier training left a checkpoint in {directory}; \
                     --resume goes on from it"
                )
            }),
        };
        if let Some(note) = note {
            observer(Event::Note(&note));
        }
        Ok(Self {
            checkpoints,
            origin,
            resume: job.resume,
            earlier,
            stop: job.stop,
        })
    }

    /// How many epochs an earlier training has done.
    pub(super) fn resumed_after(&self) -> Option<usize> {
        self.earlier
            .as_ref()
            .map(|checkpoint| checkpoint.head.epochs)
    }

    /// What `find` finds on hidden plays, or what the training that is resumed found under the same circumstances.
    pub(super) fn findings(
        &self,
        (world, content): (&World, &Content),
        (settings, observer): (&Settings, Observer<'_>),
        find: impl FnOnce() -> anyhow::Result<Option<Findings>>,
    ) -> anyhow::Result<Option<Findings>> {
        let key = self.circumstances(world, content, settings);
        if self.resume {
            match self.checkpoints.findings(&key) {
                Ok(Some(found)) => {
                    observer(Event::Note("what was found on hidden plays is taken over"));
                    return Ok(Some(found));
                }
                Ok(None) => {}
                Err(error) => {
                    let error = anyhow::Error::from(error);
                    observer(Event::Note(&format!("{error:#}; measuring again")));
                }
            }
        }
        let found = find()?;
        if let Some(findings) = &found {
            self.checkpoints.save_findings(&key, findings)?;
        }
        Ok(found)
    }

    /// Learns factors of `tracks` from `liked` in `wanted` epochs, of which those of the checkpoint are done.
    ///
    /// # Errors
    ///
    /// [`Interrupted`] if it was asked to stop before the last epoch. If an epoch fails or cannot be saved; the
    /// checkpoint before is then still there.
    pub(super) fn factorise(
        &mut self,
        (liked, tracks): (&Csr, &TrackTable),
        wanted: usize,
        (settings, observer): (&Settings, Observer<'_>),
    ) -> anyhow::Result<(Factors, Vec<EpochReport>)> {
        let config = &settings.factorisation;
        let (mut training, mut reports) = match self.earlier.take() {
            None => (Training::new(liked, config).context(FAILED)?, Vec::new()),
            Some(checkpoint) => {
                let done = (checkpoint.head.epochs, checkpoint.factors());
                let reports = serde_json::from_value(checkpoint.head.reports)?;
                (
                    Training::resume(liked, config, done).context(FAILED)?,
                    reports,
                )
            }
        };
        let pull = Pull::new(tracks, liked, &settings.content);
        self.stop.heed();
        let mut saved = Instant::now();
        while training.epochs() < wanted {
            reports.push(run_epoch(&mut training, wanted, (pull.as_ref(), observer))?);
            let done = training.epochs();
            let stopped = self.stop.is_requested() && done < wanted;
            if stopped || saved.elapsed() >= settings.checkpoint.interval() {
                let head = CheckpointHead {
                    origin: self.origin.clone(),
                    epochs: done,
                    dim: config.dim,
                    reports: serde_json::to_value(&reports)?,
                };
                self.save(&head, &training)?;
                saved = Instant::now();
            }
            if stopped {
                let directory = self.checkpoints.directory().to_owned();
                return Err(Interrupted {
                    done,
                    wanted,
                    directory,
                }
                .into());
            }
        }
        Ok((training.finish().context(FAILED)?, reports))
    }

    fn save(&self, head: &CheckpointHead, training: &Training) -> anyhow::Result<()> {
        let start = Instant::now();
        tracing::debug!(epoch = head.epochs, "saving a checkpoint");
        self.checkpoints
            .save(head, training.users(), training.items())
            .context("the training cannot be saved; --resume goes on from the checkpoint before, if there is one")?;
        let seconds = start.elapsed().as_secs_f64();
        tracing::debug!(epoch = head.epochs, seconds, "checkpoint saved");
        Ok(())
    }

    /// Removes what was kept: it is published.
    pub(super) fn discard(self, observer: Observer<'_>) {
        if let Err(error) = self.checkpoints.discard() {
            // The bundle is in service; what is left takes space and is said to be there by the next training.
            let error = anyhow::Error::from(error);
            observer(Event::Note(&format!("{error:#}")));
        }
    }

    /// The fingerprint of all that findings depend on, but for the number of epochs: whoever goes on for a few more keeps
    /// the blend that was learned.
    fn circumstances(&self, world: &World, content: &Content, settings: &Settings) -> String {
        let mut fingerprint = Fingerprint::default();
        fingerprint
            .value(&self.origin)
            .integers(world.last_played.as_deref().unwrap_or_default())
            .numbers(content.embeddings.as_slice())
            .value(&settings.content)
            .value(&settings.validation);
        fingerprint.finish()
    }
}

/// The checkpoint, if there is one, with at most that many epochs.
fn fitting(
    checkpoints: &Checkpoints,
    origin: &Origin,
    epochs: usize,
) -> anyhow::Result<Option<Checkpoint>> {
    const REMEDY: &str = "without --resume training starts anew";
    let directory = checkpoints.directory().display();
    let loaded = checkpoints
        .load()
        .with_context(|| format!("the checkpoint in {directory} is of no use; {REMEDY}"))?;
    let Some(checkpoint) = loaded else {
        return Ok(None);
    };
    let differences = origin.differences(&checkpoint.head.origin);
    anyhow::ensure!(
        differences.is_empty(),
        "the checkpoint in {directory} is of another training ({}); go back to what it was made with, or {REMEDY}",
        differences.join("; ")
    );
    let done = checkpoint.head.epochs;
    anyhow::ensure!(
        done <= epochs,
        "the checkpoint in {directory} has {done} epochs and factorisation.epochs is {epochs}; --epochs {done} publishes \
         what is there, a larger number goes on, and {REMEDY}"
    );
    Ok(Some(checkpoint))
}
