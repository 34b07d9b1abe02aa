//! Neighbouring layers that a training pass computes as one operation: fewer passes over large maps.
//!
//! This is the one place that says which. An activation, a sum and a pool behind a normalisation, and a relu behind a
//! convolution, leave every bit as it is; statistics that come from the convolution itself are the same up to rounding.

use burn::tensor::Tensor;

use super::{relu_of_sum, side_by_side};
use crate::layer::{Activation, BatchNorm, Conv2d, Cx, Features, LayerSpec, Sum};
use crate::ops::{Act, Epilogue, Shortcut, Tail};
use crate::profile;

/// Computes a list of layers, and the sum that it ends in, if it does; `cx` is the list's.
pub(crate) fn forward(layers: &[LayerSpec], x: Features, sum: Option<Sum<'_>>, cx: &mut Cx<'_>) -> Features {
    #[cfg(test)]
    if let (Some(sum), false) = (&sum, tests::takes_sums()) {
        let sum = Sum { shortcut: sum.shortcut.clone(), activation: sum.activation };
        return sum.of(forward(layers, x, None, cx));
    }
    let (mut features, mut sum, mut at) = (x, sum, 0);
    while at < layers.len() {
        let fusion = Fusion::of(&layers[at..], sum.is_some()).filter(|fusion| fusion.trains(layers, at, cx));
        (features, at) = match (features, fusion) {
            (Features::Image(x), Some(fusion)) => {
                let behind = at + fusion.len();
                let ends = behind == layers.len() && fusion.takes_sum();
                let into = if ends { sum.take() } else { None };
                let path = cx.place().layer(at, layers[at].name());
                let y = profile::within(|| path.path().to_owned(), || fusion.forward(layers, at, x, into, cx));
                (Features::Image(y), behind)
            }
            (features, _) => {
                let path = cx.place().layer(at, layers[at].name());
                (profile::within(|| path.path().to_owned(), || cx.one(layers, at, features)), at + 1)
            }
        };
    }
    match sum {
        Some(sum) => sum.of(features),
        None => features,
    }
}

/// Some layers in a row.
#[derive(Debug)]
enum Fusion<'a> {
    /// A convolution without activation (or one that whitens) and a smooth function of each value.
    ConvAct(&'a LayerSpec, Act),
    /// A convolution without activation and a relu.
    ConvRelu(&'a Conv2d),
    /// A convolution with what is in its own pass, and a max-pool; whether that is a relu of its own layer.
    ConvPool(&'a Conv2d, Epilogue, usize, bool),
    /// A convolution (with relu or without activation) and the normalisation of its output.
    ConvNorm(&'a Conv2d, &'a BatchNorm, Behind),
    /// A batch normalisation.
    Norm(&'a BatchNorm, Behind),
}

/// The layers behind a normalisation.
#[derive(Debug, Clone, Copy)]
struct Behind {
    act: Act,
    /// The side of a max-pool.
    pool: Option<usize>,
}

impl Behind {
    /// What `layers` begin with.
    fn of(layers: &[LayerSpec]) -> Self {
        let act = match layers.first() {
            Some(LayerSpec::Relu(_)) => Act::Relu,
            Some(LayerSpec::Relu6(_)) => Act::Relu6,
            Some(LayerSpec::Gelu(_)) => Act::Gelu,
            Some(LayerSpec::Silu(_)) => Act::Silu,
            _ => Act::Identity,
        };
        let pool = match act {
            Act::Identity => layers.first().and_then(side_by_side),
            Act::Relu => layers.get(1).and_then(side_by_side),
            // Not the largest value has the largest of these.
            Act::Relu6 | Act::Gelu | Act::Silu => None,
        };
        Self { act, pool }
    }

    const fn len(self) -> usize {
        !matches!(self.act, Act::Identity) as usize + self.pool.is_some() as usize
    }
}

impl<'a> Fusion<'a> {
    /// What the first of `layers` begins, if anything; whether a sum follows the last of them.
    fn of(layers: &'a [LayerSpec], sum: bool) -> Option<Self> {
        let fusion = match layers {
            [LayerSpec::Conv2d(conv), LayerSpec::BatchNorm(norm), rest @ ..] if conv.epilogue().is_some() => {
                Self::ConvNorm(conv, norm, Behind::of(rest))
            }
            [LayerSpec::Conv2d(conv), LayerSpec::Relu(_), rest @ ..] if conv.epilogue() == Some(Epilogue::Linear) => {
                match rest.first().and_then(side_by_side) {
                    Some(size) => Self::ConvPool(conv, Epilogue::Relu, size, true),
                    None => Self::ConvRelu(conv),
                }
            }
            [layer @ LayerSpec::Conv2d(conv), LayerSpec::Gelu(_) | LayerSpec::Silu(_), ..]
                if conv.epilogue() == Some(Epilogue::Linear) =>
            {
                Self::ConvAct(layer, Behind::of(&layers[1..]).act)
            }
            [layer @ LayerSpec::WhitenConv(_), LayerSpec::Gelu(_) | LayerSpec::Silu(_), ..] => {
                Self::ConvAct(layer, Behind::of(&layers[1..]).act)
            }
            [LayerSpec::Conv2d(conv), next, ..] => Self::ConvPool(conv, conv.epilogue()?, side_by_side(next)?, false),
            [LayerSpec::BatchNorm(norm), rest @ ..] => {
                let behind = Behind::of(rest);
                if behind.len() == 0 && !(sum && rest.is_empty()) {
                    return None;
                }
                Self::Norm(norm, behind)
            }
            _ => return None,
        };
        #[cfg(test)]
        let fusion = tests::limited(fusion)?;
        Some(fusion)
    }

    /// How many layers it computes.
    const fn len(&self) -> usize {
        match self {
            Self::ConvRelu(_) | Self::ConvAct(..) | Self::ConvPool(.., false) => 2,
            Self::ConvPool(.., true) => 3,
            Self::ConvNorm(_, _, behind) => 2 + behind.len(),
            Self::Norm(_, behind) => 1 + behind.len(),
        }
    }

    /// Whether a sum behind it can be part of it.
    const fn takes_sum(&self) -> bool {
        match self {
            Self::ConvRelu(_) | Self::ConvAct(..) | Self::ConvPool(..) => false,
            Self::ConvNorm(_, _, behind) | Self::Norm(_, behind) => behind.pool.is_none(),
        }
    }

    /// Whether its normalisation, with the first layer as number `at`, goes by the batch: a frozen one does not.
    fn trains(&self, layers: &[LayerSpec], at: usize, cx: &mut Cx<'_>) -> bool {
        match self {
            Self::ConvRelu(_) | Self::ConvAct(..) | Self::ConvPool(..) => true,
            Self::ConvNorm(..) => cx.of(layers, at + 1).trains(),
            Self::Norm(..) => cx.of(layers, at).trains(),
        }
    }

    /// The output of the last of them, and of the sum behind; the first is number `at` of `layers`.
    fn forward(
        &self,
        layers: &[LayerSpec],
        at: usize,
        x: Tensor<4>,
        sum: Option<Sum<'_>>,
        cx: &mut Cx<'_>,
    ) -> Tensor<4> {
        let (shortcut, activation) = match sum {
            Some(Sum { shortcut, activation }) => {
                let relu = relu_of_sum(activation);
                let rest = if relu.is_none() { activation } else { &Activation::None };
                (Some(Shortcut { map: shortcut.into_image(), relu: relu == Some(true) }), rest)
            }
            None => (None, &Activation::None),
        };
        let tail = |behind: &Behind| Tail { act: behind.act, shortcut, pool: behind.pool };
        activation.forward(match self {
            Self::ConvAct(LayerSpec::WhitenConv(whiten), act) => {
                whiten.convolution(x.dims()[3]).forward_activated(x, *act, &cx.of(layers, at))
            }
            Self::ConvAct(LayerSpec::Conv2d(conv), act) => conv.forward_activated(x, *act, &cx.of(layers, at)),
            Self::ConvAct(..) => unreachable!("a convolution begins it"),
            Self::ConvRelu(conv) => conv.forward_as(x, Epilogue::Relu, &cx.of(layers, at)),
            Self::ConvPool(conv, epilogue, size, _) => conv.forward_pooled(x, *epilogue, *size, &cx.of(layers, at)),
            Self::ConvNorm(conv, norm, behind) => {
                let trained = norm.trained(&cx.of(layers, at + 1));
                let (y, statistics) = conv.forward_normalised(x, trained, tail(behind), &cx.of(layers, at));
                norm.absorb(statistics, &mut cx.of(layers, at + 1));
                y
            }
            Self::Norm(norm, behind) => norm.forward_with(x, tail(behind), &mut cx.of(layers, at)),
        })
    }
}

#[cfg(test)]
#[path = "fuse_tests.rs"]
pub(crate) mod tests;
