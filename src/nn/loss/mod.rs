//! Losses: one file a loss. A loss says what a batch must hold for it, may own learned weights, and gives one number for a
//! batch of embeddings; what several losses need of a batch (`Embedded`) is computed once.
//!
//! Owns the choice [`LossSpec`]. Knows nothing of networks.

mod angular;
mod batch;
mod circle_pairs;
mod contrastive;
pub mod distances;
mod dynamic_soft_margin;
mod fast_ap;
#[cfg(test)]
mod golden_tests;
mod histogram;
mod host;
mod intra_pair_variance;
mod lifted_structure;
mod log_sum;
mod margin;
mod multi_similarity;
mod multi_similarity_pairs;
mod n_pairs;
mod nca;
mod nearness;
mod normalized_softmax;
mod nt_xent;
#[cfg(test)]
mod pair_tests;
mod pairs;
mod per_anchor;
mod pnp;
#[cfg(test)]
mod property_tests;
mod proxy_anchor;
mod ranked_list;
mod ranks;
mod reducer;
mod smooth_ap;
mod sup_con;
mod threshold_consistent_margin;
mod triplet_margin;
mod tuplet_margin;

pub use angular::Angular;
pub(super) use batch::Embedded;
pub use circle_pairs::CirclePairs;
pub use contrastive::{Contrastive, SnrContrastive};
pub use dynamic_soft_margin::DynamicSoftMargin;
pub use fast_ap::FastAp;
pub use histogram::Histogram;
pub(super) use host::Grid;
pub use intra_pair_variance::IntraPairVariance;
pub use lifted_structure::{GeneralizedLiftedStructure, LiftedStructure};
pub use margin::{LearnBeta, Margin};
pub use multi_similarity::MultiSimilarity;
pub use multi_similarity_pairs::MultiSimilarityPairs;
pub use n_pairs::NPairs;
pub use nca::Nca;
pub(super) use nearness::{farness, farness_of_references, margin_of};
pub use normalized_softmax::NormalizedSoftmax;
pub use nt_xent::NtXent;
pub(super) use pairs::Around;
pub use per_anchor::PerAnchor;
pub use pnp::{Pnp, Variant};
pub use proxy_anchor::ProxyAnchor;
pub use ranked_list::RankedList;
pub use reducer::{ClassWeighted, ReducerSpec, Threshold};
pub use smooth_ap::SmoothAp;
pub use sup_con::SupCon;
pub use threshold_consistent_margin::ThresholdConsistentMargin;
pub use triplet_margin::TripletMargin;
pub use tuplet_margin::TupletMargin;

use burn::tensor::Tensor;

use super::layer::{Cx, WeightSpec};
use super::ops;
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
        /// Positive pairs within one margin, negative pairs beyond another (Hadsell et al., 2006).
        #[aka("ContrastiveLoss", "siamese", "pair_margin")]
        "contrastive" => Contrastive(Contrastive),
        /// The same by the ratio of noise to signal (Yuan et al., 2019, arXiv:1904.02616).
        #[aka("SignalToNoiseRatioContrastiveLoss", "snr")]
        "snr-contrastive" => SnrContrastive(SnrContrastive),
        /// The negative beyond the positive by a margin (Schroff et al., 2015, arXiv:1503.03832).
        #[aka("TripletMarginLoss", "TripletMarginWithDistanceLoss")]
        "triplet-margin" => TripletMargin(TripletMargin),
        /// A softmax of each positive among the negatives (Sohn, 2016; Chen et al., 2020, arXiv:2002.05709).
        #[aka("NTXentLoss", "InfoNCE", "info_nce")]
        "nt-xent" => NtXent(NtXent),
        /// A softmax of all positives among all others (Khosla et al., 2020, arXiv:2004.11362).
        #[aka("SupConLoss", "supervised_contrastive")]
        "sup-con" => SupCon(SupCon),
        /// Each positive pair against the negatives of both its rows (Song et al., 2016, arXiv:1511.06452).
        #[aka("LiftedStructureLoss", "lifted")]
        "lifted-structure" => LiftedStructure(LiftedStructure),
        /// All positives of an anchor against all its negatives (Hermans et al., 2017, arXiv:1703.07737).
        #[aka("GeneralizedLiftedStructureLoss", "generalised_lifted_structure")]
        "generalized-lifted-structure" => GeneralizedLiftedStructure(GeneralizedLiftedStructure),
        /// One pair of each class among the pairs of the others (Sohn, 2016).
        #[aka("NPairsLoss", "n_pair", "npair", "NPairLoss")]
        "n-pairs" => NPairs(NPairs),
        /// Small angles at the negative of a triplet (Wang et al., 2017, arXiv:1708.01682).
        #[aka("AngularLoss")]
        "angular" => Angular(Angular),
        /// Average precision by histograms of distances (Cakir et al., 2019).
        #[aka("FastAPLoss")]
        "fast-ap" => FastAp(FastAp),
        /// How probably a neighbour is of the same class (Goldberger et al., 2004).
        #[aka("NCALoss", "neighbourhood_components_analysis")]
        "nca" => Nca(Nca),
        /// Each positive, at a smaller angle than its own, against all negatives (Yu and Tao, 2019).
        #[aka("TupletMarginLoss", "tuplet")]
        "tuplet-margin" => TupletMargin(TupletMargin),
        /// Little variance among positive and among negative pairs (Yu and Tao, 2019); goes beside another loss.
        #[aka("IntraPairVarianceLoss")]
        "intra-pair-variance" => IntraPairVariance(IntraPairVariance),
        /// No negatives before positives, counted smoothly (Li et al., 2021, arXiv:2102.04640).
        #[aka("PNPLoss")]
        "pnp" => Pnp(Pnp),
        /// Pairs on their sides of a boundary that may be learned (Wu et al., 2017, arXiv:1706.07567).
        #[aka("MarginLoss")]
        "margin" => Margin(Margin),
        /// Average precision by smooth ranks (Brown et al., 2020, arXiv:2007.12163).
        #[aka("SmoothAPLoss")]
        "smooth-ap" => SmoothAp(SmoothAp),
        /// How probably a negative pair is nearer than a positive one (Ustinova and Lempitsky, 2016, arXiv:1611.00822).
        #[aka("HistogramLoss")]
        "histogram" => Histogram(Histogram),
        /// Positives in a ball, negatives beyond it, the hardest weighing most (Wang et al., 2019, arXiv:1903.03238).
        #[aka("RankedListLoss", "rll")]
        "ranked-list" => RankedList(RankedList),
        /// The circle loss of mined or all pairs, as pytorch-metric-learning has it (Sun et al., 2020, arXiv:2002.10857).
        "circle-pairs" => CirclePairs(CirclePairs),
        /// Multi-similarity of mined or all pairs, as pytorch-metric-learning has it (Wang et al., 2019, arXiv:1904.06627).
        "multi-similarity-pairs" => MultiSimilarityPairs(MultiSimilarityPairs),
        /// Triplets by how hard they are among all so far (Zhang and Rusinkiewicz, 2019).
        #[aka("DynamicSoftMarginLoss")]
        "dynamic-soft-margin" => DynamicSoftMargin(DynamicSoftMargin),
        /// One threshold for all classes (Zhang et al., 2023, arXiv:2307.04047); goes beside another loss.
        #[aka("ThresholdConsistentMarginLoss", "tcm")]
        "threshold-consistent-margin" => ThresholdConsistentMargin(ThresholdConsistentMargin),
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

    /// Whether it is made of the pairs or triplets that a miner chooses, where there is one.
    fn takes_miner(&self) -> bool {
        false
    }

    /// Whether it brings embeddings to unit length itself.
    fn takes_directions(&self) -> bool {
        false
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

impl Needs {
    /// Pairs of one class and of two.
    pub(in crate::nn) fn pairs() -> Self {
        Self { positive_pairs: true, negative_pairs: true, ..Self::default() }
    }
}

/// The loss of a batch that holds nothing to learn from: 0, with a gradient of 0.
fn zero(batch: &Embedded<'_>) -> Tensor<1> {
    ops::sum(batch.embeddings.clone().mul_scalar(0.0))
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

    /// Whether it, or a loss inside it, is made of the pairs or triplets that a miner chooses.
    #[must_use]
    pub fn takes_miner(&self) -> bool {
        // What losses stand inside another does not depend on sizes; these fit whatever it does with them.
        let target = Target { dim: 1 << 16, classes: 1 };
        let inner = || self.as_dyn().inner(target).into_iter().any(|inner| inner.loss.takes_miner());
        self.as_dyn().takes_miner() || inner()
    }

    /// Whether it brings embeddings to unit length itself.
    #[must_use]
    pub fn takes_directions(&self) -> bool {
        self.as_dyn().takes_directions()
    }
}
