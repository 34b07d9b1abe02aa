//! The circle loss of pytorch-metric-learning.

use burn::tensor::{Tensor, activation};

use super::log_sum::{LOG_OF_NOTHING, log_sum_exp_counted};
use super::nearness::similarity;
use super::reducer::{ReducerSpec, of_pairs};
use super::{Embedded, Loss, Needs};
use crate::layer::Cx;
use simpipe_artifact::Distance;
use simpipe_base::check;
use simpipe_base::params;

params! {
    /// Circle loss (Sun et al., 2020, arXiv:2002.10857) of the pairs that a miner chooses, else of all, as
    /// pytorch-metric-learning has it: with the cosine similarity `s`
    /// `log(1 + sum_P exp(-gamma max(1 + m - s, 0) (s - 1 + m)) sum_N exp(gamma max(s + m, 0) (s - m)))` of each anchor that
    /// has pairs of both kinds. The factors `max(..)` carry no gradient.
    ///
    /// # Shapes
    ///
    /// `[batch, dim]` embeddings, taken at unit length, become one number.
    pub struct CirclePairs {
        /// The margin.
        #[aka("margin", "relaxation")]
        m: f64 = 0.4 => check::finite(),
        /// How hard the hardest pairs count.
        #[aka("scale")]
        gamma: f64 = 80.0 => check::positive(),
        /// How the anchors' losses become one number.
        #[aka("reduction")]
        reducer: ReducerSpec = ReducerSpec::AvgNonZero => of_pairs(),
    }
}

impl Loss for CirclePairs {
    fn distance(&self) -> Distance {
        Distance::Cosine
    }

    fn needs(&self) -> Needs {
        Needs::pairs()
    }

    fn takes_miner(&self) -> bool {
        true
    }

    fn takes_directions(&self) -> bool {
        true
    }

    fn forward(&self, batch: &Embedded<'_>, _: &mut Cx<'_>) -> Tensor<1> {
        let pairs = batch.pair_counts();
        let near = similarity(batch, Distance::Cosine);
        let fixed = near.clone().detach();
        let pull = activation::relu(fixed.clone().neg().add_scalar(1.0 + self.m))
            * near.clone().sub_scalar(1.0 - self.m).mul_scalar(-self.gamma);
        let push = activation::relu(fixed.add_scalar(self.m)) * near.sub_scalar(self.m).mul_scalar(self.gamma);
        let pull = log_sum_exp_counted(pull, pairs.positive.clone().clamp_max(1.0), LOG_OF_NOTHING);
        let push = log_sum_exp_counted(push, pairs.negative.clone().clamp_max(1.0), LOG_OF_NOTHING);
        self.reducer.reduce_rows(activation::softplus(pull + push, 1.0), batch)
    }
}
