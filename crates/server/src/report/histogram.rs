use crossfade_content::Histogram;

use super::{
    axis::{Axis, Plot, number},
    colour,
};

/// How many values lie where, as shares of all in percent. `factor` turns the values into the axis's unit; `median` is
/// marked.
pub(crate) fn histogram(
    size: (f64, f64),
    label: &str,
    (axis, factor): (&str, f64),
    histogram: &Histogram,
    median: f64,
) -> String {
    let inside: usize = histogram.counts.iter().sum();
    let all = (inside + histogram.below + histogram.above).max(1) as f64;
    let share = |count: usize| 100.0 * count as f64 / all;
    let highest = histogram.counts.iter().copied().max().unwrap_or(0);
    let x = Axis {
        label: axis,
        low: histogram.low * factor,
        high: histogram.high * factor,
    };
    let y = Axis {
        label: "% of tracks",
        low: 0.0,
        high: share(highest.max(1)) * 1.05,
    };
    let mut plot = Plot::new(size, label, (x, y));
    let width = (x.high - x.low) / histogram.counts.len() as f64;
    for (bin, &count) in histogram.counts.iter().enumerate() {
        let from = x.low + width * bin as f64;
        let (left, top) = plot.at((from, share(count)));
        let (right, bottom) = plot.at((from + width, 0.0));
        let tip = format!(
            "{} to {}: {} tracks, {:.1} %",
            number(from),
            number(from + width),
            number(count as f64),
            share(count)
        );
        let gap = if right - left > 4.0 { 1.0 } else { 0.3 };
        let class = format!("bar {}", colour(0));
        plot.svg.rect(
            &class,
            (left, top),
            (right - left - gap, bottom - top),
            &tip,
        );
    }
    let (from, to) = (
        plot.at((median * factor, 0.0)),
        plot.at((median * factor, y.high)),
    );
    plot.svg.line("mark", from, to);
    plot.svg.finish()
}
