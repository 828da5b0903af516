use crossfade_catalog::TrackTable;
use crossfade_content::{
    Choice, ClusterCount, Clustering, Described, Deviation, Linkage, Merge, Profile, Surplus,
    linkage, profiles,
};
use serde::Serialize;

use super::World;

/// The clusters of the tracks.
#[derive(Debug, Clone, Serialize)]
pub struct ClusterReport {
    /// What tracks were compared by.
    pub columns: Vec<String>,
    /// Whether their number was asked for; otherwise the silhouette chose it.
    pub asked: bool,
    /// The silhouettes of several numbers, on a sample.
    pub choices: Vec<Choice>,
    /// The mean silhouette of the clusters, on a sample of that many tracks.
    pub silhouette: f64,
    /// How many tracks the silhouettes were measured on.
    pub sampled: usize,
    /// The sum of the tracks' squared distances to their centres.
    pub inertia: f64,
    /// The clusters, the largest first.
    pub clusters: Vec<ClusterEntry>,
    /// How alike they are: their centres joined by Ward's linkage, as scipy writes it.
    pub tree: Vec<Merge>,
}

/// A cluster.
#[derive(Debug, Clone, Serialize)]
pub struct ClusterEntry {
    /// What sets it apart, in words.
    pub name: String,
    /// How many tracks it has.
    pub tracks: usize,
    /// The share of the clustered tracks.
    pub share: f64,
    /// Its tracks' mean silhouette.
    pub silhouette: f64,
    /// Its centre, in scaled columns.
    pub centre: Vec<f64>,
    /// How far its mean is from the catalogue's, the farthest columns first.
    pub deviations: Vec<Deviation>,
    /// Genres that are more frequent in it than in the catalogue.
    pub genres: Vec<Surplus>,
    /// The tracks nearest to its centre.
    pub examples: Vec<Example>,
}

/// A track of a cluster.
#[derive(Debug, Clone, Serialize)]
pub struct Example {
    /// Its id.
    pub track_id: String,
    /// Its title.
    pub title: Option<String>,
    /// Its artist.
    pub artist: Option<String>,
}

/// Clusters the tracks; with the report comes the cluster of each row.
pub(super) fn cluster(world: &World<'_>) -> anyhow::Result<(ClusterReport, Vec<u32>)> {
    let (points, config) = (&world.clustered.points, &world.settings.content.clusters);
    let choices = Choice::compare(points, config.seed);
    let (asked, count) = match config.count {
        ClusterCount::Given(count) if count > 0 => (true, count),
        ClusterCount::Given(_) | ClusterCount::Auto => (false, Choice::best(&choices).unwrap_or(1)),
    };
    let clustering = Clustering::fit(points, count, config.seed);
    let described = Described {
        clustered: &world.clustered,
        clustering: &clustering,
        told: &world.told,
        features: world.features,
    };
    let profiles = profiles(&described, |track| world.table.title.get(track).is_some());
    let means = &clustering.means;
    let entries = profiles
        .into_iter()
        .zip(means.centroids.rows())
        .zip(&clustering.silhouettes);
    let entry = |((profile, centre), &silhouette): ((Profile, &[f64]), &f64)| ClusterEntry {
        name: profile.name,
        tracks: profile.tracks,
        share: profile.share,
        silhouette,
        centre: centre.to_vec(),
        deviations: profile.deviations,
        genres: profile.genres,
        examples: profile
            .examples
            .iter()
            .map(|&track| example(world.table, track))
            .collect(),
    };
    let report = ClusterReport {
        columns: world.clustered.labels.clone(),
        asked,
        choices,
        silhouette: clustering.silhouette,
        sampled: clustering.sampled,
        inertia: means.inertia,
        clusters: entries.map(entry).collect(),
        tree: linkage(&means.centroids, Linkage::Ward),
    };
    Ok((report, clustering.means.labels))
}

fn example(table: &TrackTable, track: u32) -> Example {
    Example {
        track_id: table.ids.id(track).to_owned(),
        title: table.title.get(track).map(str::to_owned),
        artist: table.artist.get(track).map(str::to_owned),
    }
}
