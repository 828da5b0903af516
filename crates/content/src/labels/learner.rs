use faer::Mat;
use rayon::prelude::*;

use super::{LabelConfig, folds::Folds};
use crate::kernel::Kernel;
use crate::kernel_ridge::KernelRidge;
use crate::sample::sample;
use crate::{Error, Points};

/// Rows, and what is known of them.
#[derive(Debug)]
pub(super) struct Examples {
    pub(super) points: Points,
    /// A row of targets for each point.
    pub(super) targets: Mat<f64>,
}

impl Examples {
    pub(super) fn select(&self, rows: &[usize]) -> Self {
        Self {
            points: select(&self.points, rows),
            targets: Mat::from_fn(rows.len(), self.targets.ncols(), |i, j| {
                self.targets[(rows[i], j)]
            }),
        }
    }
}

/// The rows chosen.
pub(super) fn select(points: &Points, rows: &[usize]) -> Points {
    let rows: Vec<u32> = rows.iter().map(|&row| row as u32).collect();
    points.select(&rows)
}

/// Settings of kernel ridge regression.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Shape {
    pub(super) kernel: Kernel,
    pub(super) ridge: f64,
}

/// Kernel ridge regression on deviations from the mean.
#[derive(Debug)]
pub(super) struct Learner {
    means: Vec<f64>,
    ridge: KernelRidge,
}

impl Learner {
    pub(super) fn fit(
        examples: &Examples,
        shape: Shape,
        config: &LabelConfig,
    ) -> Result<Self, Error> {
        let (means, deviations) = centred(&examples.targets);
        let points = (examples.points.as_slice(), examples.points.dim());
        let numbers = (shape.kernel, shape.ridge);
        Ok(Self {
            means,
            ridge: KernelRidge::fit(points, &deviations, numbers, config.landmarks)?,
        })
    }

    /// A row of predictions for each point.
    pub(super) fn predict(&self, points: &Points) -> Mat<f64> {
        let mut found = self.ridge.predict(points.as_slice());
        for (j, mean) in self.means.iter().enumerate() {
            for i in 0..found.nrows() {
                found[(i, j)] += mean;
            }
        }
        found
    }
}

/// Means of the columns, and what is left without them.
fn centred(targets: &Mat<f64>) -> (Vec<f64>, Mat<f64>) {
    let rows = targets.nrows();
    let mean = |j| (0..rows).map(|i| targets[(i, j)]).sum::<f64>() / rows.max(1) as f64;
    let means: Vec<f64> = (0..targets.ncols()).map(mean).collect();
    let deviations = Mat::from_fn(rows, targets.ncols(), |i, j| targets[(i, j)] - means[j]);
    (means, deviations)
}

/// The pair of settings with the least mean square error of predictions of each example from all others, on a sample of them.
pub(super) fn choose(
    examples: &Examples,
    kernels: &[Kernel],
    config: &LabelConfig,
) -> Result<Shape, Error> {
    let pairs = kernels.iter().flat_map(|&kernel| {
        let ridges = config.ridges.iter();
        ridges.map(move |&ridge| Shape { kernel, ridge })
    });
    let pairs: Vec<Shape> = pairs.collect();
    if let [only] = pairs[..] {
        return Ok(only);
    }
    let rows = sample(examples.points.len(), config.choice_rows, config.seed);
    let rows: Vec<usize> = rows.into_iter().map(|row| row as usize).collect();
    let sampled = examples.select(&rows);
    let (_, deviations) = centred(&sampled.targets);
    let points = (sampled.points.as_slice(), sampled.points.dim());
    let judge = |shape: &Shape| {
        let numbers = (shape.kernel, shape.ridge);
        let found = KernelRidge::left_out(points, &deviations, numbers)?;
        Ok(squared_error(&found, &deviations))
    };
    let judged: Vec<f64> = pairs.par_iter().map(judge).collect::<Result<_, Error>>()?;
    let best = judged.iter().zip(&pairs).min_by(|a, b| a.0.total_cmp(b.0));
    let (_, best) = best.expect("invariant: validated settings have a pair");
    Ok(*best)
}

/// The mean square difference.
fn squared_error(found: &Mat<f64>, expected: &Mat<f64>) -> f64 {
    let cells = (0..found.ncols()).flat_map(|j| (0..found.nrows()).map(move |i| (i, j)));
    let sum: f64 = cells
        .map(|cell| (found[cell] - expected[cell]).powi(2))
        .sum();
    sum / (found.nrows() * found.ncols()).max(1) as f64
}

/// What is said of each example by what was learned from the other folds: `predict` learns from the first examples and
/// predicts the second points.
pub(super) fn out_of_fold(
    examples: &Examples,
    folds: &Folds,
    predict: impl Fn(&[usize], &[usize]) -> Result<Mat<f64>, Error> + Sync,
) -> Result<Mat<f64>, Error> {
    let parts: Vec<(Vec<usize>, Mat<f64>)> = folds
        .numbers()
        .into_par_iter()
        .map(|fold| {
            let (learned, tested) = folds.parted(fold);
            let found = predict(&learned, &tested)?;
            Ok((tested, found))
        })
        .collect::<Result<_, Error>>()?;
    let mut out = Mat::zeros(examples.targets.nrows(), examples.targets.ncols());
    for (tested, found) in &parts {
        for (i, &row) in tested.iter().enumerate() {
            for j in 0..found.ncols() {
                out[(row, j)] = found[(i, j)];
            }
        }
    }
    Ok(out)
}
