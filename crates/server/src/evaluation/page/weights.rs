use crossfade_eval::{Band, Metric};

use super::HALF;
use crate::{
    evaluation::{ArmResult, Evaluation},
    report::{Series, Spot, figure, legend, lines, number},
};

/// The blends with given content weights, in order of these.
pub(super) fn by_weight(found: &Evaluation) -> Vec<(f64, &ArmResult)> {
    let arms = found.arms.iter();
    let mut arms: Vec<(f64, &ArmResult)> = arms
        .filter_map(|arm| Some((arm.content_weight?, arm)))
        .collect();
    arms.sort_by(|a, b| a.0.total_cmp(&b.0));
    arms
}

/// Means by content weight, of the blends with given ones.
pub(super) fn weights(found: &Evaluation) -> String {
    let arms = by_weight(found);
    let kinds = [
        ("NDCG", Metric::Ndcg as fn(usize) -> Metric),
        ("Recall", Metric::Recall),
    ];
    let variety = found.arms.iter().flat_map(|arm| &arm.variety);
    let mut cutoffs: Vec<usize> = variety.map(|at| at.k).collect();
    cutoffs.sort_unstable();
    cutoffs.dedup();
    let learned = found
        .parameters
        .as_ref()
        .map(|parameters| parameters.content_weight);
    let charts = kinds.map(|(kind, metric)| {
        let names: Vec<String> = cutoffs.iter().map(|&k| metric(k).to_string()).collect();
        let spots: Vec<Vec<Spot>> = (cutoffs.iter())
            .map(|&k| {
                let spot = |(weight, arm): &(f64, &ArmResult)| {
                    let at = arm.report.interval(metric(k))?;
                    Some(Spot {
                        x: *weight,
                        y: at.mean,
                        low: at.low,
                        high: at.high,
                    })
                };
                arms.iter().filter_map(spot).collect()
            })
            .collect();
        let series: Vec<Series<'_>> = (names.iter().zip(&spots).enumerate())
            .map(|(colour, (name, spots))| Series {
                name,
                colour,
                spots,
            })
            .collect();
        let chart = lines(
            (HALF, 330.0),
            &format!("{kind} by content weight"),
            ("content weight", &format!("mean {kind}")),
            &series,
            learned,
        );
        let key = legend(names.iter().map(String::as_str).zip(0..));
        figure(&chart, &format!("<b>{kind}</b>{key}"))
    });
    format!(
        "<p>From what listeners with the same taste play (0) to what sounds like what a user plays (1), with 95 % intervals as \
         bands.{}</p><div class=\"two\">{}</div>",
        match learned {
            Some(weight) => format!(
                " The dashed line is the weight that was learned, {}.",
                number(weight)
            ),
            None => String::new(),
        },
        charts.concat()
    )
}

/// The shares of the bands of popularity by content weight.
pub(super) fn bands_by_weight(found: &Evaluation) -> String {
    let arms = by_weight(found);
    if arms.len() < 2 {
        return String::new();
    }
    let names = Band::ALL.map(|band| band.to_string());
    let spots = Band::ALL.map(|band| -> Vec<Spot> {
        let spot = |(weight, arm): &(f64, &ArmResult)| {
            let share = arm.bands[band as usize];
            Spot {
                x: *weight,
                y: share,
                low: share,
                high: share,
            }
        };
        arms.iter().map(spot).collect()
    });
    let series: Vec<Series<'_>> = (names.iter().zip(&spots).enumerate())
        .map(|(colour, (name, spots))| Series {
            name,
            colour,
            spots,
        })
        .collect();
    let chart = lines(
        (HALF, 300.0),
        "Share of each band of popularity by content weight",
        ("content weight", "share of the first 20 places"),
        &series,
        None,
    );
    let key = legend(names.iter().map(String::as_str).zip(0..));
    figure(&chart, &format!("<b>Bands of popularity</b>{key}"))
}
