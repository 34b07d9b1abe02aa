//! The mean over episodes and how sure it is.

use crate::real;

/// The 0.975 quantile of the normal distribution.
const NORMAL: f64 = 1.959_963_984_540_054;

/// The mean accuracy of episodes, and half the width of its 95 % interval: `1.96 s / sqrt(n)`, s the standard deviation over
/// the n episodes (divided by n - 1), as few-shot papers report it (Vinyals et al., 2016, arXiv:1606.04080; Snell, Swersky
/// and Zemel, 2017, arXiv:1703.05175).
///
/// It says how well these classes and rows are sampled, not how other classes would do: with more episodes it shrinks, however
/// few classes there are. `None` without episodes; no width of a single one.
///
/// ```
/// use simpipe_metric::episode::mean_of_episodes;
/// let (mean, half) = mean_of_episodes(&[0.5, 0.7, 0.9]).unwrap();
/// assert!((mean - 0.7).abs() < 1e-12 && (half.unwrap() - 1.959964 * 0.2 / 3_f64.sqrt()).abs() < 1e-6);
/// ```
#[must_use]
pub fn mean_of_episodes(accuracies: &[f64]) -> Option<(f64, Option<f64>)> {
    let count = real(accuracies.len());
    let mean = (count > 0.0).then(|| accuracies.iter().sum::<f64>() / count)?;
    let spread = accuracies.iter().map(|accuracy| (accuracy - mean).powi(2)).sum::<f64>();
    let half = (count > 1.0).then(|| NORMAL * (spread / (count - 1.0) / count).sqrt());
    Some((mean, half))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_is_that_of_the_normal_approximation() {
        // scipy.stats.sem([0.2, 0.4, 0.6, 0.4]) is 0.0816496580927726.
        let (mean, half) = mean_of_episodes(&[0.2, 0.4, 0.6, 0.4]).unwrap();
        assert!((mean - 0.4).abs() < 1e-12);
        assert!((half.unwrap() - NORMAL * 0.081_649_658_092_772_6).abs() < 1e-12);
        assert_eq!(mean_of_episodes(&[1.0; 7]), Some((1.0, Some(0.0))));
        assert_eq!(mean_of_episodes(&[0.25]), Some((0.25, None)));
        assert_eq!(mean_of_episodes(&[]), None);
    }
}
