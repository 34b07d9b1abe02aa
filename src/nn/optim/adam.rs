//! `adam`: step sizes from moving averages of the gradient and its square.
//!
//! burn's Adam divides by `sqrt(v_hat) + eps` where Keras has `sqrt(v) + eps` with the correction in the step size: not
//! the same numbers, so the update is written here.

use burn::tensor::Tensor;

use super::{Rule, Tick, moments, with_decay};
use crate::parameters::Updated;
use simpipe_base::check;
use simpipe_base::params;
use simpipe_kernel::AdamStep;

params! {
    /// Adam (Kingma and Ba, 2015, arXiv:1412.6980) as Keras has it, epsilon outside the root:
    ///
    /// `m = b1 m + (1 - b1) g`, `v = b2 v + (1 - b2) g^2`,
    /// `w = w - lr sqrt(1 - b2^t) / (1 - b1^t) * m / (sqrt(v) + eps)` at step `t` from 1. With `weight-decay`,
    /// `decay w` is added to `g` first; `adamw` keeps the two apart.
    pub struct Adam {
        /// Step size.
        #[aka("lr", "base_lr", "initial_lr", "eta", "step_size")]
        learning_rate: f64 = 0.001 => check::positive(),
        /// Decay of the first moment.
        #[aka("beta", "betas", "momentum")]
        beta_1: f64 = 0.9 => check::decay(),
        /// Decay of the second moment.
        beta_2: f64 = 0.999 => check::decay(),
        /// Added to the root of the second moment.
        #[aka("eps")]
        epsilon: f64 = 1e-7 => check::positive(),
        /// The factor with which the weight itself is added to its gradient.
        #[aka("decay", "wd", "l2")]
        weight_decay: f64 = 0.0 => check::not_negative(),
    }
}

impl Rule for Adam {
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
        let gradient = with_decay(gradient, &value, self.weight_decay);
        let Self { beta_1: beta1, beta_2: beta2, epsilon: eps, .. } = *self;
        let step = u32::try_from(tick.step).unwrap_or(u32::MAX);
        let rule = AdamStep { lr: tick.rate(self.learning_rate), beta1, beta2, eps, step };
        moments::step(&rule, value, gradient, slots)
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::golden::{self, Golden};
    use crate::optim::golden_tests;
    use simpipe_base::param;

    const OF: Updated<'_> = Updated { path: "layers.0.dense.bias", shape: &[], rate_factor: 1.0, group: None };

    #[test]
    fn weight_decay_is_added_to_the_gradient() {
        golden_tests::assert_steps("adam");
    }

    #[test]
    fn six_steps_are_keras() {
        let golden = Golden::read(golden::file!("adam_keras"));
        let device = Device::flex();
        for case in &golden.cases {
            let renamed =
                case.params.as_object().unwrap().iter().map(|(key, value)| (param::kebab(key), value.clone()));
            let adam: Adam = param::from_json(&serde_json::Value::Object(renamed.collect())).unwrap();
            let flat = |json: &serde_json::Value| Tensor::<1>::from_floats(&golden::floats(json)[..], &device);
            let mut value = flat(&case.input["value"]);
            let mut moments = [value.zeros_like(), value.zeros_like()];
            for (at, step) in case.expected["steps"].as_array().unwrap().iter().enumerate() {
                let tick = Tick { step: at as u64 + 1, schedule: 1.0, factor: 1.0 };
                value = adam.update(tick, &OF, value, flat(&step["gradient"]), &mut moments);
                let found = value.to_data().try_into_vec::<f32>().unwrap();
                golden::assert_close(&found, &step["value"], golden.tolerance, &format!("step {at}"));
            }
        }
    }

    #[test]
    fn the_first_step_is_the_learning_rate_against_the_gradients_sign() {
        // m = 0.1 g, v = 0.001 g^2; the correction makes it lr g / (|g| + eps sqrt(1000)).
        let device = Device::flex();
        let flat = |values: [f32; 2]| Tensor::<1>::from_floats(values, &device);
        let tick = Tick { step: 1, schedule: 1.0, factor: 1.0 };
        let mut moments = [flat([0.0; 2]), flat([0.0; 2])];
        let value = param::defaults::<Adam>().update(tick, &OF, flat([1.0, 1.0]), flat([0.5, -3.0]), &mut moments);
        let found = value.into_data().try_into_vec::<f32>().unwrap();
        assert!((found[0] - 0.999).abs() < 1e-6 && (found[1] - 1.001).abs() < 1e-6, "{found:?}");
    }
}
