//! The dynamic soft margin loss.

use burn::tensor::{Tensor, TensorData};

use super::host::{Grid, Slope};
use super::{Embedded, Loss, Needs, Target, zero};
use crate::layer::{Cx, Start, WeightSpec};
use simpipe_artifact::Distance;
use simpipe_base::check;
use simpipe_base::params;

params! {
    /// Dynamic soft margin loss (Zhang and Rusinkiewicz, 2019): the mean over all triplets of `x = d(a, p) - d(a, n)` times
    /// the share of triplets so far with a lower `x`. There is no margin to choose: triplets count by how hard they are among
    /// all others. The shares carry no gradient.
    ///
    /// They are read off a histogram of `x` from `-2` to `2`, of which each batch makes up the part `momentum`; a value counts
    /// in the two bins next to it, linearly.
    ///
    /// # Shapes
    ///
    /// `[batch, dim]` embeddings, taken at unit length, become one number, which is negative where negatives are far. Keeps
    /// `loss.dynamic-soft-margin.histogram`, `[num-bins]`.
    pub struct DynamicSoftMargin {
        /// Bins between the least and the largest difference of two distances.
        #[aka("bins", "n_bins")]
        num_bins: usize = 10 => check::between(2, 65_536),
        /// The part of the histogram that a batch makes up.
        momentum: f64 = 0.01 => check::between(0.0, 1.0),
    }
}

const HISTOGRAM: &str = "histogram";
/// The largest difference of two distances between directions.
const LARGEST: f64 = 2.0;

impl Loss for DynamicSoftMargin {
    fn distance(&self) -> Distance {
        Distance::Euclidean
    }

    fn needs(&self) -> Needs {
        Needs::pairs()
    }

    fn weights(&self, _: Target) -> Vec<WeightSpec> {
        vec![WeightSpec::statistic(HISTOGRAM, [self.num_bins], Start::Zeros)]
    }

    fn takes_miner(&self) -> bool {
        true
    }

    fn takes_directions(&self) -> bool {
        true
    }

    fn forward(&self, batch: &Embedded<'_>, cx: &mut Cx<'_>) -> Tensor<1> {
        let triplets = batch.triplets(None, None);
        if triplets.is_empty() {
            return zero(batch);
        }
        let far = batch.unit_distances(Distance::Euclidean);
        let grid = Grid::of(&far);
        let beyond =
            |anchor, positive, negative| f64::from(grid.at(anchor, positive)) - f64::from(grid.at(anchor, negative));
        let (mut of_batch, mut count) = (vec![0.0; self.num_bins], 0.0);
        triplets.for_each(|anchor, positive, negative| {
            let (bin, share) = self.bin(beyond(anchor, positive, negative));
            of_batch[bin] += 1.0 - share;
            of_batch[(bin + 1).min(self.num_bins - 1)] += share;
            count += 1.0;
        });
        let before = cx.weight::<1>(HISTOGRAM);
        let histogram = self.moved(&Grid::of(&before.clone().unsqueeze_dim(0)), &of_batch, count);
        #[expect(clippy::cast_possible_truncation, reason = "tensors are f32")]
        let kept = TensorData::new(histogram.iter().map(|share| *share as f32).collect(), [self.num_bins]);
        cx.replace(HISTOGRAM, Tensor::from_data(kept, &before.device()));
        let mut sum = 0.0;
        let mut add = |share: f64| {
            sum += share;
            sum
        };
        let lower: Vec<f64> = histogram.into_iter().map(&mut add).collect();
        let (mut slope, mut loss) = (Slope::of(&grid), 0.0);
        triplets.for_each(|anchor, positive, negative| {
            let beyond = beyond(anchor, positive, negative);
            let weight = lower[self.bin(beyond).0];
            loss += weight * beyond;
            slope.add(anchor, positive, weight);
            slope.add(anchor, negative, -weight);
        });
        slope.into_loss(far, loss / count, 1.0 / count)
    }
}

impl DynamicSoftMargin {
    /// The bin of a value, and the share of the next one in it.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "a position between 0 and the number of bins"
    )]
    fn bin(&self, value: f64) -> (usize, f64) {
        let at = ((value + LARGEST) / (2.0 * LARGEST) * self.num_bins as f64).max(0.0);
        let bin = (at as usize).min(self.num_bins - 1);
        (bin, (at - bin as f64).min(1.0))
    }

    /// The histogram after a batch of so many values; the first batch makes up all of it.
    fn moved(&self, before: &Grid, of_batch: &[f64], count: f64) -> Vec<f64> {
        let before = before.row(0);
        let part = if before.iter().all(|share| *share == 0.0) { 1.0 } else { self.momentum };
        let mix = |(old, new): (&f32, &f64)| (1.0 - part) * f64::from(*old) + part * new / count;
        before.iter().zip(of_batch).map(mix).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use simpipe_base::param;

    #[test]
    fn a_batch_moves_the_histogram_by_its_part() {
        let loss: DynamicSoftMargin =
            param::from_json(&serde_json::json!({ "num-bins": 4, "momentum": 0.25 })).unwrap();
        assert_eq!(
            [-2.0, -1.25, 0.0, 1.0, 2.0].map(|x| loss.bin(x)),
            [(0, 0.0), (0, 0.75), (2, 0.0), (3, 0.0), (3, 1.0)]
        );
        let grid = |x: [f32; 4]| Grid::of(&Tensor::from_data([x], &burn::tensor::Device::flex()));
        assert_eq!(loss.moved(&grid([0.0; 4]), &[1.0, 3.0, 0.0, 0.0], 4.0), [0.25, 0.75, 0.0, 0.0]);
        assert_eq!(loss.moved(&grid([0.0, 0.0, 0.5, 0.5]), &[4.0, 0.0, 0.0, 0.0], 4.0), [0.25, 0.0, 0.375, 0.375]);
    }
}
