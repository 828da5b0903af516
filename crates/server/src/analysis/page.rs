//! The page that shows an analysis, section by section.

use super::{Analysis, Column};
use crate::report::{Cell, Grid, Page, escape, figure, heat_map, histogram, number, table, tiles};

mod clusters;
mod labels;
mod map;
mod popularity;

/// Width of a figure that has the page to itself.
const WIDE: f64 = 1_030.0;
/// Size of one of two figures beside each other.
const HALF: (f64, f64) = (500.0, 440.0);
/// Size of one of many.
const SMALL: (f64, f64) = (320.0, 210.0);
/// Milliseconds of a minute.
const MINUTE: f64 = 60_000.0;

/// Makes the page.
pub(super) fn render(analysis: &Analysis) -> String {
    let mut page = Page::new("What this catalogue is like", &lead(analysis));
    page.section("columns", "Missing and odd values", &columns(analysis));
    page.section("distributions", "Distributions", &distributions(analysis));
    page.section("correlations", "Correlations", &correlations(analysis));
    if let Some(map) = &analysis.map {
        page.section("map", "Map", &map::section(analysis, map));
    }
    page.section("clusters", "Clusters", &clusters::clusters(analysis));
    page.section("kinship", "Kinship", &clusters::kinship(analysis));
    if !analysis.labels.is_empty() {
        page.section("labels", "Labels by sound", &labels::section(analysis));
    }
    page.section("popularity", "Popularity", &popularity::section(analysis));
    page.finish(&foot(analysis))
}

fn lead(analysis: &Analysis) -> String {
    let counts = &analysis.counts;
    let count = |value: usize| number(value as f64);
    let mut facts = vec![
        (count(counts.tracks), "tracks"),
        (count(counts.described), "with audio features"),
    ];
    for (value, what) in [(counts.artists, "artists"), (counts.genres, "genres")] {
        if value > 0 {
            facts.push((count(value), what));
        }
    }
    if let (Some(plays), Some(users)) = (counts.plays, counts.users) {
        facts.push((number(plays as f64), "rows of plays"));
        facts.push((count(users), "users"));
    }
    facts.push((count(analysis.clusters.clusters.len()), "clusters"));
    if let Some(popularity) = &analysis.popularity {
        facts.push((percent(popularity.r2), "of popularity explained"));
    }
    let plays = analysis.sources.plays.as_ref();
    let plays = plays.map_or_else(String::new, |path| {
        format!(" and <code>{}</code>", escape(path))
    });
    let tracks = escape(&analysis.sources.tracks);
    format!("<p>From <code>{tracks}</code>{plays}.</p>{}", tiles(&facts))
}

fn foot(analysis: &Analysis) -> String {
    format!(
        "<p>Made by <code>crossfade analyze</code> {}, seed {}. All numbers are in <code>analysis.json</code> beside this page. \
         Track table: {}.{}</p>",
        escape(analysis.program_version),
        analysis.cluster_settings.seed,
        escape(&analysis.track_report.to_string()),
        match &analysis.play_report {
            Some(report) => format!(" Plays: {}.", escape(&report.to_string())),
            None => String::new(),
        }
    )
}

fn columns(analysis: &Analysis) -> String {
    let counts = &analysis.counts;
    let row = |column: &Column| {
        let summary = &column.summary;
        let odd = column.odd.iter().map(|odd| {
            let share = odd.values as f64 / summary.known as f64;
            let (values, what) = (number(odd.values as f64), escape(&odd.what));
            format!(
                "<div class=\"line\">{values} {what} <span class=\"soft\">{}</span></div>",
                percent(share)
            )
        });
        let odd: String = odd.collect();
        let number = |value: f64| Cell::Number(number(value));
        vec![
            Cell::Text(column.name.clone()),
            Cell::Text(column.unit.unwrap_or_default().to_owned()),
            Cell::Share(summary.missing as f64 / counts.tracks.max(1) as f64),
            number(summary.quantiles[0]),
            number(summary.quantiles[3]),
            number(summary.median()),
            number(summary.quantiles[5]),
            number(summary.quantiles[8]),
            number(summary.mean),
            number(summary.std),
            Cell::Html(odd),
        ]
    };
    let rows: Vec<Vec<Cell>> = analysis.columns.iter().map(row).collect();
    let header = [
        "column",
        "unit",
        "missing",
        "least",
        "25 %",
        "median",
        "75 %",
        "largest",
        "mean",
        "std. dev.",
        "odd values",
    ];
    let mut text = String::new();
    let undescribed = counts.tracks - counts.described;
    if undescribed > 0 {
        text += &format!(
            "{} of {} tracks have none of these columns and take no further part. ",
            number(undescribed as f64),
            number(counts.tracks as f64)
        );
    }
    if counts.repeated > 0 {
        text += &format!(
            "{} tracks have the same values in all columns as another track: mostly one recording under several ids. ",
            number(counts.repeated as f64)
        );
    }
    format!(
        "<p>{text}Far out is what lies beyond three interquartile ranges from the quartiles.</p>{}",
        table(&header, &rows)
    )
}

fn distributions(analysis: &Analysis) -> String {
    let chart = |column: &Column| {
        let summary = &column.summary;
        let (unit, factor) = match column.name.ends_with("_ms") {
            true => ("minutes", 1.0 / MINUTE),
            false => (column.unit.unwrap_or("value"), 1.0),
        };
        let chart = histogram(
            SMALL,
            &format!("Histogram of {}", column.name),
            (unit, factor),
            &summary.histogram,
            summary.median(),
        );
        let outside = summary.histogram.below + summary.histogram.above;
        let mut caption = format!(
            "<b>{}</b>, median {}",
            escape(&column.name),
            number(summary.median() * factor)
        );
        if outside > 0 {
            caption += &format!("; {} outside", number(outside as f64));
        }
        figure(&chart, &caption)
    };
    let charts: String = analysis.columns.iter().map(chart).collect();
    format!(
        "<p>The dashed line is the median. The lowest and the highest thousandth are left out of the picture, not of the \
         numbers.</p><div class=\"small\">{charts}</div>"
    )
}

fn correlations(analysis: &Analysis) -> String {
    let found = &analysis.correlations;
    let grid = Grid {
        rows: &found.columns,
        columns: &found.columns,
        values: &found.values,
        full: 1.0,
        what: "Pearson's r",
    };
    let chart = heat_map("Correlations of the columns", &grid);
    figure(
        &chart,
        &format!(
            "Pearson&#39;s correlation over the tracks where both columns are known. {} Columns that go round in a circle, such \
             as the key, are left out: there is no line through a circle.",
            strongest(analysis)
        ),
    )
}

/// The strongest correlation of two different columns, in words.
fn strongest(analysis: &Analysis) -> String {
    let found = &analysis.correlations;
    let pairs = (0..found.columns.len()).flat_map(|i| (0..i).map(move |j| (i, j)));
    let known = pairs.filter_map(|(i, j)| Some((found.values[i][j]?, i, j)));
    let strongest = known.max_by(|a, b| a.0.abs().total_cmp(&b.0.abs()));
    strongest.map_or_else(String::new, |(r, i, j)| {
        format!(
            "The strongest is that of {} and {}, {}.",
            escape(&found.columns[j]),
            escape(&found.columns[i]),
            number((r * 100.0).round() / 100.0)
        )
    })
}

fn percent(share: f64) -> String {
    let percent = 100.0 * share;
    let decimals = if percent.abs() < 10.0 { 1 } else { 0 };
    format!("{percent:.decimals$} %")
}
