//! The loss of alignment and uniformity.

use burn::tensor::{Bool, Tensor};

use super::nearness::farness;
use super::{Embedded, Loss, Needs, zero};
use crate::layer::Cx;
use crate::ops;
use simpipe_artifact::Distance;
use simpipe_base::check;
use simpipe_base::params;

params! {
    /// Alignment and uniformity (Wang and Isola, 2020, arXiv:2005.10242): positive pairs are drawn together, and all rows
    /// are spread over the sphere,
    ///
    /// `mean |x - y|^alpha over positive pairs + weight log(mean exp(-t |x - y|^2) over all pairs)`
    ///
    /// at unit length. The second term is at most 0, so the loss may be below 0.
    ///
    /// # Shapes
    ///
    /// `[batch, dim]` embeddings, taken at unit length, become one number. A batch of one row counts 0, one without a positive
    /// pair is only spread.
    pub struct AlignUniform {
        /// The power of the distance of positive pairs.
        #[aka("align_alpha")]
        alpha: f64 = 2.0 => check::between(1.0, 8.0),
        /// How fast the push between two rows fades with their distance.
        #[aka("uniform_t", "temperature")]
        t: f64 = 2.0 => check::between(0.01, 20.0),
        /// What uniformity weighs beside alignment.
        #[aka("lam", "lambda", "unif_w", "uniform_weight")]
        weight: f64 = 1.0 => check::not_negative(),
    }
}

impl Loss for AlignUniform {
    fn distance(&self) -> Distance {
        Distance::Cosine
    }

    fn needs(&self) -> Needs {
        Needs { positive_pairs: true, ..Needs::default() }
    }

    fn takes_directions(&self) -> bool {
        true
    }

    fn forward(&self, batch: &Embedded<'_>, _: &mut Cx<'_>) -> Tensor<1> {
        if batch.reference_labels().len() < 2 {
            return zero(batch);
        }
        let pairs = batch.pairs();
        let all = pairs.positive.clone().bool_or(pairs.negative.clone());
        let squares = farness(batch, Distance::SquaredEuclidean).clamp_min(0.0); // [batch, references]
        // A power below 2 has no gradient at 0.
        let apart = squares.clone().clamp_min(1e-12).powf_scalar(self.alpha / 2.0);
        let alignment = mean_of(apart, pairs.positive.clone());
        let uniformity = mean_of(squares.mul_scalar(-self.t).exp(), all).log();
        alignment + uniformity.mul_scalar(self.weight)
    }
}

/// The mean of the values at the pairs, 0 where there are none.
fn mean_of(values: Tensor<2>, pairs: Tensor<2, Bool>) -> Tensor<1> {
    let counts = pairs.float();
    ops::sum(values * counts.clone()) / ops::sum(counts).clamp_min(1.0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::loss::supervised_tests::step;

    /// Two examples of each of two classes, at right angles or opposite: squared distances of 0, 2 and 4.
    const ROWS: [[f32; 2]; 4] = [[1.0, 0.0], [0.0, 3.0], [1.0, 0.0], [-2.0, 0.0]];

    #[test]
    fn values_are_those_of_the_formula() {
        for (params, alpha, t, weight) in
            [(json!({}), 2.0_f64, 2.0_f64, 1.0), (json!({ "alpha": 1, "t": 0.5, "weight": 0.3 }), 1.0, 0.5, 0.3)]
        {
            // Positive pairs (0, 2) and (1, 3): 0 and 2 squared; all six: 2, 0, 4, 2, 2, 4 squared.
            let alignment = 2.0_f64.powf(alpha / 2.0) / 2.0;
            let uniformity = [2.0, 0.0, 4.0, 2.0, 2.0, 4.0].map(|square: f64| (-t * square).exp());
            let expected = alignment + weight * (uniformity.iter().sum::<f64>() / 6.0).ln();
            let (value, gradient) = step(&json!({ "align-uniform": params }), ROWS.as_flattened(), &[0, 1, 0, 1], 1);
            assert!((f64::from(value) - expected).abs() < 1e-5, "{params}: {value} {expected}");
            assert!(gradient.iter().all(|value| value.is_finite()), "{gradient:?}");
        }
    }
}
