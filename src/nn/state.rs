//! Where a training stands between two steps, to bytes and back: what a checkpoint holds.

use std::collections::BTreeMap;
use std::path::Path;

use super::stopping::{self, Monitor};
use simpipe_artifact::{ArtifactError, Weights};

/// Weights, moving statistics, the optimiser's memory and the losses so far.
///
/// A training that goes on from here ends with the same bits as one that was never interrupted.
#[derive(Debug, Clone, Default)]
pub struct FitState {
    /// Weights and moving statistics of the network, and what the loss has learned.
    pub weights: Weights,
    /// The optimiser's moments.
    pub moments: Weights,
    /// The loss of every step so far: their number is the step.
    pub losses: Vec<f32>,
    /// The validation loss of every epoch so far; empty if there is no validation.
    pub val_losses: Vec<f32>,
    /// The weights of the best epoch so far, where the training keeps them; as those below without what a loss remembers of
    /// earlier batches, which `weights` have.
    pub best: Weights,
    /// Moving averages of the weights, where there are any.
    pub ema: Weights,
    /// Slow weights, where there are any.
    pub slow: Weights,
    /// What the validator has measured, by name: one a epoch, `None` where it was not asked.
    pub scores: BTreeMap<String, Vec<Option<f64>>>,
    /// What was logged at steps, by name: one a step, up to the last one that it was logged at; `NaN` where it was not.
    pub logged: BTreeMap<String, Vec<f32>>,
}

/// To the bit: steps at which something was not logged have `NaN` there, which is no number and so not its own equal.
impl PartialEq for FitState {
    fn eq(&self, other: &Self) -> bool {
        self.to_bytes() == other.to_bytes()
    }
}

impl FitState {
    /// Steps made.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.losses.len() as u64
    }

    /// The state as a safetensors file.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut all = Weights::default();
        for (prefix, weights) in self.tensors() {
            all.0.extend(weights.0.iter().map(|(name, tensor)| (format!("{prefix}.{name}"), tensor.clone())));
        }
        for (name, losses) in [("history.loss", &self.losses), ("history.val_loss", &self.val_losses)] {
            all.0.insert(name.to_owned(), (vec![losses.len()], losses.clone()));
        }
        let logged =
            self.logged.iter().map(|(name, values)| (format!("logged.{name}"), (vec![values.len()], values.clone())));
        let scores = self.scores.iter().map(|(name, scores)| (format!("scores.{name}"), pack(scores)));
        all.0.extend(logged.chain(scores));
        all.to_bytes()
    }

    fn tensors(&self) -> [(&'static str, &Weights); 5] {
        let Self { weights, moments, best, ema, slow, .. } = self;
        [("weights", weights), ("moments", moments), ("best", best), ("ema", ema), ("slow", slow)]
    }

    /// Reads what [`FitState::to_bytes`] wrote.
    ///
    /// # Errors
    /// If it is something else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ArtifactError> {
        let path = Path::new("checkpoint");
        let mut state = Self::default();
        for (key, tensor) in Weights::from_bytes(path, bytes)?.0 {
            match key.split_once('.') {
                Some(("weights", name)) => drop(state.weights.0.insert(name.to_owned(), tensor)),
                Some(("moments", name)) => drop(state.moments.0.insert(name.to_owned(), tensor)),
                Some(("best", name)) => drop(state.best.0.insert(name.to_owned(), tensor)),
                Some(("ema", name)) => drop(state.ema.0.insert(name.to_owned(), tensor)),
                Some(("slow", name)) => drop(state.slow.0.insert(name.to_owned(), tensor)),
                Some(("logged", name)) => drop(state.logged.insert(name.to_owned(), tensor.1)),
                Some(("scores", name)) => drop(state.scores.insert(name.to_owned(), unpack(&tensor.1))),
                Some(("history", "loss")) => state.losses = tensor.1,
                Some(("history", "val_loss")) => state.val_losses = tensor.1,
                _ => return Err(ArtifactError::malformed(path, format!("there is no place for `{key}`"))),
            }
        }
        Ok(state)
    }

    /// Whether the weights are those of the same layers: equal names and shapes.
    #[must_use]
    pub fn fits(&self, other: &Self) -> bool {
        let shapes = |weights: &Weights| -> Vec<(String, Vec<usize>)> {
            weights.0.iter().map(|(name, (shape, _))| (name.clone(), shape.clone())).collect()
        };
        let equal = |one: &Weights, other: &Weights| shapes(one) == shapes(other);
        // Older checkpoints hold what a loss remembers in each of them: that is passed over.
        let holds = |one: &Weights, other: &Weights| {
            one.0.is_empty() == other.0.is_empty()
                && other.0.iter().all(|(name, (shape, _))| one.0.get(name).is_some_and(|(found, _)| found == shape))
        };
        let of_layers = |weights: &Weights| -> Vec<(String, Vec<usize>)> {
            shapes(weights).into_iter().filter(|(name, _)| !name.starts_with("loss.")).collect()
        };
        equal(&self.weights, &other.weights)
            && holds(&self.ema, &other.ema)
            && holds(&self.slow, &other.slow)
            && (self.best.0.is_empty() || of_layers(&self.best) == of_layers(&other.weights))
    }

    /// Takes a step over.
    pub(super) fn push(&mut self, loss: f32, logged: Vec<(String, f32)>) {
        for (name, value) in logged {
            let values = self.logged.entry(name).or_default();
            values.resize(self.losses.len(), f32::NAN);
            values.push(value);
        }
        self.losses.push(loss);
    }

    /// The mean training loss of every whole epoch of `steps` steps.
    #[must_use]
    pub fn epoch_losses(&self, steps: u64) -> Vec<f32> {
        let steps = usize::try_from(steps).unwrap_or(usize::MAX).max(1);
        self.losses.chunks_exact(steps).map(mean).collect()
    }

    /// What a rule looks at, of epochs of `steps` steps, turned around where more is better; `NaN` where nothing was measured.
    #[must_use]
    pub fn monitored(&self, monitor: &Monitor, steps: u64) -> Vec<f64> {
        let wide = |losses: Vec<f32>| losses.into_iter().map(f64::from).collect();
        match monitor {
            Monitor::Loss => wide(self.epoch_losses(steps)),
            Monitor::ValLoss => wide(self.val_losses.clone()),
            Monitor::Score { name, higher_is_better } => {
                let cost = |score: &Option<f64>| score.map_or(f64::NAN, |s| if *higher_is_better { -s } else { s });
                self.scores.get(name).map_or_else(Vec::new, |scores| scores.iter().map(cost).collect())
            }
        }
    }

    /// The epoch, from 1, of `steps` steps each, that is the best; of equal ones the first.
    #[must_use]
    pub fn best_epoch(&self, monitor: &Monitor, steps: u64) -> Option<u64> {
        stopping::best_epoch(&self.monitored(monitor, steps)).map(|at| at as u64 + 1)
    }
}

/// Summed in `f64`, in order.
#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "a mean of f32 is f32")]
pub(super) fn mean(losses: &[f32]) -> f32 {
    (losses.iter().map(|&loss| f64::from(loss)).sum::<f64>() / losses.len() as f64) as f32
}

/// Numbers of 64 bits in a file of `f32`: four parts of 16 bits each, `[numbers, 4]`. No number is a NaN.
fn pack(scores: &[Option<f64>]) -> (Vec<usize>, Vec<f32>) {
    let parts = |score: &Option<f64>| {
        let bits = score.unwrap_or(f64::NAN).to_bits();
        #[expect(clippy::cast_possible_truncation, reason = "16 bits at a time")]
        [48, 32, 16, 0].map(|shift| f32::from((bits >> shift) as u16))
    };
    (vec![scores.len(), 4], scores.iter().flat_map(parts).collect())
}

/// Reads what [`pack`] gave.
fn unpack(values: &[f32]) -> Vec<Option<f64>> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "16 bits at a time")]
    let number =
        |parts: &[f32]| f64::from_bits(parts.iter().fold(0, |bits, &part| (bits << 16) | u64::from(part as u16)));
    values.chunks_exact(4).map(number).map(|number| Some(number).filter(|number| !number.is_nan())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_measured_comes_back_to_the_bit() {
        let mut state = FitState::default();
        state.scores.insert("recall@1".to_owned(), vec![Some(1.0 / 3.0), None, Some(0.0), Some(-0.1)]);
        state.push(1.0, vec![]);
        state.push(2.0, vec![("hard.pairs".to_owned(), 0.5)]);
        let back = FitState::from_bytes(&state.to_bytes()).unwrap();
        assert_eq!((&back.scores, &back.losses), (&state.scores, &state.losses));
        let logged = &back.logged["hard.pairs"];
        assert!(logged[0].is_nan() && logged[1..] == [0.5], "{logged:?}");
    }
}
