//! `rmsprop`: the gradient divided by the root of its moving square.

use burn::tensor::Tensor;

use super::{Rule, Tick, take, with_decay};
use crate::parameters::Updated;
use simpipe_base::check;
use simpipe_base::params;

params! {
    /// RMSprop (Hinton, 2012, lecture 6e of "Neural networks for machine learning") as PyTorch has it:
    ///
    /// `g = g + decay w`, `v = a v + (1 - a) g^2`, `b = momentum b + g / (sqrt(v) + eps)`, `w = w - lr b`. With `centered`
    /// the root is of `v - c^2`, `c = a c + (1 - a) g` (Graves, 2013, arXiv:1308.0850).
    pub struct RmsProp {
        /// Step size.
        #[aka("lr", "base_lr", "initial_lr", "eta", "step_size")]
        learning_rate: f64 = 0.01 => check::positive(),
        /// Decay of the moving square.
        #[aka("rho", "alpha", "beta", "smoothing")]
        decay: f64 = 0.99 => check::decay(),
        /// Added to the root.
        #[aka("eps")]
        epsilon: f64 = 1e-8 => check::positive(),
        /// How much of the direction of previous steps is kept.
        momentum: f64 = 0.0 => check::decay(),
        /// Whether the moving mean is taken out of the moving square, which leaves a variance.
        centered: bool = false,
        /// The factor with which the weight itself is added to its gradient.
        #[aka("wd", "l2")]
        weight_decay: f64 = 0.0 => check::not_negative(),
    }
}

impl Rule for RmsProp {
    fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    fn slots(&self, _: &Updated<'_>) -> &'static [&'static str] {
        match (self.centered, self.momentum > 0.0) {
            (false, false) => &["v"],
            (false, true) => &["v", "momentum"],
            (true, false) => &["v", "mean"],
            (true, true) => &["v", "mean", "momentum"],
        }
    }

    fn update(
        &self,
        tick: Tick,
        _: &Updated<'_>,
        value: Tensor<1>,
        gradient: Tensor<1>,
        slots: &mut [Tensor<1>],
    ) -> Tensor<1> {
        let gradient = with_decay(gradient, &value, self.weight_decay);
        let [square, rest @ ..] = slots else { unreachable!("RMSprop has a slot for the square") };
        let blend = |old: Tensor<1>, new: Tensor<1>| old.mul_scalar(self.decay) + new.mul_scalar(1.0 - self.decay);
        *square = blend(take(square), gradient.clone().square());
        let (variance, rest) = match rest {
            [mean, rest @ ..] if self.centered => {
                *mean = blend(take(mean), gradient.clone());
                // Rounding may leave a little less than 0.
                ((square.clone() - mean.clone().square()).clamp_min(0.0), rest)
            }
            rest => (square.clone(), rest),
        };
        let scaled = gradient / variance.sqrt().add_scalar(self.epsilon);
        let direction = match rest {
            [buffer] => {
                *buffer = take(buffer).mul_scalar(self.momentum) + scaled;
                buffer.clone()
            }
            _ => scaled,
        };
        value - direction.mul_scalar(tick.rate(self.learning_rate))
    }
}

#[cfg(test)]
mod tests {
    use crate::optim::golden_tests;

    #[test]
    fn steps_are_those_of_the_formula() {
        golden_tests::assert_steps("rmsprop");
    }
}
