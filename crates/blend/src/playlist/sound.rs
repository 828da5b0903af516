use crossfade_catalog::TrackTable;

/// The cost of a part of a transition that is not known: about what it is between two tracks at random, so that tracks of
/// which little is known are neither sought nor avoided.
const UNKNOWN: f64 = 0.4;

/// What a transition between two tracks is like; each part costs from 0 (none to hear) to 1, and is none where it is not
/// known of both tracks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Transition {
    /// How far the tempos are from each other or from half or double each other: the distance of `log2` of their ratio to
    /// the nearest whole number, times 2. A change of 6 % costs .17.
    pub tempo: Option<f64>,
    /// Steps between the keys on the Camelot wheel, one more for a change between major and minor, divided by 7.
    pub key: Option<f64>,
    /// The difference in energy.
    pub energy: Option<f64>,
}

impl Transition {
    /// The mean of the three parts.
    pub fn cost(&self) -> f64 {
        let parts = [self.tempo, self.key, self.energy];
        parts
            .map(|part| part.unwrap_or(UNKNOWN))
            .iter()
            .sum::<f64>()
            / 3.0
    }
}

/// A key on the Camelot wheel, the circle of fifths on which every minor key stands beside its relative major one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Camelot {
    /// From 1 to 12; neighbours are a fifth apart.
    pub number: u8,
    /// Whether it is major, written B, or minor, written A.
    pub is_major: bool,
}

impl Camelot {
    /// The key of a pitch class, 0 to 11 from C in semitones, and a mode, 1 for major and 0 for minor, as Spotify's features
    /// give them; `None` where either is something else.
    pub fn of(pitch_class: f32, mode: f32) -> Option<Self> {
        let is_major = match mode {
            0.0 => false,
            1.0 => true,
            _ => return None,
        };
        let whole = pitch_class.fract() == 0.0 && (0.0..=11.0).contains(&pitch_class);
        let pitch = whole.then_some(pitch_class as u8)?;
        // A minor key's relative major lies three semitones above. C major is 8B, and a fifth of seven semitones is a step.
        let major = if is_major { pitch } else { pitch + 3 };
        Some(Self {
            number: (7 * major + 7) % 12 + 1,
            is_major,
        })
    }

    /// Steps on the wheel, and one for a change of mode.
    fn steps(self, other: Self) -> u8 {
        let around = self.number.abs_diff(other.number);
        around.min(12 - around) + u8::from(self.is_major != other.is_major)
    }
}

impl std::fmt::Display for Camelot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}{}",
            self.number,
            if self.is_major { 'B' } else { 'A' }
        )
    }
}

/// What decides how tracks follow each other.
#[derive(Debug, Clone, Copy, Default)]
struct Sound {
    /// log2 of beats per minute.
    tempo: Option<f64>,
    key: Option<Camelot>,
    energy: Option<f64>,
}

/// The sounds of some tracks, by their places among these.
pub(super) struct Sounds(Vec<Sound>);

impl Sounds {
    pub(super) fn of(table: &TrackTable, tracks: impl Iterator<Item = u32>) -> Self {
        let [tempo, key, mode, energy] =
            ["tempo", "key", "mode", "energy"].map(|name| table.feature(name));
        let sound = |track: u32| {
            let value = |column: Option<&crossfade_catalog::NumericColumn>| {
                let value = column?.values.get(track as usize).copied();
                value.filter(|value| value.is_finite())
            };
            Sound {
                tempo: value(tempo)
                    .filter(|&tempo| tempo > 0.0)
                    .map(|tempo| f64::from(tempo).log2()),
                key: value(key)
                    .zip(value(mode))
                    .and_then(|(key, mode)| Camelot::of(key, mode)),
                energy: value(energy).map(f64::from),
            }
        };
        Self(tracks.map(sound).collect())
    }

    /// How one track follows another.
    pub(super) fn transition(&self, before: usize, after: usize) -> Transition {
        let (before, after) = (&self.0[before], &self.0[after]);
        let both = |a: Option<f64>, b: Option<f64>| a.zip(b).map(|(a, b)| (a - b).abs());
        Transition {
            tempo: both(before.tempo, after.tempo)
                .map(|octaves| 2.0 * (octaves - octaves.round()).abs()),
            key: before
                .key
                .zip(after.key)
                .map(|(a, b)| f64::from(a.steps(b)) / 7.0),
            energy: both(before.energy, after.energy).map(|difference| difference.min(1.0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_the_numbers_that_disc_jockeys_know() {
        let key = |pitch, mode| Camelot::of(pitch, mode).map(|key| key.to_string());
        // C, G, F sharp, A minor, C minor, and D flat major.
        assert_eq!(key(0.0, 1.0).as_deref(), Some("8B"));
        assert_eq!(key(7.0, 1.0).as_deref(), Some("9B"));
        assert_eq!(key(6.0, 1.0).as_deref(), Some("2B"));
        assert_eq!(key(9.0, 0.0).as_deref(), Some("8A"));
        assert_eq!(key(0.0, 0.0).as_deref(), Some("5A"));
        assert_eq!(key(1.0, 1.0).as_deref(), Some("3B"));
        for (pitch, mode) in [(-1.0, 1.0), (12.0, 0.0), (0.5, 1.0), (3.0, 2.0)] {
            assert_eq!(key(pitch, mode), None);
        }
    }

    #[test]
    fn transitions_computed_by_hand() {
        let sound = |tempo: f64, key, energy| Sound {
            tempo: Some(tempo.log2()),
            key: Camelot::of(key, 1.0),
            energy: Some(energy),
        };
        // Twice the tempo; a fifth up; a tritone and half the energy away.
        let sounds = Sounds(vec![
            sound(64.0, 0.0, 0.5),
            sound(128.0, 7.0, 0.5),
            sound(64.0, 6.0, 1.0),
            Sound::default(),
        ]);
        let double = sounds.transition(0, 1);
        assert_eq!((double.tempo, double.energy), (Some(0.0), Some(0.0)));
        assert_eq!(double.key, Some(1.0 / 7.0));
        let far = sounds.transition(0, 2);
        assert_eq!((far.key, far.energy), (Some(6.0 / 7.0), Some(0.5)));
        let nothing = sounds.transition(0, 3);
        assert_eq!(
            (nothing.tempo, nothing.key, nothing.energy),
            (None, None, None)
        );
        assert!((nothing.cost() - UNKNOWN).abs() < 1e-15);
    }
}
