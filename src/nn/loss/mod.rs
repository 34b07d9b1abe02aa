//! Losses: one file a loss. A loss says what a batch must hold for it, may own learned weights, and gives one number for a
//! batch of embeddings; what several losses need of a batch (`Embedded`) is computed once.
//!
//! Owns the choice [`LossSpec`]. Knows nothing of networks.

mod batch;
pub mod distances;
#[cfg(test)]
mod golden_tests;
mod multi_similarity;
mod normalized_softmax;
mod proxy_anchor;

pub(super) use batch::Embedded;
pub use multi_similarity::MultiSimilarity;
pub use normalized_softmax::NormalizedSoftmax;
pub use proxy_anchor::ProxyAnchor;

use burn::tensor::Tensor;

use super::layer::{Cx, WeightSpec};
use crate::artifact::Distance;
use crate::choice;

choice! {
    /// What training minimises.
    pub enum LossSpec: pub(in crate::nn) dyn Loss {
        /// Hard pairs around each anchor, softly weighted (Wang et al., 2019, arXiv:1904.06627).
        #[aka("MultiSimilarityLoss", "ms", "ms_loss")]
        "multi-similarity" => MultiSimilarity(MultiSimilarity),
        /// A learned direction for each class, compared with by a softmax (Zhai and Wu, 2019, arXiv:1811.12649).
        #[aka("NormalizedSoftmaxLoss", "norm_softmax", "NormSoftmax")]
        "normalized-softmax" => NormalizedSoftmax(NormalizedSoftmax),
        /// A learned proxy for each class as the anchor of a batch (Kim et al., 2020, arXiv:2003.13911).
        #[aka("ProxyAnchorLoss")]
        "proxy-anchor" => ProxyAnchor(ProxyAnchor),
    }
}

/// One loss. A new one is a file and a line in [`LossSpec`].
pub(in crate::nn) trait Loss: std::fmt::Debug {
    /// The distance that it is about: the index follows it.
    fn distance(&self) -> Distance;

    /// What a batch must hold for it.
    fn needs(&self) -> Needs;

    /// The weights that it learns, beside the network's.
    fn weights(&self, _target: Target) -> Vec<WeightSpec> {
        Vec::new()
    }

    /// The losses that it is made of, in the order of their numbers.
    fn inner(&self, _target: Target) -> Vec<Inner<'_>> {
        Vec::new()
    }

    /// The loss of a batch, `[1]`: 0 with a gradient of 0 where the batch holds nothing to learn from, never NaN.
    fn forward(&self, batch: &Embedded<'_>, cx: &mut Cx<'_>) -> Tensor<1>;
}

/// What a batch must hold for a loss.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Needs {
    /// Two examples of one class.
    pub positive_pairs: bool,
    /// Examples of two classes.
    pub negative_pairs: bool,
    /// Classes that were there when training began: the loss has learned something of each.
    pub known_classes: bool,
    /// Two views of every example, augmented apart.
    pub two_views: bool,
}

/// A loss inside another.
#[derive(Debug, Clone)]
pub(in crate::nn) struct Inner<'a> {
    /// Where it stands in the outer one, unique there: `terms.0`. Its weights' paths have it.
    pub(in crate::nn) name: String,
    pub(in crate::nn) loss: &'a LossSpec,
    /// What its weights are for.
    pub(in crate::nn) target: Target,
}

/// What a loss's weights are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::nn) struct Target {
    /// Length of an embedding.
    pub(in crate::nn) dim: usize,
    /// Classes that are trained on.
    pub(in crate::nn) classes: usize,
}

impl LossSpec {
    /// The distance that the loss is about: the index follows it.
    #[must_use]
    pub fn distance(&self) -> Distance {
        self.as_dyn().distance()
    }

    /// What a batch must hold for it.
    #[must_use]
    pub fn needs(&self) -> Needs {
        self.as_dyn().needs()
    }
}
