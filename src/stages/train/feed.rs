//! Batches for the training loop: pools of images in memory, and the sampler that says which of them form batch i.

use std::sync::mpsc::{Receiver, sync_channel};

use super::{DATASET, POOL, RECIPE};
use crate::artifact::{SamplerFile, Samples, read_json};
use crate::base::param;
use crate::data::sampler::{BatchSampler, Sampler};
use crate::nn::{Batch, Batches, Pixels};
use crate::stage::{Ctx, StageError};

/// Positions in a pool of the batch of an epoch and an index.
type Draw = Box<dyn Fn(u64, u64) -> Vec<usize> + Send + Sync>;

/// A pool in memory, with its batches.
pub(super) struct Pool {
    pub(super) pixels: Pixels,
    pub(super) example_ids: Vec<u64>,
    /// What a batch is made of, such as `batch size 80 (10 classes x 8 examples)`.
    pub(super) composition: String,
    pub(super) labels: Vec<i32>,
    draw: Draw,
}

impl Pool {
    fn read(ctx: &Ctx<'_>, port: &str) -> Result<Self, StageError> {
        let samples = Samples::read(ctx.input(port, POOL))?;
        let recipe: SamplerFile = read_json(ctx.input(port, RECIPE))?;
        let pixels = Pixels::read(ctx.input("dataset", DATASET), &samples.example_id);
        let pixels = pixels.map_err(|error| {
            StageError::failed(error.to_string())
                .with_help("give images one shape: set `resize = [H, W]` of the source")
        })?;
        let draw = draw_batches(&samples, &recipe)?;
        let composition = composition(&recipe)?;
        Ok(Self { pixels, example_ids: samples.example_id, composition, labels: samples.label, draw })
    }

    fn classes(&self) -> Vec<i32> {
        let classes: std::collections::BTreeSet<i32> = self.labels.iter().copied().collect();
        classes.into_iter().collect()
    }

    pub(super) fn batch(&self, epoch: u64, index: u64) -> Batch {
        let mut batch = Batch::default();
        for position in (self.draw)(epoch, index) {
            batch.pixels.extend_from_slice(self.pixels.image(position));
            batch.labels.push(self.labels[position]);
        }
        batch
    }
}

/// Where the loop's batches come from.
pub(super) struct Feed {
    pub(super) training: Pool,
    validation: Option<Pool>,
}

impl Feed {
    pub(super) fn read(ctx: &Ctx<'_>) -> Result<Self, StageError> {
        let training = Pool::read(ctx, "sampler")?;
        ctx.stop_if_cancelled()?;
        let validation = if ctx.has_input("validation") { Some(Pool::read(ctx, "validation")?) } else { None };
        if let Some(found) = validation.as_ref().map(|pool| pool.pixels.shape).filter(|s| *s != training.pixels.shape) {
            let shape = training.pixels.shape;
            let message = format!("training images have the shape {shape:?}, validation images have {found:?}");
            return Err(StageError::failed(message));
        }
        Ok(Self { training, validation })
    }

    /// The labels that are trained on, each once, in ascending order.
    pub(super) fn classes(&self) -> Vec<i32> {
        self.training.classes()
    }

    /// The labels that are validated on, likewise.
    pub(super) fn validation_classes(&self) -> Vec<i32> {
        self.validation.as_ref().map_or_else(Vec::new, Pool::classes)
    }

    /// The pool that is validated on.
    pub(super) const fn validation_pool(&self) -> Option<&Pool> {
        self.validation.as_ref()
    }

    /// Whether there is something to validate on.
    pub(super) const fn validates(&self) -> bool {
        self.validation.is_some()
    }
}

impl Batches for Feed {
    fn training(&self, epoch: u64, step: u64) -> Batch {
        self.training.batch(epoch, step)
    }

    /// Those of epoch 0, whatever the epoch: validation losses of all epochs are then of the same batches.
    fn validation(&self, step: u64) -> Option<Batch> {
        self.validation.as_ref().map(|pool| pool.batch(0, step))
    }
}

/// The shape of a recipe's batches in words.
fn composition(recipe: &SamplerFile) -> Result<String, StageError> {
    let sampler: Sampler =
        param::from_json(&recipe.sampler).map_err(|_| StageError::failed("the sampler of the pool can't be read"))?;
    let (classes, examples) = (sampler.classes_per_batch(), sampler.examples_per_class());
    Ok(format!("batch size {} ({classes} classes x {examples} examples)", classes * examples))
}

/// Training batches drawn on a thread of their own, at most two ahead of the step that takes them.
struct Prefetched<'a> {
    feed: &'a Feed,
    ahead: Receiver<(u64, u64, Batch)>,
}

impl Feed {
    /// Runs `work` with the same batches, those of the steps `made..last` drawn ahead. A batch is a pure function of its
    /// epoch and step, so nothing depends on when it is drawn. The thread ends with `work`, wherever that stops.
    pub(super) fn ahead<T>(
        &self,
        made: u64,
        last: u64,
        steps_per_epoch: u64,
        work: impl FnOnce(&dyn Batches) -> T,
    ) -> T {
        std::thread::scope(|scope| {
            let (send, ahead) = sync_channel(1);
            let draw = move || {
                for step in made..last {
                    let (epoch, step) = (step / steps_per_epoch, step % steps_per_epoch);
                    // Nobody listens any more: training ended early.
                    if send.send((epoch, step, self.training(epoch, step))).is_err() {
                        return;
                    }
                }
            };
            if let Err(error) = std::thread::Builder::new().spawn_scoped(scope, draw) {
                tracing::warn!("batches are drawn between the steps, for there is no thread to draw them: {error}");
            }
            work(&Prefetched { feed: self, ahead })
        })
    }
}

impl Batches for Prefetched<'_> {
    fn training(&self, epoch: u64, step: u64) -> Batch {
        match self.ahead.recv() {
            Ok((of_epoch, of_step, batch)) if (of_epoch, of_step) == (epoch, step) => batch,
            _ => self.feed.training(epoch, step),
        }
    }

    fn validation(&self, step: u64) -> Option<Batch> {
        self.feed.validation(step)
    }
}

/// The sampler of a stored pool.
fn draw_batches(samples: &Samples, recipe: &SamplerFile) -> Result<Draw, StageError> {
    let sampler = BatchSampler::load(samples, recipe).map_err(|error| StageError::failed(error.to_string()))?;
    Ok(Box::new(move |epoch, index| sampler.batch(epoch, index)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed() -> Feed {
        let pixels = Pixels { shape: [1, 1, 1], bytes: vec![10, 20, 30, 40] };
        let draw: Draw = Box::new(|epoch, step| vec![usize::try_from((epoch * 3 + step) % 4).unwrap()]);
        let training =
            Pool { pixels, example_ids: vec![0, 1, 2, 3], composition: String::new(), labels: vec![0, 1, 2, 3], draw };
        Feed { training, validation: None }
    }

    #[test]
    fn batches_drawn_ahead_are_those_drawn_in_place() {
        let feed = feed();
        let place = |step: u64| (step / 3, step % 3);
        feed.ahead(2, 9, 3, |batches| {
            // In order from where training resumes; the last is asked for out of turn, and beyond the end.
            for (epoch, step) in [2, 3, 4, 5, 7, 8, 20].map(place) {
                assert_eq!(batches.training(epoch, step), feed.training(epoch, step));
            }
        });
    }

    #[test]
    fn a_training_that_stops_early_leaves_no_thread_behind() {
        // `ahead` returns only once its thread has ended, though a million steps were still to be drawn.
        assert_eq!(feed().ahead(0, 1_000_000, 10, |batches| batches.training(0, 0).labels), [0]);
    }
}
