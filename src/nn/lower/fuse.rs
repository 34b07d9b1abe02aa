//! Neighbouring layers that a training pass computes as one operation: fewer passes over large maps, the same result up
//! to rounding.

use burn::tensor::Tensor;

use super::side_by_side;
use crate::nn::layer::{BatchNorm, Conv2d, Cx, Features, LayerSpec};

/// Computes a list of layers; `cx` is the list's.
pub(in crate::nn) fn forward(layers: &[LayerSpec], x: Features, cx: &mut Cx<'_>) -> Features {
    let (mut features, mut at) = (x, 0);
    while at < layers.len() {
        let fusion = Fusion::of(&layers[at..]).filter(|fusion| fusion.trains(layers, at, cx));
        (features, at) = match (features, fusion) {
            (Features::Image(x), Some(fusion)) => {
                (Features::Image(fusion.forward(layers, at, x, cx)), at + fusion.len())
            }
            (features, _) => (cx.one(layers, at, features), at + 1),
        };
    }
    features
}

/// Some layers in a row.
#[derive(Debug)]
enum Fusion<'a> {
    /// A convolution (with relu or without activation), the normalisation of its output, and perhaps a max-pool.
    ConvNorm(&'a Conv2d, &'a BatchNorm, Option<usize>),
    /// A batch normalisation and a max-pool.
    NormPool(&'a BatchNorm, usize),
}

impl<'a> Fusion<'a> {
    /// What the first of `layers` begins, if anything.
    fn of(layers: &'a [LayerSpec]) -> Option<Self> {
        match layers {
            [LayerSpec::Conv2d(conv), LayerSpec::BatchNorm(norm), rest @ ..] if conv.epilogue().is_some() => {
                Some(Self::ConvNorm(conv, norm, rest.first().and_then(side_by_side)))
            }
            [LayerSpec::BatchNorm(norm), next, ..] => Some(Self::NormPool(norm, side_by_side(next)?)),
            _ => None,
        }
    }

    /// How many layers it computes.
    const fn len(&self) -> usize {
        match self {
            Self::ConvNorm(_, _, Some(_)) => 3,
            Self::ConvNorm(_, _, None) | Self::NormPool(..) => 2,
        }
    }

    /// Whether its normalisation, with the first layer as number `at`, goes by the batch: a frozen one does not.
    fn trains(&self, layers: &[LayerSpec], at: usize, cx: &mut Cx<'_>) -> bool {
        match self {
            Self::ConvNorm(..) => cx.of(layers, at + 1).trains(),
            Self::NormPool(..) => cx.of(layers, at).trains(),
        }
    }

    /// The output of the last of them; the first is number `at` of `layers`.
    fn forward(&self, layers: &[LayerSpec], at: usize, x: Tensor<4>, cx: &mut Cx<'_>) -> Tensor<4> {
        match self {
            Self::ConvNorm(conv, norm, pool) => {
                let trained = norm.trained(&cx.of(layers, at + 1));
                let (y, statistics) = conv.forward_normalised(x, trained, *pool, &cx.of(layers, at));
                norm.absorb(statistics, &mut cx.of(layers, at + 1));
                y
            }
            Self::NormPool(norm, size) => norm.forward_pooled(x, *size, &mut cx.of(layers, at)),
        }
    }
}
