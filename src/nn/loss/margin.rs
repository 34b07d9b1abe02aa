//! The margin loss.

use burn::tensor::Tensor;

use super::host::{Grid, Slope, with_slope};
use super::nearness::{farness, margin_of};
use super::per_anchor::PerAnchor;
use super::reducer::{ReducerSpec, of_divided_triplets};
use super::triplet_margin::hard;
use super::{Embedded, Loss, Needs, Target, zero};
use crate::layer::{Cx, Start, WeightSpec};
use simpipe_artifact::Distance;
use simpipe_base::check;
use simpipe_base::{choice, params};

choice! {
    /// Whether the boundary between positives and negatives is learned.
    pub enum LearnBeta {
        /// It stays where it is.
        "none" => Fixed,
        /// One for all classes.
        #[aka("shared")]
        "one" => One,
        /// One for each class that is trained on.
        #[aka("class")]
        "per-class" => PerClass,
    }
}

params! {
    /// Margin loss (Wu et al., 2017, arXiv:1706.07567): of each triplet
    /// `max(d(a, p) - beta + margin, 0) + max(beta - d(a, n) + margin, 0)`, all added and divided by the number of terms above
    /// 0. It goes with the miner `distance-weighted`.
    ///
    /// # Shapes
    ///
    /// `[batch, dim]` embeddings, taken at unit length, become one number. Learns `loss.margin.beta`, `[1]` or `[classes]`,
    /// where it is learned.
    pub struct Margin {
        /// How near two embeddings are, at unit length; the index follows it.
        #[aka("metric", "distance_metric", "similarity", "dist", "metric_type")]
        distance: Distance = Distance::Euclidean,
        /// How far from the boundary pairs are to be.
        margin: f64 = 0.2 => check::finite(),
        /// What `beta` costs where it is learned: `nu beta` is added, of each triplet where every class has its own.
        nu: f64 = 0.0 => check::finite(),
        /// The boundary between positives and negatives, or where it starts.
        beta: f64 = 1.2 => check::finite(),
        /// Whether `beta` is learned.
        #[aka("num_classes")]
        learn_beta: LearnBeta = LearnBeta::Fixed,
        /// What the optimiser's learning rate is multiplied by for `beta`.
        learning_rate_factor: f64 = 1.0 => check::positive(),
        /// Triplets drawn of each anchor where no miner chooses them: `"all"`, or a number.
        triplets_per_anchor: PerAnchor = PerAnchor::All,
        /// How the triplets' losses become one number.
        #[aka("reduction")]
        reducer: ReducerSpec = ReducerSpec::Divisor => of_divided_triplets(),
    }
}

const BETA: &str = "beta";

impl Loss for Margin {
    fn distance(&self) -> Distance {
        self.distance
    }

    fn needs(&self) -> Needs {
        Needs { known_classes: self.learn_beta == LearnBeta::PerClass, ..Needs::pairs() }
    }

    fn weights(&self, target: Target) -> Vec<WeightSpec> {
        let size = match self.learn_beta {
            LearnBeta::Fixed => return Vec::new(),
            LearnBeta::One => 1,
            LearnBeta::PerClass => target.classes.max(1),
        };
        let start = Start::Constant { value: self.beta };
        vec![WeightSpec::new(BETA, [size], start).at_rate(self.learning_rate_factor)]
    }

    fn takes_miner(&self) -> bool {
        true
    }

    fn takes_directions(&self) -> bool {
        true
    }

    fn forward(&self, batch: &Embedded<'_>, cx: &mut Cx<'_>) -> Tensor<1> {
        let triplets = batch.triplets(self.triplets_per_anchor.count(), cx.rng("triplets"));
        if triplets.is_empty() {
            return zero(batch);
        }
        let learned = (self.learn_beta != LearnBeta::Fixed).then(|| cx.weight::<1>(BETA));
        let boundaries = Boundaries::new(self, batch, learned.as_ref());
        let far = farness(batch, self.distance);
        let grid = Grid::of(&far);
        let mut slope = Slope::of(&grid);
        let mut slope_of_beta = vec![0.0; boundaries.values.len()];
        let (mut taken, mut costs) = (self.reducer.one_by_one(batch.labels), self.reducer.one_by_one(batch.labels));
        let mut weights_of_costs = vec![0.0; boundaries.values.len()];
        let mut above = 0.0;
        triplets.for_each(|anchor, positive, negative| {
            let of_anchor = boundaries.of_row[anchor];
            let beta = boundaries.values[of_anchor];
            let at = margin_of(self.distance, beta);
            let (pull, pull_rise) = hard(f64::from(grid.at(anchor, positive)) - at + self.margin);
            let (push, push_rise) = hard(at - f64::from(grid.at(anchor, negative)) + self.margin);
            above += pull_rise + push_rise;
            let weight = taken.take(anchor, pull + push);
            slope.add(anchor, positive, weight * pull_rise);
            slope.add(anchor, negative, -weight * push_rise);
            slope_of_beta[of_anchor] += weight * (push_rise - pull_rise);
            weights_of_costs[of_anchor] += costs.take(anchor, self.nu * beta);
        });
        let scale = self.reducer.scale(&taken, above);
        let loss = slope.into_loss(far, taken.sum * scale, scale);
        let Some(beta) = learned else { return loss };
        let sign = margin_of(self.distance, 1.0);
        let (cost, cost_slope) =
            self.cost(&boundaries, &weights_of_costs, self.reducer.scale(&costs, above), costs.sum);
        let slope = slope_of_beta.iter().zip(cost_slope).map(|(slope, cost)| sign * slope * scale + cost);
        loss + with_slope(beta, cost, slope)
    }
}

impl Margin {
    /// What `beta` costs, and the slopes of it: of one for all classes once, else as the triplets of each class count.
    fn cost(&self, boundaries: &Boundaries, weights: &[f64], scale: f64, sum: f64) -> (f64, Vec<f64>) {
        match self.learn_beta {
            LearnBeta::PerClass => (sum * scale, weights.iter().map(|weight| self.nu * weight * scale).collect()),
            _ => (self.nu * boundaries.values[0], vec![self.nu]),
        }
    }
}

/// The boundary of every row.
struct Boundaries {
    values: Vec<f64>,
    /// Which of them a row has.
    of_row: Vec<usize>,
}

impl Boundaries {
    fn new(margin: &Margin, batch: &Embedded<'_>, learned: Option<&Tensor<1>>) -> Self {
        let values = learned.map_or_else(|| vec![margin.beta], numbers);
        let class = |label: &i32| match margin.learn_beta {
            LearnBeta::PerClass => batch.classes.binary_search(label).unwrap_or_default(),
            _ => 0,
        };
        Self { values, of_row: batch.labels.iter().map(class).collect() }
    }
}

fn numbers(x: &Tensor<1>) -> Vec<f64> {
    let values = x.clone().without_autodiff().into_data().try_into_vec::<f32>().expect("weights are f32");
    values.into_iter().map(f64::from).collect()
}
