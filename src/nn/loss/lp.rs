//! The regulariser `lp`.

use burn::tensor::Tensor;

use super::{Embedded, Loss, Needs};
use crate::layer::Cx;
use crate::ops;
use simpipe_artifact::Distance;
use simpipe_base::check;
use simpipe_base::params;

params! {
    /// Keeps embeddings short, as pytorch-metric-learning's `LpRegularizer`: the mean over all rows `x` of
    ///
    /// `(sum_i |x_i|^p)^(power / p)`
    ///
    /// A term of a `sum`. On rows of unit length it is constant at `p = 2`: leave out the last normalisation of the network.
    ///
    /// # Example
    ///
    /// ```toml
    /// { sum = { terms = [{ loss = "triplet" }, { weight = 0.01, loss = "lp" }] } }
    /// ```
    pub struct Lp {
        /// Which norm: 1 adds absolute values, 2 is the length.
        #[aka("norm")]
        p: f64 = 2.0 => check::between(1.0, 100.0),
        /// The power of the norm.
        power: f64 = 1.0 => check::between(0.1, 10.0),
    }
}

impl Loss for Lp {
    /// Never asked for: a regulariser decides nothing.
    fn distance(&self) -> Distance {
        Distance::Euclidean
    }

    fn needs(&self) -> Needs {
        Needs::default()
    }

    fn is_objective(&self) -> bool {
        false
    }

    fn forward(&self, batch: &Embedded<'_>, _: &mut Cx<'_>) -> Tensor<1> {
        let size = batch.embeddings.clone().abs();
        // Numbers go to high powers: those of each row by its largest.
        let largest = size.clone().detach().max_dim(1); // [batch, 1]
        let nothing = largest.clone().equal_scalar(0.0);
        let largest = largest.mask_fill(nothing, 1.0);
        let size = size / largest.clone();
        let zero = size.clone().equal_scalar(0.0);
        // 0 to a power below 1 has no gradient: such numbers, and rows of nothing else, are left out.
        let powers = size.mask_fill(zero.clone(), 1.0).powf_scalar(self.p).mask_fill(zero, 0.0);
        let sum = powers.sum_dim(1); // [batch, 1]
        let empty = sum.clone().equal_scalar(0.0);
        let norms =
            sum.mask_fill(empty.clone(), 1.0).powf_scalar(self.power / self.p) * largest.powf_scalar(self.power);
        ops::mean(norms.mask_fill(empty, 0.0))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::loss::supervised_tests::value_of;

    #[test]
    fn norms_by_hand() {
        let rows = [[3.0, -4.0], [0.0, 0.0], [0.0, 2.0], [1.0, 0.0]];
        for (params, expected) in [
            (json!({}), (5.0 + 0.0 + 2.0 + 1.0) / 4.0),
            (json!({ "p": 1 }), (7.0 + 2.0 + 1.0) / 4.0),
            (json!({ "power": 2 }), (25.0 + 4.0 + 1.0) / 4.0),
            (json!({ "p": 3, "power": 3 }), (27.0 + 64.0 + 8.0 + 1.0) / 4.0),
        ] {
            let (value, gradient) = value_of(&json!({ "lp": params }), rows, 1);
            assert!((value - expected).abs() < 1e-5, "{params}: {value} {expected}");
            assert!(gradient.iter().all(|value| value.is_finite()) && gradient[2..4] == [0.0; 2], "{gradient:?}");
        }
        // By the length of (3, -4): (0.6, -0.8), a fourth of it in the mean.
        let (_, gradient) = value_of(&json!("lp"), rows, 1);
        assert!((gradient[0] - 0.15).abs() < 1e-6 && (gradient[1] + 0.2).abs() < 1e-6, "{gradient:?}");
    }
}
