//! What a person sees while a network trains.

use std::time::Instant;

use simpipe_artifact::RECENT_STEPS;
use simpipe_nn::{FitEvent, FitSettings, FitState, Monitor};
use simpipe_stage::{Number, Progress};

/// What a person sees while the network trains. The only place with a clock, and nothing of it reaches an artifact.
pub(super) struct Display {
    epochs: u64,
    total: u64,
    batch_size: usize,
    started: Instant,
    /// Steps that were there at the start, and those made since.
    before: u64,
    steps: u32,
    losses: Vec<f32>,
    message: String,
}

impl Display {
    pub(super) fn new(settings: &FitSettings<'_>, batch_size: usize, state: &FitState) -> Self {
        let (epochs, total) = (settings.epochs, settings.epochs * settings.steps_per_epoch);
        let losses = state.losses.clone();
        let before = state.steps();
        Self { epochs, total, batch_size, started: Instant::now(), before, steps: 0, losses, message: String::new() }
    }

    /// What the batches are made of, and where a resumed training goes on.
    pub(super) fn opening(&self, composition: &str) -> Progress {
        let resumed = if self.before > 0 { format!(", continues after step {}", self.before) } else { String::new() };
        self.at(self.before, format!("{composition}{resumed}"))
    }

    /// What a reader of the losses should know: that it ended early, and which epoch's weights are kept.
    pub(super) fn closing(&self, end: &FitState, best: Option<(&Monitor, u64)>) -> Option<Progress> {
        let epochs = if self.total == 0 { 0 } else { end.steps() / (self.total / self.epochs) };
        let early = (end.steps() < self.total).then(|| format!("ended early after epoch {epochs}"));
        let best = best.map(|(monitor, epoch)| {
            let end = if monitor.higher_is_better() { "highest" } else { "lowest" };
            format!("keeps epoch {epoch} ({end} {})", monitor.name())
        });
        let message: Vec<String> = early.into_iter().chain(best).collect();
        (!message.is_empty()).then(|| self.at(end.steps(), message.join("; ")))
    }

    const fn at(&self, done: u64, message: String) -> Progress {
        Progress { done, total: Some(self.total), unit: "steps", message }
    }

    pub(super) fn progress(&mut self, event: &FitEvent) -> Progress {
        let done = match *event {
            FitEvent::Step { epoch, step, loss, .. } => {
                self.steps += 1;
                self.losses.push(loss);
                let images = f64::from(self.steps) * self.batch_size as f64;
                let speed = images / self.started.elapsed().as_secs_f64().max(f64::MIN_POSITIVE);
                let loss = recent_mean(&self.losses).unwrap_or_default();
                self.message = format!("epoch {epoch}/{}, loss {loss:.4}, {speed:.0} images/s", self.epochs);
                step
            }
            FitEvent::Epoch { epoch, step, loss, val_loss, ref scores, .. } => {
                let validation = val_loss.map_or_else(String::new, |loss| format!(", validation loss {loss:.4}"));
                let scores: String = scores.iter().map(|(name, score)| format!(", {name} {score:.4}")).collect();
                self.message = format!("epoch {epoch}/{}, loss {loss:.4}{validation}{scores}", self.epochs);
                step
            }
            FitEvent::NothingMined { step } | FitEvent::Collapsed { since: step } => step,
            FitEvent::Checkpoint(ref state) => state.steps(),
        };
        self.at(done, self.message.clone())
    }
}

/// The figures of an epoch that has ended, for programs.
pub(super) fn numbers(event: &FitEvent) -> Vec<Number> {
    let FitEvent::Epoch { step, loss, val_loss, learning_rate, scores, logged, .. } = event else { return Vec::new() };
    let own = [("loss", Some(f64::from(*loss))), ("val-loss", val_loss.map(f64::from))];
    let own = own.into_iter().chain([("learning-rate", Some(*learning_rate))]);
    let own = own.filter_map(|(name, value)| Some((name.to_owned(), value?)));
    let all = own.chain(scores.iter().chain(logged).cloned());
    all.map(|(name, value)| Number { step: *step, name, value }).collect()
}

/// The mean of the last losses; `None` if there is none.
pub(super) fn recent_mean(losses: &[f32]) -> Option<f64> {
    let recent = &losses[losses.len().saturating_sub(RECENT_STEPS)..];
    let sum: f64 = recent.iter().map(|&loss| f64::from(loss)).sum();
    (!recent.is_empty()).then(|| sum / recent.len() as f64)
}
