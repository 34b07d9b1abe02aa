//! When a training ends before its last epoch, and which epoch was the best. Pure functions of the losses so far.

use crate::base::check;
use crate::{choice, params};

choice! {
    /// The loss of an epoch that is looked at; lower is better.
    pub enum Monitor {
        /// The mean loss over the validation batches.
        "val-loss" => ValLoss,
        /// The mean loss over the epoch's steps.
        "loss" => Loss,
    }
}

params! {
    /// Ends a training that no longer gets better, as Keras' `EarlyStopping` does: after `patience` epochs in a row
    /// whose loss is not below the best one by more than `min-delta`.
    pub struct EarlyStopping {
        /// Epochs in a row without improvement.
        patience: usize = 3 => check::count(1),
        /// A loss counts as better if it is below `best - min-delta`.
        min_delta: f64 = 0.0 => check::not_negative(),
        /// The loss that is looked at.
        #[aka("monitor", "score")]
        metric: Monitor = Monitor::ValLoss,
    }
}

impl EarlyStopping {
    /// The number of epochs after which a training with these losses ends; `None` if it goes on.
    #[must_use]
    pub fn stops_after(&self, losses: &[f32]) -> Option<u64> {
        let (mut best, mut waited) = (f64::INFINITY, 0);
        for (at, loss) in losses.iter().map(|&loss| f64::from(loss)).enumerate() {
            if loss < best - self.min_delta {
                (best, waited) = (loss, 0);
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

/// The epoch, from 0, with the lowest loss; of equal ones the first.
pub(in crate::nn) fn best_epoch(losses: &[f32]) -> Option<usize> {
    (0..losses.len()).min_by(|&a, &b| losses[a].total_cmp(&losses[b]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(patience: usize, min_delta: f64) -> EarlyStopping {
        EarlyStopping { patience, min_delta, metric: Monitor::ValLoss }
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
    }
}
