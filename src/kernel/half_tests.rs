//! Convolutions in bfloat16 against sums in `f64` of the rounded numbers, on 1, 2 and 3 threads.
use super::*;
use crate::bfloat16::{rounded, widened};
use crate::reference::{self, Rng, error, in_pool};

fn in_bf16(shape: ConvShape) -> ConvShape {
    ConvShape { numerics: Numerics::Bf16, ..shape }
}

/// As the kernels see numbers.
fn seen(values: &[f32]) -> Vec<f32> {
    values.iter().map(|v| widened(rounded(*v))).collect()
}

/// Output, statistics and gradients of input, weights and bias.
type Parts = (Vec<f32>, BatchStats, Vec<f32>, Vec<f32>, Vec<f32>);

fn computed(shape: &ConvShape, relu: bool, [x, w, b, dy]: [&[f32]; 4]) -> Parts {
    let mut y = vec![f32::NAN; shape.y_len()];
    let stats = conv2d_forward_stats(shape, x, w, b, relu, &mut y);
    let (mut dx, mut dw, mut db) = (vec![f32::NAN; x.len()], vec![f32::NAN; w.len()], vec![f32::NAN; b.len()]);
    let mask = relu.then_some(&y[..]);
    conv2d_backward(shape, x, w, mask, dy, ConvGrads { dx: Some(&mut dx), dw: &mut dw, db: &mut db });
    let (mut dw2, mut db2) = (vec![f32::NAN; w.len()], vec![f32::NAN; b.len()]);
    conv2d_backward(shape, x, w, mask, dy, ConvGrads { dx: None, dw: &mut dw2, db: &mut db2 });
    assert!(dw == dw2 && db == db2, "skipping dx changes nothing else");
    (y, stats, dx, dw, db)
}

/// Errors of output, input, weight and bias gradient against the reference of rounded numbers.
fn one(shape: &ConvShape, relu: bool, seed: u64) -> [f64; 4] {
    assert!(half_conv::applies(shape), "{shape:?}");
    let mut rng = Rng::new(seed);
    let (x, w, b) = (rng.normal(shape.x_len()), rng.normal(shape.w_len()), rng.normal(shape.c_out));
    let dy = rng.normal(shape.y_len());
    let run = || computed(shape, relu, [&x, &w, &b, &dy]);
    let found = in_pool(2, run);
    assert!(found == in_pool(1, run) && found == in_pool(3, run), "bytes differ: {shape:?}");
    let (y, stats, dx, dw, db) = found;
    let (x, w) = (seen(&x), seen(&w));
    let wanted = reference::conv_forward(shape, &x, &w, &b, relu);
    let masked: Vec<f32> = dy.iter().zip(&y).map(|(dy, y)| if relu && *y <= 0.0 { 0.0 } else { *dy }).collect();
    let (rx, rw, _) = reference::conv_backward(shape, &x, &w, None, &seen(&masked));
    let (_, _, rb) = reference::conv_backward(shape, &x, &w, None, &masked);
    let ones = vec![1.0; shape.c_out];
    let norm = reference::batch_norm(&y, &ones, &ones, 1e-3, &y);
    assert!(error(&stats.mean, &norm.mean) < 1e-5 && error(&stats.var, &norm.var) < 1e-5, "{shape:?}");
    let errors = [error(&y, &wanted), error(&dx, &rx), error(&dw, &rw), error(&db, &rb)];
    assert!(errors.iter().all(|e| *e < 1e-5), "{errors:?} {shape:?}");
    errors
}

#[test]
fn sums_of_products_of_bfloat16_match_f64() {
    let mut rng = Rng::new(41);
    let mut worst = [0.0f64; 4];
    for i in 0..90 {
        let kernel = [1 + rng.below(4), 1 + rng.below(4)];
        let (n, h, w) = (1 + rng.below(9), kernel[0] + rng.below(12), kernel[1] + rng.below(22));
        let input = [n, h, w, 16 + rng.below(60)];
        let c_out = 16 + rng.below(60);
        let mut shape = ConvShape::valid(input, kernel, c_out);
        match i % 3 {
            0 => shape.stride = [1 + rng.below(3), 1 + rng.below(3)],
            1 => shape = ConvShape::same(input, kernel, c_out, [1 + rng.below(2), 1 + rng.below(2)]),
            _ => shape.pad = [0, 1, 0, 1].map(|axis| rng.below(kernel[axis])),
        }
        let found = one(&in_bf16(shape), i % 2 == 0, i as u64);
        worst.iter_mut().zip(found).for_each(|(worst, e)| *worst = worst.max(e));
    }
    let worst = worst.map(|e| format!("{e:.1e}")).join(" ");
    println!("bfloat16 by {:?}, worst error (y, dx, dw, db): {worst}", crate::bf16_unit());
}

/// Those of the networks that are timed: maps of one pixel and of many, whole images and bands of one.
#[test]
fn shapes_of_networks_match_f64() {
    let same =
        |n, side, c_in, k, c_out, stride: usize| ConvShape::same([n, side, side, c_in], [k, k], c_out, [stride; 2]);
    let shapes = [
        same(40, 1, 64, 1, 32, 1),
        same(33, 3, 40, 3, 48, 1),
        same(9, 7, 32, 3, 64, 1),
        same(2, 31, 24, 3, 32, 1),
        same(1, 56, 16, 3, 16, 1),
        same(2, 28, 32, 3, 64, 2),
        same(3, 15, 64, 1, 128, 2),
        same(1, 40, 16, 7, 32, 2),
        same(2, 20, 96, 1, 24, 1),
    ];
    for (i, shape) in shapes.into_iter().enumerate() {
        one(&in_bf16(shape), i % 2 == 1, 100 + i as u64);
    }
}

/// It is bfloat16 that is computed: the reference of the numbers themselves is farther away than rounding in `f32` could bring it.
#[test]
fn numbers_are_rounded_before_they_are_multiplied() {
    let shape = in_bf16(ConvShape::same([2, 9, 9, 32], [3, 3], 32, [1, 1]));
    let mut rng = Rng::new(8);
    let (x, w, b) = (rng.normal(shape.x_len()), rng.normal(shape.w_len()), rng.normal(32));
    let dy = rng.normal(shape.y_len());
    let (y, _, dx, dw, _) = computed(&shape, false, [&x, &w, &b, &dy]);
    let wanted = reference::conv_forward(&shape, &x, &w, &b, false);
    let (rx, rw, _) = reference::conv_backward(&shape, &x, &w, None, &dy);
    for e in [error(&y, &wanted), error(&dx, &rx), error(&dw, &rw)] {
        assert!((1e-4..2e-2).contains(&e), "{e}");
    }
}

#[test]
fn few_channels_stay_in_single_precision() {
    for (c_in, c_out) in [(3, 32), (32, 10)] {
        let shape = ConvShape::same([2, 9, 9, c_in], [3, 3], c_out, [1, 1]);
        let mut rng = Rng::new(9);
        let (x, w, b) = (rng.normal(shape.x_len()), rng.normal(shape.w_len()), rng.normal(c_out));
        let dy = rng.normal(shape.y_len());
        let exact = computed(&ConvShape { numerics: Numerics::Exact, ..shape }, true, [&x, &w, &b, &dy]);
        assert!(computed(&in_bf16(shape), true, [&x, &w, &b, &dy]) == exact);
    }
}

/// What training and embedding do to the output, one by one and as one.
#[test]
fn what_follows_is_that_of_the_map() {
    let mut rng = Rng::new(13);
    for case in 0..12 {
        let shape = in_bf16(ConvShape::same([3, 8 + case, 12, 20], [3, 3], 40, [1, 1]));
        let (x, w, b) = (rng.normal(shape.x_len()), rng.normal(shape.w_len()), rng.normal(40));
        let mut map = vec![f32::NAN; shape.y_len()];
        conv2d_forward(&shape, &x, &w, &b, false, &mut map);
        let weights = ConvWeights::new(&shape, &w, &b);
        let (add, mut found) = (rng.normal(map.len()), map.clone());
        for (add, after) in [(None, After::Gelu), (Some(&add[..]), After::Relu), (Some(&add[..]), After::Nothing)] {
            let mut wanted = map.clone();
            finish_map(None, after, add, &mut wanted);
            weights.forward_after(shape.n, &x, after, add, &mut found);
            assert!(found == wanted, "{after:?}");
        }
        let pool = PoolShape { n: 3, h: 8 + case, w: 12, c: 40, k: 2 };
        let (mut y, mut places) = (vec![f32::NAN; pool.y_len()], vec![0; pool.y_len()]);
        crate::conv2d_max_pool_forward(&shape, &x, &w, &b, false, 2, &mut y, &mut places);
        let (mut wanted, mut wanted_places) = (y.clone(), places.clone());
        crate::max_pool_forward(&pool, &map, &mut wanted, &mut wanted_places);
        assert!(y == wanted && places == wanted_places);
        // The gradient of the maxima is that of the map with zeros elsewhere.
        let dz = rng.normal(y.len());
        let mut dy = map.clone();
        max_pool_backward(&pool, &dz, &places, &mut dy);
        let new = || (vec![f32::NAN; x.len()], vec![f32::NAN; w.len()], vec![f32::NAN; 40]);
        let (mut one, mut other) = (new(), new());
        let grad = OutputGrad { dy: &dz, relu: false, norm: None, pool: Some((2, &places[..])) };
        let into = ConvGrads { dx: Some(&mut one.0), dw: &mut one.1, db: &mut one.2 };
        conv2d_backward_pooled(&shape, &x, &w, &grad, into);
        let into = ConvGrads { dx: Some(&mut other.0), dw: &mut other.1, db: &mut other.2 };
        conv2d_backward(&shape, &x, &w, None, &dy, into);
        assert!(one == other);
    }
}

/// Each way of computing products, in a process of its own because the choice is made once.
#[test]
fn vectors_and_plain_code_agree() {
    for set in ["avx512", "portable"] {
        let mut child = std::process::Command::new(std::env::current_exe().unwrap());
        child.args([
            "--exact",
            "conv::half_tests::shapes_of_networks_match_f64",
            "conv::half_tests::numbers_are_rounded_before_they_are_multiplied",
            "conv::half_tests::what_follows_is_that_of_the_map",
            "half::tests::numbers_are_rounded_to_the_nearest_even",
            "half::tests::rows_are_paired_and_turned",
            "half::tests::rows_are_scattered_to_their_pixels",
            "half_tiles::tests::a_block_is_the_sums_of_its_products",
        ]);
        let output = child.env("SIMPIPE_SIMD", set).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains("7 passed"), "{set}: {text}");
    }
}
