//! Queries that are themselves in the index: by the digest of their image; by example id only where there is none, for an
//! id is a row number of one dataset and means another image in the next.

use std::collections::BTreeMap;
use std::sync::Arc;

use simpipe_artifact::IndexRows;

/// For each query: the index rows that are the query itself or hold the same image, in increasing order.
///
/// An empty digest says nothing and equals no other: such rows are compared by id. Queries of one image share one list,
/// so that many copies of an image take no more room than as many images.
#[must_use]
pub fn same_examples(index: &IndexRows, query_ids: &[u64], query_digests: &[String]) -> Vec<Arc<[u32]>> {
    let mut by_id: BTreeMap<u64, Vec<u32>> = BTreeMap::new();
    let mut by_digest: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
    for ((row, id), digest) in (0..).zip(&index.example_id).zip(&index.digest) {
        match digest.as_str() {
            "" => by_id.entry(*id).or_default().push(row),
            digest => by_digest.entry(digest).or_default().push(row),
        }
    }
    let shared = |rows: Vec<u32>| Arc::<[u32]>::from(rows);
    let by_id: BTreeMap<u64, Arc<[u32]>> = by_id.into_iter().map(|(id, rows)| (id, shared(rows))).collect();
    let by_digest: BTreeMap<&str, Arc<[u32]>> =
        by_digest.into_iter().map(|(digest, rows)| (digest, shared(rows))).collect();
    let none: Arc<[u32]> = Arc::default();
    let same = |(id, digest): (&u64, &String)| {
        let rows = if digest.is_empty() { by_id.get(id) } else { by_digest.get(digest.as_str()) };
        rows.unwrap_or(&none).clone()
    };
    query_ids.iter().zip(query_digests).map(same).collect()
}

/// For each query: index rows of its label, those in `excluded` not counted.
#[must_use]
pub fn relevant(index_labels: &[i32], query_labels: &[i32], excluded: &[Arc<[u32]>]) -> Vec<usize> {
    let mut sizes: BTreeMap<i32, usize> = BTreeMap::new();
    for label in index_labels {
        *sizes.entry(*label).or_default() += 1;
    }
    let count = |(label, excluded): (&i32, &Arc<[u32]>)| {
        let own = excluded.iter().filter(|row| index_labels[**row as usize] == *label).count();
        sizes.get(label).copied().unwrap_or(0) - own
    };
    query_labels.iter().zip(excluded).map(count).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_query_itself_and_its_copies_are_found() {
        let text = |digests: &[&str]| digests.iter().map(|&digest| digest.to_owned()).collect::<Vec<_>>();
        let index = IndexRows {
            example_id: vec![5, 6, 7, 8],
            label: vec![0, 0, 1, 0],
            digest: text(&["a", "b", "a", ""]),
            vectors: vec![0.0; 4].into(),
            dim: 1,
            ..IndexRows::default()
        };
        // Query 5 has an indexed id and another image, as rows of two datasets do; query 8 has no digest, so its id counts.
        let same = same_examples(&index, &[6, 9, 5, 8], &text(&["b", "a", "x", ""]));
        let lists: Vec<&[u32]> = same.iter().map(|rows| &rows[..]).collect();
        assert_eq!(lists, [&[1][..], &[0, 2], &[], &[3]]);
        // Label 0 has rows 0, 1 and 3; the row of label 1 that query 1 shares does not lessen them.
        assert_eq!(relevant(&index.label, &[0, 0, 1, 4], &same), [2, 2, 1, 0]);
    }
}
