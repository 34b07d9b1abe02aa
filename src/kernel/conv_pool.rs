//! A convolution with a max-pool behind it, in training: where Winograd's tiles hold whole windows the map in between is never written.
use crate::conv::{ConvWeights, use_winograd};
use crate::pack::padded;
use crate::pool::max_pool_forward;
use crate::scratch::{Scratch, SharedMut};
use crate::shape::{ConvShape, PoolShape};
use crate::wino_places::NOWHERE;
use crate::winograd::{self, Keep};
use rayon::prelude::*;

/// `y = max_pool(relu?(conv(x, w) + bias))` with kernel and stride `k`, valid padding: the values of the two operations one by one.
///
/// `x`: `[n, h, w, c_in]`, `w`: `[kh, kw, c_in, c_out]`, `bias`: `[c_out]`; overwritten, each `[n, oh / k, ow / k, c_out]`: `y`, and `arg`, the
/// place of the maximum in its window (row * k + column), or one that no pixel has where the relu made it zero. The first of equal values
/// wins.
///
/// # Panics
/// If a length does not match, or `k` is 0 or above 15.
pub fn conv2d_max_pool_forward(
    shape: &ConvShape,
    x: &[f32],
    w: &[f32],
    bias: &[f32],
    relu: bool,
    k: usize,
    y: &mut [f32],
    arg: &mut [u8],
) {
    let [h, wd] = shape.out();
    let pool = PoolShape { n: shape.n, h, w: wd, c: shape.c_out, k };
    assert!((1..=15).contains(&k), "window {k}");
    assert!(x.len() == shape.x_len() && w.len() == shape.w_len() && bias.len() == shape.c_out, "lengths");
    assert!(y.len() == pool.y_len() && arg.len() == y.len(), "lengths");
    let tile = if use_winograd(shape) { winograd::tile_size(shape) } else { 0 };
    if tile > 0 && tile.is_multiple_of(k) && !y.is_empty() {
        let u = winograd::prepare(tile, w, shape.c_in, shape.c_out);
        let keep = Keep::Places { k, arg: SharedMut::new(arg) };
        winograd::forward(shape, tile, x, &u, &padded(bias), relu, keep, y);
        return;
    }
    let mut map = Scratch::take(shape.y_len());
    ConvWeights::new(shape, w, bias).forward(shape.n, x, relu, &mut map);
    max_pool_forward(&pool, &map, y, arg);
    if relu {
        let parts = arg.par_chunks_mut(16 * 1024).zip(y.par_chunks(16 * 1024));
        parts.for_each(|(arg, y)| {
            arg.iter_mut().zip(y).for_each(|(arg, y)| *arg = if *y <= 0.0 { NOWHERE } else { *arg });
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conv::conv2d_forward;
    use crate::reference::{Rng, in_pool};
    use crate::shape::Numerics;

    #[test]
    fn a_pool_is_that_of_the_map() {
        let mut rng = Rng::new(21);
        for i in 0..90 {
            let (n, h, w, k) = (1 + rng.below(3), 3 + rng.below(18), 3 + rng.below(18), 1 + rng.below(4));
            let (c_in, c_out) = (1 + rng.below(40), 1 + rng.below(100));
            let mut shape = ConvShape::same([n, h, w, c_in], [3, 3], c_out, [1, 1]);
            if i % 5 == 0 {
                shape.numerics = Numerics::Exact;
            }
            // Whole numbers, so that ties and zeros occur.
            let whole = |v: Vec<f32>| v.into_iter().map(f32::round).collect::<Vec<_>>();
            let (x, weights) = (whole(rng.normal(shape.x_len())), whole(rng.normal(shape.w_len())));
            let bias = rng.normal(c_out);
            let pool = PoolShape { n, h, w, c: c_out, k };
            for relu in [false, true] {
                let run = || {
                    let (mut y, mut arg) = (vec![f32::NAN; pool.y_len()], vec![99; pool.y_len()]);
                    conv2d_max_pool_forward(&shape, &x, &weights, &bias, relu, k, &mut y, &mut arg);
                    (y, arg)
                };
                let found = in_pool(2, run);
                assert!(found == in_pool(1, run) && found == in_pool(3, run), "bytes differ: {shape:?}");
                let mut map = vec![f32::NAN; shape.y_len()];
                conv2d_forward(&shape, &x, &weights, &bias, relu, &mut map);
                let (mut y, mut arg) = (found.0.clone(), found.1.clone());
                max_pool_forward(&pool, &map, &mut y, &mut arg);
                if relu {
                    arg.iter_mut().zip(&y).filter(|(_, y)| **y <= 0.0).for_each(|(arg, _)| *arg = NOWHERE);
                }
                assert!(found == (y, arg), "{shape:?} {k} {relu}");
            }
        }
    }
}
