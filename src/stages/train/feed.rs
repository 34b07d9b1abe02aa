//! Batches for the training loop: pools of images, the sampler that says which of them form batch i, and the
//! augmenters that change them.

use super::features::VALIDATION;
use super::order::{Order, Place};
use super::{POOL, RECIPE, TrainParams};
use crate::cached::{self, Cached};
use simpipe_artifact::{Features, IMAGES, SamplerFile, Samples, read_json};
use simpipe_base::seed::Seed;
use simpipe_data::augment::{Augmentation, Instance, Scratch};
use simpipe_data::loader::{self, Loader};
use simpipe_data::sampler::{BatchSampler, draw};
use simpipe_nn::{Batch, Batches, Pixels};
use simpipe_stage::{Ctx, StageError};

/// Positions in a pool of the batch of an epoch and an index.
type Draw = Box<dyn Fn(u64, u64) -> Vec<usize> + Send + Sync>;

/// A pool with its batches; its images stay in their files.
pub(super) struct Pool {
    pub(super) pixels: Pixels,
    pub(super) example_ids: Vec<u64>,
    /// What a batch is made of, such as `batch size 80 (10 classes x 8 examples)`.
    pub(super) composition: String,
    /// Batches of one pass, where the sampler makes passes.
    pub(super) steps_per_pass: Option<usize>,
    pub(super) labels: Vec<i32>,
    draw: Draw,
    views: usize,
    augmentation: Option<Augmentation>,
}

impl Pool {
    /// `purpose` names the random draws of the augmenters, where images are augmented; `features` are taken in place of images.
    fn read(
        ctx: &Ctx<'_>,
        port: &str,
        params: &TrainParams,
        purpose: Option<&'static str>,
        features: Option<&Cached>,
    ) -> Result<Self, StageError> {
        let samples = Samples::read(ctx.input(port, POOL))?;
        let recipe: SamplerFile = read_json(ctx.input(port, RECIPE))?;
        let pixels = match features {
            Some(features) => features.pixels(&features.rows(&samples.example_id)?),
            None => images(ctx, &samples.example_id)?,
        };
        let failed = |error: simpipe_data::sampler::SamplerError| StageError::failed(error.to_string());
        let sampler = BatchSampler::load(&samples, &recipe).map_err(failed)?;
        let labels = sampler.labels(&samples).map_err(failed)?;
        let augmentation = purpose.map(|purpose| Augmentation::new(&params.augment, ctx.seed(), purpose));
        Ok(Self {
            pixels,
            example_ids: samples.example_id,
            composition: sampler.composition(params.views),
            steps_per_pass: sampler.steps_per_pass(),
            labels,
            draw: Box::new(move |epoch, index| sampler.batch(epoch, index)),
            views: params.views,
            augmentation: augmentation.filter(|_| !params.augment.is_empty()),
        })
    }

    /// Images of a batch, all views of them.
    pub(super) fn batch_size(&self) -> usize {
        (self.draw)(0, 0).len() * self.views
    }

    fn classes(&self) -> Vec<i32> {
        let classes: std::collections::BTreeSet<i32> = self.labels.iter().copied().collect();
        classes.into_iter().collect()
    }

    /// A pure function of epoch and index. Pixels are view after view, each of all examples.
    pub(super) fn batch(&self, epoch: u64, index: u64) -> Batch {
        let positions = (self.draw)(epoch, index);
        let images = positions.len() * self.views;
        let mut pixels = Vec::with_capacity(images * self.pixels.image_size());
        let mut scratch = Scratch::default();
        for view in 0..self.views as u64 {
            for (at, &position) in (0..).zip(&positions) {
                let begin = pixels.len();
                pixels.extend_from_slice(&self.pixels.image(position));
                if let Some(augmentation) = &self.augmentation {
                    let example = self.example_ids[position];
                    let instance = Instance { epoch, step: index, position: at, view, example };
                    augmentation.apply(&mut pixels[begin..], self.pixels.shape, instance, &mut scratch);
                }
            }
        }
        let labels = (0..self.views).flat_map(|_| &positions).map(|&position| self.labels[position]).collect();
        Batch { pixels, labels, views: self.views }
    }
}

fn images(ctx: &Ctx<'_>, ids: &[u64]) -> Result<Pixels, StageError> {
    Pixels::read(ctx.input("dataset", IMAGES), ids).map_err(|error| {
        StageError::failed(error.to_string())
            .with_help("give all images one shape: set `resize = [H, W]` in the source")
    })
}

/// Where the loop's batches come from.
pub(super) struct Feed {
    pub(super) training: Pool,
    /// What makes the features that are trained on, and the height, width and channels of the images that they are of.
    pub(super) features: Option<(Features, [usize; 3])>,
    validation: Option<Pool>,
    /// The stage's.
    seed: Seed,
}

impl Feed {
    /// Validation images are augmented only where an example has several views, which would all be one otherwise.
    pub(super) fn read(ctx: &Ctx<'_>, params: &TrainParams) -> Result<Self, StageError> {
        let cached = ctx.has_input(cached::PORT).then(|| Cached::read(ctx, cached::PORT)).transpose()?;
        let training = Pool::read(ctx, "sampler", params, Some("augment"), cached.as_ref())?;
        ctx.stop_if_cancelled()?;
        let features = cached.as_ref().map(|cached| (cached.features(), cached.image()));
        let cached = if ctx.has_input(VALIDATION) { Some(Cached::read(ctx, VALIDATION)?) } else { cached };
        if cached.as_ref().map(Cached::features) != features.as_ref().map(|(features, _)| features.clone()) {
            let message = format!("the features at the port `{VALIDATION}` were made by another model");
            return Err(
                StageError::failed(message).with_help("give both `embed` stages of the template the same `model`")
            );
        }
        let purpose = (params.views > 1).then_some("augment-validation");
        let validation = ctx.has_input("validation");
        let validation =
            validation.then(|| Pool::read(ctx, "validation", params, purpose, cached.as_ref())).transpose()?;
        if let Some(found) = validation.as_ref().map(|pool| pool.pixels.shape).filter(|s| *s != training.pixels.shape) {
            let shape = training.pixels.shape;
            let message = format!("training images have the shape {shape:?}, validation images have {found:?}");
            return Err(StageError::failed(message));
        }
        Ok(Self { training, features, validation, seed: ctx.seed() })
    }

    /// The labels that are trained on, each once, in ascending order.
    pub(super) fn classes(&self) -> Vec<i32> {
        self.training.classes()
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

    fn validation_views(&self) -> Option<usize> {
        self.validation.as_ref().map(|pool| pool.views)
    }

    /// Drawn from the whole pool: its first images may all be of one class.
    fn first_images(&self, count: usize) -> Vec<u8> {
        let pool = &self.training;
        let drawn = first_images(self.seed, pool.labels.len(), count);
        pool.pixels.stack(drawn.into_iter())
    }
}

/// Positions in a pool of the images that layers start from; `seed` is the stage's.
pub(crate) fn first_images(seed: Seed, pool: usize, count: usize) -> Vec<usize> {
    draw::distinct(&mut seed.rng("first images", &[]), pool, count.min(pool))
}

/// Batches that loader threads make ahead of the steps that take them.
struct Prefetched<'a> {
    feed: &'a Feed,
    order: Order,
    loader: &'a Loader<'a, Batch>,
}

impl Feed {
    /// Runs `work` with the same batches, those of `order` made ahead by so many threads. A batch is a pure function of its
    /// place, so nothing depends on when it is made. The threads end with `work`, wherever that stops.
    pub(super) fn ahead<T>(&self, order: Order, threads: usize, work: impl FnOnce(&dyn Batches) -> T) -> T {
        let pixels = &self.training.pixels;
        let batch = self.training.batch_size().saturating_mul(pixels.image_size());
        let threads = loader::threads_within(threads, batch.saturating_add(pixels.decoding_memory()));
        let make = |number| match order.place(number) {
            Place::Training(epoch, step) => self.training.batch(epoch, step),
            Place::Validation(step) => self.validation(step).unwrap_or_default(),
        };
        loader::ahead(threads, order.count(), &make, |loader| work(&Prefetched { feed: self, order, loader }))
    }
}

impl Batches for Prefetched<'_> {
    fn training(&self, epoch: u64, step: u64) -> Batch {
        match self.order.of_training(epoch, step) {
            Some(number) => self.loader.take(number),
            None => self.feed.training(epoch, step),
        }
    }

    /// One that is not the next is made here.
    fn validation(&self, step: u64) -> Option<Batch> {
        let number = self.loader.expected();
        if number < self.order.count() && self.order.place(number) == Place::Validation(step) {
            return Some(self.loader.take(number));
        }
        self.feed.validation(step)
    }

    fn validation_views(&self) -> Option<usize> {
        self.feed.validation_views()
    }

    fn first_images(&self, count: usize) -> Vec<u8> {
        self.feed.first_images(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use simpipe_artifact::{ExamplesWriter, Image, ImageShape};
    use simpipe_base::param;
    use simpipe_base::seed::Seed;

    /// Four images of 3 x 3 x 3, whose bytes are 0, 2, 4 and so on: mapped, so that the folder may go.
    fn pixels() -> Pixels {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = ExamplesWriter::new(&folder.path().join("examples.parquet"));
        let shape = ImageShape { height: 3, width: 3, channels: 3 };
        for first in (0..4u8).map(|image| image * 54) {
            let pixels = (0..27).map(|at| first + at * 2).collect();
            writer.push("train", 0, Image { shape, pixels }).unwrap();
        }
        writer.finish().unwrap();
        Pixels::read(&folder.path().join("images"), &[0, 1, 2, 3]).unwrap()
    }

    fn pool(views: usize, augment: serde_json::Value) -> Pool {
        let specs: Vec<_> = param::from_json(&augment).unwrap();
        Pool {
            pixels: pixels(),
            example_ids: vec![10, 11, 12, 13],
            composition: String::new(),
            steps_per_pass: None,
            labels: vec![0, 1, 2, 3],
            draw: Box::new(|epoch, step| vec![usize::try_from((epoch * 3 + step) % 4).unwrap(), 3]),
            views,
            augmentation: Some(Augmentation::new(&specs, Seed::of_stage(1, "train", None), "augment")),
        }
    }

    fn augmenters() -> serde_json::Value {
        serde_json::json!([
            "horizontal-flip",
            "alternating-flip",
            { "random-crop": { "padding": 1 } },
            { "color-jitter": { "brightness": 0.5, "saturation": 0.5 } },
        ])
    }

    fn feed(views: usize) -> Feed {
        Feed {
            training: pool(views, augmenters()),
            features: None,
            validation: Some(pool(views, augmenters())),
            seed: Seed::of_stage(1, "train", None),
        }
    }

    #[test]
    fn batches_made_ahead_are_those_made_in_place_whatever_the_number_of_threads() {
        let feed = feed(2);
        for threads in [0, 1, 2, 5] {
            feed.ahead(Order::after(2, 9, 3, 2), threads, |batches| {
                assert_eq!(batches.validation(0), feed.validation(0), "asked for out of turn");
                for epoch in 0..3 {
                    for step in 0..3 {
                        assert_eq!(batches.training(epoch, step), feed.training(epoch, step));
                    }
                    // Of the last epoch's validation one is left out.
                    for step in 0..if epoch == 1 { 1 } else { 2 } {
                        assert_eq!(batches.validation(step), feed.validation(step));
                    }
                }
                assert_eq!(batches.training(7, 1), feed.training(7, 1), "beyond the end");
            });
        }
    }

    #[test]
    fn first_images_are_drawn_from_the_whole_pool_each_once() {
        let feed = feed(1);
        let all = feed.first_images(100);
        let two = feed.first_images(2);
        assert_eq!(two, all[..2 * 27]);
        feed.ahead(Order::after(0, 4, 2, 0), 1, |batches| assert_eq!(batches.first_images(2), two));
        let mut drawn: Vec<&[u8]> = all.chunks(27).collect();
        drawn.sort_unstable();
        let mut pool: Vec<Vec<u8>> = (0..4).map(|at| feed.training.pixels.image(at).into_owned()).collect();
        pool.sort_unstable();
        assert_eq!(drawn, pool);
    }

    #[test]
    fn a_training_that_stops_early_leaves_no_thread_behind() {
        // `ahead` returns only once its threads have ended, though a million steps were still to be drawn.
        let order = Order::after(0, 1_000_000, 10, 0);
        assert_eq!(feed(1).ahead(order, 2, |batches| batches.training(0, 0).labels), [0, 3]);
    }

    #[test]
    fn views_stand_one_behind_the_other() {
        let batch = pool(2, serde_json::json!([{ "solarize": { "threshold": 0, "probability": 1 } }])).batch(0, 1);
        assert_eq!((batch.views, &batch.labels[..]), (2, &[1, 3, 1, 3][..]));
        // Both are known without a batch.
        assert_eq!((feed(2).training.batch_size(), feed(2).validation_views()), (4, Some(2)));
        assert_eq!(feed(2).validation(0).unwrap().views, 2);
        assert_eq!(Feed { validation: None, ..feed(1) }.validation_views(), None);
        let inverted = |range: std::ops::Range<usize>| range.map(|at| 255 - u8::try_from(at * 2).unwrap());
        let view: Vec<u8> = inverted(27..54).chain(inverted(81..108)).collect();
        assert_eq!(batch.pixels, [view.clone(), view].concat());
        // Those of a random augmenter differ.
        let batch = feed(2).training(0, 1);
        assert_ne!(batch.pixels[..54], batch.pixels[54..]);
        assert_eq!(feed(1).training(0, 1).pixels, batch.pixels[..54], "the first view is that of one view alone");
        assert_eq!(Batch::default().views, 1);
    }
}
