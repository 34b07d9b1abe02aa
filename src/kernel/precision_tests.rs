//! How many digits each Winograd tile costs: the table of `docs/performance.md`.
//!
//! `cargo test --release --lib precision -- --nocapture` prints it.
use super::*;
use crate::reference::{self, Rng, error, rms_error};

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
