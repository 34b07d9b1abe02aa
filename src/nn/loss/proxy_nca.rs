//! The Proxy-NCA loss.

use burn::tensor::Tensor;

use super::class_logits::cross_entropy;
use super::distances::pairwise;
use super::{Embedded, Loss, Needs, Target};
use crate::layer::{Cx, Start, WeightSpec};
use crate::ops;
use simpipe_artifact::Distance;
use simpipe_base::check;
use simpipe_base::params;

params! {
    /// Proxy-NCA (Movshovitz-Attias et al., 2017, arXiv:1703.07464): each class has a learned proxy `p`, and the loss of a row
    /// `x` of class `y` is `-log(exp(-s |x - p_y|^2) / sum_c exp(-s |x - p_c|^2))`, both at unit length. The batch's loss is
    /// the mean.
    ///
    /// The sum is over all classes, as in pytorch-metric-learning and in ProxyNCA++ (Teh et al., 2020, arXiv:2004.01113); the
    /// first paper leaves the own class out.
    ///
    /// # Shapes
    ///
    /// Learns `loss.proxy-nca.proxies`, `[classes, dim]`.
    pub struct ProxyNca {
        /// `s`: how hard the nearest wrong class counts.
        #[aka("scale", "s", "smoothing_const", "temperature")]
        softmax_scale: f64 = 1.0 => check::positive(),
        /// What the optimiser's learning rate is multiplied by for the proxies; they are usually given 10 to 4,000.
        learning_rate_factor: f64 = 1.0 => check::positive(),
    }
}

const PROXIES: &str = "proxies";

impl Loss for ProxyNca {
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
        let shape = [target.classes, target.dim];
        vec![WeightSpec::new(PROXIES, shape, Start::Normal { std: 1.0 }).at_rate(self.learning_rate_factor)]
    }

    fn forward(&self, batch: &Embedded<'_>, cx: &mut Cx<'_>) -> Tensor<1> {
        let proxies = ops::l2_normalize(cx.weight(PROXIES));
        let squares = pairwise(Distance::SquaredEuclidean, batch.directions(), proxies); // [batch, classes]
        cross_entropy(batch, squares.mul_scalar(-self.softmax_scale), 0.0)
    }
}
