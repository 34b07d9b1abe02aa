//! The SphereFace loss: a multiple of the angle, at the lengths that rows have.

use burn::tensor::Tensor;

use super::class_logits::{cosines, cross_entropy, lengths, with_margin};
use super::large_margin_softmax::multiply_angle;
use super::{Embedded, Loss, Needs, Target};
use crate::layer::{Cx, Start, WeightSpec};
use simpipe_artifact::Distance;
use simpipe_base::check;
use simpipe_base::params;

params! {
    /// SphereFace (Liu et al., 2017, arXiv:1704.08063): `large-margin-softmax` with weights of unit
    /// length, so that the logits are `scale |x| cos(a)`, and `scale |x| psi(a)` for a row's own class.
    ///
    /// The lengths of rows count: put it behind a `dense` layer, not behind one that normalises. The embedding is compared by
    /// cosine.
    ///
    /// # Shapes
    ///
    /// Learns `loss.sphere-face.weight`, `[dim, classes]`.
    pub struct SphereFace {
        /// What the angle is multiplied by, a whole number; 1 leaves it.
        #[aka("m")]
        margin: usize = 4 => check::between(1, 16),
        /// What the logits are multiplied by.
        #[aka("s", "temperature")]
        scale: f64 = 1.0 => check::positive(),
        /// What the optimiser's learning rate is multiplied by for the learned directions.
        learning_rate_factor: f64 = 1.0 => check::positive(),
    }
}

const WEIGHT: &str = "weight";

impl Loss for SphereFace {
    fn distance(&self) -> Distance {
        Distance::Cosine
    }

    fn learns_lengths(&self) -> bool {
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
        let cosines = cosines(batch, cx.weight(WEIGHT));
        let logits = with_margin(batch, cosines, |own| multiply_angle(own, self.margin));
        let logits = logits * lengths(batch.embeddings.clone());
        cross_entropy(batch, logits.mul_scalar(self.scale), 0.0)
    }
}
