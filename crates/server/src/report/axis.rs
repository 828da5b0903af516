use super::svg::Svg;

/// What an axis shows, and from where to where.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Axis<'a> {
    /// Name and unit.
    pub(crate) label: &'a str,
    /// Its least value.
    pub(crate) low: f64,
    /// Its largest value.
    pub(crate) high: f64,
}

impl<'a> Axis<'a> {
    /// An axis that has all of `values`, with a little room at both ends.
    pub(crate) fn around(label: &'a str, values: impl Iterator<Item = f64>) -> Self {
        let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
            (low.min(value), high.max(value))
        });
        let (low, high) = if low <= high { (low, high) } else { (0.0, 1.0) };
        let room = match high > low {
            true => 0.04 * (high - low),
            false => 0.5 * low.abs().max(1.0),
        };
        Self {
            label,
            low: low - room,
            high: high + room,
        }
    }

    /// Round values along it: about `count` of them.
    pub(super) fn ticks(&self, count: usize) -> Vec<f64> {
        let rough = (self.high - self.low) / count as f64;
        let power = 10.0_f64.powf(rough.log10().floor());
        let steps = [1.0, 2.0, 5.0, 10.0].map(|step| step * power);
        let off = |step: &f64| (step / rough).ln().abs();
        let nearest = steps.into_iter().min_by(|a, b| off(a).total_cmp(&off(b)));
        let step = nearest.unwrap_or(rough);
        let first = (self.low / step - 1e-9).ceil() as i64;
        let last = (self.high / step + 1e-9).floor() as i64;
        (first..=last).map(|tick| tick as f64 * step).collect()
    }
}

/// Where the values of an axis lie in a drawing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    low: f64,
    per_value: f64,
    start: f64,
}

impl Scale {
    pub(super) fn new(axis: Axis<'_>, start: f64, end: f64) -> Self {
        let range = axis.high - axis.low;
        Self {
            low: axis.low,
            per_value: (end - start) / if range > 0.0 { range } else { 1.0 },
            start,
        }
    }

    pub(super) fn at(&self, value: f64) -> f64 {
        self.start + (value - self.low) * self.per_value
    }
}

/// A drawing with two axes, a grid and their labels.
#[derive(Debug)]
pub(super) struct Plot {
    pub(super) svg: Svg,
    pub(super) x: Scale,
    pub(super) y: Scale,
}

/// Room beside the plot for its axes.
const LEFT: f64 = 58.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 44.0;

impl Plot {
    pub(super) fn new(
        (width, height): (f64, f64),
        label: &str,
        (x, y): (Axis<'_>, Axis<'_>),
    ) -> Self {
        let (right, bottom) = (width - RIGHT, height - BOTTOM);
        let mut plot = Self {
            svg: Svg::new(width, height, label),
            x: Scale::new(x, LEFT, right),
            y: Scale::new(y, bottom, TOP),
        };
        for tick in y.ticks(((bottom - TOP) / 38.0).max(2.0) as usize) {
            let at = plot.y.at(tick);
            plot.svg.line("grid", (LEFT, at), (right, at));
            plot.svg
                .text("tick end", (LEFT - 7.0, at + 4.0), &number(tick));
        }
        for tick in x.ticks(((right - LEFT) / 60.0).max(2.0) as usize) {
            let at = plot.x.at(tick);
            plot.svg.line("grid", (at, TOP), (at, bottom));
            plot.svg
                .text("tick mid", (at, bottom + 17.0), &number(tick));
        }
        plot.svg
            .text("axis mid", ((LEFT + right) / 2.0, height - 8.0), x.label);
        plot.svg
            .upright("axis mid", (14.0, (TOP + bottom) / 2.0), y.label);
        plot
    }

    pub(super) fn at(&self, (x, y): (f64, f64)) -> (f64, f64) {
        (self.x.at(x), self.y.at(y))
    }
}

/// A number as people read it: three or four digits that count, thousands apart, a true minus.
pub(crate) fn number(value: f64) -> String {
    if !value.is_finite() {
        return "–".to_owned();
    }
    let decimals = match value.abs() {
        0.0 => 0,
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 1.0 => 2,
        size if size >= 0.01 => 3,
        size => (2.0 - size.log10().floor()).min(9.0) as usize,
    };
    let text = format!("{:.decimals$}", value.abs());
    let text = match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => thousands(&text),
    };
    let is_negative = value < 0.0 && text != "0";
    format!("{}{text}", if is_negative { "\u{2212}" } else { "" })
}

/// Four digits are not parted, so that years look like years.
fn thousands(digits: &str) -> String {
    if digits.len() < 5 {
        return digits.to_owned();
    }
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let cases = [
            (0.0, "0"),
            (-0.0, "0"),
            (1_234_567.8, "1,234,568"),
            (-60.0, "\u{2212}60"),
            (2_024.0, "2024"),
            (12.34, "12.3"),
            (0.100_04, "0.1"),
            (0.000_123_4, "0.000123"),
            (f64::NAN, "–"),
        ];
        for (value, expected) in cases {
            assert_eq!(number(value), expected);
        }
    }

    #[test]
    fn ticks_are_round_and_within() {
        let axis = |low, high| Axis {
            label: "",
            low,
            high,
        };
        assert_eq!(
            axis(0.0, 1.0).ticks(5),
            [0.0, 0.2, 0.4, 0.6000000000000001, 0.8, 1.0]
        );
        assert_eq!(axis(-61.0, 4.0).ticks(4), [-60.0, -40.0, -20.0, 0.0]);
        let around = Axis::around("", [5.0].into_iter());
        assert!(around.low < 5.0 && around.high > 5.0);
        assert!(Axis::around("", [].into_iter()).high > 0.0);
    }
}
