use std::collections::BTreeMap;

use super::{HALF, percent};
use crate::{
    analysis::{Analysis, Map},
    report::{Axis, COLOURS, GREY, Grid, Group, figure, heat_map, legend, number, scatter},
};

/// The tracks on a plane, coloured by cluster and by genre.
pub(super) fn section(analysis: &Analysis, map: &Map) -> String {
    let label = |component: usize| {
        format!(
            "component {} ({} of the variance)",
            component + 1,
            percent(map.explained[component])
        )
    };
    let (x_label, y_label) = (label(0), label(1));
    let axes = || {
        (
            Axis::around(&x_label, map.points.iter().map(|point| point.x)),
            Axis::around(&y_label, map.points.iter().map(|point| point.y)),
        )
    };
    let by_cluster = scatter(
        HALF,
        "Tracks by cluster",
        axes(),
        &cluster_groups(analysis, map),
    );
    let clusters = analysis.clusters.clusters.iter().enumerate();
    let names: Vec<String> = clusters
        .map(|(at, cluster)| format!("{at} {}", cluster.name))
        .collect();
    let keys = legend(
        names
            .iter()
            .enumerate()
            .map(|(at, name)| (name.as_str(), at)),
    );
    let by_cluster = figure(
        &by_cluster,
        &format!("Coloured by cluster; numbers stand at the clusters&#39; middles.{keys}"),
    );
    let by_genre = genre_figure(map, axes());
    let loadings = Grid {
        rows: &["component 1".to_owned(), "component 2".to_owned()],
        columns: &map.columns,
        values: &map
            .components
            .iter()
            .map(|component| component.iter().map(|&loading| Some(loading)).collect())
            .collect::<Vec<_>>(),
        full: 0.7,
        what: "weight of the column",
    };
    let loadings = figure(
        &heat_map("Weights of the columns in the two components", &loadings),
        "How much of each scaled column is in the two directions.",
    );
    let figures = match by_genre {
        Some(by_genre) => format!("<div class=\"two\">{by_cluster}{by_genre}</div>{loadings}"),
        None => format!("<div class=\"two\">{by_cluster}{loadings}</div>"),
    };
    let left: f64 = map.explained.iter().take(2).sum();
    format!(
        "<p>Each dot is one of {} tracks, drawn at random where there are more, along the two directions in which tracks differ \
         most (principal components of {} scaled columns). Together they show {} of all differences, so that what overlaps \
         here may be apart in others.</p>{figures}",
        number(map.points.len() as f64),
        map.columns.len(),
        percent(left)
    )
}

fn cluster_groups(analysis: &Analysis, map: &Map) -> Vec<Group> {
    let group = |cluster: usize| {
        let own = map
            .points
            .iter()
            .filter(|point| point.cluster as usize == cluster);
        Group {
            colour: cluster,
            points: own.map(|point| (point.x, point.y)).collect(),
            label: Some(cluster.to_string()),
        }
    };
    (0..analysis.clusters.clusters.len()).map(group).collect()
}

/// The map coloured by genre; `None` where no genre is known.
fn genre_figure(map: &Map, axes: (Axis<'_>, Axis<'_>)) -> Option<String> {
    let mut counts = BTreeMap::<&str, usize>::new();
    for genre in map.points.iter().filter_map(|point| point.genre.as_deref()) {
        *counts.entry(genre).or_default() += 1;
    }
    if counts.is_empty() {
        return None;
    }
    let mut frequent: Vec<(&str, usize)> = counts.into_iter().collect();
    frequent.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    frequent.truncate(COLOURS);
    let place = |genre: Option<&str>| {
        genre.and_then(|genre| frequent.iter().position(|(name, _)| *name == genre))
    };
    let group = |colour: Option<usize>| {
        let own = map
            .points
            .iter()
            .filter(|point| place(point.genre.as_deref()) == colour);
        Group {
            colour: colour.unwrap_or(GREY),
            points: own.map(|point| (point.x, point.y)).collect(),
            label: None,
        }
    };
    let others = std::iter::once(None)
        .chain((0..frequent.len()).map(Some))
        .map(group);
    let chart = scatter(HALF, "Tracks by genre", axes, &others.collect::<Vec<_>>());
    let named = frequent
        .iter()
        .enumerate()
        .map(|(at, (name, _))| (*name, at));
    let keys = legend(named.chain([("other or unknown", GREY)]));
    Some(figure(&chart, &format!("Coloured by genre.{keys}")))
}
