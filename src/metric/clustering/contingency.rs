//! How classes and clusters share rows.

use std::collections::BTreeMap;

use crate::{MetricError, real};

/// Counts of rows by class and cluster, cells without a row left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contingency {
    /// Rows in all.
    pub(super) rows: usize,
    /// (class, cluster, rows), by class and then cluster, both numbered from 0.
    pub(super) cells: Vec<(usize, usize, usize)>,
    /// Rows of each class.
    pub(super) classes: Vec<usize>,
    /// Rows of each cluster.
    pub(super) clusters: Vec<usize>,
}

impl Contingency {
    /// The table of a label and a cluster a row. What labels and clusters are called does not matter.
    ///
    /// # Errors
    /// If there is not one of each a row.
    pub fn new(labels: &[i32], clusters: &[u32]) -> Result<Self, MetricError> {
        if labels.len() != clusters.len() {
            let (ones, others) = (labels.len(), clusters.len());
            return Err(MetricError::Lengths { one: "labels", ones, other: "clusters", others });
        }
        let (class_of, classes) = numbered(labels);
        let (cluster_of, clusters) = numbered(clusters);
        let mut cells: BTreeMap<(usize, usize), usize> = BTreeMap::new();
        for cell in class_of.into_iter().zip(cluster_of) {
            *cells.entry(cell).or_default() += 1;
        }
        let cells = cells.into_iter().map(|((class, cluster), count)| (class, cluster, count)).collect();
        Ok(Self { rows: labels.len(), cells, classes, clusters })
    }

    /// `sum p_ij ln(p_ij / (p_i p_j))`, at least 0.
    pub(super) fn mutual_information(&self) -> f64 {
        if self.classes.len() < 2 || self.clusters.len() < 2 {
            return 0.0;
        }
        let total = real(self.rows);
        let term = |(class, cluster, count): &(usize, usize, usize)| {
            let (class, cluster) = (real(self.classes[*class]), real(self.clusters[*cluster]));
            let share = real(*count) / total;
            let term = share * (real(*count).ln() - total.ln()) + share * (2.0 * total.ln() - (class * cluster).ln());
            if term.abs() < f64::EPSILON { 0.0 } else { term }
        };
        self.cells.iter().map(term).sum::<f64>().max(0.0)
    }

    /// The mean of the entropies of classes and clusters: what a mutual information is a share of.
    pub(super) fn mean_entropy(&self) -> f64 {
        let total = real(self.rows);
        let entropy = |counts: &[usize]| -> f64 {
            counts.iter().map(|count| -real(*count) / total * (real(*count).ln() - total.ln())).sum()
        };
        f64::midpoint(entropy(&self.classes), entropy(&self.clusters))
    }
}

/// For each item its number, and how many there are of each.
fn numbered<T: Ord + Copy>(items: &[T]) -> (Vec<usize>, Vec<usize>) {
    let mut distinct = items.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    let numbers: Vec<usize> = items.iter().map(|item| distinct.partition_point(|other| other < item)).collect();
    let mut counts = vec![0; distinct.len()];
    numbers.iter().for_each(|number| counts[*number] += 1);
    (numbers, counts)
}
