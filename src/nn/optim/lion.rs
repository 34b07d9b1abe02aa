//! `lion`: steps of one size, in the direction of the sign of the momentum.

use burn::tensor::Tensor;

use super::{Rule, Tick, take};
use crate::parameters::Updated;
use simpipe_base::check;
use simpipe_base::params;

params! {
    /// Lion (Chen et al., 2023, arXiv:2302.06675, algorithm 2):
    ///
    /// `w = w - lr (sign(b1 m + (1 - b1) g) + decay w)`, then `m = b2 m + (1 - b2) g`.
    ///
    /// One slot a weight where Adam has two. Every weight moves by the learning rate, so choose it three to ten times
    /// smaller than for Adam, and the decay as many times larger.
    pub struct Lion {
        /// Step size.
        #[aka("lr", "base_lr", "initial_lr", "eta", "step_size")]
        learning_rate: f64 = 1e-4 => check::positive(),
        /// What the momentum weighs in the direction of a step.
        #[aka("beta", "betas", "momentum")]
        beta_1: f64 = 0.9 => check::decay(),
        /// Decay of the momentum.
        beta_2: f64 = 0.99 => check::decay(),
        /// The share of a weight that a step removes, times the learning rate.
        #[aka("decay", "wd", "l2")]
        weight_decay: f64 = 0.0 => check::not_negative(),
    }
}

impl Rule for Lion {
    fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    fn slots(&self, _: &Updated<'_>) -> &'static [&'static str] {
        &["momentum"]
    }

    fn update(
        &self,
        tick: Tick,
        _: &Updated<'_>,
        value: Tensor<1>,
        gradient: Tensor<1>,
        slots: &mut [Tensor<1>],
    ) -> Tensor<1> {
        let [momentum] = slots else { unreachable!("Lion has a slot for the momentum") };
        let old = take(momentum);
        let blend = |decay: f64| old.clone().mul_scalar(decay) + gradient.clone().mul_scalar(1.0 - decay);
        *momentum = blend(self.beta_2);
        let rate = tick.rate(self.learning_rate);
        value.mul_scalar(1.0 - rate * self.weight_decay) - blend(self.beta_1).sign().mul_scalar(rate)
    }
}

#[cfg(test)]
mod tests {
    use crate::optim::golden_tests;

    #[test]
    fn steps_are_those_of_the_formula() {
        golden_tests::assert_steps("lion");
    }
}
