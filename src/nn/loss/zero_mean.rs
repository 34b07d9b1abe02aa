//! The regulariser `zero-mean`.

use burn::tensor::Tensor;

use super::{Embedded, Loss, Needs};
use crate::layer::Cx;
use crate::ops;
use simpipe_artifact::Distance;
use simpipe_base::params;

params! {
    /// Keeps the numbers of each embedding centred, as the distance `snr` assumes (Yuan et al., 2019, arXiv:1904.02616), like
    /// pytorch-metric-learning's `ZeroMeanRegularizer`: the mean over all rows `x` of
    ///
    /// `|sum_i x_i|`
    ///
    /// A term of a `sum`.
    ///
    /// # Example
    ///
    /// ```toml
    /// { sum = { terms = [{ loss = "triplet" }, { weight = 0.01, loss = "zero-mean" }] } }
    /// ```
    pub struct ZeroMean {}
}

impl Loss for ZeroMean {
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
        ops::mean(batch.embeddings.clone().sum_dim(1).abs())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::loss::supervised_tests::value_of;

    #[test]
    fn sums_by_hand() {
        let (value, gradient) = value_of(&json!("zero-mean"), [[3.0, -4.0], [0.0, 2.0], [1.0, -1.0], [0.5, 0.5]], 1);
        assert_eq!(value, (1.0 + 2.0 + 0.0 + 1.0) / 4.0);
        assert_eq!(gradient, [-0.25, -0.25, 0.25, 0.25, 0.0, 0.0, 0.25, 0.25]);
    }
}
