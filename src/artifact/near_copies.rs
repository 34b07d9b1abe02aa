//! `pairs.parquet` and `near-copies.json`: queries that look like references.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::ArtifactError;
use super::table::{Column, Columns, write_parquet};

/// `near-copies.json`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct NearCopiesInfo {
    /// Version of this format: 1.
    pub format: u32,
    /// The smallest correlation of a pair.
    pub min_correlation: f64,
    /// Images that were looked up.
    pub queries: usize,
    /// Images that they were compared with.
    pub references: usize,
    /// Pairs of at least that correlation.
    pub pairs: usize,
    /// Pairs in the table: of each query the nearest ones.
    pub listed: usize,
    /// Listed pairs of one class.
    pub same_label: usize,
    /// Listed pairs of the same pixels.
    pub identical: usize,
    /// The queries that have a near copy, in ascending order.
    pub query_ids: Vec<u64>,
    /// The digests of their images, in the same order: what they are in other datasets.
    pub query_digests: Vec<String>,
    /// Class names of the queries by label.
    pub classes: Vec<String>,
    /// Class names of the references by label.
    pub reference_classes: Vec<String>,
}

impl NearCopiesInfo {
    /// The file's name.
    pub const FILE: &'static str = "near-copies.json";
}

/// A query and a reference that look alike.
#[derive(Debug, Clone, PartialEq)]
pub struct NearCopy {
    /// The query's example.
    pub query_id: u64,
    /// The reference's example.
    pub reference_id: u64,
    /// The correlation of their thumbnails, at most 1.
    pub correlation: f64,
    /// The query's label.
    pub query_label: i32,
    /// The reference's label, into its own classes.
    pub reference_label: i32,
    /// Whether their classes have one name.
    pub same_label: bool,
    /// The digest of the query's image.
    pub query_digest: String,
    /// The digest of the reference's image.
    pub reference_digest: String,
}

/// Pairs, those that are most alike first.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NearCopies(pub Vec<NearCopy>);

impl NearCopies {
    /// The file's name.
    pub const FILE: &'static str = "pairs.parquet";

    /// Writes the table.
    ///
    /// # Errors
    /// If the file can't be written.
    pub fn write(&self, path: &Path) -> Result<(), ArtifactError> {
        fn all<T>(pairs: &[NearCopy], of: impl Fn(&NearCopy) -> T) -> Vec<T> {
            pairs.iter().map(of).collect()
        }
        let pairs = &self.0;
        write_parquet(
            path,
            vec![
                Column::u64("query_id", &all(pairs, |pair| pair.query_id)),
                Column::u64("reference_id", &all(pairs, |pair| pair.reference_id)),
                Column::f64("correlation", &all(pairs, |pair| pair.correlation)),
                Column::i32("query_label", &all(pairs, |pair| pair.query_label)),
                Column::i32("reference_label", &all(pairs, |pair| pair.reference_label)),
                Column::bool("same_label", &all(pairs, |pair| pair.same_label)),
                Column::text("query_digest", &all(pairs, |pair| pair.query_digest.clone())),
                Column::text("reference_digest", &all(pairs, |pair| pair.reference_digest.clone())),
            ],
        )
    }

    /// Reads the table.
    ///
    /// # Errors
    /// If the file can't be read.
    pub fn read(path: &Path) -> Result<Self, ArtifactError> {
        let columns = Columns::read_parquet(path, None)?;
        let ids = columns.u64("query_id")?.into_iter().zip(columns.u64("reference_id")?);
        let labels = columns.i32("query_label")?.into_iter().zip(columns.i32("reference_label")?);
        let digests = columns.text("query_digest")?.into_iter().zip(columns.text("reference_digest")?);
        let values = columns.f64("correlation")?.into_iter().zip(columns.bool("same_label")?);
        let pair = |(((ids, labels), digests), (correlation, same_label)): (((_, _), _), _)| {
            let ((query_id, reference_id), (query_label, reference_label)): ((u64, u64), (i32, i32)) = (ids, labels);
            let (query_digest, reference_digest): (String, String) = digests;
            NearCopy {
                query_id,
                reference_id,
                correlation,
                query_label,
                reference_label,
                same_label,
                query_digest,
                reference_digest,
            }
        };
        Ok(Self(ids.zip(labels).zip(digests).zip(values).map(pair).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_come_back_as_they_were_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(NearCopies::FILE);
        let pair = |query_id: u64| NearCopy {
            query_id,
            reference_id: query_id + 7,
            correlation: 0.97,
            query_label: 1,
            reference_label: 2,
            same_label: query_id == 3,
            query_digest: "a".into(),
            reference_digest: "b".into(),
        };
        for pairs in [NearCopies(vec![pair(3), pair(1)]), NearCopies::default()] {
            pairs.write(&path).unwrap();
            assert_eq!(NearCopies::read(&path).unwrap(), pairs);
        }
    }
}
