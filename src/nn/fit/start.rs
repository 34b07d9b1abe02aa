//! The state that a training starts from, and what it makes of a state.

use super::FitSettings;
use crate::load_error::LoadError;
use crate::network::Network;
use crate::optim::OptimizerState;
use crate::parameters::Parameters;
use crate::state::FitState;
use simpipe_artifact::Weights;

impl FitState {
    /// The state of a training that has made no step.
    #[must_use]
    pub fn start(network: &Network, settings: &FitSettings<'_>) -> Self {
        let parameters = settings.parameters(network);
        let beside = |wanted: bool| if wanted { parameters.to_weights_without_memory() } else { Weights::default() };
        let (ema, slow) = (beside(settings.ema.is_some()), beside(settings.lookahead.is_some()));
        Self { weights: parameters.to_weights(), ema, slow, ..Self::default() }
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
