//! Winograd transforms (Lavin and Gray 2016, arXiv:1509.09308) for 3x3 kernels: F(4x4), F(3x3) and F(2x2).
//!
//! Forward: `Y = At [(G g Gt) * (Bt d B)] A`. The gradients use the transposed maps, so that the transform of `dy` serves both:
//! `dM = A dY At`, `dU += dM * V`, `dV = dM * U`, `dX += B dV Bt`, `dg = Gt dU G`.
use crate::simd::Simd;

/// The one-dimensional maps of F(M, 3) with `A = M + 2` points.
pub(crate) trait Tile<const A: usize, const M: usize>: Copy + Send + Sync {
    /// `Bt d`.
    fn input<S: Simd>(s: S, d: [S::V; A]) -> [S::V; A];
    /// `B v`, the transpose of `input`.
    fn input_t<S: Simd>(s: S, v: [S::V; A]) -> [S::V; A];
    /// `At m`.
    fn output<S: Simd>(s: S, m: [S::V; A]) -> [S::V; M];
    /// `A y`, the transpose of `output`.
    fn output_t<S: Simd>(s: S, y: [S::V; M]) -> [S::V; A];
    /// `G g`.
    fn weight<S: Simd>(s: S, g: [S::V; 3]) -> [S::V; A];
    /// `Gt u`, the transpose of `weight`.
    fn weight_t<S: Simd>(s: S, u: [S::V; A]) -> [S::V; 3];
}

macro_rules! two_dimensions {
    ($($name:ident = $line:ident: $i:tt -> $o:tt;)*) => {$(
        /// The map applied to the columns, then to the rows.
        #[inline(always)]
        pub(crate) fn $name<S: Simd, T: Tile<A, M>, const A: usize, const M: usize>(s: S, d: [[S::V; $i]; $i]) -> [[S::V; $o]; $o] {
            let mut half = [[s.splat(0.0); $i]; $o];
            for j in 0..$i {
                let mut column = [s.splat(0.0); $i];
                for i in 0..$i {
                    column[i] = d[i][j];
                }
                let column = T::$line(s, column);
                for i in 0..$o {
                    half[i][j] = column[i];
                }
            }
            let mut out = [[s.splat(0.0); $o]; $o];
            for i in 0..$o {
                out[i] = T::$line(s, half[i]);
            }
            out
        }
    )*};
}

two_dimensions! {
    input_2d = input: A -> A;
    input_t_2d = input_t: A -> A;
    output_2d = output: A -> M;
    output_t_2d = output_t: M -> A;
    weight_2d = weight: 3 -> A;
    weight_t_2d = weight_t: A -> 3;
}

/// `x * k + y` with a constant `k`.
#[inline(always)]
fn axpy<S: Simd>(s: S, k: f32, x: S::V, y: S::V) -> S::V {
    s.fma(s.splat(k), x, y)
}
/// `x * k` with a constant `k`.
#[inline(always)]
fn scale<S: Simd>(s: S, k: f32, x: S::V) -> S::V {
    s.mul(s.splat(k), x)
}

/// F(4x4, 3x3): points 0, 1, -1, 2, -2, infinity.
#[derive(Clone, Copy)]
pub(crate) struct F4;

impl Tile<6, 4> for F4 {
    #[inline(always)]
    fn input<S: Simd>(s: S, d: [S::V; 6]) -> [S::V; 6] {
        let a = axpy(s, -4.0, d[2], d[4]);
        let b = axpy(s, -4.0, d[1], d[3]);
        let c = s.sub(d[4], d[2]);
        let e = s.sub(d[3], d[1]);
        [
            axpy(s, 4.0, d[0], axpy(s, -5.0, d[2], d[4])),
            s.add(a, b),
            s.sub(a, b),
            axpy(s, 2.0, e, c),
            axpy(s, -2.0, e, c),
            axpy(s, 4.0, d[1], axpy(s, -5.0, d[3], d[5])),
        ]
    }
    #[inline(always)]
    fn input_t<S: Simd>(s: S, v: [S::V; 6]) -> [S::V; 6] {
        let (p, q) = (s.add(v[1], v[2]), s.sub(v[2], v[1]));
        let (f, g) = (s.add(v[3], v[4]), s.sub(v[4], v[3]));
        [
            scale(s, 4.0, v[0]),
            axpy(s, 4.0, q, axpy(s, 2.0, g, scale(s, 4.0, v[5]))),
            axpy(s, -5.0, v[0], axpy(s, -4.0, p, s.sub(s.splat(0.0), f))),
            axpy(s, -5.0, v[5], s.sub(scale(s, -2.0, g), q)),
            s.add(v[0], s.add(p, f)),
            v[5],
        ]
    }
    #[inline(always)]
    fn output<S: Simd>(s: S, m: [S::V; 6]) -> [S::V; 4] {
        let (a, b) = (s.add(m[1], m[2]), s.sub(m[1], m[2]));
        let (c, d) = (s.add(m[3], m[4]), s.sub(m[3], m[4]));
        [s.add(m[0], s.add(a, c)), axpy(s, 2.0, d, b), axpy(s, 4.0, c, a), s.add(axpy(s, 8.0, d, b), m[5])]
    }
    #[inline(always)]
    fn output_t<S: Simd>(s: S, y: [S::V; 4]) -> [S::V; 6] {
        let (a, b) = (s.add(y[0], y[2]), s.add(y[1], y[3]));
        let c = axpy(s, 4.0, y[2], y[0]);
        let d = axpy(s, 4.0, y[3], y[1]);
        [y[0], s.add(a, b), s.sub(a, b), axpy(s, 2.0, d, c), axpy(s, -2.0, d, c), y[3]]
    }
    #[inline(always)]
    fn weight<S: Simd>(s: S, g: [S::V; 3]) -> [S::V; 6] {
        let a = s.add(g[0], g[2]);
        let b = scale(s, 1.0 / 24.0, axpy(s, 4.0, g[2], g[0]));
        let c = scale(s, 1.0 / 12.0, g[1]);
        [
            scale(s, 0.25, g[0]),
            scale(s, -1.0 / 6.0, s.add(a, g[1])),
            scale(s, -1.0 / 6.0, s.sub(a, g[1])),
            s.add(b, c),
            s.sub(b, c),
            g[2],
        ]
    }
    #[inline(always)]
    fn weight_t<S: Simd>(s: S, u: [S::V; 6]) -> [S::V; 3] {
        let (a, b) = (s.add(u[1], u[2]), s.sub(u[2], u[1]));
        let (c, d) = (s.add(u[3], u[4]), s.sub(u[3], u[4]));
        let a = scale(s, -1.0 / 6.0, a);
        [
            axpy(s, 0.25, u[0], axpy(s, 1.0 / 24.0, c, a)),
            axpy(s, 1.0 / 6.0, b, scale(s, 1.0 / 12.0, d)),
            s.add(axpy(s, 1.0 / 6.0, c, a), u[5]),
        ]
    }
}

/// F(3x3, 3x3): points 0, 1, -1, 2, infinity.
#[derive(Clone, Copy)]
pub(crate) struct F3;

impl Tile<5, 3> for F3 {
    #[inline(always)]
    fn input<S: Simd>(s: S, d: [S::V; 5]) -> [S::V; 5] {
        let a = s.sub(d[3], d[1]);
        let b = s.sub(d[4], d[2]);
        [
            axpy(s, 2.0, s.sub(d[0], d[2]), a),
            s.sub(axpy(s, -2.0, d[1], d[3]), d[2]),
            axpy(s, 2.0, d[1], axpy(s, -3.0, d[2], d[3])),
            a,
            axpy(s, -2.0, a, b),
        ]
    }
    #[inline(always)]
    fn input_t<S: Simd>(s: S, v: [S::V; 5]) -> [S::V; 5] {
        let a = s.add(s.add(v[0], v[1]), s.add(v[2], v[3]));
        [
            scale(s, 2.0, v[0]),
            s.sub(axpy(s, 2.0, s.add(s.sub(v[2], v[1]), v[4]), scale(s, -1.0, v[0])), v[3]),
            s.sub(axpy(s, -2.0, v[0], axpy(s, -3.0, v[2], scale(s, -1.0, v[1]))), v[4]),
            axpy(s, -2.0, v[4], a),
            v[4],
        ]
    }
    #[inline(always)]
    fn output<S: Simd>(s: S, m: [S::V; 5]) -> [S::V; 3] {
        let (a, b) = (s.add(m[1], m[2]), s.sub(m[1], m[2]));
        [s.add(m[0], s.add(a, m[3])), axpy(s, 2.0, m[3], b), s.add(axpy(s, 4.0, m[3], a), m[4])]
    }
    #[inline(always)]
    fn output_t<S: Simd>(s: S, y: [S::V; 3]) -> [S::V; 5] {
        let a = s.add(y[0], y[2]);
        [y[0], s.add(a, y[1]), s.sub(a, y[1]), axpy(s, 4.0, y[2], axpy(s, 2.0, y[1], y[0])), y[2]]
    }
    #[inline(always)]
    fn weight<S: Simd>(s: S, g: [S::V; 3]) -> [S::V; 5] {
        let a = s.add(g[0], g[2]);
        [
            scale(s, 0.5, g[0]),
            scale(s, -0.5, s.add(a, g[1])),
            scale(s, -1.0 / 6.0, s.sub(a, g[1])),
            scale(s, 1.0 / 6.0, axpy(s, 4.0, g[2], axpy(s, 2.0, g[1], g[0]))),
            g[2],
        ]
    }
    #[inline(always)]
    fn weight_t<S: Simd>(s: S, u: [S::V; 5]) -> [S::V; 3] {
        let (p, q, r) = (scale(s, -0.5, u[1]), scale(s, -1.0 / 6.0, u[2]), scale(s, 1.0 / 6.0, u[3]));
        let a = s.add(p, q);
        [axpy(s, 0.5, u[0], s.add(a, r)), axpy(s, 2.0, r, s.sub(p, q)), s.add(axpy(s, 4.0, r, a), u[4])]
    }
}

/// F(2x2, 3x3): points 0, 1, -1, infinity.
#[derive(Clone, Copy)]
pub(crate) struct F2;

impl Tile<4, 2> for F2 {
    #[inline(always)]
    fn input<S: Simd>(s: S, d: [S::V; 4]) -> [S::V; 4] {
        [s.sub(d[0], d[2]), s.add(d[1], d[2]), s.sub(d[2], d[1]), s.sub(d[3], d[1])]
    }
    #[inline(always)]
    fn input_t<S: Simd>(s: S, v: [S::V; 4]) -> [S::V; 4] {
        [v[0], s.sub(s.sub(v[1], v[2]), v[3]), s.sub(s.add(v[1], v[2]), v[0]), v[3]]
    }
    #[inline(always)]
    fn output<S: Simd>(s: S, m: [S::V; 4]) -> [S::V; 2] {
        [s.add(m[0], s.add(m[1], m[2])), s.add(s.sub(m[1], m[2]), m[3])]
    }
    #[inline(always)]
    fn output_t<S: Simd>(s: S, y: [S::V; 2]) -> [S::V; 4] {
        [y[0], s.add(y[0], y[1]), s.sub(y[0], y[1]), y[1]]
    }
    #[inline(always)]
    fn weight<S: Simd>(s: S, g: [S::V; 3]) -> [S::V; 4] {
        let a = s.add(g[0], g[2]);
        [g[0], scale(s, 0.5, s.add(a, g[1])), scale(s, 0.5, s.sub(a, g[1])), g[2]]
    }
    #[inline(always)]
    fn weight_t<S: Simd>(s: S, u: [S::V; 4]) -> [S::V; 3] {
        let a = s.add(u[1], u[2]);
        [axpy(s, 0.5, a, u[0]), scale(s, 0.5, s.sub(u[1], u[2])), axpy(s, 0.5, a, u[3])]
    }
}
