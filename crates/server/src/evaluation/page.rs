//! The page that shows an evaluation, section by section.

use crossfade_eval::{ArmReport, Estimate, Metric};

use super::{ArmResult, Evaluation};
use crate::report::{Bar, Cell, GREY, Page, bars, escape, figure, number, table, tiles};

mod examples;
mod segments;
mod spread;
mod weights;

/// Width of a figure that has the page to itself.
const WIDE: f64 = 1_030.0;
/// Width of one of two figures beside each other.
const HALF: f64 = 500.0;

/// Makes the page.
pub(super) fn render(found: &Evaluation) -> String {
    let mut page = Page::new("Which ranking finds hidden plays", &lead(found));
    page.section("rankings", "Rankings", &rankings(found));
    if weights::by_weight(found).len() > 1 {
        page.section("weight", "Content weight", &weights::weights(found));
    }
    page.section("tests", "Is it chance?", &tests(found));
    page.section(
        "segments",
        "For whom, and of what",
        &segments::segments(found),
    );
    page.section("popularity", "Popularity bias", &spread::popularity(found));
    page.section("variety", "Coverage and variety", &spread::variety(found));
    if !found.examples.is_empty() {
        page.section("examples", "Side by side", &examples::section(found));
    }
    page.finish(&foot(found))
}

fn lead(found: &Evaluation) -> String {
    let count = |value: usize| number(value as f64);
    let mut facts = vec![
        (count(found.users), "users tested"),
        (count(found.hidden), "hidden tracks of theirs"),
        (count(found.tracks), "tracks to find them among"),
        (count(found.arms.len()), "rankings"),
    ];
    let best = |arm: &&ArmResult| arm.report.interval(found.target).map_or(0.0, |at| at.mean);
    let best = found.main_arms().max_by(|a, b| best(a).total_cmp(&best(b)));
    let what = format!("best {}", found.target);
    if let Some(best) = best.and_then(|best| best.report.interval(found.target)) {
        facts.push((number(best.mean), &what));
    }
    let mut notes = String::new();
    for (count, what) in [
        (
            found.unknown_users,
            "users have no plays to know them by and get popular tracks.",
        ),
        (
            found.unknown_pairs,
            "hidden tracks have no listeners in training: only content can find them.",
        ),
        (
            found.repeated_pairs,
            "hidden tracks are known as well and are not shown: they count as missed.",
        ),
    ] {
        if count > 0 {
            notes += &format!("{} {what} ", number(count as f64));
        }
    }
    format!(
        "<p>{}. {notes}</p>{}",
        escape(&found.split.text),
        tiles(&facts)
    )
}

fn foot(found: &Evaluation) -> String {
    let seed = found
        .split
        .seed
        .map_or_else(String::new, |seed| format!(", seed {seed}"));
    let blend = found
        .parameters
        .as_ref()
        .map_or_else(String::new, |parameters| {
            format!(" Learned blend: {parameters}.")
        });
    format!(
        "<p>Made by <code>crossfade evaluate</code> {}{seed}; factors of {} numbers, {} epochs.{blend} All numbers are in \
         <code>metrics.json</code> beside this page.</p>",
        escape(found.program_version),
        found.dim,
        found.epochs.len()
    )
}

/// The colour of each main ranking, everywhere on the page.
fn colour(found: &Evaluation, arm: &str) -> usize {
    let place = found.main_arms().position(|main| main.report.arm == arm);
    place.unwrap_or(GREY)
}

fn bar(found: &Evaluation, report: &ArmReport, estimate: &Estimate) -> Bar {
    Bar {
        label: report.arm.clone(),
        value: estimate.interval.mean,
        low: estimate.interval.low,
        high: estimate.interval.high,
        colour: colour(found, &report.arm),
    }
}

fn rankings(found: &Evaluation) -> String {
    let longest = found
        .arms
        .first()
        .map(|arm| &arm.report.metrics[..])
        .unwrap_or_default();
    let longest = longest
        .iter()
        .map(|estimate| estimate.metric.cutoff())
        .max();
    let charts = [found.target, Metric::Recall(longest.unwrap_or(0))].map(|metric| {
        let estimate = |arm: &ArmResult| {
            let mut metrics = arm.report.metrics.iter();
            let estimate = metrics.find(|estimate| estimate.metric == metric)?;
            Some(bar(found, &arm.report, estimate))
        };
        let rows: Vec<Bar> = found.main_arms().filter_map(estimate).collect();
        let name = metric.to_string();
        let chart = bars(
            HALF,
            &format!("{name} of each ranking"),
            &format!("mean {name}"),
            &rows,
        );
        figure(
            &chart,
            &format!("<b>{name}</b> with 95 % intervals over users."),
        )
    });
    let metrics = found
        .arms
        .first()
        .map(|arm| &arm.report.metrics[..])
        .unwrap_or_default();
    let names: Vec<String> = metrics
        .iter()
        .map(|estimate| estimate.metric.to_string())
        .collect();
    let mut header = vec!["ranking"];
    header.extend(names.iter().map(String::as_str));
    let rows: Vec<Vec<Cell>> = (found.arms.iter())
        .map(|arm| {
            let values = arm.report.metrics.iter().map(interval);
            std::iter::once(Cell::Text(arm.report.arm.clone()))
                .chain(values)
                .collect()
        })
        .collect();
    format!(
        "<div class=\"two\">{}</div>{}<p class=\"note\">A ranking that finds nothing has 0 everywhere, one that starts with all \
         hidden tracks has NDCG 1. Recall and MAP are divided by all of a user's hidden tracks, so lists shorter than these cannot \
         reach 1. Intervals are percentiles of 1,000 resamples of users.</p>",
        charts.concat(),
        table(&header, &rows)
    )
}

/// A mean with its interval below it.
fn interval(estimate: &Estimate) -> Cell {
    let at = estimate.interval;
    Cell::Html(format!(
        "<div class=\"line\">{:.4}</div><div class=\"soft\">{:.4}\u{2013}{:.4}</div>",
        at.mean, at.low, at.high
    ))
}

fn tests(found: &Evaluation) -> String {
    let Some(first) = found.comparisons.first() else {
        return "<p class=\"note\">There is only one ranking.</p>".to_owned();
    };
    let champion = escape(&first.comparison.arm);
    let rows: Vec<Vec<Cell>> = (found.comparisons.iter())
        .map(|test| {
            let at = test.comparison.difference;
            vec![
                Cell::Text(test.comparison.baseline.clone()),
                Cell::Number(signed(at.mean)),
                Cell::Number(format!("{} to {}", signed(at.low), signed(at.high))),
                Cell::Number(p_value(test.p_value)),
                Cell::Number(p_value(test.adjusted)),
                Cell::Text(test.verdict().to_string()),
            ]
        })
        .collect();
    let header = [
        "against",
        "difference",
        "95 % interval",
        "p",
        "p, Holm",
        champion.as_str(),
    ];
    format!(
        "<p><b>{champion}</b> against each other ranking by {}, on the same users. p: two-sided, from 9,999 random exchanges of \
         signs of the users' differences. With Holm's correction, which the verdict goes by, the chance of even one wrong \
         \u{201c}better\u{201d} or \u{201c}worse\u{201d} in this table is at most 5 %.</p>{}",
        found.target,
        table(&header, &rows)
    )
}

fn signed(value: f64) -> String {
    let sign = if value < 0.0 { "\u{2212}" } else { "+" };
    format!("{sign}{:.4}", value.abs())
}

fn p_value(p: f64) -> String {
    match p {
        p if p < 0.001 => format!("{p:.4}"),
        p => format!("{p:.3}"),
    }
}
