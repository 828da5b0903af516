use super::{HALF, MINUTE, WIDE, percent};
use crate::{
    analysis::{Analysis, Curve, Popularity},
    report::{Bar, Series, Spot, bars, escape, figure, lines, number},
};

/// What goes with popularity.
pub(super) fn section(analysis: &Analysis) -> String {
    let Some(found) = &analysis.popularity else {
        return "<p class=\"note\">With <code>--plays</code>, what goes with popularity stands here.</p>".to_owned();
    };
    let rows: Vec<Bar> = found
        .effects
        .iter()
        .map(|effect| Bar {
            label: effect.column.clone(),
            value: effect.coefficient.per_std,
            low: effect.coefficient.low,
            high: effect.coefficient.high,
            colour: usize::from(effect.coefficient.per_std < 0.0),
        })
        .collect();
    let coefficients = figure(
        &bars(
            WIDE,
            "Coefficients of the columns",
            "change of ln(1 + plays) with one standard deviation of the column",
            &rows,
        ),
        "Ordinary least squares, the other columns held fixed; lines are 95 % intervals, which take the tracks as independent. \
         A coefficient of 0.1 stands for about 10 % more plays.",
    );
    format!("{}{coefficients}{}", verdict(found), curves(found))
}

fn verdict(found: &Popularity) -> String {
    let certain = found.effects.iter().filter(|effect| {
        let coefficient = &effect.coefficient;
        coefficient.low > 0.0 || coefficient.high < 0.0
    });
    format!(
        "<p>How a track sounds explains <b>{}</b> of the variance of ln(1 + plays) over {} tracks ({} of them never played): R² = \
         {}, adjusted {}, residual standard deviation {}. {} of {} coefficients differ from zero. This is what goes together, not \
         what causes what: much of popularity is artist, promotion and time.</p>",
        percent(found.r2),
        number(found.tracks as f64),
        number(found.unplayed as f64),
        number(found.r2),
        number(found.adjusted_r2),
        number(found.residual_std),
        certain.count(),
        found.effects.len()
    )
}

fn curves(found: &Popularity) -> String {
    let chart = |curve: &Curve| {
        let factor = if curve.column.ends_with("_ms") {
            1.0 / MINUTE
        } else {
            1.0
        };
        let name = curve.column.replace("_ms", " (minutes)");
        let spots: Vec<Spot> = curve
            .steps
            .iter()
            .map(|step| Spot {
                x: step.value * factor,
                y: step.mean,
                low: step.low,
                high: step.high,
            })
            .collect();
        let series = Series {
            name: &name,
            colour: 0,
            spots: &spots,
        };
        let chart = lines(
            (HALF.0, 280.0),
            &format!("Popularity by {name}"),
            (&name, "mean ln(1 + plays)"),
            &[series],
            None,
        );
        figure(&chart, &format!("<b>{}</b>", escape(&name)))
    };
    let charts: String = found.curves.iter().map(chart).collect();
    match charts.is_empty() {
        true => charts,
        false => format!(
            "<h3>The strongest columns alone</h3><p>Ten steps of equally many tracks each, with 95 % intervals; here the others \
             are not held fixed.</p><div class=\"two\">{charts}</div>"
        ),
    }
}
