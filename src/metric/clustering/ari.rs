//! The Rand index, adjusted for chance.

use super::{ClusteringMetric, Contingency};
use crate::Metric;

/// ari: the share of pairs of rows that classes and clusters agree on, above chance (Hubert and Arabie, 1985; as in
/// scikit-learn).
///
/// `2 (tp tn - fn fp) / ((tp + fn)(fn + tn) + (tp + fp)(fp + tn))` over ordered pairs of rows, in [-0.5, 1]; 0 by chance, 1
/// where clusters are the classes, also for one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ari;

impl Metric for Ari {
    fn name(&self) -> String {
        "ari".to_owned()
    }

    fn doc(&self) -> &'static str {
        "The share of pairs of images on which classes and k-means clusters (as many as classes) agree, above what is expected \
         by chance (Hubert and Arabie, 1985, as in scikit-learn); 0 by chance, 1 at best."
    }

    fn unit(&self) -> &'static str {
        "adjusted fraction of pairs"
    }
}

impl ClusteringMetric for Ari {
    #[expect(clippy::cast_precision_loss, reason = "the one rounding of exact counts")]
    fn of_clustering(&self, table: &Contingency) -> Option<f64> {
        if table.rows == 0 {
            return None;
        }
        let squares =
            |counts: &mut dyn Iterator<Item = usize>| counts.map(|count| (count as i128).pow(2)).sum::<i128>();
        let rows = table.rows as i128;
        let cells = squares(&mut table.cells.iter().map(|cell| cell.2));
        let (classes, clusters) =
            (squares(&mut table.classes.iter().copied()), squares(&mut table.clusters.iter().copied()));
        let (together, apart, joined) = (cells - rows, classes - cells, clusters - cells);
        let neither = rows * rows - cells - apart - joined;
        if apart == 0 && joined == 0 {
            return Some(1.0);
        }
        let above = 2 * (together * neither - apart * joined);
        let below = (together + apart) * (apart + neither) + (together + joined) * (joined + neither);
        Some(above as f64 / below as f64)
    }
}
