//! Mutual information, adjusted for chance.

use std::collections::BTreeMap;

use super::{ClusteringMetric, Contingency};
use crate::{Metric, real};

/// ami: `(I - E[I]) / (mean entropy - E[I])`, `I` the mutual information of classes and clusters and `E[I]` its expectation
/// over all clusterings of the same sizes (Vinh, Epps and Bailey, 2010; the arithmetic mean, as in scikit-learn).
///
/// At most 1; 0 by chance, so it may be negative. One class in one cluster is 1; one class in several clusters, or several
/// in one, is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ami;

impl Metric for Ami {
    fn name(&self) -> String {
        "ami".to_owned()
    }

    fn doc(&self) -> &'static str {
        "The mutual information of classes and k-means clusters (as many as classes) above what is expected by chance, over the \
         most that it could be above (Vinh, Epps and Bailey, 2010, as in scikit-learn); 0 by chance, 1 at best."
    }

    fn unit(&self) -> &'static str {
        "fraction of entropy"
    }
}

impl ClusteringMetric for Ami {
    fn of_clustering(&self, table: &Contingency) -> Option<f64> {
        match (table.classes.len(), table.clusters.len()) {
            (0, _) | (_, 0) => return None,
            (1, 1) => return Some(1.0),
            (1, _) | (_, 1) => return Some(0.0),
            _ => {}
        }
        let expected = expected_information(table);
        // Never 0 / 0, where the expectation is the most there can be.
        let away = |value: f64| if value < 0.0 { value.min(-f64::EPSILON) } else { value.max(f64::EPSILON) };
        Some(away(table.mutual_information() - expected) / away(table.mean_entropy() - expected))
    }
}

/// The mean mutual information over all clusterings of the same sizes: of the hypergeometric distribution of every cell.
///
/// Cells of equal sizes have equal terms, computed once: data of many small classes have few sizes.
fn expected_information(table: &Contingency) -> f64 {
    let rows = table.rows;
    let logs = log_factorials(rows);
    let (classes, clusters) = (by_size(&table.classes), by_size(&table.clusters));
    let mut sum = 0.0;
    for (&class, &class_count) in &classes {
        for (&cluster, &cluster_count) in &clusters {
            let fixed = logs[class] + logs[cluster] + logs[rows - class] + logs[rows - cluster] - logs[rows];
            let least = (class + cluster).saturating_sub(rows).max(1);
            let term = |shared: usize| {
                let free = logs[shared]
                    + logs[class - shared]
                    + logs[cluster - shared]
                    + logs[rows + shared - class - cluster];
                let information = (real(rows) * real(shared) / (real(class) * real(cluster))).ln();
                real(shared) / real(rows) * information * (fixed - free).exp()
            };
            let terms: f64 = (least..=class.min(cluster)).map(term).sum();
            sum += terms * real(class_count) * real(cluster_count);
        }
    }
    sum
}

fn by_size(counts: &[usize]) -> BTreeMap<usize, usize> {
    let mut sizes = BTreeMap::new();
    counts.iter().for_each(|count| *sizes.entry(*count).or_default() += 1);
    sizes
}

/// `ln n!` of 0 to `most`, with what each addition lost carried along (Neumaier, 1974).
fn log_factorials(most: usize) -> Vec<f64> {
    let (mut sum, mut lost) = (0.0_f64, 0.0);
    let next = |number: usize| {
        let term = real(number.max(1)).ln();
        let larger = sum + term;
        lost += if sum >= term { (sum - larger) + term } else { (term - larger) + sum };
        sum = larger;
        sum + lost
    };
    (0..=most).map(next).collect()
}
