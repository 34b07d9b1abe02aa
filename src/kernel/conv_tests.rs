//! Convolutions against the f64 reference, and the same bytes on 1, 2 and 3 threads.
use super::*;
use crate::batch_norm::{BatchNormGrads, batch_norm_backward, batch_norm_slopes};
use crate::bn_pool::{batch_norm_max_pool_backward, batch_norm_max_pool_forward};
use crate::reference::{self, Rng, error, in_pool};

/// Worst error of output, input, weight and bias gradient.
fn one(shape: &ConvShape, relu: bool, seed: u64) -> [f64; 4] {
    let mut rng = Rng::new(seed);
    let (x, w, b) = (rng.normal(shape.x_len()), rng.normal(shape.w_len()), rng.normal(shape.c_out));
    let dy = rng.normal(shape.y_len());
    let run = || {
        let mut y = vec![f32::NAN; shape.y_len()];
        conv2d_forward(shape, &x, &w, &b, relu, &mut y);
        let (mut dx, mut dw, mut db) = (vec![f32::NAN; x.len()], vec![f32::NAN; w.len()], vec![f32::NAN; b.len()]);
        let mask = relu.then_some(&y[..]);
        conv2d_backward(shape, &x, &w, mask, &dy, ConvGrads { dx: Some(&mut dx), dw: &mut dw, db: &mut db });
        let (mut dw2, mut db2) = (dw.clone(), db.clone());
        conv2d_backward(shape, &x, &w, mask, &dy, ConvGrads { dx: None, dw: &mut dw2, db: &mut db2 });
        assert_eq!((&dw, &db), (&dw2, &db2), "skipping dx changes nothing else");
        (y, dx, dw, db)
    };
    let (y, dx, dw, db) = in_pool(2, run);
    for threads in [1, 3] {
        assert!(
            (y.clone(), dx.clone(), dw.clone(), db.clone()) == in_pool(threads, run),
            "bytes differ on {threads} threads: {shape:?}"
        );
    }
    let want = reference::conv_forward(shape, &x, &w, &b, relu);
    with_stats(shape, &x, &w, &b, relu, &y);
    through_norm(shape, &x, &w, relu, &y);
    // The mask of our own output, so that values near zero do not count as errors.
    let (rx, rw, rb) = reference::conv_backward(shape, &x, &w, relu.then_some(&y[..]), &dy);
    let e = [error(&y, &want), error(&dx, &rx), error(&dw, &rw), error(&db, &rb)];
    assert!(e.iter().all(|e| *e < 1e-4), "{e:?} {shape:?}");
    e
}

/// The statistics from the convolution itself, and the fused max-pool, against those of the map.
fn with_stats(shape: &ConvShape, x: &[f32], w: &[f32], b: &[f32], relu: bool, y: &[f32]) {
    let wide: Vec<f64> = y.iter().map(|v| f64::from(*v)).collect();
    let mut y2 = vec![f32::NAN; y.len()];
    let run = |y: &mut [f32]| conv2d_forward_stats(shape, x, w, b, relu, y);
    let stats = in_pool(2, || run(&mut y2));
    assert!(y2 == y && stats == in_pool(3, || run(&mut y2)) && stats == in_pool(1, || run(&mut y2)));
    let rows = y.len() / shape.c_out;
    let one = vec![1.0; shape.c_out];
    let want = reference::batch_norm(y, &one, &one, 1e-3, y);
    assert!(
        stats.rows == rows && error(&stats.mean, &want.mean) < 1e-5 && error(&stats.var, &want.var) < 1e-5,
        "{shape:?}"
    );
    let [h, wd] = shape.out();
    let (scale, offset) = (Rng::new(1).normal(shape.c_out), Rng::new(2).normal(shape.c_out));
    for k in 1..=4 {
        let pool = PoolShape { n: shape.n, h, w: wd, c: shape.c_out, k };
        let z: Vec<f64> = wide
            .iter()
            .enumerate()
            .map(|(i, v)| v * f64::from(scale[i % shape.c_out]) + f64::from(offset[i % shape.c_out]))
            .collect();
        let mut got = vec![f32::NAN; pool.y_len()];
        ConvWeights::new(shape, w, b).forward_pool(shape.n, x, relu, &scale, &offset, k, &mut got);
        assert!(error(&got, &reference::max_pool(&pool, &z).0) < 1e-5, "{shape:?} {k}");
    }
}

/// The fused backward through batch normalisation and max-pool, against the same in steps.
fn through_norm(shape: &ConvShape, x: &[f32], w: &[f32], relu: bool, y: &[f32]) {
    let (c, [h, wd]) = (shape.c_out, shape.out());
    let stats = batch_stats(y, c);
    let mut rng = Rng::new(9);
    let (gamma, beta) = (rng.normal(c), rng.normal(c));
    for k in 0..=5 {
        // 0: no pool.
        let pool = PoolShape { n: shape.n, h, w: wd, c, k: k.max(1) };
        let dz = rng.normal(pool.y_len());
        let (mut z, mut picked, mut arg) = (dz.clone(), dz.clone(), vec![0u8; dz.len()]);
        let (mut dy, mut dgamma, mut dbeta) = (vec![0.0; y.len()], gamma.clone(), gamma.clone());
        let grads = BatchNormGrads { dx: &mut dy, dgamma: &mut dgamma, dbeta: &mut dbeta };
        let slopes = if k == 0 {
            batch_norm_backward(y, &stats, &gamma, 1e-3, &dz, grads);
            batch_norm_slopes(y, &stats, &gamma, 1e-3, &dz, &mut z[..c], &mut picked[..c])
        } else {
            batch_norm_max_pool_forward(&pool, y, &stats, &gamma, &beta, 1e-3, &mut z, &mut picked, &mut arg);
            batch_norm_max_pool_backward(&pool, y, &stats, &gamma, 1e-3, &picked, &arg, &dz, grads);
            batch_norm_slopes(&picked, &stats, &gamma, 1e-3, &dz, &mut gamma.clone(), &mut beta.clone())
        };
        let new = || (vec![f32::NAN; x.len()], vec![f32::NAN; w.len()], vec![f32::NAN; c]);
        let (mut a, mut b) = (new(), new());
        let mask = relu.then_some(y);
        conv2d_backward(shape, x, w, mask, &dy, ConvGrads { dx: Some(&mut a.0), dw: &mut a.1, db: &mut a.2 });
        let grad = OutputGrad { dy: &dz, relu, norm: Some(&slopes), pool: (k > 0).then_some((k, &arg[..])) };
        conv2d_backward_fused(shape, x, w, y, &grad, ConvGrads { dx: Some(&mut b.0), dw: &mut b.1, db: &mut b.2 });
        // Sums that cancel are measured against their terms.
        let max = |v: &[f32]| v.iter().fold(1e-30f64, |m, v| m.max(f64::from(v.abs())));
        let terms = max(&dy).max(max(&slopes.scale) * max(&dz));
        for (i, (a, b)) in [(&a.0, &b.0), (&a.1, &b.1), (&a.2, &b.2)].into_iter().enumerate() {
            let wide: Vec<f64> = a.iter().map(|v| f64::from(*v)).collect();
            let largest = wide.iter().fold(1e-30f64, |m, v| m.max(v.abs()));
            let e = error(b, &wide) * largest / largest.max(terms);
            assert!(e < 2e-5, "{e} {i} {shape:?} {k}");
        }
    }
}

fn show<const N: usize>(e: [f64; N]) -> String {
    e.map(|e| format!("{e:.1e}")).join(" ")
}

fn worst(cases: impl Iterator<Item = ConvShape>) -> [f64; 4] {
    let mut worst = [0.0f64; 4];
    for (i, shape) in cases.enumerate() {
        let e = one(&shape, i % 3 != 0, i as u64);
        worst.iter_mut().zip(e).for_each(|(w, e)| *w = w.max(e));
    }
    worst
}

#[test]
fn winograd_matches_f64() {
    let mut rng = Rng::new(1);
    let e = worst((0..60).map(|i| {
        let (n, h, w) = (1 + rng.below(4), 3 + rng.below(10), 3 + rng.below(10));
        let (c_in, c_out) = (16 + rng.below(70), 16 + rng.below(120));
        let mut s = ConvShape::valid([n, h, w, c_in], [3, 3], c_out);
        if i % 2 == 1 {
            s.pad = [rng.below(3), rng.below(3), rng.below(3), rng.below(3)];
        }
        s
    }));
    println!("winograd worst error (y, dx, dw, db): {}", show(e));
}

#[test]
fn direct_matches_f64() {
    let mut rng = Rng::new(2);
    let e = worst((0..150).map(|i| {
        let kernel = [1 + rng.below(5), 1 + rng.below(5)];
        let (n, h, w) = (1 + rng.below(4), kernel[0] + rng.below(9), kernel[1] + rng.below(9));
        let (c_in, c_out) = (1 + rng.below(20), 1 + rng.below(90));
        let mut s = ConvShape::valid([n, h, w, c_in], kernel, c_out);
        match i % 3 {
            0 => s.stride = [1 + rng.below(3), 1 + rng.below(3)],
            1 => s = ConvShape::same([n, h, w, c_in], kernel, c_out, [1 + rng.below(3), 1 + rng.below(3)]),
            _ => s.pad = [rng.below(4), rng.below(4), rng.below(4), rng.below(4)],
        }
        s
    }));
    println!("direct worst error (y, dx, dw, db): {}", show(e));
}

#[test]
fn corner_shapes() {
    let v = ConvShape::valid;
    let e = worst(
        [
            v([1, 1, 1, 1], [1, 1], 1),
            v([1, 3, 3, 16], [3, 3], 16),
            v([2, 7, 5, 3], [7, 5], 33),
            v([1, 1, 1, 17], [1, 1], 65),
            v([79, 1, 1, 40], [1, 1], 30),
            ConvShape::same([1, 1, 1, 20], [3, 3], 20, [1, 1]),
            ConvShape::same([3, 2, 1, 1], [3, 3], 1, [2, 2]),
            ConvShape::same([2, 4, 5, 32], [3, 3], 32, [2, 2]),
            v([2, 2, 200, 3], [1, 3], 5),
            v([1, 40, 41, 3], [3, 3], 64),
            v([2, 37, 42, 19], [3, 3], 70),
            ConvShape::same([3, 31, 24, 16], [3, 3], 17, [1, 1]),
            v([9, 3, 4, 40], [3, 3], 24),
        ]
        .into_iter(),
    );
    println!("corner shapes worst error (y, dx, dw, db): {}", show(e));
    // A kernel that does not fit, no images: nothing to do, no panic.
    for s in [v([1, 2, 2, 3], [3, 3], 4), v([0, 5, 5, 3], [3, 3], 4)] {
        let (x, w) = (vec![1.0; s.x_len()], vec![1.0; s.w_len()]);
        conv2d_forward(&s, &x, &w, &[0.0; 4], true, &mut []);
        let (mut dx, mut dw, mut db) = (vec![1.0; x.len()], vec![1.0; w.len()], [1.0; 4]);
        conv2d_backward(&s, &x, &w, None, &[], ConvGrads { dx: Some(&mut dx), dw: &mut dw, db: &mut db });
        assert!(dx.iter().chain(&dw).chain(&db).all(|v| *v == 0.0));
    }
}

/// Every way to compute a convolution, in so few sums that an interpreter can do them.
#[test]
fn the_smallest_maps() {
    let v = ConvShape::valid;
    let e = worst(
        [
            v([1, 1, 1, 1], [1, 1], 1),
            v([1, 3, 3, 16], [3, 3], 16),
            v([1, 4, 5, 16], [3, 3], 17),
            v([2, 3, 4, 3], [2, 3], 5),
            ConvShape::same([2, 2, 3, 2], [3, 3], 3, [2, 2]),
            ConvShape::same([1, 2, 2, 16], [3, 3], 16, [1, 1]),
        ]
        .into_iter(),
    );
    println!("the smallest maps, worst error (y, dx, dw, db): {}", show(e));
}

/// The tutorial's own layers on inputs like a relu's output, with weights as at the start of training: the largest error relative to the
/// largest value, and the root mean square of both, of output, input and weight gradient.
#[test]
fn tutorial_layers() {
    for (h, c_in, c_out) in [(32, 3, 64), (30, 64, 128), (7, 128, 256), (5, 256, 256)] {
        let s = ConvShape::valid([3, h, h, c_in], [3, 3], c_out);
        let mut rng = Rng::new(h as u64);
        let limit = (6.0 / (9 * (c_in + c_out)) as f32).sqrt();
        let x: Vec<f32> = rng.normal(s.x_len()).iter().map(|v| v.max(0.0)).collect();
        let w: Vec<f32> = rng.normal(s.w_len()).iter().map(|v| v * limit).collect();
        let (b, dy) = (vec![0.0; c_out], rng.normal(s.y_len()));
        let mut y = vec![f32::NAN; s.y_len()];
        conv2d_forward(&s, &x, &w, &b, true, &mut y);
        let (mut dx, mut dw, mut db) = (x.clone(), w.clone(), b.clone());
        conv2d_backward(&s, &x, &w, Some(&y), &dy, ConvGrads { dx: Some(&mut dx), dw: &mut dw, db: &mut db });
        let want = reference::conv_forward(&s, &x, &w, &b, true);
        let (rx, rw, _) = reference::conv_backward(&s, &x, &w, Some(&y), &dy);
        let each = [(&y, &want), (&dx, &rx), (&dw, &rw)];
        let (largest, rms) = (each.map(|(g, w)| error(g, w)), each.map(|(g, w)| reference::rms_error(g, w)));
        println!("{h}x{h}x{c_in} -> {c_out}: largest {} rms {}", show(largest), show(rms));
        assert!(largest.iter().chain(&rms).all(|e| *e < 2e-5));
    }
}

/// A NaN must not be hidden by relu: training would go on with garbage.
#[test]
fn nan_stays_visible() {
    for s in [ConvShape::valid([1, 6, 6, 16], [3, 3], 16), ConvShape::valid([1, 6, 6, 3], [3, 3], 16)] {
        let (mut x, w) = (vec![1.0; s.x_len()], vec![1.0; s.w_len()]);
        x[0] = f32::NAN;
        for relu in [false, true] {
            let mut y = vec![0.0; s.y_len()];
            conv2d_forward(&s, &x, &w, &vec![0.0; s.c_out], relu, &mut y);
            assert!(y[0].is_nan());
        }
    }
}

/// The other instruction sets of this CPU, each in a process of its own because the choice is made once.
#[test]
fn every_instruction_set_agrees() {
    let this = std::env::current_exe().unwrap();
    for set in ["avx2", "portable"] {
        let mut child = std::process::Command::new(&this);
        child.args([
            "--exact",
            "conv::tests::corner_shapes",
            "batch_norm::tests::batch_norm_matches_f64",
            "bn_pool::tests::batch_norm_max_pool_matches_f64",
            "act::tests::values_and_slopes_are_right_to_the_last_digits",
            "bn_tail::tests::tails_are_their_operations_one_by_one",
            "bn_tail::tests::a_relu_and_a_pool_are_their_operations_one_by_one",
            "gemm::tests::gemm_matches_f64",
            "conv_act::tests::an_activation_is_that_of_the_map",
            "conv_pool::tests::a_pool_is_that_of_the_map",
            "conv::tests::a_summand_and_a_function_follow_a_convolution",
            "depthwise::tests::outputs_and_gradients_are_those_of_sums_in_f64",
            "product::tests::products_are_those_of_f64_whatever_the_rows_beside_them",
            "attention::tests::attention_is_that_of_f64",
            "layer_norm::tests::rows_are_those_of_f64",
            "window_pool::tests::windows_and_their_gradients_are_those_of_the_definition",
        ]);
        let output = child.env("SIMPIPE_SIMD", set).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains("15 passed"), "{set}: {text}");
    }
}

#[test]
fn a_summand_and_a_function_follow_a_convolution() {
    let mut rng = Rng::new(12);
    for case in 0..24 {
        let k = [1, 3, 7, 2][case % 4];
        let input = [1 + rng.below(3), k + rng.below(12), k + rng.below(12), 1 + rng.below(40)];
        let stride = 1 + rng.below(2);
        let shape = ConvShape::same(input, [k, k], 1 + rng.below(80), [stride; 2]);
        let (x, w, b) = (rng.normal(shape.x_len()), rng.normal(shape.w_len()), rng.normal(shape.c_out));
        let add = rng.normal(shape.y_len());
        let weights = ConvWeights::new(&shape, &w, &b);
        let wanted = reference::conv_forward(&shape, &x, &w, &b, false);
        for (add, after) in
            [(None, After::Relu), (Some(&add[..]), After::Relu), (None, After::Relu6), (Some(&add[..]), After::Nothing)]
        {
            let run = || {
                let mut y = vec![f32::NAN; shape.y_len()];
                weights.forward_after(shape.n, &x, after, add, &mut y);
                y
            };
            let y = in_pool(2, run);
            assert!(in_pool(1, run) == y && in_pool(3, run) == y, "{shape:?}");
            let of = |(at, v): (usize, &f64)| {
                let z = v + add.map_or(0.0, |add| f64::from(add[at]));
                match after {
                    After::Relu => z.max(0.0),
                    After::Relu6 => z.clamp(0.0, 6.0),
                    _ => z,
                }
            };
            let wanted: Vec<f64> = wanted.iter().enumerate().map(of).collect();
            assert!(error(&y, &wanted) < 1e-4, "{shape:?} {after:?}: {}", error(&y, &wanted));
        }
    }
}
