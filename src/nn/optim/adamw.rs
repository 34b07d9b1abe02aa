//! `adamw`: Adam with weight decay that the step sizes do not change.

use burn::tensor::Tensor;

use super::{Rule, Tick, moments};
use crate::parameters::Updated;
use simpipe_base::check;
use simpipe_base::params;
use simpipe_kernel::AdamStep;

params! {
    /// AdamW (Loshchilov and Hutter, 2019, arXiv:1711.05101, algorithm 2, with the decay times the learning rate as PyTorch
    /// has it):
    ///
    /// `m = b1 m + (1 - b1) g`, `v = b2 v + (1 - b2) g^2`,
    /// `w = w - lr (m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + eps) + decay w)` at step `t` from 1.
    ///
    /// Every parameter decays, biases and class proxies too; `groups` with an optimizer of their own except some.
    pub struct AdamW {
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
        epsilon: f64 = 1e-8 => check::positive(),
        /// The share of a weight that a step removes, times the learning rate.
        #[aka("decay", "wd", "l2")]
        weight_decay: f64 = 0.01 => check::not_negative(),
    }
}

impl Rule for AdamW {
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
        let value = value.mul_scalar(1.0 - tick.rate(self.learning_rate) * self.weight_decay);
        moments::step(&self.step(tick), value, gradient, slots)
    }
}

impl AdamW {
    /// A step of Adam with the correction of the second moment in epsilon, so that the moments need none: with
    /// `c = 1 - b^t`, `m / c1 / (sqrt(v / c2) + eps) = sqrt(c2) / c1 m / (sqrt(v) + eps sqrt(c2))`.
    fn step(&self, tick: Tick) -> AdamStep {
        let (beta1, beta2) = (self.beta_1, self.beta_2);
        let step = u32::try_from(tick.step).unwrap_or(u32::MAX);
        let eps = self.epsilon * (1.0 - beta2.powi(tick.exponent())).sqrt();
        AdamStep { lr: tick.rate(self.learning_rate), beta1, beta2, eps, step }
    }
}

#[cfg(test)]
mod tests {
    use crate::optim::golden_tests;

    #[test]
    fn steps_are_those_of_the_formula() {
        golden_tests::assert_steps("adamw");
    }
}
