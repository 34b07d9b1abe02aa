//! `adamw`: Adam with weight decay that the step sizes do not change.

use burn::tensor::Tensor;

use super::{Rule, Tick, take};
use crate::base::check;
use crate::nn::fused;
use crate::nn::kernel::AdamStep;
use crate::nn::parameters::Updated;
use crate::params;

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
        #[aka("beta", "betas")]
        beta_1: f64 = 0.9 => check::decay(),
        /// Decay of the second moment.
        beta_2: f64 = 0.999 => check::decay(),
        /// Added to the root of the corrected second moment.
        #[aka("eps")]
        epsilon: f64 = 1e-8 => check::positive(),
        /// The share of a weight that a step takes away, times the learning rate.
        #[aka("decay", "wd", "l2")]
        weight_decay: f64 = 0.01 => check::not_negative(),
    }
}

impl Rule for AdamW {
    fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    fn slots(&self, _: &Updated<'_>) -> &'static [&'static str] {
        &["m", "v"]
    }

    fn update(
        &self,
        tick: Tick,
        _: &Updated<'_>,
        value: Tensor<1>,
        gradient: Tensor<1>,
        slots: &mut [Tensor<1>],
    ) -> Tensor<1> {
        let [first, second] = slots else { unreachable!("AdamW has two slots") };
        let (m, v) = (take(first), take(second));
        let value = value.mul_scalar(1.0 - tick.rate(self.learning_rate) * self.weight_decay);
        let (rate, epsilon) = self.corrected(tick);
        if fused::is_on_flex(&value) {
            let (value, [m, v]) = fused::adam(&self.step(tick), [value, gradient, m, v]);
            (*first, *second) = (m, v);
            return value;
        }
        *first = m.mul_scalar(self.beta_1) + gradient.clone().mul_scalar(1.0 - self.beta_1);
        *second = v.mul_scalar(self.beta_2) + gradient.square().mul_scalar(1.0 - self.beta_2);
        value - first.clone().mul_scalar(rate) / second.clone().sqrt().add_scalar(epsilon)
    }
}

impl AdamW {
    /// `1 - b^t` of both moments.
    fn corrections(&self, tick: Tick) -> [f64; 2] {
        [self.beta_1, self.beta_2].map(|beta| 1.0 - beta.powi(tick.exponent()))
    }

    /// Step size and epsilon with both corrections in them, so that the moments need none:
    /// `m / c1 / (sqrt(v / c2) + eps) = sqrt(c2) / c1 m / (sqrt(v) + eps sqrt(c2))`.
    fn corrected(&self, tick: Tick) -> (f64, f64) {
        let [first, second] = self.corrections(tick);
        (tick.rate(self.learning_rate) * second.sqrt() / first, self.epsilon * second.sqrt())
    }

    /// The same as a step of the kernel, which corrects the step size itself.
    fn step(&self, tick: Tick) -> AdamStep {
        let (beta1, beta2) = (self.beta_1, self.beta_2);
        let step = u32::try_from(tick.step).unwrap_or(u32::MAX);
        AdamStep { lr: tick.rate(self.learning_rate), beta1, beta2, eps: self.corrected(tick).1, step }
    }
}

#[cfg(test)]
mod tests {
    use crate::nn::optim::golden_tests;

    #[test]
    fn steps_are_those_of_the_formula() {
        golden_tests::assert_steps("adamw");
    }
}
