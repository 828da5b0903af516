use crate::Error;

const SKIPPED: u8 = 1;
const TIMED: u8 = 2;

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
}

impl Event {
    /// Whether it can be recorded.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let ids = [&self.event_id, &self.user_id, &self.track_id];
        let longest = ids.iter().map(|id| id.len()).max().unwrap_or(0);
        match u16::try_from(longest) {
            Ok(_) => Ok(()),
            Err(_) => Err(Error::LongId { bytes: longest }),
        }
    }

    /// Appends the record of a [checked](Self::check) event.
    pub(crate) fn encode(&self, into: &mut Vec<u8>) {
        for id in [&self.event_id, &self.user_id, &self.track_id] {
            into.extend_from_slice(&(id.len() as u16).to_le_bytes());
            into.extend_from_slice(id.as_bytes());
        }
        into.extend_from_slice(&self.played_at_ms.to_le_bytes());
        into.extend_from_slice(&self.play_count.to_le_bytes());
        into.extend_from_slice(&self.ms_played.unwrap_or(0).to_le_bytes());
        let skipped = if self.skipped { SKIPPED } else { 0 };
        let timed = if self.ms_played.is_some() { TIMED } else { 0 };
        into.push(skipped | timed);
    }

    /// Takes the first record off `bytes`; `None` if it is none.
    pub(crate) fn decode(bytes: &mut &[u8]) -> Option<Self> {
        let [event_id, user_id, track_id] = [id(bytes)?, id(bytes)?, id(bytes)?];
        let played_at_ms = i64::from_le_bytes(*take(bytes)?);
        let play_count = u32::from_le_bytes(*take(bytes)?);
        let ms_played = u32::from_le_bytes(*take(bytes)?);
        let [flags] = *take(bytes)?;
        Some(Self {
            event_id,
            user_id,
            track_id,
            played_at_ms,
            play_count,
            ms_played: (flags & TIMED != 0).then_some(ms_played),
            skipped: flags & SKIPPED != 0,
        })
    }
}

/// Events that were recorded at the same time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Batch {
    /// In milliseconds since 1970.
    pub(crate) recorded_at_ms: i64,
    pub(crate) events: Vec<Event>,
}

impl Batch {
    /// Reads a frame's payload; `None` if it is none.
    pub(crate) fn decode(mut payload: &[u8]) -> Option<Self> {
        let recorded_at_ms = i64::from_le_bytes(*take(&mut payload)?);
        let mut events = Vec::new();
        while !payload.is_empty() {
            events.push(Event::decode(&mut payload)?);
        }
        Some(Self {
            recorded_at_ms,
            events,
        })
    }
}

fn id(bytes: &mut &[u8]) -> Option<String> {
    let length = usize::from(u16::from_le_bytes(*take(bytes)?));
    let (id, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    String::from_utf8(id.to_vec()).ok()
}

fn take<'a, const N: usize>(bytes: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (taken, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(taken)
}
