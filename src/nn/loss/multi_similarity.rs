//! The multi-similarity loss.

use burn::tensor::{Bool, Tensor};

use super::batch::PairMasks;
use super::log_sum::log_one_plus_sum_exp_masked;
use super::{Embedded, Loss, Needs};
use crate::layer::Cx;
use crate::ops;
use simpipe_artifact::Distance;
use simpipe_base::check::{self, Check};
use simpipe_base::params;

params! {
    /// Multi-similarity loss (Wang et al., 2019, arXiv:1904.06627), in the distance form of TensorFlow Similarity.
    ///
    /// Of an anchor's positives those farther than its nearest negative minus epsilon are kept, of its negatives those
    /// nearer than its farthest positive plus epsilon. An anchor counts if it keeps some of both; its loss is
    ///
    /// `log(1 + sum_P exp(alpha (d + lambda - center))) / alpha
    ///  + log(1 + sum_N exp(-beta (d + lambda - center))) / beta`
    ///
    /// and the batch's loss is the mean over *all* its rows.
    ///
    /// # Shapes
    ///
    /// `[batch, dim]` embeddings and `batch` labels become `[batch]` losses, 0 or more.
    pub struct MultiSimilarity {
        /// How near two embeddings are; the index follows it.
        #[aka("metric", "distance_metric", "similarity", "dist", "metric_type")]
        distance: Distance = Distance::Cosine => smaller_is_nearer(),
        /// Weight of the positives.
        alpha: f64 = 2.0 => check::positive(),
        /// Weight of the negatives.
        beta: f64 = 40.0 => check::positive(),
        /// Margin of the mining.
        #[aka("eps", "margin")]
        epsilon: f64 = 0.1 => check::finite(),
        /// Shift of the distances.
        #[aka("base", "shift", "lmda")]
        lambda: f64 = 0.5 => check::finite(),
        /// Centre of the distances.
        #[aka("centre")]
        center: f64 = 1.0 => check::finite(),
    }
}

pub(super) fn smaller_is_nearer() -> Check<Distance> {
    Check::new("a distance of which smaller means nearer", |distance: &Distance| !distance.larger_is_nearer())
}

impl Loss for MultiSimilarity {
    fn distance(&self) -> Distance {
        self.distance
    }

    fn needs(&self) -> Needs {
        Needs { positive_pairs: true, negative_pairs: true, ..Needs::default() }
    }

    fn forward(&self, batch: &Embedded<'_>, _: &mut Cx<'_>) -> Tensor<1> {
        ops::mean(self.per_example(batch))
    }

    fn rows(&self, batch: &Embedded<'_>, _: &mut Cx<'_>) -> Option<Tensor<1>> {
        Some(self.per_example(batch))
    }
}

impl MultiSimilarity {
    /// The loss of each row, `[batch]`; 0 for an anchor without a kept positive or without a kept negative.
    fn per_example(&self, batch: &Embedded<'_>) -> Tensor<1> {
        let distance = batch.distances(self.distance); // [batch, references]
        let (positives, negatives) = self.mine(distance.clone().detach(), batch.pairs());
        let counts = positives.clone().any_dim(1).bool_and(negatives.clone().any_dim(1)); // [batch, 1]
        let shifted = distance.add_scalar(self.lambda - self.center);
        let pull =
            log_one_plus_sum_exp_masked(shifted.clone().mul_scalar(self.alpha), positives).div_scalar(self.alpha);
        let push = log_one_plus_sum_exp_masked(shifted.mul_scalar(-self.beta), negatives).div_scalar(self.beta);
        (pull + push).mask_fill(counts.bool_not(), 0.0).squeeze_dim(1)
    }

    /// The positives and negatives that are kept; `distance` carries no gradient.
    fn mine(&self, distance: Tensor<2>, pairs: &PairMasks) -> (Tensor<2, Bool>, Tensor<2, Bool>) {
        let nearest_negative = distance.clone().mask_fill(pairs.negative.clone().bool_not(), f32::INFINITY).min_dim(1);
        let farthest_positive =
            distance.clone().mask_fill(pairs.positive.clone().bool_not(), f32::NEG_INFINITY).max_dim(1);
        let shape = distance.dims();
        let far = distance.clone().greater(nearest_negative.sub_scalar(self.epsilon).expand(shape));
        let near = distance.lower(farthest_positive.add_scalar(self.epsilon).expand(shape));
        (pairs.positive.clone().bool_and(far), pairs.negative.clone().bool_and(near))
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::golden::{self, Case, Golden, close};
    use simpipe_base::param;

    fn loss(case: &Case) -> MultiSimilarity {
        let name = |name: &str| if name == "lmda" { "lambda".to_owned() } else { name.to_owned() };
        let params = case.params.as_object().unwrap().iter().map(|(key, value)| (name(key), value.clone()));
        param::from_json(&serde_json::Value::Object(params.collect())).unwrap()
    }

    #[test]
    fn values_and_gradients_are_tensorflow_similaritys() {
        let golden = Golden::read(golden::file!("loss_multi_similarity"));
        let device = Device::flex().autodiff();
        let check = |found: Vec<f32>, expected: &serde_json::Value, what: String| {
            for (found, expected) in found.iter().zip(golden::numbers(expected)) {
                assert!(close(f64::from(*found), expected, golden.tolerance), "{what}: {found} {expected}");
            }
        };
        for (at, case) in golden.cases.iter().enumerate() {
            let labels: Vec<i32> = serde_json::from_value(case.input["labels"].clone()).unwrap();
            let embeddings = golden::matrix(&case.input["embeddings"], &device).require_grad();
            let per_example = loss(case).per_example(&Embedded::new(embeddings.clone(), &labels, &[]));
            let mean = per_example.clone().mean();
            let gradient = embeddings.grad(&mean.backward()).unwrap();
            let values = |x: Tensor<1>| x.into_data().try_into_vec::<f32>().unwrap();
            check(values(per_example), &case.expected["per_example"], format!("case {at}, per example"));
            check(values(mean), &case.expected["mean"], format!("case {at}, mean"));
            check(values(gradient.flatten(0, 1)), &case.expected["gradient_of_mean"], format!("case {at}, gradient"));
        }
        assert_eq!(golden.cases.len(), 15);
    }

    #[test]
    fn three_points_by_hand() {
        // d(0,1) = 1, d(0,2) = d(1,2) = 1 - 1/sqrt(2) = 0.29289; labels 0, 0, 1, defaults.
        // Anchors 0 and 1 keep positive (1 > 0.19) and negative (0.29 < 1.1); anchor 2 has no positive.
        // log(1 + e^(2 * 0.5)) / 2 + log(1 + e^(-40 * -0.20711)) / 40 = 0.656631 + 0.207113
        let device = Device::flex();
        let half = 0.5_f32.sqrt();
        let rows = Tensor::<2>::from_data([[1.0, 0.0], [0.0, 1.0], [half, half]], &device);
        let found = param::defaults::<MultiSimilarity>().per_example(&Embedded::new(rows, &[0, 0, 1], &[]));
        let found = found.into_data().try_into_vec::<f32>().unwrap();
        for (found, expected) in found.iter().zip([0.863_744, 0.863_744, 0.0]) {
            assert!((found - expected).abs() < 1e-5, "{found} {expected}");
        }
    }

    #[test]
    fn a_batch_without_negatives_has_zero_loss_and_zero_gradient() {
        let device = Device::flex().autodiff();
        let rows = Tensor::<2>::from_data([[1.0, 0.0], [0.0, 1.0], [0.6, 0.8]], &device).require_grad();
        for labels in [[0, 0, 0], [0, 1, 2]] {
            let loss =
                param::defaults::<MultiSimilarity>().per_example(&Embedded::new(rows.clone(), &labels, &[])).mean();
            let gradient = rows.grad(&loss.backward()).unwrap().into_data().try_into_vec::<f32>().unwrap();
            assert_eq!(loss.into_scalar::<f32>(), 0.0);
            assert_eq!(gradient, [0.0; 6]);
        }
    }
}
