use crossfade_content::{Estimate, GenreReport, NumberReport};

use super::{HALF, number, percent};
use crate::{
    analysis::Analysis,
    report::{Cell, Grid, Series, Spot, escape, figure, heat_map, lines, table},
};

/// How well labels are predicted by how tracks sound.
pub(super) fn section(analysis: &Analysis) -> String {
    let labels = &analysis.labels;
    let mut html = String::from(
        "<p>What is said of each labelled track here was learned from others, in turn for each part of them. So much is to be \
         expected of what is predicted of tracks without the label.</p>",
    );
    if let Some(report) = &labels.genre {
        html += &genre(report);
    }
    if !labels.numbers.is_empty() {
        html += &numbers(&labels.numbers);
    }
    html
}

fn genre(report: &GenreReport) -> String {
    let quality = &report.quality;
    let text = format!(
        "<p>Of {} genres, the most probable one is the track&#39;s own for {} of {} tracks; least squares on the same columns finds \
         {}, and the most frequent genre would be right for {}.</p>",
        report.classes.len(),
        share(quality.accuracy),
        number(report.tracks as f64),
        share(quality.linear_accuracy),
        percent(quality.largest_share),
    );
    text + &confusion(report) + &calibration(report)
}

/// Shares of each genre&#39;s tracks, so that rows add up to one whatever the genre&#39;s size.
fn confusion(report: &GenreReport) -> String {
    let confusion = &report.quality.confusion;
    let values: Vec<Vec<Option<f64>>> = confusion
        .iter()
        .map(|row| {
            let tracks = row.iter().sum::<usize>().max(1) as f64;
            row.iter()
                .map(|&count| Some(count as f64 / tracks))
                .collect()
        })
        .collect();
    let grid = Grid {
        rows: &report.classes,
        columns: &report.classes,
        values: &values,
        full: 1.0,
        what: "share of the genre's tracks",
    };
    let worst = values.iter().enumerate().flat_map(|(i, row)| {
        let others = row.iter().enumerate().filter(move |(j, _)| *j != i);
        others.filter_map(move |(j, share)| Some(((*share)?, i, j)))
    });
    let worst = worst.max_by(|a, b| a.0.total_cmp(&b.0));
    let worst = worst.map_or_else(String::new, |(share, i, j)| {
        let [own, said] = [i, j].map(|class| escape(&report.classes[class]));
        format!(
            " Most often mistaken: {own} for {said}, {}.",
            percent(share)
        )
    });
    figure(
        &heat_map("True and predicted genres", &grid),
        &format!("Rows are true genres, columns what was predicted; rows add up to one.{worst}"),
    )
}

fn calibration(report: &GenreReport) -> String {
    let quality = &report.quality;
    let spots: Vec<Spot> = quality
        .steps
        .iter()
        .map(|step| Spot {
            x: step.confidence,
            y: step.accuracy.value,
            low: step.accuracy.low,
            high: step.accuracy.high,
        })
        .collect();
    let ends = [0.0, 1.0].map(|end| Spot {
        x: end,
        y: end,
        low: end,
        high: end,
    });
    let series = [
        Series {
            name: "calibrated",
            colour: crate::report::GREY,
            spots: &ends,
        },
        Series {
            name: "found",
            colour: 0,
            spots: &spots,
        },
    ];
    let chart = lines(
        HALF,
        "Accuracy by confidence",
        ("probability of the predicted genre", "share that is right"),
        &series,
        None,
    );
    figure(
        &chart,
        &format!(
            "Predictions by their confidence, with 95 % intervals. The expected calibration error is {}; the mean log loss {}.",
            number(quality.calibration_error),
            number(quality.log_loss)
        ),
    )
}

fn numbers(reports: &[NumberReport]) -> String {
    let row = |report: &NumberReport| {
        let quality = &report.quality;
        vec![
            Cell::Text(report.column.clone()),
            Cell::Number(number(report.tracks as f64)),
            Cell::Number(interval(quality.r2)),
            Cell::Number(interval(quality.linear_r2)),
            Cell::Number(interval(quality.gain)),
            Cell::Number(number(quality.expected_error)),
        ]
    };
    let rows: Vec<Vec<Cell>> = reports.iter().map(row).collect();
    let header = [
        "number",
        "tracks",
        "R²",
        "of least squares",
        "gain",
        "expected error",
    ];
    format!(
        "<p>R² is the share of a number&#39;s variance that is predicted, with 95 % intervals over tracks.</p>{}",
        table(&header, &rows)
    )
}

fn share(estimate: Estimate) -> String {
    format!(
        "{} [{}, {}]",
        percent(estimate.value),
        percent(estimate.low),
        percent(estimate.high)
    )
}

fn interval(estimate: Estimate) -> String {
    let [value, low, high] = [estimate.value, estimate.low, estimate.high]
        .map(|value| number((value * 1e3).round() / 1e3));
    format!("{value} [{low}, {high}]")
}
