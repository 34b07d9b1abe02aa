//! Naive f64 references, and what else the tests share.
use crate::shape::ConvShape;

/// A small generator (SplitMix64).
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
    pub(crate) fn below(&mut self, n: usize) -> usize {
        (self.next() >> 33) as usize % n
    }
    fn unit(&mut self) -> f64 {
        ((self.next() >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }
    /// Standard normal values.
    pub(crate) fn normal(&mut self, n: usize) -> Vec<f32> {
        (0..n)
            .map(|_| ((-2.0 * self.unit().ln()).sqrt() * (std::f64::consts::TAU * self.unit()).cos()) as f32)
            .collect()
    }
}

/// Runs `f` in a rayon pool of its own.
pub(crate) fn in_pool<R: Send>(threads: usize, f: impl FnOnce() -> R + Send) -> R {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("pool").install(f)
}

/// Largest difference relative to the largest wanted value.
pub(crate) fn error(got: &[f32], want: &[f64]) -> f64 {
    assert_eq!(got.len(), want.len());
    let scale = want.iter().fold(1e-30f64, |m, v| m.max(v.abs()));
    got.iter().zip(want).fold(0.0f64, |m, (g, w)| {
        assert!(g.is_finite());
        m.max((f64::from(*g) - w).abs())
    }) / scale
}

/// Root mean square of the differences relative to that of the wanted values.
pub(crate) fn rms_error(got: &[f32], want: &[f64]) -> f64 {
    let top: f64 = got.iter().zip(want).map(|(g, w)| (f64::from(*g) - w).powi(2)).sum();
    (top / want.iter().map(|w| w * w).sum::<f64>().max(1e-300)).sqrt()
}

/// Calls `f(y pixel, x pixel, tap)` for every product of a convolution.
fn taps(s: &ConvShape, mut f: impl FnMut(usize, usize, usize)) {
    let [oh, ow] = s.out();
    for n in 0..s.n {
        for r in 0..oh {
            for c in 0..ow {
                for i in 0..s.kernel[0] {
                    for j in 0..s.kernel[1] {
                        let (a, b) = (
                            (r * s.stride[0] + i).wrapping_sub(s.pad[0]),
                            (c * s.stride[1] + j).wrapping_sub(s.pad[1]),
                        );
                        if a < s.h && b < s.w {
                            f((n * oh + r) * ow + c, (n * s.h + a) * s.w + b, i * s.kernel[1] + j);
                        }
                    }
                }
            }
        }
    }
}

/// The output of a convolution.
pub(crate) fn conv_forward(s: &ConvShape, x: &[f32], w: &[f32], bias: &[f32], relu: bool) -> Vec<f64> {
    let mut y: Vec<f64> = (0..s.y_len()).map(|i| f64::from(bias[i % s.c_out])).collect();
    taps(s, |p, q, t| {
        for k in 0..s.c_in {
            let v = f64::from(x[q * s.c_in + k]);
            let row = &w[(t * s.c_in + k) * s.c_out..][..s.c_out];
            y[p * s.c_out..][..s.c_out].iter_mut().zip(row).for_each(|(y, w)| *y += v * f64::from(*w));
        }
    });
    if relu {
        y.iter_mut().for_each(|v| *v = v.max(0.0));
    }
    y
}

/// The gradients of a convolution: input, weights, bias.
pub(crate) fn conv_backward(
    s: &ConvShape,
    x: &[f32],
    w: &[f32],
    y: Option<&[f32]>,
    dy: &[f32],
) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
    let g: Vec<f64> =
        dy.iter().enumerate().map(|(i, d)| if y.is_none_or(|y| y[i] > 0.0) { f64::from(*d) } else { 0.0 }).collect();
    let (mut dx, mut dw, mut db) = (vec![0.0; x.len()], vec![0.0; w.len()], vec![0.0; s.c_out]);
    g.iter().enumerate().for_each(|(i, g)| db[i % s.c_out] += g);
    taps(s, |p, q, t| {
        for k in 0..s.c_in {
            let (mut sum, v) = (0.0, f64::from(x[q * s.c_in + k]));
            for o in 0..s.c_out {
                let (g, at) = (g[p * s.c_out + o], (t * s.c_in + k) * s.c_out + o);
                sum += g * f64::from(w[at]);
                dw[at] += g * v;
            }
            dx[q * s.c_in + k] += sum;
        }
    });
    (dx, dw, db)
}

/// What [`batch_norm`] gives.
pub(crate) struct BatchNorm {
    pub mean: Vec<f64>,
    pub var: Vec<f64>,
    pub y: Vec<f64>,
    pub dx: Vec<f64>,
    pub dgamma: Vec<f64>,
    pub dbeta: Vec<f64>,
}

/// Batch normalisation of `[rows, c]` and its gradients for `dy`.
pub(crate) fn batch_norm(x: &[f32], gamma: &[f32], beta: &[f32], eps: f32, dy: &[f32]) -> BatchNorm {
    let c = gamma.len();
    let rows = (x.len() / c) as f64;
    let mut out = BatchNorm {
        mean: vec![0.0; c],
        var: vec![0.0; c],
        y: vec![0.0; x.len()],
        dx: vec![0.0; x.len()],
        dgamma: vec![0.0; c],
        dbeta: vec![0.0; c],
    };
    for ch in 0..c {
        let all = || (ch..x.len()).step_by(c);
        let mean = all().map(|i| f64::from(x[i])).sum::<f64>() / rows;
        let var = all().map(|i| (f64::from(x[i]) - mean).powi(2)).sum::<f64>() / rows;
        let r = 1.0 / (var + f64::from(eps)).sqrt();
        let hat = |i: usize| (f64::from(x[i]) - mean) * r;
        let sum: f64 = all().map(|i| f64::from(dy[i])).sum();
        let dot: f64 = all().map(|i| f64::from(dy[i]) * hat(i)).sum();
        (out.mean[ch], out.var[ch], out.dgamma[ch], out.dbeta[ch]) = (mean, var, dot, sum);
        for i in all() {
            out.y[i] = hat(i) * f64::from(gamma[ch]) + f64::from(beta[ch]);
            out.dx[i] = f64::from(gamma[ch]) * r * (f64::from(dy[i]) - sum / rows - hat(i) * dot / rows);
        }
    }
    out
}

/// The offset in `x` of position `t` of the window of output `i`.
fn window_at(s: &crate::PoolShape, i: usize, t: usize) -> usize {
    let [oh, ow] = s.out();
    let (ch, o) = (i % s.c, i / s.c);
    let (n, r, c) = (o / (oh * ow), o / ow % oh, o % ow);
    ((n * s.h + r * s.k + t / s.k) * s.w + c * s.k + t % s.k) * s.c + ch
}

/// Max-pool: values and positions in the window.
pub(crate) fn max_pool(s: &crate::PoolShape, x: &[f64]) -> (Vec<f64>, Vec<usize>) {
    (0..s.y_len())
        .map(|i| {
            (0..s.k * s.k).fold((f64::NEG_INFINITY, 0), |(best, at), t| {
                let v = x[window_at(s, i, t)];
                if v > best { (v, t) } else { (best, at) }
            })
        })
        .unzip()
}

/// Its gradient.
pub(crate) fn max_unpool(s: &crate::PoolShape, dy: &[f32], places: &[usize]) -> Vec<f32> {
    let mut dx = vec![0.0; s.x_len()];
    dy.iter().zip(places).enumerate().for_each(|(i, (g, t))| dx[window_at(s, i, *t)] += g);
    dx
}
