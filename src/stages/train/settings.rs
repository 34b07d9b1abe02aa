//! What the parameters of a training come to: settings of the loop, and what is watched.

use std::time::Duration;

use super::monitor::{EarlyStopping, KeepBest, Watched};
use super::steps::StepsPerEpoch;
use super::{TrainParams, backbone, onnx};
use simpipe_base::seed::Seed;
use simpipe_metric::RetrievalMetric;
use simpipe_nn::{self as nn, FitSettings};
use simpipe_stage::SamplesFacts;

impl TrainParams {
    /// What the best weights are kept by: `Some(None)` is what is looked at where nothing else is said.
    pub(super) fn kept_by(&self) -> Option<Option<&Watched>> {
        match &self.keep_best {
            KeepBest::No => None,
            KeepBest::Yes => Some(self.early_stopping.as_ref().map(|rule| &rule.metric)),
            KeepBest::By(watched) => Some(Some(watched)),
        }
    }

    /// The figure whose best value makes an epoch the best, where one is kept.
    pub(super) fn monitor(&self, validates: bool) -> Option<nn::Monitor> {
        let validates = validates && self.validation_steps > 0;
        let fallback = if validates { nn::Monitor::ValLoss } else { nn::Monitor::Loss };
        Some(self.kept_by()?.map_or(fallback, Watched::monitor))
    }

    pub(super) fn early_stopping(&self) -> Option<nn::EarlyStopping> {
        let EarlyStopping { patience, min_delta, metric } = self.early_stopping.as_ref()?;
        Some(nn::EarlyStopping { patience: *patience, min_delta: *min_delta, monitor: metric.monitor() })
    }

    /// The metrics of the validation pool that are looked at, each once.
    pub(super) fn metrics_of_validation(&self) -> Vec<RetrievalMetric> {
        let stops = self.early_stopping.as_ref().and_then(|rule| rule.metric.metric());
        let keeps = self.kept_by().flatten().and_then(Watched::metric).filter(|metric| Some(*metric) != stops);
        stops.into_iter().chain(keeps).collect()
    }

    /// All but what is watched.
    pub(super) fn settings<'a>(&'a self, seed: Seed, classes: &'a [i32]) -> FitSettings<'a> {
        let minutes = Some(self.checkpoint_every_minutes.0).filter(|minutes| *minutes > 0.0);
        FitSettings {
            epochs: self.epochs as u64,
            steps_per_epoch: self.steps(),
            validation_steps: self.validation_steps as u64,
            schedule_epochs: self.schedule_epochs(),
            metrics: &self.metrics,
            miner: self.miner.as_ref(),
            classes,
            checkpoint_every: self.checkpoint_every_steps.0 as u64,
            checkpoint_after: minutes.map(|minutes| Duration::from_secs_f64(minutes * 60.0)),
            groups: &self.groups,
            clip_norm: self.clip_norm,
            ema: self.ema.as_ref(),
            lookahead: self.lookahead.as_ref(),
            micro_batch: self.micro_batch,
            validate_every: self.validate_every as u64,
            ..FitSettings::new(&self.optimizer, &self.schedule, &self.loss, seed)
        }
    }

    /// The same, with what frozen backbones are short for, and networks that nobody trains.
    pub(super) fn with_frozen_backbones(&self) -> Self {
        Self { groups: backbone::groups(self).into_iter().chain(onnx::groups(self)).collect(), ..self.clone() }
    }

    pub(super) fn schedule_epochs(&self) -> u64 {
        self.schedule_epochs.unwrap_or(self.epochs) as u64
    }

    pub(super) const fn steps(&self) -> u64 {
        self.steps_per_epoch.count(None) as u64
    }

    /// The same, with the batches of an epoch written out for a sampler of so many a pass.
    pub(super) fn with_pass(&self, steps_per_pass: Option<usize>) -> Self {
        Self { steps_per_epoch: StepsPerEpoch::of(self.steps_per_epoch.count(steps_per_pass)), ..self.clone() }
    }

    /// The same; `None` while only the data tells how many batches an epoch has.
    pub(super) fn timed(&self, samples: &SamplesFacts) -> Option<Self> {
        let open = samples.makes_passes && samples.steps_per_pass.is_none() && !self.steps_per_epoch.is_said();
        (!open).then(|| self.with_pass(samples.steps_per_pass))
    }
}
