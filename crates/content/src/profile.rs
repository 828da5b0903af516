use serde::{Deserialize, Serialize};

use crate::features::{Categories, Values};
use crate::points::squared_distance;
use crate::{Clustering, Features, Points, Standardised};

/// The column whose names clusters are described by.
const GENRE: &str = "genre";
/// Examples of a cluster.
const EXAMPLES: usize = 5;
/// Genres named of a cluster.
const GENRES: usize = 4;
/// How many times as frequent as in the catalogue a genre must be to be named.
const LIFT: f64 = 1.3;
/// By how many standard errors its share must be larger.
const CERTAINTY: f64 = 3.0;
/// Standard deviations that a mean must be away to be worth a word.
const TELLING: f64 = 0.4;

/// What the tracks of a cluster are like.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    /// What sets it apart, in words: "low energy, high acousticness, folk".
    pub name: String,
    /// How many tracks it has.
    pub tracks: usize,
    /// The share of the clustered tracks.
    pub share: f64,
    /// How far its mean is from the catalogue's, column by column, the farthest first.
    pub deviations: Vec<Deviation>,
    /// Genres that are more frequent in it than in the catalogue, those with the largest surplus first.
    pub genres: Vec<Surplus>,
    /// The tracks nearest to its centre, by index.
    pub examples: Vec<u32>,
}

/// How far a cluster's mean of a column is from the catalogue's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Deviation {
    /// The column.
    pub column: String,
    /// In standard deviations of the catalogue, of the values as the schema scales them.
    pub deviation: f64,
}

/// A genre that is more frequent in a cluster than in the catalogue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Surplus {
    /// The genre.
    pub genre: String,
    /// Its share of the cluster's tracks whose genre is known.
    pub share: f64,
    /// Its share of all clustered tracks whose genre is known.
    pub overall: f64,
}

/// What clusters are described by.
#[derive(Debug, Clone, Copy)]
pub struct Described<'a> {
    /// The columns that were clustered.
    pub clustered: &'a Standardised,
    /// The clusters of these rows.
    pub clustering: &'a Clustering,
    /// The columns to tell of, those left out of the clusters included.
    pub told: &'a Standardised,
    /// Where the genres are.
    pub features: &'a Features<'a>,
}

/// Describes every cluster. Only tracks that `shown` accepts become examples, unless a cluster has none.
pub fn profiles(described: &Described<'_>, shown: impl Fn(u32) -> bool) -> Vec<Profile> {
    let clustering = &described.clustering.means;
    let clusters = clustering.centroids.len();
    let mut sizes = vec![0; clusters];
    clustering
        .labels
        .iter()
        .for_each(|&label| sizes[label as usize] += 1);
    let mut genres = surpluses(described, clusters);
    let mut deviations = deviations(described, clusters);
    let names = names(&deviations, &genres);
    let rows = clustering.labels.len() as f64;
    (0..clusters)
        .map(|cluster| Profile {
            name: names[cluster].clone(),
            tracks: sizes[cluster],
            share: sizes[cluster] as f64 / rows,
            deviations: std::mem::take(&mut deviations[cluster]),
            genres: std::mem::take(&mut genres[cluster]),
            examples: examples(described, cluster as u32, &shown),
        })
        .collect()
}

/// The cluster of each track; `None` for those that were not clustered.
fn cluster_of(described: &Described<'_>, track: u32) -> Option<u32> {
    let row = described.clustered.tracks.binary_search(&track).ok()?;
    Some(described.clustering.means.labels[row])
}

fn deviations(described: &Described<'_>, clusters: usize) -> Vec<Vec<Deviation>> {
    let told = described.told;
    // Tracks that were not clustered make a group of their own.
    let other = clusters as u32;
    let tracks = told.tracks.iter();
    let labels: Vec<u32> = tracks
        .map(|&track| cluster_of(described, track).unwrap_or(other))
        .collect();
    let means = told.points.means(&labels, clusters + 1);
    let spread = spread(&told.points);
    let of_cluster = |cluster: usize| {
        let columns = told.labels.iter().zip(means.row(cluster)).zip(&spread);
        let mut deviations: Vec<Deviation> = columns
            .filter(|((label, _), _)| !label.ends_with(')'))
            .map(|((label, mean), (centre, std))| Deviation {
                column: label.clone(),
                deviation: (mean - centre) / std,
            })
            .collect();
        deviations.sort_by(|a, b| b.deviation.abs().total_cmp(&a.deviation.abs()));
        deviations
    };
    (0..clusters).map(of_cluster).collect()
}

/// Mean and standard deviation of each column.
fn spread(points: &Points) -> Vec<(f64, f64)> {
    let column = |dim| {
        points
            .rows()
            .map(|row: &[f64]| row[dim])
            .collect::<Vec<f64>>()
    };
    (0..points.dim())
        .map(|dim| crate::scale::mean_std(&column(dim)))
        .collect()
}

fn surpluses(described: &Described<'_>, clusters: usize) -> Vec<Vec<Surplus>> {
    let Some(Values::Category(genres)) = described.features.get(GENRE) else {
        return vec![Vec::new(); clusters];
    };
    let width = genres.names.len();
    let mut counts = vec![vec![0.0; width]; clusters];
    let rows = described
        .clustered
        .tracks
        .iter()
        .zip(&described.clustering.means.labels);
    for (&track, &label) in rows {
        if let Some(code) = known(genres, track) {
            counts[label as usize][code] += 1.0;
        }
    }
    let totals: Vec<f64> = (0..width)
        .map(|code| counts.iter().map(|row| row[code]).sum())
        .collect();
    let all: f64 = totals.iter().sum();
    let of_cluster = |counts: &Vec<f64>| {
        let size: f64 = counts.iter().sum();
        let mut found: Vec<Surplus> = Vec::new();
        for ((count, total), name) in counts.iter().zip(&totals).zip(&genres.names) {
            let (share, overall) = (count / size, total / all);
            let error = (overall * (1.0 - overall) / size).sqrt();
            if share >= LIFT * overall && share >= overall + CERTAINTY * error {
                found.push(Surplus {
                    genre: (*name).to_owned(),
                    share,
                    overall,
                });
            }
        }
        found.sort_by(|a, b| (b.share - b.overall).total_cmp(&(a.share - a.overall)));
        found.truncate(GENRES);
        found
    };
    counts.iter().map(of_cluster).collect()
}

fn known(genres: &Categories<'_>, track: u32) -> Option<usize> {
    let code = genres.codes.get(track as usize).copied()?;
    (code != Features::MISSING).then_some(code as usize)
}

/// The tracks nearest to the centre, the first among equals.
fn examples(described: &Described<'_>, cluster: u32, shown: &impl Fn(u32) -> bool) -> Vec<u32> {
    let (clustered, means) = (described.clustered, &described.clustering.means);
    let centre = means.centroids.row(cluster as usize);
    let nearest = |shown: &dyn Fn(u32) -> bool| {
        let rows = clustered
            .points
            .rows()
            .zip(&clustered.tracks)
            .zip(&means.labels);
        let own = rows.filter(|((_, track), label)| **label == cluster && shown(**track));
        let mut tracks: Vec<(f64, u32)> = own
            .map(|((row, track), _)| (squared_distance(row, centre), *track))
            .collect();
        let order = |a: &(f64, u32), b: &(f64, u32)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1));
        let candidates = 4 * EXAMPLES;
        if tracks.len() > candidates {
            tracks.select_nth_unstable_by(candidates, order);
            tracks.truncate(candidates);
        }
        tracks.sort_by(order);
        // Equally near tracks are one recording under several ids.
        tracks.dedup_by_key(|track| track.0);
        tracks.truncate(EXAMPLES);
        tracks
            .into_iter()
            .map(|(_, track)| track)
            .collect::<Vec<u32>>()
    };
    match nearest(shown) {
        tracks if tracks.is_empty() => nearest(&|_| true),
        tracks => tracks,
    }
}

/// Words for each cluster: as few of its largest deviations as tell it from the others, at least two, and its first genre.
fn names(deviations: &[Vec<Deviation>], genres: &[Vec<Surplus>]) -> Vec<String> {
    let name = |cluster: usize, words: usize| {
        let told = deviations[cluster].iter().enumerate().take(words);
        let telling =
            told.filter(|(rank, d)| *rank == 0 || *rank > 1 || d.deviation.abs() >= TELLING);
        let mut parts: Vec<String> = telling.map(|(_, deviation)| word(deviation)).collect();
        parts.extend(genres[cluster].first().map(|surplus| surplus.genre.clone()));
        parts.join(", ")
    };
    let most = deviations.first().map_or(0, Vec::len);
    (0..deviations.len())
        .map(|cluster| {
            let is_unique = |words: &usize| {
                let own = name(cluster, *words);
                (0..deviations.len()).all(|other| other == cluster || name(other, *words) != own)
            };
            let words = (2..=most).find(is_unique).unwrap_or(most);
            name(cluster, words)
        })
        .collect()
}

/// "high energy", or a word of its own for what has one.
fn word(deviation: &Deviation) -> String {
    let high = deviation.deviation > 0.0;
    let own = match deviation.column.as_str() {
        "loudness" => ["quiet", "loud"],
        "tempo" => ["slow", "fast"],
        "duration_ms" => ["short", "long"],
        "instrumentalness" => ["vocal", "instrumental"],
        "mode" => ["minor", "major"],
        "year" => ["old", "recent"],
        column => {
            let side = if high { "high" } else { "low" };
            return format!("{side} {}", column.replace('_', " "));
        }
    };
    own[usize::from(high)].to_owned()
}

/// The clusters of a catalogue and what they are like.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Clusters {
    /// The cluster of each track, [`NONE`](Self::NONE) where it is in none.
    pub of_track: Vec<u32>,
    /// What each cluster is like, the largest first.
    pub profiles: Vec<Profile>,
}

impl Clusters {
    /// The mark of a track that is in no cluster, because nothing that clusters depend on is known of it.
    pub const NONE: u32 = u32::MAX;

    /// Describes the clusters of `tracks` tracks.
    pub fn new(tracks: usize, described: &Described<'_>, shown: impl Fn(u32) -> bool) -> Self {
        let mut of_track = vec![Self::NONE; tracks];
        let rows = described.clustered.tracks.iter();
        for (&track, &label) in rows.zip(&described.clustering.means.labels) {
            of_track[track as usize] = label;
        }
        Self {
            of_track,
            profiles: profiles(described, shown),
        }
    }

    /// The clusters of `tracks` tracks, of which those behind the clustered ones were added since: each joins the cluster whose
    /// mean, over the tracks that are in it, is nearest. What clusters are like stays what it was.
    ///
    /// # Panics
    ///
    /// If there are fewer tracks than have been clustered.
    #[must_use]
    pub fn joined_by_new(&self, tracks: usize, scaled: &Standardised) -> Self {
        let known = self.of_track.len();
        assert!(known <= tracks, "tracks were added, not taken away");
        let rows = (0..).zip(&scaled.tracks);
        let members = rows
            .clone()
            .filter_map(|(row, &track)| Some((row, self.of(track)?)));
        let (members, labels): (Vec<u32>, Vec<u32>) = members.unzip();
        let means = scaled.points.select(&members);
        let means = means.means(&labels, self.profiles.len());
        let clusters = 0..self.profiles.len() as u32;
        let has_members: Vec<bool> = clusters.map(|cluster| labels.contains(&cluster)).collect();
        let mut of_track = self.of_track.clone();
        of_track.resize(tracks, Self::NONE);
        for (row, &track) in rows.filter(|&(_, &track)| track as usize >= known) {
            let distance = |cluster: &u32| {
                squared_distance(
                    scaled.points.row(row as usize),
                    means.row(*cluster as usize),
                )
            };
            let nearest = (0..self.profiles.len() as u32)
                .filter(|&cluster| has_members[cluster as usize])
                .min_by(|a, b| distance(a).total_cmp(&distance(b)));
            of_track[track as usize] = nearest.unwrap_or(Self::NONE);
        }
        Self {
            of_track,
            profiles: self.profiles.clone(),
        }
    }

    /// The cluster of a track; `None` if it is in none or out of range.
    pub fn of(&self, track: u32) -> Option<u32> {
        let cluster = self.of_track.get(track as usize).copied();
        cluster.filter(|&cluster| cluster != Self::NONE)
    }
}
