//! Normalised mutual information.

use super::{ClusteringMetric, Contingency};
use crate::Metric;

/// nmi: the mutual information of classes and clusters over the mean of their entropies (Strehl and Ghosh, 2002; the
/// arithmetic mean, as in scikit-learn).
///
/// In [0, 1]: 1 where clusters are the classes, 0 where they say nothing of each other. It rises with the number of
/// clusters whatever they are (Musgrave et al., 2020, argue against it for that): read it with `ami`. One class in one
/// cluster is 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nmi;

impl Metric for Nmi {
    fn name(&self) -> String {
        "nmi".to_owned()
    }

    fn doc(&self) -> &'static str {
        "The mutual information of classes and k-means clusters (as many as classes) over the mean of their entropies, as in \
         scikit-learn; not corrected for chance, so compare it only between equal numbers of classes."
    }

    fn unit(&self) -> &'static str {
        "fraction of entropy"
    }
}

impl ClusteringMetric for Nmi {
    fn of_clustering(&self, table: &Contingency) -> Option<f64> {
        if table.rows == 0 {
            return None;
        }
        if table.classes.len() == 1 && table.clusters.len() == 1 {
            return Some(1.0);
        }
        let shared = table.mutual_information();
        Some(if shared == 0.0 { 0.0 } else { shared / table.mean_entropy() })
    }
}
