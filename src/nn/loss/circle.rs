//! The circle loss.

use burn::tensor::Tensor;

use super::log_sum::log_one_plus_sum_exp_masked;
use super::multi_similarity::smaller_is_nearer;
use super::{Embedded, Loss, Needs};
use crate::layer::Cx;
use crate::ops;
use simpipe_artifact::Distance;
use simpipe_base::check;
use simpipe_base::params;

params! {
    /// Circle loss (Sun et al., 2020, arXiv:2002.10857) in the distance form of TensorFlow Similarity: with a margin `m` and the
    /// distance `d`, the loss of a row is
    ///
    /// `log(1 + sum_P exp(gamma max(0, d + m) (d - m)))
    ///  + log(1 + sum_N exp(gamma max(0, 1 + m - d) (1 - m - d)))`
    ///
    /// and the batch's loss is the mean over *all* its rows; one without a positive or without a negative counts 0. Unlike in
    /// the paper the gradient goes through the factors before the brackets too, as it does in that library.
    ///
    /// # Shapes
    ///
    /// `[batch, dim]` embeddings and `batch` labels become `[batch]` losses, 0 or more.
    pub struct Circle {
        /// How near two embeddings are; the index follows it.
        #[aka("metric", "distance_metric", "similarity", "dist", "metric_type")]
        distance: Distance = Distance::Cosine => smaller_is_nearer(),
        /// Scale.
        #[aka("scale")]
        gamma: f64 = 80.0 => check::positive(),
        /// How far positives and negatives are to stay from the border between them; the paper takes 0.25 to 0.4.
        #[aka("m")]
        margin: f64 = 0.4 => check::finite(),
    }
}

impl Loss for Circle {
    fn distance(&self) -> Distance {
        self.distance
    }

    fn needs(&self) -> Needs {
        Needs { positive_pairs: true, negative_pairs: true, ..Needs::default() }
    }

    fn rows(&self, batch: &Embedded<'_>, _: &mut Cx<'_>) -> Option<Tensor<1>> {
        Some(self.per_example(batch))
    }

    fn forward(&self, batch: &Embedded<'_>, _: &mut Cx<'_>) -> Tensor<1> {
        ops::mean(self.per_example(batch))
    }
}

impl Circle {
    /// The loss of each row, `[batch]`.
    pub(super) fn per_example(&self, batch: &Embedded<'_>) -> Tensor<1> {
        let distance = batch.distances(self.distance); // [batch, references]
        let pairs = batch.pairs();
        let (positive, negative) = (pairs.positive.clone(), pairs.negative.clone());
        let complete = positive.clone().any_dim(1).bool_and(negative.clone().any_dim(1)); // [batch, 1]
        let away = distance.clone().neg();
        let pull = distance.clone().add_scalar(self.margin).clamp_min(0.0) * distance.sub_scalar(self.margin);
        let push = away.clone().add_scalar(1.0 + self.margin).clamp_min(0.0) * away.add_scalar(1.0 - self.margin);
        let pull = log_one_plus_sum_exp_masked(pull.mul_scalar(self.gamma), positive);
        let push = log_one_plus_sum_exp_masked(push.mul_scalar(self.gamma), negative);
        (pull + push).mask_fill(complete.bool_not(), 0.0).squeeze_dim(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden;
    use crate::loss::tfs_tests::{self, Off};

    #[test]
    fn values_and_gradients_are_tensorflow_similaritys() {
        let seen = tfs_tests::per_example(golden::file!("loss_circle"), Circle::per_example);
        assert_eq!(seen, Off { cases: 10, differing: 0, rows: 0 });
    }
}
