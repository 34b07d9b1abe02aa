//! What follows a batch normalisation in the same operation, there and back; [`norm`](super::norm) and
//! [`conv_norm`](super::conv_norm) differ only in what comes before.

use std::sync::Arc;

use burn::backend::flex::FlexTensor;

use super::tensor::{buffer, floats, from_scratch, pass};
use crate::profile::Work;
use simpipe_kernel::{
    Act, Norm, NormSlopes, PoolShape, Scratch, Shortcut, TailGrads, batch_norm_max_pool_forward,
    batch_norm_relu_max_pool_forward, batch_norm_relu_max_pool_slopes, batch_norm_slopes, batch_norm_tail_forward,
    batch_norm_tail_slopes,
};

/// What follows a batch normalisation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tail {
    /// What comes first.
    pub act: Act,
    /// Side and stride of a max-pool, 1 to 15, where there is no shortcut and at most a relu.
    pub pool: Option<usize>,
    /// Whether a relu follows the sum with a shortcut, where there is one.
    pub sum_relu: bool,
}

/// What the way back needs of the way there.
#[derive(Debug, Clone, Default)]
pub(super) struct Saved {
    /// With a pool: the values of the map at the maxima, and their places in the windows.
    picked: Option<Arc<(Scratch, Vec<u8>)>>,
    /// The output, where a relu follows the sum.
    y: Option<FlexTensor>,
}

impl Saved {
    /// With a pool, the places of the maxima in their windows.
    pub(super) fn places(&self) -> Option<&[u8]> {
        self.picked.as_ref().map(|picked| &picked.1[..])
    }
}

/// What comes back to a normalisation.
pub(super) struct Back {
    /// The gradient that the slopes are for: of the map or of the maxima.
    pub(super) dy: FlexTensor,
    /// The shortcut's.
    pub(super) shortcut: FlexTensor,
    pub(super) slopes: NormSlopes,
    pub(super) dgamma: Vec<f32>,
    pub(super) dbeta: Vec<f32>,
}

impl Tail {
    /// A map's windows, of one pixel where there is no pool.
    pub(super) fn windows(self, [n, h, w, c]: [usize; 4]) -> PoolShape {
        PoolShape { n, h, w, c, k: self.pool.unwrap_or(1) }
    }

    /// The work of a pass over a map of so many numbers, which leaves as many.
    pub(super) const fn work(self, numbers: usize) -> Work {
        let windows = match self.pool {
            Some(side) => side * side,
            None => 1,
        };
        pass(numbers + numbers / windows)
    }

    /// The output for a map of this shape.
    pub(super) fn forward(
        self,
        map: &[f32],
        shape: [usize; 4],
        norm: &Norm<'_>,
        shortcut: Option<&FlexTensor>,
    ) -> (FlexTensor, Saved) {
        let windows = self.windows(shape);
        let mut y = Scratch::take(windows.y_len());
        if self.pool.is_none() {
            let other = shortcut.map(|values| Shortcut { values: floats(values), relu: self.sum_relu });
            batch_norm_tail_forward(map, norm, self.act, other, &mut y);
            let y = from_scratch(y, shape);
            let saved = (self.sum_relu && shortcut.is_some()).then(|| y.clone());
            return (y, Saved { picked: None, y: saved });
        }
        let (mut picked, mut places) = (Scratch::take(y.len()), vec![0; y.len()]);
        if self.act == Act::Relu {
            batch_norm_relu_max_pool_forward(&windows, map, norm, &mut y, &mut picked, &mut places);
        } else {
            let Norm { stats, gamma, beta, eps } = *norm;
            batch_norm_max_pool_forward(&windows, map, stats, gamma, beta, eps, &mut y, &mut picked, &mut places);
        }
        let [height, width] = windows.out();
        let y = from_scratch(y, [windows.n, height, width, windows.c]);
        (y, Saved { picked: Some(Arc::new((picked, places))), y: None })
    }

    /// The way back to the normalisation of a map of this shape.
    pub(super) fn backward(
        self,
        map: &[f32],
        shape: [usize; 4],
        norm: &Norm<'_>,
        saved: &Saved,
        dy: FlexTensor,
    ) -> Back {
        let channels = norm.gamma.len();
        let (mut dgamma, mut dbeta) = (buffer(channels), buffer(channels));
        let (mut summed, mut inner) = (None, None);
        let slopes = match (&saved.picked, &saved.y) {
            (Some(picked), _) if self.act == Act::Relu => {
                let (windows, (picked, places)) = (self.windows(shape), &**picked);
                batch_norm_relu_max_pool_slopes(&windows, norm, picked, places, floats(&dy), &mut dgamma, &mut dbeta)
            }
            // Behind a pool the gradient is zero but at the maxima, so these alone give the sums.
            (Some(picked), _) => {
                let Norm { stats, gamma, eps, .. } = *norm;
                batch_norm_slopes(&picked.0, stats, gamma, eps, floats(&dy), &mut dgamma, &mut dbeta)
            }
            (None, y) => {
                let smooth = matches!(self.act, Act::Relu6 | Act::Gelu | Act::Silu);
                summed = y.as_ref().map(|_| Scratch::take(map.len()));
                inner = smooth.then(|| Scratch::take(map.len()));
                let sum = y.as_ref().zip(summed.as_deref_mut()).map(|(y, before)| (floats(y), before));
                let into = TailGrads { sum, act: inner.as_deref_mut() };
                batch_norm_tail_slopes(map, norm, self.act, into, floats(&dy), &mut dgamma, &mut dbeta)
            }
        };
        let shortcut = summed.map_or(dy, |before| from_scratch(before, shape));
        let dy = inner.map_or_else(|| shortcut.clone(), |inner| from_scratch(inner, shape));
        Back { dy, shortcut, slopes, dgamma, dbeta }
    }
}
