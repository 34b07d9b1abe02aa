//! What the losses of two views share: the views themselves, and what stands on the diagonal of a product of them.

use burn::tensor::{Bool, Tensor};

use super::Embedded;

/// The diagonal of `x`: `[rows, rows]` to `[rows, 1]`.
pub(super) fn diagonal(x: &Tensor<2>) -> Tensor<2> {
    let rows = x.dims()[0];
    x.clone().mask_fill(off_diagonal(rows, x), 0.0).sum_dim(1)
}

/// Everything but the diagonal, `[rows, rows]`.
pub(super) fn off_diagonal(rows: usize, like: &Tensor<2>) -> Tensor<2, Bool> {
    Tensor::diag_mask([rows, rows], 0, &like.device())
}

/// The two views of at least `least` examples, `[examples, dim]` each; `None` where the batch holds something else.
pub(super) fn of(batch: &Embedded<'_>, least: usize) -> Option<[Tensor<2>; 2]> {
    let views: [Tensor<2>; 2] = batch.views().try_into().ok()?;
    (views[0].dims()[0] >= least).then_some(views)
}

/// Each column less its mean, and its *biased* variance, `[1, columns]`.
pub(super) fn centred(x: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
    let centred = x.clone() - x.mean_dim(0);
    let variance = centred.clone().square().mean_dim(0);
    (centred, variance)
}

#[cfg(test)]
pub(crate) mod tests {
    use burn::tensor::Device;
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::golden::{self, Golden, assert_close};
    use crate::loss::tfs_tests::{params, values};
    use simpipe_base::param::Param;

    /// Compares a function of two views with the cases of `loss` in TensorFlow Similarity: its values, its mean and the
    /// gradients by both views. `rename` makes parameters of theirs.
    pub(crate) fn two_views<T: Param>(
        loss: &str,
        cases: usize,
        rename: impl Fn(&mut Json),
        value: impl Fn(&T, Tensor<2>, Tensor<2>) -> Tensor<1>,
    ) {
        let golden = Golden::read(golden::file!("loss_two_view"));
        let ours: Vec<_> = golden.cases.iter().filter(|case| case.params["loss"] == loss).collect();
        for case in &ours {
            let mut params_json = case.params.clone();
            params_json.as_object_mut().unwrap().remove("loss");
            rename(&mut params_json);
            let view = |name| golden::matrix(&case.input[name], &Device::flex().autodiff()).require_grad();
            let (a, b) = (view("za"), view("zb"));
            let found = value(&params(&params_json), a.clone(), b.clone());
            let (what, mean) = (format!("{}", case.params), found.clone().mean());
            let theirs = &case.expected["value"];
            let theirs = if theirs.is_array() { theirs.clone() } else { json!([theirs]) };
            assert_close(&values(found), &theirs, golden.tolerance, &what);
            assert_close(&values(mean.clone()), &json!([case.expected["mean"]]), golden.tolerance, &what);
            let gradients = mean.backward();
            for (view, expected) in [(a, "grad_a"), (b, "grad_b")] {
                let gradient = values(view.grad(&gradients).unwrap());
                assert_close(&gradient, &case.expected[expected], golden.tolerance, &format!("{what}, {expected}"));
            }
        }
        assert_eq!(ours.len(), cases);
    }
}
