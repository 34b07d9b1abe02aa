//! The Barlow twins loss of two views.

use burn::tensor::Tensor;

use super::two_views::{self, centred, diagonal, off_diagonal};
use super::{Embedded, Loss, Needs, zero};
use crate::layer::Cx;
use crate::ops;
use simpipe_artifact::Distance;
use simpipe_base::check;
use simpipe_base::params;

params! {
    /// Barlow twins (Zbontar et al., 2021, arXiv:2103.03230): the correlation `c` of the two views, number by number of the
    /// embedding over the batch's examples, is to be 1 for a number with itself and 0 with the others:
    ///
    /// `sum_i (1 - c_ii)^2 + lambda sum_i sum_(j != i) c_ij^2`
    ///
    /// A number that is the same for all examples (a variance below 1e-12) correlates with nothing. A batch of one example
    /// counts 0. No label is looked at: `views = 2` says which rows belong together.
    ///
    /// # Shapes
    ///
    /// `[2 examples, dim]` embeddings, view after view, become one number, 0 or more.
    ///
    /// # Example
    ///
    /// ```toml
    /// "barlow"
    /// views = 2
    /// ```
    pub struct Barlow {
        /// Weight of what different numbers of the embedding share.
        #[aka("lambd", "lmda", "off_diagonal_weight")]
        lambda: f64 = 5e-3 => check::not_negative(),
    }
}

/// Below this a column is constant: its deviation would be rounding.
const SMALLEST_VARIANCE: f64 = 1e-12;

impl Loss for Barlow {
    fn distance(&self) -> Distance {
        Distance::Cosine
    }

    fn takes_directions(&self) -> bool {
        true
    }

    fn needs(&self) -> Needs {
        Needs { two_views: true, ..Needs::default() }
    }

    fn forward(&self, batch: &Embedded<'_>, _: &mut Cx<'_>) -> Tensor<1> {
        match two_views::of(batch, 2) {
            Some([a, b]) => self.of_views(a, b),
            None => zero(batch),
        }
    }
}

impl Barlow {
    /// The loss of a batch, `[1]`, from its two views.
    fn of_views(&self, a: Tensor<2>, b: Tensor<2>) -> Tensor<1> {
        let [examples, dim] = a.dims();
        #[expect(clippy::cast_precision_loss, reason = "a batch has far fewer than 2^52 rows")]
        let correlation = ops::product(standardised(a).transpose(), standardised(b)).div_scalar(examples as f64); // [dim, dim]
        let own = diagonal(&correlation).neg().add_scalar(1.0).square();
        let others = correlation.clone().mask_fill(off_diagonal(dim, &correlation).bool_not(), 0.0).square();
        ops::sum(own) + ops::sum(others).mul_scalar(self.lambda)
    }
}

/// Each column with mean 0 and variance 1, or all 0.
fn standardised(x: Tensor<2>) -> Tensor<2> {
    let (centred, variance) = centred(x);
    let constant = variance.clone().lower_scalar(SMALLEST_VARIANCE);
    let deviation = variance.mask_fill(constant.clone(), 1.0).sqrt();
    let shape = centred.dims();
    centred.mask_fill(constant.expand(shape), 0.0) / deviation
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loss::two_views::tests::two_views;

    #[test]
    fn value_and_gradients_are_tensorflow_similaritys() {
        two_views("Barlow", 1, |_| (), Barlow::of_views);
    }
}
