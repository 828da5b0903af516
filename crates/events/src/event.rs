use std::path::Path;

use crossfade_ingest::{Attributed, EventWriter, PlayColumns, RecordedPlay, read_recorded};

use crate::{
    Error, Record,
    bytes::{self, Reader, Writer},
    window::Recent,
};

const SKIPPED: u8 = 1;
const TIMED: u8 = 2;
const ATTRIBUTED: u8 = 4;

/// A play as it is reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Chosen by whoever reports it; the same id is the same event.
    pub event_id: String,
    /// Who listened.
    pub user_id: String,
    /// What was listened to.
    pub track_id: String,
    /// When, in milliseconds since 1970 (UTC).
    pub played_at_ms: i64,
    /// How often, at least 1.
    pub play_count: u32,
    /// For how many milliseconds, where that is known.
    pub ms_played: Option<u32>,
    /// Whether the listener skipped the track.
    pub skipped: bool,
    /// The list that it came from, where that is known.
    pub attribution: Option<Attribution>,
}

/// A list that was shown as part of an experiment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribution {
    /// The experiment.
    pub experiment: String,
    /// The request that the list answered.
    pub request_id: String,
}

impl Record for Event {
    const HEADER: &'static [u8; 16] = b"crossfade-plays\x01";
    type Memory = Recent;

    /// 16 bytes of the BLAKE3 of its id.
    fn key(&self) -> u128 {
        let mut key = [0; 16];
        blake3::Hasher::new()
            .update(self.event_id.as_bytes())
            .finalize_xof()
            .fill(&mut key);
        u128::from_le_bytes(key)
    }

    fn check(&self) -> Result<(), Error> {
        let list = self.attribution.iter();
        let list = list.flat_map(|list| [&list.experiment, &list.request_id]);
        let ids = [&self.event_id, &self.user_id, &self.track_id];
        ids.into_iter()
            .chain(list)
            .try_for_each(|id| bytes::check(id.len()))
    }

    fn encode(&self, into: &mut Vec<u8>) {
        let mut fields = Writer(into);
        for id in [&self.event_id, &self.user_id, &self.track_id] {
            fields.text(id);
        }
        fields.bytes(self.played_at_ms.to_le_bytes());
        fields.bytes(self.play_count.to_le_bytes());
        fields.bytes(self.ms_played.unwrap_or(0).to_le_bytes());
        let flags = [
            (self.skipped, SKIPPED),
            (self.ms_played.is_some(), TIMED),
            (self.attribution.is_some(), ATTRIBUTED),
        ];
        let set = flags.into_iter().filter(|(is_set, _)| *is_set);
        fields.bytes([set.fold(0, |sum, (_, flag)| sum | flag)]);
        if let Some(list) = &self.attribution {
            fields.text(&list.experiment);
            fields.text(&list.request_id);
        }
    }

    fn decode(bytes: &mut &[u8]) -> Option<Self> {
        let mut fields = Reader(bytes);
        let [event_id, user_id, track_id] = [fields.text()?, fields.text()?, fields.text()?];
        let played_at_ms = fields.i64()?;
        let play_count = fields.u32()?;
        let ms_played = fields.u32()?;
        let [flags] = fields.bytes()?;
        let attribution = match flags & ATTRIBUTED {
            0 => None,
            _ => Some(Attribution {
                experiment: fields.text()?,
                request_id: fields.text()?,
            }),
        };
        Some(Self {
            event_id,
            user_id,
            track_id,
            played_at_ms,
            play_count,
            ms_played: (flags & TIMED != 0).then_some(ms_played),
            skipped: flags & SKIPPED != 0,
            attribution,
        })
    }

    fn write(
        path: &Path,
        records: &mut dyn Iterator<Item = Self>,
    ) -> Result<u64, crossfade_ingest::Error> {
        let mut writer = EventWriter::create(path)?;
        for event in records {
            let list = event.attribution.as_ref();
            writer.write(&RecordedPlay {
                event_id: &event.event_id,
                user_id: &event.user_id,
                track_id: &event.track_id,
                played_at_ms: event.played_at_ms,
                play_count: event.play_count,
                ms_played: event.ms_played,
                skipped: event.skipped,
                attribution: list.map(|list| Attributed {
                    experiment: &list.experiment,
                    request_id: &list.request_id,
                }),
            })?;
        }
        writer.finish()
    }

    fn read(path: &Path, each: &mut dyn FnMut(Self)) -> Result<(), crossfade_ingest::Error> {
        let own = |play: &RecordedPlay<'_>| Self {
            event_id: play.event_id.to_owned(),
            user_id: play.user_id.to_owned(),
            track_id: play.track_id.to_owned(),
            played_at_ms: play.played_at_ms,
            play_count: play.play_count,
            ms_played: play.ms_played,
            skipped: play.skipped,
            attribution: play.attribution.map(|list| Attribution {
                experiment: list.experiment.to_owned(),
                request_id: list.request_id.to_owned(),
            }),
        };
        read_recorded(path, &PlayColumns::default(), &mut |play| each(own(play)))?;
        Ok(())
    }
}
