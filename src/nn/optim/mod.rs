//! Optimisers: one file a rule. A rule changes one parameter at a time and remembers what its named slots hold; which
//! parameters it is asked for, and at which learning rate, is not its business.

mod adam;

pub use adam::Adam;

use std::collections::BTreeMap;

use burn::tensor::{Device, Gradients, Tensor, TensorData};

use super::parameters::{Parameters, Updated};
use crate::artifact::Weights;
use crate::choice;

choice! {
    /// How gradients change weights.
    pub enum Optimizer: pub(in crate::nn) dyn Rule {
        /// Step sizes from moving averages of gradient and squared gradient.
        #[aka("adamw", "AdamOptimizer", "nadam")]
        "adam" => Adam(Adam),
    }
}

/// The moment of an update.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::nn) struct Tick {
    /// The step, from 1.
    pub(in crate::nn) step: u64,
    /// The learning rate of this step.
    pub(in crate::nn) rate: f64,
}

/// How one parameter changes.
pub(in crate::nn) trait Rule {
    /// The learning rate, before any schedule.
    fn learning_rate(&self) -> f64;

    /// What it remembers of each parameter, by name: tensors of the parameter's size that start at 0.
    fn slots(&self) -> &'static [&'static str];

    /// The new value of a parameter; `slots` come in the order of [`Rule::slots`].
    ///
    /// # Shapes
    /// All `[size]`, outside the autodiff graph.
    fn update(&self, tick: Tick, value: Tensor<1>, gradient: Tensor<1>, slots: &mut [Tensor<1>]) -> Tensor<1>;
}

/// What an optimiser remembers of earlier steps.
#[derive(Debug, Clone, Default)]
pub(super) struct OptimizerState {
    /// Steps made.
    pub(super) steps: u64,
    /// By slot and path: `m.layers.1.conv2d.weight`.
    slots: BTreeMap<String, Tensor<1>>,
}

impl Optimizer {
    /// The step size, before any schedule.
    #[must_use]
    pub fn learning_rate(&self) -> f64 {
        self.as_dyn().learning_rate()
    }

    /// One update, at this learning rate, of every parameter that has a gradient.
    pub(super) fn step(
        &self,
        rate: f64,
        parameters: &mut Parameters,
        mut gradients: Gradients,
        state: &mut OptimizerState,
    ) {
        state.steps += 1;
        let (rule, step) = (self.as_dyn(), state.steps);
        parameters.update(&mut gradients, |Updated { path, rate_factor }, value, gradient| {
            let names: Vec<String> = rule.slots().iter().map(|slot| format!("{slot}.{path}")).collect();
            let take = |name: &String| state.slots.remove(name).unwrap_or_else(|| gradient.zeros_like());
            let mut slots: Vec<Tensor<1>> = names.iter().map(take).collect();
            let tick = Tick { step, rate: rate * rate_factor };
            let value = rule.update(tick, value, gradient, &mut slots);
            state.slots.extend(names.into_iter().zip(slots));
            value
        });
    }
}

impl OptimizerState {
    /// Every slot by its name, in host memory.
    pub(super) fn to_weights(&self) -> Weights {
        let one = |(name, slot): (&String, &Tensor<1>)| {
            let values = slot.to_data().try_into_vec::<f32>().expect("slots are f32");
            (name.clone(), (vec![values.len()], values))
        };
        Weights(self.slots.iter().map(one).collect())
    }

    /// Reads what [`OptimizerState::to_weights`] gave.
    pub(super) fn from_weights(weights: &Weights, steps: u64, device: &Device) -> Self {
        let one = |(name, (_, values)): (&String, &(Vec<usize>, Vec<f32>))| {
            (name.clone(), Tensor::from_data(TensorData::new(values.clone(), [values.len()]), device))
        };
        Self { steps, slots: weights.0.iter().map(one).collect() }
    }
}
