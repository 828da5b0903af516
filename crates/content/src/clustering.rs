use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize, de};

use crate::sample::sample;
use crate::{Error, KMeans, KMeansConfig, Points, silhouettes};

/// How tracks are clustered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClusterConfig {
    /// How many clusters: `"auto"` for the number from 4 to 12 with the highest silhouette, or a number from 2 to 100; 0 for
    /// none.
    pub count: ClusterCount,
    /// Numeric columns of the schema that clusters do not depend on. By default those that say little of how a track sounds
    /// or take few values, which would part the tracks by themselves.
    pub leave_out: Vec<String>,
    /// Seed of the starts and of the sample that the silhouette is measured on.
    pub seed: u64,
}

impl Default for ClusterConfig {
    fn default() -> Self {
        Self {
            count: ClusterCount::Auto,
            leave_out: ["key", "mode", "time_signature", "year"]
                .map(str::to_owned)
                .into(),
            seed: 1,
        }
    }
}

/// How many clusters there are to be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ClusterCount {
    /// As many as the silhouette tells.
    #[default]
    Auto,
    /// That many; 0 for none at all.
    Given(usize),
}

impl ClusterCount {
    /// The largest number that can be asked for.
    pub const MOST: usize = 100;

    /// Checks a number.
    ///
    /// # Errors
    ///
    /// If it is 1 or too large.
    pub fn given(count: usize) -> Result<Self, Error> {
        match count {
            0 | 2..=Self::MOST => Ok(Self::Given(count)),
            _ => Err(Error::Clusters {
                found: count,
                most: Self::MOST,
            }),
        }
    }
}

impl Serialize for ClusterCount {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Auto => serializer.serialize_str("auto"),
            Self::Given(count) => serializer.serialize_u64(*count as u64),
        }
    }
}

impl<'de> Deserialize<'de> for ClusterCount {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(
            untagged,
            expecting = "the number of clusters is neither \"auto\" nor a number"
        )]
        enum Written {
            Word(Auto),
            Count(usize),
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "snake_case")]
        enum Auto {
            Auto,
        }
        match Written::deserialize(deserializer)? {
            Written::Word(Auto::Auto) => Ok(Self::Auto),
            Written::Count(count) => Self::given(count).map_err(de::Error::custom),
        }
    }
}

/// The silhouette of a number of clusters.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Choice {
    /// How many clusters.
    pub clusters: usize,
    /// The mean silhouette of the rows.
    pub silhouette: f64,
    /// The mean's standard error over rows, the clusters being what they are.
    pub std_error: f64,
}

impl Choice {
    /// The numbers that are compared.
    pub const COMPARED: RangeInclusive<usize> = 2..=12;
    /// The least that is chosen without being asked for: two or three clusters have the highest silhouettes on nearly any
    /// catalogue, and say only that loud differs from soft.
    pub const LEAST: usize = 4;
    /// Rows that the silhouette is measured on at most, a seeded sample of all; the work is quadratic in them.
    pub const SAMPLE: usize = 10_000;
    /// Starts of each number.
    const RESTARTS: usize = 4;

    /// Clusters a sample of the rows into each of the numbers compared.
    pub fn compare(points: &Points, seed: u64) -> Vec<Self> {
        let points = &points.select(&sample(points.len(), Self::SAMPLE, seed));
        if points.is_empty() {
            return Vec::new();
        }
        let fit = |clusters| {
            let config = KMeansConfig {
                clusters,
                restarts: Self::RESTARTS,
                seed,
                ..KMeansConfig::default()
            };
            KMeans::fit(points, &config)
        };
        let fits: Vec<KMeans> = Self::COMPARED
            .map(fit)
            // With fewer different rows the same clusters come out again.
            .take_while({
                let mut before = 1;
                move |fit| std::mem::replace(&mut before, fit.centroids.len()) < fit.centroids.len()
            })
            .collect();
        let labels: Vec<&[u32]> = fits.iter().map(|fit| fit.labels.as_slice()).collect();
        let scores = silhouettes(points, &labels);
        let choices = fits.iter().zip(&scores);
        choices
            .map(|(fit, scores)| Self::of(fit.centroids.len(), scores))
            .collect()
    }

    /// The number to choose of those compared: of those from [`LEAST`](Self::LEAST) on the one of highest silhouette, the
    /// lowest among equals; where there are fewer, the largest.
    pub fn best(choices: &[Self]) -> Option<usize> {
        let eligible = choices
            .iter()
            .filter(|choice| choice.clusters >= Self::LEAST);
        let best = eligible.min_by(|a, b| b.silhouette.total_cmp(&a.silhouette));
        best.or(choices.last()).map(|choice| choice.clusters)
    }

    fn of(clusters: usize, scores: &[f64]) -> Self {
        let (silhouette, std) = crate::scale::mean_std(scores);
        Self {
            clusters,
            silhouette,
            std_error: std / (scores.len() as f64).sqrt(),
        }
    }
}

/// All rows in a number of clusters, the largest first.
#[derive(Debug, Clone, PartialEq)]
pub struct Clustering {
    /// Centroids, labels and inertia.
    pub means: KMeans,
    /// The mean silhouette of a sample of the rows.
    pub silhouette: f64,
    /// The same by cluster.
    pub silhouettes: Vec<f64>,
    /// How many rows the sample has.
    pub sampled: usize,
}

impl Clustering {
    /// Clusters the rows.
    ///
    /// # Panics
    ///
    /// If there are no rows or no clusters.
    pub fn fit(points: &Points, clusters: usize, seed: u64) -> Self {
        let config = KMeansConfig {
            clusters,
            seed,
            ..KMeansConfig::default()
        };
        let means = KMeans::fit(points, &config).by_size();
        let rows = sample(points.len(), Choice::SAMPLE, seed);
        let labels: Vec<u32> = rows.iter().map(|&row| means.labels[row as usize]).collect();
        let scores = silhouettes(&points.select(&rows), &[&labels]).concat();
        let sampled = scores.len();
        let by_cluster = Points::new(1, scores).means(&labels, means.centroids.len());
        let all = by_cluster_mean(&by_cluster, &labels);
        Self {
            means,
            silhouette: all,
            silhouettes: by_cluster.as_slice().to_vec(),
            sampled,
        }
    }
}

fn by_cluster_mean(by_cluster: &Points, labels: &[u32]) -> f64 {
    let scores = labels
        .iter()
        .map(|&label| by_cluster.as_slice()[label as usize]);
    scores.sum::<f64>() / labels.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_groups_are_told_apart() {
        let rows = (0..200_u32).flat_map(|row| {
            let wiggle = f64::from(row.wrapping_mul(2_654_435_761) >> 16) / 65_536.0;
            [f64::from(row % 5) * 10.0 + wiggle, wiggle]
        });
        let points = Points::new(2, rows.collect());
        let choices = Choice::compare(&points, 1);
        assert_eq!(choices.len(), 11);
        assert_eq!(Choice::best(&choices), Some(5));
        let clustering = Clustering::fit(&points, 5, 1);
        assert!((clustering.silhouette - choices[3].silhouette).abs() < 1e-12);
        assert_eq!(clustering.sampled, 200);
    }

    #[test]
    fn fewer_different_rows_than_clusters_end_the_comparison() {
        let points = Points::new(1, vec![1.0, 2.0, 9.0, 9.0, 1.0]);
        let choices = Choice::compare(&points, 1);
        assert_eq!(
            choices.iter().map(|c| c.clusters).collect::<Vec<_>>(),
            [2, 3]
        );
        assert_eq!(Choice::best(&choices), Some(3));
        assert_eq!(
            Choice::best(&Choice::compare(&Points::new(1, vec![1.0; 4]), 1)),
            None
        );
    }

    #[test]
    fn a_count_is_a_number_or_auto() {
        let read = |text: &str| serde_json::from_str::<ClusterCount>(text);
        assert_eq!(read("\"auto\"").unwrap(), ClusterCount::Auto);
        assert_eq!(read("7").unwrap(), ClusterCount::Given(7));
        assert_eq!(read("0").unwrap(), ClusterCount::Given(0));
        for wrong in ["1", "101", "\"many\"", "-3", "2.5"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        for count in [ClusterCount::Auto, ClusterCount::Given(12)] {
            let json = serde_json::to_string(&count).unwrap();
            assert_eq!(read(&json).unwrap(), count);
        }
    }
}
