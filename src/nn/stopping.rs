//! When a training ends before its last epoch, and which epoch was the best. Pure functions of the figures so far.

/// The figure of an epoch that is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Monitor {
    /// The mean loss over the validation batches.
    ValLoss,
    /// The mean loss over the epoch's steps.
    Loss,
    /// A figure of the [`Validator`](crate::Validator).
    Score {
        /// Its name.
        name: String,
        /// Whether more is better.
        higher_is_better: bool,
    },
}

impl Monitor {
    /// Its name in a spec and in events.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::ValLoss => "val-loss",
            Self::Loss => "loss",
            Self::Score { name, .. } => name,
        }
    }

    /// Whether more is better.
    #[must_use]
    pub const fn higher_is_better(&self) -> bool {
        match self {
            Self::ValLoss | Self::Loss => false,
            Self::Score { higher_is_better, .. } => *higher_is_better,
        }
    }
}

/// Ends a training that no longer gets better.
#[derive(Debug, Clone, PartialEq)]
pub struct EarlyStopping {
    /// Measurements in a row without improvement.
    pub patience: usize,
    /// A figure counts as better if it is by more than this.
    pub min_delta: f64,
    /// The figure that is looked at.
    pub monitor: Monitor,
}

impl EarlyStopping {
    /// The number of epochs after which a training with these costs ends; `None` if it goes on. Lower is better; epochs
    /// without a measurement are `NaN` and don't count.
    #[must_use]
    pub fn stops_after(&self, costs: &[f64]) -> Option<u64> {
        let (mut best, mut waited) = (f64::INFINITY, 0);
        for (at, &cost) in costs.iter().enumerate().filter(|(_, cost)| !cost.is_nan()) {
            if cost < best - self.min_delta {
                (best, waited) = (cost, 0);
                continue;
            }
            waited += 1;
            if waited >= self.patience {
                return Some(at as u64 + 1);
            }
        }
        None
    }
}

/// The epoch, from 0, with the lowest cost; of equal ones the first. Epochs without a measurement are `NaN`.
pub(crate) fn best_epoch(costs: &[f64]) -> Option<usize> {
    (0..costs.len()).filter(|&at| !costs[at].is_nan()).min_by(|&a, &b| costs[a].total_cmp(&costs[b]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(patience: usize, min_delta: f64) -> EarlyStopping {
        EarlyStopping { patience, min_delta, monitor: Monitor::ValLoss }
    }

    #[test]
    fn a_training_ends_after_epochs_without_improvement() {
        let losses = [1.0, 0.8, 0.9, 0.8, 0.79, 0.8, 0.9, 0.7];
        // Not better than 0.8: epochs 3 and 4. Epoch 5 is, 6 and 7 are not.
        assert_eq!(rule(1, 0.0).stops_after(&losses), Some(3));
        assert_eq!(rule(2, 0.0).stops_after(&losses), Some(4));
        assert_eq!(rule(3, 0.0).stops_after(&losses), None);
        assert_eq!(rule(3, 0.0).stops_after(&losses[..6]), None);
        // 0.79 is not better than 0.8 by more than 0.05: epochs 3, 4 and 5.
        assert_eq!(rule(3, 0.05).stops_after(&losses), Some(5));
        assert_eq!(rule(3, 0.05).stops_after(&losses[..4]), None);
        assert_eq!(rule(1, 0.0).stops_after(&[]), None);
        assert_eq!(rule(1, 0.0).stops_after(&[5.0]), None, "the first epoch is always the best so far");
    }

    #[test]
    fn the_best_epoch_is_the_first_of_the_lowest() {
        assert_eq!(best_epoch(&[0.5, 0.25, 0.75, 0.25]), Some(1));
        assert_eq!(best_epoch(&[]), None);
        assert_eq!(best_epoch(&[f64::NAN]), None);
    }

    #[test]
    fn epochs_that_were_not_measured_are_passed_over() {
        let nan = f64::NAN;
        let costs = [nan, -0.5, nan, -0.4, nan, -0.6];
        assert_eq!(rule(1, 0.0).stops_after(&costs), Some(4));
        assert_eq!(rule(2, 0.0).stops_after(&costs), None);
        assert_eq!(best_epoch(&costs), Some(5));
    }
}
