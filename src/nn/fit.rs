//! The training loop: batches in, events out, the same bits whatever the thread count and wherever it was interrupted.
//!
//! Owns what a training is told and what it tells; the order of its steps is `run`'s. Draws no batch and shows nothing: its
//! caller does both. burn's own learner is not used: it owns folders, logs and checkpoints that belong to the store.

mod averages;
#[cfg(test)]
mod loss_tests;
mod pass;
#[cfg(test)]
mod resume_tests;
mod run;
mod start;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod way_tests;

use std::time::Duration;

use self::run::Run;
use super::groups::{Group, assignment};
use super::load_error::LoadError;
use super::loss::{LossSpec, Target, TrainingMetric};
use super::miner::MinerSpec;
use super::network::Network;
use super::optim::Optimizer;
use super::parameters::Parameters;
use super::schedule::Schedule;
use super::state::FitState;
pub use super::stopping::{EarlyStopping, Monitor};
pub use averages::{Ema, Lookahead};
use simpipe_base::seed::Seed;

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
    /// The figure whose best epoch's weights are kept, in place of the last ones.
    pub keep_best: Option<&'a Monitor>,
    /// Parameters that are trained in another way than the rest.
    pub groups: &'a [Group],
    /// The most that the norm of all gradients together may be.
    pub clip_norm: Option<f64>,
    /// Whether the averages of the weights are validated and kept.
    pub ema: Option<&'a Ema>,
    /// Whether slow weights follow those that are trained.
    pub lookahead: Option<&'a Lookahead>,
    /// How many images at once go through the network; the whole batch if it is `None`.
    pub micro_batch: Option<usize>,
    /// Measures the embeddings of a pool.
    pub validator: Option<&'a dyn Validator>,
    /// Epochs from one measurement to the next, at least 1.
    pub validate_every: u64,
}

impl<'a> FitSettings<'a> {
    /// One epoch of one step, without anything that is optional.
    #[must_use]
    pub const fn new(optimizer: &'a Optimizer, schedule: &'a Schedule, loss: &'a LossSpec, seed: Seed) -> Self {
        Self {
            epochs: 1,
            steps_per_epoch: 1,
            validation_steps: 0,
            optimizer,
            schedule,
            schedule_epochs: 1,
            loss,
            metrics: &[],
            miner: None,
            classes: &[],
            seed,
            checkpoint_every: 0,
            checkpoint_after: None,
            early_stopping: None,
            keep_best: None,
            groups: &[],
            clip_norm: None,
            ema: None,
            lookahead: None,
            micro_batch: None,
            validator: None,
            validate_every: 1,
        }
    }
    /// The learning rate of a step, from 0: the optimiser's, without those of groups.
    #[must_use]
    pub fn learning_rate(&self, step: u64) -> f64 {
        self.optimizer.learning_rate() * self.schedule_factor(step)
    }

    /// What the schedule multiplies learning rates by at a step, from 0.
    fn schedule_factor(&self, step: u64) -> f64 {
        self.schedule.as_dyn().factor(step, self.schedule_epochs * self.steps_per_epoch)
    }

    /// The parameters that are trained, as they start: the network's and the loss's.
    pub(super) fn parameters(&self, network: &Network) -> Parameters {
        let target = Target { dim: network.dim(), classes: self.classes.len() };
        let of_loss = Parameters::of_loss(self.loss, target, self.seed, network.device());
        network.parameters().clone().with(of_loss).assigned(assignment(self.groups))
    }
}

/// Examples with their labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Bytes of examples, one after the other: of images `[n, height, width, channels]`, of features as
    /// [`to_bytes`](super::to_bytes) writes them; view after view where an example has several.
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

    /// The views of every example of validation batches; `None` if there is nothing to validate on. Whoever knows it
    /// without making a batch says so.
    fn validation_views(&self) -> Option<usize> {
        self.validation(0).map(|batch| batch.views)
    }

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

/// Measures how good the embeddings of a pool are, at the ends of epochs.
pub trait Validator: std::fmt::Debug {
    /// The names of its figures, such as `recall@1`.
    fn names(&self) -> Vec<String>;

    /// Its figures of this network, in the order of the names; `None` if it was to stop meanwhile.
    ///
    /// # Errors
    /// Why they can't be had.
    fn measure(&self, network: &Network) -> Result<Option<Vec<f64>>, Unmeasured>;
}

/// Why a validator has no figures, in words for the user.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Unmeasured {
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
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
        /// The step size of its last step.
        learning_rate: f64,
        /// What the validator has measured, by name.
        scores: Vec<(String, f64)>,
        /// Means of what was logged at its steps, by name.
        logged: Vec<(String, f64)>,
    },
    /// The miner found nothing in the batch of a step, whose loss is 0.
    NothingMined {
        /// The step.
        step: u64,
    },
    /// An epoch has ended with a network that gives all images of a batch one embedding; told once.
    Collapsed {
        /// The first step of which that holds, and for all since.
        since: u64,
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
    /// The embeddings of the validation pool can't be measured.
    #[error("{0}")]
    Validation(Unmeasured),
    /// A layer computes the examples of a batch together, so that they can't go through it in pieces.
    #[error(
        "these layers can't be trained in pieces of a batch: one draws random numbers, or takes statistics of the batch"
    )]
    MicroBatch,
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
    pub fn help(&self) -> Option<&str> {
        match self {
            Self::Diverged { .. } => Some(
                "lower the optimizer's `learning-rate`, and check that the first layer scales pixels to a small range, \
                 as \"rescale\" does",
            ),
            Self::MicroBatch => Some("leave `micro-batch` out"),
            Self::Validation(unmeasured) => unmeasured.help.as_deref(),
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
    let mut run = Run::new(network, state, settings, batches)?;
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
    let (state, last) = (run.state(), run.kept());
    let kept = if settings.keep_best.is_some() && !state.best.0.is_empty() { &state.best } else { &last };
    network.set_weights(kept)?;
    Ok(state)
}
