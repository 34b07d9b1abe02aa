//! What flows between the steps of embedding: maps in memory that is reused, and tensors where a layer is computed as it is.

use std::rc::Rc;

use burn::tensor::{Device, Tensor, TensorData};

use crate::fused;
use crate::layer::Features;
use simpipe_kernel::Scratch;

/// What the numbers of a map stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// `[n, h, w, c]`.
    Image,
    /// `[n, tokens, 1, c]`.
    Tokens,
    /// `[n, h, w, c]`, as one row an example.
    Vector,
}

/// Numbers between two steps; a clone shares them.
#[derive(Debug, Clone)]
pub(super) struct Map {
    values: Rc<Scratch>,
    pub(super) shape: [usize; 4],
    pub(super) kind: Kind,
}

impl Map {
    pub(super) fn new(values: Scratch, shape: [usize; 4], kind: Kind) -> Self {
        Self { values: Rc::new(values), shape, kind }
    }

    pub(super) fn values(&self) -> &[f32] {
        &self.values
    }

    /// How many rows of channels it has.
    pub(super) const fn rows(&self) -> usize {
        self.shape[0] * self.shape[1] * self.shape[2]
    }

    /// The numbers to be changed: themselves, if nobody else has them.
    pub(super) fn into_values(self) -> Scratch {
        Rc::try_unwrap(self.values).unwrap_or_else(|shared| {
            let mut own = Scratch::take(shared.len());
            own.copy_from_slice(&shared);
            own
        })
    }

    fn into_features(self, device: &Device) -> Features {
        let [n, h, w, c] = self.shape;
        let values = || self.values.to_vec();
        match self.kind {
            Kind::Image => Features::Image(Tensor::from_data(TensorData::new(values(), self.shape), device)),
            Kind::Tokens => Features::Tokens(Tensor::from_data(TensorData::new(values(), [n, h * w, c]), device)),
            Kind::Vector => Features::Vector(Tensor::from_data(TensorData::new(values(), [n, h * w * c]), device)),
        }
    }
}

/// What flows between steps.
#[derive(Debug)]
pub(super) enum Flow {
    Features(Box<Features>),
    Map(Map),
}

impl Flow {
    pub(super) fn of(features: Features) -> Self {
        Self::Features(Box::new(features))
    }

    /// Rows of channels: `[n, h, w, c]`, of a vector `[n, 1, 1, c]`.
    pub(super) fn shape(&self) -> [usize; 4] {
        match self {
            Self::Map(Map { shape: [n, h, w, c], kind: Kind::Vector, .. }) => [*n, 1, 1, h * w * c],
            Self::Map(map) => map.shape,
            Self::Features(features) => match &**features {
                Features::Image(x) => x.dims(),
                Features::Tokens(x) => {
                    let [n, tokens, c] = x.dims();
                    [n, tokens, 1, c]
                }
                Features::Vector(x) => {
                    let [n, c] = x.dims();
                    [n, 1, 1, c]
                }
            },
        }
    }

    pub(super) fn into_map(self) -> Map {
        let features = match self {
            Self::Map(map) => return map,
            Self::Features(features) => *features,
        };
        match features {
            Features::Image(x) => Map::new(fused::numbers(&x), x.dims(), Kind::Image),
            Features::Tokens(x) => {
                let [n, tokens, c] = x.dims();
                Map::new(fused::numbers(&x), [n, tokens, 1, c], Kind::Tokens)
            }
            Features::Vector(x) => {
                let [n, c] = x.dims();
                Map::new(fused::numbers(&x), [n, 1, 1, c], Kind::Vector)
            }
        }
    }

    pub(super) fn into_features(self, device: &Device) -> Features {
        match self {
            Self::Features(features) => *features,
            Self::Map(map) => map.into_features(device),
        }
    }

    /// The same of `fewest` examples at least: behind those that there are come copies of the first.
    pub(super) fn filled(self, fewest: usize, device: &Device) -> Features {
        match self.into_features(device) {
            Features::Image(x) => Features::Image(filled(x, fewest)),
            Features::Tokens(x) => Features::Tokens(filled(x, fewest)),
            Features::Vector(x) => Features::Vector(filled(x, fewest)),
        }
    }

    /// The first examples alone, where it was filled up.
    pub(super) fn first(self, count: usize) -> Self {
        if self.shape()[0] == count {
            return self;
        }
        match self {
            Self::Features(features) => Self::of(match *features {
                Features::Image(x) => Features::Image(x.narrow(0, 0, count)),
                Features::Tokens(x) => Features::Tokens(x.narrow(0, 0, count)),
                Features::Vector(x) => Features::Vector(x.narrow(0, 0, count)),
            }),
            Self::Map(_) => unreachable!("only what layers compute as they are is filled up"),
        }
    }
}

fn filled<const D: usize>(x: Tensor<D>, fewest: usize) -> Tensor<D> {
    let missing = fewest.saturating_sub(x.dims()[0]);
    if missing == 0 {
        return x;
    }
    let first = x.clone().narrow(0, 0, 1);
    Tensor::cat(std::iter::once(x).chain(std::iter::repeat_n(first, missing)).collect(), 0)
}
