//! Starting values of weights: drawn on the host from the stage's own seed, so they are equal on every backend.

use burn::tensor::{Device, Tensor, TensorData};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// Glorot-uniform (Glorot and Bengio, 2010): uniform in `[-l, l)` with `l = sqrt(6 / (fan_in + fan_out))`.
pub(super) fn glorot_uniform<const D: usize>(
    shape: [usize; D],
    fan_in: usize,
    fan_out: usize,
    rng: &mut ChaCha8Rng,
    device: &Device,
) -> Tensor<D> {
    #[expect(clippy::cast_precision_loss, reason = "a fan is far below 2^52")]
    let limit = (6.0 / (fan_in + fan_out) as f64).sqrt();
    let count = shape.iter().product();
    #[expect(clippy::cast_possible_truncation, reason = "weights are f32")]
    let values: Vec<f32> = (0..count).map(|_| ((2.0 * unit(rng) - 1.0) * limit) as f32).collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// Uniform in `[0, 1)`, in steps of 2^-24.
pub(super) fn unit(rng: &mut ChaCha8Rng) -> f64 {
    f64::from(rng.next_u32() >> 8) / f64::from(1_u32 << 24)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::seed::Seed;

    #[test]
    fn values_fill_the_interval_and_follow_the_seed() {
        let draw = |layer| {
            let mut rng = Seed::of_stage(1, "train", None).rng("init", &[layer]);
            let tensor = glorot_uniform([100, 100], 100, 100, &mut rng, &Device::flex());
            tensor.into_data().try_into_vec::<f32>().unwrap()
        };
        let limit = (6.0_f32 / 200.0).sqrt();
        let values = draw(0);
        assert!(values.iter().all(|value| value.abs() <= limit));
        // The variance of a uniform distribution is l^2 / 3 = 0.01; 10,000 draws are within 5 % of it.
        let variance = values.iter().map(|value| value * value).sum::<f32>() / 10_000.0;
        assert!((variance - 0.01).abs() < 5e-4, "{variance}");
        assert_eq!(values, draw(0));
        assert_ne!(values, draw(1));
    }
}
