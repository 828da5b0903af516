//! What labels are predicted to be, and what is promised of the predictions.

use crossfade_content::{
    Features, LabelConfig, Labels, NumericFeature, Schema, Transform, predict_labels,
};

/// Numbers between -1 and 1 that look random (the finaliser of SplitMix64).
fn noise(count: usize, seed: u64) -> Vec<f32> {
    let number = |at: u64| {
        let mut word = (seed << 32 | at).wrapping_add(0x9e37_79b9_7f4a_7c15);
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((word ^ (word >> 31)) >> 40) as f32 / (1_u32 << 23) as f32 - 1.0
    };
    (0..count as u64).map(number).collect()
}

fn schema() -> Schema {
    Schema {
        numeric: ["x", "y"]
            .map(|name| NumericFeature::new(name, Transform::Standard))
            .into(),
        categories: Vec::new(),
    }
}

fn config() -> LabelConfig {
    LabelConfig {
        numbers: vec!["radius".into()],
        landmarks: 100,
        choice_rows: 100,
        ..LabelConfig::default()
    }
}

const TRACKS: usize = 400;
/// The first tracks have labels.
const LABELLED: usize = 300;
const NAMES: [&str; 2] = ["inside", "outside"];

/// Points in a square that are inside a circle or outside, which no line tells apart.
struct Circle {
    x: Vec<f32>,
    y: Vec<f32>,
    truth: Vec<u32>,
}

impl Circle {
    fn new() -> Self {
        let (x, y) = (noise(TRACKS, 1), noise(TRACKS, 2));
        let truth = x.iter().zip(&y).map(|(x, y)| u32::from(x.hypot(*y) > 0.75));
        Self {
            truth: truth.collect(),
            x,
            y,
        }
    }

    fn features(&self) -> Features<'_> {
        let codes = self.truth[..LABELLED].to_vec();
        let radius: Vec<f32> = (0..LABELLED)
            .map(|at| self.x[at].hypot(self.y[at]))
            .collect();
        Features::new(TRACKS)
            .numeric("x", self.x.as_slice())
            .numeric("y", self.y.as_slice())
            .numeric("radius", radius)
            .category("genre", codes, NAMES)
    }

    fn predict(&self, config: &LabelConfig) -> Labels {
        predict_labels(&schema(), config, &self.features()).expect("the settings are valid")
    }
}

#[test]
fn what_no_line_tells_apart_is_told_apart_and_the_quality_holds_for_tracks_without_labels() {
    let circle = Circle::new();
    let labels = circle.predict(&config());
    let genre = labels.genre.expect("two genres are frequent");
    let quality = &genre.report.quality;
    assert!(quality.accuracy.low > 0.9, "{quality:?}");
    assert!(quality.linear_accuracy.high < 0.8, "{quality:?}");
    let right = (LABELLED..TRACKS).filter(|&track| {
        let (name, _) = genre.of(track as u32)[0];
        name == NAMES[circle.truth[track] as usize]
    });
    assert!(right.count() >= 90);

    let number = &labels.numbers[0];
    let r2 = number.report.quality.r2;
    assert!(
        r2.low > 0.9 && number.report.quality.gain.low > 0.5,
        "{r2:?}"
    );
    let errors = (LABELLED..TRACKS).map(|track| {
        let truth = circle.x[track].hypot(circle.y[track]);
        f64::from(number.values[track] - truth).powi(2)
    });
    let error = (errors.sum::<f64>() / (TRACKS - LABELLED) as f64).sqrt();
    let ratio = error / number.report.quality.expected_error;
    assert!((0.5..2.0).contains(&ratio), "{ratio}");
}

#[test]
fn probabilities_add_up_and_are_none_where_too_little_is_known() {
    let mut circle = Circle::new();
    circle.x[350] = f32::NAN;
    circle.y[350] = f32::NAN;
    let labels = circle.predict(&config());
    let genre = labels.genre.clone().expect("two genres are frequent");
    for track in 0..TRACKS as u32 {
        let found = genre.of(track);
        if track == 350 {
            assert!(found.is_empty());
            assert_eq!(labels.number("radius", track), None);
            continue;
        }
        let sum: f32 = found.iter().map(|(_, probability)| probability).sum();
        assert!((sum - 1.0).abs() < 1e-6 && found[0].1 >= found[1].1);
        assert!(labels.number("radius", track).is_some());
    }
}

/// A label that has nothing to do with how tracks sound is not predicted, however closely it could be learned by heart.
#[test]
fn labels_by_lot_are_predicted_no_better_than_by_lot() {
    let mut circle = Circle::new();
    circle.truth = noise(TRACKS, 3)
        .iter()
        .map(|x| u32::from(*x > 0.0))
        .collect();
    let labels = circle.predict(&config());
    let quality = labels
        .genre
        .expect("two genres are frequent")
        .report
        .quality;
    assert!(quality.accuracy.value < 0.6, "{:?}", quality.accuracy);
    assert!(
        quality.calibration_error < 0.1,
        "{}",
        quality.calibration_error
    );
}

/// The number itself is no evidence of it.
#[test]
fn predicted_numbers_take_no_part_in_predictions() {
    let circle = Circle::new();
    let mut schema = schema();
    schema
        .numeric
        .push(NumericFeature::new("radius", Transform::Standard));
    let with = predict_labels(&schema, &config(), &circle.features()).expect("valid settings");
    assert_eq!(
        with.numbers[0].report,
        circle.predict(&config()).numbers[0].report
    );
}

#[test]
fn too_few_labels_are_no_labels() {
    let circle = Circle::new();
    let few = LabelConfig {
        min_tracks: LABELLED + 1,
        ..config()
    };
    assert!(circle.predict(&few).is_empty());
    let none = LabelConfig {
        genre: false,
        numbers: Vec::new(),
        ..config()
    };
    assert!(circle.predict(&none).is_empty());
    let nothing = predict_labels(&schema(), &config(), &Features::new(9)).expect("valid settings");
    assert!(nothing.is_empty());
    // A single genre, and a number that is always the same.
    let equal = Features::new(50)
        .numeric("x", noise(50, 5))
        .numeric("y", noise(50, 6))
        .numeric("radius", vec![1.0; 50])
        .category("genre", vec![0; 50], ["only"]);
    let labels = predict_labels(&schema(), &config(), &equal).expect("valid settings");
    assert!(labels.is_empty());
}

#[test]
fn the_bits_do_not_depend_on_threads() {
    let circle = Circle::new();
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        let labels = pool
            .expect("threads start")
            .install(|| circle.predict(&config()));
        let genre = labels.genre.clone().expect("two genres are frequent");
        let numbers: Vec<u32> = labels.numbers[0]
            .values
            .iter()
            .map(|x| x.to_bits())
            .collect();
        (labels.reports(), genre.probabilities.into_vec(), numbers)
    };
    assert_eq!(on(1), on(3));
}
