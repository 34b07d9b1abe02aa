//! Batches for the training loop: pools of images in memory, and the sampler that says which of them form batch i.

use super::{DATASET, POOL, RECIPE};
use crate::artifact::{SamplerFile, Samples, read_json};
use crate::base::param;
use crate::data::sampler::{BatchSampler, Sampler};
use crate::nn::{Batch, Batches, Pixels};
use crate::stage::{Ctx, StageError};

/// Positions in a pool of the batch of an epoch and an index.
type Draw = Box<dyn Fn(u64, u64) -> Vec<usize>>;

/// A pool in memory, with its batches.
pub(super) struct Pool {
    pub(super) pixels: Pixels,
    pub(super) example_ids: Vec<u64>,
    /// What a batch is made of, such as `batch size 80 (10 classes x 8 examples)`.
    pub(super) composition: String,
    labels: Vec<i32>,
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

/// The sampler of a stored pool.
fn draw_batches(samples: &Samples, recipe: &SamplerFile) -> Result<Draw, StageError> {
    let sampler = BatchSampler::load(samples, recipe).map_err(|error| StageError::failed(error.to_string()))?;
    Ok(Box::new(move |epoch, index| sampler.batch(epoch, index)))
}
