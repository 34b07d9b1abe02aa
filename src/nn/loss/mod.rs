//! Losses: one file a loss. A loss says what a batch must hold for it, may own learned weights, and gives one number for a
//! batch of embeddings; what several losses need of a batch (`Embedded`) is computed once.
//!
//! Owns the choice [`LossSpec`]. Knows nothing of networks.

mod arc_face;
mod barlow;
mod batch;
mod center_invariant;
mod circle;
mod class_logits;
mod cos_face;
mod cross_batch_memory;
mod cross_entropy;
pub mod distances;
#[cfg(test)]
pub(super) mod golden_tests;
mod large_margin_softmax;
mod lp;
mod matryoshka;
mod mining;
mod multi_negatives_ranking;
mod multi_similarity;
mod normalized_softmax;
mod p2s_grad;
mod pn;
mod problems;
mod proxy_anchor;
mod proxy_nca;
#[cfg(test)]
mod proxy_tests;
mod sim_clr;
mod sim_siam;
mod soft_nearest_neighbor;
mod soft_triple;
mod sphere_face;
mod sub_center_arc_face;
mod sum;
#[cfg(test)]
mod supervised_tests;
#[cfg(test)]
mod tfs_tests;
mod training_metric;
mod triplet;
mod two_views;
mod vicreg;
mod zero_mean;

pub use arc_face::ArcFace;
pub use barlow::Barlow;
pub(super) use batch::Embedded;
pub use center_invariant::CenterInvariant;
pub use circle::Circle;
pub use cos_face::CosFace;
pub use cross_batch_memory::CrossBatchMemory;
pub use cross_entropy::{CrossEntropy, Reduction};
pub use large_margin_softmax::LargeMarginSoftmax;
pub use lp::Lp;
pub use matryoshka::Matryoshka;
pub use mining::{NegativeMining, PositiveMining};
pub use multi_negatives_ranking::MultiNegativesRanking;
pub use multi_similarity::MultiSimilarity;
pub use normalized_softmax::NormalizedSoftmax;
pub use p2s_grad::P2sGrad;
pub use pn::Pn;
pub use problems::Known;
pub use proxy_anchor::ProxyAnchor;
pub use proxy_nca::ProxyNca;
pub use sim_clr::SimClr;
pub use sim_siam::{Projection, SimSiam};
pub use soft_nearest_neighbor::SoftNearestNeighbor;
pub use soft_triple::SoftTriple;
pub use sphere_face::SphereFace;
pub use sub_center_arc_face::SubCenterArcFace;
pub use sum::{Sum, Term};
pub use training_metric::TrainingMetric;
pub(super) use training_metric::tell;
pub use triplet::Triplet;
pub use vicreg::VicReg;
pub use zero_mean::ZeroMean;

use burn::tensor::Tensor;

use super::layer::{Cx, LayerIssue, WeightSpec};
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
        /// The gap between an anchor's mined positive and negative (Schroff et al., 2015, arXiv:1503.03832).
        #[aka("TripletLoss", "TripletMarginLoss", "triplet_semihard", "triplet_hard")]
        "triplet" => Triplet(Triplet),
        /// The triplet loss with the negative kept from the positive too (Taha et al., 2020, arXiv:1904.12689).
        #[aka("PNLoss", "positive_negative")]
        "pn" => Pn(Pn),
        /// Pairs weighted by how far they are from where they belong (Sun et al., 2020, arXiv:2002.10857).
        #[aka("CircleLoss")]
        "circle" => Circle(Circle),
        /// How likely a near neighbour is of the same class (Frosst et al., 2019, arXiv:1902.01889).
        #[aka("SoftNearestNeighborLoss", "soft_nn", "soft_nn_loss", "soft-nearest-neighbour", "snn")]
        "soft-nearest-neighbor" => SoftNearestNeighbor(SoftNearestNeighbor),
        /// A query finds its key among all keys; of two views (Henderson et al., 2017, arXiv:1705.00652).
        #[aka("MultiNegativesRankLoss", "MultipleNegativesRankingLoss", "mnr", "multineg_rank_loss")]
        "multi-negatives-ranking" => MultiNegativesRanking(MultiNegativesRanking),
        /// The other view is found among all other rows (Chen et al., 2020, arXiv:2002.05709).
        #[aka("SimCLRLoss", "sim-clr", "nt_xent_self_supervised")]
        "simclr" => SimClr(SimClr),
        /// Two views correlate number by number, and no further (Zbontar et al., 2021, arXiv:2103.03230).
        #[aka("BarlowTwins", "barlow-twins", "BarlowTwinsLoss")]
        "barlow" => Barlow(Barlow),
        /// Two views are alike while numbers vary, each for itself (Bardes et al., 2022, arXiv:2105.04906).
        #[aka("VicRegLoss", "vic-reg")]
        "vicreg" => VicReg(VicReg),
        /// One view is predicted from the other (Chen and He, 2021, arXiv:2011.10566).
        #[aka("SimSiamLoss", "sim-siam")]
        "simsiam" => SimSiam(SimSiam),
        /// Several losses at once, each with a weight.
        #[aka("combined", "multiple_losses", "MultipleLosses", "weighted_sum")]
        "sum" => Sum(Sum),
        /// A loss of pairs with rows of earlier batches to compare with (Wang et al., 2020, arXiv:1912.06798).
        #[aka("XBM", "CrossBatchMemory", "memory_bank")]
        "cross-batch-memory" => CrossBatchMemory(CrossBatchMemory),
        /// A loss of an embedding and of its beginnings (Kusupati et al., 2022, arXiv:2205.13147).
        #[aka("MatryoshkaLoss", "mrl", "nested")]
        "matryoshka" => Matryoshka(Matryoshka),
        /// A term of `sum`: short embeddings.
        #[aka("LpRegularizer", "l2_regularizer", "embedding_norm")]
        "lp" => Lp(Lp),
        /// A term of `sum`: embeddings of one length (Wu et al., 2017).
        #[aka("CenterInvariantRegularizer", "centre-invariant")]
        "center-invariant" => CenterInvariant(CenterInvariant),
        /// A term of `sum`: embeddings whose numbers are centred (Yuan et al., 2019, arXiv:1904.02616).
        #[aka("ZeroMeanRegularizer")]
        "zero-mean" => ZeroMean(ZeroMean),
    }
}

/// One loss. A new one is a file and a line in [`LossSpec`].
pub(in crate::nn) trait Loss: std::fmt::Debug {
    /// The distance that it is about: the index follows it.
    fn distance(&self) -> Distance;

    /// What a batch must hold for it.
    fn needs(&self) -> Needs;

    /// Whether it says what is to be learned; a regulariser alone trains nothing.
    fn is_objective(&self) -> bool {
        true
    }

    /// What is wrong with its parameters and with the losses inside it, their paths from its own parameters on.
    fn problems(&self, _known: &Known) -> Vec<LayerIssue> {
        Vec::new()
    }

    /// The weights that it learns, beside the network's, and the statistics that it keeps.
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
