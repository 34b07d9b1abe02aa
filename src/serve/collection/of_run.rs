//! What the run left of the index: it never changes, and every collection shares it.

use std::collections::BTreeMap;

use simpipe_artifact::IndexRows;

/// The run's rows: their labels, and by digest their positions.
#[derive(Debug)]
pub(super) struct OfRun {
    labels: Vec<i32>,
    positions: BTreeMap<String, Vec<u32>>,
    digests: Vec<String>,
}

impl OfRun {
    pub(super) fn new(rows: &IndexRows) -> Self {
        let mut positions: BTreeMap<String, Vec<u32>> = BTreeMap::new();
        for (row, digest) in (0..).zip(&rows.digest) {
            positions.entry(digest.clone()).or_default().push(row);
        }
        Self { labels: rows.label.clone(), positions, digests: rows.digest.clone() }
    }

    /// Rows, whether they still count or not.
    pub(super) const fn len(&self) -> usize {
        self.labels.len()
    }

    pub(super) fn label(&self, row: u32) -> i32 {
        self.labels.get(row as usize).copied().unwrap_or(-1)
    }

    /// The digest of the image of a row; `None` behind the last.
    pub(super) fn digest(&self, row: u32) -> Option<&str> {
        self.digests.get(row as usize).map(String::as_str)
    }

    /// The rows of an image, in their order.
    pub(super) fn rows(&self, digest: &str) -> &[u32] {
        self.positions.get(digest).map_or(&[][..], Vec::as_slice)
    }
}
