//! The way through the training loop: batches made ahead, what is shown, checkpoints, what is warned of.

use super::TrainParams;
use super::display::{Display, numbers};
use super::feed::Feed;
use super::order::Order;
use simpipe_base::interrupt::LeftToEnd;
use simpipe_data::loader;
use simpipe_nn::{self as nn, FitError, FitEvent, FitSettings, FitState, Network};
use simpipe_stage::{Ctx, StageError};

/// The loop, with what is shown and kept while it goes.
pub(super) fn train(
    params: &TrainParams,
    ctx: &Ctx<'_>,
    network: &mut Network,
    feed: &Feed,
    state: FitState,
    settings: &FitSettings<'_>,
) -> Result<FitState, StageError> {
    let mut display = Display::new(settings, feed.training.batch_size(), &state);
    ctx.progress(display.opening(&feed.training.composition));
    let made = state.steps();
    let mut nothing_mined = 0;
    let mut on_event = |event: FitEvent| match event {
        FitEvent::NothingMined { .. } => nothing_mined += 1,
        FitEvent::Collapsed { since } => ctx.warn(format!(
            "the embeddings have collapsed: since step {since} all images of a batch lie within a thousandth of their \
             length, so images can no longer be told apart; try a lower learning rate, a loss or miner that pushes \
             negatives apart, or batch-norm between layers"
        )),
        FitEvent::Checkpoint(state) => {
            if let Some(checkpoints) = ctx.checkpoints() {
                checkpoints.save(state.steps(), &state.to_bytes());
            }
        }
        event => {
            ctx.progress(display.progress(&event));
            numbers(&event).into_iter().for_each(|number| ctx.number(number.step, number.name, number.value));
        }
    };
    let threads = if params.loader_threads.0 == 0 { loader::suitable_threads() } else { params.loader_threads.0 };
    let order = Order::new(settings, &state, feed.validates());
    let end = feed.ahead(order, threads, |batches| {
        let _steps = LeftToEnd::begin(); // a step ends by itself, and a checkpoint follows the last
        nn::fit(network, state, settings, batches, &mut on_event, &|| ctx.cancelled())
    });
    let end = end.map_err(|error| match error {
        FitError::Interrupted => StageError::Interrupted,
        other => {
            let help = other.help().map(str::to_owned);
            let error = StageError::failed(other.to_string());
            help.into_iter().fold(error, StageError::with_help)
        }
    })?;
    warn_of_nothing_mined(ctx, nothing_mined, end.steps() - made);
    let best = settings.keep_best.and_then(|monitor| Some((monitor, end.best_epoch(monitor, params.steps())?)));
    if let Some(closing) = display.closing(&end, best) {
        ctx.progress(closing);
    }
    Ok(end)
}

/// Batches without a loss are not seen otherwise: once for all of them.
fn warn_of_nothing_mined(ctx: &Ctx<'_>, batches: u64, of: u64) {
    if batches > 0 {
        let share = 100.0 * batches as f64 / of.max(1) as f64;
        ctx.warn(format!(
            "the miner found nothing in {batches} of {of} batches ({share:.1} %), whose loss is 0: if that is many, choose \
             a miner or a margin that lets more through"
        ));
    }
}
