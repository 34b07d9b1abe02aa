//! Every loss of the registry in the same training: 300 steps of the smoke network on the images inside the program. Prints one
//! JSON line a loss: mean loss of the first and of the last 20 steps, 1-NN and MAP@R among the held-out images, median
//! milliseconds a step; the first line is the network before any step.
//!
//! The figures say whether a loss learns here at its defaults, not which loss is best: nothing is tuned, and there is one seed.
//!
//! `cargo bench -p simpipe-benches --bench losses` for all, with `-- triplet` for those with that in their name, with
//! `steps=30` for a look.

use std::time::Instant;

use serde_json::{Value as Json, json};
use simpipe_base::param;
use simpipe_base::seed::Seed;
use simpipe_data::augment::{AugmentSpec, Augmentation, Instance, Scratch};
use simpipe_data::sampler::BatchSampler;
use simpipe_data::source::{Access, Source};
use simpipe_metric::{Ranked, RetrievalMetric, micro_mean};
use simpipe_nn::loss::Known;
use simpipe_nn::{
    Batch, Batches, FitEvent, FitSettings, FitState, LayerSpec, LossSpec, Network, Optimizer, Schedule, device, fit,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const STEPS: u64 = 300;
/// Steps whose mean is shown.
const SHOWN: usize = 20;
const SHAPE: [usize; 3] = [32, 32, 3];
const CLASSES: [i32; 10] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
/// 10 classes of 4 images, as in `configs/smoke.toml`.
const IMAGES: usize = 40;

/// The layers of `configs/smoke.toml`.
fn layers() -> Vec<LayerSpec> {
    read(&json!([
        "rescale",
        { "conv2d": { "filters": 8, "kernel": 3, "stride": 2, "activation": "relu" } },
        "batch-norm",
        { "max-pool": { "size": 2 } },
        { "conv2d": { "filters": 16, "kernel": 3, "activation": "relu" } },
        "global-max-pool",
        { "metric-embedding": { "size": 16 } },
    ]))
}

fn read<T: param::Param>(json: &Json) -> T {
    param::from_json(json).unwrap_or_else(|issues| panic!("{json}: {issues:?}"))
}

/// How a loss is written: by its name alone where that is enough, regularisers beside a loss.
fn spec(name: &str) -> LossSpec {
    let beside = |weight: f64| json!({ "sum": { "terms": [{ "loss": "multi-similarity" }, { "weight": weight, "loss": name }] } });
    match name {
        "sum" => {
            read(&json!({ "sum": { "terms": [{ "loss": "multi-similarity" }, { "weight": 0.5, "loss": "sup-con" }] } }))
        }
        _ => {
            let alone: LossSpec = read(&json!(name));
            let views = if alone.needs().two_views { 2 } else { 1 };
            let known = Known { dim: Some(16), rows: Some(IMAGES * views), views };
            if alone.problems(&known).is_empty() { alone } else { read(&beside(0.1)) }
        }
    }
}

/// Images of a split with their labels.
#[derive(Default)]
struct Images {
    pixels: Vec<u8>,
    labels: Vec<i32>,
}

impl Images {
    fn image(&self, at: usize) -> &[u8] {
        let size: usize = SHAPE.iter().product();
        &self.pixels[at * size..][..size]
    }
}

/// Training and test images.
fn images() -> [Images; 2] {
    let source: Source = read(&json!("cifar10-sample"));
    let [mut training, mut test] = [Images::default(), Images::default()];
    let access = Access {
        downloads: std::path::Path::new("."),
        on_progress: &|_| {},
        stop: &|| false,
        column: None,
        earlier: None,
        storage: &simpipe_data::Storage::Raw,
        on_read: &|_, _| {},
    };
    let mut sink = |example: simpipe_data::source::Example<'_>| {
        let images = if example.split == "train" { &mut training } else { &mut test };
        images.pixels.extend_from_slice(example.image.bytes());
        images.labels.push(example.label);
        Ok(())
    };
    source.loader().load(&access, &mut sink).expect("the images are inside the program");
    [training, test]
}

/// Batches of one view, or of two that are augmented apart.
struct Feed<'a> {
    images: &'a Images,
    sampler: &'a BatchSampler,
    views: usize,
    augmentation: Augmentation,
}

impl Batches for Feed<'_> {
    fn training(&self, epoch: u64, step: u64) -> Batch {
        let positions = self.sampler.batch(epoch, step);
        let (mut pixels, mut scratch) = (Vec::new(), Scratch::default());
        for view in 0..self.views as u64 {
            for (place, &at) in (0..).zip(&positions) {
                let begin = pixels.len();
                pixels.extend_from_slice(self.images.image(at));
                if self.views > 1 {
                    let instance = Instance { epoch, step, position: place, view, example: at as u64 };
                    self.augmentation.apply(&mut pixels[begin..], SHAPE, instance, &mut scratch);
                }
            }
        }
        let labels = (0..self.views).flat_map(|_| &positions).map(|&at| self.images.labels[at]).collect();
        Batch { pixels, labels, views: self.views }
    }

    fn validation(&self, _: u64) -> Option<Batch> {
        None
    }
}

/// 1-NN and MAP@R among the images, each without itself, by the squared distance of embeddings at unit length.
fn figures(network: &Network, images: &Images) -> (f64, f64) {
    let dim = network.dim();
    let mut rows: Vec<f64> = network.embed(&images.pixels).into_iter().map(f64::from).collect();
    for row in rows.chunks_mut(dim) {
        let length = row.iter().map(|x| x * x).sum::<f64>().sqrt().max(1e-12);
        row.iter_mut().for_each(|x| *x /= length);
    }
    let row = |at: usize| &rows[at * dim..][..dim];
    let count = images.labels.len();
    let hits = |at: usize| -> Vec<bool> {
        let product = |other: usize| row(at).iter().zip(row(other)).map(|(a, b)| a * b).sum::<f64>();
        let mut near: Vec<(f64, usize)> =
            (0..count).filter(|other| *other != at).map(|other| (product(other), other)).collect();
        near.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        near.into_iter().map(|(_, other)| images.labels[other] == images.labels[at]).collect()
    };
    let all: Vec<Vec<bool>> = (0..count).map(hits).collect();
    let mean = |metric: RetrievalMetric| {
        micro_mean(all.iter().map(|hits| {
            let relevant = hits.iter().filter(|hit| **hit).count();
            metric.of_query(&Ranked { hits, relevant })
        }))
    };
    (mean(RetrievalMetric::PrecisionAtK(1)), mean(RetrievalMetric::MapAtR))
}

fn report(line: &Json) {
    #[expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]
    {
        println!("{line}");
    }
}

fn mean(losses: &[f32]) -> f64 {
    losses.iter().map(|loss| f64::from(*loss)).sum::<f64>() / losses.len().max(1) as f64
}

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let (steps, wanted): (Vec<String>, Vec<String>) = wanted.into_iter().partition(|word| word.starts_with("steps="));
    let steps = steps.first().and_then(|word| word["steps=".len()..].parse().ok()).unwrap_or(STEPS);
    let names =
        LossSpec::NAMES.iter().filter(|name| wanted.is_empty() || wanted.iter().any(|part| name.contains(part)));
    let [training, test] = images();
    let sampler = json!({ "multi-shot": { "classes-per-batch": 10, "examples-per-class": 4 } });
    let sampler = BatchSampler::new(read(&sampler), Seed::of_stage(1, "sample", None), &training.labels, &[]);
    let sampler = sampler.expect("ten classes");
    let colors = json!({ "brightness": 0.4, "contrast": 0.4, "saturation": 0.4, "hue": 0.1 });
    let augment: Vec<AugmentSpec> =
        read(&json!([{ "random-crop": { "padding": 4 } }, "horizontal-flip", { "color-jitter": colors }]));
    let (seed, device) = (Seed::of_stage(1, "train", None), device::to_device("flex").expect("flex is always built"));
    let start = Network::build(&layers(), SHAPE, seed, &device).expect("the smoke network's shapes");
    let optimizer: Optimizer = read(&json!({ "adam": { "learning-rate": 0.002 } }));
    let schedule: Schedule = read(&json!("constant"));
    let (one_nn, map_at_r) = figures(&start, &test);
    report(&json!({ "loss": null, "one_nn": one_nn, "map_at_r": map_at_r }));

    for name in names {
        let (loss, mut network) = (spec(name), start.clone());
        let views = if loss.needs().two_views { 2 } else { 1 };
        let augmentation = Augmentation::new(&augment, seed, "augment");
        let feed = Feed { images: &training, sampler: &sampler, views, augmentation };
        let settings = FitSettings {
            steps_per_epoch: steps,
            classes: &CLASSES,
            ..FitSettings::new(&optimizer, &schedule, &loss, seed)
        };
        let (mut times, mut last) = (Vec::new(), Instant::now());
        let mut on_event = |event: FitEvent| {
            if matches!(event, FitEvent::Step { .. }) {
                times.push(last.elapsed().as_secs_f64() * 1e3);
                last = Instant::now();
            }
        };
        let state = FitState::start(&network, &settings);
        let end = fit(&mut network, state, &settings, &feed, &mut on_event, &|| false).expect("it trains");
        times.sort_by(f64::total_cmp);
        let (one_nn, map_at_r) = figures(&network, &test);
        report(&json!({
            "loss": name, "spec": if loss.name() == *name { Json::Null } else { param::Param::write(&loss, param::View::Key) },
            "views": views, "first_loss": mean(&end.losses[..SHOWN.min(end.losses.len())]),
            "last_loss": mean(&end.losses[end.losses.len().saturating_sub(SHOWN)..]),
            "one_nn": one_nn, "map_at_r": map_at_r, "ms_per_step": times[times.len() / 2],
        }));
    }
}
