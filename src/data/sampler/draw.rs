//! Unbiased random draws, spelled out here so that no release of a library changes what a seed gives.

use std::collections::BTreeMap;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;

/// A whole number in `0..bound`, each as likely as any other.
///
/// Lemire, "Fast Random Integer Generation in an Interval" (2019, arXiv:1805.10941): the high half of a 128-bit
/// product, drawn again in the few cases that would favour some numbers.
///
/// # Panics
/// If `bound` is 0.
pub fn below(rng: &mut ChaCha8Rng, bound: u64) -> u64 {
    assert!(bound > 0, "there is nothing to draw from");
    let unfair = bound.wrapping_neg() % bound; // 2^64 mod bound
    loop {
        let product = u128::from(rng.next_u64()) * u128::from(bound);
        #[expect(clippy::cast_possible_truncation, reason = "the low half is meant")]
        if product as u64 >= unfair {
            return (product >> 64) as u64;
        }
    }
}

/// `count` distinct numbers of `0..bound` in random order: the first steps of a Fisher-Yates shuffle of `0..bound`,
/// of which only the moved entries are kept.
///
/// # Panics
/// If `count` is more than `bound`.
#[must_use]
pub fn distinct(rng: &mut ChaCha8Rng, bound: usize, count: usize) -> Vec<usize> {
    assert!(count <= bound, "{count} distinct numbers of {bound}");
    let mut moved = BTreeMap::new();
    let pick = |step: usize| {
        let at = step + index_below(rng, bound - step);
        let here = moved.get(&step).copied().unwrap_or(step);
        moved.insert(at, here).unwrap_or(at)
    };
    (0..count).map(pick).collect()
}

/// Puts items into random order (Fisher-Yates).
pub fn shuffle<T>(rng: &mut ChaCha8Rng, items: &mut [T]) {
    for last in (1..items.len()).rev() {
        items.swap(last, index_below(rng, last + 1));
    }
}

fn index_below(rng: &mut ChaCha8Rng, bound: usize) -> usize {
    usize::try_from(below(rng, bound as u64)).expect("below a usize")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use simpipe_base::seed::Seed;

    fn rng(position: u64) -> ChaCha8Rng {
        Seed::of_stage(1, "draw", None).rng("test", &[position])
    }

    proptest! {
        #[test]
        fn distinct_numbers_are_distinct_and_in_range(bound in 0_usize..200, part in 0.0..=1.0, position: u64) {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss,
                     reason = "a part of a small number")]
            let count = (bound as f64 * part) as usize;
            let mut drawn = distinct(&mut rng(position), bound, count);
            drawn.sort_unstable();
            drawn.dedup();
            prop_assert_eq!(drawn.len(), count);
            prop_assert!(drawn.iter().all(|number| *number < bound));
        }

        #[test]
        fn a_shuffle_keeps_every_item(count in 0_usize..100, position: u64) {
            let mut items: Vec<usize> = (0..count).collect();
            shuffle(&mut rng(position), &mut items);
            items.sort_unstable();
            prop_assert_eq!(items, (0..count).collect::<Vec<_>>());
        }
    }

    /// Chi-square over the 24 orders of four items; 49.7 is the 99.9 % point at 23 degrees of freedom.
    #[test]
    fn all_orders_are_as_likely() {
        let mut by_shuffle = BTreeMap::<Vec<usize>, f64>::new();
        let mut by_distinct = BTreeMap::<Vec<usize>, f64>::new();
        let (mut first, mut second) = (rng(0), rng(1));
        for _ in 0..24_000 {
            let mut items = vec![0, 1, 2, 3];
            shuffle(&mut first, &mut items);
            *by_shuffle.entry(items).or_default() += 1.0;
            *by_distinct.entry(distinct(&mut second, 4, 4)).or_default() += 1.0;
        }
        for counts in [by_shuffle, by_distinct] {
            assert_eq!(counts.len(), 24);
            let chi_square: f64 = counts.values().map(|count| (count - 1000.0).powi(2) / 1000.0).sum();
            assert!(chi_square < 49.7, "{chi_square}");
        }
    }

    /// A bound of 3/4 of 2^64: a plain remainder would give the lowest third of it twice as often.
    #[test]
    fn large_bounds_are_unbiased() {
        let bound = 3 << 62;
        let mut rng = rng(2);
        let low = (0..30_000).filter(|_| below(&mut rng, bound) < bound / 3).count();
        assert!((9_700..10_300).contains(&low), "{low}");
    }
}
