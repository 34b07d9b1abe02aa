//! The loss of penalising negatives before positives.

use burn::tensor::Tensor;

use super::host::{Grid, Slope};
use super::ranks::{Step, step};
use super::{Embedded, Loss, Needs};
use crate::layer::Cx;
use simpipe_artifact::Distance;
use simpipe_base::check;
use simpipe_base::{choice, params};

choice! {
    /// What a number `r` of negatives before a positive costs.
    pub enum Variant {
        /// `log(1 + r)`, by the first ones most.
        "ds" => Ds,
        /// `1 - (1 + r)^-alpha`, by the first ones most.
        "dq" => Dq,
        /// `(1 + r) log(1 + r)`, by the last ones most.
        "iu" => Iu,
        /// `r / b - log(1 + b r) / b^2`, by the last ones most, but no more than `1 / b` each.
        "ib" => Ib,
        /// `r`.
        "o" => O,
    }
}

params! {
    /// PNP loss (Li et al., 2021, arXiv:2102.04640): of each row and each of its positives, and of the row itself, the number
    /// of negatives that are more similar, by a smooth step `1 / (1 + exp(-x / anneal))`. It finds its pairs itself.
    ///
    /// # Shapes
    ///
    /// `[batch, dim]` embeddings, taken at unit length, become one number: the mean over the rows with a positive of the
    /// mean over their positives and themselves. Takes the memory of the distances, not of the triplets.
    pub struct Pnp {
        /// Of the variant `ib`: the higher, the less the last negatives count.
        b: f64 = 2.0 => check::positive(),
        /// Of the variant `dq`: the higher, the more the first negatives count.
        alpha: f64 = 1.0 => check::positive(),
        /// The width of the smooth step.
        #[aka("temperature")]
        anneal: f64 = 0.01 => check::positive(),
        /// What negatives before a positive cost.
        variant: Variant = Variant::O,
    }
}

impl Loss for Pnp {
    fn distance(&self) -> Distance {
        Distance::Cosine
    }

    fn needs(&self) -> Needs {
        Needs::pairs()
    }

    fn takes_directions(&self) -> bool {
        true
    }

    fn forward(&self, batch: &Embedded<'_>, _: &mut Cx<'_>) -> Tensor<1> {
        let far = batch.unit_distances(Distance::Cosine);
        let grid = Grid::of(&far);
        let (mut slope, mut loss) = (Slope::of(&grid), 0.0);
        let around = batch.around_rows();
        let rows = around.iter().filter(|around| !around.positives.is_empty()).count();
        for (row, around) in (0..).zip(around).filter(|(_, around)| !around.positives.is_empty()) {
            let far = |column: u32| f64::from(grid.at(row, column as usize));
            let own = u32::try_from(row).unwrap_or(u32::MAX);
            #[expect(clippy::cast_precision_loss, reason = "a batch has far fewer than 2^52 rows")]
            let share = ((around.positives.len() + 1) as f64).recip();
            for positive in around.positives.iter().copied().chain([own]) {
                let before = |negative: &u32| step((far(positive) - far(*negative)) / self.anneal);
                let before: Vec<Step> = around.negatives.iter().map(before).collect();
                let (cost, rise) = self.cost(before.iter().map(|step| step.value).sum());
                loss += cost * share;
                for (negative, step) in around.negatives.iter().zip(&before) {
                    let weight = share * rise * step.slope / self.anneal;
                    slope.add(row, positive as usize, weight);
                    slope.add(row, *negative as usize, -weight);
                }
            }
        }
        #[expect(clippy::cast_precision_loss, reason = "a batch has far fewer than 2^52 rows")]
        let share = (rows.max(1) as f64).recip();
        slope.into_loss(far, loss * share, share)
    }
}

impl Pnp {
    /// What so many negatives cost, and its slope.
    fn cost(&self, count: f64) -> (f64, f64) {
        let (b, log) = (self.b, count.ln_1p());
        match self.variant {
            Variant::O => (count, 1.0),
            Variant::Ds => (log, (1.0 + count).recip()),
            Variant::Dq => {
                let power = (1.0 + count).powf(-self.alpha);
                (1.0 - power, self.alpha * power / (1.0 + count))
            }
            Variant::Iu => ((1.0 + count) * log, log + 1.0),
            Variant::Ib => ((b * count - (b * count).ln_1p()) / (b * b), count / (1.0 + b * count)),
        }
    }
}
