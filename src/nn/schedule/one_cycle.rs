//! `one-cycle`: up from a low rate and down to a lower one.

use super::{Rate, half_cosine, share};
use simpipe_base::check;
use simpipe_base::params;

params! {
    /// From `start` to 1 in the first `rise` of the steps, then to `end`, both in half a cosine (Smith and Topin, 2018,
    /// arXiv:1708.07120; the defaults are PyTorch's).
    pub struct OneCycle {
        /// The share of the steps that the rate rises in.
        rise: f64 = 0.3 => check::between(0.0, 1.0),
        /// The factor at the first step.
        start: f64 = 0.04 => check::between(0.0, 1.0),
        /// The factor at the end.
        end: f64 = 4e-6 => check::between(0.0, 1.0),
    }
}

impl Rate for OneCycle {
    fn factor(&self, step: u64, total: u64) -> f64 {
        let at = share(step, total);
        if at < self.rise {
            return half_cosine(self.start, 1.0, at / self.rise);
        }
        let fallen = if self.rise < 1.0 { (at - self.rise) / (1.0 - self.rise) } else { 1.0 };
        half_cosine(1.0, self.end, fallen)
    }

    fn needs_total(&self) -> bool {
        true
    }
}
