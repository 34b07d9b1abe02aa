//! Layers that at inference are one scale and one shift a channel, and what a convolution becomes that takes them in.

/// `y = x * scale + shift` by channel.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Affine {
    /// `[channels]`.
    pub(crate) scale: Vec<f64>,
    /// `[channels]`.
    pub(crate) shift: Vec<f64>,
}

impl Affine {
    /// The same for every channel.
    pub(super) fn uniform(scale: f64, shift: f64, channels: usize) -> Self {
        Self { scale: vec![scale; channels], shift: vec![shift; channels] }
    }

    /// This and then `next`.
    pub(crate) fn then(&self, next: &Self) -> Self {
        let scale = self.scale.iter().zip(&next.scale).map(|(a, b)| a * b).collect();
        let shift = self.shift.iter().zip(next.scale.iter().zip(&next.shift)).map(|(a, (s, b))| a * s + b).collect();
        Self { scale, shift }
    }

    /// Whether zero stays zero, as the padding of a convolution must.
    pub(crate) fn keeps_zero(&self) -> bool {
        self.shift.iter().all(|shift| *shift == 0.0)
    }

    /// The weights of a convolution that does this to its input first, which must not be padded unless zero
    /// [stays zero](Self::keeps_zero): `conv(x * s + t, w) + b = conv(x, s w) + (b + sum t w)`.
    ///
    /// `weight`: `[taps, in, out]`, `bias`: `[out]`.
    pub(crate) fn before(&self, weight: &mut [f64], bias: &mut [f64]) {
        let (inputs, outputs) = (self.scale.len(), bias.len());
        for (row, weights) in weight.chunks_exact_mut(outputs).enumerate() {
            let (scale, shift) = (self.scale[row % inputs], self.shift[row % inputs]);
            for (weight, bias) in weights.iter_mut().zip(&mut *bias) {
                *bias += shift * *weight;
                *weight *= scale;
            }
        }
    }

    /// The weights of a convolution that does this to its output: `conv(x, w s) + (b s + t)`.
    pub(crate) fn after(&self, weight: &mut [f64], bias: &mut [f64]) {
        for weights in weight.chunks_exact_mut(bias.len()) {
            weights.iter_mut().zip(&self.scale).for_each(|(weight, scale)| *weight *= scale);
        }
        for (bias, (scale, shift)) in bias.iter_mut().zip(self.scale.iter().zip(&self.shift)) {
            *bias = *bias * scale + shift;
        }
    }
}

/// Rounded to `f32`.
#[expect(clippy::cast_possible_truncation, reason = "the one rounding of a folded weight")]
pub(crate) fn single(values: &[f64]) -> Vec<f32> {
    values.iter().map(|&value| value as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_and_a_shift_go_into_weights_before_and_after() {
        // One tap, two inputs, one output: y = 3 a + 5 b + 7.
        let (mut weight, mut bias) = (vec![3.0, 5.0], vec![7.0]);
        // a becomes 2 a + 1, b becomes 4 b - 1: y = 6 a + 20 b + 5.
        let before = Affine { scale: vec![2.0, 4.0], shift: vec![1.0, -1.0] };
        before.before(&mut weight, &mut bias);
        assert_eq!((&weight[..], &bias[..]), (&[6.0, 20.0][..], &[5.0][..]));
        Affine::uniform(0.5, 1.0, 1).after(&mut weight, &mut bias);
        assert_eq!((&weight[..], &bias[..]), (&[3.0, 10.0][..], &[3.5][..]));
        assert!(!before.keeps_zero());
        assert_eq!(before.then(&Affine::uniform(2.0, 3.0, 2)), Affine { scale: vec![4.0, 8.0], shift: vec![5.0, 1.0] });
    }
}
