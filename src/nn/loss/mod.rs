//! Losses: one file a loss. A loss says what a batch must hold for it, may own learned weights, and gives one number for a
//! batch of embeddings; what several losses need of a batch (`Embedded`) is computed once.
//!
//! Owns the choice [`LossSpec`]. Knows nothing of networks.

mod align_uniform;
mod angular;
mod arc_face;
mod barlow;
mod batch;
mod center_invariant;
mod circle;
mod circle_pairs;
mod class_logits;
mod contract;
mod contrastive;
mod cos_face;
mod cross_batch_memory;
mod cross_entropy;
pub mod distances;
mod dynamic_soft_margin;
mod fast_ap;
#[cfg(test)]
pub(super) mod golden_tests;
mod histogram;
mod host;
mod intra_pair_variance;
mod large_margin_softmax;
mod lifted_structure;
mod log_sum;
mod lp;
mod margin;
mod matryoshka;
mod mining;
mod multi_negatives_ranking;
mod multi_similarity;
mod multi_similarity_pairs;
mod n_pairs;
mod nca;
mod nearness;
mod normalized_softmax;
mod nt_xent;
mod p2s_grad;
#[cfg(test)]
mod pair_tests;
mod pairs;
mod per_anchor;
mod pn;
mod pnp;
mod problems;
#[cfg(test)]
pub(super) mod property_tests;
mod proxy_anchor;
mod proxy_nca;
#[cfg(test)]
mod proxy_tests;
mod ranked_list;
mod ranks;
mod reducer;
mod sim_clr;
mod sim_siam;
mod smooth_ap;
mod soft_nearest_neighbor;
mod soft_triple;
mod sphere_face;
mod sub_center_arc_face;
mod sum;
mod sup_con;
#[cfg(test)]
mod supervised_tests;
#[cfg(test)]
mod tfs_tests;
mod threshold_consistent_margin;
mod training_metric;
mod triplet;
mod triplet_margin;
mod tuplet_margin;
mod two_views;
mod vicreg;
mod zero_mean;

pub use align_uniform::AlignUniform;
pub use angular::Angular;
pub use arc_face::ArcFace;
pub use barlow::Barlow;
pub(super) use batch::Embedded;
pub use center_invariant::CenterInvariant;
pub use circle::Circle;
pub use circle_pairs::CirclePairs;
pub use contract::Needs;
pub(crate) use contract::{Inner, Loss, Target};
use contract::{like_its_loss, zero};
pub use contrastive::{Contrastive, SnrContrastive};
pub use cos_face::CosFace;
pub use cross_batch_memory::CrossBatchMemory;
pub use cross_entropy::{CrossEntropy, Reduction};
pub use dynamic_soft_margin::DynamicSoftMargin;
pub use fast_ap::FastAp;
pub use histogram::Histogram;
pub(super) use host::Grid;
pub use intra_pair_variance::IntraPairVariance;
pub use large_margin_softmax::LargeMarginSoftmax;
pub use lifted_structure::{GeneralizedLiftedStructure, LiftedStructure};
pub use lp::Lp;
pub use margin::{LearnBeta, Margin};
pub use matryoshka::Matryoshka;
pub(super) use mining::End;
pub use mining::{Incomplete, NegativeMining, PositiveMining};
pub use multi_negatives_ranking::MultiNegativesRanking;
pub use multi_similarity::MultiSimilarity;
pub use multi_similarity_pairs::MultiSimilarityPairs;
pub use n_pairs::NPairs;
pub use nca::Nca;
pub(super) use nearness::{farness, farness_of_references, margin_of};
pub use normalized_softmax::NormalizedSoftmax;
pub use nt_xent::NtXent;
pub use p2s_grad::P2sGrad;
pub(super) use pairs::Around;
pub use per_anchor::PerAnchor;
pub use pn::Pn;
pub use pnp::{Pnp, Variant};
pub use problems::Known;
pub use proxy_anchor::ProxyAnchor;
pub use proxy_nca::ProxyNca;
pub use ranked_list::RankedList;
pub use reducer::{ClassWeighted, Ordered, ReducerSpec, Threshold};
pub use sim_clr::SimClr;
pub use sim_siam::{Projection, SimSiam};
pub use smooth_ap::SmoothAp;
pub use soft_nearest_neighbor::SoftNearestNeighbor;
pub use soft_triple::SoftTriple;
pub use sphere_face::SphereFace;
pub use sub_center_arc_face::SubCenterArcFace;
pub use sum::{Sum, Term};
pub use sup_con::SupCon;
pub use threshold_consistent_margin::ThresholdConsistentMargin;
pub use training_metric::TrainingMetric;
pub(super) use training_metric::{Hardest, Over, tell};
pub use triplet::Triplet;
pub use triplet_margin::TripletMargin;
pub use tuplet_margin::TupletMargin;
pub use vicreg::VicReg;
pub use zero_mean::ZeroMean;

use simpipe_artifact::Distance;
use simpipe_base::choice;

choice! {
    /// What training minimises.
    pub enum LossSpec: pub(crate) dyn Loss {
        /// Hard pairs around each anchor, softly weighted (Wang et al., 2019, arXiv:1904.06627), as TensorFlow Similarity has it:
        /// it finds its pairs itself. That of pytorch-metric-learning is `multi-similarity-pairs`.
        #[version = 2]
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
        #[aka("ProxyNCALoss", "proxy_nca_pp")]
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
        /// The gap between an anchor's mined positive and negative (Schroff et al., 2015, arXiv:1503.03832), as TensorFlow
        /// Similarity has it: one triplet a row. That of pytorch-metric-learning is `triplet-margin`.
        #[aka("TripletLoss", "triplet_semihard", "triplet_hard")]
        "triplet" => Triplet(Triplet),
        /// The triplet loss with the negative kept from the positive too (Taha et al., 2020, arXiv:1904.12689).
        #[aka("PNLoss", "positive_negative")]
        "pn" => Pn(Pn),
        /// Pairs weighted by how far they are from where they belong (Sun et al., 2020, arXiv:2002.10857), as TensorFlow
        /// Similarity has it. That of pytorch-metric-learning is `circle-pairs`.
        #[aka("CircleLoss")]
        "circle" => Circle(Circle),
        /// How likely a near neighbour is of the same class (Frosst et al., 2019, arXiv:1902.01889).
        #[aka("SoftNearestNeighborLoss", "soft_nn", "soft_nn_loss", "soft-nearest-neighbour", "snn")]
        "soft-nearest-neighbor" => SoftNearestNeighbor(SoftNearestNeighbor),
        /// A query finds its key among all keys; of two views (Henderson et al., 2017, arXiv:1705.00652).
        #[aka("MultiNegativesRankLoss", "MultipleNegativesRankingLoss", "mnr", "multineg_rank_loss")]
        "multi-negatives-ranking" => MultiNegativesRanking(MultiNegativesRanking),
        /// The other view is found among all other rows (Chen et al., 2020, arXiv:2002.05709).
        #[aka("SimCLRLoss", "nt_xent_self_supervised")]
        "simclr" => SimClr(SimClr),
        /// Two views correlate number by number, and no further (Zbontar et al., 2021, arXiv:2103.03230).
        #[aka("BarlowTwins", "barlow-twins", "BarlowTwinsLoss")]
        "barlow" => Barlow(Barlow),
        /// Two views are alike while numbers vary, each for itself (Bardes et al., 2022, arXiv:2105.04906).
        #[aka("VicRegLoss")]
        "vicreg" => VicReg(VicReg),
        /// One view is predicted from the other (Chen and He, 2021, arXiv:2011.10566).
        #[aka("SimSiamLoss")]
        "simsiam" => SimSiam(SimSiam),
        /// Several losses at once, each with a weight.
        #[aka("combined", "multiple_losses", "MultipleLosses", "weighted_sum")]
        "sum" => Sum(Sum),
        /// A loss of pairs with rows of earlier batches to compare with (Wang et al., 2020, arXiv:1912.06798).
        #[aka("XBM", "memory_bank")]
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
        /// Positive pairs within one margin, negative pairs beyond another (Hadsell et al., 2006).
        #[aka("ContrastiveLoss", "siamese", "pair_margin")]
        "contrastive" => Contrastive(Contrastive),
        /// The same by the ratio of noise to signal (Yuan et al., 2019, arXiv:1904.02616).
        #[aka("SignalToNoiseRatioContrastiveLoss", "snr")]
        "snr-contrastive" => SnrContrastive(SnrContrastive),
        /// The negative beyond the positive by a margin (Schroff et al., 2015, arXiv:1503.03832), of mined or all triplets, as
        /// pytorch-metric-learning has it. That of TensorFlow Similarity is `triplet`.
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
        /// Positive pairs together, all rows spread over the sphere (Wang and Isola, 2020, arXiv:2005.10242).
        #[aka("alignment_uniformity", "align_uniformity_loss", "uniformity_loss")]
        "align-uniform" => AlignUniform(AlignUniform),
    }
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

    /// Whether the lengths of embeddings are of no account for it.
    #[must_use]
    pub fn takes_directions(&self) -> bool {
        self.as_dyn().takes_directions()
    }

    /// Whether embeddings are to have the lengths that it gives them.
    #[must_use]
    pub fn learns_lengths(&self) -> bool {
        self.as_dyn().learns_lengths()
    }
}
