//! What an embedding promises, through the public interface.

use crossfade_content::{
    CategoryFeature, Embedder, EmbeddingModel, Error, Features, NumericFeature, PcaConfig,
    PcaEmbedder, Schema, TasteConfig, Transform, taste_vectors,
};
use crossfade_matrix::{Csr, Dense};
use proptest::prelude::*;

fn cosine(rows: &Dense, a: usize, b: usize) -> f32 {
    rows.row(a)
        .iter()
        .zip(rows.row(b))
        .map(|(x, y)| x * y)
        .sum()
}

fn norm(row: &[f32]) -> f64 {
    row.iter()
        .map(|&x| f64::from(x) * f64::from(x))
        .sum::<f64>()
        .sqrt()
}

fn fit(schema: &Schema, features: &Features<'_>) -> PcaEmbedder {
    PcaEmbedder::fit(schema, &PcaConfig::default(), features).expect("the columns are usable")
}

/// A few audio features and names of `rows` tracks, some missing, from a fixed recurrence.
struct Table {
    rows: usize,
    energy: Vec<f32>,
    tempo: Vec<f32>,
    key: Vec<f32>,
    artists: Vec<u32>,
    artist_names: Vec<String>,
    tags: Vec<Vec<u32>>,
}

impl Table {
    fn new(rows: usize) -> Self {
        let mut state = 1_u64;
        let mut next = |below: u64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 33) % below
        };
        let mut numbers = |scale: f32| -> Vec<f32> {
            (0..rows)
                .map(|_| match next(1_000) {
                    0..50 => f32::NAN,
                    n => n as f32 * scale,
                })
                .collect()
        };
        let (energy, tempo, key) = (numbers(0.001), numbers(0.2), numbers(0.012));
        let artists = (0..rows).map(|_| next(20) as u32).collect();
        let tags = (0..rows)
            .map(|_| (0..next(3)).map(|_| next(5) as u32).collect())
            .collect();
        Self {
            rows,
            energy,
            tempo,
            key,
            artists,
            artist_names: (0..20).map(|n| format!("Artist {n}")).collect(),
            tags,
        }
    }

    fn features(&self) -> Features<'_> {
        Features::new(self.rows)
            .numeric("energy", &self.energy)
            .numeric("tempo", &self.tempo)
            .numeric("key", &self.key)
            .category(
                "artist",
                &self.artists,
                self.artist_names.iter().map(String::as_str),
            )
            .tags(
                "tags",
                self.tags.iter().map(Vec::as_slice),
                ["calm", "loud", "odd", "old", "new"],
            )
    }
}

#[test]
fn rows_have_length_one_or_zero() {
    let table = Table::new(500);
    let schema = Schema::default();
    let embedder = fit(&schema, &table.features());
    let rows = embedder.embed(&table.features());
    assert_eq!((rows.rows(), rows.columns()), (500, embedder.dim()));
    for row in 0..rows.rows() {
        // Each of dim numbers near 1/sqrt(dim) is rounded to f32: the sum of squares is off by at most eps.
        let norm = norm(rows.row(row));
        assert!((norm - 1.0).abs() < f64::from(f32::EPSILON), "{norm}");
    }
    let unknown = embedder.embed(&Features::new(3));
    assert!(unknown.as_slice().iter().all(|&x| x == 0.0));
}

#[test]
fn the_bits_do_not_depend_on_the_number_of_threads() {
    // More rows than a block of any parallel step.
    let table = Table::new(9_000);
    let plays = Csr::from_triplets(
        40,
        9_000,
        (0..8_000)
            .map(|n| (n % 40, (n * 7) % 9_000, (n % 5) as f32))
            .collect(),
    )
    .unwrap();
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            let embedder = fit(&Schema::default(), &table.features());
            let rows = embedder.embed(&table.features());
            let tastes = taste_vectors(&rows, (&plays, None), &TasteConfig::default());
            (embedder, rows.into_vec(), tastes.into_vec())
        })
    };
    assert_eq!(run(1), run(3));
}

#[test]
fn artist_and_sound_bring_tracks_together() {
    let features = Features::new(6)
        .numeric("energy", vec![0.9, 0.88, 0.1, 0.12, 0.9, f32::NAN])
        .numeric("valence", vec![0.8, 0.83, 0.2, 0.15, 0.2, f32::NAN])
        .category("artist", vec![0, 1, 0, 2, 3, 0], ["a", "b", "c", "d"]);
    let rows = fit(&Schema::default(), &features).embed(&features);
    // Same artist, other sound; other artist, same sound; nothing in common.
    assert!(cosine(&rows, 0, 2) > cosine(&rows, 0, 3));
    assert!(cosine(&rows, 0, 1) > cosine(&rows, 0, 3));
    assert!(cosine(&rows, 2, 3) > cosine(&rows, 1, 3));
    // A track without audio features is as close to all tracks of its artist as the weights say, not nowhere.
    assert!(cosine(&rows, 5, 0) > 0.5);
}

#[test]
fn more_shared_tags_are_closer() {
    let tags: [&[u32]; 4] = [&[0, 1], &[1, 0], &[1, 2], &[3]];
    let features = Features::new(5).tags("tags", tags, ["folk", "quiet", "70s", "techno"]);
    let schema = Schema {
        numeric: vec![],
        categories: vec![CategoryFeature::new("tags", 1.0, 512)],
    };
    let rows = fit(&schema, &features).embed(&features);
    assert_eq!(rows.row(0), rows.row(1));
    assert!(cosine(&rows, 0, 2) > 0.3 && cosine(&rows, 0, 2) < 0.7);
    assert!(cosine(&rows, 0, 3).abs() < 0.2);
    assert_eq!(norm(rows.row(4)), 0.0);
}

#[test]
fn a_name_first_seen_after_training_has_a_code() {
    let train = Features::new(2).category("artist", vec![0, 1], ["a", "b"]);
    let embedder = fit(&Schema::default(), &train);
    // Other codes for the same names: only the names count.
    let later = Features::new(3).category("artist", vec![1, 0, 0], ["new", "a"]);
    let (before, after) = (embedder.embed(&train), embedder.embed(&later));
    assert_eq!(before.row(0), after.row(0));
    assert_eq!(after.row(1), after.row(2));
    assert!(cosine(&after, 0, 1).abs() < 0.6);
}

#[test]
fn the_summary_tells_used_columns_from_skipped_ones() {
    let features = Features::new(3)
        .numeric("energy", vec![0.1, 0.5, 0.2])
        .numeric("tempo", vec![120.0, 120.0])
        .numeric("genre", vec![1.0, 2.0])
        .category("artist", vec![0], ["a"]);
    let mut schema = Schema::default();
    schema
        .numeric
        .retain(|f| ["energy", "tempo", "valence"].contains(&f.column.as_str()));
    let summary = fit(&schema, &features).summary();
    assert_eq!(summary.numeric, ["energy"]);
    assert_eq!(summary.categories, ["artist"]);
    assert_eq!(summary.skipped, ["valence", "tempo", "genre", "tags"]);
    assert_eq!(summary.explained_variance_ratio, [1.0]);
}

#[test]
fn a_missing_value_counts_as_the_mean_or_as_a_fact_of_its_own() {
    let features = Features::new(5)
        .numeric("energy", vec![0.1, 0.9, 0.5, f32::NAN, f32::NAN])
        .numeric("tempo", vec![90.0, 130.0, 125.0, 125.0]);
    let embed = |missing_indicator| {
        let mut schema = Schema {
            numeric: vec![],
            categories: vec![],
        };
        for column in ["energy", "tempo"] {
            schema
                .numeric
                .push(NumericFeature::new(column, Transform::Standard));
        }
        schema.numeric[0].missing_indicator = missing_indicator;
        fit(&schema, &features).embed(&features)
    };
    // The mean energy is 0.5.
    assert!(cosine(&embed(false), 2, 3) > 1.0 - 1e-6);
    assert!(cosine(&embed(true), 2, 3) < 0.99);
    assert_eq!(norm(embed(true).row(4)), 0.0);
}

#[test]
fn data_without_any_column_of_the_schema_is_an_error() {
    let fit = |features: Features<'_>| {
        PcaEmbedder::fit(&Schema::default(), &PcaConfig::default(), &features).unwrap_err()
    };
    assert_eq!(fit(Features::new(3)), Error::NothingKnown);
    assert_eq!(fit(Features::new(0)), Error::NothingKnown);
    let constant = Features::new(2).numeric("energy", vec![0.5, 0.5]);
    assert_eq!(fit(constant), Error::NothingKnown);
}

#[test]
fn a_stored_model_embeds_to_the_same_bits() {
    let table = Table::new(300);
    let model = EmbeddingModel::Pca(fit(&Schema::default(), &table.features()));
    let json = serde_json::to_string(&model).unwrap();
    let opened: EmbeddingModel = serde_json::from_str(&json).unwrap();
    assert_eq!(opened, model);
    assert_eq!(
        opened.embed(&table.features()).as_slice(),
        model.embed(&table.features()).as_slice()
    );
    let damaged = json.replacen("\"mean\":[", "\"mean\":[0.5,", 1);
    let error = serde_json::from_str::<EmbeddingModel>(&damaged).unwrap_err();
    assert!(
        error.to_string().contains("principal components"),
        "{error}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_numbers_give_finite_rows(values in prop::collection::vec(any::<f32>(), 2..40)) {
        for transform in [Transform::Standard, Transform::Log, Transform::Robust] {
            let features = Features::new(values.len())
                .numeric("x", &values)
                .category("artist", vec![0; values.len()], ["a"]);
            let schema = Schema {
                numeric: vec![NumericFeature::new("x", transform)],
                ..Schema::default()
            };
            let rows = fit(&schema, &features).embed(&features);
            prop_assert!(rows.as_slice().iter().all(|x| x.is_finite()));
        }
    }
}
