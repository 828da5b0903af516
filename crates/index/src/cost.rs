use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::calibrate::ROUNDS;

/// How long each way to answer takes, as it was measured ([`Index::calibrate`](crate::Index::calibrate)).
///
/// Between the points that were measured, logarithms of seconds are interpolated over logarithms of sizes: costs are
/// products of powers there, nearly.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Costs {
    /// The mixes that were measured, in ascending order.
    pub(crate) mixes: Vec<f32>,
    /// By mix: searches of the screen, over the number of rows allowed and the limit.
    pub(crate) screened: Vec<Surface>,
    /// By mix: going through the allowed rows, over their number and the limit.
    pub(crate) listed: Vec<Surface>,
    /// By mix: asking the graph, over the number of candidates; empty where there is none.
    pub(crate) graph: Vec<Surface>,
}

/// Seconds over two sizes, at the points of a grid.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Surface {
    /// Sizes along either axis, ascending, at least 1.
    pub(crate) axes: [Vec<f64>; 2],
    /// Row-major, above 0.
    pub(crate) seconds: Vec<f64>,
}

impl Costs {
    /// About how long measuring the exact ways again would take, with this many samples of each mix.
    pub fn measuring(&self, samples: usize) -> Duration {
        let surfaces = self.screened.iter().chain(&self.listed);
        let once: f64 = surfaces.flat_map(|surface| &surface.seconds).sum();
        let seconds = once * (samples * ROUNDS) as f64;
        // What no duration can hold is as long as need be.
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
    }

    pub(crate) fn screened(&self, mix: Option<f32>, sizes: [usize; 2]) -> f64 {
        self.at(&self.screened, mix, sizes)
    }

    pub(crate) fn listed(&self, mix: Option<f32>, sizes: [usize; 2]) -> f64 {
        self.at(&self.listed, mix, sizes)
    }

    /// Infinite where no graph was measured.
    pub(crate) fn graph(&self, mix: Option<f32>, candidates: usize) -> f64 {
        match self.graph.is_empty() {
            true => f64::INFINITY,
            false => self.at(&self.graph, mix, [candidates, 1]),
        }
    }

    /// At a mix; without one, in the middle of those that were measured.
    fn at(&self, surfaces: &[Surface], mix: Option<f32>, sizes: [usize; 2]) -> f64 {
        let last = self.mixes.len() - 1;
        let middle = self.mixes[last / 2];
        let mix = mix.filter(|mix| !mix.is_nan()).unwrap_or(middle);
        let above = self.mixes.partition_point(|&known| known < mix).min(last);
        let below = above.saturating_sub(usize::from(self.mixes[above] > mix));
        let [low, high] = [below, above].map(|at| surfaces[at].log_seconds(sizes));
        let width = f64::from(self.mixes[above] - self.mixes[below]);
        let share = match width > 0.0 {
            true => f64::from(mix - self.mixes[below]) / width,
            false => 0.0,
        };
        (low + share * (high - low)).exp()
    }
}

impl Surface {
    fn log_seconds(&self, sizes: [usize; 2]) -> f64 {
        let [x, y] = sizes.map(|size| (size.max(1) as f64).ln());
        let logs = |values: &[f64]| values.iter().map(|value| value.ln()).collect::<Vec<f64>>();
        let [xs, ys] = [&self.axes[0], &self.axes[1]].map(|axis| logs(axis));
        let lines = self.seconds.chunks_exact(ys.len());
        let along: Vec<f64> = lines.map(|line| interpolate(&ys, &logs(line), y)).collect();
        interpolate(&xs, &along, x)
    }
}

/// The line through the points nearest to `x`. Beyond the last ones costs grow at most in proportion, and do not fall.
fn interpolate(xs: &[f64], ys: &[f64], x: f64) -> f64 {
    let last = xs.len() - 1;
    if last == 0 {
        return ys[0];
    }
    let right = xs.partition_point(|&known| known < x).clamp(1, last);
    let left = right - 1;
    let slope = (ys[right] - ys[left]) / (xs[right] - xs[left]);
    match (x < xs[0], x > xs[last]) {
        (true, _) => ys[0] + slope.clamp(0.0, 1.0) * (x - xs[0]),
        (_, true) => ys[last] + slope.clamp(0.0, 1.0) * (x - xs[last]),
        _ => ys[left] + slope * (x - xs[left]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn surface(scale: f64) -> Surface {
        // scale x^0.5 y at the corners of a square.
        Surface {
            axes: [vec![100.0, 10_000.0], vec![10.0, 1_000.0]],
            seconds: [(100.0, 10.0), (100.0, 1e3), (1e4, 10.0), (1e4, 1e3)]
                .map(|(x, y): (f64, f64)| scale * x.sqrt() * y)
                .to_vec(),
        }
    }

    #[test]
    fn products_of_powers_are_predicted_between_the_points_and_beyond() {
        let costs = Costs {
            mixes: vec![0.0, 1.0],
            screened: vec![surface(1.0), surface(4.0)],
            listed: vec![surface(1.0), surface(1.0)],
            graph: Vec::new(),
        };
        let near = |found: f64, expected: f64| {
            assert!((found / expected - 1.0).abs() < 1e-9, "{found} {expected}");
        };
        near(costs.screened(Some(0.0), [400, 50]), 1_000.0);
        near(costs.screened(Some(0.0), [25, 50]), 250.0);
        near(costs.screened(Some(0.0), [40_000, 2_000]), 400_000.0);
        near(costs.screened(Some(1.0), [400, 50]), 4_000.0);
        near(costs.screened(Some(0.5), [400, 50]), 2_000.0);
        near(costs.screened(Some(7.0), [400, 50]), 4_000.0);
        near(costs.screened(Some(f32::NAN), [400, 50]), 1_000.0);
        // Each surface has (10 + 100) (10 + 1000) times its scale, and the scales add up to 7.
        near(
            costs.measuring(3).as_secs_f64(),
            7.0 * 110.0 * 1_010.0 * 6.0,
        );
        assert_eq!(costs.graph(Some(0.0), 400), f64::INFINITY);
    }

    #[test]
    fn costs_that_fall_towards_the_edge_are_not_taken_to_fall_beyond_it() {
        assert_eq!(interpolate(&[1.0, 2.0], &[5.0, 3.0], 3.0), 3.0);
        assert_eq!(interpolate(&[1.0, 2.0], &[5.0, 3.0], 1.5), 4.0);
        assert_eq!(interpolate(&[1.0, 2.0], &[5.0, 3.0], 0.0), 5.0);
        assert_eq!(interpolate(&[1.0, 2.0], &[1.0, 9.0], 3.0), 10.0);
        assert_eq!(interpolate(&[1.0], &[2.0], 9.0), 2.0);
    }
}
