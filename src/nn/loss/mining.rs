//! One positive and one negative for each anchor, and the loss of the gap between them: what `triplet` and `pn` share.

use burn::tensor::{Bool, Int, Tensor};

use super::batch::PairMasks;
use super::log_sum::log_one_plus_sum_exp_masked;
use simpipe_base::choice;

choice! {
    /// Which positive of an anchor counts.
    pub enum PositiveMining {
        /// The farthest one.
        #[aka("hardest", "farthest")]
        "hard" => Hard,
        /// The nearest one.
        #[aka("easiest", "nearest", "closest")]
        "easy" => Easy,
    }
}

choice! {
    /// Which negative of an anchor counts.
    pub enum NegativeMining {
        /// The nearest one.
        #[aka("hardest", "nearest", "closest")]
        "hard" => Hard,
        /// The nearest of those that lie beyond the anchor's *farthest* positive; the farthest negative if none does
        /// (Schroff et al., 2015, arXiv:1503.03832).
        #[aka("semi")]
        "semi-hard" => SemiHard,
        /// The farthest one.
        #[aka("easiest", "farthest")]
        "easy" => Easy,
    }
}

choice! {
    /// What a row without a positive or without a negative counts.
    pub enum Incomplete {
        /// Nothing: its loss is 0, without a gradient.
        "zero" => Zero,
        /// As TensorFlow Similarity: a row without the pair uses another distance of the row, itself included: the smallest
        /// minus 1e-6 in place of a farthest one, the largest plus 1e-6 in place of a nearest one. Only for repeating that
        /// library's numbers.
        #[aka("tensorflow-similarity", "masked")]
        "row-ends" => RowEnds,
    }
}

/// How far beyond the end of a row the distance lies that stands for a missing one.
const BEYOND: f64 = 1e-6;

/// Declares a loss of one positive and one negative for each anchor; its `gap` says what the two are to be apart by.
macro_rules! loss_of_mined_triplets {
    ($(#[doc = $doc:literal])* $name:ident) => {
        simpipe_base::params! {
            $(#[doc = $doc])*
            pub struct $name {
                /// How near two embeddings are; the index follows it.
                #[aka("metric", "distance_metric", "similarity", "dist", "metric_type")]
                distance: simpipe_artifact::Distance = simpipe_artifact::Distance::Cosine
                    => $crate::loss::multi_similarity::smaller_is_nearer(),
                /// Which positive of an anchor counts.
                #[aka("positive_mining_strategy", "positives", "type_of_positives")]
                positive_mining: $crate::loss::PositiveMining = $crate::loss::PositiveMining::Hard,
                /// Which negative of an anchor counts.
                #[aka("negative_mining_strategy", "negatives", "mining", "type_of_triplets")]
                negative_mining: $crate::loss::NegativeMining = $crate::loss::NegativeMining::SemiHard,
                /// How much farther than the positive the negative must be; if it is left out, farther is always better.
                #[aka("alpha", "gap")]
                margin: Option<f64> = None => simpipe_base::check::not_negative().optional(),
                /// What a row without a positive or without a negative counts.
                #[since = 2]
                #[aka("empty", "missing", "rows_without_pairs")]
                incomplete: $crate::loss::mining::Incomplete = $crate::loss::mining::Incomplete::Zero,
            }
        }

        impl $crate::loss::Loss for $name {
            fn distance(&self) -> simpipe_artifact::Distance {
                self.distance
            }

            fn needs(&self) -> $crate::loss::Needs {
                $crate::loss::Needs::pairs()
            }

            fn rows(&self, batch: &Embedded<'_>, _: &mut $crate::layer::Cx<'_>) -> Option<Tensor<1>> {
                Some(self.per_example(batch))
            }

            fn forward(&self, batch: &Embedded<'_>, _: &mut $crate::layer::Cx<'_>) -> Tensor<1> {
                $crate::ops::mean(self.per_example(batch))
            }
        }

        impl $name {
            /// The loss of each row, `[batch]`.
            pub(super) fn per_example(&self, batch: &Embedded<'_>) -> Tensor<1> {
                let distance = batch.distances(self.distance); // [batch, references]
                let mined = Mined::new(
                    &distance,
                    batch.pairs(),
                    &self.positive_mining,
                    &self.negative_mining,
                    &self.incomplete,
                );
                mined.loss_of(self.gap(&mined, batch), self.margin)
            }
        }
    };
}
pub(super) use loss_of_mined_triplets;

/// An end of a row's sorted distances.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Nearest,
    Farthest,
}

/// What was chosen for each anchor.
#[derive(Debug, Clone)]
pub(super) struct Mined {
    /// The distance of its positive, `[batch, 1]`; where there is none, what [`Incomplete`] says.
    pub(super) positive: Tensor<2>,
    /// That of its negative.
    pub(super) negative: Tensor<2>,
    /// Which references are its positive: several that are equally far, or none. `[batch, references]`.
    pub(super) positives: Tensor<2, Bool>,
    /// Which are its negative.
    pub(super) negatives: Tensor<2, Bool>,
    /// Whether it has both, or what stands for them, `[batch, 1]`.
    pub(super) complete: Tensor<2, Bool>,
}

impl Mined {
    /// Chooses by `distance`, `[batch, references]`. Of several that are equally far each gets its share of the gradient,
    /// as in TensorFlow.
    pub(super) fn new(
        distance: &Tensor<2>,
        pairs: &PairMasks,
        positive: &PositiveMining,
        negative: &NegativeMining,
        incomplete: &Incomplete,
    ) -> Self {
        let end = match positive {
            PositiveMining::Hard => End::Farthest,
            PositiveMining::Easy => End::Nearest,
        };
        let positives = Picked::of(distance, &pairs.positive, end, incomplete);
        let negatives = match negative {
            NegativeMining::Hard => Picked::of(distance, &pairs.negative, End::Nearest, incomplete),
            NegativeMining::SemiHard => {
                let mask = semi_hard(&distance.clone().detach(), pairs, incomplete);
                Picked::of(distance, &mask, End::Nearest, incomplete)
            }
            NegativeMining::Easy => Picked::of(distance, &pairs.negative, End::Farthest, incomplete),
        };
        Self {
            positive: positives.distance,
            negative: negatives.distance,
            complete: positives.which.clone().any_dim(1).bool_and(negatives.which.clone().any_dim(1)),
            positives: positives.which,
            negatives: negatives.which,
        }
    }

    /// `max(0, gap + margin)`, or `log(1 + exp(gap))` without a margin, of each anchor's `gap`, `[batch, 1]`; 0 for an anchor
    /// that is not complete. `[batch]`.
    pub(super) fn loss_of(&self, gap: Tensor<2>, margin: Option<f64>) -> Tensor<1> {
        let loss = match margin {
            Some(margin) => gap.add_scalar(margin).clamp_min(0.0).mask_fill(self.complete.clone().bool_not(), 0.0),
            None => log_one_plus_sum_exp_masked(gap, self.complete.clone()),
        };
        loss.squeeze_dim(1)
    }
}

/// One distance of each row.
#[derive(Debug, Clone)]
pub(crate) struct Picked {
    /// `[rows, 1]`; 0 where there is none.
    pub(crate) distance: Tensor<2>,
    /// Which references it is the distance of: several that are equally far, or none. `[rows, references]`.
    which: Tensor<2, Bool>,
}

impl Picked {
    /// The nearest or farthest distance of `mask` in each row.
    pub(crate) fn of(distance: &Tensor<2>, mask: &Tensor<2, Bool>, end: End, incomplete: &Incomplete) -> Self {
        let fixed = distance.clone().detach();
        let which = at_end(&fixed, mask, end);
        let found = mean_of(distance.clone(), which.clone());
        if *incomplete == Incomplete::Zero {
            return Self { distance: found, which };
        }
        // A masked distance is 0 there, and all others lie on one side of it: of nothing but zeros the first is chosen, and
        // what the side is measured from is left.
        let (end, beyond) = match end {
            End::Farthest => (End::Nearest, -BEYOND),
            End::Nearest => (End::Farthest, BEYOND),
        };
        let (empty, all) = (mask.clone().any_dim(1).bool_not(), everything(mask));
        let instead = mean_of(distance.clone(), at_end(&fixed, &all, end)).add_scalar(beyond);
        let first = only_first(&all).bool_and(empty.clone().expand(mask.dims()));
        Self { distance: found.mask_where(empty, instead), which: which.bool_or(first) }
    }
}

/// A mask of the same shape that lets everything through.
pub(super) fn everything(like: &Tensor<2, Bool>) -> Tensor<2, Bool> {
    like.clone().bool_or(like.clone().bool_not())
}

/// The negatives beyond the farthest positive; where there are none, the first of the farthest negatives.
fn semi_hard(distance: &Tensor<2>, pairs: &PairMasks, incomplete: &Incomplete) -> Tensor<2, Bool> {
    let shape = distance.dims();
    let farthest_positive = limit(distance, &pairs.positive, End::Farthest);
    let greater = distance.clone().greater(farthest_positive.expand(shape));
    let mut farthest = only_first(&at_end(distance, &pairs.negative, End::Farthest));
    if *incomplete == Incomplete::RowEnds {
        // The farthest of nothing is the first reference.
        let none = pairs.negative.clone().any_dim(1).bool_not().expand(shape);
        farthest = farthest.bool_or(only_first(&everything(&pairs.negative)).bool_and(none));
    }
    // If one lies beyond, so does the farthest: it is no other one then.
    greater.clone().bool_and(pairs.negative.clone()).bool_or(farthest.bool_and(greater.bool_not()))
}

/// The nearest or farthest distance of `mask` in each row, `[rows, 1]`; an infinity where there is none.
pub(super) fn limit(distance: &Tensor<2>, mask: &Tensor<2, Bool>, end: End) -> Tensor<2> {
    let outside = mask.clone().bool_not();
    match end {
        End::Nearest => distance.clone().mask_fill(outside, f32::INFINITY).min_dim(1),
        End::Farthest => distance.clone().mask_fill(outside, f32::NEG_INFINITY).max_dim(1),
    }
}

/// Which entries of `mask` are the nearest or farthest of their row: several that are equally far, or none.
fn at_end(distance: &Tensor<2>, mask: &Tensor<2, Bool>, end: End) -> Tensor<2, Bool> {
    let limit = limit(distance, mask, end).expand(distance.dims());
    distance.clone().equal(limit).bool_and(mask.clone())
}

/// The first entry of `mask` in each row.
pub(super) fn only_first(mask: &Tensor<2, Bool>) -> Tensor<2, Bool> {
    let [rows, columns] = mask.dims();
    let device = mask.device();
    let column = Tensor::<1, Int>::arange(0..i64::try_from(columns).unwrap_or(i64::MAX), &device).float();
    let column = column.unsqueeze::<2>().expand([rows, columns]);
    let first = column.clone().mask_fill(mask.clone().bool_not(), f32::INFINITY).min_dim(1);
    column.equal(first.expand([rows, columns])).bool_and(mask.clone())
}

/// The mean distance over the entries of `mask`, `[rows, 1]`; 0 where there is none.
fn mean_of(distance: Tensor<2>, mask: Tensor<2, Bool>) -> Tensor<2> {
    let count = mask.clone().float().sum_dim(1).clamp_min(1.0);
    distance.mask_fill(mask.bool_not(), 0.0).sum_dim(1) / count
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    /// The mask's columns by row.
    fn columns(mask: &Tensor<2, Bool>) -> Vec<Vec<usize>> {
        let [_, width] = mask.dims();
        let values = mask.clone().int().into_data().convert::<i64>().try_into_vec::<i64>().unwrap();
        values.chunks(width).map(|row| (0..width).filter(|&at| row[at] != 0).collect()).collect()
    }

    #[test]
    fn each_rule_chooses_by_hand() {
        // Anchors of the classes 0, 0, 1, 1, 2 on a line.
        let at = [0.0_f32, 3.0, 1.0, 4.0, 9.0];
        let values: Vec<f32> = at.iter().flat_map(|a| at.map(|b| (a - b).abs())).collect();
        let device = Device::flex();
        let distance = Tensor::<1>::from_data(values.as_slice(), &device).reshape([5, 5]);
        let rows = Tensor::<2>::zeros([5, 1], &device);
        let batch = super::super::Embedded::new(rows, &[0, 0, 1, 1, 2], &[]);
        let chosen =
            |negative| Mined::new(&distance, batch.pairs(), &PositiveMining::Hard, &negative, &Incomplete::Zero);
        let mined = chosen(NegativeMining::Hard);
        assert_eq!(columns(&mined.positives), [vec![1], vec![0], vec![3], vec![2], vec![]]);
        assert_eq!(columns(&mined.negatives), [vec![2], vec![3], vec![0], vec![1], vec![3]]);
        assert_eq!(columns(&chosen(NegativeMining::Easy).negatives), [vec![4], vec![4], vec![4], vec![4], vec![0]]);
        // Anchor 0: 4 lies beyond 3. Anchor 1: 9 lies beyond 3, so does nothing nearer. Anchor 2: 9 beyond 3.
        // Anchor 3: 0 (4 away) and 9 (5 away) beyond 3. Anchor 4 has no positive: all lie beyond.
        let mined = chosen(NegativeMining::SemiHard);
        assert_eq!(columns(&mined.negatives), [vec![3], vec![4], vec![4], vec![0], vec![3]]);
        assert_eq!(columns(&mined.complete), [vec![0], vec![0], vec![0], vec![0], vec![]]);
    }

    #[test]
    fn without_a_negative_beyond_semi_hard_takes_the_first_of_the_farthest() {
        let device = Device::flex();
        let distance = Tensor::<2>::from_data([[0.0, 5.0, 2.0, 2.0, 1.0]], &device);
        let mask = |which: [bool; 5]| Tensor::<2, Bool>::from_data([which], &device);
        let pairs = PairMasks {
            positive: mask([false, true, false, false, false]),
            negative: mask([false, false, true, true, true]),
        };
        let mined = Mined::new(&distance, &pairs, &PositiveMining::Easy, &NegativeMining::SemiHard, &Incomplete::Zero);
        assert_eq!(columns(&mined.negatives), [vec![2]]);
        let mined = Mined::new(&distance, &pairs, &PositiveMining::Easy, &NegativeMining::Easy, &Incomplete::Zero);
        assert_eq!(columns(&mined.negatives), [vec![2, 3]]);
        assert_eq!(mined.negative.into_scalar::<f32>(), 2.0);
    }

    #[test]
    fn what_stands_for_a_missing_pair_is_the_other_end_of_the_row() {
        let device = Device::flex();
        let distance = Tensor::<2>::from_data([[0.5, 3.0, 2.0], [3.0, 0.25, 1.0]], &device);
        let none = Tensor::<2, Bool>::from_data([[false; 3]; 2], &device);
        let picked = |end| Picked::of(&distance, &none, end, &Incomplete::RowEnds);
        let (farthest, nearest) = (picked(End::Farthest), picked(End::Nearest));
        let values = |x: &Picked| x.distance.clone().into_data().try_into_vec::<f32>().unwrap();
        assert_eq!(values(&farthest), [0.5 - 1e-6, 0.25 - 1e-6]);
        assert_eq!(values(&nearest), [3.0 + 1e-6, 3.0 + 1e-6]);
        assert_eq!(columns(&farthest.which), [[0], [0]]);
        let zero = Picked::of(&distance, &none, End::Nearest, &Incomplete::Zero);
        assert_eq!((values(&zero), columns(&zero.which)), (vec![0.0, 0.0], vec![vec![], vec![]]));
        // A row that has what is asked for gives the same by either rule.
        let some = Tensor::<2, Bool>::from_data([[false, true, true]; 2], &device);
        for rule in [Incomplete::Zero, Incomplete::RowEnds] {
            let picked = Picked::of(&distance, &some, End::Nearest, &rule);
            assert_eq!((values(&picked), columns(&picked.which)), (vec![2.0, 0.25], vec![vec![2], vec![1]]));
        }
    }
}
