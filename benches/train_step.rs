//! The tutorial's network on synthetic images: one training step of 80 (batch drawn, forward, loss, backward, Adam) and
//! the embeddings of 256 images, and the drawing of a batch alone. Prints one JSON line a case, as the peers' scripts do.
//!
//! `cargo bench --bench train_step`; `RAYON_NUM_THREADS=1` for one thread.

use std::time::Instant;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use simpipe::base::param;
use simpipe::base::seed::Seed;
use simpipe::data::sampler::BatchSampler;
use simpipe::nn::{
    Batch, Batches, FitEvent, FitSettings, FitState, LayerSpec, LossSpec, Network, Optimizer, device, fit,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const STEPS: u64 = 24;
const EMBEDDINGS: usize = 12;

/// The layers of `configs/cifar10.toml`.
fn layers() -> Vec<LayerSpec> {
    let layers = serde_json::json!([
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
    ]);
    param::from_json(&layers).expect("the tutorial's layers")
}

/// Random pixels in a pool of 4,000 images, of which a batch copies 80; the batches are those of CIFAR-10's sampler.
struct Pool {
    pixels: Vec<u8>,
    sampler: BatchSampler,
}

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

impl Batches for Pool {
    fn training(&self, epoch: u64, step: u64) -> Batch {
        let positions = self.sampler.batch(epoch, step);
        let pixels = positions.iter().flat_map(|&at| self.image(at)).copied().collect();
        Batch { pixels, labels: (0..80).map(|at| at / 8).collect(), views: 1 }
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

fn main() {
    let device = device::to_device("flex").expect("flex is always built");
    let seed = Seed::of_stage(1, "train", None);
    let mut network = Network::build(&layers(), [32, 32, 3], seed, &device).expect("the tutorial's shapes");
    let (optimizer, loss) = (serde_json::json!("adam"), serde_json::json!("multi-similarity"));
    let optimizer: Optimizer = param::from_json(&optimizer).expect("an optimiser");
    let loss: LossSpec = param::from_json(&loss).expect("a loss");
    let schedule = simpipe::nn::Schedule::Constant(simpipe::nn::schedule::Constant {});
    let settings = FitSettings { steps_per_epoch: STEPS, ..FitSettings::new(&optimizer, &schedule, &loss, seed) };
    let (pool, mut times, mut last) = (Pool::new(), Vec::new(), Instant::now());
    let mut on_event = |event: FitEvent| {
        if matches!(event, FitEvent::Step { .. }) {
            times.push(last.elapsed().as_secs_f64() * 1e3);
            last = Instant::now();
        }
    };
    let state = FitState::start(&network, &settings);
    fit(&mut network, state, &settings, &pool, &mut on_event, &|| false).expect("it trains");
    // The first steps warm caches and allocator up.
    report("train-80", 80.0, times.split_off(2));

    let pixels = pool.images(256, 7);
    let embedder = network.embedder();
    let embed = |_| {
        let start = Instant::now();
        std::hint::black_box(embedder.embed(&pixels));
        start.elapsed().as_secs_f64() * 1e3
    };
    report("embed-256", 256.0, (0..EMBEDDINGS + 2).map(embed).skip(2).collect());

    let draw = |step| {
        let start = Instant::now();
        std::hint::black_box(pool.training(0, step));
        start.elapsed().as_secs_f64() * 1e3
    };
    report("draw-80", 80.0, (0..200).map(draw).collect());
}
