//! The P2SGrad loss: cosines to classes as they should be.

use burn::tensor::Tensor;

use super::class_logits::cosines;
use super::{Embedded, Loss, Needs, Target};
use crate::layer::{Cx, Start, WeightSpec};
use crate::ops;
use simpipe_artifact::Distance;
use simpipe_base::check;
use simpipe_base::params;

params! {
    /// P2SGrad (Zhang et al., 2019, arXiv:1905.02479): each class has a learned direction, and the loss is the mean, over rows
    /// and classes, of `(cos(a) - t)^2`, where `t` is 1 for the row's own class and 0 for others: the function whose gradient
    /// the paper gives. It has no parameter to tune.
    ///
    /// # Shapes
    ///
    /// Learns `loss.p2s-grad.weight`, `[dim, classes]`.
    pub struct P2sGrad {
        /// What the optimiser's learning rate is multiplied by for the learned directions.
        learning_rate_factor: f64 = 1.0 => check::positive(),
    }
}

const WEIGHT: &str = "weight";

impl Loss for P2sGrad {
    fn distance(&self) -> Distance {
        Distance::Cosine
    }

    fn takes_directions(&self) -> bool {
        true
    }

    fn needs(&self) -> Needs {
        Needs { known_classes: true, ..Needs::default() }
    }

    fn weights(&self, target: Target) -> Vec<WeightSpec> {
        let shape = [target.dim, target.classes];
        vec![WeightSpec::new(WEIGHT, shape, Start::Normal { std: 1.0 }).at_rate(self.learning_rate_factor)]
    }

    fn forward(&self, batch: &Embedded<'_>, cx: &mut Cx<'_>) -> Tensor<1> {
        ops::mean((cosines(batch, cx.weight(WEIGHT)) - batch.one_hot()).square())
    }
}
