//! Rows that share their memory with their copies, piece by piece, until one of them changes a row. Knows no distance.

use std::sync::Arc;

/// Rows of a piece: what the change of one row copies at most.
const TOGETHER: usize = 128;

/// Rows of as many values each. A copy takes a pointer for each piece, whatever the rows hold.
#[derive(Debug, Clone)]
pub(crate) struct Pieces<T> {
    width: usize,
    len: usize,
    pieces: Vec<Arc<Vec<T>>>,
}

impl<T: Clone> Pieces<T> {
    /// No rows of so many values.
    pub(crate) const fn new(width: usize) -> Self {
        Self { width, len: 0, pieces: Vec::new() }
    }

    /// Rows that lie one behind the other.
    pub(crate) fn of(width: usize, values: &[T]) -> Self {
        let mut pieces = Self::new(width);
        values.chunks_exact(width.max(1)).for_each(|row| pieces.push(row));
        pieces
    }

    /// So many rows of one value.
    pub(crate) fn filled(width: usize, len: usize, value: &T) -> Self {
        let piece = |first: usize| Arc::new(vec![value.clone(); (len - first).min(TOGETHER) * width]);
        Self { width, len, pieces: (0..len).step_by(TOGETHER).map(piece).collect() }
    }

    /// How many there are.
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// One of them.
    ///
    /// # Panics
    /// If it is not there.
    #[inline]
    pub(crate) fn row(&self, at: usize) -> &[T] {
        &self.pieces[at / TOGETHER][at % TOGETHER * self.width..][..self.width]
    }

    /// One of them, to be changed; whoever shares its piece keeps what it has.
    ///
    /// # Panics
    /// If it is not there.
    pub(crate) fn row_mut(&mut self, at: usize) -> &mut [T] {
        let width = self.width;
        &mut Arc::make_mut(&mut self.pieces[at / TOGETHER])[at % TOGETHER * width..][..width]
    }

    /// One more behind the others.
    ///
    /// # Panics
    /// If it has another number of values.
    pub(crate) fn push(&mut self, row: &[T]) {
        assert_eq!(row.len(), self.width, "a row of the others' length");
        if self.len.is_multiple_of(TOGETHER) {
            self.pieces.push(Arc::new(Vec::with_capacity(TOGETHER * self.width)));
        }
        let last = self.pieces.last_mut().map(Arc::make_mut).expect("a piece with room for the row");
        last.extend_from_slice(row);
        self.len += 1;
    }
}

impl<T: Clone> Pieces<T> {
    /// All of them, in their order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &[T]> {
        (0..self.len).map(|at| self.row(at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_keeps_what_it_was_made_of() {
        let mut rows = Pieces::new(2);
        (0..300).for_each(|number| rows.push(&[number, -number]));
        let before = rows.clone();
        rows.row_mut(130)[0] = 7;
        rows.push(&[300, -300]);
        assert_eq!((before.len(), before.row(130), before.row(299)), (300, &[130, -130][..], &[299, -299][..]));
        assert_eq!((rows.len(), rows.row(130), rows.row(300)), (301, &[7, -130][..], &[300, -300][..]));
        let shared = |piece: usize| Arc::ptr_eq(&rows.pieces[piece], &before.pieces[piece]);
        assert_eq!([shared(0), shared(1), shared(2)], [true, false, false]);
    }

    #[test]
    fn rows_come_back_in_their_order() {
        let values: Vec<u32> = (0..3 * 257).collect();
        assert!(Pieces::of(3, &values).iter().flatten().eq(&values));
        let filled = Pieces::filled(2, 200, &9);
        assert!(filled.len() == 200 && filled.iter().all(|row| row == [9, 9]));
        assert_eq!((Pieces::<u8>::new(4).len(), Pieces::filled(1, 0, &0).len()), (0, 0));
    }
}
