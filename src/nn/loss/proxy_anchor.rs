//! The proxy anchor loss.

use burn::tensor::Tensor;

use super::log_sum::log_one_plus_sum_exp_masked;
use super::{Embedded, Loss, Needs, Target};
use crate::layer::{Cx, Start, WeightSpec};
use crate::ops;
use simpipe_artifact::Distance;
use simpipe_base::check;
use simpipe_base::params;

params! {
    /// Proxy anchor (Kim et al., 2020, arXiv:2003.13911, equation 4): each class has a learned proxy `p`, and with the cosine
    /// similarity `s`
    ///
    /// `mean over proxies with a positive of log(1 + sum_positives exp(-alpha (s(x, p) - margin)))
    ///  + mean over all proxies of log(1 + sum_negatives exp(alpha (s(x, p) + margin)))`
    ///
    /// # Shapes
    ///
    /// Learns `loss.proxy-anchor.proxies`, `[classes, dim]`.
    pub struct ProxyAnchor {
        /// How much nearer than 1 a positive, and farther than -1 a negative, must be.
        margin: f64 = 0.1 => check::finite(),
        /// How hard the hardest examples count.
        alpha: f64 = 32.0 => check::positive(),
        /// What the optimiser's learning rate is multiplied by for the proxies; the paper takes 100.
        learning_rate_factor: f64 = 1.0 => check::positive(),
    }
}

const PROXIES: &str = "proxies";

impl Loss for ProxyAnchor {
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
        #[expect(clippy::cast_precision_loss, reason = "there are far fewer than 2^52 classes")]
        let std = (2.0 / target.classes.max(1) as f64).sqrt(); // He et al. (2015), by outputs, as the authors start them
        let shape = [target.classes, target.dim];
        vec![WeightSpec::new(PROXIES, shape, Start::Normal { std }).at_rate(self.learning_rate_factor)]
    }

    fn forward(&self, batch: &Embedded<'_>, cx: &mut Cx<'_>) -> Tensor<1> {
        let proxies = ops::l2_normalize(cx.weight::<2>(PROXIES));
        let similarity = ops::product(proxies, batch.directions().transpose()); // [classes, batch]
        let positive = batch.one_hot().transpose().greater_scalar(0.5);
        let present = positive.clone().any_dim(1).float(); // [classes, 1]
        let pull = similarity.clone().sub_scalar(self.margin).mul_scalar(-self.alpha);
        let push = similarity.add_scalar(self.margin).mul_scalar(self.alpha);
        let pull = log_one_plus_sum_exp_masked(pull, positive.clone()); // 0 where there is no positive
        let push = log_one_plus_sum_exp_masked(push, positive.bool_not());
        let proxies_present = ops::sum(present).clamp_min(1.0);
        ops::sum(pull) / proxies_present + ops::mean(push)
    }
}
