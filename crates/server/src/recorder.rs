//! Plays that are recorded while serving, and what they add to what a bundle knows of a user.

use std::{sync::Arc, time::Duration};

use crossfade_blend::Play;
use crossfade_bundle::Bundle;
use crossfade_catalog::Vocab;
use crossfade_events::{Compacted, Error, EventLog, Log, Record};
use crossfade_ingest::PlayOptions;

/// Plays of a track at a time that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heard {
    /// The track.
    pub track: u32,
    /// How often.
    pub times: u32,
    /// In milliseconds since 1970.
    pub at_ms: i64,
}

/// A log of plays, and how they are weighed.
#[derive(Debug)]
pub struct Recorder {
    log: EventLog,
    options: PlayOptions,
}

impl Recorder {
    /// Records in `log`; plays count as a training with `options` would count them, but for their age.
    pub fn new(log: EventLog, options: PlayOptions) -> Self {
        Self { log, options }
    }

    /// Where plays are recorded.
    pub fn log(&self) -> &EventLog {
        &self.log
    }

    /// Recorded plays of a user that `bundle` may not know of. Those of a track that it knows the user played are left out
    /// if they were recorded before it was published: most likely they are among what it learned from. A play that it
    /// cannot have seen is never left out.
    pub fn fresh(&self, bundle: &Bundle, user_id: &str) -> Vec<Play> {
        let model = bundle.engine.model();
        let known: &[u32] = match model.users.index_of(user_id) {
            Some(user) => model.history.row(user as usize).indices,
            None => &[],
        };
        let published_ms = bundle.manifest.created_at.timestamp_millis();
        let recent = self.log.recent(user_id).into_iter();
        recent
            .filter_map(|play| {
                let track = model.tracks.ids.index_of(&play.track_id)?;
                let learned = play.recorded_at_ms <= published_ms;
                if learned && known.binary_search(&track).is_ok() {
                    return None;
                }
                let duration = model.tracks.duration_ms.get(track as usize);
                let heard = crossfade_ingest::Heard {
                    count: f64::from(play.play_count),
                    ms_played: play.ms_played.map(f64::from),
                    skipped: play.skipped,
                };
                let strength = heard.strength(duration.copied().flatten(), &self.options) as f32;
                Some(Play {
                    track,
                    strength,
                    last_played: Some(seconds(play.played_at_ms)),
                })
            })
            .collect()
    }

    /// When a user last played what, all recorded plays that are at hand included.
    pub fn heard(&self, tracks: &Vocab, user_id: &str) -> Vec<Heard> {
        let recent = self.log.recent(user_id).into_iter();
        recent
            .filter_map(|play| {
                Some(Heard {
                    track: tracks.index_of(&play.track_id)?,
                    times: play.play_count,
                    at_ms: play.played_at_ms,
                })
            })
            .collect()
    }

    /// Closes the segment that is written to if it is so old, and compacts what is closed.
    ///
    /// # Errors
    ///
    /// As [`EventLog::compact`].
    pub fn compact(&self, older_than: Duration) -> Result<Compacted, Arc<Error>> {
        compact_log(&self.log, older_than)
    }
}

/// Closes the segment of a log that is written to if it is so old, and compacts what is closed.
pub(crate) fn compact_log<R: Record>(
    log: &Log<R>,
    older_than: Duration,
) -> Result<Compacted, Arc<Error>> {
    log.close_segment(older_than)?;
    Ok(log.compact()?)
}

/// Milliseconds since 1970 as the seconds that models count in.
pub(crate) fn seconds(ms: i64) -> u32 {
    u32::try_from(ms.max(0) / 1_000).unwrap_or(u32::MAX)
}
