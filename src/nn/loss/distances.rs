//! Distances between all pairs of rows, differentiable. The names are `artifact`'s, searching is `search`'s.

use burn::tensor::Tensor;

use crate::ops;
use simpipe_artifact::Distance;

/// Squared distances below this count as 0, where the root has no gradient.
const SMALLEST_SQUARE: f64 = 1e-18;

/// The distance of every row of `query` to every row of `key`.
///
/// - cosine `max(1 - q.k, 0)` (rows of unit norm expected), inner-product `q.k` (a similarity)
/// - squared-euclidean `max(|q|^2 + |k|^2 - 2 q.k, 0)`; euclidean its root, with value and gradient 0 below 1e-18
/// - manhattan `sum |q - k|`; snr `var(q - k) / var(q)` (Yuan et al., 2019, arXiv:1904.02616), where `var(q)` counts as 1
///   if it is 0
///
/// # Shapes
/// `query`: `[n, d]`, `key`: `[m, d]`; returns `[n, m]`. The last two take `n m d` numbers of memory.
#[must_use]
pub fn pairwise(distance: Distance, query: Tensor<2>, key: Tensor<2>) -> Tensor<2> {
    match distance {
        Distance::Cosine => one_minus(products(query, key)),
        Distance::InnerProduct => products(query, key),
        Distance::SquaredEuclidean => squared_euclidean(query, key),
        Distance::Euclidean => gradient_safe_root(squared_euclidean(query, key)),
        Distance::Manhattan => differences(query, key).abs().sum_dim(2).squeeze_dim(2),
        Distance::Snr => signal_to_noise(query, key),
    }
}

fn squared_euclidean(query: Tensor<2>, key: Tensor<2>) -> Tensor<2> {
    let queries = query.clone().square().sum_dim(1); // [n, 1]
    let keys = key.clone().square().sum_dim(1).transpose(); // [1, m]
    (queries + keys - products(query, key).mul_scalar(2.0)).clamp_min(0.0)
}

/// `q.k` of every row with every other. The second factor is laid out row after row, so that every product is summed in the
/// order of its numbers, as in other libraries: whether equal rows are at 0 or beside it hangs on that.
fn products(query: Tensor<2>, key: Tensor<2>) -> Tensor<2> {
    let [rows, dim] = key.dims();
    ops::product(query, key.transpose().reshape([dim * rows]).reshape([dim, rows]))
}

/// `max(1 - similarity, 0)`, whose gradient at 0 is that of the distances near it, as in TensorFlow.
fn one_minus(similarity: Tensor<2>) -> Tensor<2> {
    let distance = similarity.neg().add_scalar(1.0);
    let below = distance.clone().lower_scalar(0.0);
    distance.mask_fill(below, 0.0)
}

fn gradient_safe_root(squared: Tensor<2>) -> Tensor<2> {
    let tiny = squared.clone().lower_scalar(SMALLEST_SQUARE);
    squared.mask_fill(tiny.clone(), 1.0).sqrt().mask_fill(tiny, 0.0)
}

/// `q - k` for every pair: `[n, m, d]`.
fn differences(query: Tensor<2>, key: Tensor<2>) -> Tensor<3> {
    query.unsqueeze_dim::<3>(1) - key.unsqueeze_dim::<3>(0)
}

fn signal_to_noise(query: Tensor<2>, key: Tensor<2>) -> Tensor<2> {
    // With each row's own mean taken off, a variance is a mean of squares.
    let centre = |x: Tensor<2>| x.clone() - x.mean_dim(1);
    let (query, key) = (centre(query), centre(key));
    let signal = query.clone().square().mean_dim(1); // [n, 1]
    let flat = signal.clone().equal_scalar(0.0);
    let signal = signal.mask_fill(flat, 1.0);
    let noise = differences(query, key).square().mean_dim(2).squeeze_dim::<2>(2); // [n, m]
    noise / signal
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    #[test]
    fn the_root_of_zero_has_no_gradient_instead_of_an_infinite_one() {
        let device = Device::flex().autodiff();
        let x = Tensor::<2>::from_data([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]], &device).require_grad();
        let distances = pairwise(Distance::Euclidean, x.clone(), x.clone());
        let gradient = x.grad(&distances.sum().backward()).unwrap().into_data().try_into_vec::<f32>().unwrap();
        assert!(gradient.iter().all(|value| value.is_finite()), "{gradient:?}");
        // Rows 0 and 1 are each sqrt(2) from row 2, counted twice: 2 (1, -1) / sqrt(2).
        assert!((gradient[0] - 2.0_f32.sqrt()).abs() < 1e-6 && (gradient[1] + 2.0_f32.sqrt()).abs() < 1e-6);
    }
}
