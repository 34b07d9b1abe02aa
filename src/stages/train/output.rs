//! What a training leaves: the model, the history and the headline numbers.

use std::collections::BTreeMap;

use super::display::recent_mean;
use super::feed::{Feed, Pool};
use super::{TrainParams, groups, layers_error};
use simpipe_artifact::{self as artifact, History, HistoryRow, ImageSet, ModelFile, write_json};
use simpipe_base::param::{Param, View};
use simpipe_nn::groups::declarations;
use simpipe_nn::{self as nn, FitSettings, FitState, Network};
use simpipe_stage::{Ctx, StageError};

/// The weights that a training leaves: how many steps and epochs they have seen.
pub(super) struct Kept {
    steps: u64,
    /// The epoch, where it is the best and not the last.
    best_epoch: Option<u64>,
}

impl Kept {
    pub(super) fn of(params: &TrainParams, state: &FitState, keep_best: Option<&nn::Monitor>) -> Self {
        let best_epoch = keep_best.and_then(|monitor| state.best_epoch(monitor, params.steps()));
        Self { steps: best_epoch.map_or(state.steps(), |epoch| epoch * params.steps()), best_epoch }
    }
}

/// Writes the stage's files.
pub(super) fn write(
    params: &TrainParams,
    ctx: &Ctx<'_>,
    network: &Network,
    feed: &Feed,
    state: &FitState,
    settings: &FitSettings<'_>,
    kept: &Kept,
) -> Result<(), StageError> {
    let all = declarations(network.input(), &params.layers, &params.loss).map_err(layers_error)?;
    let summary = groups::summary(params, network.summary(), Some(&all));
    let has_seen = kept.steps > 0 || nn::starts_from_images(&params.layers);
    let seen = if has_seen { feed.training.example_ids.clone() } else { Vec::new() };
    let model = ModelFile {
        format: artifact::FORMAT,
        input: feed.features.as_ref().map_or_else(|| network.input().sides(), |(_, image)| *image),
        dim: network.dim(),
        distance: params.loss.distance(),
        layers: params.layers.write(View::Stored),
        summary: serde_json::to_value(summary).map_err(|error| StageError::failed(error.to_string()))?,
        steps: kept.steps,
        best_epoch: kept.best_epoch,
        trained_on: ModelFile::ranges(&seen),
        features: feed.features.as_ref().map(|(features, _)| features.clone()),
    };
    network.to_weights().write(&ctx.output("model.safetensors"))?;
    write_json(&ctx.output("model.json"), &model)?;
    history(params, settings, state).write(&ctx.output("history.parquet"))?;
    images(&feed.training, &seen).write(&ctx.output(ImageSet::TRAINED_ON))?;
    Ok(())
}

/// The images of the pool's first examples: of all of them, or of none.
fn images(pool: &Pool, seen: &[u64]) -> ImageSet {
    let digests: Vec<String> = (0..seen.len()).map(|at| pool.pixels.digest(at)).collect();
    ImageSet::of(seen.iter().copied().zip(digests.iter().map(String::as_str)))
}

fn history(params: &TrainParams, settings: &FitSettings<'_>, state: &FitState) -> History {
    let steps = params.steps_per_epoch.count(None);
    let row = |(made, loss): (usize, &f32)| {
        let (epoch, step) = (made / steps, made + 1);
        let ends = step.is_multiple_of(steps);
        let val_loss = state.val_losses.get(epoch).filter(|_| ends).map(|&loss| f64::from(loss));
        let epoch = u32::try_from(epoch + 1).unwrap_or(u32::MAX);
        let learning_rate = settings.learning_rate(made as u64);
        let logged = logged(state, made, ends.then_some(made / steps));
        HistoryRow { epoch, step: step as u64, loss: f64::from(*loss), val_loss, learning_rate, logged }
    };
    History(state.losses.iter().enumerate().map(row).collect())
}

/// What else was measured at a step, from 0: also that of the epoch, from 0, which ends with it.
fn logged(state: &FitState, step: usize, epoch: Option<usize>) -> BTreeMap<String, f64> {
    let of_step = state.logged.iter().filter_map(|(name, values)| Some((name, f64::from(*values.get(step)?))));
    let score = |(name, scores): (_, &Vec<Option<f64>>)| Some((name, (*scores.get(epoch?)?)?));
    let all = of_step.chain(state.scores.iter().filter_map(score)).filter(|(_, value)| !value.is_nan());
    all.map(|(name, value)| (name.clone(), value)).collect()
}

/// The losses of the weights that are written.
pub(super) fn leave_metrics(params: &TrainParams, ctx: &mut Ctx<'_>, network: &Network, state: &FitState, kept: &Kept) {
    let steps = usize::try_from(kept.steps).unwrap_or(usize::MAX).min(state.losses.len());
    if let Some(loss) = recent_mean(&state.losses[..steps]) {
        ctx.metric("loss", loss);
    }
    let epochs = (steps / params.steps_per_epoch.count(None)).min(state.val_losses.len());
    if let Some(&loss) = state.val_losses[..epochs].last() {
        ctx.metric("val_loss", f64::from(loss));
    }
    for (name, scores) in &state.scores {
        if let Some(score) =
            (steps / params.steps_per_epoch.count(None)).checked_sub(1).and_then(|last| *scores.get(last)?)
        {
            ctx.metric(name.as_str(), score);
        }
    }
    if let Some(epoch) = kept.best_epoch {
        ctx.metric("best_epoch", epoch as f64);
    }
    if params.early_stopping.is_some() {
        ctx.metric("epochs", (state.steps() / params.steps()) as f64);
    }
    ctx.metric("parameters", network.summary().parameters as f64);
}
