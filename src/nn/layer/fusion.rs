//! Neighbouring layers that a training pass computes as one operation: fewer passes over large maps, the same result up
//! to rounding.

use burn::tensor::Tensor;

use super::{BatchNorm, Conv2d, Layer, LayerSpec, MaxPool, Plain};
use crate::nn::ops::BatchStatistics;

/// Some layers in a row, the second of which may be a batch normalisation.
#[derive(Debug)]
pub(in crate::nn) enum Fusion<'a> {
    /// A convolution (with relu or without activation), the normalisation of its output, and perhaps a max-pool.
    ConvNorm(&'a Conv2d, &'a BatchNorm, Option<usize>),
    /// A batch normalisation and a max-pool.
    NormPool(&'a BatchNorm, usize),
}

impl<'a> Fusion<'a> {
    /// What the first of `layers` begins, if anything.
    pub(in crate::nn) fn of(layers: &'a [Layer]) -> Option<Self> {
        match layers {
            [Layer::Conv2d(conv), Layer::BatchNorm(norm), rest @ ..] if conv.epilogue().is_some() => {
                Some(Self::ConvNorm(conv, norm, rest.first().and_then(Layer::side_by_side)))
            }
            [Layer::BatchNorm(norm), next, ..] => Some(Self::NormPool(norm, next.side_by_side()?)),
            _ => None,
        }
    }

    /// How many layers it computes.
    pub(in crate::nn) const fn len(&self) -> usize {
        match self {
            Self::ConvNorm(_, _, Some(_)) => 3,
            Self::ConvNorm(_, _, None) | Self::NormPool(..) => 2,
        }
    }

    /// Which of them, from 0, is the batch normalisation.
    pub(in crate::nn) const fn norm(&self) -> usize {
        match self {
            Self::ConvNorm(..) => 1,
            Self::NormPool(..) => 0,
        }
    }

    /// The output of the last of them, and the statistics of the normalisation's batch.
    pub(in crate::nn) fn forward(&self, x: Tensor<4>) -> (Tensor<4>, BatchStatistics) {
        match self {
            Self::ConvNorm(conv, norm, pool) => conv.forward_normalised(x, norm.trained(), *pool),
            Self::NormPool(norm, size) => norm.forward_pooled(x, *size),
        }
    }
}

impl Layer {
    /// The side of a max-pool whose windows lie side by side; `None` for all other layers.
    pub(in crate::nn) fn side_by_side(&self) -> Option<usize> {
        match self {
            Self::Plain(Plain { spec: LayerSpec::MaxPool(MaxPool { size, stride }) })
                if stride.is_none_or(|stride| stride == *size) =>
            {
                Some(*size)
            }
            _ => None,
        }
    }
}
