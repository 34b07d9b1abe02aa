//! The tutorial's network on synthetic images: one training step of 80 (batch drawn, forward, loss, backward, Adam) and
//! the embeddings of 256 images, and the drawing of a batch alone; then networks in the usual order of convolution,
//! normalisation and activation: a step of `resnet9`, of a network of half its depth with `gelu` and pools in front of its
//! normalisations, and of `resnet18` for small images with its embeddings; `narrow` and `mid`, that network in batches of 500
//! (widths 32, 64, 128 and 64, 128, 256), and `resnet18-32` in batches of 128. Prints one JSON line a case, as the peers' scripts
//! do.
//!
//! `cargo bench -p simpipe-benches --bench train_step`; `RAYON_NUM_THREADS=1` for one thread; with `-- resnet9` the cases
//! whose name holds that; with `-- --by-operation narrow` also what each operation of a step takes.

use std::time::Instant;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use simpipe_base::param;
use simpipe_base::seed::Seed;
use simpipe_data::sampler::BatchSampler;
use simpipe_nn::profile::{self, Spent};
use simpipe_nn::{
    Batch, Batches, FitEvent, FitSettings, FitState, LayerSpec, LossSpec, Network, Optimizer, device, fit,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const STEPS: u64 = 24;
const EMBEDDINGS: usize = 12;
/// Of the networks beside the tutorial's, which take longer.
const SHORT: u64 = 8;
const SHORT_EMBEDDINGS: usize = 5;

fn specs(layers: &serde_json::Value) -> Vec<LayerSpec> {
    param::from_json(layers).expect("layers")
}

/// The layers of `configs/cifar10.toml`.
fn tutorial() -> Vec<LayerSpec> {
    specs(&serde_json::json!([
        "rescale",
        { "conv2d": { "filters": 64, "kernel": 3, "activation": "relu" } },
        "batch-norm",
        { "conv2d": { "filters": 128, "kernel": 3, "activation": "relu" } },
        "batch-norm",
        { "max-pool": { "size": 4 } },
        { "conv2d": { "filters": 256, "kernel": 3, "activation": "relu" } },
        "batch-norm",
        { "conv2d": { "filters": 256, "kernel": 3, "activation": "relu" } },
        "global-max-pool",
        { "metric-embedding": { "size": 256 } },
    ]))
}

/// Three pairs of convolutions of these many filters, each with a pool between its first convolution and that one's
/// normalisation (after Jordan, 2024, arXiv:2404.00498).
fn pairs(activation: &str, widths: [usize; 3]) -> Vec<LayerSpec> {
    let conv = |filters: usize| {
        serde_json::json!({
            "conv2d": { "filters": filters, "kernel": 3, "padding": "same", "bias": false, "init": "dirac" },
        })
    };
    let norm = serde_json::json!({ "batch-norm": { "scale": false, "momentum": 0.8, "epsilon": 1e-5 } });
    let (pool, activation) = (serde_json::json!({ "max-pool": { "size": 2 } }), serde_json::json!(activation));
    let first = serde_json::json!({ "conv2d": { "filters": 24, "kernel": 2 } });
    let mut layers = vec![serde_json::json!("rescale"), first, activation.clone()];
    for filters in widths {
        layers.extend([conv(filters), pool.clone(), norm.clone(), activation.clone()]);
        layers.extend([conv(filters), norm.clone(), activation.clone()]);
    }
    layers.extend([serde_json::json!("global-max-pool"), serde_json::json!({ "metric-embedding": { "size": 128 } })]);
    specs(&serde_json::json!(layers))
}

/// A preset for small images.
fn preset(preset: serde_json::Value) -> Vec<LayerSpec> {
    specs(&serde_json::json!(["rescale", preset, { "metric-embedding": { "size": 128 } }]))
}

/// Random pixels in a pool of 4,000 images, of which a batch copies some; those of 80 are of CIFAR-10's sampler.
struct Pool {
    pixels: Vec<u8>,
    sampler: BatchSampler,
}

/// Batches of so many images.
struct Drawn<'a>(&'a Pool, usize);

impl Pool {
    fn new() -> Self {
        let mut pixels = vec![0; 4000 * 3072];
        ChaCha8Rng::seed_from_u64(1).fill_bytes(&mut pixels);
        let labels: Vec<i32> = (0..50_000).map(|at| at % 10).collect();
        let multi_shot = param::from_json(&serde_json::json!("multi-shot")).expect("a sampler");
        let sampler = BatchSampler::new(multi_shot, Seed::of_stage(1, "sample", None), &labels, &[]);
        Self { pixels, sampler: sampler.expect("ten classes") }
    }

    fn image(&self, at: usize) -> &[u8] {
        &self.pixels[at % 4000 * 3072..][..3072]
    }

    fn images(&self, count: usize, seed: u64) -> Vec<u8> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        (0..count).flat_map(|_| self.image(rng.next_u64() as usize)).copied().collect()
    }
}

impl Batches for Drawn<'_> {
    fn training(&self, epoch: u64, step: u64) -> Batch {
        let &Self(pool, count) = self;
        let positions = match count {
            80 => pool.sampler.batch(epoch, step),
            _ => (0..count).map(|at| (usize::try_from(step).expect("few steps") * 4001 + at * 7919) % 4000).collect(),
        };
        let pixels = positions.iter().flat_map(|&at| pool.image(at)).copied().collect();
        let labels = (0..count).map(|at| i32::try_from(at * 10 / count).expect("ten classes")).collect();
        Batch { pixels, labels, views: 1 }
    }

    fn validation(&self, _: u64) -> Option<Batch> {
        None
    }
}

fn report(case: &str, images: f64, mut times: Vec<f64>) {
    times.sort_by(f64::total_cmp);
    let (least, median) = (times[0], times[times.len() / 2]);
    let line = serde_json::json!({
        "case": case, "min_ms": least, "median_ms": median, "images_per_s": images / median * 1e3,
    });
    #[expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]
    {
        println!("{line}");
    }
}

/// Prints what each operation of a step took, longest first, and the rest of it.
fn report_operations(case: &str, steps: u64, mut all: Vec<Spent>, step_ms: f64) {
    #[expect(clippy::cast_precision_loss, reason = "few steps")]
    let steps = steps as f64;
    all.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
    let ours: f64 = all.iter().map(|spent| spent.seconds).sum::<f64>() * 1e3 / steps;
    let lines = all.iter().map(|spent| {
        serde_json::json!({
            "case": case, "layer": spent.layer, "operation": spent.operation, "ms": spent.seconds * 1e3 / steps,
            "gflops": spent.flops / spent.seconds / 1e9, "mb": spent.bytes / steps / 1e6,
            "gb_per_s": spent.bytes / spent.seconds / 1e9,
        })
    });
    let bytes: f64 = all.iter().map(|spent| spent.bytes).sum();
    let sum = serde_json::json!({
        "case": case, "operation": "all of these", "ms": ours, "mb": bytes / steps / 1e6, "median_step_ms": step_ms,
    });
    #[expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]
    lines.chain([sum]).for_each(|line| println!("{line}"));
}

/// Trains a network; gives it with the time of each step.
fn train(layers: &[LayerSpec], steps: u64, pool: &Drawn<'_>) -> (Network, Vec<f64>) {
    let device = device::to_device("flex").expect("flex is always built");
    let seed = Seed::of_stage(1, "train", None);
    let mut network = Network::build(layers, [32, 32, 3], seed, &device).expect("shapes that fit");
    let (optimizer, loss) = (serde_json::json!("adam"), serde_json::json!("multi-similarity"));
    let optimizer: Optimizer = param::from_json(&optimizer).expect("an optimiser");
    let loss: LossSpec = param::from_json(&loss).expect("a loss");
    let schedule = simpipe_nn::Schedule::Constant(simpipe_nn::schedule::Constant {});
    let settings = FitSettings { steps_per_epoch: steps, ..FitSettings::new(&optimizer, &schedule, &loss, seed) };
    let (mut times, mut last) = (Vec::new(), Instant::now());
    let mut on_event = |event: FitEvent| {
        if matches!(event, FitEvent::Step { .. }) {
            times.push(last.elapsed().as_secs_f64() * 1e3);
            last = Instant::now();
        }
    };
    let state = FitState::start(&network, &settings);
    fit(&mut network, state, &settings, pool, &mut on_event, &|| false).expect("it trains");
    // The first steps warm caches and allocator up.
    (network, times.split_off(2))
}

/// The times of embedding `images` images.
fn embed(network: &Network, images: usize, repetitions: usize, pool: &Pool) -> Vec<f64> {
    let (pixels, embedder) = (pool.images(images, 7), network.embedder());
    let once = |_| {
        let start = Instant::now();
        std::hint::black_box(embedder.embed(&pixels));
        start.elapsed().as_secs_f64() * 1e3
    };
    (0..repetitions + 2).map(once).skip(2).collect()
}

fn main() {
    let wish: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let by_operation = std::env::args().any(|argument| argument == "--by-operation");
    let wanted = |case: &str| wish.is_empty() || wish.iter().any(|part| case.contains(part.as_str()));
    let pool = Pool::new();
    if wanted("train-80 embed-256") {
        let (network, times) = train(&tutorial(), STEPS, &Drawn(&pool, 80));
        report("train-80", 80.0, times);
        report("embed-256", 256.0, embed(&network, 256, EMBEDDINGS, &pool));
    }
    if wanted("draw-80") {
        let draw = |step| {
            let start = Instant::now();
            std::hint::black_box(Drawn(&pool, 80).training(0, step));
            start.elapsed().as_secs_f64() * 1e3
        };
        report("draw-80", 80.0, (0..200).map(draw).collect());
    }
    let small = serde_json::json!({ "resnet18": { "stem": "cifar" } });
    let networks = [
        ("pairs-relu", pairs("relu", [64, 128, 256])),
        ("pairs-gelu", pairs("gelu", [64, 128, 256])),
        ("resnet9", preset(serde_json::json!("resnet9"))),
        ("resnet18", preset(small.clone())),
    ];
    for (name, layers) in networks {
        let (step, embeddings) = (format!("{name}-train-80"), format!("{name}-embed-128"));
        if wanted(&step) || wanted(&embeddings) {
            let (network, times) = train(&layers, SHORT, &Drawn(&pool, 80));
            report(&step, 80.0, times);
            report(&embeddings, 128.0, embed(&network, 128, SHORT_EMBEDDINGS, &pool));
        }
    }
    let large = [
        ("narrow", pairs("gelu", [32, 64, 128]), 500),
        ("mid", pairs("gelu", [64, 128, 256]), 500),
        ("resnet18-32", preset(small), 128),
    ];
    for (name, layers, batch) in large {
        let case = format!("{name}-train-{batch}");
        if wanted(&case) {
            let times = train(&layers, SHORT, &Drawn(&pool, batch)).1;
            if by_operation {
                profile::start();
                let mut times = train(&layers, SHORT, &Drawn(&pool, batch)).1;
                times.sort_by(f64::total_cmp);
                report_operations(&case, SHORT, profile::stop(), times[times.len() / 2]);
            }
            #[expect(clippy::cast_precision_loss, reason = "a batch has far fewer than 2^52 images")]
            report(&case, batch as f64, times);
        }
    }
}
