//! The angular loss.

use burn::tensor::{Tensor, activation};

use super::reducer::{ReducerSpec, of_pairs};
use super::{Embedded, Loss, Needs, zero};
use crate::artifact::Distance;
use crate::base::check;
use crate::nn::layer::Cx;
use crate::nn::ops;
use crate::params;

params! {
    /// Angular loss (Wang et al., 2017, arXiv:1708.01682, equation 8): of each positive pair, with `t = tan(alpha)^2`,
    /// `log(1 + sum exp(4 t (a + p).n - 2 (1 + t) a.p))` over all rows `n` of other classes, whatever a miner chooses.
    ///
    /// As in pytorch-metric-learning `a` and `p` are taken at unit length and `n` as it is.
    ///
    /// # Shapes
    ///
    /// `[batch, dim]` embeddings become one number.
    pub struct Angular {
        /// The largest angle at the negative that is wanted, in degrees.
        #[aka("angle")]
        alpha: f64 = 40.0 => check::inside(0.0, 90.0),
        /// How the pairs' losses become one number.
        #[aka("reduction")]
        reducer: ReducerSpec = ReducerSpec::Mean => of_pairs(),
    }
}

impl Loss for Angular {
    fn distance(&self) -> Distance {
        Distance::Cosine
    }

    fn needs(&self) -> Needs {
        Needs::pairs()
    }

    fn takes_miner(&self) -> bool {
        true
    }

    fn forward(&self, batch: &Embedded<'_>, _: &mut Cx<'_>) -> Tensor<1> {
        let pairs = batch.pair_counts();
        if !pairs.both() {
            return zero(batch);
        }
        let tangent = self.alpha.to_radians().tan().powi(2);
        let references = batch.reference_directions();
        let to_negatives =
            |rows: Tensor<2>| ops::product(rows, batch.references().transpose()).mul_scalar(4.0 * tangent);
        // exp((a + p).n) is exp(a.n) exp(p.n), so that the sums over n of all pairs are one matrix product.
        let (of_anchor, largest_of_anchor) = exponentials(to_negatives(batch.directions()));
        let (of_positive, largest_of_positive) = exponentials(to_negatives(references.clone()));
        let negative = batch.pairs().negative.clone().float();
        let sums = ops::product(of_anchor * negative, of_positive.transpose()); // [batch, references]
        let nothing = sums.clone().lower_equal_scalar(0.0);
        let logs = sums.mask_fill(nothing.clone(), 1.0).log() + largest_of_anchor + largest_of_positive.transpose();
        let own = ops::product(batch.directions(), references.transpose()).mul_scalar(2.0 * (1.0 + tangent));
        let losses = activation::softplus(logs - own, 1.0).mask_fill(nothing, 0.0);
        self.reducer.reduce(losses, pairs.positive.clone(), batch.labels)
    }
}

/// `exp(x - largest)` with the largest number of each row, `[rows, 1]`.
fn exponentials(x: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
    let largest = x.clone().detach().max_dim(1);
    ((x - largest.clone()).exp(), largest)
}
