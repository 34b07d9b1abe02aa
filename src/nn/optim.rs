//! Optimisers, as Keras defines them.
//!
//! burn's Adam divides by `sqrt(v_hat) + eps` where Keras has `sqrt(v) + eps` with the correction in the step size: not
//! the same numbers, so the update is written here, over the module's parameters.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleMapper, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, TensorData};

use super::fused;
use super::kernel::AdamStep;
use super::layer::LayerSpec;
use super::network::{Layers, WeightPath};
use crate::artifact::Weights;
use crate::base::check;
use crate::{choice, params};

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

choice! {
    /// How gradients change weights.
    pub enum Optimizer {
        /// Step sizes from moving averages of gradient and squared gradient.
        #[aka("adamw", "AdamOptimizer", "nadam")]
        "adam" => Adam(Adam),
    }
}

/// What an optimiser remembers of earlier steps.
#[derive(Debug, Clone, Default)]
pub(super) struct OptimizerState {
    /// Steps made.
    pub(super) steps: u64,
    /// By weight name, one flat tensor a quantity: Adam's `m` and `v`.
    moments: BTreeMap<String, [Tensor<1>; 2]>,
}

impl Optimizer {
    /// The step size.
    #[must_use]
    pub const fn learning_rate(&self) -> f64 {
        match self {
            Self::Adam(adam) => adam.learning_rate,
        }
    }

    /// One update of every parameter that has a gradient.
    pub(super) fn step(
        &self,
        layers: Layers,
        gradients: GradientsParams,
        state: &mut OptimizerState,
        specs: &[LayerSpec],
    ) -> Layers {
        state.steps += 1;
        layers.map(&mut Update { optimizer: self, gradients, state, path: WeightPath::new(specs) })
    }

    /// The new value of one parameter and its new moments.
    fn update(
        &self,
        step: u64,
        value: Tensor<1>,
        gradient: Tensor<1>,
        moments: Option<[Tensor<1>; 2]>,
    ) -> (Tensor<1>, [Tensor<1>; 2]) {
        match self {
            Self::Adam(adam) => adam.update(step, value, gradient, moments),
        }
    }
}

impl Adam {
    fn update(
        &self,
        step: u64,
        value: Tensor<1>,
        gradient: Tensor<1>,
        moments: Option<[Tensor<1>; 2]>,
    ) -> (Tensor<1>, [Tensor<1>; 2]) {
        let [first, second] = moments.unwrap_or_else(|| [gradient.zeros_like(), gradient.zeros_like()]);
        if fused::is_on_flex(&value) {
            let step = u32::try_from(step).unwrap_or(u32::MAX);
            let Self { learning_rate: lr, beta_1: beta1, beta_2: beta2, epsilon: eps } = *self;
            return fused::adam(&AdamStep { lr, beta1, beta2, eps, step }, [value, gradient, first, second]);
        }
        let first = first.mul_scalar(self.beta_1) + gradient.clone().mul_scalar(1.0 - self.beta_1);
        let second = second.mul_scalar(self.beta_2) + gradient.square().mul_scalar(1.0 - self.beta_2);
        let rate = self.corrected_rate(step);
        let change = first.clone().mul_scalar(rate) / second.clone().sqrt().add_scalar(self.epsilon);
        (value - change, [first, second])
    }

    /// `lr sqrt(1 - b2^t) / (1 - b1^t)`, in `f64`.
    fn corrected_rate(&self, step: u64) -> f64 {
        let step = i32::try_from(step).unwrap_or(i32::MAX);
        self.learning_rate * (1.0 - self.beta_2.powi(step)).sqrt() / (1.0 - self.beta_1.powi(step))
    }
}

struct Update<'a> {
    optimizer: &'a Optimizer,
    gradients: GradientsParams,
    state: &'a mut OptimizerState,
    path: WeightPath<'a>,
}

impl ModuleMapper for Update<'_> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.enter(name);
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.exit();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        // Moving statistics have no gradient.
        let Some(gradient) = self.gradients.remove::<D>(param.id) else { return param };
        let name = self.path.name();
        let moments = self.state.moments.remove(&name);
        param.map(|value| {
            let shape = value.dims();
            let size: usize = shape.iter().product();
            let (value, gradient) = (value.without_autodiff().reshape([size]), gradient.reshape([size]));
            let (value, moments) = self.optimizer.update(self.state.steps, value, gradient, moments);
            self.state.moments.insert(name, moments);
            Tensor::from_inner(value.reshape(shape)).require_grad()
        })
    }
}

impl OptimizerState {
    /// The moments by weight name, under `m.` and `v.`.
    pub(super) fn to_weights(&self) -> Weights {
        let mut weights = Weights::default();
        for (name, moments) in &self.moments {
            for (prefix, moment) in ["m", "v"].into_iter().zip(moments) {
                let values = moment.to_data().try_into_vec::<f32>().expect("moments are f32");
                weights.0.insert(format!("{prefix}.{name}"), (vec![values.len()], values));
            }
        }
        weights
    }

    /// Reads what [`OptimizerState::to_weights`] gave.
    pub(super) fn from_weights(weights: &Weights, steps: u64, device: &Device) -> Self {
        let tensor = |(_, values): &(Vec<usize>, Vec<f32>)| {
            Tensor::from_data(TensorData::new(values.clone(), [values.len()]), device)
        };
        let moments = weights.0.iter().filter_map(|(key, first)| {
            let name = key.strip_prefix("m.")?;
            let second = weights.0.get(&format!("v.{name}"))?;
            Some((name.to_owned(), [tensor(first), tensor(second)]))
        });
        Self { steps, moments: moments.collect() }
    }
}

#[cfg(test)]
mod tests {
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
            let (mut value, mut moments) = (flat(&case.input["value"]), None);
            for (at, step) in case.expected["steps"].as_array().unwrap().iter().enumerate() {
                let (new, kept) = adam.update(at as u64 + 1, value, flat(&step["gradient"]), moments);
                (value, moments) = (new, Some(kept));
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
        let (value, _) = param::defaults::<Adam>().update(1, flat([1.0, 1.0]), flat([0.5, -3.0]), None);
        let found = value.into_data().try_into_vec::<f32>().unwrap();
        assert!((found[0] - 0.999).abs() < 1e-6 && (found[1] - 1.001).abs() < 1e-6, "{found:?}");
    }
}
