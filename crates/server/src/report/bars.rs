use super::{
    axis::{Axis, Scale, number},
    colour,
    svg::Svg,
};

/// A value with its interval.
#[derive(Debug, Clone)]
pub(crate) struct Bar {
    /// What it is.
    pub(crate) label: String,
    /// The value.
    pub(crate) value: f64,
    /// Lower end of its interval.
    pub(crate) low: f64,
    /// Upper end.
    pub(crate) high: f64,
    /// Colour of its group.
    pub(crate) colour: usize,
}

/// Room for the bars' labels, for their numbers and below.
const LEFT: f64 = 190.0;
const RIGHT: f64 = 62.0;
const BOTTOM: f64 = 44.0;
const ROW: f64 = 25.0;

/// Bars from zero, lying, each with its interval and its number.
pub(crate) fn bars(width: f64, label: &str, axis: &str, bars: &[Bar]) -> String {
    let ends = bars
        .iter()
        .flat_map(|bar| [bar.low, bar.high, bar.value, 0.0]);
    let axis = Axis::around(axis, ends);
    let bottom = 8.0 + ROW * bars.len() as f64;
    let mut svg = Svg::new(width, bottom + BOTTOM, label);
    let scale = Scale::new(axis, LEFT, width - RIGHT);
    for tick in axis.ticks(((width - LEFT - RIGHT) / 85.0).max(2.0) as usize) {
        let at = scale.at(tick);
        let class = if tick == 0.0 { "zero" } else { "grid" };
        svg.line(class, (at, 4.0), (at, bottom));
        svg.text("tick mid", (at, bottom + 17.0), &number(tick));
    }
    for (row, bar) in bars.iter().enumerate() {
        let top = 8.0 + ROW * row as f64;
        let middle = top + ROW / 2.0 - 2.0;
        let (from, to) = (scale.at(0.0), scale.at(bar.value));
        let tip = format!(
            "{}: {} [{}, {}]",
            bar.label,
            number(bar.value),
            number(bar.low),
            number(bar.high)
        );
        let class = format!("bar {}", colour(bar.colour));
        let size = ((to - from).abs(), ROW - 9.0);
        svg.rect(&class, (from.min(to), middle - size.1 / 2.0), size, &tip);
        let (low, high) = (scale.at(bar.low), scale.at(bar.high));
        svg.line("whisker", (low, middle), (high, middle));
        for end in [low, high].into_iter().filter(|_| high > low) {
            svg.line("whisker", (end, middle - 4.0), (end, middle + 4.0));
        }
        svg.text("name end", (LEFT - 10.0, middle + 4.0), &bar.label);
        svg.text(
            "tick",
            (width - RIGHT + 10.0, middle + 4.0),
            &number(bar.value),
        );
    }
    let middle = (LEFT + width - RIGHT) / 2.0;
    svg.text("axis mid", (middle, bottom + BOTTOM - 8.0), axis.label);
    svg.finish()
}
