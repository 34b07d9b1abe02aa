//! Every operation of the tutorial's training step at batch 80, forward and backward, as the step runs it: the profile in
//! `docs/concepts/performance.md`. With `-- narrow` or `-- mid` those of a step of 500 of a network of three pairs of convolutions, each
//! with a pool between its first convolution and that one's normalisation, and `gelu`. Prints one JSON line an operation.
//!
//! `cargo bench -p simpipe-benches --bench ops`

use std::time::Instant;

use simpipe_kernel::{
    Act, AdamStep, BatchStats, ConvActGrads, ConvGrads, ConvShape, Norm, OutputGrad, PoolShape, TailGrads, adam_update,
    batch_norm_forward, batch_norm_gradient, batch_norm_max_pool_forward, batch_norm_slopes, batch_norm_tail_forward,
    batch_norm_tail_slopes, batch_stats, conv2d_act_backward, conv2d_act_forward, conv2d_backward,
    conv2d_backward_fused, conv2d_backward_pooled, conv2d_forward, conv2d_forward_stats, conv2d_max_pool_forward,
    global_max_pool_backward, global_max_pool_forward,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const BATCH: usize = 80;
const REPETITIONS: usize = 12;
const EPSILON: f32 = 1e-3;

/// Numbers between -0.5 and 0.5.
fn numbers(count: usize) -> Vec<f32> {
    (0..count).map(|at| ((at * 7919 + at / 64) % 1009) as f32 / 1009.0 - 0.5).collect()
}

/// Prints the least time of some repetitions, with the speed of `flops` floating-point operations of direct convolution.
fn measure(case: &str, flops: usize, mut call: impl FnMut()) {
    let mut times: Vec<f64> = (0..REPETITIONS)
        .map(|_| {
            let start = Instant::now();
            call();
            start.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    times.sort_by(f64::total_cmp);
    let gflops = flops as f64 / times[0] / 1e6;
    let line = serde_json::json!({
        "case": case, "min_ms": times[0], "median_ms": times[REPETITIONS / 2], "gflops": gflops,
    });
    #[expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]
    {
        println!("{line}");
    }
}

/// A convolution with relu, batch normalisation and perhaps a pool of 4, as one operation of the step.
fn normalised(name: &str, shape: ConvShape, pool: Option<usize>, needs_dx: bool) {
    let (x, w, c) = (numbers(shape.x_len()), numbers(shape.w_len()), shape.c_out);
    let (bias, gamma, beta) = (numbers(c), numbers(c), numbers(c));
    let mut map = vec![0.0; shape.y_len()];
    let flops = 2 * shape.y_len() * shape.w_len() / c;
    let mut stats = BatchStats { mean: vec![0.0; c], var: vec![1.0; c], rows: 1 };
    measure(&format!("{name}-forward"), flops, || {
        stats = conv2d_forward_stats(&shape, &x, &w, &bias, true, &mut map);
    });
    let [h, width] = shape.out();
    let windows = PoolShape { n: shape.n, h, w: width, c, k: pool.unwrap_or(1) };
    let (mut y, mut picked, mut from) = (numbers(windows.y_len()), numbers(windows.y_len()), vec![0; windows.y_len()]);
    measure(&format!("{name}-normalise"), 0, || match pool {
        Some(_) => {
            let to = (&mut y, &mut picked, &mut from);
            batch_norm_max_pool_forward(&windows, &map, &stats, &gamma, &beta, EPSILON, to.0, to.1, to.2);
        }
        None => batch_norm_forward(&map, &stats, &gamma, &beta, EPSILON, &mut y),
    });
    let dy = numbers(windows.y_len());
    let (mut dx, mut dw, mut db) = (vec![0.0; x.len()], vec![0.0; w.len()], vec![0.0; c]);
    let (mut dgamma, mut dbeta) = (vec![0.0; c], vec![0.0; c]);
    let seen = if pool.is_some() { picked } else { map.clone() };
    measure(&format!("{name}-backward"), if needs_dx { 2 * flops } else { flops }, || {
        let slopes = batch_norm_slopes(&seen, &stats, &gamma, EPSILON, &dy, &mut dgamma, &mut dbeta);
        let grad = OutputGrad { dy: &dy, relu: true, norm: Some(&slopes), pool: pool.map(|k| (k, &from[..])) };
        let into = ConvGrads { dx: needs_dx.then_some(&mut dx[..]), dw: &mut dw, db: &mut db };
        conv2d_backward_fused(&shape, &x, &w, &map, &grad, into);
    });
}

/// The last convolution, with the pool over its whole map.
fn last(name: &str, shape: ConvShape) {
    let (x, w, c) = (numbers(shape.x_len()), numbers(shape.w_len()), shape.c_out);
    let (bias, mut map) = (numbers(c), vec![0.0; shape.y_len()]);
    let flops = 2 * shape.y_len() * shape.w_len() / c;
    measure(&format!("{name}-forward"), flops, || conv2d_forward(&shape, &x, &w, &bias, true, &mut map));
    let pixels = shape.y_len() / shape.n / c;
    let (mut y, mut from, mut dy) = (vec![0.0; shape.n * c], vec![0; shape.n * c], vec![0.0; map.len()]);
    measure("global-max-pool-forward", 0, || global_max_pool_forward(pixels, c, &map, &mut y, &mut from));
    measure("global-max-pool-backward", 0, || global_max_pool_backward(pixels, c, &y, &from, &mut dy));
    let (mut dx, mut dw, mut db) = (vec![0.0; x.len()], vec![0.0; w.len()], vec![0.0; c]);
    measure(&format!("{name}-backward"), 2 * flops, || {
        let into = ConvGrads { dx: Some(&mut dx), dw: &mut dw, db: &mut db };
        conv2d_backward(&shape, &x, &w, Some(&map), &dy, into);
    });
}

/// The first convolution of 2 x 2 with the `gelu` behind it.
fn activated(name: &str, shape: ConvShape) {
    let (x, w, bias) = (numbers(shape.x_len()), numbers(shape.w_len()), numbers(shape.c_out));
    let (mut y, dy) = (numbers(shape.y_len()), numbers(shape.y_len()));
    let flops = 2 * shape.y_len() * shape.w_len() / shape.c_out;
    measure(&format!("{name}-forward"), flops, || conv2d_act_forward(&shape, &x, &w, &bias, Act::Gelu, &mut y));
    let (mut dw, mut db) = (w.clone(), bias.clone());
    measure(&format!("{name}-backward"), flops, || {
        let into = ConvActGrads { dx: None, dw: Some(&mut dw), db: Some(&mut db) };
        conv2d_act_backward(&shape, &x, &w, &bias, Act::Gelu, &dy, into);
    });
}

/// A convolution with a pool of 2, and the normalisation and `gelu` behind that.
fn pooled(name: &str, shape: ConvShape) {
    let (x, w, c) = (numbers(shape.x_len()), numbers(shape.w_len()), shape.c_out);
    let (bias, [h, width]) = (vec![0.0; c], shape.out());
    let windows = PoolShape { n: shape.n, h, w: width, c, k: 2 };
    let (mut y, mut from) = (numbers(windows.y_len()), vec![0; windows.y_len()]);
    let flops = 2 * shape.y_len() * shape.w_len() / c;
    measure(&format!("{name}-forward"), flops, || {
        conv2d_max_pool_forward(&shape, &x, &w, &bias, false, 2, &mut y, &mut from);
    });
    let dy = smooth(name, &y, c, true);
    let (mut dx, mut dw, mut db) = (x.clone(), w.clone(), bias.clone());
    measure(&format!("{name}-backward"), 2 * flops, || {
        let grad = OutputGrad { dy: &dy, relu: false, norm: None, pool: Some((2, &from)) };
        let into = ConvGrads { dx: Some(&mut dx), dw: &mut dw, db: &mut db };
        conv2d_backward_pooled(&shape, &x, &w, &grad, into);
    });
}

/// A normalisation of a map and the `gelu` behind it; gives the gradient in front of it, or of the `gelu` alone.
fn smooth(name: &str, map: &[f32], c: usize, whole: bool) -> Vec<f32> {
    let (gamma, beta) = (vec![1.0; c], vec![0.0; c]);
    let mut stats = batch_stats(map, c);
    if whole {
        measure(&format!("{name}-statistics"), 0, || stats = batch_stats(map, c));
    }
    let norm = Norm { stats: &stats, gamma: &gamma, beta: &beta, eps: EPSILON };
    let (mut y, dy, mut inner, mut dx) = (map.to_vec(), map.to_vec(), map.to_vec(), map.to_vec());
    measure(&format!("{name}-normalise"), 0, || batch_norm_tail_forward(map, &norm, Act::Gelu, None, &mut y));
    let (mut dgamma, mut dbeta) = (gamma.clone(), gamma.clone());
    measure(&format!("{name}-normalise-backward"), 0, || {
        let into = TailGrads { sum: None, act: Some(&mut inner) };
        let slopes = batch_norm_tail_slopes(map, &norm, Act::Gelu, into, &dy, &mut dgamma, &mut dbeta);
        if whole {
            batch_norm_gradient(map, &slopes, &inner, &mut dx);
        }
    });
    if whole { dx } else { inner }
}

/// A convolution that leaves its statistics, and the normalisation and `gelu` behind it.
fn whole(name: &str, shape: ConvShape) {
    let (x, w, c) = (numbers(shape.x_len()), numbers(shape.w_len()), shape.c_out);
    let (bias, mut map) = (vec![0.0; c], vec![0.0; shape.y_len()]);
    let flops = 2 * shape.y_len() * shape.w_len() / c;
    let mut stats = BatchStats { mean: vec![0.0; c], var: vec![1.0; c], rows: 1 };
    measure(&format!("{name}-forward"), flops, || {
        stats = conv2d_forward_stats(&shape, &x, &w, &bias, false, &mut map);
    });
    let dy = smooth(name, &map, c, false);
    let slopes = batch_norm_slopes(&map, &stats, &vec![1.0; c], EPSILON, &dy, &mut vec![0.0; c], &mut vec![0.0; c]);
    let (mut dx, mut dw, mut db) = (x.clone(), w.clone(), bias.clone());
    measure(&format!("{name}-backward"), 2 * flops, || {
        let grad = OutputGrad { dy: &dy, relu: false, norm: Some(&slopes), pool: None };
        let into = ConvGrads { dx: Some(&mut dx), dw: &mut dw, db: &mut db };
        conv2d_backward_fused(&shape, &x, &w, &map, &grad, into);
    });
}

/// The network of three pairs of convolutions of these many filters.
fn pairs(widths: [usize; 3]) {
    activated("conv1", ConvShape::valid([500, 32, 32, 3], [2, 2], 24));
    let (mut side, mut channels) = (31, 24);
    for (at, filters) in widths.into_iter().enumerate() {
        let same = |side, channels| ConvShape::same([500, side, side, channels], [3, 3], filters, [1, 1]);
        pooled(&format!("conv{}", 2 + 2 * at), same(side, channels));
        side /= 2;
        whole(&format!("conv{}", 3 + 2 * at), same(side, filters));
        channels = filters;
    }
}

fn main() {
    let wanted = |name: &str| std::env::args().any(|argument| argument == name);
    if wanted("narrow") || wanted("mid") {
        return pairs(if wanted("mid") { [64, 128, 256] } else { [32, 64, 128] });
    }
    let bytes: Vec<u8> = (0..BATCH * 32 * 32 * 3).map(|at| u8::try_from(at * 7919 % 256).expect("below 256")).collect();
    measure("bytes-to-floats", 0, || {
        std::hint::black_box(bytes.iter().map(|&byte| f32::from(byte)).collect::<Vec<f32>>());
    });
    normalised("conv1", ConvShape::valid([BATCH, 32, 32, 3], [3, 3], 64), None, false);
    normalised("conv2", ConvShape::valid([BATCH, 30, 30, 64], [3, 3], 128), Some(4), true);
    normalised("conv3", ConvShape::valid([BATCH, 7, 7, 128], [3, 3], 256), None, true);
    last("conv4", ConvShape::valid([BATCH, 5, 5, 256], [3, 3], 256));
    let weights = 1_027_584;
    let (mut value, gradient) = (numbers(weights), numbers(weights));
    let (mut first, mut second) = (numbers(weights), vec![0.1; weights]);
    let rule = AdamStep { lr: 0.002, beta1: 0.9, beta2: 0.999, eps: 1e-7, step: 10 };
    measure("adam", 0, || adam_update(&rule, &mut value, &gradient, &mut first, &mut second));
}
