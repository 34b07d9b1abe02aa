//! Logarithms of sums of exponentials over a row: of all its entries, of those of a mask, or of each as often as it was
//! chosen. Each has an order of its operations of its own, which the last bits of losses depend on.

use burn::tensor::{Bool, Tensor, activation};

/// Stands for the logarithm of 0 where a next step takes the exponential again.
pub(super) const LOG_OF_NOTHING: f64 = -1e30;

/// `log sum exp x` over each row, stabilised by its largest entry; entries may be minus infinity, but not all of a row.
///
/// # Shapes
/// `[rows, columns]` to `[rows, 1]`.
pub(super) fn log_sum_exp_of_rows(x: Tensor<2>) -> Tensor<2> {
    let largest = x.clone().detach().max_dim(1);
    (x - largest.clone()).exp().sum_dim(1).log() + largest
}

/// `log(sum counts exp x)` of each row, stabilised by the largest entry that counts; `empty` of a row without any.
///
/// # Shapes
/// `x` and `counts`: `[rows, columns]`; gives `[rows, 1]`.
pub(super) fn log_sum_exp_counted(x: Tensor<2>, counts: Tensor<2>, empty: f64) -> Tensor<2> {
    let absent = counts.clone().equal_scalar(0.0);
    let nothing = counts.clone().sum_dim(1).equal_scalar(0.0); // [rows, 1]
    let largest = x.clone().detach().mask_fill(absent.clone(), f32::NEG_INFINITY).max_dim(1);
    let largest = largest.mask_fill(nothing.clone(), 0.0);
    let terms = (x - largest.clone()).mask_fill(absent, 0.0).exp() * counts;
    let sum = terms.sum_dim(1).mask_fill(nothing.clone(), 1.0);
    (sum.log() + largest).mask_fill(nothing, empty)
}

/// `log(1 + sum counts exp x)` of each row; 0 of a row without any. Shapes as [`log_sum_exp_counted`].
pub(super) fn log_one_plus_sum_exp_counted(x: Tensor<2>, counts: Tensor<2>) -> Tensor<2> {
    activation::softplus(log_sum_exp_counted(x, counts, LOG_OF_NOTHING), 1.0)
}

/// `log(1 + sum exp x)` over the entries of `mask` in each row, stabilised by the row's largest entry.
///
/// # Shapes
/// `[rows, columns]` to `[rows, 1]`.
pub(super) fn log_one_plus_sum_exp_masked(x: Tensor<2>, mask: Tensor<2, Bool>) -> Tensor<2> {
    let x = x.mask_fill(mask.bool_not(), f32::NEG_INFINITY);
    // The 1 is exp(0), so 0 takes part in the maximum; it also keeps a row without entries finite.
    let largest = x.clone().detach().max_dim(1).clamp_min(0.0); // [rows, 1]
    let sum = (x - largest.clone()).exp().sum_dim(1) + largest.clone().neg().exp();
    sum.log() + largest
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    #[test]
    fn entries_count_as_often_as_they_were_chosen() {
        let device = Device::flex().autodiff();
        let x = Tensor::<2>::from_data([[0.0, 2.0, 500.0], [1000.0, 999.0, -5.0], [1.0, 2.0, 3.0]], &device);
        let x = x.require_grad();
        let counts = Tensor::<2>::from_data([[1.0, 2.0, 0.0], [1.0, 1.0, 1.0], [0.0, 0.0, 0.0]], &device);
        let values = |x: Tensor<2>| x.into_data().try_into_vec::<f32>().unwrap();
        let found = log_sum_exp_counted(x.clone(), counts.clone(), -3.0);
        let expected = [(1.0 + 2.0 * 2.0_f32.exp()).ln(), 1000.0 + (1.0 + (-1.0_f32).exp()).ln(), -3.0];
        for (found, expected) in values(found.clone()).into_iter().zip(expected) {
            assert!((found - expected).abs() <= 1e-6 * expected.abs(), "{found} {expected}");
        }
        let gradient = values(x.grad(&found.sum().backward()).unwrap());
        let share = 2.0 * 2.0_f32.exp() / (1.0 + 2.0 * 2.0_f32.exp());
        assert!((gradient[1] - share).abs() < 1e-6 && gradient[2] == 0.0, "{gradient:?}");
        assert_eq!(gradient[6..], [0.0; 3]);
        assert_eq!(values(log_one_plus_sum_exp_counted(x, counts))[2], 0.0);
    }
}
