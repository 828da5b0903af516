use crate::PlayOptions;

/// After how many milliseconds a play of a track of unknown length counts as a whole one.
const WHOLE_PLAY_MS: f64 = 30_000.0;

/// How a track was listened to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Heard {
    /// How often.
    pub count: f64,
    /// For how many milliseconds, where that is known.
    pub ms_played: Option<f64>,
    /// Whether it was skipped.
    pub skipped: bool,
}

impl Heard {
    /// What it adds to the strength of its pair, apart from its age: `count * (completion - skipped * skip_penalty)`, by the
    /// track's length in milliseconds where that is known. Below 0 if it takes away.
    pub fn strength(&self, duration_ms: Option<u32>, options: &PlayOptions) -> f64 {
        let whole = duration_ms.map_or(WHOLE_PLAY_MS, f64::from);
        let completion = match self.ms_played {
            Some(played) if whole > 0.0 => (played / whole).min(1.0),
            _ if self.skipped => 0.0,
            _ => 1.0,
        };
        let penalty = match self.skipped {
            true => f64::from(options.skip_penalty),
            false => 0.0,
        };
        self.count * (completion - penalty)
    }
}
