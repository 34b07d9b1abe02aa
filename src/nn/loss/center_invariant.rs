//! The regulariser `center-invariant`.

use burn::tensor::Tensor;

use super::{Embedded, Loss, Needs};
use crate::layer::Cx;
use crate::ops;
use simpipe_artifact::Distance;
use simpipe_base::params;

params! {
    /// Keeps embeddings equally long (Wu et al., 2017, "Deep face recognition with center invariant loss"), as
    /// pytorch-metric-learning's `CenterInvariantRegularizer` of embeddings: the mean over all rows `x` of
    ///
    /// `(|x|^2 - mean |x|^2)^2 / 4`
    ///
    /// A term of a `sum`. On rows of unit length it is 0: leave out the last normalisation of the network.
    ///
    /// # Example
    ///
    /// ```toml
    /// { sum = { terms = [{ loss = "triplet" }, { weight = 0.01, loss = "center-invariant" }] } }
    /// ```
    pub struct CenterInvariant {}
}

impl Loss for CenterInvariant {
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
        let length = batch.embeddings.clone().square().sum_dim(1); // [batch, 1]
        let off = length.clone() - length.mean_dim(0);
        ops::mean(off.square()).div_scalar(4.0)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::loss::supervised_tests::value_of;

    #[test]
    fn lengths_by_hand() {
        // Squared lengths 25, 4, 0, 11: their mean is 10, the squares of what is left over 225, 36, 100 and 1.
        let rows = [[3.0, -4.0], [0.0, 2.0], [0.0, 0.0], [11.0_f32.sqrt(), 0.0]];
        let (value, gradient) = value_of(&json!("center-invariant"), rows, 1);
        assert!((value - 362.0 / 16.0).abs() < 1e-4, "{value}");
        // The mean moves too, but the sum of what is left over is 0: 15 * 2 x / (2 * 4).
        assert!((gradient[0] - 11.25).abs() < 1e-4 && (gradient[1] + 15.0).abs() < 1e-4, "{gradient:?}");
    }
}
