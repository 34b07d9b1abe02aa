//! Functions of each value alone and their slopes, for passes that compute them on the way: relu, gelu and silu.
//!
//! All instruction sets give the same bits: nothing here is contracted or summed in another order.
use crate::simd::Simd;
use rayon::prelude::*;

/// A function of each value alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Act {
    /// The value itself.
    #[default]
    Identity,
    /// `max(x, 0)`.
    Relu,
    /// `min(max(x, 0), 6)`.
    Relu6,
    /// `x Phi(x)` with the normal distribution's `Phi`.
    Gelu,
    /// `x / (1 + exp(-x))`.
    Silu,
}

/// One of them, known when a pass is compiled.
pub(crate) trait Pointwise {
    fn value(z: f32) -> f32;
    fn slope(z: f32) -> f32;
}

pub(crate) struct Identity;
pub(crate) struct Relu;
pub(crate) struct Relu6;
pub(crate) struct Gelu;
pub(crate) struct Silu;

impl Pointwise for Identity {
    #[inline(always)]
    fn value(z: f32) -> f32 {
        z
    }
    #[inline(always)]
    fn slope(_: f32) -> f32 {
        1.0
    }
}

impl Pointwise for Relu {
    /// Not a number stays so.
    #[inline(always)]
    fn value(z: f32) -> f32 {
        if z <= 0.0 { 0.0 } else { z }
    }
    #[inline(always)]
    fn slope(z: f32) -> f32 {
        if z > 0.0 { 1.0 } else { 0.0 }
    }
}

impl Pointwise for Relu6 {
    /// Not a number stays so.
    #[inline(always)]
    fn value(z: f32) -> f32 {
        let z = if z <= 0.0 { 0.0 } else { z };
        if z >= 6.0 { 6.0 } else { z }
    }
    #[inline(always)]
    fn slope(z: f32) -> f32 {
        if z > 0.0 && z < 6.0 { 1.0 } else { 0.0 }
    }
}

impl Pointwise for Gelu {
    #[inline(always)]
    fn value(z: f32) -> f32 {
        z * normal(z).0
    }
    #[inline(always)]
    fn slope(z: f32) -> f32 {
        let (below, density) = normal(z);
        below + z * density
    }
}

impl Pointwise for Silu {
    #[inline(always)]
    fn value(z: f32) -> f32 {
        z * logistic(z).0
    }
    #[inline(always)]
    fn slope(z: f32) -> f32 {
        let (below, above) = logistic(z);
        below * (1.0 + z * above)
    }
}

/// The normal distribution's share below `z` and its density there: within 1e-7 (Abramowitz and Stegun, 1964, 7.1.26, whose `p` and
/// coefficients here hold the roots and halves).
#[inline(always)]
fn normal(z: f32) -> (f32, f32) {
    let e = exp_minus(0.5 * z * z);
    let t = 1.0 / (1.0 + 0.231_641_89 * z.abs());
    let sum = 0.127_414_8 + t * (-0.142_248_36 + t * (0.710_706_9 + t * (-0.726_576_03 + t * 0.530_702_7)));
    let beyond = t * sum * e;
    (if z > 0.0 { 1.0 - beyond } else { beyond }, 0.398_942_3 * e)
}

/// `1 / (1 + exp(-z))` and `1 / (1 + exp(z))`.
#[inline(always)]
fn logistic(z: f32) -> (f32, f32) {
    let e = exp_minus(z.abs());
    let large = 1.0 / (1.0 + e);
    let small = e * large;
    if z > 0.0 { (large, small) } else { (small, large) }
}

/// `exp(-y)` for `y >= 0`, within two units in the last place, and from 87 on what it is there (1.6e-38). After Cephes' `expf`.
#[inline(always)]
pub(crate) fn exp_minus(y: f32) -> f32 {
    let x = if y > 87.0 { -87.0 } else { -y };
    // Adding 1.5 * 2^23 rounds to a whole number, which the lowest bits then hold.
    let shifted = x * std::f32::consts::LOG2_E + 12_582_912.0;
    let whole = shifted - 12_582_912.0;
    let r = (x - whole * 0.693_359_4) - whole * -0.000_212_194_44;
    let p = 0.000_198_756_91 * r + 0.001_398_199_9;
    let p = ((((p * r + 0.008_333_452) * r + 0.041_665_796) * r + 0.166_666_66) * r + 0.5) * (r * r) + r + 1.0;
    p * f32::from_bits((shifted.to_bits() << 23).wrapping_add(0x3F80_0000))
}

/// Calls `$f::<P>(..)` for the pointwise function of an [`Act`].
macro_rules! with_act {
    ($act:expr, $f:ident [$($generic:tt)*] ($($arg:expr),* $(,)?)) => {
        match $act {
            $crate::act::Act::Identity => $f::<$crate::act::Identity, $($generic)*>($($arg),*),
            $crate::act::Act::Relu => $f::<$crate::act::Relu, $($generic)*>($($arg),*),
            $crate::act::Act::Relu6 => $f::<$crate::act::Relu6, $($generic)*>($($arg),*),
            $crate::act::Act::Gelu => $f::<$crate::act::Gelu, $($generic)*>($($arg),*),
            $crate::act::Act::Silu => $f::<$crate::act::Silu, $($generic)*>($($arg),*),
        }
    };
}
pub(crate) use with_act;

/// Values that a task looks at.
const BLOCK: usize = 16 * 1024;

/// `y = act(x)`.
///
/// # Panics
/// If the lengths differ.
pub fn activate(act: Act, x: &[f32], y: &mut [f32]) {
    assert_eq!(x.len(), y.len(), "lengths");
    y.par_chunks_mut(BLOCK).zip(x.par_chunks(BLOCK)).for_each(|(y, x)| values(act, x, y));
}

/// The gradient of [`activate`] for `dy`.
///
/// # Panics
/// If the lengths differ.
pub fn activate_backward(act: Act, x: &[f32], dy: &[f32], dx: &mut [f32]) {
    assert!(x.len() == dy.len() && x.len() == dx.len(), "lengths");
    let parts = dx.par_chunks_mut(BLOCK).zip(x.par_chunks(BLOCK).zip(dy.par_chunks(BLOCK)));
    parts.for_each(|(dx, (x, dy))| slopes(act, x, dy, dx));
}

simd_fn! {
    [] fn values[][](act: Act, x: &[f32], y: &mut [f32]) = values_impl;
}

#[inline(always)]
fn values_impl<S: Simd>(_: S, act: Act, x: &[f32], y: &mut [f32]) {
    with_act!(act, values_of[](x, y));
}

#[inline(always)]
fn values_of<P: Pointwise>(x: &[f32], y: &mut [f32]) {
    let x = &x[..y.len()];
    for i in 0..y.len() {
        y[i] = P::value(x[i]);
    }
}

simd_fn! {
    [] fn slopes[][](act: Act, x: &[f32], dy: &[f32], dx: &mut [f32]) = slopes_impl;
}

#[inline(always)]
fn slopes_impl<S: Simd>(_: S, act: Act, x: &[f32], dy: &[f32], dx: &mut [f32]) {
    with_act!(act, slopes_of[](x, dy, dx));
}

#[inline(always)]
fn slopes_of<P: Pointwise>(x: &[f32], dy: &[f32], dx: &mut [f32]) {
    let (x, dy) = (&x[..dx.len()], &dy[..dx.len()]);
    for i in 0..dx.len() {
        dx[i] = dy[i] * P::slope(x[i]);
    }
}

simd_fn! {
    /// `y = act(y)`.
    [] fn values_in_place[][](act: Act, y: &mut [f32]) = values_in_place_impl;
}

#[inline(always)]
fn values_in_place_impl<S: Simd>(_: S, act: Act, y: &mut [f32]) {
    with_act!(act, values_in_place_of[](y));
}

#[inline(always)]
fn values_in_place_of<P: Pointwise>(y: &mut [f32]) {
    for i in 0..y.len() {
        y[i] = P::value(y[i]);
    }
}

simd_fn! {
    /// `z = dy * (the slope of act at z)`.
    [] fn slopes_in_place[][](act: Act, dy: &[f32], z: &mut [f32]) = slopes_in_place_impl;
}

#[inline(always)]
fn slopes_in_place_impl<S: Simd>(_: S, act: Act, dy: &[f32], z: &mut [f32]) {
    with_act!(act, slopes_in_place_of[](dy, z));
}

#[inline(always)]
fn slopes_in_place_of<P: Pointwise>(dy: &[f32], z: &mut [f32]) {
    let dy = &dy[..z.len()];
    for i in 0..z.len() {
        z[i] = dy[i] * P::slope(z[i]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::in_pool;

    /// `Phi` by its continued fraction far from 0 and its series near it (Abramowitz and Stegun, 26.2.11 and 26.2.14).
    fn below(z: f64) -> f64 {
        let a = z.abs();
        let density = (-0.5 * a * a).exp() / std::f64::consts::TAU.sqrt();
        let beyond = if a > 3.0 {
            density / (1..=60).rev().fold(a, |fraction, k| a + f64::from(k) / fraction)
        } else {
            let (mut term, mut sum) = (a, a);
            for k in 1..80 {
                term *= a * a / f64::from(2 * k + 1);
                sum += term;
            }
            0.5 - density * sum
        };
        if z > 0.0 { 1.0 - beyond } else { beyond }
    }

    #[test]
    fn values_and_slopes_are_right_to_the_last_digits() {
        let x: Vec<f32> =
            (-40_000..40_000).map(|i| i as f32 * 5e-4 + 1e-5).chain([-1e4, -88.0, 0.0, 88.0, 1e4]).collect();
        let ones = vec![1.0; x.len()];
        for act in [Act::Identity, Act::Relu, Act::Relu6, Act::Gelu, Act::Silu] {
            let run = || {
                let (mut y, mut dx) = (vec![f32::NAN; x.len()], vec![f32::NAN; x.len()]);
                activate(act, &x, &mut y);
                activate_backward(act, &x, &ones, &mut dx);
                (y, dx)
            };
            let (y, dx) = in_pool(3, run);
            assert!((y.clone(), dx.clone()) == in_pool(1, run));
            for (i, x) in x.iter().map(|x| f64::from(*x)).enumerate() {
                let sigmoid = 1.0 / (1.0 + (-x).exp());
                let density = (-0.5 * x * x).exp() / std::f64::consts::TAU.sqrt();
                let (value, slope) = match act {
                    Act::Identity => (x, 1.0),
                    Act::Relu => (x.max(0.0), if x > 0.0 { 1.0 } else { 0.0 }),
                    Act::Relu6 => (x.clamp(0.0, 6.0), if x > 0.0 && x < 6.0 { 1.0 } else { 0.0 }),
                    Act::Gelu => (x * below(x), below(x) + x * density),
                    Act::Silu => (x * sigmoid, sigmoid * (1.0 + x * (1.0 - sigmoid))),
                };
                let near = |found: f32, wanted: f64| (f64::from(found) - wanted).abs() < 4e-7 * wanted.abs().max(1.0);
                assert!(near(y[i], value), "{act:?}({x}): {}, expected {value}", y[i]);
                assert!(near(dx[i], slope), "the slope of {act:?} at {x}: {}, expected {slope}", dx[i]);
            }
        }
    }

    #[test]
    fn not_a_number_stays_so() {
        for act in [Act::Relu, Act::Relu6, Act::Gelu, Act::Silu] {
            let mut y = [0.0];
            activate(act, &[f32::NAN], &mut y);
            assert!(y[0].is_nan(), "{act:?}");
        }
    }
}
