use std::fmt::Write;

use super::{
    axis::{Axis, Plot, number},
    colour,
};

/// A point of a line with its interval.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spot {
    /// Where.
    pub(crate) x: f64,
    /// The value.
    pub(crate) y: f64,
    /// Lower end of its interval.
    pub(crate) low: f64,
    /// Upper end.
    pub(crate) high: f64,
}

/// A line, from left to right.
#[derive(Debug, Clone)]
pub(crate) struct Series<'a> {
    /// What it is.
    pub(crate) name: &'a str,
    /// Colour of its group.
    pub(crate) colour: usize,
    /// Its points.
    pub(crate) spots: &'a [Spot],
}

/// Lines with their intervals as bands; a point of special meaning is marked at `marked`.
pub(crate) fn lines(
    size: (f64, f64),
    label: &str,
    axes: (&str, &str),
    series: &[Series<'_>],
    marked: Option<f64>,
) -> String {
    let spots = || series.iter().flat_map(|series| series.spots);
    let x = Axis::around(axes.0, spots().map(|spot| spot.x));
    let y = Axis::around(
        axes.1,
        spots().flat_map(|spot| [spot.low, spot.high, spot.y]),
    );
    let mut plot = Plot::new(size, label, (x, y));
    if let Some(x) = marked {
        let (from, to) = (plot.at((x, y.low)), plot.at((x, y.high)));
        plot.svg.line("mark", from, to);
    }
    for series in series {
        let colour = colour(series.colour);
        let upper = series.spots.iter().map(|spot| (spot.x, spot.high));
        let lower = series.spots.iter().rev().map(|spot| (spot.x, spot.low));
        let band = path(&plot, upper.chain(lower));
        plot.svg.path(&format!("band {colour}"), &(band + "Z"));
        let line = path(&plot, series.spots.iter().map(|spot| (spot.x, spot.y)));
        plot.svg.path(&format!("line {colour}"), &line);
        for spot in series.spots {
            let tip = format!(
                "{} {}: {} [{}, {}]",
                series.name,
                number(spot.x),
                number(spot.y),
                number(spot.low),
                number(spot.high)
            );
            let at = plot.at((spot.x, spot.y));
            let radius = if marked == Some(spot.x) { 5.0 } else { 3.2 };
            plot.svg.circle(&format!("dot {colour}"), at, radius, &tip);
        }
    }
    plot.svg.finish()
}

fn path(plot: &Plot, points: impl Iterator<Item = (f64, f64)>) -> String {
    let mut data = String::new();
    for (at, point) in points.enumerate() {
        let (x, y) = plot.at(point);
        let verb = if at == 0 { 'M' } else { 'L' };
        write!(data, "{verb}{x:.1} {y:.1}").expect("invariant: writing to a string cannot fail");
    }
    data
}
