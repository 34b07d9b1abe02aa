//! Losses: one file a loss. A loss says what a batch must hold for it, may own learned weights, and gives one number for a
//! batch of embeddings; what several losses need of a batch (`Embedded`) is computed once.
//!
//! Owns the choice [`LossSpec`]. Knows nothing of networks.

mod arc_face;
mod batch;
mod class_logits;
mod cos_face;
mod cross_entropy;
pub mod distances;
#[cfg(test)]
mod golden_tests;
mod large_margin_softmax;
mod multi_similarity;
mod normalized_softmax;
mod p2s_grad;
mod proxy_anchor;
mod proxy_nca;
#[cfg(test)]
mod proxy_tests;
mod soft_triple;
mod sphere_face;
mod sub_center_arc_face;

pub use arc_face::ArcFace;
pub(super) use batch::Embedded;
pub use cos_face::CosFace;
pub use cross_entropy::{CrossEntropy, Reduction};
pub use large_margin_softmax::LargeMarginSoftmax;
pub use multi_similarity::MultiSimilarity;
pub use normalized_softmax::NormalizedSoftmax;
pub use p2s_grad::P2sGrad;
pub use proxy_anchor::ProxyAnchor;
pub use proxy_nca::ProxyNca;
pub use soft_triple::SoftTriple;
pub use sphere_face::SphereFace;
pub use sub_center_arc_face::SubCenterArcFace;

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
        /// A learned proxy for each class, compared with by squared distances (Movshovitz-Attias et al., 2017,
        /// arXiv:1703.07464).
        #[aka("ProxyNCALoss", "ProxyNCA", "proxy_nca_pp")]
        "proxy-nca" => ProxyNca(ProxyNca),
        /// A learned direction for each class and a margin on the angle (Deng et al., 2019, arXiv:1801.07698).
        #[aka("ArcFaceLoss", "additive_angular_margin", "aam_softmax", "ArcMarginProduct")]
        "arc-face" => ArcFace(ArcFace),
        /// Several learned directions a class and a margin on the angle (Deng et al., 2020).
        #[aka("SubCenterArcFaceLoss", "subcenter")]
        "sub-center-arc-face" => SubCenterArcFace(SubCenterArcFace),
        /// A learned direction for each class and a margin on the cosine (Wang et al., 2018, arXiv:1801.09414).
        #[aka("CosFaceLoss", "am_softmax", "additive_margin_softmax", "lmcl")]
        "cos-face" => CosFace(CosFace),
        /// A learned direction for each class and a multiple of the angle (Liu et al., 2017, arXiv:1704.08063).
        #[aka("SphereFaceLoss", "a_softmax", "AngularSoftmax")]
        "sphere-face" => SphereFace(SphereFace),
        /// A linear classifier and a multiple of the angle (Liu et al., 2016, arXiv:1612.02295).
        #[aka("LargeMarginSoftmaxLoss", "l_softmax")]
        "large-margin-softmax" => LargeMarginSoftmax(LargeMarginSoftmax),
        /// Several learned centers a class, softly weighted (Qian et al., 2019, arXiv:1909.05235).
        #[aka("SoftTripleLoss")]
        "soft-triple" => SoftTriple(SoftTriple),
        /// Cosines to learned directions as they should be, in the mean square (Zhang et al., 2019, arXiv:1905.02479).
        #[aka("P2SGradLoss")]
        "p2s-grad" => P2sGrad(P2sGrad),
        /// A linear classifier on the embedding.
        #[aka("softmax", "CrossEntropyLoss", "ce", "classification", "SparseCategoricalCrossentropy", "linear")]
        "cross-entropy" => CrossEntropy(CrossEntropy),
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

    /// The losses of the rows, `[batch]`, where the loss is their mean: for looking at, not for training.
    fn rows(&self, _batch: &Embedded<'_>, _cx: &mut Cx<'_>) -> Option<Tensor<1>> {
        None
    }
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
