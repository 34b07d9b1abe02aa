//! Whether probabilities hold what they say: of all that was said to be right with 70 %, are 70 % right?

use super::real;

/// Bins of the expected calibration error.
pub const BINS: usize = 15;

/// A label with the probability that it was said to be right with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judgement {
    /// What was said, from 0 to 1.
    pub probability: f64,
    /// Whether the label is right.
    pub right: bool,
}

/// Judgements of about the same probability.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bin {
    /// How many.
    pub count: usize,
    /// Their mean probability.
    pub probability: f64,
    /// The share of them that is right.
    pub right: f64,
}

/// Judgements in `bins` bins of as many each, by probability: sorted, those of one probability in the order given, and
/// divided as NumPy's `array_split` divides, so that the first bins may hold one more. Bins without any are left out.
///
/// ```
/// use simpipe_metric::reliability::{Judgement, equal_mass};
/// let said = [(0.9, true), (0.1, false), (0.8, false)].map(|(probability, right)| Judgement { probability, right });
/// let bins = equal_mass(&said, 2);
/// assert_eq!(bins.iter().map(|bin| (bin.count, bin.right)).collect::<Vec<_>>(), [(2, 0.0), (1, 1.0)]);
/// ```
#[must_use]
pub fn equal_mass(judgements: &[Judgement], bins: usize) -> Vec<Bin> {
    let mut sorted = judgements.to_vec();
    sorted.sort_by(|one, other| one.probability.total_cmp(&other.probability));
    let (each, more) = (sorted.len() / bins.max(1), sorted.len() % bins.max(1));
    let mut rest = sorted.as_slice();
    let mut found = Vec::new();
    for bin in 0..bins {
        let (these, others) = rest.split_at(each + usize::from(bin < more));
        rest = others;
        if !these.is_empty() {
            let count = real(these.len());
            let probability = these.iter().map(|judgement| judgement.probability).sum::<f64>() / count;
            let right = real(these.iter().filter(|judgement| judgement.right).count()) / count;
            found.push(Bin { count: these.len(), probability, right });
        }
    }
    found
}

/// The expected calibration error over [`BINS`] bins of equal mass: the mean distance between what a bin said and how
/// often it is right, each bin weighing as much as it holds (Naeini, Cooper and Hauskrecht, 2015; equal mass: Nguyen and
/// O'Connor, 2015). In [0, 1], lower is better; `None` of nothing.
#[must_use]
pub fn calibration_error(judgements: &[Judgement]) -> Option<f64> {
    let gap = |bin: &Bin| real(bin.count) * (bin.probability - bin.right).abs();
    let sum: f64 = equal_mass(judgements, BINS).iter().map(gap).sum();
    (!judgements.is_empty()).then(|| sum / real(judgements.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(judgements: &[(f64, bool)]) -> Vec<Judgement> {
        judgements.iter().map(|&(probability, right)| Judgement { probability, right }).collect()
    }

    #[test]
    fn bins_are_those_of_array_split() {
        // numpy.array_split(numpy.arange(17), 15): two, two, then one each.
        let seventeen: Vec<(f64, bool)> = (0..17_u8).map(|at| (f64::from(at) / 16.0, at % 2 == 1)).rev().collect();
        let bins = equal_mass(&said(&seventeen), 15);
        assert_eq!(bins.iter().map(|bin| bin.count).collect::<Vec<_>>(), [[2, 2].as_slice(), &[1; 13]].concat());
        assert_eq!((bins[0].probability, bins[0].right, bins[2].right), (1.0 / 32.0, 0.5, 0.0));
        assert_eq!(equal_mass(&said(&[(0.5, true)]), 15).len(), 1);
        assert_eq!(equal_mass(&[], 15), []);
    }

    #[test]
    fn the_error_is_the_mean_gap() {
        // Thirty queries, two a bin: 0.75 is said of each, and in every bin one of the two is right.
        let half: Vec<(f64, bool)> = (0..30).map(|at| (0.75, at % 2 == 0)).collect();
        assert_eq!(calibration_error(&said(&half)), Some(0.25));
        let sure: Vec<(f64, bool)> = (0..30).map(|at| (if at < 12 { 0.0 } else { 1.0 }, at >= 12)).collect();
        assert_eq!(calibration_error(&said(&sure)), Some(0.0));
        assert_eq!(calibration_error(&said(&[(0.25, true), (1.0, true)])), Some(0.375));
        assert_eq!(calibration_error(&[]), None);
    }
}
