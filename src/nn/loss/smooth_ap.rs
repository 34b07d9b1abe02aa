//! The Smooth-AP loss.

use burn::tensor::Tensor;

use super::host::{Grid, Slope};
use super::pairs::Around;
use super::ranks::{Step, step};
use super::reducer::{ReducerSpec, of_triplets};
use super::{Embedded, Loss, Needs};
use crate::layer::Cx;
use simpipe_artifact::Distance;
use simpipe_base::check;
use simpipe_base::params;

params! {
    /// Smooth-AP (Brown et al., 2020, arXiv:2007.12163): one less the average precision of each row, of which ranks are
    /// counted with the smooth step `1 / (1 + exp(-x / temperature))` of differences of cosine similarities. As in
    /// pytorch-metric-learning a row is one of its own positives. What a miner chooses weighs the rows.
    ///
    /// The positives of a row are those of its label, in whatever order the batch is.
    ///
    /// # Shapes
    ///
    /// `[batch, dim]` embeddings, taken at unit length, become one number. Takes the memory of the distances, not of the
    /// triplets.
    pub struct SmoothAp {
        /// The width of the smooth step.
        #[aka("anneal", "tau")]
        temperature: f64 = 0.01 => check::positive(),
        /// How the rows' losses become one number.
        #[aka("reduction")]
        reducer: ReducerSpec = ReducerSpec::Mean => of_triplets(),
    }
}

impl Loss for SmoothAp {
    fn distance(&self) -> Distance {
        Distance::Cosine
    }

    fn needs(&self) -> Needs {
        Needs::pairs()
    }

    fn takes_miner(&self) -> bool {
        true
    }

    fn takes_directions(&self) -> bool {
        true
    }

    fn forward(&self, batch: &Embedded<'_>, _: &mut Cx<'_>) -> Tensor<1> {
        let far = batch.unit_distances(Distance::Cosine);
        let grid = Grid::of(&far);
        let mut slope = Slope::of(&grid);
        let weights = Grid::of(&batch.row_weights());
        let mut taken = self.reducer.one_by_one(batch.labels);
        for (row, around) in (0..).zip(batch.around_rows()) {
            let mut of_row = vec![0.0; grid.row(row).len()];
            let weight = f64::from(weights.at(row, 0));
            let precision = self.precision(row, &around, grid.row(row), &mut of_row);
            let weight = weight * taken.take(row, (1.0 - precision) * weight);
            of_row.iter().enumerate().for_each(|(column, rise)| slope.add(row, column, -weight * rise));
        }
        let scale = self.reducer.scale(&taken, 0.0);
        slope.into_loss(far, taken.sum * scale, scale)
    }
}

impl SmoothAp {
    /// The average precision of a row at these distances of all references, whose slopes by them are added to `slope`.
    #[expect(clippy::cast_precision_loss, reason = "a batch has far fewer than 2^52 rows")]
    fn precision(&self, row: usize, around: &Around, far: &[f32], slope: &mut [f64]) -> f64 {
        let own = u32::try_from(row).unwrap_or(u32::MAX);
        // Positives first, then negatives.
        let positives = around.positives.iter().chain([&own]);
        let count = around.positives.len() + 1;
        let columns: Vec<usize> = positives.chain(&around.negatives).map(|column| *column as usize).collect();
        let share = (count as f64).recip();
        let mut precision = 0.0;
        for &one in &columns[..count] {
            let before = |other: &usize| {
                // A row takes its own rank.
                let difference = f64::from(far[one]) - f64::from(far[*other]);
                if *other == one { Step { value: 1.0, slope: 0.0 } } else { step(difference / self.temperature) }
            };
            let before: Vec<Step> = columns.iter().map(before).collect();
            let among_positives: f64 = before[..count].iter().map(|step| step.value).sum();
            let rank = among_positives + before[count..].iter().map(|step| step.value).sum::<f64>();
            precision += share * among_positives / rank;
            let by_positive = share * (rank - among_positives) / (rank * rank);
            let by_negative = -share * among_positives / (rank * rank);
            for (at, (other, step)) in columns.iter().zip(&before).enumerate() {
                let by = if at < count { by_positive } else { by_negative };
                let rise = by * step.slope / self.temperature;
                slope[one] += rise;
                slope[*other] -= rise;
            }
        }
        precision
    }
}
