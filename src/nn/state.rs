//! Where a training stands between two steps, to bytes and back: what a checkpoint holds.

use std::path::Path;

use super::network::{LoadError, Network};
use super::optim::OptimizerState;
use crate::artifact::{ArtifactError, Weights};

/// Weights, moving statistics, the optimiser's memory and the losses so far.
///
/// A training that goes on from here ends with the same bits as one that was never interrupted.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FitState {
    /// Weights and moving statistics.
    pub weights: Weights,
    /// The optimiser's moments.
    pub moments: Weights,
    /// The loss of every step so far: their number is the step.
    pub losses: Vec<f32>,
    /// The validation loss of every epoch so far; empty if there is no validation.
    pub val_losses: Vec<f32>,
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
        for (prefix, weights) in [("weights", &self.weights), ("moments", &self.moments)] {
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
        let shapes = |state: &Self| -> Vec<(String, Vec<usize>)> {
            state.weights.0.iter().map(|(name, (shape, _))| (name.clone(), shape.clone())).collect()
        };
        shapes(self) == shapes(other)
    }

    /// The state of a network that was never trained.
    #[must_use]
    pub fn start(network: &Network) -> Self {
        Self { weights: network.to_weights(), ..Self::default() }
    }

    /// Puts the weights into a network and gives the optimiser's memory.
    pub(super) fn restore(&self, network: &mut Network) -> Result<OptimizerState, LoadError> {
        network.set_weights(&self.weights)?;
        Ok(OptimizerState::from_weights(&self.moments, self.steps(), network.device()))
    }
}
