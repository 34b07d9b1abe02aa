//! `linear`, `step` and `exponential`: rates that only fall.

use super::{Rate, share};
use simpipe_base::check;
use simpipe_base::params;

params! {
    /// `1 + (end - 1) t / T` at step `t` of `T`.
    pub struct Linear {
        /// The factor at the end.
        end: f64 = 0.0 => check::between(0.0, 1.0),
    }
}

params! {
    /// `factor ^ floor(t / every)` at step `t`, from 0.
    pub struct Step {
        /// Steps at one rate.
        #[aka("step_size", "period")]
        every: usize = 1000 => check::between(1, 1_000_000_000),
        /// The factor at each such step.
        #[aka("gamma")]
        factor: f64 = 0.1 => check::between(0.0, 1.0),
    }
}

params! {
    /// `factor ^ t` at step `t`, from 0.
    pub struct Exponential {
        /// The factor at every step.
        #[aka("gamma", "decay_rate")]
        factor: f64 = 0.9999 => check::between(0.0, 1.0),
    }
}

impl Rate for Linear {
    fn factor(&self, step: u64, total: u64) -> f64 {
        1.0 + (self.end - 1.0) * share(step, total)
    }

    fn needs_total(&self) -> bool {
        true
    }
}

impl Rate for Step {
    fn factor(&self, step: u64, _: u64) -> f64 {
        power(self.factor, step / self.every as u64)
    }

    fn needs_total(&self) -> bool {
        false
    }
}

impl Rate for Exponential {
    fn factor(&self, step: u64, _: u64) -> f64 {
        power(self.factor, step)
    }

    fn needs_total(&self) -> bool {
        false
    }
}

fn power(base: f64, exponent: u64) -> f64 {
    base.powi(i32::try_from(exponent).unwrap_or(i32::MAX))
}
