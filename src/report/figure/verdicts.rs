//! What the calibration's queries were given at each threshold: what histogram, ROC and DET curve are made of.

use simpipe_artifact::Thresholds;

/// Verdicts with the right label and verdicts with a wrong one, by how far they were. Whatever the counting of the
/// calibration, these are all that a threshold may accept.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Verdicts {
    /// From the strictest threshold to the laxest.
    pub(super) steps: Vec<Step>,
    pub(super) right: u64,
    pub(super) wrong: u64,
}

/// A threshold with what it accepts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Step {
    pub(super) distance: f64,
    /// Verdicts accepted so far, of either kind.
    pub(super) right: u64,
    pub(super) wrong: u64,
}

impl Verdicts {
    /// Of a table of thresholds; what can't be (counts that fall, distances that are no numbers) is left out.
    pub(super) fn of(thresholds: &Thresholds) -> Self {
        let counts = thresholds.true_positive.iter().zip(&thresholds.false_positive);
        let mut verdicts = Self::default();
        for (distance, (right, wrong)) in thresholds.distance.iter().zip(counts) {
            if distance.is_finite() && *right >= verdicts.right && *wrong >= verdicts.wrong {
                (verdicts.right, verdicts.wrong) = (*right, *wrong);
                verdicts.steps.push(Step { distance: *distance, right: *right, wrong: *wrong });
            }
        }
        verdicts
    }

    /// Whether there are verdicts of both kinds: else there is no rate to compare.
    pub(super) const fn has_both(&self) -> bool {
        self.right > 0 && self.wrong > 0
    }

    /// `(share of wrong verdicts accepted, share of right ones accepted)`, from none accepted to all; each place once.
    pub(super) fn rates(&self) -> Vec<(f64, f64)> {
        if !self.has_both() {
            return Vec::new();
        }
        let start = Step { distance: f64::NAN, right: 0, wrong: 0 };
        let mut places: Vec<(u64, u64)> =
            std::iter::once(&start).chain(&self.steps).map(|step| (step.wrong, step.right)).collect();
        places.dedup();
        let rate = |(wrong, right): (u64, u64)| (wrong as f64 / self.wrong as f64, right as f64 / self.right as f64);
        places.into_iter().map(rate).collect()
    }

    /// How many of each kind the strictest threshold from this one on accepts that it does not share with the one before.
    pub(super) fn differences(&self) -> impl Iterator<Item = Step> {
        let before = std::iter::once((0, 0)).chain(self.steps.iter().map(|step| (step.right, step.wrong)));
        let of = |(step, (right, wrong)): (&Step, (u64, u64))| Step {
            distance: step.distance,
            right: step.right - right,
            wrong: step.wrong - wrong,
        };
        self.steps.iter().zip(before).map(of)
    }
}

/// The area under the curve of [`Verdicts::rates`]: the probability that a right verdict is nearer than a wrong one, ties
/// counting half (Hanley and McNeil, 1982).
pub(super) fn area(rates: &[(f64, f64)]) -> f64 {
    rates.windows(2).map(|two| (two[1].0 - two[0].0) * f64::midpoint(two[0].1, two[1].1)).sum()
}

/// Where as large a share of wrong verdicts is accepted as of right ones refused, between the two places around it.
pub(super) fn equal_error(rates: &[(f64, f64)]) -> Option<f64> {
    // How much more is refused than accepted; falls along the curve.
    let gap = |(accepted, found): (f64, f64)| (1.0 - found) - accepted;
    let after = rates.iter().position(|place| gap(*place) <= 0.0)?;
    let Some(before) = after.checked_sub(1) else { return Some(rates[after].0) };
    let (over, under) = (gap(rates[before]), gap(rates[after]));
    let share = if over > under { over / (over - under) } else { 0.0 };
    Some(rates[before].0 + share * (rates[after].0 - rates[before].0))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Right verdicts at 1, 2, 3, 5, wrong ones at 3, 4.
    pub(in crate::figure) fn six() -> Thresholds {
        Thresholds {
            distance: vec![1.0, 2.0, 3.0, 4.0, 5.0],
            true_positive: vec![1, 2, 3, 3, 4],
            false_positive: vec![0, 0, 1, 2, 2],
            true_negative: vec![2, 2, 1, 0, 0],
            false_negative: vec![3, 2, 1, 1, 0],
            ..Thresholds::default()
        }
    }

    #[test]
    fn rates_area_and_equal_error_are_those_worked_out_by_hand() {
        let verdicts = Verdicts::of(&six());
        assert_eq!((verdicts.right, verdicts.wrong), (4, 2));
        let rates = verdicts.rates();
        assert_eq!(rates, [(0.0, 0.0), (0.0, 0.25), (0.0, 0.5), (0.5, 0.75), (1.0, 0.75), (1.0, 1.0)]);
        // Of 8 pairs of a right and a wrong verdict the right one is nearer in 2 + 2 + 1.5 + 0.
        assert!((area(&rates) - 5.5 / 8.0).abs() < 1e-12);
        // Refused falls from 0.5 to 0.25 while accepted rises from 0 to 0.5: both are a third.
        assert!((equal_error(&rates).unwrap() - 1.0 / 3.0).abs() < 1e-12);
        let apart: Vec<(u64, u64)> = verdicts.differences().map(|step| (step.right, step.wrong)).collect();
        assert_eq!(apart, [(1, 0), (1, 0), (1, 1), (0, 1), (1, 0)]);
    }

    #[test]
    fn what_can_not_be_gives_no_curve() {
        assert!(Verdicts::of(&Thresholds::default()).rates().is_empty());
        assert_eq!((equal_error(&[]), area(&[])), (None, 0.0));
        let mut broken = six();
        broken.true_positive[2] = 0;
        broken.distance[4] = f64::NAN;
        let verdicts = Verdicts::of(&broken);
        assert_eq!((verdicts.steps.len(), verdicts.right, verdicts.wrong), (3, 3, 2));
        let mut one_kind = six();
        one_kind.false_positive.fill(0);
        assert!(!Verdicts::of(&one_kind).has_both() && Verdicts::of(&one_kind).rates().is_empty());
    }
}
