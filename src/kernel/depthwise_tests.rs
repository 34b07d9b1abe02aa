//! Depthwise convolutions against sums in `f64`, and the same bytes on 1, 2 and 3 threads.
use super::*;
use crate::reference::{Rng, error, in_pool};

/// Calls `f(output pixel, input pixel, tap)` for every product of one channel.
fn taps(s: &ConvShape, mut f: impl FnMut(usize, usize, usize)) {
    let ([oh, ow], k) = (s.out(), s.kernel[0]);
    for at in 0..s.n * oh * ow {
        let (i, r, c) = (at / (oh * ow), at / ow % oh, at % ow);
        for tap in 0..k * k {
            let a = (r * s.stride[0] + tap / k).wrapping_sub(s.pad[0]);
            let b = (c * s.stride[1] + tap % k).wrapping_sub(s.pad[1]);
            if a < s.h && b < s.w {
                f(at, (i * s.h + a) * s.w + b, tap);
            }
        }
    }
}

fn shapes() -> Vec<ConvShape> {
    let mut rng = Rng::new(11);
    let mut shapes: Vec<ConvShape> = (0..60)
        .map(|case| {
            let k = 1 + case % 7;
            let (n, h, w, c) = (1 + rng.below(9), 1 + rng.below(14), 1 + rng.below(14), 1 + rng.below(40));
            let stride = [1 + rng.below(3), 1 + rng.below(3)];
            let pad = [0; 4].map(|_: usize| rng.below(k + 1));
            ConvShape { stride, pad, ..ConvShape::valid([n, h, w, c], [k, k], c) }
        })
        .collect();
    // Those of mobile networks, at both strides, and a map that is smaller than the kernel.
    for (k, stride) in [(3, 1), (3, 2), (5, 1), (5, 2)] {
        shapes.push(ConvShape::same([2, 15, 14, 48], [k, k], 48, [stride; 2]));
        shapes.push(ConvShape::same([3, 2, 1, 33], [k, k], 33, [stride; 2]));
    }
    shapes
}

fn given(dy: &[f32]) -> OutputGrad<'_> {
    OutputGrad { dy, relu: false, norm: None, pool: None }
}

/// A relu, and a batch normalisation with a relu in front of it or behind it, taken back on the way: the bits of the operations one by one.
#[test]
fn gradients_from_behind_a_normalisation_are_those_of_the_map() {
    use crate::{Act, Norm, TailGrads, batch_norm_gradient, batch_norm_slopes, batch_norm_tail_slopes, batch_stats};
    for (seed, shape) in shapes().into_iter().enumerate().filter(|(_, shape)| shape.y_len() > 0) {
        let (mut rng, c, k) = (Rng::new(seed as u64), shape.c_in, shape.kernel[0]);
        let (x, w, dy) = (rng.normal(shape.x_len()), rng.normal(k * k * c), rng.normal(shape.y_len()));
        let (y, gamma, beta) = (rng.normal(dy.len()), rng.normal(c), rng.normal(c));
        let (stats, mut sums) = (batch_stats(&y, c), [gamma.clone(), gamma.clone()]);
        let [dgamma, dbeta] = &mut sums;
        let plain = batch_norm_slopes(&y, &stats, &gamma, 1e-3, &dy, dgamma, dbeta);
        let norm = Norm { stats: &stats, gamma: &gamma, beta: &beta, eps: 1e-3 };
        let masked = batch_norm_tail_slopes(&y, &norm, Act::Relu, TailGrads::default(), &dy, dgamma, dbeta);
        for (norm, relu) in [(None, true), (Some(&plain), false), (Some(&plain), true), (Some(&masked), false)] {
            let run = |y: Option<&[f32]>, grad: &OutputGrad<'_>| {
                let (mut dx, mut dw, mut db) = (vec![f32::NAN; x.len()], vec![f32::NAN; w.len()], vec![f32::NAN; c]);
                let into = ConvGrads { dx: Some(&mut dx), dw: &mut dw, db: &mut db };
                depthwise_backward(&shape, &x, &w, y, grad, into);
                (dx, dw, db)
            };
            let mut map = dy.clone();
            if let Some(norm) = norm {
                batch_norm_gradient(&y, norm, &dy, &mut map);
            }
            if relu {
                map.iter_mut().zip(&y).for_each(|(g, y)| *g = if *y > 0.0 { *g } else { 0.0 });
            }
            let found = run(Some(&y), &OutputGrad { norm, relu, ..given(&dy) });
            assert!(found == run(None, &given(&map)), "{shape:?} {relu}");
        }
    }
}

#[test]
fn outputs_and_gradients_are_those_of_sums_in_f64() {
    for (seed, shape) in shapes().into_iter().enumerate() {
        let (mut rng, c, k) = (Rng::new(seed as u64), shape.c_in, shape.kernel[0]);
        let (x, w, bias) = (rng.normal(shape.x_len()), rng.normal(k * k * c), rng.normal(c));
        let dy = rng.normal(shape.y_len());
        let run = || {
            let mut y = vec![f32::NAN; shape.y_len()];
            depthwise_forward(&shape, &x, &w, &bias, After::Nothing, &mut y);
            let (mut dx, mut dw, mut db) = (vec![f32::NAN; x.len()], vec![f32::NAN; w.len()], vec![f32::NAN; c]);
            let into = ConvGrads { dx: Some(&mut dx), dw: &mut dw, db: &mut db };
            depthwise_backward(&shape, &x, &w, None, &given(&dy), into);
            let mut without = dw.clone();
            let into = ConvGrads { dx: None, dw: &mut without, db: &mut db };
            depthwise_backward(&shape, &x, &w, None, &given(&dy), into);
            assert_eq!(without, dw, "skipping the input's gradient changes nothing else");
            (y, dx, dw, db)
        };
        let found = in_pool(2, run);
        for threads in [1, 3] {
            assert!(in_pool(threads, run) == found, "bytes differ on {threads} threads: {shape:?}");
        }
        let mut y: Vec<f64> = (0..shape.y_len()).map(|i| f64::from(bias[i % c])).collect();
        let (mut dx, mut dw, mut db) = (vec![0.0; x.len()], vec![0.0; w.len()], vec![0.0; c]);
        dy.iter().enumerate().for_each(|(i, dy)| db[i % c] += f64::from(*dy));
        taps(&shape, |to, from, tap| {
            for ch in 0..c {
                let [to, from, tap] = [to, from, tap].map(|at| at * c + ch);
                y[to] += f64::from(x[from]) * f64::from(w[tap]);
                dx[from] += f64::from(dy[to]) * f64::from(w[tap]);
                dw[tap] += f64::from(dy[to]) * f64::from(x[from]);
            }
        });
        for (what, found, wanted) in
            [("y", &found.0, &y), ("dx", &found.1, &dx), ("dw", &found.2, &dw), ("db", &found.3, &db)]
        {
            assert!(error(found, wanted) < 1e-5, "{what} of {shape:?}: {}", error(found, wanted));
        }
    }
}

#[test]
fn a_function_follows_the_bias() {
    let shape = ConvShape::same([1, 2, 2, 1], [3, 3], 1, [1, 1]);
    let mut weights = [0.0; 9];
    weights[4] = 2.0;
    let run = |after| {
        let mut y = [f32::NAN; 4];
        depthwise_forward(&shape, &[1.0, -1.0, 3.0, 0.0], &weights, &[1.0], after, &mut y);
        y
    };
    assert_eq!(run(After::Nothing), [3.0, -1.0, 7.0, 1.0]);
    assert_eq!(run(After::Relu6), [3.0, 0.0, 6.0, 1.0]);
}

/// A map of 112 x 112 of 256 images would be too much for a test: its rows are summed by themselves, so length alone counts.
#[test]
fn long_sums_keep_their_digits() {
    let shape = ConvShape::same([4, 112, 112, 16], [3, 3], 16, [1, 1]);
    let mut rng = Rng::new(5);
    // Of one sign, so that sums grow with the size of the map.
    let positive = |values: Vec<f32>| values.into_iter().map(f32::abs).collect::<Vec<_>>();
    let (x, dy, w) = (positive(rng.normal(shape.x_len())), positive(rng.normal(shape.y_len())), rng.normal(144));
    let (mut dw, mut db) = (vec![0.0; 144], vec![0.0; 16]);
    depthwise_backward(&shape, &x, &w, None, &given(&dy), ConvGrads { dx: None, dw: &mut dw, db: &mut db });
    let mut wanted = vec![0.0; 144];
    taps(&shape, |to, from, tap| {
        (0..16).for_each(|ch| wanted[tap * 16 + ch] += f64::from(dy[to * 16 + ch]) * f64::from(x[from * 16 + ch]));
    });
    assert!(error(&dw, &wanted) < 3e-6, "{}", error(&dw, &wanted));
}
