//! Audio features as a noisy picture of the audible part of a track's place.

use crate::Point;
use crate::stream::Stream;

/// Names of the audio features, in the order of [`Track::features`](crate::Track::features). With `duration_ms`, which
/// every track has, these are Spotify's thirteen.
pub const AUDIO_FEATURES: [&str; 12] = [
    "danceability",
    "energy",
    "key",
    "loudness",
    "mode",
    "speechiness",
    "acousticness",
    "instrumentalness",
    "liveness",
    "valence",
    "tempo",
    "time_signature",
];

/// One value per name in [`AUDIO_FEATURES`]; `None` where it is missing.
pub type AudioFeatures = [Option<f32>; AUDIO_FEATURES.len()];

/// Relative frequencies of the keys C to B, about those of a large catalogue.
const KEYS: [f64; 12] = [
    0.118, 0.098, 0.103, 0.033, 0.076, 0.085, 0.064, 0.113, 0.064, 0.102, 0.067, 0.077,
];

/// The audible dimensions: the first four of a place.
struct Heard {
    intensity: f64,
    groove: f64,
    mood: f64,
    synthetic: f64,
}

impl Heard {
    fn of(place: &Point) -> Self {
        let [intensity, groove, mood, synthetic, ..] = place.map(f64::from);
        Self {
            intensity,
            groove,
            mood,
            synthetic,
        }
    }
}

/// Length of a track at `place`, in milliseconds: 45 s to 15 min.
pub(crate) fn duration_ms(place: &Point, stream: &mut Stream) -> u32 {
    let heard = Heard::of(place);
    let typical = 213_000.0 * libm::exp(0.1 * heard.synthetic - 0.05 * heard.mood);
    (typical * stream.log_normal(0.25)).clamp(45_000.0, 900_000.0) as u32
}

/// The features of a track at `place`. About one value in fifty is missing.
pub(crate) fn features(place: &Point, stream: &mut Stream) -> AudioFeatures {
    let unheard = stream.chance(0.01);
    measure(&Heard::of(place), stream).map(|value| {
        let missing = stream.chance(0.01) || unheard;
        // Four decimals, as such tables have them.
        (!missing).then_some(((value * 1e4).round() / 1e4) as f32)
    })
}

fn measure(heard: &Heard, stream: &mut Stream) -> [f64; AUDIO_FEATURES.len()] {
    let Heard {
        intensity,
        groove,
        mood,
        synthetic,
    } = *heard;
    let mut noisy = |value: f64, noise: f64| value + noise * stream.normal();
    let danceability = logistic(noisy(0.35 + 0.75 * groove + 0.2 * mood, 0.35));
    let energy = logistic(noisy(0.5 + 1.1 * intensity, 0.4));
    let loudness = -libm::exp(noisy(2.05 - 0.4 * intensity + 0.1 * synthetic, 0.25));
    let mode = noisy(0.4 + 0.35 * mood, 1.0);
    let speechiness = 0.025 + 0.9 * logistic(noisy(-3.3 + 0.6 * groove, 0.8));
    let acousticness = logistic(noisy(-1.3 - 1.6 * intensity - 0.6 * synthetic, 0.7));
    let instrumentalness = logistic(noisy(-5.0 + 2.2 * synthetic - 0.8 * mood, 1.4));
    let liveness = logistic(noisy(-1.7 + 0.2 * intensity, 0.7));
    let valence = logistic(noisy(0.8 * mood + 0.4 * groove, 0.45));
    let tempo = 118.0 * libm::exp(noisy(0.06 * intensity + 0.05 * synthetic, 0.2));
    let key = key(stream);
    let metre = metre(acousticness, stream);
    [
        danceability,
        energy,
        key,
        loudness.max(-60.0),
        f64::from(u8::from(mode > 0.0)),
        speechiness,
        acousticness,
        instrumentalness,
        liveness,
        valence,
        tempo.clamp(50.0, 220.0),
        metre,
    ]
}

fn key(stream: &mut Stream) -> f64 {
    let mut at = stream.unit() * KEYS.iter().sum::<f64>();
    let passed = KEYS.iter().take_while(|&&share| {
        at -= share;
        at >= 0.0
    });
    passed.count().min(KEYS.len() - 1) as f64
}

/// Beats in a bar; waltzes are mostly acoustic.
fn metre(acousticness: f64, stream: &mut Stream) -> f64 {
    let three = 0.03 + 0.12 * acousticness;
    match stream.unit() {
        at if at < 0.01 => 1.0,
        at if at < 0.03 => 5.0,
        at if at < 0.03 + three => 3.0,
        _ => 4.0,
    }
}

fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-x))
}
