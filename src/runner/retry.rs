//! When a failed stage is tried again, and how long the pause before is.
//!
//! | failure | tried again |
//! |---|---|
//! | the file system or the store refuses | yes |
//! | data from outside is not there, a download included | yes |
//! | a try took longer than `timeout` | yes: a training goes on from its checkpoint, a download from its part |
//! | the work can't be done (`the loss became NaN`) | no: the same inputs and seed end the same way |
//! | a panic, a file too few or too many | no: a mistake in the program |
//! | the user stopped it | no |

use std::time::{Duration, Instant};

use crate::base::digest::Digest;

/// The first pause; each further one is twice as long. Tests have no time for it.
const FIRST: Duration = if cfg!(test) { Duration::from_millis(10) } else { Duration::from_secs(1) };

/// No pause is longer.
const LONGEST: Duration = Duration::from_secs(60);

/// How often a waiting stage looks whether the user wants to stop.
const POLL: Duration = Duration::from_millis(50);

/// The pause before a retry (from 1): doubled each time, and shortened by up to a half so that stages and processes that
/// failed together do not come back together.
pub(super) fn pause(id: &str, retry: u32) -> Duration {
    let whole = FIRST.saturating_mul(2_u32.saturating_pow(retry.saturating_sub(1))).min(LONGEST);
    let digest = Digest::of_json(&(id, retry, std::process::id())).to_string();
    let part = u32::from_str_radix(&digest[..2], 16).unwrap_or(0); // 0 to 255
    whole - whole * part / 510
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
    fn pauses_double_up_to_a_minute_and_are_not_all_alike() {
        for retry in 1..20 {
            let (found, whole) = (pause("a", retry), (FIRST * 2_u32.pow(retry - 1)).min(LONGEST));
            assert!(found >= whole / 2 && found <= whole, "{retry}: {found:?} of {whole:?}");
            assert_eq!(found, pause("a", retry));
        }
        assert!((1..20).any(|retry| pause("a", retry) != pause("b", retry)));
    }

    #[test]
    fn a_wait_ends_when_the_user_wants_to_stop() {
        let began = Instant::now();
        assert!(!wait(Duration::from_secs(60), &|| began.elapsed() > Duration::from_millis(60)));
        assert!(began.elapsed() < Duration::from_secs(10));
        assert!(wait(Duration::from_millis(1), &|| false));
    }
}
