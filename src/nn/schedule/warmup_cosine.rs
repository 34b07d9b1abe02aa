//! `warmup-cosine`: a line up, then half a cosine down.

use super::{Rate, half_cosine, share};
use simpipe_base::check;
use simpipe_base::params;

params! {
    /// At step `t` of `T`, both from 0, with a warm-up of `W` steps: `t / W` below `W`, then
    /// `floor + (1 - floor) (1 + cos(pi (t - W) / (T - W))) / 2` (Loshchilov and Hutter, 2017, arXiv:1608.03983; the warm-up
    /// of Goyal et al., 2017, arXiv:1706.02677).
    pub struct WarmupCosine {
        /// Steps until the full learning rate; at most the whole training.
        #[aka("warmup", "num_warmup_steps", "warmup_iters")]
        warmup_steps: usize = 0 => check::between(0, 1_000_000_000),
        /// The factor at the end.
        floor: f64 = 0.0 => check::between(0.0, 1.0),
    }
}

impl Rate for WarmupCosine {
    fn factor(&self, step: u64, total: u64) -> f64 {
        let warmup = self.warmup_steps as u64;
        if step < warmup {
            return share(step, warmup);
        }
        half_cosine(1.0, self.floor, share(step - warmup, total.saturating_sub(warmup)))
    }

    fn needs_total(&self) -> bool {
        true
    }

    fn misfit(&self, total: u64) -> Option<(&'static str, String)> {
        let too_long = self.warmup_steps as u64 > total;
        too_long.then(|| {
            (
                "warmup-steps",
                format!("a warm-up of {} steps is longer than the {total} of the schedule", self.warmup_steps),
            )
        })
    }
}
