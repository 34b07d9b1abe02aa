//! Pauses between tries: each twice as long as the one before, none like another.

use std::hash::{BuildHasher, Hasher};
use std::time::Duration;

/// The pause after the `failed`th failure (from 1): `first` doubled each time up to `longest`, then cut by up to a half,
/// so that those who failed together do not come back together.
#[must_use]
pub fn pause(first: Duration, longest: Duration, failed: u32) -> Duration {
    let whole = first.saturating_mul(2_u32.saturating_pow(failed.saturating_sub(1))).min(longest);
    let random = std::collections::hash_map::RandomState::new().build_hasher().finish();
    whole.mul_f64(0.5 + (random % 1024) as f64 / 2048.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_are_not_all_alike() {
        let (first, longest) = (Duration::from_millis(100), Duration::from_secs(5));
        for failed in 1..40 {
            let whole = first.saturating_mul(2_u32.saturating_pow(failed - 1)).min(longest);
            let found = pause(first, longest, failed);
            assert!(found >= whole / 2 && found <= whole, "{failed}: {found:?} of {whole:?}");
        }
        assert!((0..20).any(|_| pause(first, longest, 1) != pause(first, longest, 1)));
    }
}
