//! The angular loss.

use burn::tensor::{Bool, Tensor, activation};

use super::batch::PairMasks;
use super::reducer::{ReducerSpec, of_pairs};
use super::{Embedded, Loss, Needs, zero};
use crate::layer::Cx;
use crate::ops;
use simpipe_artifact::Distance;
use simpipe_base::check;
use simpipe_base::params;

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
        // Each is scaled by its largest among the negatives, so that no product of two vanishes.
        let labels = batch.reference_labels();
        let of_references = PairMasks::new(&labels, &labels, &references.device()).negative;
        let (of_anchor, largest_of_anchor) = exponentials(to_negatives(batch.directions()), &batch.pairs().negative);
        let (of_positive, largest_of_positive) = exponentials(to_negatives(references.clone()), &of_references);
        let sums = ops::product(of_anchor, of_positive.transpose()); // [batch, references]
        let nothing = batch.pairs().negative.clone().any_dim(1).bool_not().expand(sums.dims());
        let logs = sums.clamp_min(f32::MIN_POSITIVE).log() + largest_of_anchor + largest_of_positive.transpose();
        let own = ops::product(batch.directions(), references.transpose()).mul_scalar(2.0 * (1.0 + tangent));
        let losses = activation::softplus(logs - own, 1.0).mask_fill(nothing, 0.0);
        self.reducer.reduce(losses, pairs.positive.clone(), batch.labels)
    }
}

/// `exp(x - largest)` of the entries of `mask`, else 0, with the largest of them in each row, `[rows, 1]`; 0 without any.
fn exponentials(x: Tensor<2>, mask: &Tensor<2, Bool>) -> (Tensor<2>, Tensor<2>) {
    let x = x.mask_fill(mask.clone().bool_not(), f32::NEG_INFINITY);
    let largest = x.clone().detach().max_dim(1);
    let none = largest.clone().lower_scalar(f32::MIN);
    let largest = largest.mask_fill(none, 0.0);
    ((x - largest.clone()).exp(), largest)
}
