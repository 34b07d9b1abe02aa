//! The smallest keys of a stream, kept without sorting it.

/// Positions with the smallest keys seen so far.
///
/// Twice the wanted number is buffered; when the buffer is full, a selection halves it and its largest key becomes
/// the bar for what follows. Each key costs one comparison, in blocks that compilers vectorise, and an amortised
/// constant where it passes.
pub(super) struct TopK {
    limit: usize,
    kept: Vec<(f32, u32)>,
    /// Keys that are not below this can't be among the smallest any more; `None` until `limit` were seen.
    bar: Option<f32>,
}

/// Keys looked at together.
const BLOCK: usize = 16;

impl TopK {
    /// Keeps the `limit` smallest; equal keys in the order of their positions.
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, kept: Vec::with_capacity(2 * limit), bar: None }
    }

    /// Takes the keys of positions `first`, `first + 1`, ...; positions must come in increasing order.
    pub(super) fn offer(&mut self, keys: &[f32], first: u32) {
        if self.limit == 0 {
            return;
        }
        for (start, block) in (first..).step_by(BLOCK).zip(keys.chunks(BLOCK)) {
            // Later positions lose ties, so only smaller keys can pass.
            let passes = |key: f32| self.bar.is_none_or(|bar| key < bar);
            if !block.iter().fold(false, |any, &key| any | passes(key)) {
                continue;
            }
            for (position, &key) in (start..).zip(block) {
                if self.bar.is_none_or(|bar| key < bar) {
                    self.keep(key, position);
                }
            }
        }
    }

    fn keep(&mut self, key: f32, position: u32) {
        self.kept.push((key, position));
        if self.kept.len() >= 2 * self.limit {
            self.shrink();
        }
    }

    fn shrink(&mut self) {
        if self.kept.len() >= self.limit {
            let order = |a: &(f32, u32), b: &(f32, u32)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1));
            let (_, last, _) = self.kept.select_nth_unstable_by(self.limit - 1, order);
            self.bar = Some(last.0);
            self.kept.truncate(self.limit);
        }
    }

    /// The positions kept, in no order, and the largest key among them if there may be others beyond it.
    pub(super) fn finish(mut self) -> (Vec<u32>, Option<f32>) {
        if self.limit > 0 {
            self.shrink();
        }
        (self.kept.into_iter().map(|(_, position)| position).collect(), self.bar)
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
}
