//! Optimisers: one file a rule. A rule changes one parameter at a time and remembers what its named slots hold; which
//! parameters it is asked for, and how fast it is to go, is not its business.

mod adam;
mod adamw;
#[cfg(test)]
mod golden_tests;
mod lamb;
mod lion;
mod moments;
mod muon;
mod rmsprop;
mod sgd;

pub use adam::Adam;
pub use adamw::AdamW;
pub use lamb::Lamb;
pub use lion::Lion;
pub use muon::Muon;
pub use rmsprop::RmsProp;
pub use sgd::Sgd;

use std::collections::BTreeMap;

use burn::tensor::{Device, Tensor, TensorData};

use super::fused;
use super::ops;
use super::parameters::{ByPath, Parameters, Updated};
use simpipe_artifact::Weights;
use simpipe_base::choice;

choice! {
    /// How gradients change weights.
    pub enum Optimizer: pub(crate) dyn Rule {
        /// Step sizes from moving averages of gradient and squared gradient.
        #[aka("AdamOptimizer")]
        "adam" => Adam(Adam),
        /// The same, with weight decay apart from the gradient (Loshchilov and Hutter, 2019, arXiv:1711.05101).
        #[aka("AdamWOptimizer")]
        "adamw" => AdamW(AdamW),
        /// Against the gradient, with momentum.
        #[aka("momentum", "nesterov", "GradientDescentOptimizer")]
        "sgd" => Sgd(Sgd),
        /// The gradient divided by the root of its moving square.
        #[aka("rms")]
        "rmsprop" => RmsProp(RmsProp),
        /// A step of AdamW as long as the parameter is large: for large batches (You et al., 2020, arXiv:1904.00962).
        "lamb" => Lamb(Lamb),
        /// Steps of equal size, by the sign of the momentum (Chen et al., 2023, arXiv:2302.06675).
        "lion" => Lion(Lion),
        /// Steps of equal length in every direction of a kernel or matrix; another rule for all other parameters.
        #[aka("newton_schulz")]
        "muon" => Muon(Muon),
    }
}

/// The moment of an update.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Tick {
    /// The step, from 1.
    pub(crate) step: u64,
    /// What the schedule multiplies learning rates by.
    pub(crate) schedule: f64,
    /// What the parameter's own learning rate is multiplied by.
    pub(crate) factor: f64,
}

impl Tick {
    /// The learning rate of a rule that has this one before any schedule.
    pub(crate) fn rate(self, learning_rate: f64) -> f64 {
        learning_rate * self.schedule * self.factor
    }

    /// The step as an exponent.
    fn exponent(self) -> i32 {
        i32::try_from(self.step).unwrap_or(i32::MAX)
    }
}

/// How one parameter changes.
pub(crate) trait Rule {
    /// The learning rate, before any schedule.
    fn learning_rate(&self) -> f64;

    /// What it remembers of this parameter, by name: tensors of the parameter's size that start at 0.
    fn slots(&self, of: &Updated<'_>) -> &'static [&'static str];

    /// The new value of a parameter; `slots` come in the order of [`Rule::slots`].
    ///
    /// # Shapes
    /// All `[size]`, outside the autodiff graph.
    fn update(
        &self,
        tick: Tick,
        of: &Updated<'_>,
        value: Tensor<1>,
        gradient: Tensor<1>,
        slots: &mut [Tensor<1>],
    ) -> Tensor<1>;

    /// Parameters that do not go together: the path of one, and what is wrong with it.
    fn misfit(&self) -> Option<(String, String)> {
        None
    }
}

/// The rules of a training: one for all parameters, and those of groups that have their own.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules<'a> {
    /// Of every parameter whose group has none.
    pub(super) main: &'a Optimizer,
    /// By the number of the group.
    pub(super) groups: &'a [Option<&'a Optimizer>],
}

impl Rules<'_> {
    fn of(&self, group: Option<usize>) -> &dyn Rule {
        group.and_then(|at| *self.groups.get(at)?).unwrap_or(self.main).as_dyn()
    }

    /// One update, with learning rates times `schedule`, of every parameter that has a gradient.
    pub(super) fn step(
        &self,
        schedule: f64,
        parameters: &mut Parameters,
        gradients: ByPath,
        state: &mut OptimizerState,
    ) {
        state.steps += 1;
        let step = state.steps;
        parameters.update(gradients, |of, value, gradient| {
            let rule = self.of(of.group);
            let names: Vec<String> = rule.slots(of).iter().map(|slot| format!("{slot}.{}", of.path)).collect();
            let take = |name: &String| state.slots.remove(name).unwrap_or_else(|| gradient.zeros_like());
            let mut slots: Vec<Tensor<1>> = names.iter().map(take).collect();
            let tick = Tick { step, schedule, factor: of.rate_factor };
            let value = rule.update(tick, of, value, gradient, &mut slots);
            state.slots.extend(names.into_iter().zip(slots));
            value
        });
    }
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

    /// Parameters that do not go together: the path of one inside the optimiser's table, and what is wrong with it.
    #[must_use]
    pub fn misfit(&self) -> Option<(String, String)> {
        self.as_dyn().misfit().map(|(path, message)| (format!("{}.{path}", self.name()), message))
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

/// The tensor out of a slot, so that an update may reuse its memory.
fn take(slot: &mut Tensor<1>) -> Tensor<1> {
    let device = slot.device();
    std::mem::replace(slot, Tensor::empty([0], &device))
}

/// The gradient and `decay` times the value: the gradient of `decay / 2` times the square of the value is added.
fn with_decay(gradient: Tensor<1>, value: &Tensor<1>, decay: f64) -> Tensor<1> {
    if decay == 0.0 { gradient } else { gradient + value.clone().mul_scalar(decay) }
}

/// The sum of squares: in order and in `f64` on the host, where a sum of `f32` would lose digits.
pub(super) fn square_norm(x: &Tensor<1>) -> f64 {
    if fused::is_on_flex(x) {
        let values = x.to_data().try_into_vec::<f32>().expect("tensors are f32");
        return values.iter().map(|&value| f64::from(value) * f64::from(value)).sum();
    }
    f64::from(ops::sum(x.clone().square()).into_scalar::<f32>())
}
