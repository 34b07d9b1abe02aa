//! How many digits each Winograd tile costs, and what sums over large maps do: the tables of `docs/concepts/performance.md`.
//!
//! `cargo test --release -p simpipe-kernel --lib precision -- --nocapture` prints the first, with `--ignored` the second.
use super::*;
use crate::bfloat16::{rounded, widened};
use crate::depthwise::depthwise_backward;
use crate::reference::{self, Rng, error, rms_error};
use rayon::prelude::*;

/// One method's output and gradients on the same numbers.
type Parts = [Vec<f32>; 3];

fn by_tile(s: &ConvShape, m: usize, x: &[f32], w: &[f32], dy: &[f32]) -> Parts {
    let (bias, mut y) = (padded(&vec![0.0; s.c_out]), vec![f32::NAN; s.y_len()]);
    let u = winograd::prepare(m, w, s.c_in, s.c_out);
    winograd::forward(s, m, x, &u, &bias, false, Keep::Map, &mut y);
    let (mut dx, mut dw, mut db) = (vec![f32::NAN; x.len()], vec![f32::NAN; w.len()], vec![f32::NAN; s.c_out]);
    let source = Source { grad: OutputGrad { dy, relu: false, norm: None, pool: None }, y: None };
    let grads = ConvGrads { dx: Some(&mut dx), dw: &mut dw, db: &mut db };
    wino_grad::backward(s, m, x, w, &source, grads);
    [y, dx, dw]
}

fn exactly(s: &ConvShape, x: &[f32], w: &[f32], dy: &[f32]) -> Parts {
    let s = &ConvShape { numerics: Numerics::Exact, ..*s };
    let mut y = vec![f32::NAN; s.y_len()];
    conv2d_forward(s, x, w, &vec![0.0; s.c_out], false, &mut y);
    let (mut dx, mut dw, mut db) = (vec![f32::NAN; x.len()], vec![f32::NAN; w.len()], vec![f32::NAN; s.c_out]);
    conv2d_backward(s, x, w, None, dy, ConvGrads { dx: Some(&mut dx), dw: &mut dw, db: &mut db });
    [y, dx, dw]
}

/// Inputs like a relu's output, weights as at the start of training, a random output gradient. The map of 12 x 12 holds
/// whole tiles of every size.
#[test]
fn each_tile_keeps_its_digits() {
    let s = ConvShape::valid([2, 14, 14, 64], [3, 3], 48);
    let mut rng = Rng::new(7);
    let limit = (6.0 / (9 * (s.c_in + s.c_out)) as f32).sqrt();
    let x: Vec<f32> = rng.normal(s.x_len()).iter().map(|v| v.max(0.0)).collect();
    let w: Vec<f32> = rng.normal(s.w_len()).iter().map(|v| v * limit).collect();
    let dy = rng.normal(s.y_len());
    let y = reference::conv_forward(&s, &x, &w, &vec![0.0; s.c_out], false);
    let (dx, dw, _) = reference::conv_backward(&s, &x, &w, None, &dy);
    // The largest error relative to the largest value; the bounds are about three times what is measured.
    for (name, m, most) in [("direct", 0, 1.5e-6), ("F(2,3)", 2, 3e-6), ("F(3,3)", 3, 6e-6), ("F(4,3)", 4, 1.2e-5)] {
        let found = if m == 0 { exactly(&s, &x, &w, &dy) } else { by_tile(&s, m, &x, &w, &dy) };
        for (part, (found, want)) in ["y", "dx", "dw"].into_iter().zip(found.iter().zip([&y, &dx, &dw])) {
            let (largest, rms) = (error(found, want), rms_error(found, want));
            println!("{name} {part}: largest {largest:.1e}, rms {rms:.1e}");
            assert!(largest < most, "{name} {part}: {largest}");
        }
    }
}

/// The gradients of weights and bias in `f64`, of parts of the images.
fn sums(s: &ConvShape, x: &[f32], dy: &[f32]) -> [Vec<f64>; 2] {
    let (image, map) = (s.x_len() / s.n, s.y_len() / s.n);
    let parts = x.par_chunks(image).zip(dy.par_chunks(map)).map(|(x, dy)| {
        let (_, dw, db) = reference::conv_backward(&ConvShape { n: 1, ..*s }, x, &vec![0.0; s.w_len()], None, dy);
        [dw, db]
    });
    let parts: Vec<[Vec<f64>; 2]> = parts.collect();
    [0, 1].map(|which| (0..parts[0][which].len()).map(|i| parts.iter().map(|part| part[which][i]).sum()).collect())
}

/// The gradients that sum over all pixels of all images, for numbers of one sign, where they grow with the size of the map: largest error
/// relative to the largest value.
#[test]
#[ignore = "takes minutes"]
fn sums_over_large_maps() {
    println!(
        "| map, batch 256 | Winograd, weights | bias | direct, weights | bias | bfloat16, weights | bias | depthwise, weights | bias |"
    );
    println!("|---|---:|---:|---:|---:|---:|---:|---:|---:|");
    for side in [14, 28, 56, 112] {
        let same = ConvShape::same([256, side, side, 16], [3, 3], 16, [1, 1]);
        let mut rng = Rng::new(side as u64);
        let mut positive = |n| -> Vec<f32> { rng.normal(n).into_iter().map(f32::abs).collect() };
        let (x, dy, w) = (positive(same.x_len()), positive(same.y_len()), positive(same.w_len()));
        let [dw, db] = sums(&same, &x, &dy);
        let seen = |v: &[f32]| -> Vec<f32> { v.iter().map(|v| widened(rounded(*v))).collect() };
        let [rounded_dw, _] = sums(&same, &seen(&x), &seen(&dy));
        let mut row = format!("| {side} x {side} |");
        for (numerics, wanted) in [(Numerics::Fast, &dw), (Numerics::Exact, &dw), (Numerics::Bf16, &rounded_dw)] {
            let s = ConvShape { numerics, ..same };
            let (mut own_dw, mut own_db) = (vec![f32::NAN; w.len()], vec![f32::NAN; 16]);
            conv2d_backward(&s, &x, &w, None, &dy, ConvGrads { dx: None, dw: &mut own_dw, db: &mut own_db });
            row += &format!(" {:.1e} | {:.1e} |", error(&own_dw, wanted), error(&own_db, &db));
        }
        let (mut own_dw, mut own_db) = (vec![f32::NAN; 9 * 16], vec![f32::NAN; 16]);
        let grad = OutputGrad { dy: &dy, relu: false, norm: None, pool: None };
        let into = ConvGrads { dx: None, dw: &mut own_dw, db: &mut own_db };
        depthwise_backward(&same, &x, &w[..9 * 16], None, &grad, into);
        // Of each channel with itself.
        let own: Vec<f64> = (0..9 * 16).map(|i| dw[(i / 16 * 16 + i % 16) * 16 + i % 16]).collect();
        println!("{row} {:.1e} | {:.1e} |", error(&own_dw, &own), error(&own_db, &db));
    }
}
