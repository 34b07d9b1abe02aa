//! The miners of one positive and one negative for each anchor.

use rand_chacha::ChaCha8Rng;

use super::{Mined, Miner};
use crate::loss::{Around, Embedded, Grid, farness, margin_of};
use simpipe_artifact::Distance;
use simpipe_base::check::Check;
use simpipe_base::{choice, params};

choice! {
    /// Which of an anchor's positives, or negatives, are chosen.
    pub enum Strategy {
        /// The hardest one: the farthest positive, the nearest negative.
        "hard" => Hard,
        /// The hardest of those that are easier than what was chosen of the other kind: of positives the farthest one that
        /// is nearer than the chosen negative, of negatives the nearest one that is farther than the chosen positive.
        "semihard" => Semihard,
        /// The easiest one: the nearest positive, the farthest negative.
        "easy" => Easy,
        /// All of them.
        "all" => All,
    }
}

params! {
    /// Batch easy hard miner (Xuan et al., 2019, arXiv:1904.04370): of each anchor that has both one positive and one
    /// negative, of equally far ones the first. Gives pairs.
    ///
    /// `semihard` goes with neither `semihard` nor `all` of the other kind.
    pub struct BatchEasyHard {
        /// How near two embeddings are, at unit length.
        #[aka("metric", "distance_metric", "similarity", "dist", "metric_type")]
        distance: Distance = Distance::Euclidean,
        /// Which positives.
        #[aka("positive_strategy")]
        pos_strategy: Strategy = Strategy::Easy,
        /// Which negatives.
        #[aka("negative_strategy")]
        neg_strategy: Strategy = Strategy::Semihard,
        /// Positives at no other distances than from the first to the second number.
        allowed_pos_range: Option<Vec<f64>> = None => range().optional(),
        /// Negatives at no other distances than from the first to the second number.
        allowed_neg_range: Option<Vec<f64>> = None => range().optional(),
    }
}

params! {
    /// Batch hard miner (Hermans et al., 2017, arXiv:1703.07737): of each anchor the farthest positive with the nearest
    /// negative, of equally far ones the first. Gives triplets, at most one for each row.
    pub struct BatchHard {
        /// How near two embeddings are, at unit length.
        #[aka("metric", "distance_metric", "similarity", "dist", "metric_type")]
        distance: Distance = Distance::Euclidean,
    }
}

fn range() -> Check<Vec<f64>> {
    Check::new(
        "a list of two numbers, the lower one first",
        |range: &Vec<f64>| matches!(range[..], [low, high] if low <= high),
    )
}

impl Miner for BatchHard {
    fn mine(&self, batch: &Embedded<'_>, _: &mut ChaCha8Rng) -> Mined {
        let grid = Grid::of(&farness(batch, self.distance));
        let mut list = Vec::new();
        for (row, around) in (0_u32..).zip(batch.around_rows()) {
            let far = grid.row(row as usize);
            let chosen = (farthest(&around.positives, far, |_| true), nearest(&around.negatives, far, |_| true));
            if let (Some(positive), Some(negative)) = chosen {
                list.push([row, positive, negative]);
            }
        }
        Mined::triplets(list)
    }
}

impl Miner for BatchEasyHard {
    fn mine(&self, batch: &Embedded<'_>, _: &mut ChaCha8Rng) -> Mined {
        let grid = Grid::of(&farness(batch, self.distance));
        let (mut positive, mut negative) = (Vec::new(), Vec::new());
        for (row, around) in (0_u32..).zip(batch.around_rows()) {
            let (positives, negatives) = self.of_row(&around, grid.row(row as usize));
            positive.extend(positives.into_iter().map(|column| [row, column]));
            negative.extend(negatives.into_iter().map(|column| [row, column]));
        }
        Mined::pairs(positive, negative)
    }

    fn misfit(&self) -> Option<(&'static str, String)> {
        let other = match (&self.pos_strategy, &self.neg_strategy) {
            (Strategy::Semihard, other @ (Strategy::Semihard | Strategy::All))
            | (other @ Strategy::All, Strategy::Semihard) => other,
            _ => return None,
        };
        let message = match other {
            Strategy::All => "`semihard` needs one pair of the other kind to compare with, but the other one is `all`",
            _ => "only one of the strategies can be `semihard`: it compares with what the other one has chosen",
        };
        Some(("neg-strategy", message.to_owned()))
    }
}

impl BatchEasyHard {
    /// The positives and the negatives of one anchor, at these distances of all references.
    fn of_row(&self, around: &Around, far: &[f32]) -> (Vec<u32>, Vec<u32>) {
        let allowed = |columns: &[u32], range: Option<&[f64]>| -> Vec<u32> {
            columns.iter().copied().filter(|column| self.is_allowed(range, far[*column as usize])).collect()
        };
        let positives = || allowed(&around.positives, self.allowed_pos_range.as_deref());
        let negatives = || allowed(&around.negatives, self.allowed_neg_range.as_deref());
        let (positive, negative) = match (&self.pos_strategy, &self.neg_strategy) {
            (Strategy::All, Strategy::All) => return (positives(), negatives()),
            (Strategy::All, _) => return (positives(), self.negative(around, far, None).into_iter().collect()),
            (_, Strategy::All) => return (self.positive(around, far, None).into_iter().collect(), negatives()),
            (Strategy::Semihard, _) => {
                let negative = self.negative(around, far, None);
                let limit = negative.map(|column| far[column as usize]);
                (limit.and_then(|_| self.positive(around, far, limit)), negative)
            }
            _ => {
                let positive = self.positive(around, far, None);
                let limit = positive.map(|column| far[column as usize]);
                let semihard = self.neg_strategy == Strategy::Semihard;
                let negative = self.negative(around, far, limit.filter(|_| semihard));
                (positive, negative.filter(|_| limit.is_some()))
            }
        };
        // An anchor counts only with both.
        match (positive, negative) {
            (Some(positive), Some(negative)) => (vec![positive], vec![negative]),
            _ => (Vec::new(), Vec::new()),
        }
    }

    /// The positive of the strategy; with a limit a nearer one.
    fn positive(&self, around: &Around, far: &[f32], limit: Option<f32>) -> Option<u32> {
        let allowed =
            |at: f32| self.is_allowed(self.allowed_pos_range.as_deref(), at) && limit.is_none_or(|limit| at < limit);
        match self.pos_strategy {
            Strategy::Easy => nearest(&around.positives, far, allowed),
            _ => farthest(&around.positives, far, allowed),
        }
    }

    /// The negative of the strategy; with a limit a farther one.
    fn negative(&self, around: &Around, far: &[f32], limit: Option<f32>) -> Option<u32> {
        let allowed =
            |at: f32| self.is_allowed(self.allowed_neg_range.as_deref(), at) && limit.is_none_or(|limit| at > limit);
        match self.neg_strategy {
            Strategy::Easy => farthest(&around.negatives, far, allowed),
            _ => nearest(&around.negatives, far, allowed),
        }
    }

    fn is_allowed(&self, range: Option<&[f64]>, at: f32) -> bool {
        let value = margin_of(self.distance, f64::from(at));
        range.is_none_or(|range| matches!(range, [low, high] if *low <= value && value <= *high))
    }
}

/// The farthest of these columns at an allowed distance; of equal ones the first.
fn farthest(columns: &[u32], far: &[f32], allowed: impl Fn(f32) -> bool) -> Option<u32> {
    best(columns, far, allowed, |one, other| one > other)
}

/// The nearest of these columns at an allowed distance; of equal ones the first.
fn nearest(columns: &[u32], far: &[f32], allowed: impl Fn(f32) -> bool) -> Option<u32> {
    best(columns, far, allowed, |one, other| one < other)
}

fn best(columns: &[u32], far: &[f32], allowed: impl Fn(f32) -> bool, better: impl Fn(f32, f32) -> bool) -> Option<u32> {
    let mut best: Option<u32> = None;
    for column in columns {
        let at = far[*column as usize];
        if allowed(at) && best.is_none_or(|best| better(at, far[best as usize])) {
            best = Some(*column);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use simpipe_base::param;

    #[test]
    fn every_pair_of_strategies_chooses_what_it_says() {
        // References 0..3 are positives at 1, 3, 5; 3..6 negatives at 2, 4, 6.
        let far = [1.0, 3.0, 5.0, 2.0, 4.0, 6.0];
        let around = Around { positives: vec![0, 1, 2], negatives: vec![3, 4, 5] };
        for (pos, neg, positives, negatives) in [
            ("hard", "hard", &[2][..], &[3][..]),
            ("easy", "hard", &[0], &[3]),
            ("easy", "semihard", &[0], &[3]),
            ("hard", "semihard", &[2], &[5]),
            ("semihard", "hard", &[0], &[3]),
            ("semihard", "easy", &[2], &[5]),
            ("easy", "easy", &[0], &[5]),
            ("all", "easy", &[0, 1, 2], &[5]),
            ("hard", "all", &[2], &[3, 4, 5]),
            ("all", "all", &[0, 1, 2], &[3, 4, 5]),
        ] {
            let miner = json!({ "pos-strategy": pos, "neg-strategy": neg });
            let miner: BatchEasyHard = param::from_json(&miner).unwrap();
            assert!(miner.misfit().is_none());
            assert_eq!(miner.of_row(&around, &far), (positives.to_vec(), negatives.to_vec()), "{pos} {neg}");
        }
        for (pos, neg) in [("semihard", "semihard"), ("all", "semihard"), ("semihard", "all")] {
            let miner = json!({ "pos-strategy": pos, "neg-strategy": neg });
            assert!(param::from_json::<BatchEasyHard>(&miner).unwrap().misfit().is_some(), "{pos} {neg}");
        }
        let miner = json!({ "pos-strategy": "hard", "neg-strategy": "hard", "allowed-pos-range": [0.5, 3.0],
            "allowed-neg-range": [5.0, 9.0] });
        let miner: BatchEasyHard = param::from_json(&miner).unwrap();
        assert_eq!(miner.of_row(&around, &far), (vec![1], vec![5]));
        // No negative is farther than the farthest positive: the anchor does not count.
        let miner: BatchEasyHard = param::from_json(&json!({ "pos-strategy": "hard" })).unwrap();
        assert_eq!(miner.of_row(&around, &[1.0, 3.0, 7.0, 2.0, 4.0, 6.0]), (vec![], vec![]));
    }
}
