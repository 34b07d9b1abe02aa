//! The training loop: batches in, events out, the same bits whatever the thread count and wherever it was interrupted.
//!
//! Owns the order of forward, loss, backward, update, validation and checkpoint. Draws no batch and shows nothing: its
//! caller does both. burn's own learner is not used: it owns folders, logs and checkpoints that belong to the store.

#[cfg(test)]
mod loss_tests;
#[cfg(test)]
mod resume_tests;
pub(super) mod stopping;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use burn::tensor::Tensor;

use super::layer::{Cx, Mode, TrainPass};
use super::loss::{self, Embedded, LossSpec, Target, TrainingMetric};
use super::miner::{Chosen, MinerSpec, Mining};
use super::network::{LoadError, Network, images};
use super::ops;
use super::optim::{Optimizer, OptimizerState};
use super::parameters::Parameters;
use super::schedule::Schedule;
use super::state::FitState;
use crate::artifact::Weights;
use crate::base::seed::Seed;
pub use stopping::{EarlyStopping, Monitor};

/// What is trained, how long and by which rule.
#[derive(Debug, Clone, Copy)]
pub struct FitSettings<'a> {
    /// Passes; 0 leaves the network as it is.
    pub epochs: u64,
    /// Steps of an epoch.
    pub steps_per_epoch: u64,
    /// Batches of a validation.
    pub validation_steps: u64,
    /// How gradients change weights.
    pub optimizer: &'a Optimizer,
    /// How the learning rate changes.
    pub schedule: &'a Schedule,
    /// The epochs that the schedule is made for; those that are made may be fewer.
    pub schedule_epochs: u64,
    /// What is minimised.
    pub loss: &'a LossSpec,
    /// What is told of each training batch beside the loss. Changes no weight.
    pub metrics: &'a [TrainingMetric],
    /// What chooses the pairs or triplets that the loss is made of; all of them if it is `None`.
    pub miner: Option<&'a MinerSpec>,
    /// The labels that are trained on, each once, in ascending order.
    pub classes: &'a [i32],
    /// The stage's seed, for layers that draw.
    pub seed: Seed,
    /// A checkpoint every so many steps beside those at the ends of epochs; 0 for none. Never changes a result.
    pub checkpoint_every: u64,
    /// A checkpoint when the last one is so old; none if it is `None`. Never changes a result.
    pub checkpoint_after: Option<Duration>,
    /// When to end before the last epoch.
    pub early_stopping: Option<&'a EarlyStopping>,
    /// The loss whose best epoch's weights are kept, in place of the last ones.
    pub keep_best: Option<&'a Monitor>,
}

impl FitSettings<'_> {
    /// The learning rate of a step, from 0.
    #[must_use]
    pub fn learning_rate(&self, step: u64) -> f64 {
        let total = self.schedule_epochs * self.steps_per_epoch;
        self.optimizer.learning_rate() * self.schedule.as_dyn().factor(step, total)
    }

    /// The parameters that are trained, as they start: the network's and the loss's.
    pub(super) fn parameters(&self, network: &Network) -> Parameters {
        let target = Target { dim: network.dim(), classes: self.classes.len() };
        network.parameters().clone().with(Parameters::of_loss(self.loss, target, self.seed, network.device()))
    }
}

/// Images with their labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// `[n, height, width, channels]`, image after image; view after view where an example has several.
    pub pixels: Vec<u8>,
    /// One a image.
    pub labels: Vec<i32>,
    /// Versions of each example: all examples of the first, then the same examples of the next.
    pub views: usize,
}

impl Default for Batch {
    /// No image, in one view.
    fn default() -> Self {
        Self { pixels: Vec::new(), labels: Vec::new(), views: 1 }
    }
}

/// Where batches come from; both are pure functions of their arguments.
pub trait Batches {
    /// The training batch of an epoch and a step in it, both from 0.
    fn training(&self, epoch: u64, step: u64) -> Batch;

    /// A validation batch, the same ones at every epoch; `None` if there is nothing to validate on.
    fn validation(&self, step: u64) -> Option<Batch>;

    /// The pixels of up to `count` training images of all classes, as they are, for layers that start from data. Unless told
    /// otherwise those of the first batches, as many as it takes.
    fn first_images(&self, count: usize) -> Vec<u8> {
        let (mut pixels, mut images) = (Vec::new(), 0);
        for step in 0.. {
            let batch = self.training(0, step);
            let (size, more) = (batch.labels.len(), (count - images).min(batch.labels.len()));
            if more == 0 {
                break;
            }
            pixels.extend_from_slice(&batch.pixels[..batch.pixels.len() / size * more]);
            images += more;
        }
        pixels
    }
}

/// What happens while a network is trained. Epochs and steps count from 1, steps over all epochs.
#[derive(Debug, Clone, PartialEq)]
pub enum FitEvent {
    /// A step was made.
    Step {
        /// The epoch.
        epoch: u64,
        /// The step.
        step: u64,
        /// Mean loss of the batch.
        loss: f32,
        /// The step size.
        learning_rate: f64,
    },
    /// An epoch ended.
    Epoch {
        /// The epoch.
        epoch: u64,
        /// Its last step.
        step: u64,
        /// Mean loss over the epoch's steps.
        loss: f32,
        /// Mean loss over the validation batches.
        val_loss: Option<f32>,
    },
    /// The miner found nothing in the batch of a step, whose loss is 0.
    NothingMined {
        /// The step.
        step: u64,
    },
    /// Training can go on from here another time.
    Checkpoint(FitState),
}

/// Why a training stopped.
#[derive(Debug, thiserror::Error)]
pub enum FitError {
    /// The loss is no number any more.
    #[error("the loss became {loss} in epoch {epoch}, step {step}")]
    Diverged {
        /// From 1.
        epoch: u64,
        /// From 1, over all epochs.
        step: u64,
        /// `NaN` or an infinity.
        loss: f32,
    },
    /// The caller asked for it; a checkpoint was offered before.
    #[error("interrupted")]
    Interrupted,
    /// The state to go on from is of another network.
    #[error("the checkpoint does not fit the network: {0}")]
    State(#[from] LoadError),
}

impl FitError {
    /// What to do about it.
    #[must_use]
    pub const fn help(&self) -> Option<&'static str> {
        match self {
            Self::Diverged { .. } => Some(
                "lower the optimizer's `learning-rate`, and check that the first layer brings pixels into a small \
                 range, as \"rescale\" does",
            ),
            Self::Interrupted | Self::State(_) => None,
        }
    }
}

/// Trains `network` from `state` to the end of the last epoch, or until it is stopped early, and gives the state there.
///
/// The network then holds the last weights, or the best epoch's where the settings keep them. `cancelled` is asked before
/// every step and every validation batch.
///
/// # Errors
/// If the loss is no number, the caller cancels, or `state` does not fit.
pub fn fit(
    network: &mut Network,
    state: FitState,
    settings: &FitSettings<'_>,
    batches: &dyn Batches,
    on_event: &mut dyn FnMut(FitEvent),
    cancelled: &dyn Fn() -> bool,
) -> Result<FitState, FitError> {
    let (parameters, optimizer) = state.restore(network, settings)?;
    let mut run = Run::new(network, state, settings, batches, (parameters, optimizer));
    loop {
        if run.epoch_is_open() {
            run.end_epoch(on_event, cancelled)?;
            run.checkpoint(on_event);
        }
        if run.is_over() {
            break;
        }
        if cancelled() {
            return Err(run.interrupted(on_event));
        }
        run.step(on_event)?;
        if run.checkpoint_is_due() {
            run.checkpoint(on_event);
        }
    }
    let state = run.state();
    let kept = if settings.keep_best.is_some() && !state.best.0.is_empty() { &state.best } else { &state.weights };
    network.set_weights(kept)?;
    Ok(state)
}

/// The loss of a batch.
struct Judged {
    loss: Tensor<1>,
    value: f32,
    /// How much the miner has chosen of it, where there is one that the loss has asked.
    chosen: Option<Chosen>,
}

/// A training under way.
struct Run<'a> {
    network: &'a Network,
    settings: &'a FitSettings<'a>,
    batches: &'a dyn Batches,
    /// In the autodiff graph.
    parameters: Parameters,
    optimizer: OptimizerState,
    losses: Vec<f32>,
    val_losses: Vec<f32>,
    /// The mean training loss of every epoch that was made.
    epoch_losses: Vec<f32>,
    /// Epochs that were made and, where there is something to validate on, validated.
    ended: u64,
    best: Weights,
    /// Whether there is something to validate on.
    validates: bool,
    saved: Instant,
}

impl<'a> Run<'a> {
    fn new(
        network: &'a Network,
        state: FitState,
        settings: &'a FitSettings<'a>,
        batches: &'a dyn Batches,
        (parameters, optimizer): (Parameters, OptimizerState),
    ) -> Self {
        // Of batches with one view a loss of two has nothing to say.
        let judges = |batch: Batch| !settings.loss.needs().two_views || batch.views == 2;
        let validates = settings.validation_steps > 0 && batches.validation(0).is_some_and(judges);
        let made = state.steps() / settings.steps_per_epoch;
        // A training that was stopped during a validation has made more epochs than it has validated.
        let ended = if validates { made.min(state.val_losses.len() as u64) } else { made };
        let parameters = parameters.to_trainable();
        let mut epoch_losses = state.epoch_losses(settings.steps_per_epoch);
        epoch_losses.truncate(usize::try_from(ended).unwrap_or(usize::MAX));
        let FitState { losses, val_losses, best, .. } = state;
        let saved = Instant::now();
        Self {
            network,
            settings,
            batches,
            parameters,
            optimizer,
            losses,
            val_losses,
            epoch_losses,
            ended,
            best,
            validates,
            saved,
        }
    }

    /// Whether all steps of an epoch are made, but not what comes at its end.
    const fn epoch_is_open(&self) -> bool {
        self.optimizer.steps / self.settings.steps_per_epoch > self.ended
    }

    /// The loss of every epoch that has ended.
    const fn monitored(&self, monitor: &Monitor) -> &Vec<f32> {
        match monitor {
            Monitor::Loss => &self.epoch_losses,
            Monitor::ValLoss => &self.val_losses,
        }
    }

    /// Whether the last step is made, or no more are worth making.
    fn is_over(&self) -> bool {
        let stops = |rule: &EarlyStopping| rule.stops_after(self.monitored(&rule.metric)).is_some();
        let last = self.settings.epochs * self.settings.steps_per_epoch;
        self.optimizer.steps >= last || self.settings.early_stopping.is_some_and(stops)
    }

    /// Whether enough steps were made or time has passed; ends of epochs have their own.
    fn checkpoint_is_due(&self) -> bool {
        let every = self.settings.checkpoint_every;
        let by_steps = every > 0 && self.optimizer.steps.is_multiple_of(every);
        let by_time = self.settings.checkpoint_after.is_some_and(|pause| self.saved.elapsed() >= pause);
        !self.epoch_is_open() && (by_steps || by_time)
    }

    fn checkpoint(&mut self, on_event: &mut dyn FnMut(FitEvent)) {
        on_event(FitEvent::Checkpoint(self.state()));
        self.saved = Instant::now();
    }

    /// Leaves a checkpoint to go on from.
    fn interrupted(&mut self, on_event: &mut dyn FnMut(FitEvent)) -> FitError {
        self.checkpoint(on_event);
        FitError::Interrupted
    }

    /// Forward, loss, backward, update.
    fn step(&mut self, on_event: &mut dyn FnMut(FitEvent)) -> Result<(), FitError> {
        let settings = self.settings;
        let made = self.optimizer.steps;
        let (epoch, step) = (made / settings.steps_per_epoch, made % settings.steps_per_epoch);
        let batch = self.batches.training(epoch, step);
        let mut pass = TrainPass::new(settings.seed, made);
        let Judged { loss, value, chosen } = self.loss_of(&batch, &self.parameters, made, Some(&mut pass));
        if !value.is_finite() {
            return Err(FitError::Diverged { epoch: epoch + 1, step: made + 1, loss: value });
        }
        let learning_rate = settings.learning_rate(made);
        settings.optimizer.step(learning_rate, &mut self.parameters, loss.backward(), &mut self.optimizer);
        pass.averages.into_iter().for_each(|average| self.parameters.absorb(average));
        pass.replaced.into_iter().for_each(|(path, value)| self.parameters.put(&path, value));
        self.losses.push(value);
        if chosen.is_some_and(|chosen| chosen.is_nothing()) {
            on_event(FitEvent::NothingMined { step: made + 1 });
        }
        on_event(FitEvent::Step { epoch: epoch + 1, step: made + 1, loss: value, learning_rate });
        Ok(())
    }

    /// The mean loss of a batch, with its value, which is `NaN` where an embedding is no number: comparisons with `NaN`
    /// are false, so mining keeps no pair of such a batch and the loss alone would be an innocent 0.
    ///
    /// `number` is that of the training step, or of the validation batch where there is no pass.
    fn loss_of(&self, batch: &Batch, parameters: &Parameters, number: u64, mut pass: Option<&mut TrainPass>) -> Judged {
        let Self { network, settings, .. } = self;
        let device = network.device().clone();
        let device = if pass.is_some() { device.autodiff() } else { device };
        let pixels = images(&batch.pixels, network.input(), &device);
        let embeddings = network.forward(parameters, pixels, Mode::of(pass.as_deref_mut()));
        let sum = ops::sum(embeddings.clone().without_autodiff()).into_scalar::<f32>();
        // A step has one number, a validation batch two.
        let position = if pass.is_some() { vec![number] } else { vec![u64::MAX, number] };
        let mining = settings.miner.map(|miner| Mining::new(miner, settings.seed, position));
        let embedded = Embedded::new(embeddings, &batch.labels, settings.classes).of_views(batch.views);
        let embedded = embedded.mined_by(mining.as_ref());
        let mode = Mode::of(pass.as_deref_mut());
        let mut cx = Cx::of_loss(parameters, network.numerics(), mode, settings.loss.name());
        let loss = settings.loss.as_dyn().forward(&embedded, &mut cx);
        let chosen = mining.as_ref().and_then(Mining::chosen);
        chosen.into_iter().flat_map(|chosen| chosen.numbers()).for_each(|(name, count)| {
            let count = Tensor::from_data([count], &loss.clone().without_autodiff().device());
            cx.log(name, count);
        });
        if let Some(pass) = pass {
            loss::tell(settings.metrics, &embedded, settings.loss.distance(), pass);
        }
        let value = if sum.is_finite() { loss.clone().into_scalar::<f32>() } else { f32::NAN };
        Judged { loss, value, chosen }
    }

    /// Validates, and keeps the weights if they are the best so far.
    fn end_epoch(&mut self, on_event: &mut dyn FnMut(FitEvent), cancelled: &dyn Fn() -> bool) -> Result<(), FitError> {
        let step = self.optimizer.steps;
        let epoch = step / self.settings.steps_per_epoch;
        let Some(val_loss) = self.validate(cancelled) else { return Err(self.interrupted(on_event)) };
        if let Some(loss) = val_loss {
            if !loss.is_finite() {
                return Err(FitError::Diverged { epoch, step, loss });
            }
            self.val_losses.push(loss);
        }
        let steps = usize::try_from(self.settings.steps_per_epoch).unwrap_or(usize::MAX);
        let loss = mean(&self.losses[self.losses.len().saturating_sub(steps)..]);
        self.epoch_losses.push(loss);
        self.ended = epoch;
        if let Some(monitor) = self.settings.keep_best {
            let losses = self.monitored(monitor);
            if stopping::best_epoch(losses) == losses.len().checked_sub(1) {
                self.best = self.weights();
            }
        }
        on_event(FitEvent::Epoch { epoch, step, loss, val_loss });
        Ok(())
    }

    /// The mean loss over the validation batches, by moving averages and without gradients; `None` if the caller cancels.
    #[expect(clippy::option_option, reason = "the outer one is whether it came to an end")]
    fn validate(&self, cancelled: &dyn Fn() -> bool) -> Option<Option<f32>> {
        let parameters = self.parameters.valid();
        let mut losses = Vec::new();
        // Where nothing is validated, an epoch ends with its last step: nothing may stop it in between.
        for step in 0..if self.validates { self.settings.validation_steps } else { 0 } {
            if cancelled() {
                return None;
            }
            let Some(batch) = self.batches.validation(step) else { return Some(None) };
            losses.push(self.loss_of(&batch, &parameters, step, None).value);
        }
        Some((!losses.is_empty()).then(|| mean(&losses)))
    }

    fn weights(&self) -> Weights {
        self.parameters.to_weights()
    }

    fn state(&self) -> FitState {
        FitState {
            weights: self.weights(),
            moments: self.optimizer.to_weights(),
            losses: self.losses.clone(),
            val_losses: self.val_losses.clone(),
            best: self.best.clone(),
        }
    }
}

/// Summed in `f64`, in order.
#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "a mean of f32 is f32")]
pub(super) fn mean(losses: &[f32]) -> f32 {
    (losses.iter().map(|&loss| f64::from(loss)).sum::<f64>() / losses.len() as f64) as f32
}
