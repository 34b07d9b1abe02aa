//! What is wanted of a search for one query, and what it finds.

use std::sync::Arc;

/// A row near a query.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit {
    /// Its position among the rows.
    pub row: u32,
    /// Its distance (or similarity) to the query.
    pub distance: f32,
}

/// What is wanted for one query.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// How many neighbours; fewer are found where there are fewer rows.
    pub k: usize,
    /// Positions of rows that don't count, such as the query itself; in increasing order.
    pub excluded: Arc<[u32]>,
}

impl Wanted {
    /// Whether a row counts.
    pub(super) fn counts(&self, row: u32) -> bool {
        self.excluded.binary_search(&row).is_err()
    }
}
