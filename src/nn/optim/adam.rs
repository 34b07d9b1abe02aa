//! `adam`: step sizes from moving averages of the gradient and its square.
//!
//! burn's Adam divides by `sqrt(v_hat) + eps` where Keras has `sqrt(v) + eps` with the correction in the step size: not
//! the same numbers, so the update is written here.

use burn::tensor::Tensor;

use super::{Rule, Tick};
use crate::base::check;
use crate::nn::fused;
use crate::nn::kernel::AdamStep;
use crate::params;

params! {
    /// Adam (Kingma and Ba, 2015, arXiv:1412.6980) as Keras has it, epsilon outside the root:
    ///
    /// `m = b1 m + (1 - b1) g`, `v = b2 v + (1 - b2) g^2`,
    /// `w = w - lr sqrt(1 - b2^t) / (1 - b1^t) * m / (sqrt(v) + eps)` at step `t` from 1.
    pub struct Adam {
        /// Step size.
        #[aka("lr", "base_lr", "initial_lr", "eta", "step_size")]
        learning_rate: f64 = 0.001 => check::positive(),
        /// Decay of the first moment.
        #[aka("beta", "betas")]
        beta_1: f64 = 0.9 => check::decay(),
        /// Decay of the second moment.
        beta_2: f64 = 0.999 => check::decay(),
        /// Added to the root of the second moment.
        #[aka("eps")]
        epsilon: f64 = 1e-7 => check::positive(),
    }
}

impl Rule for Adam {
    fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    fn slots(&self) -> &'static [&'static str] {
        &["m", "v"]
    }

    fn update(&self, tick: Tick, value: Tensor<1>, gradient: Tensor<1>, slots: &mut [Tensor<1>]) -> Tensor<1> {
        let [first, second] = slots else { unreachable!("Adam has two slots") };
        let taken = |slot: &mut Tensor<1>| std::mem::replace(slot, Tensor::empty([0], &gradient.device()));
        let (m, v) = (taken(first), taken(second));
        if fused::is_on_flex(&value) {
            let step = u32::try_from(tick.step).unwrap_or(u32::MAX);
            let Self { beta_1: beta1, beta_2: beta2, epsilon: eps, .. } = *self;
            let rule = AdamStep { lr: tick.rate, beta1, beta2, eps, step };
            let (value, [m, v]) = fused::adam(&rule, [value, gradient, m, v]);
            (*first, *second) = (m, v);
            return value;
        }
        *first = m.mul_scalar(self.beta_1) + gradient.clone().mul_scalar(1.0 - self.beta_1);
        *second = v.mul_scalar(self.beta_2) + gradient.square().mul_scalar(1.0 - self.beta_2);
        let rate = self.corrected(tick);
        value - first.clone().mul_scalar(rate) / second.clone().sqrt().add_scalar(self.epsilon)
    }
}

impl Adam {
    /// `lr sqrt(1 - b2^t) / (1 - b1^t)`, in `f64`.
    fn corrected(&self, tick: Tick) -> f64 {
        let step = i32::try_from(tick.step).unwrap_or(i32::MAX);
        tick.rate * (1.0 - self.beta_2.powi(step)).sqrt() / (1.0 - self.beta_1.powi(step))
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::base::param;
    use crate::nn::golden::{self, Golden};

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
                let tick = Tick { step: at as u64 + 1, rate: adam.learning_rate };
                value = adam.update(tick, value, flat(&step["gradient"]), &mut moments);
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
        let tick = Tick { step: 1, rate: 0.001 };
        let mut moments = [flat([0.0; 2]), flat([0.0; 2])];
        let value = param::defaults::<Adam>().update(tick, flat([1.0, 1.0]), flat([0.5, -3.0]), &mut moments);
        let found = value.into_data().try_into_vec::<f32>().unwrap();
        assert!((found[0] - 0.999).abs() < 1e-6 && (found[1] - 1.001).abs() < 1e-6, "{found:?}");
    }
}
