//! The `VICReg` loss of two views.

use burn::tensor::Tensor;

use super::two_views::{self, centred, off_diagonal};
use super::{Embedded, Loss, Needs, zero};
use crate::layer::Cx;
use crate::ops;
use simpipe_artifact::Distance;
use simpipe_base::check;
use simpipe_base::params;

params! {
    /// VICReg (Bardes, Ponce and LeCun, 2022, arXiv:2105.04906) as TensorFlow Similarity has it. The two views `a` and `b` of an
    /// example are to be equal, each number of the embedding is to vary over the examples, and no two are to vary together:
    ///
    /// `lambda mean_i (a_i - b_i)^2
    ///  + mu (v(a) + v(b)) / 2, v(z) = mean_i max(0, 1 - sqrt(var z_i + std-const))
    ///  + nu (c(a) + c(b)), c(z) = sum_(i != j) cov(z_i, z_j)^2 / dim`
    ///
    /// with the biased variance, the unbiased covariance, and the mean of the first term over the batch's examples. A batch of
    /// one example counts 0. On rows of unit length a number's deviation stays near `1 / sqrt(dim)`: leave out the last
    /// normalisation of the network. No label is looked at: `views = 2` says which rows belong together.
    ///
    /// # Shapes
    ///
    /// `[2 examples, dim]` embeddings, view after view, become `[examples]` losses, 0 or more.
    ///
    /// # Example
    ///
    /// ```toml
    /// { vicreg = { lambda = 25, mu = 25, nu = 1 } }
    /// views = 2
    /// ```
    pub struct VicReg {
        /// Weight of the views' likeness.
        #[aka("sim_coeff", "invariance_lambda", "sim_weight", "invariance_weight")]
        lambda: f64 = 25.0 => check::not_negative(),
        /// Weight of the variance.
        #[aka("std_coeff", "variance_mu", "std_weight", "variance_weight")]
        mu: f64 = 25.0 => check::not_negative(),
        /// Weight of the covariance.
        #[aka("cov_coeff", "covariance_v", "cov_weight", "covariance_weight")]
        nu: f64 = 1.0 => check::not_negative(),
        /// Added to a variance before its root.
        #[aka("eps", "epsilon")]
        std_const: f64 = 1e-4 => check::positive(),
    }
}

impl Loss for VicReg {
    fn distance(&self) -> Distance {
        Distance::SquaredEuclidean
    }

    fn learns_lengths(&self) -> bool {
        true
    }

    fn needs(&self) -> Needs {
        Needs { two_views: true, ..Needs::default() }
    }

    fn forward(&self, batch: &Embedded<'_>, _: &mut Cx<'_>) -> Tensor<1> {
        match two_views::of(batch, 2) {
            Some([a, b]) => ops::mean(self.per_example(a, b)),
            None => zero(batch),
        }
    }
}

impl VicReg {
    /// The loss of each example, `[examples]`, from its two views: all but the first term are the batch's.
    fn per_example(&self, a: Tensor<2>, b: Tensor<2>) -> Tensor<1> {
        let apart = (a.clone() - b.clone()).square().mean_dim(1).squeeze_dim::<1>(1); // [examples]
        let [(still_a, together_a), (still_b, together_b)] = [a, b].map(|view| self.spread(view));
        let still = (still_a + still_b).div_scalar(2.0).mul_scalar(self.mu);
        let together = (together_a + together_b).mul_scalar(self.nu);
        apart.mul_scalar(self.lambda) + still + together
    }

    /// How far the numbers of a view fall short of varying, and how much they vary together: `[1]` each.
    fn spread(&self, view: Tensor<2>) -> (Tensor<1>, Tensor<1>) {
        let [examples, dim] = view.dims();
        let (centred, variance) = centred(view);
        let deviation = variance.add_scalar(self.std_const).sqrt();
        let still = ops::mean(deviation.neg().add_scalar(1.0).clamp_min(0.0));
        #[expect(clippy::cast_precision_loss, reason = "a batch has far fewer than 2^52 rows")]
        let (others, dims) = ((examples - 1) as f64, dim as f64);
        let covariance = ops::product(centred.clone().transpose(), centred).div_scalar(others); // [dim, dim]
        let apart = covariance.clone().mask_fill(off_diagonal(dim, &covariance).bool_not(), 0.0);
        (still, ops::sum(apart.square()).div_scalar(dims))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loss::two_views::tests::two_views;

    #[test]
    fn values_and_gradients_are_tensorflow_similaritys() {
        two_views("VicReg", 1, |_| (), VicReg::per_example);
    }
}
