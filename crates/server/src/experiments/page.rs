use chrono::{DateTime, Utc};
use crossfade_experiments::{
    ArmEffect, GuardrailState, Interval, Method, Outcome, Report, Verdict,
};

use crate::report::{
    Bar, Cell, Page, Series, Spot, bars, escape, figure, legend, lines, number, table, tiles,
};

/// Width of a figure.
const WIDE: f64 = 1_030.0;

/// Makes the page about what an experiment has come to.
pub fn render(report: &Report) -> String {
    let title = format!("Experiment {}", report.experiment);
    let mut page = Page::new(&title, &lead(report));
    page.section("effect", "Effect", &effects(report));
    page.section("path", "As users came in", &paths(report));
    page.section("arms", "Arms", &arms(report));
    if report.method == Method::Assign {
        page.section("guardrails", "What it costs", &guardrails(report));
        page.section("arrivals", "Arrivals", &arrivals(report));
    }
    page.finish(&foot(report))
}

/// The verdict in words.
pub(crate) fn verdict(report: &Report) -> String {
    match &report.verdict {
        Verdict::Mismatch => {
            "Users do not arrive as they were dealt out: something is wrong, and nothing else here can be believed.".to_owned()
        }
        Verdict::Better(arm) => format!("{arm} is better than the control."),
        Verdict::Worse(arm) => format!("{arm} is worse than the control."),
        Verdict::Open => "Nothing can be told yet.".to_owned(),
    }
}

/// What is compared, in words.
pub(crate) fn outcome(report: &Report) -> &'static str {
    match (report.method, report.outcome) {
        (Method::Interleave, _) => "preference",
        (Method::Assign, Outcome::TracksPerUser) => "tracks played per user",
        (Method::Assign, Outcome::TracksPerList) => "tracks played per list",
        (Method::Assign, Outcome::Listeners) => "share of users who played any",
    }
}

fn lead(report: &Report) -> String {
    let of = |count: fn(&crossfade_experiments::ArmSummary) -> u64| -> u64 {
        match report.method {
            Method::Assign => report.arms.iter().map(count).sum(),
            // Everybody sees both arms.
            Method::Interleave => report.arms.first().map_or(0, count),
        }
    };
    let count = |value: u64| number(value as f64);
    let played: u64 = report.arms.iter().map(|arm| arm.played).sum();
    let facts = [
        (count(of(|arm| arm.users)), "users shown a list"),
        (count(of(|arm| arm.final_users)), "whose window is over"),
        (count(of(|arm| arm.lists)), "lists they were shown"),
        (count(played), "tracks of these played"),
    ];
    let other = match report.other_lists {
        0 => String::new(),
        lists => format!(
            "<p class=\"note\">{} lists were shown under another definition of the experiment and are left out.</p>",
            count(lists)
        ),
    };
    format!(
        "<p><b>{}</b></p>{}{other}",
        escape(&verdict(report)),
        tiles(&facts)
    )
}

fn foot(report: &Report) -> String {
    let time = DateTime::<Utc>::from_timestamp_millis(report.as_of_ms);
    let time = time.map_or_else(String::new, |time| {
        time.format("%Y-%m-%d %H:%M:%S UTC").to_string()
    });
    format!(
        "<p>Made by <code>crossfade experiment report {}</code> {}, as of {time}. Intervals are asymptotic confidence sequences \
         (Waudby-Smith et al. 2024) and p-values those of the mixture sequential probability ratio test (Johari et al. 2017): over \
         all arms and however often one looks, a verdict is wrong with a chance of {} at most.</p>",
        escape(&report.experiment),
        env!("CARGO_PKG_VERSION"),
        number(report.alpha)
    )
}

fn effects(report: &Report) -> String {
    if report.effects.is_empty() {
        return "<p class=\"note\">No arm has users yet whose window is over.</p>".to_owned();
    }
    let rows: Vec<Bar> = (report.effects.iter().enumerate())
        .map(|(colour, effect)| {
            let shown = effect.effect.relative.unwrap_or(effect.effect.difference);
            Bar {
                label: effect.arm.clone(),
                value: shown.estimate,
                low: shown.low,
                high: shown.high,
                colour,
            }
        })
        .collect();
    let axis = match report
        .effects
        .iter()
        .all(|effect| effect.effect.relative.is_some())
    {
        true => format!("{}, as a share of the control's", outcome(report)),
        false => outcome(report).to_owned(),
    };
    let chart = bars(WIDE, "effect of each arm", &axis, &rows);
    let table = table(
        &[
            "arm",
            "difference",
            "interval",
            "of the control",
            "p",
            "users",
            "shows from",
            "users needed",
            "",
        ],
        &report.effects.iter().map(row).collect::<Vec<_>>(),
    );
    figure(&chart, "Difference from the control with its interval.")
        + &table
        + "<p class=\"note\">\u{201c}Shows from\u{201d} is the least difference that shows at so many users with a chance of 80 %; \
           \u{201c}users needed\u{201d} are those that the worthwhile effect takes.</p>"
}

fn row(effect: &ArmEffect) -> Vec<Cell> {
    let at = &effect.effect;
    let needed = at
        .users_needed
        .map_or("\u{2013}".to_owned(), |users| number(users as f64));
    vec![
        Cell::Text(effect.arm.clone()),
        Cell::Number(signed(at.difference.estimate)),
        Cell::Number(ends(&at.difference)),
        Cell::Number(
            at.relative
                .map_or("\u{2013}".to_owned(), |relative| percent(relative.estimate)),
        ),
        Cell::Number(format!("{:.4}", at.p_value)),
        Cell::Number(number(at.users as f64)),
        Cell::Number(number(at.detectable)),
        Cell::Number(needed),
        Cell::Text(format!("{:?}", effect.direction).to_lowercase()),
    ]
}

fn paths(report: &Report) -> String {
    let spots: Vec<Vec<Spot>> = (report.effects.iter())
        .map(|effect| {
            let looks = effect.effect.path.iter();
            looks
                .map(|look| Spot {
                    x: look.users as f64,
                    y: look.difference.estimate,
                    low: look.difference.low,
                    high: look.difference.high,
                })
                .collect()
        })
        .collect();
    if spots.iter().all(Vec::is_empty) {
        return "<p class=\"note\">The first look is at 100 users of each arm whose window is over.</p>".to_owned();
    }
    let named = report.effects.iter().zip(&spots).enumerate();
    let series: Vec<Series<'_>> = named
        .map(|(colour, (effect, spots))| Series {
            name: &effect.arm,
            colour,
            spots,
        })
        .collect();
    let chart = lines(
        (WIDE, 380.0),
        "effect as users came in",
        (
            "users of both arms",
            &format!("difference in {}", outcome(report)),
        ),
        &series,
        None,
    );
    let key = legend(
        report
            .effects
            .iter()
            .map(|effect| effect.arm.as_str())
            .zip(0..),
    );
    figure(
        &chart,
        &format!(
            "The difference and its interval after so many users, in the order in which their windows were over.{key}"
        ),
    )
}

fn arms(report: &Report) -> String {
    let rows: Vec<Vec<Cell>> = (report.arms.iter())
        .map(|arm| {
            vec![
                Cell::Text(arm.arm.clone()),
                Cell::Number(number(arm.users as f64)),
                Cell::Number(number(arm.final_users as f64)),
                Cell::Number(number(arm.lists as f64)),
                Cell::Number(number(arm.played as f64)),
                Cell::Number(arm.value.map_or("\u{2013}".to_owned(), number)),
                Cell::Number(number(arm.distinct_tracks as f64)),
                Cell::Share(arm.top_artist_share),
                Cell::Number(number(arm.latency_ms)),
            ]
        })
        .collect();
    table(
        &[
            "arm",
            "users",
            "final",
            "lists",
            "played",
            outcome(report),
            "distinct tracks",
            "top artist",
            "ms a list",
        ],
        &rows,
    )
}

fn guardrails(report: &Report) -> String {
    if report.guardrails.is_empty() {
        return "<p class=\"note\">Nothing can be told yet.</p>".to_owned();
    }
    let rows: Vec<Vec<Cell>> = (report.guardrails.iter())
        .map(|guardrail| {
            vec![
                Cell::Text(guardrail.arm.clone()),
                Cell::Text(guardrail.guards.replace('_', " ")),
                Cell::Number(percent(guardrail.change.estimate)),
                Cell::Number(format!(
                    "{} to {}",
                    percent(guardrail.change.low),
                    percent(guardrail.change.high)
                )),
                Cell::Number(percent(guardrail.margin)),
                Cell::Text(state(guardrail.state).to_owned()),
            ]
        })
        .collect();
    table(
        &[
            "arm",
            "guards",
            "change",
            "interval",
            "worse by at most",
            "",
        ],
        &rows,
    )
}

/// What is known of a guardrail, in a word.
pub(crate) fn state(state: GuardrailState) -> &'static str {
    match state {
        GuardrailState::Kept => "kept",
        GuardrailState::Broken => "broken",
        GuardrailState::Open => "open",
    }
}

fn arrivals(report: &Report) -> String {
    let Some(arrivals) = report.mismatch else {
        return String::new();
    };
    let verdict = match arrivals.alarm {
        true => {
            "They do not arrive as they were dealt out: look for lists that are lost or shown twice in one arm."
        }
        false => "They arrive as they were dealt out, as far as can be told.",
    };
    format!(
        "<p>{verdict} p = {:.4} (Lindon and Malek 2022), and below 0.001 is an alarm.</p>",
        arrivals.p_value
    )
}

/// A number with its sign.
pub(crate) fn signed(value: f64) -> String {
    let sign = if value < 0.0 { "\u{2212}" } else { "+" };
    format!("{sign}{}", number(value.abs()))
}

/// Both ends of an interval.
pub(crate) fn ends(interval: &Interval) -> String {
    format!("{} to {}", signed(interval.low), signed(interval.high))
}

/// A share as a percentage with its sign.
pub(crate) fn percent(share: f64) -> String {
    let sign = if share < 0.0 { "\u{2212}" } else { "+" };
    format!("{sign}{:.1} %", 100.0 * share.abs())
}
