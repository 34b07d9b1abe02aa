//! `blur`: a Gaussian blur.

use super::{Augment, Border, Canvas, Turn, range, share};
use simpipe_base::bounds::Limit;
use simpipe_base::check::Check;
use simpipe_base::params;

params! {
    /// Replaces each value by the mean around it, weighted by a normal distribution whose standard deviation is drawn evenly
    /// from a range (Chen et al., 2020, arXiv:2002.05709, appendix A). Weights reach three standard deviations far; beyond
    /// the image its outermost pixels go on.
    ///
    /// # Example
    ///
    /// ```toml
    /// { blur = { sigma = [0.1, 1.0] } }
    /// ```
    pub struct Blur {
        /// The least and the greatest standard deviation, in pixels.
        #[aka("sigma_range", "radius", "std", "kernel_size")]
        sigma: Vec<f64> = vec![0.1, 2.0] => sigma(),
        /// The share of images that are blurred.
        #[aka("p", "prob")]
        probability: f64 = 0.5 => share(),
    }
}

fn sigma() -> Check<Vec<f64>> {
    range(Limit::at(0.01), 100.0)
}

impl Augment for Blur {
    fn apply(&self, image: &mut Canvas<'_>, turn: &Turn<'_>) {
        let mut dice = turn.dice();
        if dice.chance(self.probability) {
            blur(image, &weights(dice.between(self.sigma[0], self.sigma[1])));
        }
    }
}

/// The weights of a value and of those so far away on either side, in 65536ths, that add up to 1.
fn weights(sigma: f64) -> Vec<u32> {
    const ONE: u32 = 1 << 16;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most 300")]
    let reach = (3.0 * sigma).ceil() as usize;
    let density: Vec<f64> = (0..=reach).map(|far| (-0.5 * (far as f64 / sigma).powi(2)).exp()).collect();
    let sum = density[0] + 2.0 * density[1..].iter().sum::<f64>();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most 65536")]
    let mut weights: Vec<u32> = density.iter().map(|d| (d / sum * f64::from(ONE)).round() as u32).collect();
    // What rounding has left over is the centre's.
    weights[0] = ONE - 2 * weights[1..].iter().sum::<u32>();
    weights
}

/// Blurs the rows, with eight bits of the fraction kept, then the columns.
fn blur(image: &mut Canvas<'_>, weights: &[u32]) {
    let ([height, width, channels], stride) = (image.shape, image.stride());
    let beside = |at: usize, far: usize, length: usize| {
        let (at, far) = (at.cast_signed(), far.cast_signed());
        let seen = |place| Border::Edge.source(place, length).unwrap_or(0);
        (seen(at - far), seen(at + far))
    };
    let wide = &mut image.scratch.wide;
    wide.clear();
    for row in image.pixels.chunks_exact(stride) {
        for x in 0..width {
            for channel in 0..channels {
                let value = |x: usize| u32::from(row[x * channels + channel]);
                let sum = weights.iter().enumerate().skip(1).fold(weights[0] * value(x), |sum, (far, weight)| {
                    let (left, right) = beside(x, far, width);
                    sum + weight * (value(left) + value(right))
                });
                // At most 255 * 256.
                wide.push(u16::try_from((sum + 128) >> 8).unwrap_or(u16::MAX));
            }
        }
    }
    let sums = &mut image.scratch.sums;
    for (y, row) in image.pixels.chunks_exact_mut(stride).enumerate() {
        let line = |y: usize| &wide[y * stride..][..stride];
        sums.clear();
        // Half of a unit, so that what is cut off below is rounded.
        sums.extend(line(y).iter().map(|value| (1 << 23) + weights[0] * u32::from(*value)));
        for (far, weight) in weights.iter().enumerate().skip(1) {
            let (above, below) = beside(y, far, height);
            for ((sum, above), below) in sums.iter_mut().zip(line(above)).zip(line(below)) {
                *sum += weight * (u32::from(*above) + u32::from(*below));
            }
        }
        // At most 255 * 2^24 and the half, which a `u32` holds.
        row.iter_mut().zip(&*sums).for_each(|(value, sum)| *value = u8::try_from(sum >> 24).unwrap_or(u8::MAX));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::augment::tests::{applied, instances};
    use crate::augment::{Instance, Scratch};

    fn blurred(shape: [usize; 3], pixels: &[u8], weights: &[u32]) -> Vec<u8> {
        let (mut pixels, mut scratch) = (pixels.to_vec(), Scratch::default());
        blur(&mut Canvas::new(&mut pixels, shape, &mut scratch), weights);
        pixels
    }

    #[test]
    fn weights_are_a_normal_distribution() {
        // exp(0), exp(-1/2), exp(-2), exp(-9/2) of their sum, 2.5066.
        let one = weights(1.0);
        let expected = [0.39905, 0.24204, 0.05401, 0.00443];
        assert!(one.iter().zip(expected).all(|(w, e)| (f64::from(*w) / 65536.0 - e).abs() < 1e-4), "{one:?}");
        for sigma in [0.01, 0.1, 0.5, 2.0, 17.3, 100.0] {
            let weights = weights(sigma);
            assert_eq!(weights[0] + 2 * weights[1..].iter().sum::<u32>(), 1 << 16);
        }
        assert_eq!(weights(0.1), [1 << 16, 0]);
    }

    #[test]
    fn a_point_is_spread_over_rows_and_columns() {
        let quarter = [1 << 15, 1 << 14];
        assert_eq!(blurred([1, 5, 1], &[0, 0, 200, 0, 0], &quarter), [0, 50, 100, 50, 0]);
        assert_eq!(blurred([5, 1, 1], &[0, 0, 200, 0, 0], &quarter), [0, 50, 100, 50, 0]);
        assert_eq!(blurred([1, 3, 1], &[200, 0, 0], &quarter), [150, 50, 0], "the edge goes on");
        assert_eq!(blurred([1, 3, 2], &[0, 8, 200, 8, 0, 8], &quarter), [50, 8, 100, 8, 50, 8], "channels stay apart");
        let cross = blurred([3, 3, 1], &[0, 0, 0, 0, 160, 0, 0, 0, 0], &quarter);
        assert_eq!(cross, [10, 20, 10, 20, 40, 20, 10, 20, 10]);
    }

    #[test]
    fn one_colour_stays_and_small_images_are_no_problem() {
        let always = json!({ "blur": { "sigma": [0.5, 60], "probability": 1 } });
        for one in instances(20) {
            for value in [0, 1, 127, 254, 255] {
                assert_eq!(applied(&always, [1, 1, 3], &[value; 3], one), [value; 3]);
                assert_eq!(applied(&always, [3, 2, 1], &[value; 6], one), [value; 6]);
            }
        }
        let never = json!({ "blur": { "probability": 0 } });
        assert_eq!(applied(&never, [1, 2, 1], &[0, 255], Instance::default()), [0, 255]);
    }
}
