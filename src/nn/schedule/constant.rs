//! `constant`: one learning rate for the whole training.

use super::Rate;
use simpipe_base::params;

params! {
    /// The learning rate of the optimiser at every step.
    pub struct Constant {}
}

impl Rate for Constant {
    fn factor(&self, _: u64, _: u64) -> f64 {
        1.0
    }

    fn needs_total(&self) -> bool {
        false
    }
}
