//! Weights to and from PyTorch: its names, its layouts and its modules for every layer.
//!
//! [`TorchModel`] is a network's layers as torch has them. There are two ways to name tensors: those of a tree of
//! `nn.Sequential` ([`Names::Tree`]), `3.body.0.weight` for `layers.3.residual.body.0.conv2d.weight`, and, for a network with
//! one of the presets `resnet18`, `resnet34` and `resnet50` among its outermost layers, torchvision's
//! ([`Names::Torchvision`]). Files are also read by our own full paths, in our layouts ([`Names::Own`]).
//!
//! Owns no file: whoever calls reads and writes the bytes.

mod activation;
mod backbone;
mod item;
mod layout;
mod leaf;
mod module;
mod read;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod torch_tests;
mod torchvision;
mod tree;

use std::collections::{BTreeMap, BTreeSet};

use self::item::Item;
use self::layout::Pair;
use self::torchvision::Torchvision;
use self::tree::{Constant, Fill, Walker};
use super::input::Input;
use super::layer::LayerSpec;
pub(super) use activation::as_activation;
pub use backbone::{architectures_of, misfit_of_architecture, nearest_architecture};
pub use read::{Incoming, Misfits};
use simpipe_artifact::{NewTensor, Numbers, Weights};

/// Why a network can't be had in torch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InterchangeError {
    /// The layers don't fit each other.
    #[error("the layers can't be read: {0}")]
    Layers(String),
    /// Torch computes something else there.
    #[error("`{layer}` can't be had in torch: {reason}")]
    Refused {
        /// The layer's path.
        layer: String,
        /// Why.
        reason: String,
    },
    /// A layer or a tensor without a counterpart.
    #[error("`{0}` has no counterpart in torch")]
    Unknown(String),
    /// Two tensors would have one name.
    #[error("two tensors would be called `{0}` in torch")]
    Twice(String),
    /// Weights and layers are of different networks.
    #[error("the weights do not fit the layers: {0}")]
    Weights(String),
}

/// How tensors are named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Names {
    /// By our full paths, in our layouts.
    Own,
    /// By their place in a tree of `nn.Sequential`.
    Tree,
    /// As torchvision's residual networks name them; what stands in front of the network is in `input`, what stands behind it in
    /// `head`.
    Torchvision,
    /// As the library that trained a backbone names its tensors.
    Backbone(&'static str),
}

impl Names {
    /// The word for it in metadata and JSON.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Tree => "tree",
            Self::Torchvision => "torchvision",
            Self::Backbone(library) => library,
        }
    }

    /// In a sentence.
    fn words(self) -> String {
        match self {
            Self::Own => "this program's own names".to_owned(),
            Self::Tree => "torch's names for these layers".to_owned(),
            Self::Torchvision => "torchvision's names".to_owned(),
            Self::Backbone(library) => format!("the names of {library}"),
        }
    }
}

/// A network's layers as torch has them.
#[derive(Debug)]
pub struct TorchModel {
    pairs: Vec<Pair>,
    constants: Vec<Constant>,
    items: Vec<Item>,
    torchvision: Option<Torchvision>,
    channels: usize,
}

impl TorchModel {
    /// The layers for images of `input` (height, width, channels), by torchvision's names where it has the network.
    ///
    /// # Errors
    /// Where torch has nothing that computes the same.
    pub fn of(layers: &[LayerSpec], input: impl Into<Input>) -> Result<Self, InterchangeError> {
        Self::named(layers, input.into(), Torchvision::among(layers))
    }

    /// The same, by torchvision's names or by those of the tree.
    fn named(layers: &[LayerSpec], input: Input, torchvision: Option<Torchvision>) -> Result<Self, InterchangeError> {
        let mut tree = Walker::walk(layers, input)?;
        if let Some(torchvision) = &torchvision {
            let names = tree.pairs.iter_mut().map(|pair| &mut pair.theirs);
            let names = names.chain(tree.constants.iter_mut().map(|constant| &mut constant.name));
            names.for_each(|name| *name = torchvision.name(name));
        }
        let mut seen = BTreeSet::new();
        let mut names = tree.pairs.iter().map(|pair| &pair.theirs).chain(tree.constants.iter().map(|one| &one.name));
        if let Some(twice) = names.find(|name| !seen.insert(name.as_str())) {
            return Err(InterchangeError::Twice(twice.clone()));
        }
        let (pairs, constants, items) = (tree.pairs, tree.constants, tree.items);
        Ok(Self { pairs, constants, items, torchvision, channels: input.sides()[2] })
    }

    /// How its tensors are named.
    #[must_use]
    pub const fn names(&self) -> Names {
        if self.torchvision.is_some() { Names::Torchvision } else { Names::Tree }
    }

    /// Every tensor of the network, once, and those that torch's modules have besides: factors of one and summands of zero of
    /// normalisations that leave them out, and how many batches a batch normalisation has seen, which is said to be `steps`.
    ///
    /// # Errors
    /// If the weights are of another network.
    pub fn tensors(&self, weights: &Weights, steps: u64) -> Result<Vec<NewTensor>, InterchangeError> {
        let known: BTreeSet<&str> = self.pairs.iter().map(|pair| pair.ours.as_str()).collect();
        if let Some(extra) = weights.0.keys().find(|name| !known.contains(name.as_str())) {
            return Err(InterchangeError::Weights(format!("no layer has `{extra}`")));
        }
        let one = |pair: &Pair| {
            let found = weights
                .0
                .get(&pair.ours)
                .filter(|(shape, values)| *shape == pair.shape && values.len() == pair.shape.iter().product::<usize>());
            let (_, values) = found
                .ok_or_else(|| InterchangeError::Weights(format!("there is no `{}` of {:?}", pair.ours, pair.shape)))?;
            let numbers = Numbers::Single(pair.to_theirs(values));
            Ok(NewTensor { name: pair.theirs.clone(), shape: pair.their_shape(), numbers })
        };
        let mut tensors = self.pairs.iter().map(one).collect::<Result<Vec<_>, _>>()?;
        tensors.extend(self.constants.iter().map(|constant| constant.tensor(steps)));
        Ok(tensors)
    }

    /// Our path of each tensor by its name in torch; those that torch alone has are not among them.
    #[must_use]
    pub fn paths(&self) -> BTreeMap<&str, &str> {
        self.pairs.iter().map(|pair| (pair.theirs.as_str(), pair.ours.as_str())).collect()
    }

    /// The code of the network in Python, whose `build()` takes these tensors; `about` is said at its top.
    #[must_use]
    pub fn code(&self, about: &str) -> String {
        let about = about.replace(['\\', '"'], "'");
        module::file(&about, &self.items, self.torchvision.as_ref(), self.channels)
    }
}

impl Constant {
    fn tensor(&self, steps: u64) -> NewTensor {
        let (shape, numbers) = match self.fill {
            Fill::Ones(count) => (vec![count], Numbers::Single(vec![1.0; count])),
            Fill::Zeros(count) => (vec![count], Numbers::Single(vec![0.0; count])),
            Fill::Batches => (Vec::new(), Numbers::Whole(vec![i64::try_from(steps).unwrap_or(i64::MAX)])),
        };
        NewTensor { name: self.name.clone(), shape, numbers }
    }
}
