//! The silhouette of the classes.

use rayon::prelude::*;

use super::{Space, SpaceMetric};
use crate::{Metric, real};

/// silhouette: the mean of `(b - a) / max(a, b)`, `a` a row's mean squared distance to its class and `b` that to the
/// nearest other class (Rousseeuw, 1987).
///
/// Of squared euclidean distances, for which means over a class follow from its mean: `rows x classes x dim` work instead
/// of `rows^2 x dim`. For rows of unit length that is the silhouette of the cosine distance. In [-1, 1]; a row alone in
/// its class has 0. `None` unless there are at least two classes and fewer classes than rows, as in scikit-learn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Silhouette;

impl Metric for Silhouette {
    fn name(&self) -> String {
        "silhouette".to_owned()
    }

    fn doc(&self) -> &'static str {
        "The mean of `(b - a) / max(a, b)`: a is an embedding's mean squared distance to its own class, b that to the nearest \
         other class (Rousseeuw, 1987); in [-1, 1]."
    }

    fn unit(&self) -> &'static str {
        "mean silhouette"
    }
}

/// A class, relative to the mean of all rows.
struct Class {
    count: f64,
    mean: Vec<f64>,
    /// The mean of `|x|^2`.
    square: f64,
}

/// Distances below this share of what they are the difference of are 0.
const ROUNDING: f64 = 1e-13;

impl SpaceMetric for Silhouette {
    fn of_space(&self, space: &Space<'_>) -> Option<f64> {
        let by_label = space.by_label();
        if by_label.len() < 2 || by_label.len() == space.len() {
            return None;
        }
        let centre: Vec<f64> = space.sum_of(0..space.len()).iter().map(|sum| sum / real(space.len())).collect();
        let centred = |row: usize| -> Vec<f64> {
            space.row(row).iter().zip(&centre).map(|(value, mean)| f64::from(*value) - mean).collect()
        };
        let scale: f64 = centre.iter().map(|mean| mean * mean).sum();
        let class = |rows: &Vec<usize>| {
            let count = real(rows.len());
            let mean =
                space.sum_of(rows.iter().copied()).iter().zip(&centre).map(|(sum, mean)| sum / count - mean).collect();
            let square = rows.iter().map(|row| norm(&centred(*row))).sum::<f64>() / count;
            Class { count, mean, square }
        };
        let classes: Vec<Class> = by_label.values().collect::<Vec<_>>().into_par_iter().map(class).collect();
        let own: Vec<usize> = {
            let labels: Vec<i32> = by_label.keys().copied().collect();
            space.labels().iter().map(|label| labels.binary_search(label).unwrap_or(0)).collect()
        };
        let of_row = |row: usize| {
            let centred = centred(row);
            // Rows that differ by rounding alone are equal, or it would be noise that is divided by noise.
            let square = norm(&centred);
            let far = |class: &Class| {
                let dot: f64 = centred.iter().zip(&class.mean).map(|(value, mean)| value * mean).sum();
                let far = square - 2.0 * dot + class.square;
                if far < ROUNDING * (square + class.square + ROUNDING * scale) { 0.0 } else { far }
            };
            let class = &classes[own[row]];
            if class.count < 2.0 {
                return 0.0;
            }
            let within = far(class) * class.count / (class.count - 1.0);
            let others = classes.iter().enumerate().filter(|(at, _)| *at != own[row]);
            let beside = others.map(|(_, class)| far(class)).fold(f64::INFINITY, f64::min);
            let larger = within.max(beside);
            if larger > 0.0 { (beside - within) / larger } else { 0.0 }
        };
        let values: Vec<f64> = (0..space.len()).into_par_iter().map(of_row).collect();
        Some(values.iter().sum::<f64>() / real(space.len()))
    }
}

fn norm(row: &[f64]) -> f64 {
    row.iter().map(|value| value * value).sum()
}
