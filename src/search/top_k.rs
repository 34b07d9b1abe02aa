//! The smallest keys of a stream, kept without sorting it.

use super::wide::widest;

/// Positions with the smallest keys seen so far.
///
/// Twice the wanted number is buffered; when the buffer is full, a selection halves it and its largest key becomes
/// the bar for what follows. Each key costs one comparison, in blocks of vector instructions, and an amortised
/// constant where it passes.
pub(super) struct TopK {
    limit: usize,
    /// The first `len` are kept, the rest is room.
    kept: Vec<u64>,
    len: usize,
    /// Keys that are not below this can't be among the smallest any more; `None` until `limit` were seen.
    bar: Option<f32>,
}

/// Keys looked at together.
const BLOCK: usize = 32;

/// A key with its position as one integer: smaller keys first (as [`f32::total_cmp`] orders them), then positions.
pub(super) fn ranked(key: f32, position: u32) -> u64 {
    let bits = key.to_bits();
    let ordered = if bits >> 31 == 0 { bits | 0x8000_0000 } else { !bits };
    u64::from(ordered) << 32 | u64::from(position)
}

/// The key of [`ranked`].
pub(super) fn key(ranked: u64) -> f32 {
    let ordered = (ranked >> 32) as u32;
    f32::from_bits(if ordered >> 31 == 1 { ordered & 0x7fff_ffff } else { !ordered })
}

/// The position of [`ranked`].
pub(super) const fn position(ranked: u64) -> u32 {
    ranked as u32
}

impl TopK {
    /// Keeps the `limit` smallest; equal keys in the order of their positions.
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, kept: vec![0; if limit == 0 { 0 } else { 2 * limit + BLOCK }], len: 0, bar: None }
    }

    /// Takes the keys of positions `first`, `first + 1`, ...; positions must come in increasing order.
    pub(super) fn offer(&mut self, keys: &[f32], first: u32) {
        if self.limit > 0 {
            widest(|| self.filter(keys, first));
        }
    }

    #[inline(always)]
    fn filter(&mut self, keys: &[f32], first: u32) {
        for (start, block) in (first..).step_by(BLOCK).zip(keys.chunks(BLOCK)) {
            // Later positions lose ties, so only smaller keys can pass; without a bar all do.
            let bar = self.bar;
            let passes = |key: f32| bar.is_none_or(|bar| key < bar);
            if bar.is_some_and(|bar| !block.iter().fold(false, |any, &key| any | (key < bar))) {
                continue;
            }
            for (position, &key) in (start..).zip(block) {
                self.kept[self.len] = ranked(key, position);
                self.len += usize::from(passes(key));
            }
            if self.len >= 2 * self.limit {
                self.shrink();
            }
        }
    }

    #[inline(never)]
    fn shrink(&mut self) {
        if self.len >= self.limit {
            let (_, last, _) = self.kept[..self.len].select_nth_unstable(self.limit - 1);
            self.bar = Some(key(*last));
            self.len = self.limit;
        }
    }

    /// The positions kept, in no order, and the largest key among them if there may be others beyond it.
    pub(super) fn finish(mut self) -> (Vec<u32>, Option<f32>) {
        if self.limit > 0 {
            self.shrink();
        }
        (self.kept[..self.len].iter().map(|&kept| position(kept)).collect(), self.bar)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn smallest(keys: &[f32], limit: usize) -> Vec<u32> {
        let mut top = TopK::new(limit);
        for (at, piece) in keys.chunks(5).enumerate() {
            top.offer(piece, u32::try_from(at * 5).unwrap());
        }
        let mut kept = top.finish().0;
        kept.sort_unstable();
        kept
    }

    #[test]
    fn ties_go_to_the_first_positions() {
        let keys = [3.0, 1.0, 1.0, 2.0, 1.0, 0.0, 1.0, f32::INFINITY];
        assert_eq!(smallest(&keys, 3), [1, 2, 5]);
        assert_eq!(smallest(&[7.0; 40], 2), [0, 1]);
        assert_eq!(smallest(&[f32::INFINITY; 3], 2), [0, 1]);
        assert_eq!(smallest(&keys, 20), [0, 1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(smallest(&keys, 0), [0_u32; 0]);
    }

    #[test]
    fn a_long_stream_keeps_what_sorting_would() {
        let keys: Vec<f32> = (0..5000_u32).map(|at| f32::sin(at as f32 * 12.9898) * 43.0).collect();
        let mut all: Vec<u64> = (0..).zip(&keys).map(|(at, &key)| ranked(key, at)).collect();
        all.sort_unstable();
        for limit in [1, 31, 700] {
            let mut top = TopK::new(limit);
            for (at, piece) in keys.chunks(777).enumerate() {
                top.offer(piece, u32::try_from(at * 777).unwrap());
            }
            let (mut kept, bar) = top.finish();
            let mut expected: Vec<u32> = all[..limit].iter().map(|&ranked| position(ranked)).collect();
            kept.sort_unstable();
            expected.sort_unstable();
            assert_eq!(kept, expected);
            assert_eq!(bar, Some(key(all[limit - 1])));
        }
    }

    #[test]
    fn keys_are_ordered_as_numbers() {
        let keys = [f32::NEG_INFINITY, -3.0, -1e-40, -0.0, 0.0, 1e-40, 2.5, f32::INFINITY];
        let ranks: Vec<u64> = keys.iter().map(|&key| ranked(key, 9)).collect();
        assert!(ranks.is_sorted() && ranked(1.0, 2) < ranked(1.0, 3));
        assert_eq!(ranks.iter().map(|&rank| key(rank)).collect::<Vec<_>>(), keys);
        assert!(ranks.iter().all(|&rank| position(rank) == 9));
    }
}
