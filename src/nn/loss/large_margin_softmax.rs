//! The large-margin softmax loss: a multiple of the angle, at the lengths that rows and weights have.

use burn::tensor::Tensor;

use super::class_logits::{cosines, cross_entropy, lengths, with_margin};
use super::{Embedded, Loss, Needs, Target};
use crate::layer::{Cx, Start, WeightSpec};
use simpipe_artifact::Distance;
use simpipe_base::check;
use simpipe_base::params;

params! {
    /// Large-margin softmax (Liu et al., 2016, arXiv:1612.02295): a linear classifier without bias whose logit of a row's own
    /// class, `scale |x| |w| cos(a)`, has `psi(a) = (-1)^k cos(margin a) - 2 k` in place of the cosine, with `k` the whole
    /// number of `180 / margin` degrees in the angle: falling everywhere, and never above the cosine. The loss is the mean of
    /// the cross-entropy.
    ///
    /// Lengths count: put it behind a `dense` layer, not behind one that normalises. The embedding is compared by cosine.
    ///
    /// # Shapes
    ///
    /// Learns `loss.large-margin-softmax.weight`, `[dim, classes]`.
    pub struct LargeMarginSoftmax {
        /// What the angle is multiplied by, a whole number; 1 is the plain softmax.
        #[aka("m")]
        margin: usize = 4 => check::between(1, 16),
        /// What the logits are multiplied by.
        #[aka("s", "temperature")]
        scale: f64 = 1.0 => check::positive(),
        /// What the optimiser's learning rate is multiplied by for the weights of the classes.
        learning_rate_factor: f64 = 1.0 => check::positive(),
    }
}

const WEIGHT: &str = "weight";

impl Loss for LargeMarginSoftmax {
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
        let weight = cx.weight::<2>(WEIGHT);
        let cosines = cosines(batch, weight.clone());
        let logits = with_margin(batch, cosines, |own| multiply_angle(own, self.margin));
        let of_classes = lengths(weight.transpose()).transpose(); // [1, classes]
        let logits = logits * lengths(batch.embeddings.clone()) * of_classes;
        cross_entropy(batch, logits.mul_scalar(self.scale), 0.0)
    }
}

/// `(-1)^k cos(m a) - 2 k` of cosines `cos(a)`, with `k` the whole number of `pi / m` in `a`.
pub(super) fn multiply_angle(cosine: Tensor<2>, m: usize) -> Tensor<2> {
    // cos(m a) is Chebyshev's polynomial of the cosine: its gradient is finite everywhere, the angle's is not.
    let (mut before, mut multiple) = (cosine.ones_like(), cosine.clone());
    for _ in 1..m {
        let next = cosine.clone().mul_scalar(2.0) * multiple.clone() - before;
        (before, multiple) = (multiple, next);
    }
    // k counts the borders j pi / m that the angle lies beyond; sign and shift have no gradient.
    let fixed = cosine.detach();
    let (mut sign, mut shift) = (fixed.ones_like(), fixed.zeros_like());
    for border in 1..m {
        #[expect(clippy::cast_precision_loss, reason = "a margin is at most 16")]
        let border = (std::f64::consts::PI * border as f64 / m as f64).cos();
        let beyond = fixed.clone().lower_equal_scalar(border).float();
        sign = sign * beyond.clone().mul_scalar(-2.0).add_scalar(1.0);
        shift = shift + beyond.mul_scalar(2.0);
    }
    sign * multiple - shift
}
