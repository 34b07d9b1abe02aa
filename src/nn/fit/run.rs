//! A training under way: the order of steps, ends of epochs and checkpoints.

use std::collections::BTreeMap;
use std::time::Instant;

use super::averages::Averages;
use super::pass::{Model, clip};
use super::{Batches, EarlyStopping, FitError, FitEvent, FitSettings, Monitor};
use crate::network::Network;
use crate::optim::{Optimizer, OptimizerState, Rules};
use crate::parameters::Parameters;
use crate::profile;
use crate::state::FitState;
use crate::state::mean;
use crate::stopping;
use simpipe_artifact::Weights;

/// The name under which the norm of the gradients is logged where it is clipped.
const GRADIENT_NORM: &str = "gradient-norm";

/// What the time of the optimiser is noted under, beside the paths of layers.
const OPTIMIZER: &str = "optimizer";

pub(super) struct Run<'a> {
    network: &'a Network,
    settings: &'a FitSettings<'a>,
    batches: &'a dyn Batches,
    /// Each group's own optimiser.
    optimizers: Vec<Option<&'a Optimizer>>,
    /// In the autodiff graph.
    parameters: Parameters,
    averages: Averages,
    optimizer: OptimizerState,
    /// What was measured so far; it holds no weights but the best.
    state: FitState,
    /// Epochs that were made and, where there is something to validate on, validated.
    ended: u64,
    /// Whether there are batches to validate on.
    validates: bool,
    saved: Instant,
    /// The step since which every batch has become one point, in this process; and whether somebody was told.
    collapsed: Option<u64>,
    told: bool,
}

/// The validator's figures by name; `None` in epochs without a measurement.
type Scores = Vec<(String, Option<f64>)>;

/// What a validation has found.
#[derive(Default)]
struct Validated {
    loss: Option<f32>,
    scores: Scores,
}

impl<'a> Run<'a> {
    pub(super) fn new(
        network: &'a Network,
        state: FitState,
        settings: &'a FitSettings<'a>,
        batches: &'a dyn Batches,
    ) -> Result<Self, FitError> {
        let (parameters, optimizer) = state.restore(network, settings)?;
        let averages = Averages::restore(&parameters, &state, settings)?;
        // Of batches with one view a loss of two has nothing to say.
        let judges = |views: usize| !settings.loss.needs().two_views || views == 2;
        let validates = settings.validation_steps > 0 && batches.validation_views().is_some_and(judges);
        let mut ended = state.steps() / settings.steps_per_epoch;
        // A training that was stopped during a validation has made more epochs than it has validated.
        if validates {
            ended = ended.min(state.val_losses.len() as u64);
        }
        for name in settings.validator.iter().flat_map(|validator| validator.names()) {
            ended = ended.min(state.scores.get(&name).map_or(0, Vec::len) as u64);
        }
        let mut parameters = parameters.to_trainable();
        parameters.freeze(optimizer.steps);
        let none = Weights::default;
        let state = FitState { weights: none(), moments: none(), ema: none(), slow: none(), ..state };
        let optimizers = settings.groups.iter().map(|group| group.optimizer.as_ref()).collect();
        let saved = Instant::now();
        Ok(Self {
            network,
            settings,
            batches,
            optimizers,
            parameters,
            averages,
            optimizer,
            state,
            ended,
            validates,
            saved,
            collapsed: None,
            told: false,
        })
    }

    /// Whether all steps of an epoch are made, but not what comes at its end.
    pub(super) const fn epoch_is_open(&self) -> bool {
        self.optimizer.steps / self.settings.steps_per_epoch > self.ended
    }

    /// What a rule looks at, of every epoch that has ended.
    fn monitored(&self, monitor: &Monitor) -> Vec<f64> {
        let mut costs = self.state.monitored(monitor, self.settings.steps_per_epoch);
        costs.truncate(usize::try_from(self.ended).unwrap_or(usize::MAX));
        costs
    }

    /// Whether the last step is made, or no more are worth making.
    pub(super) fn is_over(&self) -> bool {
        let stops = |rule: &EarlyStopping| rule.stops_after(&self.monitored(&rule.monitor)).is_some();
        let last = self.settings.epochs * self.settings.steps_per_epoch;
        self.optimizer.steps >= last || self.settings.early_stopping.is_some_and(stops)
    }

    /// Whether enough steps were made or time has passed; ends of epochs have their own.
    pub(super) fn checkpoint_is_due(&self) -> bool {
        let every = self.settings.checkpoint_every;
        let by_steps = every > 0 && self.optimizer.steps.is_multiple_of(every);
        let by_time = self.settings.checkpoint_after.is_some_and(|pause| self.saved.elapsed() >= pause);
        !self.epoch_is_open() && (by_steps || by_time)
    }

    pub(super) fn checkpoint(&mut self, on_event: &mut dyn FnMut(FitEvent)) {
        on_event(FitEvent::Checkpoint(self.state()));
        self.saved = Instant::now();
    }

    /// Leaves a checkpoint to go on from.
    pub(super) fn interrupted(&mut self, on_event: &mut dyn FnMut(FitEvent)) -> FitError {
        self.checkpoint(on_event);
        FitError::Interrupted
    }

    /// Forward, loss, backward, update.
    pub(super) fn step(&mut self, on_event: &mut dyn FnMut(FitEvent)) -> Result<(), FitError> {
        let settings = self.settings;
        let made = self.optimizer.steps;
        let (epoch, step) = (made / settings.steps_per_epoch, made % settings.steps_per_epoch);
        let batch = self.batches.training(epoch, step);
        let mut passed = self.model(&self.parameters).train(&batch, made)?;
        let loss = passed.loss;
        if !loss.is_finite() {
            return Err(FitError::Diverged { epoch: epoch + 1, step: made + 1, loss });
        }
        if let Some(most) = settings.clip_norm {
            #[expect(clippy::cast_possible_truncation, reason = "a number to look at")]
            passed.logged.push((GRADIENT_NORM.to_owned(), clip(&mut passed.gradients, most) as f32));
        }
        let rules = Rules { main: settings.optimizer, groups: &self.optimizers };
        let factor = settings.schedule_factor(made);
        profile::within(
            || OPTIMIZER.to_owned(),
            || rules.step(factor, &mut self.parameters, passed.gradients, &mut self.optimizer),
        );
        passed.averages.into_iter().for_each(|average| self.parameters.absorb(average));
        passed.replaced.into_iter().for_each(|(path, value)| self.parameters.put(&path, value));
        self.averages.follow(settings, &mut self.parameters, made + 1);
        // Here, and not before the next step: what is kept at the end of an epoch must not depend on whether it was resumed.
        self.parameters.freeze(made + 1);
        self.state.push(loss, passed.logged);
        if passed.chosen.is_some_and(|chosen| chosen.is_nothing()) {
            on_event(FitEvent::NothingMined { step: made + 1 });
        }
        self.collapsed = passed.collapsed.then(|| self.collapsed.unwrap_or(made + 1));
        let learning_rate = settings.learning_rate(made);
        on_event(FitEvent::Step { epoch: epoch + 1, step: made + 1, loss, learning_rate });
        Ok(())
    }

    const fn model<'m>(&'m self, parameters: &'m Parameters) -> Model<'m> {
        Model { network: self.network, settings: self.settings, parameters }
    }

    /// Validates, and keeps the weights if they are the best so far.
    pub(super) fn end_epoch(
        &mut self,
        on_event: &mut dyn FnMut(FitEvent),
        cancelled: &dyn Fn() -> bool,
    ) -> Result<(), FitError> {
        let step = self.optimizer.steps;
        let epoch = step / self.settings.steps_per_epoch;
        let Some(Validated { loss: val_loss, scores }) = self.validate(epoch, cancelled)? else {
            return Err(self.interrupted(on_event));
        };
        if let Some(loss) = val_loss {
            if !loss.is_finite() {
                return Err(FitError::Diverged { epoch, step, loss });
            }
            self.state.val_losses.push(loss);
        }
        for (name, score) in &scores {
            self.state.scores.entry(name.clone()).or_default().push(*score);
        }
        self.ended = epoch;
        if let Some(since) = self.collapsed
            && !self.told
        {
            self.told = true;
            on_event(FitEvent::Collapsed { since });
        }
        if let Some(monitor) = self.settings.keep_best {
            let costs = self.monitored(monitor);
            if stopping::best_epoch(&costs).is_some_and(|best| best + 1 == costs.len()) {
                self.state.best = self.kept();
            }
        }
        let steps = usize::try_from(self.settings.steps_per_epoch).unwrap_or(usize::MAX);
        let last = self.state.losses.len().saturating_sub(steps);
        on_event(FitEvent::Epoch {
            epoch,
            step,
            loss: mean(&self.state.losses[last..]),
            val_loss,
            learning_rate: self.settings.learning_rate(step.saturating_sub(1)),
            scores: scores.into_iter().filter_map(|(name, score)| Some((name, score?))).collect(),
            logged: means(&self.state.logged, last),
        });
        Ok(())
    }

    /// The mean loss over the validation batches, by moving averages and without gradients, and the validator's figures;
    /// `None` if the caller cancels.
    fn validate(&self, epoch: u64, cancelled: &dyn Fn() -> bool) -> Result<Option<Validated>, FitError> {
        if !self.validates && self.settings.validator.is_none() {
            // Where nothing is validated, an epoch ends with its last step: nothing may stop it in between.
            return Ok(Some(Validated::default()));
        }
        let parameters = self.averages.kept(&self.parameters);
        let mut losses = Vec::new();
        for step in 0..if self.validates { self.settings.validation_steps } else { 0 } {
            if cancelled() {
                return Ok(None);
            }
            let Some(batch) = self.batches.validation(step) else { break };
            losses.push(self.model(&parameters).validate(&batch, step));
        }
        let loss = (!losses.is_empty()).then(|| mean(&losses));
        if self.settings.validator.is_some() && cancelled() {
            return Ok(None);
        }
        Ok(self.scores(epoch, &parameters)?.map(|scores| Validated { loss, scores }))
    }

    /// The validator's figures; `None` if it was stopped.
    fn scores(&self, epoch: u64, parameters: &Parameters) -> Result<Option<Scores>, FitError> {
        let Some(validator) = self.settings.validator else { return Ok(Some(Vec::new())) };
        let names = validator.names().into_iter();
        if !epoch.is_multiple_of(self.settings.validate_every) {
            return Ok(Some(names.map(|name| (name, None)).collect()));
        }
        let mut network = self.network.clone();
        network.set_weights(&parameters.to_weights())?;
        let found = validator.measure(&network).map_err(FitError::Validation)?;
        Ok(found.map(|found| names.zip(found.into_iter().map(Some)).collect()))
    }

    /// The weights that are validated and kept; what a loss remembers is none of them.
    pub(super) fn kept(&self) -> Weights {
        self.averages.kept(&self.parameters).to_weights_without_memory()
    }

    pub(super) fn state(&self) -> FitState {
        let (weights, moments) = (self.parameters.to_weights(), self.optimizer.to_weights());
        let (ema, slow) = self.averages.to_weights();
        FitState { weights, moments, ema, slow, ..self.state.clone() }
    }
}

/// Means of what was logged from a step on, from 0, by name; steps at which it was not are left out.
#[expect(clippy::cast_precision_loss, reason = "steps are far below 2^52")]
fn means(logged: &BTreeMap<String, Vec<f32>>, from: usize) -> Vec<(String, f64)> {
    let of = |(name, values): (&String, &Vec<f32>)| {
        let seen: Vec<f64> =
            values.iter().skip(from).filter(|value| !value.is_nan()).map(|&value| f64::from(value)).collect();
        (!seen.is_empty()).then(|| (name.clone(), seen.iter().sum::<f64>() / seen.len() as f64))
    };
    logged.iter().filter_map(of).collect()
}
