use crossfade_catalog::TrackTable;
use crossfade_content::{ColumnSummary, Schema, Transform};
use serde::Serialize;

/// A numeric column.
#[derive(Debug, Clone, Serialize)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// What its values are measured in, where that is known.
    pub unit: Option<&'static str>,
    /// What its values are like.
    #[serde(flatten)]
    pub summary: ColumnSummary,
    /// What is odd about them.
    pub odd: Vec<Odd>,
}

/// Something odd about a column.
#[derive(Debug, Clone, Serialize)]
pub struct Odd {
    /// In words.
    pub what: String,
    /// How many values are.
    pub values: usize,
}

/// The values of a column as they were read, one for each track of the table.
pub(super) struct Raw {
    pub(super) name: String,
    pub(super) values: Vec<f32>,
}

/// What the publisher of Spotify's features says of their values.
struct Documented {
    name: &'static str,
    unit: &'static str,
    low: f64,
    high: f64,
}

const fn documented(name: &'static str, unit: &'static str, low: f64, high: f64) -> Documented {
    Documented {
        name,
        unit,
        low,
        high,
    }
}

const DOCUMENTED: [Documented; 14] = [
    documented("danceability", "0 to 1", 0.0, 1.0),
    documented("energy", "0 to 1", 0.0, 1.0),
    documented("key", "0 = C", 0.0, 11.0),
    documented("loudness", "dB", -60.0, 0.0),
    documented("mode", "1 = major", 0.0, 1.0),
    documented("speechiness", "0 to 1", 0.0, 1.0),
    documented("acousticness", "0 to 1", 0.0, 1.0),
    documented("instrumentalness", "0 to 1", 0.0, 1.0),
    documented("liveness", "0 to 1", 0.0, 1.0),
    documented("valence", "0 to 1", 0.0, 1.0),
    documented("tempo", "BPM", 20.0, 300.0),
    documented("duration_ms", "ms", 1_000.0, 6.0 * 3_600_000.0),
    documented("time_signature", "beats/bar", 3.0, 7.0),
    documented("year", "year", 1_880.0, 2_100.0),
];

/// The share of equal values at an end of the range that is odd.
const PILE: f64 = 0.02;
/// Columns with no more different values are kinds rather than measures.
const KINDS: usize = 24;

/// The columns of the schema that the table has, one value for each of its first `tracks` tracks.
pub(super) fn raw(
    table: &TrackTable,
    years: &[f32],
    (schema, tracks): (&Schema, usize),
) -> Vec<Raw> {
    let values = |name: &str| match (table.feature(name), name) {
        (Some(column), _) => Some(column.values.as_slice()),
        (None, "year") => Some(years),
        (None, _) => None,
    };
    let columns = schema.numeric.iter().filter_map(|feature| {
        let known = values(&feature.column)?;
        let mut values = known[..known.len().min(tracks)].to_vec();
        values.resize(tracks, f32::NAN);
        values.iter().any(|value| value.is_finite()).then(|| Raw {
            name: feature.column.clone(),
            values,
        })
    });
    columns.collect()
}

/// Whether the schema says that the column goes round in a circle.
pub(super) fn is_cyclic(schema: &Schema, name: &str) -> bool {
    let mut columns = schema.numeric.iter();
    columns
        .any(|column| column.column == name && matches!(column.transform, Transform::Cyclic { .. }))
}

/// Describes every column.
pub(super) fn describe(raw: &[Raw]) -> Vec<Column> {
    let describe = |raw: &Raw| {
        let summary = ColumnSummary::of(&raw.values)?;
        let documented = DOCUMENTED
            .iter()
            .find(|documented| documented.name == raw.name);
        Some(Column {
            name: raw.name.clone(),
            unit: documented.map(|documented| documented.unit),
            odd: odd(raw, &summary, documented),
            summary,
        })
    };
    raw.iter().filter_map(describe).collect()
}

fn odd(raw: &Raw, summary: &ColumnSummary, documented: Option<&Documented>) -> Vec<Odd> {
    let mut odd = Vec::new();
    let mut add = |values: usize, what: String| {
        if values > 0 {
            odd.push(Odd { what, values });
        }
    };
    if let Some(Documented { low, high, .. }) = documented {
        let is_outside =
            |value: &&f32| value.is_finite() && !(*low..=*high).contains(&f64::from(**value));
        let outside = raw.values.iter().filter(is_outside).count();
        add(outside, format!("outside {low} to {high}"));
    }
    if summary.distinct == 1 {
        add(summary.known, format!("all are {}", summary.mode));
    }
    let is_measure = summary.distinct > KINDS;
    let at_an_end = [summary.quantiles[0], summary.quantiles[8]].contains(&summary.mode);
    if is_measure && at_an_end && summary.mode_count as f64 > PILE * summary.known as f64 {
        add(summary.mode_count, format!("exactly {}", summary.mode));
    }
    if is_measure {
        add(summary.far_out, "far out".to_owned());
    }
    odd
}
