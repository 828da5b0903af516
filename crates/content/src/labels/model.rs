use faer::Mat;

use super::{
    LabelConfig,
    learner::{Examples, Learner, Shape, choose},
    metric::Metric,
};
use crate::kernel::Kernel;
use crate::{Error, Points};

/// Predicts targets of rows: kernel ridge regression in a metric of its own.
pub(super) struct Model {
    metric: Metric,
    pub(super) shape: Shape,
    learner: Learner,
}

impl Model {
    /// Learns with the one of the kernels, and the ridge, of the least leave-one-out error.
    pub(super) fn fit(
        examples: &Examples,
        metric: Metric,
        kernels: &[Kernel],
        config: &LabelConfig,
    ) -> Result<Self, Error> {
        let moved = Examples {
            points: metric.apply(&examples.points),
            targets: examples.targets.clone(),
        };
        let shape = choose(&moved, kernels, config)?;
        let learner = Learner::fit(&moved, shape, config)?;
        Ok(Self {
            metric,
            shape,
            learner,
        })
    }

    /// The targets that rows are expected to have, rows x targets.
    pub(super) fn predict(&self, points: &Points) -> Mat<f64> {
        self.learner.predict(&self.metric.apply(points))
    }
}
