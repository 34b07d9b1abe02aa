//! Reducers: how the losses of many pairs, triplets or rows become one number.

use burn::tensor::{Tensor, TensorData};
use serde_json::Value as Json;

use super::{Embedded, zero};
use crate::miner::Mined;
use crate::ops;
use simpipe_base::check::{self, Check};
use simpipe_base::issue::{Issue, Issues};
use simpipe_base::node::Node;
use simpipe_base::param::{Param, Shape, View};
use simpipe_base::path;
use simpipe_base::{choice, params};

choice! {
    /// How the losses of pairs, triplets or rows become the loss of the batch. Without any it is 0.
    pub enum ReducerSpec {
        /// The mean.
        #[aka("MeanReducer", "average")]
        "mean" => Mean,
        /// The sum.
        #[aka("SumReducer")]
        "sum" => Sum,
        /// The mean of those above 0: what is learnt already counts no more.
        #[aka("AvgNonZeroReducer", "mean_of_non_zero")]
        "avg-non-zero" => AvgNonZero,
        /// The mean of those between two limits.
        #[aka("ThresholdReducer")]
        "threshold" => Threshold(Ordered),
        /// The sum by what the loss says: `margin` by the number of its pairs above 0.
        #[aka("DivisorReducer")]
        "divisor" => Divisor,
        /// The mean, each weighted by its anchor's class.
        #[aka("ClassWeightedReducer", "class_weight")]
        "class-weighted" => ClassWeighted(ClassWeighted),
        /// The mean over all rows of the mean over the pairs of each; a row without pairs counts as 0.
        #[aka("PerAnchorReducer")]
        "per-anchor" => PerAnchor,
    }
}

params! {
    /// Which losses enter the mean; all of them if neither limit is given.
    pub struct Threshold {
        /// Only losses above it.
        #[aka("min")]
        low: Option<f64> = None => check::finite().optional(),
        /// Only losses below it.
        #[aka("max")]
        high: Option<f64> = None => check::finite().optional(),
    }
}

/// Limits between which there is something: none would enter the mean otherwise.
#[derive(Debug, Clone, PartialEq)]
pub struct Ordered(pub Threshold);

impl Param for Ordered {
    fn read(node: &Node, path: &str, issues: &mut Issues) -> Option<Self> {
        let limits = Threshold::read(node, path, issues)?;
        let (Some(low), Some(high)) = (limits.low, limits.high) else { return Some(Self(limits)) };
        if low < high {
            return Some(Self(limits));
        }
        let place = node.table().and_then(|table| table.get("high")).map_or(&node.place, |entry| &entry.node.place);
        let path = path::join(path, "high");
        let message = format!("`{path}` is {high}, but only losses above {low} are kept, so none is");
        issues.push(Issue::at(place, &path, message).help("set it above `low`, or leave out one of the two"));
        None
    }

    fn write(&self, view: View) -> Json {
        self.0.write(view)
    }

    fn shape() -> Shape {
        Threshold::shape()
    }

    fn is_versioned(&self) -> bool {
        self.0.is_versioned()
    }
}

params! {
    /// What each class counts.
    pub struct ClassWeighted {
        /// By label: the first number is label 0's. Labels beyond the list weigh 1.
        #[aka("class_weights")]
        weights: Vec<f64> => weights(),
    }
}

fn weights() -> Check<Vec<f64>> {
    Check::new("a list of finite numbers of at least 0", |weights: &Vec<f64>| {
        !weights.is_empty() && weights.iter().all(|weight| weight.is_finite() && *weight >= 0.0)
    })
}

/// Reducers of losses of pairs.
pub(super) fn of_pairs() -> Check<ReducerSpec> {
    Check::new("a reducer other than `divisor`, which is `margin`'s", |reducer| *reducer != ReducerSpec::Divisor)
}

/// Reducers of losses of triplets.
pub(super) fn of_triplets() -> Check<ReducerSpec> {
    Check::new("a reducer other than `divisor` and `per-anchor`", |reducer| {
        !matches!(reducer, ReducerSpec::Divisor | ReducerSpec::PerAnchor)
    })
}

/// Reducers of losses of triplets that say what to divide by.
pub(super) fn of_divided_triplets() -> Check<ReducerSpec> {
    Check::new("a reducer other than `per-anchor`", |reducer| *reducer != ReducerSpec::PerAnchor)
}

impl ReducerSpec {
    /// One number, `[1]`, of the losses of pairs or rows.
    ///
    /// # Shapes
    /// `losses`: `[anchors, n]`; `counts`, of the same shape, says how often each counts: 0 for one that is none. One of
    /// `labels` for each anchor.
    pub(super) fn reduce(&self, losses: Tensor<2>, counts: Tensor<2>, labels: &[i32]) -> Tensor<1> {
        let losses = losses.mask_fill(counts.clone().equal_scalar(0.0), 0.0);
        match self {
            Self::Mean | Self::Divisor => mean(losses, counts),
            Self::Sum => ops::sum(losses * counts),
            Self::AvgNonZero | Self::Threshold(_) => {
                let kept = self.kept(losses.clone().detach(), counts);
                mean(losses, kept)
            }
            Self::ClassWeighted(_) => {
                #[expect(clippy::cast_possible_truncation, reason = "tensors are f32")]
                let weights: Vec<f32> = labels.iter().map(|label| self.weight(*label) as f32).collect();
                let weights = Tensor::from_data(TensorData::new(weights, [labels.len(), 1]), &losses.device());
                mean(losses * weights, counts)
            }
            Self::PerAnchor => {
                let once = counts.greater_scalar(0.0).float();
                let of_row = once.clone().sum_dim(1).clamp_min(1.0);
                ops::mean((losses * once).sum_dim(1) / of_row)
            }
        }
    }

    /// The same of one loss for each row, `[batch, 1]`. Where a miner has found nothing it is 0.
    pub(super) fn reduce_rows(&self, losses: Tensor<2>, batch: &Embedded<'_>) -> Tensor<1> {
        if batch.mined().is_some_and(Mined::is_empty) {
            return zero(batch);
        }
        let once = Tensor::ones(losses.dims(), &losses.device());
        self.reduce(losses, once, batch.labels)
    }

    /// The counts of those losses that enter the mean.
    fn kept(&self, losses: Tensor<2>, counts: Tensor<2>) -> Tensor<2> {
        let (low, high) = self.limits();
        let above = low.map(|low| losses.clone().greater_scalar(low).float());
        let below = high.map(|high| losses.lower_scalar(high).float());
        above.into_iter().chain(below).fold(counts, |counts, keeps| counts * keeps)
    }

    const fn limits(&self) -> (Option<f64>, Option<f64>) {
        match self {
            Self::AvgNonZero => (Some(0.0), None),
            Self::Threshold(Ordered(limits)) => (limits.low, limits.high),
            _ => (None, None),
        }
    }

    /// What an anchor of this class weighs.
    fn weight(&self, label: i32) -> f64 {
        let Self::ClassWeighted(by_class) = self else { return 1.0 };
        usize::try_from(label).ok().and_then(|label| by_class.weights.get(label)).copied().unwrap_or(1.0)
    }

    /// The same for losses that come one after the other.
    pub(super) fn one_by_one(&self, labels: &[i32]) -> OneByOne {
        let (low, high) = self.limits();
        let weights = labels.iter().map(|label| self.weight(*label)).collect();
        OneByOne { low, high, weights, sum: 0.0, terms: 0.0, kept: 0.0 }
    }

    /// What the sum of all that was taken is multiplied by; `divisor` is what the loss says to divide by.
    pub(super) fn scale(&self, taken: &OneByOne, divisor: f64) -> f64 {
        let by = match self {
            Self::Sum => 1.0,
            Self::AvgNonZero | Self::Threshold(_) => taken.kept,
            Self::Divisor => divisor,
            Self::Mean | Self::ClassWeighted(_) | Self::PerAnchor => taken.terms,
        };
        if by > 0.0 { by.recip() } else { 0.0 }
    }
}

/// Adds up losses that come one after the other.
#[derive(Debug, Clone)]
pub(super) struct OneByOne {
    low: Option<f64>,
    high: Option<f64>,
    /// One per row.
    weights: Vec<f64>,
    /// The weighted sum of those that were kept.
    pub(super) sum: f64,
    terms: f64,
    kept: f64,
}

impl OneByOne {
    /// Takes the loss of an anchor and gives its weight in the sum: 0 if it is not kept.
    pub(super) fn take(&mut self, anchor: usize, loss: f64) -> f64 {
        self.terms += 1.0;
        if self.low.is_some_and(|low| loss <= low) || self.high.is_some_and(|high| loss >= high) {
            return 0.0;
        }
        self.kept += 1.0;
        self.sum += self.weights[anchor] * loss;
        self.weights[anchor]
    }
}

/// 0 of nothing.
fn mean(losses: Tensor<2>, counts: Tensor<2>) -> Tensor<1> {
    ops::sum(losses * counts.clone()) / ops::sum(counts).clamp_min(f32::MIN_POSITIVE)
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use serde_json::json;

    use super::*;
    use simpipe_base::param;

    #[test]
    fn both_ways_to_reduce_give_the_same() {
        let (losses, labels) = ([[0.5, 0.0], [2.0, 1.0], [0.0, 4.0]], [0, 1, 7]);
        let device = Device::flex();
        let dense = Tensor::<2>::from_data(losses, &device);
        for (reducer, expected) in [
            (json!("mean"), 7.5 / 6.0),
            (json!("sum"), 7.5),
            (json!("avg-non-zero"), 7.5 / 4.0),
            (json!({ "threshold": { "low": 0.5 } }), 7.0 / 3.0),
            (json!({ "threshold": { "low": 0.2, "high": 2.0 } }), 1.5 / 2.0),
            (json!({ "threshold": {} }), 7.5 / 6.0),
            (json!({ "class-weighted": { "weights": [2.0, 3.0] } }), 14.0 / 6.0),
        ] {
            let reducer: ReducerSpec = param::from_json(&reducer).unwrap();
            let ones = Tensor::ones([3, 2], &device);
            let found = f64::from(reducer.reduce(dense.clone(), ones, &labels).into_scalar::<f32>());
            assert!((found - expected).abs() < 1e-6, "{reducer:?}: {found}");
            let mut taken = reducer.one_by_one(&labels);
            for (anchor, losses) in losses.iter().enumerate() {
                losses.iter().for_each(|loss| assert!(taken.take(anchor, *loss) >= 0.0));
            }
            let found = taken.sum * reducer.scale(&taken, 1.0);
            assert!((found - expected).abs() < 1e-12, "{reducer:?}: {found}");
            let nothing = reducer.reduce(dense.clone(), Tensor::zeros([3, 2], &device), &labels);
            assert_eq!(nothing.into_scalar::<f32>(), 0.0);
        }
    }

    #[test]
    fn limits_between_which_there_is_nothing_are_refused_at_the_upper_one() {
        let read = |low: f64, high: f64| {
            let reducer = json!({ "threshold": { "low": low, "high": high } });
            param::from_json::<crate::LossSpec>(&json!({ "contrastive": { "reducer": reducer } }))
        };
        for (low, high) in [(0.5, 0.5), (1.0, 0.0), (0.0, -1.0)] {
            let issues = read(low, high).unwrap_err();
            assert_eq!((issues.len(), issues[0].path.as_str()), (1, "contrastive.reducer.threshold.high"));
            assert!(issues[0].message.contains(&format!("only losses above {low} are kept")), "{issues:?}");
        }
        read(0.0, 0.5).unwrap();
    }

    #[test]
    fn a_pair_counts_as_often_as_it_was_chosen_but_once_for_its_anchor() {
        let device = Device::flex();
        let losses = Tensor::<2>::from_data([[1.0, 4.0], [2.0, 0.0]], &device);
        let counts = Tensor::<2>::from_data([[3.0, 1.0], [0.0, 0.0]], &device);
        let reduce =
            |reducer: ReducerSpec| reducer.reduce(losses.clone(), counts.clone(), &[0, 1]).into_scalar::<f32>();
        assert_eq!(reduce(ReducerSpec::Mean), 7.0 / 4.0);
        assert_eq!(reduce(ReducerSpec::PerAnchor), 2.5 / 2.0);
    }
}
