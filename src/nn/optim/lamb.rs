//! `lamb`: steps as long as the parameter is large.

use burn::tensor::Tensor;

use super::{Rule, Tick, moments, square_norm};
use crate::parameters::Updated;
use simpipe_base::check;
use simpipe_base::params;

params! {
    /// LAMB (You et al., 2020, arXiv:1904.00962, algorithm 2):
    ///
    /// `m = b1 m + (1 - b1) g`, `v = b2 v + (1 - b2) g^2`,
    /// `u = m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + eps) + decay w`, `w = w - lr |w| / |u| u` at step `t` from 1.
    ///
    /// Norms are of one parameter as a whole. Where one of them is 0, as `|w|` of a bias at the start is, the step is `lr u`.
    /// Every parameter decays; `groups` with an optimizer of their own except some.
    pub struct Lamb {
        /// Step size.
        #[aka("lr", "base_lr", "initial_lr", "eta", "step_size")]
        learning_rate: f64 = 0.001 => check::positive(),
        /// Decay of the first moment.
        #[aka("beta", "betas", "momentum")]
        beta_1: f64 = 0.9 => check::decay(),
        /// Decay of the second moment.
        beta_2: f64 = 0.999 => check::decay(),
        /// Added to the root of the corrected second moment.
        #[aka("eps")]
        epsilon: f64 = 1e-6 => check::positive(),
        /// How much of the weight itself the direction has.
        #[aka("decay", "wd", "l2")]
        weight_decay: f64 = 0.01 => check::not_negative(),
    }
}

impl Rule for Lamb {
    fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    fn slots(&self, _: &Updated<'_>) -> &'static [&'static str] {
        moments::SLOTS
    }

    fn update(
        &self,
        tick: Tick,
        _: &Updated<'_>,
        value: Tensor<1>,
        gradient: Tensor<1>,
        slots: &mut [Tensor<1>],
    ) -> Tensor<1> {
        let [first, second] = moments::follow(gradient, slots, [self.beta_1, self.beta_2]);
        let corrected = |beta: f64| 1.0 - beta.powi(tick.exponent());
        let root = second.div_scalar(corrected(self.beta_2)).sqrt().add_scalar(self.epsilon);
        let direction = first.div_scalar(corrected(self.beta_1)) / root + value.clone().mul_scalar(self.weight_decay);
        let (weight, step) = (square_norm(&value).sqrt(), square_norm(&direction).sqrt());
        let trust = if weight > 0.0 && step > 0.0 { weight / step } else { 1.0 };
        value - direction.mul_scalar(tick.rate(self.learning_rate) * trust)
    }
}

#[cfg(test)]
mod tests {
    use crate::optim::golden_tests;

    #[test]
    fn steps_are_those_of_the_formula() {
        golden_tests::assert_steps("lamb");
    }
}
