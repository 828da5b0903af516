//! Tables for people.

use std::path::Path;

use comfy_table::{CellAlignment, Table, presets};
use crossfade_eval::{ArmReport, Comparison, Interval, Metric, Test};

use crate::{
    evaluation::{EpochQuality, Evaluation, Mean},
    pipeline::{Findings, TrainReport},
};

/// A table with a rule below its header, whose columns from `numbers_from` on are aligned to the right.
pub(super) fn table(header: &[&str], numbers_from: usize) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(header);
    for column in table.column_iter_mut().skip(numbers_from) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// The rankings measured on hidden plays.
pub(super) fn findings(findings: &Findings) -> String {
    format!(
        "Hidden plays found ({} users, {} hidden tracks; mean [95 % interval]):\n\n{}\n{}\n\
         Learned blend: {}",
        findings.users,
        findings.hidden,
        arms(&findings.arms),
        comparisons(&findings.comparisons),
        findings.parameters
    )
}

/// All that was found of hidden plays, in short.
pub(super) fn evaluation(found: &Evaluation, page: Option<&Path>) -> String {
    let reports: Vec<ArmReport> = found.arms.iter().map(|arm| arm.report.clone()).collect();
    let mut text = format!(
        "{}.\n{} users, {} hidden tracks; mean [95 % interval]:\n\n{}\n{}\n",
        found.split.text,
        found.users,
        found.hidden,
        arms(&reports),
        tests(&found.comparisons, found.target),
    );
    for (count, what) in [
        (
            found.unknown_users,
            "users have no plays to know them by and were given popular tracks",
        ),
        (
            found.unknown_pairs,
            "hidden tracks have no listeners in training: only content can find them",
        ),
        (
            found.repeated_pairs,
            "hidden tracks are known as well and are not shown: missed",
        ),
    ] {
        if count > 0 {
            text += &format!("{count} {what}\n");
        }
    }
    if !found.curve.is_empty() {
        text += &format!(
            "\nCollaborative, epoch by epoch:\n\n{}\n",
            curve(&found.curve)
        );
    }
    let seconds: f64 = found.epochs.iter().map(|epoch| epoch.seconds).sum();
    text += &format!(
        "dim {}, {} epochs in {seconds:.1} s",
        found.dim,
        found.epochs.len()
    );
    if let Some(parameters) = &found.parameters {
        text += &format!("\nLearned blend: {parameters}");
    }
    if let Some(page) = page {
        let numbers = page.with_file_name("metrics.json");
        text += &format!("\n{}\n{}", page.display(), numbers.display());
    }
    text
}

/// One row for each test.
fn tests(tests: &[Test], metric: Metric) -> String {
    let Some(first) = tests.first() else {
        return String::new();
    };
    let mut rows = table(&["against", "difference", "p, Holm", ""], 1);
    for test in tests {
        rows.add_row([
            test.comparison.baseline.clone(),
            signed(test.comparison.difference),
            format!("{:.4}", test.adjusted),
            test.verdict().to_string(),
        ]);
    }
    format!("\n{} by {metric}:\n\n{rows}\n", first.comparison.arm)
}

/// One row for each epoch.
fn curve(curve: &[EpochQuality]) -> Table {
    let shown = |mean: &&Mean| matches!(mean.metric, Metric::Ndcg(_) | Metric::Recall(_));
    let first = curve.first().map_or(&[][..], |epoch| &epoch.metrics);
    let titles: Vec<String> = first
        .iter()
        .filter(shown)
        .map(|mean| mean.metric.to_string())
        .collect();
    let mut header = vec!["epoch", "seconds"];
    header.extend(titles.iter().map(String::as_str));
    let mut rows = table(&header, 0);
    for epoch in curve {
        let mut row = vec![epoch.epoch.to_string(), format!("{:.2}", epoch.seconds)];
        let means = epoch.metrics.iter().filter(shown);
        row.extend(means.map(|mean| format!("{:.4}", mean.mean)));
        rows.add_row(row);
    }
    rows
}

/// One row for each ranking.
fn arms(arms: &[ArmReport]) -> Table {
    let metrics: Vec<Metric> = arms
        .first()
        .map(|arm| arm.metrics.iter().map(|estimate| estimate.metric).collect())
        .unwrap_or_default();
    let shown = |metric: &&Metric| matches!(metric, Metric::Ndcg(_) | Metric::Recall(_));
    let metrics: Vec<Metric> = metrics.iter().filter(shown).copied().collect();
    let titles: Vec<String> = metrics.iter().map(ToString::to_string).collect();
    let mut header = vec!["ranking"];
    header.extend(titles.iter().map(String::as_str));
    header.push("coverage");
    let mut rows = table(&header, 1);
    for arm in arms {
        let mut row = vec![arm.arm.clone()];
        row.extend(
            metrics
                .iter()
                .map(|&metric| arm.interval(metric).map_or_else(String::new, interval)),
        );
        row.push(format!("{:.1} %", 100.0 * arm.coverage));
        rows.add_row(row);
    }
    rows
}

/// One line for each comparison, an empty one before them.
fn comparisons(comparisons: &[Comparison]) -> String {
    let mut text = String::new();
    for comparison in comparisons {
        let difference = comparison.difference;
        let verdict = match () {
            () if difference.is_positive() => "better",
            () if difference.is_negative() => "worse",
            () => "no clear difference",
        };
        text += &format!(
            "\n{} against {}: {} {} ({verdict})",
            comparison.arm,
            comparison.baseline,
            comparison.metric,
            signed(difference)
        );
    }
    text + "\n"
}

/// What a training did.
pub(super) fn train_report(report: &TrainReport) -> String {
    let mut text = String::new();
    if let Some(validation) = &report.validation {
        text += &findings(validation);
        text += "\n\n";
    }
    text += &format!(
        "{} users, {} tracks ({} cold, of which {} have predicted factors), {} pairs from {} rows\n",
        report.users,
        report.tracks,
        report.cold_tracks,
        report.predicted_tracks,
        report.pairs,
        report.rows
    );
    let loss = report.epochs.last().map_or(f64::NAN, |epoch| epoch.loss);
    text += &format!(
        "dim {}, {} epochs of {:.2} s, loss {loss:.1}, content dim {}\n",
        report.dim,
        report.epochs.len(),
        report.seconds_per_epoch,
        report.content_dim
    );
    for at in &report.index_recall {
        text += &format!(
            "index recall at content weight {}: {:.4}\n",
            at.mix, at.mean
        );
    }
    text + &format!("published {}", report.version)
}

fn interval(interval: Interval) -> String {
    format!(
        "{:.4} [{:.4}, {:.4}]",
        interval.mean, interval.low, interval.high
    )
}

fn signed(interval: Interval) -> String {
    format!(
        "{:+.4} [{:+.4}, {:+.4}]",
        interval.mean, interval.low, interval.high
    )
}
