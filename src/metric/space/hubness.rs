//! Hubs: rows that are among the nearest of very many others (Radovanovic, Nanopoulos and Ivanovic, 2010).

use crate::{MetricError, real};

/// How often rows are among the k nearest of others: `N_k`, the k-occurrence.
#[derive(Debug, Clone, PartialEq)]
pub struct Hubness {
    /// The skewness of the k-occurrence, `E (N - mean)^3 / std^3`: about 0 where every row is found as often, above 1 where
    /// a few hubs are found by many. `None` where all are found equally often.
    pub skew: Option<f64>,
    /// The rows found most often, with how often; the most first, ties by position.
    pub top: Vec<(usize, usize)>,
    /// The share of rows that are nobody's neighbour; `None` without rows.
    pub antihubs: Option<f64>,
}

/// The hubness of an index of `rows` rows, of the k nearest of each query, with the `top` largest hubs.
///
/// Queries may be the rows themselves (without each itself) or others; every list should hold as many neighbours.
///
/// ```
/// use simpipe_metric::space::hubness::hubness;
/// let found = hubness([&[1, 2][..], &[0, 2], &[0, 1], &[0, 1]], 4, 2)?;
/// assert_eq!(found.top, [(0, 3), (1, 3)]);
/// assert_eq!(found.antihubs, Some(0.25));
/// # Ok::<(), simpipe_metric::MetricError>(())
/// ```
///
/// # Errors
/// If a neighbour is no row of the index.
pub fn hubness<'a>(
    neighbours: impl IntoIterator<Item = &'a [u32]>,
    rows: usize,
    top: usize,
) -> Result<Hubness, MetricError> {
    let mut found = vec![0_usize; rows];
    for near in neighbours.into_iter().flatten() {
        let position = *near as usize;
        *found.get_mut(position).ok_or(MetricError::Position { what: "row", position, rows })? += 1;
    }
    let mut order: Vec<usize> = (0..rows).collect();
    order.sort_by_key(|row| (std::cmp::Reverse(found[*row]), *row));
    let mean = real(found.iter().sum()) / real(rows.max(1));
    let moment =
        |power: i32| found.iter().map(|count| (real(*count) - mean).powi(power)).sum::<f64>() / real(rows.max(1));
    let variance = moment(2);
    let alone = found.iter().filter(|count| **count == 0).count();
    Ok(Hubness {
        skew: (variance > 0.0).then(|| moment(3) / variance.powf(1.5)),
        top: order.into_iter().take(top).map(|row| (row, found[row])).collect(),
        antihubs: (rows > 0).then(|| real(alone) / real(rows)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_hub_makes_a_skewed_occurrence() {
        let lists: Vec<[u32; 1]> = (0..10).map(|query| [if query < 9 { 0 } else { 1 }]).collect();
        let found = hubness(lists.iter().map(|list| &list[..]), 10, 1).unwrap();
        // Counts 9, 1 and eight 0: mean 1, second moment (64 + 8) / 10, third (512 - 8) / 10.
        assert!((found.skew.unwrap() - 50.4 / 7.2_f64.powf(1.5)).abs() < 1e-12);
        assert_eq!((found.top, found.antihubs), (vec![(0, 9)], Some(0.8)));
    }

    #[test]
    fn a_ring_has_no_hub_and_nothing_no_value() {
        let lists: Vec<[u32; 1]> = (0..5).map(|query| [(query + 1) % 5]).collect();
        let found = hubness(lists.iter().map(|list| &list[..]), 5, 9).unwrap();
        assert_eq!((found.skew, found.antihubs, found.top.len()), (None, Some(0.0), 5));
        let none = hubness([], 0, 3).unwrap();
        assert_eq!((none.skew, none.top.len(), none.antihubs), (None, 0, None));
        assert!(hubness([&[7][..]], 7, 1).is_err());
    }
}
