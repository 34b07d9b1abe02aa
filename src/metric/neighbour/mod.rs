//! Metrics of who is found by whom: one file a metric, each a [`NeighbourMetric`]. They see no labels.

mod antihubs;
mod hub_skew;

use super::name::{Argument, Known, NameError, read};
use super::{Metric, MetricError};

pub use antihubs::Antihubs;
pub use hub_skew::HubSkew;

/// A metric of the nearest index rows of every query.
pub trait NeighbourMetric: Metric {
    /// How many of the nearest it looks at.
    fn depth(&self) -> usize;

    /// The value, of each query's nearest of an index of `rows` rows; lists may be longer than
    /// [`depth`](Self::depth). `None` where it is undefined.
    ///
    /// # Errors
    /// If a neighbour is no row of the index.
    fn of_neighbours(&self, nearest: &[Vec<u32>], rows: usize) -> Result<Option<f64>, MetricError>;
}

/// Every name, with what other tools call it.
pub(crate) const KNOWN: &[Known] = &[
    Known {
        name: "hubness",
        argument: Argument::Count,
        share: false,
        aka: &["k-skewness", "hub-skew", "k-occurrence-skewness"],
    },
    Known { name: "antihubs", argument: Argument::Count, share: true, aka: &["antihub-occurrence", "orphans"] },
];

/// The metric of a name, such as `hubness@10`.
///
/// # Errors
/// If there is no such metric, or its number is missing or wrong.
pub fn parse(text: &str) -> Result<Box<dyn NeighbourMetric>, NameError> {
    let (name, number) = read(text, KNOWN)?;
    let k = number.count().unwrap_or(1);
    Ok(if name == "hubness" { Box::new(HubSkew(k)) } else { Box::new(Antihubs(k)) })
}

/// Each list cut to the `k` nearest.
fn first(nearest: &[Vec<u32>], k: usize) -> impl Iterator<Item = &[u32]> {
    nearest.iter().map(move |list| &list[..k.min(list.len())])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_k_nearest_count() {
        // Of the nearest alone row 0 is found three times and row 3 once; the second ones are not looked at.
        let nearest = [vec![0, 1], vec![0, 2], vec![0, 2], vec![3, 1]];
        let value = |name: &str| parse(name).unwrap().of_neighbours(&nearest, 4).unwrap().unwrap();
        // Counts 3, 0, 0, 1: mean 1, second moment 6 / 4, third (8 - 1 - 1) / 4.
        assert!((value("hubness@1") - 1.5 / 1.5_f64.powf(1.5)).abs() < 1e-12);
        assert_eq!((value("antihubs@1"), value("antihubs@2")), (0.5, 0.0));
        assert!(parse("hubness@1").unwrap().of_neighbours(&nearest, 3).is_err());
        assert_eq!(parse("antihubs@1").unwrap().of_neighbours(&[], 0).unwrap(), None);
    }

    #[test]
    fn names_are_read_back() {
        for name in ["hubness@10", "antihubs@5"] {
            assert_eq!(parse(name).unwrap().name(), name);
        }
        assert_eq!((parse("hubness@7").unwrap().depth(), parse("antihubs@3").unwrap().depth()), (7, 3));
        assert_eq!(parse("hubness").unwrap_err().help, "write `hubness@10`");
    }
}
