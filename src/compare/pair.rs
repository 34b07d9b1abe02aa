//! Which query of one run is which of another.

use std::collections::BTreeMap;
use std::fmt;

use super::queries::Queries;
use super::run::Run;
use simpipe_artifact::ArtifactError;

/// Two runs that were not asked the same queries: no difference can be told query by query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unpaired {
    /// Queries of the first.
    pub ones: usize,
    /// Queries of the second.
    pub others: usize,
    /// Queries of both.
    pub shared: usize,
}

impl fmt::Display for Unpaired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { ones, others, shared } = self;
        write!(f, "the runs asked different queries ({ones} and {others}, of which {shared} are the same images)")
    }
}

/// For each query of the first run the row of the same image in the second.
///
/// Where both come from the same dataset, an example is its id, else the digest of its image; of equal images the first
/// of one is the first of the other.
///
/// # Errors
/// If a table of a dataset that is needed is gone or damaged.
pub(super) fn pair(
    stage: &str,
    (run, queries): (&Run, &Queries),
    (other_run, others): (&Run, &Queries),
) -> Result<Result<Vec<usize>, Unpaired>, ArtifactError> {
    if queries.dataset.is_some() && queries.dataset == others.dataset {
        return Ok(matched(&queries.id, &others.id));
    }
    let (ones, theirs) = (queries.digests(run, stage)?, others.digests(other_run, stage)?);
    if ones.len() < queries.len() || theirs.len() < others.len() {
        return Ok(Err(Unpaired { ones: queries.len(), others: others.len(), shared: 0 })); // nobody knows the images
    }
    Ok(matched(&ones, &theirs))
}

fn matched<T: Ord>(ones: &[T], others: &[T]) -> Result<Vec<usize>, Unpaired> {
    let mut rows: BTreeMap<&T, Vec<usize>> = BTreeMap::new();
    others.iter().enumerate().rev().for_each(|(row, other)| rows.entry(other).or_default().push(row));
    let order: Vec<usize> = ones.iter().filter_map(|one| rows.get_mut(one)?.pop()).collect();
    if order.len() == ones.len() && order.len() == others.len() {
        Ok(order)
    } else {
        Err(Unpaired { ones: ones.len(), others: others.len(), shared: order.len() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_queries_are_found_in_any_order_and_equal_ones_in_theirs() {
        assert_eq!(matched(&["a", "b", "a"], &["a", "a", "b"]), Ok(vec![0, 2, 1]));
        assert_eq!(matched::<u64>(&[], &[]), Ok(vec![]));
    }

    #[test]
    fn other_queries_are_no_pairs() {
        let unpaired = matched(&[1, 2, 3], &[2, 3, 4, 5]).unwrap_err();
        assert_eq!(unpaired, Unpaired { ones: 3, others: 4, shared: 2 });
        assert!(unpaired.to_string().contains("3 and 4, of which 2 are the same images"));
        assert!(matched(&[1, 1], &[1]).is_err() && matched(&[1], &[1, 1]).is_err());
    }
}
