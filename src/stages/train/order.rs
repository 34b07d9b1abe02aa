//! The order in which a training takes its batches: the steps of an epoch, then its validation.

use simpipe_nn::{FitSettings, FitState};

/// Batches numbered as they are taken, from where a training begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Order {
    steps: u64,
    validations: u64,
    /// Batches before the first, counted from the beginning of the first epoch.
    before: u64,
    count: u64,
}

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Of an epoch and a step in it.
    Training(u64, u64),
    /// Of a step.
    Validation(u64),
}

impl Order {
    /// The batches that are still to be taken by a training of these settings in this state.
    pub(super) fn new(settings: &FitSettings<'_>, state: &FitState, validates: bool) -> Self {
        let (made, steps) = (state.steps(), settings.steps_per_epoch);
        let validations = if validates { settings.validation_steps } else { 0 };
        let epochs = made / steps;
        // A training that was stopped in a validation begins with it.
        let open = epochs > 0 && made.is_multiple_of(steps) && (state.val_losses.len() as u64) < epochs;
        let before = epochs * (steps + validations) + made % steps - if open { validations } else { 0 };
        let count = (settings.epochs * (steps + validations)).saturating_sub(before);
        Self { steps, validations, before, count }
    }

    pub(super) const fn count(&self) -> u64 {
        self.count
    }

    /// What batch `number` is.
    pub(super) const fn place(&self, number: u64) -> Place {
        let at = self.before + number;
        let (epoch, step) = (at / (self.steps + self.validations), at % (self.steps + self.validations));
        if step < self.steps { Place::Training(epoch, step) } else { Place::Validation(step - self.steps) }
    }

    /// The number of a training batch, unless it lies before the first.
    pub(super) const fn of_training(&self, epoch: u64, step: u64) -> Option<u64> {
        if step >= self.steps {
            return None;
        }
        (epoch * (self.steps + self.validations) + step).checked_sub(self.before)
    }
}

#[cfg(test)]
impl Order {
    /// After so many steps of a training of so many in all.
    pub(super) const fn after(made: u64, last: u64, steps: u64, validations: u64) -> Self {
        let before = made / steps * (steps + validations) + made % steps;
        Self { steps, validations, before, count: last / steps * (steps + validations) - before }
    }
}

#[cfg(test)]
mod tests {
    use super::Place::{Training, Validation};
    use super::*;

    #[test]
    fn steps_and_validations_take_turns() {
        let order = Order::after(4, 9, 3, 2);
        let places: Vec<Place> = (0..order.count()).map(|number| order.place(number)).collect();
        let last = [Training(2, 0), Training(2, 1), Training(2, 2), Validation(0), Validation(1)];
        assert_eq!(places[..4], [Training(1, 1), Training(1, 2), Validation(0), Validation(1)]);
        assert_eq!(places[4..], last);
        for (number, place) in (0..).zip(&places) {
            if let Training(epoch, step) = *place {
                assert_eq!(order.of_training(epoch, step), Some(number));
            }
        }
        assert_eq!((order.of_training(1, 0), order.of_training(0, 2), order.of_training(0, 7)), (None, None, None));
        assert_eq!(Order::after(0, 6, 3, 0).count(), 6);
    }
}
