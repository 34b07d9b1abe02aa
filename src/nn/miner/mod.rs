//! Miners: which pairs or triplets of a batch a loss is made of. One file a miner.
//!
//! Owns the choice [`MinerSpec`] and what is `Mined`: lists of indices, computed in host memory from distances without a
//! gradient. A reference is a row of the batch, or stands behind them in a memory.

mod angular;
mod batch_easy_hard;
mod distance_weighted;
#[cfg(test)]
mod golden_tests;
mod hdc;
mod multi_similarity;
mod pair_margin;
mod triplet_margin;
mod uniform_histogram;

use std::cell::Cell;

use rand::Rng as _;
use rand_chacha::ChaCha8Rng;

pub use angular::Angular;
pub use batch_easy_hard::{BatchEasyHard, BatchHard, Strategy};
pub use distance_weighted::DistanceWeighted;
pub use hdc::Hdc;
pub use multi_similarity::MultiSimilarity;
pub use pair_margin::PairMargin;
pub use triplet_margin::{TripletMargin, TypeOfTriplets};
pub use uniform_histogram::UniformHistogram;

use super::loss::Embedded;
use simpipe_base::choice;
use simpipe_base::seed::Seed;

choice! {
    /// Which pairs or triplets of a batch the loss is made of.
    pub enum MinerSpec: pub(crate) dyn Miner {
        /// Pairs that are harder than the hardest pair of the other kind, by a margin (Wang et al., 2019,
        /// arXiv:1904.06627).
        #[aka("MultiSimilarityMiner", "ms")]
        "multi-similarity" => MultiSimilarity(MultiSimilarity),
        /// Triplets by how far the negative is beyond the positive (Schroff et al., 2015, arXiv:1503.03832).
        #[aka("TripletMarginMiner", "triplet")]
        "triplet-margin" => TripletMargin(TripletMargin),
        /// Of each anchor the farthest positive and the nearest negative (Hermans et al., 2017, arXiv:1703.07737).
        #[aka("BatchHardMiner", "hard")]
        "batch-hard" => BatchHard(BatchHard),
        /// Of each anchor one positive and one negative, each the hardest, the easiest or the hardest easy one (Xuan et
        /// al., 2019, arXiv:1904.04370).
        #[aka("BatchEasyHardMiner", "easy_positive")]
        "batch-easy-hard" => BatchEasyHard(BatchEasyHard),
        /// Positive pairs farther than one margin, negative pairs nearer than another.
        #[aka("PairMarginMiner")]
        "pair-margin" => PairMargin(PairMargin),
        /// Triplets whose angle at the negative is large (Wang et al., 2017, arXiv:1708.01682).
        #[aka("AngularMiner")]
        "angular" => Angular(Angular),
        /// Negatives drawn evenly over their distances (Wu et al., 2017, arXiv:1706.07567).
        #[aka("DistanceWeightedMiner", "distance_sampling")]
        "distance-weighted" => DistanceWeighted(DistanceWeighted),
        /// Pairs drawn evenly over their distances.
        #[aka("UniformHistogramMiner")]
        "uniform-histogram" => UniformHistogram(UniformHistogram),
        /// The hardest share of all positive and of all negative pairs (Yuan et al., 2017, arXiv:1611.05720).
        #[aka("HDCMiner", "hard_aware")]
        "hdc" => Hdc(Hdc),
    }
}

/// One miner. A new one is a file and a line in [`MinerSpec`].
pub(crate) trait Miner: std::fmt::Debug {
    /// What it chooses of a batch, in ascending order. The same batch and random numbers give the same choice.
    fn mine(&self, batch: &Embedded<'_>, rng: &mut ChaCha8Rng) -> Mined;

    /// What of its parameters does not go together: the parameter, and what is wrong with it.
    fn misfit(&self) -> Option<(&'static str, String)> {
        None
    }
}

impl MinerSpec {
    /// What of its parameters does not go together: the parameter, and what is wrong with it.
    #[must_use]
    pub fn misfit(&self) -> Option<(&'static str, String)> {
        self.as_dyn().misfit()
    }
}

/// What a miner has chosen: rows of the batch as anchors, with references. One pair may be there more than once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Mined {
    /// Anchors with a reference of their class, and anchors with one of another class.
    Pairs {
        /// `[anchor, reference]` of one class.
        positive: Vec<[u32; 2]>,
        /// `[anchor, reference]` of two classes.
        negative: Vec<[u32; 2]>,
    },
    /// `[anchor, positive, negative]`.
    Triplets(Vec<[u32; 3]>),
}

impl Mined {
    /// Whether nothing was found.
    pub(crate) const fn is_empty(&self) -> bool {
        match self {
            Self::Pairs { positive, negative } => positive.is_empty() && negative.is_empty(),
            Self::Triplets(list) => list.is_empty(),
        }
    }

    /// Pairs in ascending order.
    fn pairs(mut positive: Vec<[u32; 2]>, mut negative: Vec<[u32; 2]>) -> Self {
        positive.sort_unstable();
        negative.sort_unstable();
        Self::Pairs { positive, negative }
    }

    /// Triplets in ascending order.
    fn triplets(mut list: Vec<[u32; 3]>) -> Self {
        list.sort_unstable();
        Self::Triplets(list)
    }
}

/// A miner at one batch: what it draws from, and how much it has chosen.
#[derive(Debug)]
pub(crate) struct Mining<'a> {
    miner: &'a MinerSpec,
    seed: Seed,
    /// The batch, for random numbers.
    position: Vec<u64>,
    chosen: Cell<Option<Chosen>>,
}

/// How much was chosen of a batch, in all lists together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Chosen {
    pub(crate) positive_pairs: usize,
    pub(crate) negative_pairs: usize,
    pub(crate) triplets: usize,
}

impl Chosen {
    /// Whether it is nothing at all.
    pub(crate) const fn is_nothing(&self) -> bool {
        self.positive_pairs == 0 && self.negative_pairs == 0 && self.triplets == 0
    }
}

impl Chosen {
    /// The numbers by the names that the history shows, those of triplets or those of pairs.
    #[expect(clippy::cast_precision_loss, reason = "for people to look at")]
    pub(crate) fn numbers(&self) -> Vec<(&'static str, f32)> {
        let pairs = [("mined-positive-pairs", self.positive_pairs), ("mined-negative-pairs", self.negative_pairs)];
        let of = if self.triplets > 0 { vec![("mined-triplets", self.triplets)] } else { pairs.to_vec() };
        of.into_iter().map(|(name, count)| (name, count as f32)).collect()
    }
}

impl<'a> Mining<'a> {
    pub(crate) const fn new(miner: &'a MinerSpec, seed: Seed, position: Vec<u64>) -> Self {
        Self { miner, seed, position, chosen: Cell::new(None) }
    }

    /// What the miner chooses of the batch.
    pub(crate) fn mine(&self, batch: &Embedded<'_>) -> Mined {
        let mut rng = self.seed.rng("miner", &self.position);
        let mined = self.miner.as_dyn().mine(batch, &mut rng);
        let mut chosen = self.chosen.get().unwrap_or_default();
        match &mined {
            Mined::Pairs { positive, negative } => {
                chosen.positive_pairs += positive.len();
                chosen.negative_pairs += negative.len();
            }
            Mined::Triplets(list) => chosen.triplets += list.len(),
        }
        self.chosen.set(Some(chosen));
        mined
    }

    /// How much it has chosen so far; `None` if no loss has asked.
    pub(crate) const fn chosen(&self) -> Option<Chosen> {
        self.chosen.get()
    }
}

/// A number below `count`, which is above 0.
pub(crate) fn index(rng: &mut ChaCha8Rng, count: usize) -> usize {
    let drawn = (u64::from(rng.next_u32()) * count as u64) >> 32;
    usize::try_from(drawn).unwrap_or_default()
}
