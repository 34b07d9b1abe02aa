//! How near rows of one class are.

use super::{Space, SpaceMetric};
use crate::{Metric, real};

/// alignment: the mean squared distance of two rows of one label (Wang and Isola, 2020, arXiv:2005.10242, alpha 2).
///
/// `E |x - y|^2` over all pairs of one label, a class so weighing as much as it has pairs. At least 0, at most 4 for rows
/// of unit length; smaller is better, but 0 also for a space that has collapsed: read it with uniformity. Computed
/// exactly from the classes' means, in `rows x dim`. `None` where no label has two rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alignment;

impl Metric for Alignment {
    fn name(&self) -> String {
        "alignment".to_owned()
    }

    fn doc(&self) -> &'static str {
        "The mean squared distance of two embeddings of one class (Wang and Isola, 2020, arXiv:2005.10242); at most 4 for unit \
         rows. A collapsed space has 0 too: read it with `uniformity`."
    }

    fn unit(&self) -> &'static str {
        "squared distance"
    }

    fn higher_is_better(&self) -> bool {
        false
    }
}

impl SpaceMetric for Alignment {
    fn of_space(&self, space: &Space<'_>) -> Option<f64> {
        let (mut sum, mut pairs) = (0.0, 0.0);
        for rows in space.by_label().into_values() {
            let count = real(rows.len());
            // sum over pairs |x - y|^2 = n sum |x - mean|^2.
            let mean: Vec<f64> = space.sum_of(rows.iter().copied()).iter().map(|sum| sum / count).collect();
            let spread = |row: &usize| -> f64 {
                space.row(*row).iter().zip(&mean).map(|(value, mean)| (f64::from(*value) - mean).powi(2)).sum()
            };
            sum += count * rows.iter().map(spread).sum::<f64>();
            pairs += count * (count - 1.0) / 2.0;
        }
        (pairs > 0.0).then(|| sum / pairs)
    }
}
