//! The CPU kernels against burn's own operations on random shapes: outputs and every gradient.

use burn::tensor::{Device, Tensor, TensorData};
use rand::{Rng, RngExt};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use super::{Act, ConvGeometry, Epilogue, Numerics, Shortcut, Tail, TrainedNorm, stock};
use crate::ops;

/// Largest error relative to the largest value; Winograd's transforms cost about two digits of `f32`.
const TOLERANCE: f32 = 1e-4;

fn device() -> Device {
    Device::flex().autodiff()
}

fn random<const D: usize>(rng: &mut ChaCha8Rng, shape: [usize; D]) -> Tensor<D> {
    let count = shape.iter().product();
    let values: Vec<f32> = (0..count).map(|_| rng.random::<f32>() * 2.0 - 1.0).collect();
    Tensor::from_data(TensorData::new(values, shape), &device())
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_into_vec().unwrap()
}

fn assert_near(what: &str, found: &[f32], expected: &[f32]) {
    assert_near_of(what, found, expected, 1e-3);
}

/// As [`assert_near`], relative to `least` where all values are smaller.
fn assert_near_of(what: &str, found: &[f32], expected: &[f32], least: f32) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let scale = expected.iter().fold(least, |largest, value| largest.max(value.abs()));
    let error = found.iter().zip(expected).fold(0f32, |largest, (a, b)| largest.max((a - b).abs())) / scale;
    assert!(error < TOLERANCE, "{what}: relative error {error}");
}

/// Outputs and gradients of the inputs, for a random gradient of the output.
fn run<const N: usize>(
    rng: &mut ChaCha8Rng,
    inputs: [&Tensor<4>; N],
    vectors: &[&Tensor<1>],
    f: &dyn Fn(&[Tensor<4>], &[Tensor<1>]) -> Tensor<4>,
) -> Vec<Vec<f32>> {
    let inputs: Vec<Tensor<4>> = inputs.iter().map(|input| (*input).clone().detach().require_grad()).collect();
    let vectors: Vec<Tensor<1>> = vectors.iter().map(|vector| (*vector).clone().detach().require_grad()).collect();
    let y = f(&inputs, &vectors);
    let direction = random(rng, y.dims());
    let gradients = (y.clone() * direction).sum().backward();
    let mut found = vec![values(y)];
    found.extend(inputs.iter().map(|input| values(input.grad(&gradients).unwrap())));
    found.extend(vectors.iter().map(|vector| values(vector.grad(&gradients).unwrap())));
    found
}

fn compare<const N: usize>(
    what: &str,
    inputs: [&Tensor<4>; N],
    vectors: &[&Tensor<1>],
    ours: &dyn Fn(&[Tensor<4>], &[Tensor<1>]) -> Tensor<4>,
    theirs: &dyn Fn(&[Tensor<4>], &[Tensor<1>]) -> Tensor<4>,
) {
    let found = run(&mut ChaCha8Rng::seed_from_u64(1), inputs, vectors, ours);
    let expected = run(&mut ChaCha8Rng::seed_from_u64(1), inputs, vectors, theirs);
    for (at, (found, expected)) in found.iter().zip(&expected).enumerate() {
        // Sums over whole maps may cancel altogether, as a bias' gradient before a normalisation does.
        assert_near_of(&format!("{what}, part {at}"), found, expected, if at > N { 1.0 } else { 1e-3 });
    }
}

#[test]
fn convolutions_agree_on_random_shapes() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    for case in 0..24 {
        let mut pick = |low: usize, high: usize| low + (rng.next_u64() as usize) % (high - low + 1);
        let kernel = if case % 2 == 0 { 3 } else { pick(1, 5) };
        let (n, h, w) = (pick(1, 5), kernel + pick(0, 12), kernel + pick(0, 12));
        let (c_in, c_out, stride) = (pick(1, 40), pick(1, 40), if case % 3 == 2 { 2 } else { 1 });
        let pad = if case % 4 < 2 { (0, 0) } else { (kernel / 2, (kernel - 1) / 2) };
        let epilogue = if case % 5 < 3 { Epilogue::Relu } else { Epilogue::Linear };
        let at = ConvGeometry { stride, rows: pad, columns: pad, dilation: 1, groups: 1, numerics: Numerics::Fast };
        let x = random(&mut rng, [n, h, w, c_in]);
        let weight = random(&mut rng, [kernel, kernel, c_in, c_out]);
        let bias = random(&mut rng, [c_out]);
        let what = format!("{n}x{h}x{w}x{c_in} -> {c_out}, kernel {kernel}, stride {stride}, pad {pad:?}");
        compare(
            &what,
            [&x, &weight],
            &[&bias],
            &|t, v| ops::conv2d(t[0].clone(), t[1].clone(), v[0].clone(), at, epilogue),
            &|t, v| stock::conv2d(t[0].clone(), t[1].clone(), v[0].clone(), at, epilogue),
        );
    }
}

#[test]
fn batch_normalisation_agrees_alone_and_with_a_pool() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    for [n, h, w, c, size] in [[1, 3, 4, 1, 1], [3, 9, 7, 5, 2], [4, 12, 13, 33, 4], [2, 5, 5, 16, 5]] {
        let x = random(&mut rng, [n, h, w, c]);
        let (gamma, beta) = (random(&mut rng, [c]), random(&mut rng, [c]));
        let theirs =
            |t: &[Tensor<4>], v: &[Tensor<1>]| stock::batch_norm_train(t[0].clone(), v[0].clone(), v[1].clone(), 1e-3);
        let ours =
            |t: &[Tensor<4>], v: &[Tensor<1>]| ops::batch_norm_train(t[0].clone(), v[0].clone(), v[1].clone(), 1e-3);
        let what = format!("{n}x{h}x{w}x{c}");
        compare(&what, [&x], &[&gamma, &beta], &|t, v| ours(t, v).0, &|t, v| theirs(t, v).0);
        let (inputs, vectors) = ([x.clone()], [gamma.clone(), beta.clone()]);
        let (found, expected) = (ours(&inputs, &vectors).1, theirs(&inputs, &vectors).1);
        assert_near("mean", &values(found.mean), &values(expected.mean));
        assert_near("variance", &values(found.variance), &values(expected.variance));
        compare(
            &format!("{what}, pool {size}"),
            [&x],
            &[&gamma, &beta],
            &|t, v| {
                let norm = TrainedNorm { gamma: v[0].clone(), beta: v[1].clone(), epsilon: 1e-3 };
                ops::batch_norm_tail_train(t[0].clone(), norm, Tail { pool: Some(size), ..Tail::default() }).0
            },
            &|t, v| stock::max_pool(theirs(t, v).0, size, size),
        );
    }
}

#[test]
fn a_convolution_with_its_normalisation_and_pool_agrees() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    // Batch, sides, channels, kernel, stride, zeros, pool: Winograd and direct, odd sides, windows that leave a rest.
    let cases = [
        ([4, 11, 10, 20, 33], 3, 1, 0, Some(4)),
        ([4, 9, 12, 16, 17], 3, 1, 1, Some(2)),
        ([5, 7, 7, 40, 24], 3, 1, 0, None),
        ([3, 8, 9, 3, 18], 3, 1, 0, None),
        ([3, 8, 9, 3, 18], 5, 2, 2, Some(2)),
        ([8, 2, 3, 5, 7], 1, 1, 0, Some(1)),
        ([1, 9, 9, 18, 16], 3, 1, 0, Some(3)),
    ];
    for (case, ([n, h, w, c_in, c_out], kernel, stride, zeros, pool)) in cases.into_iter().enumerate() {
        let epilogue = if case % 3 == 2 { Epilogue::Linear } else { Epilogue::Relu };
        let pad = (zeros, zeros);
        let at = ConvGeometry { stride, rows: pad, columns: pad, dilation: 1, groups: 1, numerics: Numerics::Fast };
        let (x, weight) = (random(&mut rng, [n, h, w, c_in]), random(&mut rng, [kernel, kernel, c_in, c_out]));
        let vectors = [(); 3].map(|()| random(&mut rng, [c_out]));
        let ours = |t: &[Tensor<4>], v: &[Tensor<1>]| {
            let norm = TrainedNorm { gamma: v[1].clone(), beta: v[2].clone(), epsilon: 1e-3 };
            let tail = Tail { pool, ..Tail::default() };
            ops::conv2d_norm_train(t[0].clone(), t[1].clone(), v[0].clone(), at, epilogue, norm, tail)
        };
        let theirs = |t: &[Tensor<4>], v: &[Tensor<1>]| {
            let y = stock::conv2d(t[0].clone(), t[1].clone(), v[0].clone(), at, epilogue);
            stock::batch_norm_train(y, v[1].clone(), v[2].clone(), 1e-3)
        };
        let pooled = |y: Tensor<4>| pool.map_or(y.clone(), |size| stock::max_pool(y, size, size));
        let what = format!("{n}x{h}x{w}x{c_in} -> {c_out}, kernel {kernel}, stride {stride}, pool {pool:?}");
        let [bias, gamma, beta] = &vectors;
        compare(&what, [&x, &weight], &[bias, gamma, beta], &|t, v| ours(t, v).0, &|t, v| pooled(theirs(t, v).0));
        let inputs = [x, weight];
        let (found, expected) = (ours(&inputs, &vectors).1, theirs(&inputs, &vectors).1);
        assert_near("mean", &values(found.mean), &values(expected.mean));
        assert_near("variance", &values(found.variance), &values(expected.variance));
    }
}

#[test]
fn a_convolution_with_its_normalisation_relu_and_sum_agrees() {
    let mut rng = ChaCha8Rng::seed_from_u64(8);
    // Batch, sides, channels, kernel, stride, zeros, groups.
    let cases = [
        ([4, 9, 10, 20, 33], 3, 1, 1, 1),
        ([4, 9, 12, 16, 17], 3, 1, 0, 1),
        ([3, 8, 9, 3, 18], 3, 2, 1, 1),
        ([5, 7, 4, 24, 40], 1, 1, 0, 1),
        ([5, 7, 4, 24, 40], 1, 2, 0, 1),
        ([3, 8, 7, 6, 9], 3, 1, 1, 3),
    ];
    for ([n, h, w, c_in, c_out], kernel, stride, zeros, groups) in cases {
        let pad = (zeros, zeros);
        let at = ConvGeometry { stride, rows: pad, columns: pad, dilation: 1, groups, numerics: Numerics::Fast };
        let x = random(&mut rng, [n, h, w, c_in]);
        let weight = random(&mut rng, [kernel, kernel, c_in / groups, c_out]);
        let [height, width] = [h, w].map(|side| (side + 2 * zeros - kernel) / stride + 1);
        // Large, so that no sum is within rounding of zero, where a relu would part ours from theirs.
        let other = random(&mut rng, [n, height, width, c_out]).mul_scalar(20.0);
        let vectors = [(); 3].map(|()| random(&mut rng, [c_out]));
        let [bias, gamma, beta] = &vectors;
        for (act, sum, pool) in [
            (Act::Relu, None, None),
            (Act::Gelu, None, None),
            (Act::Relu6, None, None),
            (Act::Relu6, Some(false), None),
            (Act::Relu, None, Some(2)),
            (Act::Identity, Some(false), None),
            (Act::Identity, Some(true), None),
            (Act::Relu, Some(true), None),
            (Act::Silu, Some(true), None),
            // No kernel has it: the pool is an operation of its own.
            (Act::Relu, Some(false), Some(2)),
            (Act::Silu, None, Some(2)),
        ] {
            let tail =
                |map: &Tensor<4>| Tail { act, shortcut: sum.map(|relu| Shortcut { map: map.clone(), relu }), pool };
            let what = format!("{n}x{h}x{w}x{c_in} -> {c_out}, {kernel}, {stride}, {act:?}, {sum:?}, {pool:?}");
            let norm = |v: &[Tensor<1>]| TrainedNorm { gamma: v[1].clone(), beta: v[2].clone(), epsilon: 1e-3 };
            let ours = |t: &[Tensor<4>], v: &[Tensor<1>]| {
                let [x, weight] = [t[0].clone(), t[1].clone()];
                let y = ops::conv2d_norm_train(x, weight, v[0].clone(), at, Epilogue::Linear, norm(v), tail(&t[2])).0;
                if sum.is_some() { y } else { y + t[2].clone().sum().mul_scalar(1e-3).reshape([1, 1, 1, 1]) }
            };
            let theirs = |t: &[Tensor<4>], v: &[Tensor<1>]| {
                let y = stock::conv2d(t[0].clone(), t[1].clone(), v[0].clone(), at, Epilogue::Linear);
                let y = stock::batch_norm_train(y, v[1].clone(), v[2].clone(), 1e-3).0;
                let y = tail(&t[2]).forward(y);
                if sum.is_some() { y } else { y + t[2].clone().sum().mul_scalar(1e-3).reshape([1, 1, 1, 1]) }
            };
            compare(&what, [&x, &weight, &other], &[bias, gamma, beta], &ours, &theirs);
        }
    }
}

#[test]
fn pools_and_inference_agree() {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    for [n, h, w, c, size] in [[1, 4, 4, 1, 4], [3, 9, 11, 17, 2], [2, 13, 12, 40, 4]] {
        let x = random(&mut rng, [n, h, w, c]);
        compare("max-pool", [&x], &[], &|t, _| ops::max_pool(t[0].clone(), size, size), &|t, _| {
            stock::max_pool(t[0].clone(), size, size)
        });
        compare(
            "global max-pool",
            [&x],
            &[],
            &|t, _| ops::global_max_pool(t[0].clone()).reshape([n, 1, 1, c]),
            &|t, _| stock::global_max_pool(t[0].clone()).reshape([n, 1, 1, c]),
        );
        let vectors = [(); 4].map(|()| random(&mut rng, [c]).abs().detach().inner());
        let x = x.inner();
        let found = ops::batch_norm_eval(x.clone(), vectors.clone(), 1e-3);
        assert_near("inference", &values(found), &values(stock::batch_norm_eval(x, vectors, 1e-3)));
    }
}

#[test]
fn convolutions_of_each_channel_by_itself_agree() {
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    for ([n, h, w, c], kernel, stride, pad, epilogue) in [
        ([2, 9, 10, 20], 3, 1, (1, 1), Epilogue::Linear),
        ([3, 9, 10, 33], 3, 2, (0, 1), Epilogue::Relu),
        ([2, 8, 7, 16], 5, 2, (1, 2), Epilogue::Linear),
        ([1, 6, 6, 5], 5, 1, (2, 2), Epilogue::Relu),
    ] {
        let numerics = Numerics::Fast;
        let at = ConvGeometry { stride, rows: pad, columns: pad, dilation: 1, groups: c, numerics };
        let (x, weight) = (random(&mut rng, [n, h, w, c]), random(&mut rng, [kernel, kernel, 1, c]));
        let bias = random(&mut rng, [c]);
        compare(
            &format!("{n}x{h}x{w}x{c}, kernel {kernel}, stride {stride}"),
            [&x, &weight],
            &[&bias],
            &|t, v| ops::conv2d(t[0].clone(), t[1].clone(), v[0].clone(), at, epilogue),
            &|t, v| stock::conv2d(t[0].clone(), t[1].clone(), v[0].clone(), at, epilogue),
        );
    }
}

#[test]
fn pools_that_overlap_or_reach_over_the_border_agree() {
    let mut rng = ChaCha8Rng::seed_from_u64(10);
    for ([n, h, w, c], size, stride, rows, columns) in [
        ([2, 9, 8, 17], 3, 2, (1, 1), (1, 1)),
        ([3, 7, 11, 4], 3, 1, (0, 0), (0, 0)),
        ([1, 6, 6, 40], 2, 2, (0, 1), (1, 1)),
    ] {
        let at = super::PoolGeometry { size, stride, rows, columns };
        let x = random(&mut rng, [n, h, w, c]);
        compare(
            &format!("{n}x{h}x{w}x{c}, {at:?}"),
            [&x],
            &[],
            &|t, _| ops::max_pool_with_border(t[0].clone(), at),
            &|t, _| stock::max_pool_with_border(t[0].clone(), at),
        );
        compare("mean", [&x], &[], &|t, _| ops::global_avg_pool(t[0].clone()).reshape([n, 1, 1, c]), &|t, _| {
            stock::global_avg_pool(t[0].clone()).reshape([n, 1, 1, c])
        });
    }
}

#[test]
fn a_product_of_matrices_is_a_convolution_of_single_pixels() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    for [m, k, n] in [[1, 1, 1], [7, 3, 5], [80, 256, 64]] {
        let (a, b) = (random(&mut rng, [1, 1, m, k]), random(&mut rng, [1, 1, k, n]));
        let matrices = |t: &[Tensor<4>]| (t[0].clone().reshape([m, k]), t[1].clone().reshape([k, n]));
        compare(
            "product",
            [&a, &b],
            &[],
            &|t, _| {
                let (a, b) = matrices(t);
                stock::product_by_convolution(a, b).reshape([1, 1, m, n])
            },
            &|t, _| {
                let (a, b) = matrices(t);
                ops::product(a, b).reshape([1, 1, m, n])
            },
        );
    }
}

#[test]
fn products_of_many_matrices_are_a_convolution_in_groups() {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    for [n, heads, m, k, l] in [[1, 1, 1, 1, 1], [2, 3, 5, 4, 7], [3, 2, 17, 8, 17]] {
        let (a, b) = (random(&mut rng, [n, heads, m, k]), random(&mut rng, [n, heads, k, l]));
        compare(
            "products",
            [&a, &b],
            &[],
            &|t, _| stock::products_by_convolution(t[0].clone(), t[1].clone()),
            &|t, _| ops::products(t[0].clone(), t[1].clone()),
        );
    }
}

#[test]
fn a_sum_of_everything_is_that_of_one_row() {
    let x = random(&mut ChaCha8Rng::seed_from_u64(6), [3, 5, 7, 2]);
    assert_near("sum", &values(stock::sum_of_a_row(x.clone())), &values(ops::sum(x.clone())));
    assert_near("mean", &values(stock::sum_of_a_row(x.clone()).div_scalar(210.0)), &values(ops::mean(x)));
}

/// Numbers of two bits need no rounding, so bfloat16 gives what single precision does, there and back; others differ by its 8 bits.
#[test]
fn a_dense_layer_in_bfloat16_rounds_its_numbers_and_nothing_else() {
    let mut rng = ChaCha8Rng::seed_from_u64(8);
    let few_bits = |x: Tensor<4>| x.mul_scalar(2.0).round();
    for [rows, inputs, outputs] in [[1, 16, 16], [37, 64, 128], [80, 256, 40], [5, 3, 40]] {
        let [x, w] = [[1, 1, rows, inputs], [1, 1, inputs, outputs]].map(|shape| random::<4>(&mut rng, shape));
        let bias = random::<1>(&mut rng, [outputs]);
        let forward = |x: &Tensor<4>, w: &Tensor<4>, numerics| {
            let (x, w) = (x.clone().reshape([rows, inputs]), w.clone().reshape([inputs, outputs]));
            values(ops::dense(x, w, Some(bias.clone()), numerics))
        };
        let (a, b) = (few_bits(x.clone()), few_bits(w.clone()));
        assert_near("few bits", &forward(&a, &b, Numerics::Bf16), &forward(&a, &b, Numerics::Fast));
        let (found, exact) = (forward(&x, &w, Numerics::Bf16), forward(&x, &w, Numerics::Fast));
        let off = found.iter().zip(&exact).fold(0f32, |most, (a, b)| most.max((a - b).abs()));
        assert!(if inputs < 16 { off < 1e-5 } else { (1e-4..0.2).contains(&off) }, "{rows} {inputs} {outputs}: {off}");
        // Their gradients: those of the products of rounded numbers, near the others.
        let both = [Numerics::Bf16, Numerics::Fast].map(|numerics| {
            let dense = |t: &[Tensor<4>], v: &[Tensor<1>]| {
                let (x, w) = (t[0].clone().reshape([rows, inputs]), t[1].clone().reshape([inputs, outputs]));
                ops::dense(x, w, Some(v[0].clone()), numerics).reshape([1, 1, rows, outputs])
            };
            run(&mut ChaCha8Rng::seed_from_u64(9), [&a, &b], &[&bias], &dense)
        });
        for (found, wanted) in both[0].iter().zip(&both[1]) {
            let scale = wanted.iter().fold(1e-3f32, |most, v| most.max(v.abs()));
            let off = found.iter().zip(wanted).fold(0f32, |most, (a, b)| most.max((a - b).abs())) / scale;
            assert!(off < 1e-2, "{rows} {inputs} {outputs}: {off}");
        }
    }
}
