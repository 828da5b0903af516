use crossfade_eval::Band;

use super::{HALF, WIDE, colour, weights::bands_by_weight};
use crate::{
    evaluation::Evaluation,
    report::{Bar, Cell, Grid, bars, figure, heat_map, number, table},
};

/// How popular the tracks are that lists show.
pub(super) fn popularity(found: &Evaluation) -> String {
    let mut rows = vec!["known plays".to_owned(), "hidden plays".to_owned()];
    let mut values: Vec<Vec<Option<f64>>> = (found.listening_bands.iter())
        .map(|shares| shares.iter().copied().map(Some).collect())
        .collect();
    for arm in &found.arms {
        rows.push(arm.report.arm.clone());
        values.push(arm.bands.iter().copied().map(Some).collect());
    }
    let columns = Band::ALL.map(|band| band.to_string());
    let grid = Grid {
        rows: &rows,
        columns: &columns,
        values: &values,
        full: 1.0,
        what: "share of places",
    };
    let map = figure(
        &heat_map("Share of each band of popularity in the lists", &grid),
        "Shares of the first 20 places, and of what the tested users play. A ranking whose head is larger than that of the plays \
         pushes what is popular already.",
    );
    let novelty: Vec<Bar> = (found.main_arms())
        .filter_map(|arm| {
            let at = arm.variety.first()?.novelty;
            Some(Bar {
                label: arm.report.arm.clone(),
                value: at.mean,
                low: at.low,
                high: at.high,
                colour: colour(found, &arm.report.arm),
            })
        })
        .collect();
    let k = found
        .arms
        .first()
        .and_then(|arm| arm.variety.first())
        .map_or(0, |variety| variety.k);
    let chart = bars(
        HALF,
        "Novelty of each ranking",
        &format!("novelty of the first {k}, in bits"),
        &novelty,
    );
    let novelty = figure(
        &chart,
        "<b>Novelty</b>: one bit more means half as many listeners, on average over a list.",
    );
    format!(
        "<div class=\"two\">{map}<div>{novelty}{}</div></div>",
        bands_by_weight(found)
    )
}

/// How much of the catalogue lists show, and how different their tracks are.
pub(super) fn variety(found: &Evaluation) -> String {
    let rows: Vec<Vec<Cell>> = (found.arms.iter())
        .flat_map(|arm| {
            arm.variety.iter().map(|at| {
                vec![
                    Cell::Text(arm.report.arm.clone()),
                    Cell::Number(at.k.to_string()),
                    Cell::Share(at.coverage),
                    Cell::Number(format!("{:.3}", at.gini)),
                    Cell::Number(format!("{:.2}", at.novelty.mean)),
                    Cell::Number(at.diversity.map_or_else(
                        || "\u{2013}".to_owned(),
                        |at| format!("{:.3} ({:.3}\u{2013}{:.3})", at.mean, at.low, at.high),
                    )),
                ]
            })
        })
        .collect();
    let coverage: Vec<Bar> = (found.main_arms())
        .filter_map(|arm| {
            let at = arm.variety.last()?;
            Some(Bar {
                label: arm.report.arm.clone(),
                value: 100.0 * at.coverage,
                low: 100.0 * at.coverage,
                high: 100.0 * at.coverage,
                colour: colour(found, &arm.report.arm),
            })
        })
        .collect();
    let longest = found
        .arms
        .first()
        .and_then(|arm| arm.variety.last())
        .map_or(0, |variety| variety.k);
    let chart = figure(
        &bars(
            WIDE,
            "Coverage of each ranking",
            &format!("tracks that any of the lists of {longest} shows, in % of the catalogue"),
            &coverage,
        ),
        &format!(
            "<b>Coverage</b> over the lists of {} users.",
            number(found.users as f64)
        ),
    );
    let header = [
        "ranking",
        "places",
        "coverage",
        "Gini",
        "novelty, bits",
        "diversity",
    ];
    format!(
        "{chart}<p>Gini: 0 where all tracks are shown equally often, near 1 where one gets it all. Diversity: mean of 1 \u{2212} cosine \
         of the content embeddings over all pairs of a list, with 95 % intervals.</p>{}",
        table(&header, &rows)
    )
}
