use crossfade_content::{Pca, sample};
use serde::Serialize;

use super::World;

/// The tracks along the two directions in which they differ most (principal components).
#[derive(Debug, Clone, Serialize)]
pub struct Map {
    /// The columns that the directions are made of.
    pub columns: Vec<String>,
    /// How much of each column the first direction has, and the second.
    pub components: Vec<Vec<f64>>,
    /// The share of the total variance along each direction, those that are not drawn included.
    pub explained: Vec<f64>,
    /// A sample of the tracks.
    pub points: Vec<MapPoint>,
}

/// A track on the map.
#[derive(Debug, Clone, Serialize)]
pub struct MapPoint {
    /// Its id.
    pub track_id: String,
    /// Where it lies in the first direction.
    pub x: f64,
    /// And in the second.
    pub y: f64,
    /// Its cluster.
    pub cluster: u32,
    /// Its genre.
    pub genre: Option<String>,
}

/// Tracks that are drawn at most.
const POINTS: usize = 6_000;

/// Projects a sample of the tracks; `labels` has the cluster of each row.
pub(super) fn draw(world: &World<'_>, labels: &[u32]) -> anyhow::Result<Option<Map>> {
    let points = &world.clustered.points;
    let pca = Pca::fit(points.len(), points.dim(), points.dim(), |row, out| {
        out.copy_from_slice(points.row(row));
        true
    })?;
    if pca.dim() < 2 {
        return Ok(None);
    }
    let mut along = vec![0.0; pca.dim()];
    let place = |row: u32| {
        pca.project(points.row(row as usize), &mut along);
        let track = world.clustered.tracks[row as usize];
        MapPoint {
            track_id: world.table.ids.id(track).to_owned(),
            x: along[0],
            y: along[1],
            cluster: labels[row as usize],
            genre: world.table.genre.get(track).map(str::to_owned),
        }
    };
    let rows = sample(points.len(), POINTS, world.settings.content.clusters.seed);
    Ok(Some(Map {
        columns: world.clustered.labels.clone(),
        components: pca.components().take(2).map(<[f64]>::to_vec).collect(),
        explained: pca.explained_variance_ratio(),
        points: rows.into_iter().map(place).collect(),
    }))
}
