//! Numbers of a batch's hardest pairs, which a history may show beside the loss. They change no weight.

use burn::tensor::{Bool, Tensor};

use super::Embedded;
use super::mining::{End, Incomplete, Picked, everything, limit};
use crate::layer::TrainPass;
use crate::ops;
use simpipe_artifact::Distance;
use simpipe_base::choice;

choice! {
    /// A number of a training batch, by the distance of the loss: of each row's farthest positive, or of each row's nearest
    /// negative, over the rows that have one (TensorFlow Similarity's distance metrics). If no row has one,
    /// the value is NaN.
    pub enum TrainingMetric {
        /// The mean distance of the farthest positives: falls while classes close up.
        #[aka("avg_pos", "mean_pos", "pos_mean")]
        "mean-positive" => MeanPositive,
        /// The largest distance among the farthest positives.
        #[aka("max_pos")]
        "max-positive" => MaxPositive,
        /// The smallest distance among the farthest positives.
        #[aka("min_pos")]
        "min-positive" => MinPositive,
        /// The sum of the distances of the farthest positives.
        #[aka("sum_pos")]
        "sum-positive" => SumPositive,
        /// The mean distance of the nearest negatives: grows while classes part.
        #[aka("avg_neg", "mean_neg", "neg_mean")]
        "mean-negative" => MeanNegative,
        /// The largest distance among the nearest negatives.
        #[aka("max_neg")]
        "max-negative" => MaxNegative,
        /// The smallest distance among the nearest negatives.
        #[aka("min_neg")]
        "min-negative" => MinNegative,
        /// The sum of the distances of the nearest negatives.
        #[aka("sum_neg")]
        "sum-negative" => SumNegative,
        /// The distances that 5, 50 and 95 % of all positive pairs of the batch have at most: `positive-p5`, `positive-p50`,
        /// `positive-p95`. All near 0 together with the negatives': the network gives every image the same embedding. The
        /// last batch of every epoch has them anyway; this asks for them at every step.
        "positive-distances" => PositiveDistances,
        /// The same of all negative pairs: `negative-p5`, `negative-p50`, `negative-p95`.
        "negative-distances" => NegativeDistances,
    }
}

/// The shares of pairs whose largest distance is told.
const SHARES: [(f64, &str); 3] = [(0.05, "p5"), (0.5, "p50"), (0.95, "p95")];

/// What is taken over the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Over {
    Mean,
    Max,
    Min,
    Sum,
}

impl TrainingMetric {
    /// Whether it is of positives, and what is taken over the rows; nothing of those that are of all pairs.
    const fn parts(&self) -> (bool, Option<Over>) {
        match self {
            Self::MeanPositive => (true, Some(Over::Mean)),
            Self::MaxPositive => (true, Some(Over::Max)),
            Self::MinPositive => (true, Some(Over::Min)),
            Self::SumPositive => (true, Some(Over::Sum)),
            Self::MeanNegative => (false, Some(Over::Mean)),
            Self::MaxNegative => (false, Some(Over::Max)),
            Self::MinNegative => (false, Some(Over::Min)),
            Self::SumNegative => (false, Some(Over::Sum)),
            Self::PositiveDistances => (true, None),
            Self::NegativeDistances => (false, None),
        }
    }

    /// Its values of a batch by name, each `[1]`, without a gradient.
    fn of(&self, batch: &Embedded<'_>, distance: Distance) -> Vec<(String, Tensor<1>)> {
        let (positive, over) = self.parts();
        let Some(over) = over else { return quantiles(batch, distance, positive) };
        let end = if positive == distance.larger_is_nearer() { End::Nearest } else { End::Farthest };
        vec![(self.name().to_owned(), Hardest { positive, end, over }.of(batch, distance, &Incomplete::Zero))]
    }
}

/// A number of a batch: one pair of each row, and what is taken of their distances.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hardest {
    /// Whether the pair is a positive one.
    pub(crate) positive: bool,
    pub(crate) end: End,
    pub(crate) over: Over,
}

impl Hardest {
    /// Its value, `[1]`, without a gradient: over the rows that have such a pair, or by [`Incomplete::RowEnds`] over all.
    pub(crate) fn of(self, batch: &Embedded<'_>, distance: Distance, incomplete: &Incomplete) -> Tensor<1> {
        let pairs = batch.pairs();
        let mask = if self.positive { &pairs.positive } else { &pairs.negative };
        let distances = batch.distances(distance).detach();
        let some = mask.clone().any_dim(1);
        let (values, counts) = match incomplete {
            Incomplete::Zero => (limit(&distances, mask, self.end), some),
            Incomplete::RowEnds => (Picked::of(&distances, mask, self.end, incomplete).distance, everything(&some)),
        };
        taken(values, counts, self.over)
    }
}

/// Quantiles of the distances of all positive or negative pairs; no numbers where there are none.
fn quantiles(batch: &Embedded<'_>, distance: Distance, positive: bool) -> Vec<(String, Tensor<1>)> {
    let (pairs, distances) = (batch.pairs(), batch.distances(distance).detach());
    let (mask, kind) = if positive { (&pairs.positive, "positive") } else { (&pairs.negative, "negative") };
    let device = distances.device();
    let chosen = distances.mask_fill(mask.clone().bool_not(), f32::NAN).into_data();
    let mut chosen: Vec<f64> = chosen.iter::<f32>().filter(|distance| !distance.is_nan()).map(f64::from).collect();
    chosen.sort_unstable_by(f64::total_cmp);
    let number = |(share, name): (f64, &str)| {
        let at = ((chosen.len().saturating_sub(1)) as f64 * share).round() as usize;
        #[expect(clippy::cast_possible_truncation, reason = "it was a 32-bit number before")]
        let value = chosen.get(at).map_or(f32::NAN, |value| *value as f32);
        (format!("{kind}-{name}"), Tensor::from_data([value], &device).without_autodiff())
    };
    SHARES.map(number).into()
}

/// What `over` takes over the rows of `[batch, 1]` that count.
fn taken(values: Tensor<2>, counts: Tensor<2, Bool>, over: Over) -> Tensor<1> {
    let without = counts.clone().bool_not();
    let count = ops::sum(counts.float());
    let found = match over {
        Over::Max => values.mask_fill(without, f32::NEG_INFINITY).max_dim(0).squeeze_dim(1),
        Over::Min => values.mask_fill(without, f32::INFINITY).min_dim(0).squeeze_dim(1),
        Over::Sum => ops::sum(values.mask_fill(without, 0.0)),
        Over::Mean => ops::sum(values.mask_fill(without, 0.0)) / count.clone(),
    };
    found.mask_fill(count.equal_scalar(0.0), f32::NAN)
}

/// What the last batch of an epoch tells unasked: how far apart its images lie says whether a network learns to tell them
/// apart, at the cost of one batch in an epoch.
const OF_EPOCHS: [TrainingMetric; 2] = [TrainingMetric::PositiveDistances, TrainingMetric::NegativeDistances];

/// Tells these numbers of a batch, and where it is the last of an epoch the quantiles of its distances.
pub(crate) fn tell(
    metrics: &[TrainingMetric],
    ends_epoch: bool,
    batch: &Embedded<'_>,
    distance: Distance,
    pass: &mut TrainPass,
) {
    let unasked = OF_EPOCHS.iter().filter(|metric| ends_epoch && !metrics.contains(metric));
    for (name, value) in metrics.iter().chain(unasked).flat_map(|metric| metric.of(batch, distance)) {
        pass.logged.push((name, value.without_autodiff()));
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use serde_json::json;

    use super::*;
    use crate::golden::{self, Golden, close};
    use crate::loss::tfs_tests::labels;
    use simpipe_base::param;
    use simpipe_base::seed::Seed;

    /// The values by name.
    fn told(rows: Tensor<2>, labels: &[i32], distance: Distance) -> Vec<(String, f32)> {
        let metrics: Vec<TrainingMetric> = param::from_json(&json!(TrainingMetric::NAMES)).unwrap();
        let mut pass = TrainPass::new(Seed::of_stage(1, "train", None), 0);
        tell(&metrics, false, &Embedded::new(rows, labels, &[]), distance, &mut pass);
        pass.logged.into_iter().map(|(name, value)| (name, value.into_scalar::<f32>())).collect()
    }

    /// 6 of 40 numbers differ: of the case with a single example of class 0 the mean and the smallest positive, since that row
    /// counts there as 0 less 1e-6, a distance of itself; of the case of one class all four of the negatives, of which there
    /// are none. The sum with that row is the same within the tolerance.
    #[test]
    fn numbers_are_tensorflow_similaritys() {
        let golden = Golden::read(golden::file!("training_distance_metrics"));
        let (mut seen, mut differing) = (0, Vec::new());
        for (at, case) in golden.cases.iter().enumerate() {
            let rows = golden::matrix(&case.input["embeddings"], &Device::flex().autodiff()).require_grad();
            let distance = Distance::from_name(case.params["distance"].as_str().unwrap()).unwrap();
            for (name, found) in told(rows, &labels(&case.input["labels"]), distance) {
                // Theirs has no quantiles.
                let Some(expected) = case.expected[name.replace('-', "_")].as_f64() else { continue };
                seen += 1;
                if !close(f64::from(found), expected, golden.tolerance) {
                    differing.push(format!("{at} {name}"));
                    let lone = case.input["kind"] == "singleton" && name.ends_with("positive");
                    assert!(
                        lone || (found.is_nan() && name.ends_with("negative")),
                        "case {at}, {name}: {found} {expected}"
                    );
                }
            }
        }
        let of_one_class = ["2 mean-negative", "2 max-negative", "2 min-negative", "2 sum-negative"];
        assert_eq!(seen, 40);
        assert_eq!(differing, [&["1 mean-positive", "1 min-positive"][..], &of_one_class].concat());
    }

    #[test]
    fn of_a_similarity_the_smallest_positive_is_the_hardest() {
        let rows = Tensor::<2>::from_data([[1.0, 0.0], [0.5, 0.0], [0.25, 1.0]], &Device::flex());
        let told = told(rows, &[0, 0, 1], Distance::InnerProduct);
        let value = |name: &str| told.iter().find(|(found, _)| found == name).unwrap().1;
        assert_eq!((value("mean-positive"), value("max-negative"), value("min-negative")), (0.5, 0.25, 0.125));
        // Positive pairs: 0.5 twice. Negative pairs, each in both orders: 0.125 and 0.25.
        assert_eq!((value("positive-p5"), value("positive-p95")), (0.5, 0.5));
        assert_eq!((value("negative-p5"), value("negative-p95")), (0.125, 0.25));
    }

    /// Positive pairs of the rows below: 5 twice. Negative pairs, each in both orders: 10 and 5 of the last row.
    #[test]
    fn the_last_batch_of_an_epoch_tells_its_distances_once() {
        let rows = Tensor::<2>::from_data([[0.0, 0.0], [3.0, 4.0], [6.0, 8.0]], &Device::flex());
        let embedded = Embedded::new(rows, &[0, 0, 1], &[]);
        let told = |metrics: &[TrainingMetric], ends_epoch: bool| {
            let mut pass = TrainPass::new(Seed::of_stage(1, "train", None), 0);
            tell(metrics, ends_epoch, &embedded, Distance::Euclidean, &mut pass);
            let number = |(name, value): (String, Tensor<1>)| (name, value.into_scalar::<f32>());
            pass.logged.into_iter().map(number).collect::<Vec<_>>()
        };
        assert_eq!(told(&[], false), []);
        let expected = [
            ("positive-p5", 5.0),
            ("positive-p50", 5.0),
            ("positive-p95", 5.0),
            ("negative-p5", 5.0),
            ("negative-p50", 10.0),
            ("negative-p95", 10.0),
        ]
        .map(|(name, value)| (name.to_owned(), value));
        assert_eq!(told(&[], true), expected);
        let asked = told(&[TrainingMetric::NegativeDistances], true);
        assert_eq!(asked, [&expected[3..], &expected[..3]].concat());
    }
}
