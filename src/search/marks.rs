//! Which rows don't count any more, as a bit each.

use std::sync::Arc;

/// Bits of a word.
const WORD: u32 = u64::BITS;

/// Rows that are marked. A copy shares the memory until one of them changes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Marks {
    words: Arc<Vec<u64>>,
    count: usize,
}

impl Marks {
    /// How many are marked.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.count
    }

    /// Whether none is.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Whether a row is marked.
    #[must_use]
    #[inline]
    pub fn has(&self, row: u32) -> bool {
        self.words.get((row / WORD) as usize).is_some_and(|word| word >> (row % WORD) & 1 == 1)
    }

    /// Marks a row.
    pub fn set(&mut self, row: u32) {
        if self.has(row) {
            return;
        }
        let (at, words) = ((row / WORD) as usize, Arc::make_mut(&mut self.words));
        if words.len() <= at {
            words.resize(at + 1, 0);
        }
        words[at] |= 1 << (row % WORD);
        self.count += 1;
    }

    /// Takes the mark off a row.
    pub fn clear(&mut self, row: u32) {
        if self.has(row) {
            Arc::make_mut(&mut self.words)[(row / WORD) as usize] &= !(1 << (row % WORD));
            self.count -= 1;
        }
    }

    /// The first marked row from one on.
    #[must_use]
    pub fn next(&self, from: u32) -> Option<u32> {
        if self.count == 0 {
            return None;
        }
        let first = (from / WORD) as usize;
        let masked = |at: usize, word: u64| if at == first { word >> (from % WORD) << (from % WORD) } else { word };
        let words = self.words.iter().copied().enumerate().skip(first);
        let (at, word) = words.map(|(at, word)| (at, masked(at, word))).find(|(_, word)| *word != 0)?;
        Some(u32::try_from(at).ok()? * WORD + word.trailing_zeros())
    }

    /// The marked rows from one on to before another, in their order.
    pub fn among(&self, rows: std::ops::Range<u32>) -> impl Iterator<Item = u32> {
        let next = move |from: u32| self.next(from).filter(|row| *row < rows.end);
        std::iter::successors(next(rows.start), move |row| next(row.checked_add(1)?))
    }

    /// All of them, in their order.
    pub fn iter(&self) -> impl Iterator<Item = u32> {
        self.among(0..u32::MAX)
    }
}

impl Extend<u32> for Marks {
    fn extend<I: IntoIterator<Item = u32>>(&mut self, rows: I) {
        rows.into_iter().for_each(|row| self.set(row));
    }
}

impl FromIterator<u32> for Marks {
    fn from_iter<I: IntoIterator<Item = u32>>(rows: I) -> Self {
        let mut marks = Self::default();
        marks.extend(rows);
        marks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_found_in_their_order() {
        let none = Marks::default();
        assert!(!none.has(5) && none.next(0).is_none() && none.iter().next().is_none());
        let mut marks: Marks = [64, 3, 200, 63, 127, 3].into_iter().collect();
        let before = marks.clone();
        marks.clear(63);
        marks.clear(63);
        assert_eq!((marks.len(), before.len(), before.has(63), marks.has(63)), (4, 5, true, false));
        assert_eq!(marks.iter().collect::<Vec<_>>(), [3, 64, 127, 200]);
        assert_eq!(before.among(4..127).collect::<Vec<_>>(), [63, 64]);
        assert_eq!((before.next(128), before.next(200), before.next(201)), (Some(200), Some(200), None));
    }
}
