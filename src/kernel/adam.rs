//! One fused step of Adam as Keras computes it.
use crate::simd::Simd;
use rayon::prelude::*;

/// The settings of a step.
#[derive(Clone, Copy, Debug)]
pub struct AdamStep {
    /// Learning rate.
    pub lr: f64,
    /// Decay of the first moment.
    pub beta1: f64,
    /// Decay of the second moment.
    pub beta2: f64,
    /// Added to the root, not under it.
    pub eps: f64,
    /// Number of the step, from 1.
    pub step: u32,
}

/// `m += (g - m)(1 - b1)`, `v += (g g - v)(1 - b2)`, `w -= lr sqrt(1 - b2^t) / (1 - b1^t) * m / (sqrt(v) + eps)`; all of one length.
///
/// # Panics
/// If the lengths differ.
pub fn adam_update(s: &AdamStep, w: &mut [f32], g: &[f32], m: &mut [f32], v: &mut [f32]) {
    assert!(g.len() == w.len() && m.len() == w.len() && v.len() == w.len(), "lengths");
    let t = f64::from(s.step);
    let rate = s.lr * (1.0 - s.beta2.powf(t)).sqrt() / (1.0 - s.beta1.powf(t));
    let k = [rate, 1.0 - s.beta1, 1.0 - s.beta2, s.eps].map(|v| v as f32);
    const BLOCK: usize = 16 * 1024;
    w.par_chunks_mut(BLOCK)
        .zip(g.par_chunks(BLOCK))
        .zip(m.par_chunks_mut(BLOCK).zip(v.par_chunks_mut(BLOCK)))
        .for_each(|((w, g), (m, v))| update(k, w, g, m, v));
}

simd_fn! {
    [] fn update[][](k: [f32; 4], w: &mut [f32], g: &[f32], m: &mut [f32], v: &mut [f32]) = update_impl;
}

#[inline(always)]
fn update_impl<S: Simd>(_: S, [rate, one, two, eps]: [f32; 4], w: &mut [f32], g: &[f32], m: &mut [f32], v: &mut [f32]) {
    for (((w, g), m), v) in w.iter_mut().zip(g).zip(m).zip(v) {
        *m += (g - *m) * one;
        *v += (g * g - *v) * two;
        *w -= rate * *m / (v.sqrt() + eps);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::{Rng, error};

    #[test]
    fn adam_matches_f64() {
        let mut rng = Rng::new(8);
        for n in [1, 15, 40_001] {
            let mut w = rng.normal(n);
            let (mut m, mut v) = (vec![0.0f32; n], vec![0.0f32; n]);
            let mut want: Vec<[f64; 3]> = w.iter().map(|w| [f64::from(*w), 0.0, 0.0]).collect();
            for step in 1..=5 {
                let g = rng.normal(n);
                let s = AdamStep { lr: 0.002, beta1: 0.9, beta2: 0.999, eps: 1e-7, step };
                adam_update(&s, &mut w, &g, &mut m, &mut v);
                let rate = 0.002 * (1.0 - 0.999f64.powi(step as i32)).sqrt() / (1.0 - 0.9f64.powi(step as i32));
                for ([w, m, v], g) in want.iter_mut().zip(&g) {
                    let g = f64::from(*g);
                    *m += (g - *m) * (1.0 - 0.9);
                    *v += (g * g - *v) * (1.0 - 0.999);
                    *w -= rate * *m / (v.sqrt() + 1e-7);
                }
            }
            assert!(error(&w, &want.iter().map(|w| w[0]).collect::<Vec<_>>()) < 1e-6);
            assert!(error(&v, &want.iter().map(|w| w[2]).collect::<Vec<_>>()) < 1e-6);
        }
    }
}
