use super::{HALF, WIDE, percent};
use crate::{
    analysis::{Analysis, ClusterEntry},
    report::{
        Bar, COLOURS, Cell, Grid, Series, Spot, Tree, bars, escape, figure, heat_map, lines,
        number, table, tree,
    },
};

/// How many clusters there are and what they are like.
pub(super) fn clusters(analysis: &Analysis) -> String {
    let report = &analysis.clusters;
    let spots: Vec<Spot> = report
        .choices
        .iter()
        .map(|choice| Spot {
            x: choice.clusters as f64,
            y: choice.silhouette,
            low: choice.silhouette - 1.96 * choice.std_error,
            high: choice.silhouette + 1.96 * choice.std_error,
        })
        .collect();
    let series = Series {
        name: "clusters:",
        colour: 0,
        spots: &spots,
    };
    let chosen = report.clusters.len();
    let silhouettes = figure(
        &lines(
            (HALF.0, 330.0),
            "Silhouette by number of clusters",
            ("number of clusters", "mean silhouette"),
            &[series],
            Some(chosen as f64),
        ),
        &silhouette_caption(analysis),
    );
    let sizes: Vec<Bar> = report
        .clusters
        .iter()
        .enumerate()
        .map(|(at, cluster)| Bar {
            label: format!("cluster {at}"),
            value: cluster.silhouette,
            low: cluster.silhouette,
            high: cluster.silhouette,
            colour: at,
        })
        .collect();
    let tightness = figure(
        &bars(
            HALF.0,
            "Silhouette of each cluster",
            "mean silhouette",
            &sizes,
        ),
        "How well the tracks of each cluster lie in it: 1 far from all others, 0 on a border, below 0 nearer to another.",
    );
    format!(
        "<p>k-means on {} scaled columns ({}); a missing value counts as average. Music fills this space without gaps, so \
         clusters are regions of a continuum rather than islands: expect low silhouettes.</p>\
         <div class=\"two\">{silhouettes}{tightness}</div>{}{}",
        report.columns.len(),
        escape(&report.columns.join(", ")),
        deviations(analysis),
        profiles(analysis)
    )
}

fn silhouette_caption(analysis: &Analysis) -> String {
    let report = &analysis.clusters;
    let how = match report.asked {
        true => "The number was asked for.",
        false => {
            "The number from 4 on with the highest silhouette was chosen; fewer often score higher and say little more than that \
             loud differs from soft."
        }
    };
    format!(
        "Measured on {} tracks, with 95 % intervals. {how} In {} clusters all tracks together have a silhouette of {}.",
        number(report.sampled as f64),
        report.clusters.len(),
        number(report.silhouette)
    )
}

/// The clusters' means, columns in the order of the first.
fn deviations(analysis: &Analysis) -> String {
    let clusters = &analysis.clusters.clusters;
    let Some(first) = clusters.first() else {
        return String::new();
    };
    let mut columns: Vec<String> = analysis
        .columns
        .iter()
        .map(|column| column.name.clone())
        .collect();
    columns.retain(|name| {
        first
            .deviations
            .iter()
            .any(|deviation| deviation.column == *name)
    });
    let value = |cluster: &ClusterEntry, name: &String| {
        let found = cluster
            .deviations
            .iter()
            .find(|deviation| deviation.column == *name);
        found.map(|deviation| deviation.deviation)
    };
    let row = |cluster: &ClusterEntry| columns.iter().map(|name| value(cluster, name)).collect();
    let values: Vec<Vec<Option<f64>>> = clusters.iter().map(row).collect();
    let rows: Vec<String> = (0..clusters.len())
        .map(|at| format!("cluster {at}"))
        .collect();
    let grid = Grid {
        rows: &rows,
        columns: &columns,
        values: &values,
        full: 1.5,
        what: "standard deviations from the mean of all",
    };
    figure(
        &heat_map("Means of the clusters", &grid),
        "How far each cluster&#39;s mean is from that of all tracks. Columns that clusters do not depend on are shown as well.",
    )
}

fn profiles(analysis: &Analysis) -> String {
    let row = |(at, cluster): (usize, &ClusterEntry)| {
        let genres: Vec<String> = cluster
            .genres
            .iter()
            .map(|genre| {
                format!(
                    "<div>{} <span class=\"soft\">{}, of all {}</span></div>",
                    escape(&genre.genre),
                    percent(genre.share),
                    percent(genre.overall)
                )
            })
            .collect();
        let examples: Vec<String> = cluster
            .examples
            .iter()
            .map(|track| match (&track.title, &track.artist) {
                (Some(title), Some(artist)) => {
                    format!("<div>{} – {}</div>", escape(artist), escape(title))
                }
                (Some(title), None) => format!("<div>{}</div>", escape(title)),
                (None, _) => format!("<div><code>{}</code></div>", escape(&track.track_id)),
            })
            .collect();
        let key = format!("<i class=\"key c{}\"></i>", at % COLOURS);
        vec![
            Cell::Html(format!("<span class=\"key\">{key}{at}</span>")),
            Cell::Html(format!("<b>{}</b>", escape(&cluster.name))),
            Cell::Number(number(cluster.tracks as f64)),
            Cell::Share(cluster.share),
            Cell::Html(match genres.is_empty() {
                true => "<span class=\"soft\">none stands out</span>".to_owned(),
                false => genres.concat(),
            }),
            Cell::Html(examples.concat()),
        ]
    };
    let clusters = analysis.clusters.clusters.iter().enumerate();
    let rows: Vec<Vec<Cell>> = clusters.map(row).collect();
    let header = [
        "",
        "what sets it apart",
        "tracks",
        "share",
        "more frequent genres",
        "tracks at its centre",
    ];
    format!("<h3>Profiles</h3>{}", table(&header, &rows))
}

/// What is like what: dendrograms of clusters and genres.
pub(super) fn kinship(analysis: &Analysis) -> String {
    let report = &analysis.clusters;
    let clusters = report.clusters.iter().enumerate();
    let leaves: Vec<String> = clusters
        .map(|(at, cluster)| format!("{at} {}", cluster.name))
        .collect();
    let colours: Vec<usize> = (0..leaves.len()).collect();
    let of_clusters = Tree {
        leaves: &leaves,
        colours: &colours,
        merges: &report.tree,
        axis: "distance (Ward)",
    };
    let mut html = figure(
        &tree(WIDE, "Dendrogram of the clusters", &of_clusters),
        "The clusters&#39; centres, the nearest joined first: the further to the right, the less alike.",
    );
    if let Some(genres) = &analysis.genres {
        let leaves: Vec<String> = genres
            .genres
            .iter()
            .map(|genre| format!("{} ({})", genre.name, number(genre.tracks as f64)))
            .collect();
        let genre_clusters = genres.genres.iter().map(|genre| genre.cluster as usize);
        let colours: Vec<usize> = genre_clusters.collect();
        let of_genres = Tree {
            leaves: &leaves,
            colours: &colours,
            merges: &genres.tree,
            axis: "mean distance, in standard deviations",
        };
        html += &figure(
            &tree(WIDE, "Dendrogram of the genres", &of_genres),
            "Genres by the mean sound of their tracks (average linkage); in brackets how many tracks, in front the colour of the \
             cluster that most of them are in.",
        );
    }
    html
}
