//! What follows the sums of a product in inference, on rows that are still in the cache: a summand, and a function of each value.
use crate::act::{Act, Gelu, Identity, Pointwise, Relu, Relu6, Silu};
use crate::simd::Simd;
use rayon::prelude::*;

/// A function of each value alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum After {
    /// The value itself.
    #[default]
    Nothing,
    /// `max(x, 0)`.
    Relu,
    /// `min(max(x, 0), 6)`.
    Relu6,
    /// `x Phi(x)` with the normal distribution's `Phi`.
    Gelu,
    /// `x / (1 + exp(-x))`.
    Silu,
}

impl From<Act> for After {
    fn from(act: Act) -> Self {
        match act {
            Act::Identity => Self::Nothing,
            Act::Relu => Self::Relu,
            Act::Relu6 => Self::Relu6,
            Act::Gelu => Self::Gelu,
            Act::Silu => Self::Silu,
        }
    }
}

simd_fn! {
    /// `y = after(y + add)`, or without a summand; `add` is as long as `y`.
    [] fn finish[][](after: After, add: Option<&[f32]>, y: &mut [f32]) = finish_impl;
}

#[inline(always)]
fn finish_impl<S: Simd>(_: S, after: After, add: Option<&[f32]>, y: &mut [f32]) {
    match after {
        After::Nothing => finish_as::<Identity>(add, y),
        After::Relu => finish_as::<Relu>(add, y),
        After::Relu6 => finish_as::<Relu6>(add, y),
        After::Gelu => finish_as::<Gelu>(add, y),
        After::Silu => finish_as::<Silu>(add, y),
    }
}

#[inline(always)]
fn finish_as<P: Pointwise>(add: Option<&[f32]>, y: &mut [f32]) {
    match add {
        Some(add) => {
            let add = &add[..y.len()];
            (0..y.len()).for_each(|i| y[i] = P::value(y[i] + add[i]));
        }
        None => (0..y.len()).for_each(|i| y[i] = P::value(y[i])),
    }
}

simd_fn! {
    /// As [`finish`] for `columns` numbers of each of `rows` rows that are `n` apart; `add` begins where `y` does.
    ///
    /// # Safety
    /// These numbers of `y` are this caller's alone.
    [unsafe] fn finish_panel[][](after: After, add: Option<&[f32]>, n: usize, columns: usize, rows: usize, y: *mut f32) = finish_panel_impl;
}

#[inline(always)]
unsafe fn finish_panel_impl<S: Simd>(
    s: S,
    after: After,
    add: Option<&[f32]>,
    n: usize,
    columns: usize,
    rows: usize,
    y: *mut f32,
) {
    for r in 0..rows {
        // SAFETY: the caller's promise.
        let y = unsafe { std::slice::from_raw_parts_mut(y.add(r * n), columns) };
        finish_impl(s, after, add.map(|add| &add[r * n..][..columns]), y);
    }
}

/// Whether there is nothing to do.
pub(crate) const fn is_nothing(after: After, add: Option<&[f32]>) -> bool {
    matches!(after, After::Nothing) && add.is_none()
}

/// Values that a task looks at, about.
const BLOCK: usize = 16 * 1024;

/// `y = after(y * scale + shift + add)` in place, by channel, without what is left out.
///
/// `scale` and `shift`: `[c]`; `y` whole rows `[c]`, `add` as long.
///
/// # Panics
/// If a length does not match.
pub fn finish_map(scale: Option<[&[f32]; 2]>, after: After, add: Option<&[f32]>, y: &mut [f32]) {
    assert!(add.is_none_or(|add| add.len() == y.len()), "add");
    let c = scale.map_or(1, |[scale, shift]| {
        assert!(scale.len() == shift.len() && y.len().is_multiple_of(scale.len().max(1)), "scale");
        scale.len().max(1)
    });
    let block = (BLOCK / c).max(1) * c;
    y.par_chunks_mut(block).enumerate().for_each(|(i, y)| {
        if let Some([scale, shift]) = scale {
            scaled(scale, shift, y);
        }
        if !is_nothing(after, add) {
            finish(after, add.map(|add| &add[i * block..][..y.len()]), y);
        }
    });
}

simd_fn! {
    [] fn scaled[][](scale: &[f32], shift: &[f32], y: &mut [f32]) = scaled_impl;
}

#[inline(always)]
fn scaled_impl<S: Simd>(_: S, scale: &[f32], shift: &[f32], y: &mut [f32]) {
    let c = scale.len();
    let shift = &shift[..c];
    if c > 0 {
        y.chunks_exact_mut(c).for_each(|y| (0..c).for_each(|i| y[i] = y[i] * scale[i] + shift[i]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_is_scaled_by_channel_and_then_finished() {
        let mut y = [1.0, 2.0, -3.0, 4.0];
        finish_map(Some([&[2.0, -1.0], &[0.5, 0.0]]), After::Nothing, None, &mut y);
        assert_eq!(y, [2.5, -2.0, -5.5, -4.0]);
        finish_map(None, After::Relu, Some(&[0.0, 3.0, 0.0, 1.0]), &mut y);
        assert_eq!(y, [2.5, 1.0, 0.0, 0.0]);
        // Over several blocks, each channel keeps its own.
        let mut y = vec![1.0; 3 * 20_000];
        finish_map(Some([&[1.0, 2.0, 3.0], &[0.0; 3]]), After::Nothing, None, &mut y);
        assert!(y.chunks(3).all(|row| row == [1.0, 2.0, 3.0]));
    }

    #[test]
    fn a_summand_comes_before_the_function() {
        let run = |after, add: Option<&[f32]>| {
            let mut y = vec![-9.0, 0.5, 4.0, f32::NAN];
            finish(after, add, &mut y);
            assert!(y[3].is_nan(), "{after:?}");
            y.truncate(3);
            y
        };
        let add = [1.0, -1.0, 3.0, 0.0];
        assert_eq!(run(After::Nothing, None), [-9.0, 0.5, 4.0]);
        assert_eq!(run(After::Nothing, Some(&add)), [-8.0, -0.5, 7.0]);
        assert_eq!(run(After::Relu, Some(&add)), [0.0, 0.0, 7.0]);
        assert_eq!(run(After::Relu6, Some(&add)), [0.0, 0.0, 6.0]);
        assert_eq!(run(After::Relu6, None), [0.0, 0.5, 4.0]);
        // x Phi(x) and x / (1 + exp(-x)) at -8, -0.5 and 7.
        let near = |found: Vec<f32>, wanted: [f32; 3]| found.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 1e-6);
        assert!(near(run(After::Gelu, Some(&add)), [0.0, -0.154_268_77, 7.0]));
        assert!(near(run(After::Silu, Some(&add)), [-0.002_682_801, -0.188_770_33, 6.993_623]));
    }
}
