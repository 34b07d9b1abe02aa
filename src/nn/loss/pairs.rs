//! The pairs and triplets that a loss is made of: all of the batch's, or what a miner has chosen of them.

use std::borrow::Cow;

use burn::tensor::{Tensor, TensorData};
use rand_chacha::ChaCha8Rng;

use super::Embedded;
use crate::miner::{Mined, index};

/// How often each pair of a row and a reference counts. A miner may choose one pair more than once.
#[derive(Debug)]
pub(super) struct PairCounts {
    /// Pairs of one class, `[batch, references]`.
    pub(super) positive: Tensor<2>,
    /// Pairs of two classes, `[batch, references]`.
    pub(super) negative: Tensor<2>,
    /// Whether there is a positive pair.
    pub(super) some_positive: bool,
    /// Whether there is a negative pair.
    pub(super) some_negative: bool,
}

impl PairCounts {
    /// Whether there are pairs of both kinds.
    pub(super) const fn both(&self) -> bool {
        self.some_positive && self.some_negative
    }
}

/// Triplets of an anchor's row, a reference of its class and one of another class.
#[derive(Debug)]
pub(super) enum Triplets<'a> {
    /// Every combination of a row's positives with its negatives.
    Combined(Vec<Around>),
    /// These, with repetitions.
    Listed(Cow<'a, [[u32; 3]]>),
}

/// The references that one anchor is compared with, each as often as it counts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Around {
    pub(crate) positives: Vec<u32>,
    pub(crate) negatives: Vec<u32>,
}

impl Triplets<'_> {
    /// Calls `each` with the anchor's row, the positive and the negative reference of every triplet, always in the same
    /// order.
    pub(super) fn for_each(&self, mut each: impl FnMut(usize, usize, usize)) {
        match self {
            Self::Combined(rows) => {
                for (anchor, Around { positives, negatives }) in rows.iter().enumerate() {
                    for positive in positives {
                        negatives.iter().for_each(|negative| each(anchor, *positive as usize, *negative as usize));
                    }
                }
            }
            Self::Listed(list) => list.iter().for_each(|[a, p, n]| each(*a as usize, *p as usize, *n as usize)),
        }
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Combined(rows) => rows.iter().all(|row| row.positives.is_empty() || row.negatives.is_empty()),
            Self::Listed(list) => list.is_empty(),
        }
    }
}

impl Embedded<'_> {
    /// The pairs that the loss is made of.
    pub(super) fn pair_counts(&self) -> &PairCounts {
        self.counts.get_or_init(|| match self.mined() {
            None => self.all_pairs(),
            Some(Mined::Pairs { positive, negative }) => self.counted(pairs(positive), pairs(negative)),
            Some(Mined::Triplets(list)) => self.counted(
                list.iter().map(|[anchor, positive, _]| (*anchor, *positive)),
                list.iter().map(|[anchor, _, negative]| (*anchor, *negative)),
            ),
        })
    }

    fn all_pairs(&self) -> PairCounts {
        let masks = self.pairs();
        let around = self.around_rows();
        PairCounts {
            positive: masks.positive.clone().float(),
            negative: masks.negative.clone().float(),
            some_positive: around.iter().any(|row| !row.positives.is_empty()),
            some_negative: around.iter().any(|row| !row.negatives.is_empty()),
        }
    }

    fn counted(
        &self,
        positive: impl Iterator<Item = (u32, u32)>,
        negative: impl Iterator<Item = (u32, u32)>,
    ) -> PairCounts {
        let (positive, some_positive) = self.counts_of(positive);
        let (negative, some_negative) = self.counts_of(negative);
        PairCounts { positive, negative, some_positive, some_negative }
    }

    fn counts_of(&self, pairs: impl Iterator<Item = (u32, u32)>) -> (Tensor<2>, bool) {
        let (rows, columns) = (self.labels.len(), self.reference_count());
        let mut counts = vec![0.0_f32; rows * columns];
        let mut some = false;
        for (row, column) in pairs {
            counts[row as usize * columns + column as usize] += 1.0;
            some = true;
        }
        (Tensor::from_data(TensorData::new(counts, [rows, columns]), &self.embeddings.device()), some)
    }

    /// What each row can be compared with, whatever a miner chooses.
    pub(crate) fn around_rows(&self) -> Vec<Around> {
        let references = self.reference_labels();
        let around = |(row, label): (usize, &i32)| {
            let mut around = Around::default();
            for (column, other) in (0..).zip(&references) {
                if other != label {
                    around.negatives.push(column);
                } else if column as usize != row {
                    around.positives.push(column);
                }
            }
            around
        };
        self.labels.iter().enumerate().map(around).collect()
    }

    /// The triplets that the loss is made of: the mined ones, else every combination, or `per_anchor` drawn ones of each
    /// anchor where there are random numbers. Mined pairs of one anchor combine.
    pub(super) fn triplets(&self, per_anchor: Option<usize>, rng: Option<ChaCha8Rng>) -> Triplets<'_> {
        match (self.mined(), per_anchor, rng) {
            (Some(Mined::Triplets(list)), ..) => Triplets::Listed(Cow::Borrowed(list)),
            (Some(Mined::Pairs { positive, negative }), ..) => {
                let mut rows = vec![Around::default(); self.labels.len()];
                positive.iter().for_each(|[row, column]| rows[*row as usize].positives.push(*column));
                negative.iter().for_each(|[row, column]| rows[*row as usize].negatives.push(*column));
                Triplets::Combined(rows)
            }
            (None, Some(count), Some(mut rng)) => Triplets::Listed(drawn(&self.around_rows(), count, &mut rng).into()),
            (None, ..) => Triplets::Combined(self.around_rows()),
        }
    }

    /// Calls `each` with every positive pair that the loss is made of: anchors in ascending order.
    pub(super) fn for_each_positive_pair(&self, mut each: impl FnMut(u32, u32)) {
        match self.mined() {
            Some(Mined::Pairs { positive, .. }) => pairs(positive).for_each(|(row, column)| each(row, column)),
            Some(Mined::Triplets(list)) => list.iter().for_each(|[anchor, positive, _]| each(*anchor, *positive)),
            None => {
                for (row, around) in (0..).zip(self.around_rows()) {
                    around.positives.iter().for_each(|column| each(row, *column));
                }
            }
        }
    }

    /// How often each row was mined by the most often mined one, `[batch, 1]`: 1 without a miner, 0 where it found nothing.
    /// Behind a memory a row counts as an anchor alone, else also as a positive and as a negative.
    pub(super) fn row_weights(&self) -> Tensor<2> {
        let mut counts = vec![0.0_f32; self.labels.len()];
        let mut count = |row: u32, anchor: bool| {
            if anchor || !self.has_memory() {
                counts[row as usize] += 1.0;
            }
        };
        match self.mined() {
            None => counts.fill(1.0),
            Some(Mined::Pairs { positive, negative }) => {
                for [anchor, other] in positive.iter().chain(negative) {
                    count(*anchor, true);
                    count(*other, false);
                }
            }
            Some(Mined::Triplets(list)) => {
                for [anchor, positive, negative] in list {
                    count(*anchor, true);
                    count(*positive, false);
                    count(*negative, false);
                }
            }
        }
        let most = counts.iter().copied().fold(1.0, f32::max);
        counts.iter_mut().for_each(|count| *count /= most);
        let rows = counts.len();
        Tensor::from_data(TensorData::new(counts, [rows, 1]), &self.embeddings.device())
    }

    fn reference_count(&self) -> usize {
        self.pairs().positive.dims()[1]
    }
}

fn pairs(list: &[[u32; 2]]) -> impl Iterator<Item = (u32, u32)> {
    list.iter().map(|[row, column]| (*row, *column))
}

/// So many triplets of each anchor that has some, its positives and negatives drawn evenly and with repetition.
fn drawn(rows: &[Around], per_anchor: usize, rng: &mut ChaCha8Rng) -> Vec<[u32; 3]> {
    let mut list = Vec::new();
    for (anchor, Around { positives, negatives }) in (0..).zip(rows) {
        if positives.is_empty() || negatives.is_empty() {
            continue;
        }
        for _ in 0..per_anchor {
            let positive = positives[index(rng, positives.len())];
            list.push([anchor, positive, negatives[index(rng, negatives.len())]]);
        }
    }
    list.sort_unstable();
    list
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::miner::{MinerSpec, Mining};
    use simpipe_base::param;
    use simpipe_base::seed::Seed;

    fn listed(triplets: &Triplets<'_>) -> Vec<[usize; 3]> {
        let mut list = Vec::new();
        triplets.for_each(|a, p, n| list.push([a, p, n]));
        list
    }

    #[test]
    fn without_a_miner_all_pairs_and_triplets_count_once() {
        let rows = Tensor::<2>::from_data([[1.0, 0.0], [0.0, 1.0], [0.6, 0.8]], &Device::flex());
        let batch = Embedded::new(rows, &[4, 4, 5], &[4, 5]);
        assert_eq!(listed(&batch.triplets(None, None)), [[0, 1, 2], [1, 0, 2]]);
        let counts = batch.pair_counts();
        assert!(counts.both());
        let values = |x: &Tensor<2>| x.clone().into_data().try_into_vec::<f32>().unwrap();
        assert_eq!(values(&counts.positive), [0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
        assert_eq!(values(&counts.negative), [0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.0]);
        assert_eq!(values(&batch.row_weights()), [1.0; 3]);
        let rng = || Some(Seed::of_stage(1, "train", None).rng("triplets", &[0]));
        let drawn = listed(&batch.triplets(Some(3), rng()));
        assert_eq!(drawn, [[0, 1, 2], [0, 1, 2], [0, 1, 2], [1, 0, 2], [1, 0, 2], [1, 0, 2]]);
    }

    #[test]
    fn a_mined_triplet_is_a_positive_and_a_negative_pair() {
        let rows = Tensor::<2>::from_data([[1.0, 0.0], [0.8, 0.6], [0.6, 0.8], [0.0, 1.0]], &Device::flex());
        let miner: MinerSpec = param::from_json(&serde_json::json!({ "triplet-margin": { "margin": 0.0 } })).unwrap();
        let mining = Mining::new(&miner, Seed::of_stage(1, "train", None), vec![0]);
        let batch = Embedded::new(rows, &[0, 0, 1, 1], &[0, 1]).mined_by(Some(&mining));
        // Rows 1 and 2 are nearest to each other, so their own classes are farther.
        assert_eq!(listed(&batch.triplets(None, None)), [[1, 0, 2], [2, 3, 1]]);
        let counts = batch.pair_counts();
        let values = |x: &Tensor<2>| x.clone().into_data().try_into_vec::<f32>().unwrap();
        let ones =
            |x: &Tensor<2>| values(x).iter().enumerate().filter(|(_, v)| **v == 1.0).map(|v| v.0).collect::<Vec<_>>();
        assert_eq!((ones(&counts.positive), ones(&counts.negative)), (vec![4, 11], vec![6, 9]));
        assert_eq!(values(&batch.row_weights()), [0.5, 1.0, 1.0, 0.5]);
        // With rows behind them, more is mined, and only anchors have a weight.
        let behind = Tensor::<2>::from_data([[1.0, 0.0], [0.0, 1.0]], &Device::flex());
        let batch = batch.with_memory(behind, vec![1, 0]);
        assert!(listed(&batch.triplets(None, None)).contains(&[0, 1, 4]));
        assert!(listed(&batch.triplets(None, None)).contains(&[0, 5, 4]));
    }
}
