//! Weights beside those that are trained: moving averages, and the slow ones of lookahead.

use super::FitSettings;
use crate::load_error::LoadError;
use crate::parameters::{Parameters, is_memory};
use crate::state::FitState;
use simpipe_artifact::Weights;
use simpipe_base::check::{self, Check};
use simpipe_base::params;

params! {
    /// Moving averages of the weights (Polyak and Juditsky, 1992), which are validated, kept and embedded with in place of
    /// the weights themselves: after every step `a = d a + (1 - d) w`.
    ///
    /// The weights of the network, its moving statistics and what a loss learns by gradient are averaged; a loss's memory is
    /// taken as it is.
    pub struct Ema {
        /// How much of the averages each step keeps: `d`.
        #[aka("momentum", "beta", "alpha")]
        decay: f64 = 0.999 => check::decay(),
        /// Whether `d` is `min(decay, (1 + t) / (10 + t))` at step `t` from 1, as in TensorFlow, so that short
        /// trainings forget their start.
        #[aka("num_updates", "zero_debias", "bias_correction")]
        warmup: bool = true,
    }
}

params! {
    /// Lookahead (Zhang et al., 2019, arXiv:1907.08610): every `steps` steps the slow weights go `rate` of the way to those
    /// that are trained, which go on from there. What the optimiser remembers stays.
    ///
    /// The slow weights are validated, kept and embedded with; with `ema`, averages of the trained ones are.
    pub struct Lookahead {
        /// Number of steps between two moves of the slow weights.
        #[aka("k", "sync_period", "every")]
        steps: usize = 5 => check::count(1),
        /// The share of the distance that they move.
        #[aka("alpha", "slow_step_size")]
        rate: f64 = 0.5 => share(),
    }
}

fn share() -> Check<f64> {
    use simpipe_base::bounds::{Bounds, Limit};
    let bounds = Bounds { min: Some(Limit::beyond(0.0)), max: Some(Limit::at(1.0)), ..Bounds::default() };
    Check::new("above 0 and at most 1", |share: &f64| *share > 0.0 && *share <= 1.0).with_bounds(bounds)
}

impl Ema {
    /// How much of the averages is kept at a step, from 1.
    #[expect(clippy::cast_precision_loss, reason = "steps are far below 2^52")]
    fn decay_at(&self, step: u64) -> f64 {
        if self.warmup { self.decay.min((1 + step) as f64 / (10 + step) as f64) } else { self.decay }
    }
}

/// The weights beside those that are trained, outside the autodiff graph.
#[derive(Debug)]
pub(super) struct Averages {
    ema: Option<Parameters>,
    slow: Option<Parameters>,
}

impl Averages {
    /// Where a state has them; `parameters` are those of the state.
    pub(super) fn restore(
        parameters: &Parameters,
        state: &FitState,
        settings: &FitSettings<'_>,
    ) -> Result<Self, LoadError> {
        let read = |weights: &Weights| {
            let mut parameters = parameters.valid();
            parameters.set_without_memory(weights).map(|()| parameters)
        };
        let ema = settings.ema.map(|_| read(&state.ema)).transpose()?;
        let slow = settings.lookahead.map(|_| read(&state.slow)).transpose()?;
        Ok(Self { ema, slow })
    }

    /// Follows a step, from 1, that was made; lookahead moves the trained weights too.
    pub(super) fn follow(&mut self, settings: &FitSettings<'_>, parameters: &mut Parameters, step: u64) {
        if let (Some(slow), Some(rule)) = (&mut self.slow, settings.lookahead)
            && step.is_multiple_of(rule.steps as u64)
        {
            slow.approach(parameters, rule.rate, |_, trainable, frozen| trainable && !frozen);
            parameters.take_trained(slow);
        }
        if let (Some(ema), Some(rule)) = (&mut self.ema, settings.ema) {
            // What a loss does not learn by gradient is its memory: a mean of two memories is none.
            let averaged = |path: &str, trainable: bool, _| !is_memory(path, trainable);
            ema.approach(parameters, 1.0 - rule.decay_at(step), averaged);
        }
    }

    /// The parameters that are validated and kept, outside the autodiff graph.
    pub(super) fn kept(&self, parameters: &Parameters) -> Parameters {
        let mut kept = parameters.valid();
        match (&self.ema, &self.slow) {
            (Some(ema), _) => ema.clone(),
            (None, Some(slow)) => {
                kept.take_trained(slow);
                kept
            }
            (None, None) => kept,
        }
    }

    /// Averages and slow weights in host memory, without what a loss remembers; empty where there are none.
    pub(super) fn to_weights(&self) -> (Weights, Weights) {
        let weights = |parameters: &Option<Parameters>| {
            parameters.as_ref().map(Parameters::to_weights_without_memory).unwrap_or_default()
        };
        (weights(&self.ema), weights(&self.slow))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use simpipe_base::param;

    #[test]
    fn a_warmed_up_average_forgets_its_start() {
        let ema: Ema = param::defaults();
        assert_eq!([1, 8, 89].map(|step| ema.decay_at(step)), [2.0 / 11.0, 0.5, 90.0 / 99.0]);
        assert_eq!(ema.decay_at(100_000), 0.999);
        assert_eq!(Ema { warmup: false, ..ema }.decay_at(1), 0.999);
    }
}
