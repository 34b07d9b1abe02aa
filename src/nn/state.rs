//! Where a training stands between two steps, to bytes and back: what a checkpoint holds.

use std::path::Path;

use super::fit::{FitSettings, Monitor, mean, stopping};
use super::network::{LoadError, Network};
use super::optim::OptimizerState;
use super::parameters::Parameters;
use crate::artifact::{ArtifactError, Weights};

/// Weights, moving statistics, the optimiser's memory and the losses so far.
///
/// A training that goes on from here ends with the same bits as one that was never interrupted.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FitState {
    /// Weights and moving statistics of the network, and what the loss has learned.
    pub weights: Weights,
    /// The optimiser's moments.
    pub moments: Weights,
    /// The loss of every step so far: their number is the step.
    pub losses: Vec<f32>,
    /// The validation loss of every epoch so far; empty if there is no validation.
    pub val_losses: Vec<f32>,
    /// The weights of the best epoch so far, where the training keeps them.
    pub best: Weights,
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
        for (prefix, weights) in [("weights", &self.weights), ("moments", &self.moments), ("best", &self.best)] {
            all.0.extend(weights.0.iter().map(|(name, tensor)| (format!("{prefix}.{name}"), tensor.clone())));
        }
        for (name, losses) in [("history.loss", &self.losses), ("history.val_loss", &self.val_losses)] {
            all.0.insert(name.to_owned(), (vec![losses.len()], losses.clone()));
        }
        all.to_bytes()
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
        let wanted = shapes(&other.weights);
        shapes(&self.weights) == wanted && (self.best.0.is_empty() || shapes(&self.best) == wanted)
    }

    /// The mean training loss of every whole epoch of `steps` steps.
    #[must_use]
    pub fn epoch_losses(&self, steps: u64) -> Vec<f32> {
        let steps = usize::try_from(steps).unwrap_or(usize::MAX).max(1);
        self.losses.chunks_exact(steps).map(mean).collect()
    }

    /// The losses of epochs of `steps` steps that a rule looks at.
    #[must_use]
    pub fn monitored(&self, monitor: &Monitor, steps: u64) -> Vec<f32> {
        match monitor {
            Monitor::Loss => self.epoch_losses(steps),
            Monitor::ValLoss => self.val_losses.clone(),
        }
    }

    /// The epoch, from 1, of `steps` steps each, with the lowest loss; of equal ones the first.
    #[must_use]
    pub fn best_epoch(&self, monitor: &Monitor, steps: u64) -> Option<u64> {
        stopping::best_epoch(&self.monitored(monitor, steps)).map(|at| at as u64 + 1)
    }

    /// The state of a training that has made no step.
    #[must_use]
    pub fn start(network: &Network, settings: &FitSettings<'_>) -> Self {
        Self { weights: settings.parameters(network).to_weights(), ..Self::default() }
    }

    /// The parameters and the optimiser's memory in this state.
    pub(super) fn restore(
        &self,
        network: &Network,
        settings: &FitSettings<'_>,
    ) -> Result<(Parameters, OptimizerState), LoadError> {
        let mut parameters = settings.parameters(network);
        parameters.set(&self.weights)?;
        Ok((parameters, OptimizerState::from_weights(&self.moments, self.steps(), network.device())))
    }
}
