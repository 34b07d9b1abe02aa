//! Schedules: how the learning rate changes with the step. One file a schedule, each a pure function of the step and the
//! length it is made for, so that a resumed training goes on at the rate that it would have had.

mod constant;
mod decay;
mod one_cycle;
mod warmup_cosine;

pub use constant::Constant;
pub use decay::{Exponential, Linear, Step};
pub use one_cycle::OneCycle;
pub use warmup_cosine::WarmupCosine;

use simpipe_base::choice;

choice! {
    /// How the learning rate changes while a network is trained: a factor of the optimiser's `learning-rate`.
    pub enum Schedule: dyn Rate {
        /// The same at every step.
        #[aka("none", "fixed")]
        "constant" => Constant(Constant),
        /// A linear increase, then half a cosine down.
        #[aka("cosine", "cosine_annealing", "CosineAnnealingLR")]
        "warmup-cosine" => WarmupCosine(WarmupCosine),
        /// A linear decrease.
        #[aka("LinearLR", "polynomial")]
        "linear" => Linear(Linear),
        /// Up from a low rate and down to a lower one, both in half a cosine.
        #[aka("OneCycleLR")]
        "one-cycle" => OneCycle(OneCycle),
        /// Multiplied by a factor every so many steps.
        #[aka("StepLR", "MultiStepLR", "staircase")]
        "step" => Step(Step),
        /// Multiplied by a factor at every step.
        #[aka("ExponentialLR", "ExponentialDecay")]
        "exponential" => Exponential(Exponential),
    }
}

/// A learning rate that changes.
pub trait Rate {
    /// The factor of the learning rate at `step`, from 0, of `total`; never negative.
    fn factor(&self, step: u64, total: u64) -> f64;

    /// Whether the factor depends on `total`: a training of another length is then another training from its first step.
    fn needs_total(&self) -> bool;

    /// What does not fit into `total` steps: the parameter and what is wrong with it.
    fn misfit(&self, _total: u64) -> Option<(&'static str, String)> {
        None
    }
}

/// Half a cosine from `from` to `to`; `share` of the way, from 0 to 1.
fn half_cosine(from: f64, to: f64, share: f64) -> f64 {
    to + (from - to) * 0.5 * (1.0 + (std::f64::consts::PI * share).cos())
}

/// The share that `part` steps have of `whole`, at most 1; 1 of nothing.
#[expect(clippy::cast_precision_loss, reason = "steps are far below 2^52")]
fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 1.0 } else { (part as f64 / whole as f64).min(1.0) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::golden::{self, Golden, close};
    use simpipe_base::param;

    fn schedule(json: serde_json::Value) -> Schedule {
        param::from_json(&json).unwrap()
    }

    #[test]
    fn warmup_cosine_is_the_references() {
        let golden = Golden::read(golden::file!("schedule_warmup_cosine"));
        for case in &golden.cases {
            let number = |name: &str| case.params[name].as_f64().unwrap();
            let (steps, warmup) =
                (case.params["total_steps"].as_u64().unwrap(), case.params["warmup_steps"].as_u64().unwrap());
            let list = json!({ "warmup-cosine": { "warmup-steps": warmup, "floor": number("alpha") } });
            let list = schedule(list);
            let asked: Vec<u64> = serde_json::from_value(case.input["steps"].clone()).unwrap();
            for (step, expected) in asked.iter().zip(golden::numbers(&case.expected["learning_rate"])) {
                let found = number("max_learning_rate") * list.as_dyn().factor(*step, steps);
                assert!(close(found, expected, golden.tolerance), "step {step} of {steps}: {found} {expected}");
            }
        }
        assert!(!golden.cases.is_empty());
    }

    #[test]
    fn rates_by_hand() {
        let factors = |json: serde_json::Value, steps: &[u64]| -> Vec<f64> {
            let schedule = schedule(json);
            steps.iter().map(|step| schedule.as_dyn().factor(*step, 100)).collect()
        };
        assert_eq!(factors(json!("constant"), &[0, 50, 99]), [1.0, 1.0, 1.0]);
        assert_eq!(factors(json!({ "linear": { "end": 0.5 } }), &[0, 50, 100]), [1.0, 0.75, 0.5]);
        assert_eq!(factors(json!({ "step": { "every": 10, "factor": 0.5 } }), &[0, 9, 10, 25]), [1.0, 1.0, 0.5, 0.25]);
        assert_eq!(factors(json!({ "exponential": { "factor": 0.5 } }), &[0, 1, 3]), [1.0, 0.5, 0.125]);
        let cycle = json!({ "one-cycle": { "rise": 0.25, "start": 0.1, "end": 0.0 } });
        for (found, expected) in factors(cycle, &[0, 25, 62, 100]).iter().zip([0.1, 1.0, 0.51, 0.0]) {
            assert!((found - expected).abs() < 0.02, "{found} {expected}");
        }
    }

    #[test]
    fn what_is_longer_than_the_training_is_refused() {
        let misfit = |json: serde_json::Value| schedule(json).as_dyn().misfit(100).map(|(parameter, _)| parameter);
        assert_eq!(misfit(json!({ "warmup-cosine": { "warmup-steps": 101 } })), Some("warmup-steps"));
        assert_eq!(misfit(json!({ "warmup-cosine": { "warmup-steps": 100 } })), None);
    }

    proptest! {
        #[test]
        fn a_factor_is_finite_and_never_negative(at in 0..Schedule::NAMES.len(), step in 0_u64..3_000, total in 0_u64..2_000) {
            let schedule: Schedule = param::from_json(&json!(Schedule::NAMES[at])).unwrap();
            let factor = schedule.as_dyn().factor(step, total);
            prop_assert!(factor.is_finite() && (0.0..=1.0).contains(&factor), "{factor}");
            if !schedule.as_dyn().needs_total() {
                prop_assert_eq!(factor, schedule.as_dyn().factor(step, total + 7));
            }
        }
    }
}
