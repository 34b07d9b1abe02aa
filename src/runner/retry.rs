//! When a failed stage is tried again, and how long the pause before is.
//!
//! | failure | tried again |
//! |---|---|
//! | the file system refuses, that of the store included | yes |
//! | data from outside is not there, a download included | yes |
//! | a source changed while it was read | yes: its memo is forgotten, and the key is made anew |
//! | a try took longer than `timeout` | yes: a training goes on from its checkpoint, a download from its part |
//! | the work can't be done (`the loss became NaN`) | no: the same inputs and seed end the same way |
//! | a panic, a file too few or too many | no: a mistake in the program |
//! | the user stopped it | no |

use std::time::{Duration, Instant};

use simpipe_base::backoff;

/// The first pause. Tests have no time for it.
const FIRST: Duration = if cfg!(test) { Duration::from_millis(10) } else { Duration::from_secs(1) };

/// No pause is longer.
const LONGEST: Duration = Duration::from_secs(60);

/// How often a waiting stage looks whether the user wants to stop.
const POLL: Duration = Duration::from_millis(50);

/// The pause before a retry (from 1).
pub(super) fn pause(retry: u32) -> Duration {
    backoff::pause(FIRST, LONGEST, retry)
}

/// Waits; `false` if the user wants to stop.
pub(super) fn wait(length: Duration, cancelled: &dyn Fn() -> bool) -> bool {
    let end = Instant::now() + length;
    loop {
        if cancelled() {
            return false;
        }
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return true;
        }
        std::thread::sleep(left.min(POLL));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_ends_when_the_user_wants_to_stop() {
        let began = Instant::now();
        assert!(!wait(Duration::from_secs(60), &|| began.elapsed() > Duration::from_millis(60)));
        assert!(began.elapsed() < Duration::from_secs(10));
        assert!(wait(Duration::from_millis(1), &|| false));
    }
}
