use crossfade_content::{Linkage, Merge, linkage};
use serde::Serialize;

use super::World;

/// How alike the genres are.
#[derive(Debug, Clone, Serialize)]
pub struct Genres {
    /// The most frequent genres with enough tracks.
    pub genres: Vec<Genre>,
    /// Their means joined by average linkage, as scipy writes it.
    pub tree: Vec<Merge>,
}

/// A genre.
#[derive(Debug, Clone, Serialize)]
pub struct Genre {
    /// Its name.
    pub name: String,
    /// How many tracks of it are described.
    pub tracks: usize,
    /// The cluster that most of them are in.
    pub cluster: u32,
    /// Their mean, in scaled columns.
    pub mean: Vec<f64>,
}

/// Tracks that a genre must have for its mean to say something.
const ENOUGH: usize = 10;
/// Genres that are compared.
const MOST: usize = 30;

/// Compares the genres by the means of their tracks, whose clusters are `clusters`; `None` where there are fewer than three.
pub(super) fn compare(world: &World<'_>, clusters: &[u32]) -> Option<Genres> {
    let (column, clustered) = (&world.table.genre, &world.clustered);
    let names = column.names();
    // Tracks without a genre make a group of their own.
    let of_track = |&track: &u32| column.code(track).unwrap_or(names.len() as u32);
    let labels: Vec<u32> = clustered.tracks.iter().map(of_track).collect();
    let mut counts = vec![0; names.len() + 1];
    labels.iter().for_each(|&label| counts[label as usize] += 1);
    let mut chosen: Vec<u32> = (0..names.len() as u32)
        .filter(|&genre| counts[genre as usize] >= ENOUGH)
        .collect();
    chosen.sort_by_key(|&genre| std::cmp::Reverse(counts[genre as usize]));
    chosen.truncate(MOST);
    if chosen.len() < 3 {
        return None;
    }
    let means = clustered
        .points
        .means(&labels, names.len() + 1)
        .select(&chosen);
    let genre = |(&genre, mean): (&u32, &[f64])| Genre {
        name: names.id(genre).to_owned(),
        tracks: counts[genre as usize],
        cluster: most_frequent(
            labels
                .iter()
                .zip(clusters)
                .filter(|(label, _)| **label == genre),
        ),
        mean: mean.to_vec(),
    };
    Some(Genres {
        genres: chosen.iter().zip(means.rows()).map(genre).collect(),
        tree: linkage(&means, Linkage::Average),
    })
}

/// The cluster of most of the tracks, the first among equals.
fn most_frequent<'a>(tracks: impl Iterator<Item = (&'a u32, &'a u32)>) -> u32 {
    let mut counts = std::collections::BTreeMap::<u32, usize>::new();
    for (_, &cluster) in tracks {
        *counts.entry(cluster).or_default() += 1;
    }
    let most = counts.into_iter().rev().max_by_key(|&(_, count)| count);
    most.map_or(0, |(cluster, _)| cluster)
}
