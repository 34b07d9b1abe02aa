//! Where a training goes on: the last checkpoint that can be used.

use super::TrainParams;
use simpipe_nn::{FitSettings, FitState, Network};
use simpipe_stage::Ctx;

/// The last checkpoint that can be used, or a network that was never trained.
pub(super) fn start(params: &TrainParams, ctx: &Ctx<'_>, network: &Network, settings: &FitSettings<'_>) -> FitState {
    let fresh = FitState::start(network, settings);
    let Some(checkpoints) = ctx.checkpoints() else { return fresh };
    let mut limit = params.epochs as u64 * params.steps();
    let mut useless = Vec::new();
    let tell = |useless: &[String], instead: &str| {
        useless.iter().for_each(|checkpoint| ctx.warn(format!("{checkpoint}: training {instead}")));
    };
    loop {
        let Some((step, bytes)) = checkpoints.latest(limit) else {
            tell(&useless, "starts over");
            return fresh;
        };
        let state = match usable(&bytes, step, &fresh, settings) {
            Ok(state) => state,
            Err(reason) => {
                useless.push(format!("the checkpoint of step {step} {reason}"));
                // There may be an older one. Behind those of step 0 there is none.
                let Some(older) = step.checked_sub(1) else {
                    tell(&useless, "starts over");
                    return fresh;
                };
                limit = older;
                continue;
            }
        };
        // A training without early stopping may have left one that lies behind the end of this one.
        let end = settings
            .early_stopping
            .and_then(|rule| Some(rule.stops_after(&state.monitored(&rule.monitor, params.steps()))? * params.steps()));
        match end {
            Some(end) if end < step => limit = end,
            _ => {
                tell(&useless, &format!("continues from step {step}"));
                return state;
            }
        }
    }
}

/// The state of a checkpoint, or why training can't go on from it.
fn usable(bytes: &[u8], step: u64, fresh: &FitState, settings: &FitSettings<'_>) -> Result<FitState, String> {
    let state = FitState::from_bytes(bytes).map_err(|error| format!("can't be used ({error})"))?;
    if state.steps() != step || !state.fits(fresh) {
        return Err("belongs to another network".to_owned());
    }
    let measured = settings.validate_every.saturating_mul(settings.steps_per_epoch);
    if settings.keep_best.is_some() && state.best.0.is_empty() && state.steps() > measured {
        return Err("holds no best weights".to_owned());
    }
    Ok(state)
}
