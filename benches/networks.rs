//! Networks of several kinds on synthetic images: a training step (batch drawn, forward, loss, backward, Adam) and the
//! embeddings of a batch, each the same case as in `benches/peers/networks.py`. Prints one JSON line a case, with the peak of
//! this process's memory: one case a process, to tell one's from another's.
//!
//! `cargo bench -p simpipe-benches --bench networks`; with `-- resnet18-embed` the cases whose name holds that; with `-- --bf16` as
//! products of bfloat16, where the processor has them; `SIMPIPE_BENCH_SECONDS=3` for shorter ones.

use std::time::{Duration, Instant};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde_json::{Value, json};
use simpipe_base::param::{self, Param, View};
use simpipe_base::seed::Seed;
use simpipe_nn::{
    Batch, Batches, FitEvent, FitSettings, FitState, LayerSpec, LossSpec, Network, Numerics, Optimizer, device, fit,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A network: its name, layers, the side of its images, the batch of a step and that of an embedding, 0 for none.
struct Case {
    name: &'static str,
    layers: Value,
    side: usize,
    train: usize,
    embed: usize,
}

fn conv(filters: usize) -> Value {
    json!({ "conv2d": { "filters": filters, "kernel": 3, "activation": "relu" } })
}

/// The layers of `configs/cifar10.toml`.
fn tutorial() -> Value {
    json!([
        "rescale",
        conv(64),
        "batch-norm",
        conv(128),
        "batch-norm",
        { "max-pool": { "size": 4 } },
        conv(256),
        "batch-norm",
        conv(256),
        "global-max-pool",
        { "metric-embedding": { "size": 256 } },
    ])
}

/// A convolution of 2 x 2, then three pairs of convolutions with a pool before the first normalisation of each (after
/// Jordan, 2024, arXiv:2404.00498).
fn pairs(widths: [usize; 3]) -> Value {
    let mut layers = vec![json!("rescale"), json!({ "conv2d": { "filters": 24, "kernel": 2 } }), json!("gelu")];
    for filters in widths {
        let conv = json!({ "conv2d": { "filters": filters, "kernel": 3, "padding": "same", "bias": false } });
        layers.extend([conv.clone(), json!({ "max-pool": { "size": 2 } }), json!("batch-norm"), json!("gelu")]);
        layers.extend([conv, json!("batch-norm"), json!("gelu")]);
    }
    layers.extend([json!("global-max-pool"), json!({ "metric-embedding": { "size": 128 } })]);
    json!(layers)
}

fn preset(preset: &Value) -> Value {
    json!(["rescale", preset, { "metric-embedding": { "size": 128 } }])
}

/// A backbone without its first layer, which would bring images to its size that have it already.
fn backbone(architecture: &str) -> Value {
    let named = json!([{ "backbone": { "architecture": architecture } }]);
    let layers: Vec<LayerSpec> = param::from_json(&named).expect("a backbone");
    let written = layers.write(View::Full);
    let body = written[0]["backbone"]["body"].as_array().expect("its layers");
    let mut layers: Vec<Value> = body.iter().filter(|layer| layer.get("resize").is_none()).cloned().collect();
    layers.push(json!({ "metric-embedding": { "size": 128 } }));
    json!(layers)
}

fn cases() -> Vec<Case> {
    let case = |name, layers, side, train, embed| Case { name, layers, side, train, embed };
    vec![
        case("tutorial", tutorial(), 32, 80, 256),
        case("narrow", pairs([32, 64, 128]), 32, 500, 0),
        case("mid", pairs([64, 128, 256]), 32, 500, 256),
        case("resnet18-32", preset(&json!({ "resnet18": { "stem": "cifar" } })), 32, 128, 0),
        case("resnet18", preset(&json!("resnet18")), 224, 16, 16),
        case("resnet50", preset(&json!("resnet50")), 224, 0, 16),
        case("efficientnet-lite0", backbone("efficientnet-lite0"), 224, 16, 16),
        case("vit-s16", backbone("vit-s16"), 224, 0, 16),
    ]
}

/// Random pixels, of which every step takes a batch, of ten classes.
struct Pool {
    pixels: Vec<u8>,
    image: usize,
    batch: usize,
}

impl Pool {
    fn new(side: usize, batch: usize) -> Self {
        let image = side * side * 3;
        let mut pixels = vec![0; (batch + 64) * image];
        ChaCha8Rng::seed_from_u64(1).fill_bytes(&mut pixels);
        Self { pixels, image, batch }
    }

    fn images(&self, from: usize) -> &[u8] {
        &self.pixels[from * self.image..][..self.batch * self.image]
    }
}

impl Batches for Pool {
    fn training(&self, _: u64, step: u64) -> Batch {
        let labels = (0..self.batch).map(|at| i32::try_from(at % 10).expect("below ten")).collect();
        Batch { pixels: self.images(step as usize % 64).to_vec(), labels, views: 1 }
    }

    fn validation(&self, _: u64) -> Option<Batch> {
        None
    }
}

/// The most memory that this process has had, in MB; 0 where the system does not tell.
fn peak_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()).map_or(0, |kb| kb / 1024)
}

/// What the threads of this process have computed so far, in milliseconds: on a machine that others use too, the time that
/// counts. 0 where the system does not tell.
fn computed_ms() -> f64 {
    let threads = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let texts = threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("schedstat")).ok());
    texts.filter_map(|text| text.split(' ').next()?.parse::<f64>().ok()).sum::<f64>() / 1e6
}

/// A moment, and what had been computed by then.
fn now() -> (Instant, f64) {
    (Instant::now(), computed_ms())
}

/// The time since then, and what was computed in it, in milliseconds.
fn since((start, computed): (Instant, f64)) -> [f64; 2] {
    [start.elapsed().as_secs_f64() * 1e3, computed_ms() - computed]
}

fn report(case: &str, images: usize, numerics: Numerics, times: &[[f64; 2]]) {
    let sorted = |which: usize| {
        let mut times: Vec<f64> = times.iter().map(|time| time[which]).collect();
        times.sort_by(f64::total_cmp);
        times
    };
    let (times, computed) = (sorted(0), sorted(1));
    let (least, median) = (times[0], times[times.len() / 2]);
    let mut line = json!({
        "case": case, "min_ms": least, "median_ms": median, "cpu_ms": computed[0],
        "images_per_s": images as f64 / median * 1e3, "peak_mb": peak_mb(),
        "kernels": simpipe_kernel::instruction_set(), "threads": rayon::current_num_threads(),
    });
    if numerics == Numerics::Bf16 {
        line["numerics"] = json!("bf16");
        line["kernels"] = json!(simpipe_kernel::bf16_unit());
    }
    #[expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]
    {
        println!("{line}");
    }
}

fn network(layers: &Value, side: usize, numerics: Numerics) -> Network {
    let layers: Vec<LayerSpec> = param::from_json(layers).expect("layers");
    let device = device::to_device("flex").expect("flex is always built");
    let network = Network::build(&layers, [side, side, 3], Seed::of_stage(1, "train", None), &device);
    network.expect("shapes that fit").with_numerics(numerics)
}

/// The times of steps, in milliseconds: at least three behind two that warm up, and as many as fit.
fn train(case: &Case, numerics: Numerics, time: Duration) -> Vec<[f64; 2]> {
    let (mut network, pool) = (network(&case.layers, case.side, numerics), Pool::new(case.side, case.train));
    let seed = Seed::of_stage(1, "train", None);
    let optimizer: Optimizer = param::from_json(&json!("adam")).expect("an optimiser");
    let loss: LossSpec = param::from_json(&json!("multi-similarity")).expect("a loss");
    let schedule = simpipe_nn::Schedule::Constant(simpipe_nn::schedule::Constant {});
    let settings = FitSettings { steps_per_epoch: 42, ..FitSettings::new(&optimizer, &schedule, &loss, seed) };
    let (start, mut last) = (Instant::now(), now());
    let times = std::cell::RefCell::new(Vec::new());
    let mut on_event = |event: FitEvent| {
        if matches!(event, FitEvent::Step { .. }) {
            times.borrow_mut().push(since(last));
            last = now();
        }
    };
    let state = FitState::start(&network, &settings);
    let enough = || times.borrow().len() >= 5 && start.elapsed() > time;
    // Stopped early it is an error like any other, and the steps were taken.
    let _ = fit(&mut network, state, &settings, &pool, &mut on_event, &enough);
    times.into_inner().split_off(2)
}

/// The times of embedding one batch, in milliseconds, as those of steps.
fn embed(case: &Case, numerics: Numerics, time: Duration) -> Vec<[f64; 2]> {
    let (network, pool) = (network(&case.layers, case.side, numerics), Pool::new(case.side, case.embed));
    let embedder = network.embedder();
    let (start, mut times) = (Instant::now(), Vec::new());
    while times.len() < 5 || (start.elapsed() < time && times.len() < 42) {
        let start = now();
        std::hint::black_box(embedder.embed_few(pool.images(0)));
        times.push(since(start));
    }
    times.split_off(2)
}

fn main() {
    let wish: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let wanted = |case: &str| wish.is_empty() || wish.iter().any(|part| case.contains(part.as_str()));
    let seconds = std::env::var("SIMPIPE_BENCH_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(8.0);
    let time = Duration::from_secs_f64(seconds);
    let bf16 = std::env::args().any(|argument| argument == "--bf16");
    if bf16 && simpipe_kernel::bf16_unit().is_none() {
        return;
    }
    let numerics = if bf16 { Numerics::Bf16 } else { Numerics::Fast };
    for case in cases() {
        let (step, vectors) =
            (format!("{}-train-{}", case.name, case.train), format!("{}-embed-{}", case.name, case.embed));
        if case.train > 0 && wanted(&step) {
            report(&step, case.train, numerics, &train(&case, numerics, time));
        }
        if case.embed > 0 && wanted(&vectors) {
            report(&vectors, case.embed, numerics, &embed(&case, numerics, time));
        }
    }
}
