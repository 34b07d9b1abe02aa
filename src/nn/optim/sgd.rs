//! `sgd`: against the gradient.

use burn::tensor::Tensor;

use super::{Rule, Tick, take, with_decay};
use crate::parameters::Updated;
use simpipe_base::check;
use simpipe_base::params;

params! {
    /// Stochastic gradient descent with momentum as PyTorch has it (Sutskever et al., 2013, ICML):
    ///
    /// `g = g + decay w`, `b = momentum b + g` with `b` 0 before the first step, `w = w - lr b`; with `nesterov`
    /// `w = w - lr (g + momentum b)`; without momentum `w = w - lr g`.
    pub struct Sgd {
        /// Step size.
        #[aka("lr", "base_lr", "initial_lr", "eta", "step_size")]
        learning_rate: f64 = 0.01 => check::positive(),
        /// How much of the direction of previous steps is kept.
        momentum: f64 = 0.0 => check::decay(),
        /// Whether to use Nesterov momentum, which looks one step ahead.
        #[aka("use_nesterov")]
        nesterov: bool = false,
        /// The factor with which the weight itself is added to its gradient.
        #[aka("decay", "wd", "l2")]
        weight_decay: f64 = 0.0 => check::not_negative(),
    }
}

impl Rule for Sgd {
    fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    fn slots(&self, _: &Updated<'_>) -> &'static [&'static str] {
        if self.momentum == 0.0 { &[] } else { &["momentum"] }
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
        let direction = match slots {
            [buffer] => {
                *buffer = take(buffer).mul_scalar(self.momentum) + gradient.clone();
                if self.nesterov { gradient + buffer.clone().mul_scalar(self.momentum) } else { buffer.clone() }
            }
            _ => gradient,
        };
        value - direction.mul_scalar(tick.rate(self.learning_rate))
    }

    fn misfit(&self) -> Option<(String, String)> {
        let idle = self.nesterov && self.momentum == 0.0;
        idle.then(|| ("nesterov".to_owned(), "`nesterov` needs a `momentum` above 0".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use crate::optim::golden_tests;

    #[test]
    fn steps_are_those_of_the_formula() {
        golden_tests::assert_steps("sgd");
    }
}
