//! What lies behind a batch normalisation in one pass against the operations one by one: the same bits, on any number of threads.
use super::*;
use crate::act::{activate, activate_backward};
use crate::batch_norm::{BatchNormGrads, batch_norm_backward, batch_norm_gradient};
use crate::bn_pool::spread;
use crate::bn_relu_pool::{batch_norm_relu_max_pool_forward, batch_norm_relu_max_pool_slopes};
use crate::pool::{max_pool_backward, max_pool_forward};
use crate::reference::{Rng, in_pool};
use crate::shape::PoolShape;
use crate::stats::batch_stats;

fn relu_of(x: &[f32]) -> Vec<f32> {
    x.iter().map(|v| v.max(0.0)).collect()
}

/// `g` where a relu's output is above zero.
fn through_relu(y: &[f32], g: &[f32]) -> Vec<f32> {
    y.iter().zip(g).map(|(y, g)| if *y > 0.0 { *g } else { 0.0 }).collect()
}

fn same(what: &str, found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (at, (a, b)) in found.iter().zip(expected).enumerate() {
        assert!(a == b, "{what} at {at}: {a}, one by one {b}");
    }
}

/// A map, scale and offset, the gradient of the output and the other way.
struct Case {
    x: Vec<f32>,
    stats: BatchStats,
    gamma: Vec<f32>,
    beta: Vec<f32>,
}

impl Case {
    fn new(rng: &mut Rng, rows: usize, c: usize) -> Self {
        // Few different values in some maps, so that ties occur and some normalised values are zero.
        let round = rng.below(2) == 0;
        let x: Vec<f32> = rng.normal(rows * c).iter().map(|v| if round { (2.0 * v).round() } else { *v }).collect();
        let mut gamma = rng.normal(c);
        gamma[0] = 0.0;
        Self { stats: batch_stats(&x, c), gamma, beta: rng.normal(c), x }
    }

    fn norm(&self) -> Norm<'_> {
        Norm { stats: &self.stats, gamma: &self.gamma, beta: &self.beta, eps: 1e-3 }
    }

    fn normalised(&self) -> Vec<f32> {
        let mut z = vec![f32::NAN; self.x.len()];
        batch_norm_forward(&self.x, &self.stats, &self.gamma, &self.beta, 1e-3, &mut z);
        z
    }

    /// Gradients of the input, the scale and the offset for that of the normalised map.
    fn backward(&self, dz: &[f32]) -> [Vec<f32>; 3] {
        let (mut dx, mut dgamma, mut dbeta) = (self.x.clone(), self.gamma.clone(), self.beta.clone());
        let grads = BatchNormGrads { dx: &mut dx, dgamma: &mut dgamma, dbeta: &mut dbeta };
        batch_norm_backward(&self.x, &self.stats, &self.gamma, 1e-3, dz, grads);
        [dx, dgamma, dbeta]
    }
}

#[test]
fn tails_are_their_operations_one_by_one() {
    let mut rng = Rng::new(11);
    for i in 0..60 {
        let (rows, c) = (1 + rng.below(if i % 4 == 0 { 3000 } else { 40 }), 1 + rng.below(140));
        let case = Case::new(&mut rng, rows, c);
        let (other, dy) = (rng.normal(rows * c), rng.normal(rows * c));
        let acts = [Act::Identity, Act::Relu, Act::Relu6, Act::Gelu, Act::Silu];
        for (act, last) in acts.into_iter().flat_map(|act| [None, Some(false), Some(true)].map(|last| (act, last))) {
            let what = format!("{rows} rows of {c}, {act:?}, sum {last:?}");
            let run = || {
                let (mut y, mut g) = (vec![f32::NAN; case.x.len()], vec![f32::NAN; case.x.len()]);
                let shortcut = last.map(|relu| Shortcut { values: &other, relu });
                batch_norm_tail_forward(&case.x, &case.norm(), act, shortcut, &mut y);
                let (mut dgamma, mut dbeta, mut dx) = (case.gamma.clone(), case.gamma.clone(), y.clone());
                let (is_smooth, mut inner) = (matches!(act, Act::Relu6 | Act::Gelu | Act::Silu), y.clone());
                let grads = TailGrads {
                    sum: (last == Some(true)).then_some((&y[..], &mut g[..])),
                    act: is_smooth.then_some(&mut inner[..]),
                };
                let k = batch_norm_tail_slopes(&case.x, &case.norm(), act, grads, &dy, &mut dgamma, &mut dbeta);
                let g = if last == Some(true) { g } else { dy.clone() };
                batch_norm_gradient(&case.x, &k, if is_smooth { &inner } else { &g }, &mut dx);
                (y, g, dx, dgamma, dbeta)
            };
            let found = in_pool(2, run);
            assert!(found == in_pool(1, run) && found == in_pool(3, run), "bytes differ: {what}");
            let z = case.normalised();
            let mut inner = z.clone();
            activate(act, &z, &mut inner);
            let sum: Vec<f32> = match last {
                Some(_) => inner.iter().zip(&other).map(|(a, b)| a + b).collect(),
                None => inner.clone(),
            };
            let y = if last == Some(true) { relu_of(&sum) } else { sum };
            let dsum = if last == Some(true) { through_relu(&y, &dy) } else { dy.clone() };
            let mut dz = z.clone();
            activate_backward(act, &z, &dsum, &mut dz);
            let [dx, dgamma, dbeta] = case.backward(&dz);
            same(&format!("output, {what}"), &found.0, &y);
            same(&format!("gradient of the shortcut, {what}"), &found.1, &dsum);
            same(&format!("gradient of the map, {what}"), &found.2, &dx);
            same(&format!("gradient of the scale, {what}"), &found.3, &dgamma);
            same(&format!("gradient of the offset, {what}"), &found.4, &dbeta);
        }
    }
}

#[test]
fn a_relu_and_a_pool_are_their_operations_one_by_one() {
    let mut rng = Rng::new(12);
    for i in 0..60 {
        let k = 1 + rng.below(4);
        let side = if i % 5 == 0 { 30 } else { 9 };
        let (n, h, w, c) = (1 + rng.below(4), 1 + rng.below(side), 1 + rng.below(side), 1 + rng.below(140));
        let shape = PoolShape { n, h, w, c, k };
        let case = Case::new(&mut rng, n * h * w, c);
        let dy = rng.normal(shape.y_len());
        let run = || {
            let new = || vec![f32::NAN; shape.y_len()];
            let (mut y, mut picked, mut arg) = (new(), new(), vec![99; shape.y_len()]);
            batch_norm_relu_max_pool_forward(&shape, &case.x, &case.norm(), &mut y, &mut picked, &mut arg);
            let (mut dgamma, mut dbeta, mut dx) = (case.gamma.clone(), case.gamma.clone(), case.x.clone());
            let slopes =
                batch_norm_relu_max_pool_slopes(&shape, &case.norm(), &picked, &arg, &dy, &mut dgamma, &mut dbeta);
            spread(&shape, &case.x, &slopes, &arg, &dy, &mut dx);
            (y, dx, dgamma, dbeta)
        };
        let found = in_pool(2, run);
        assert!(found == in_pool(1, run) && found == in_pool(3, run), "bytes differ: {shape:?}");
        let above = relu_of(&case.normalised());
        let (mut y, mut arg, mut dabove) = (dy.clone(), vec![0; dy.len()], above.clone());
        max_pool_forward(&shape, &above, &mut y, &mut arg);
        max_pool_backward(&shape, &dy, &arg, &mut dabove);
        let [dx, dgamma, dbeta] = case.backward(&through_relu(&above, &dabove));
        same(&format!("output, {shape:?}"), &found.0, &y);
        same(&format!("gradient of the map, {shape:?}"), &found.1, &dx);
        same(&format!("gradient of the scale, {shape:?}"), &found.2, &dgamma);
        same(&format!("gradient of the offset, {shape:?}"), &found.3, &dbeta);
    }
}
