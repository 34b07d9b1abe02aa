//! One step of a loss: its value and its gradients.

use std::collections::BTreeMap;

use burn::tensor::Device;

use super::{same_length, seed, tensor, values};
use crate::layer::{Cx, Mode, TrainPass};
use crate::loss::{Embedded, LossSpec, Target};
use crate::miner::Mining;
use crate::ops::Numerics;
use crate::parameters::Parameters;
use simpipe_artifact::Weights;
use simpipe_base::golden::{Array, CaseError};

/// A loss with what it has learned and what it remembers.
#[derive(Debug)]
pub(super) struct Trial {
    loss: LossSpec,
    classes: Vec<i32>,
    parameters: Parameters,
    steps: u64,
    dim: usize,
}

/// What one step gave.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) value: f32,
    /// The losses of the rows, where the value is their mean.
    pub(super) rows: Option<Vec<f32>>,
    /// By the embeddings.
    pub(super) gradient: Vec<f32>,
    /// By what the loss has learned, by path.
    pub(super) weight_gradients: BTreeMap<String, Vec<f32>>,
}

impl Trial {
    /// A loss of embeddings of that length, for these classes.
    pub(super) fn new(loss: LossSpec, dim: usize, classes: Vec<i32>) -> Self {
        let target = Target { dim, classes: classes.len() };
        let parameters = Parameters::of_loss(&loss, target, seed(), &Device::flex());
        Self { loss, classes, parameters, steps: 0, dim }
    }

    /// A loss for the classes that there are in these labels.
    pub(super) fn of_labels(loss: LossSpec, dim: usize, labels: &[i32]) -> Self {
        let mut classes = labels.to_vec();
        classes.sort_unstable();
        classes.dedup();
        Self::new(loss, dim, classes)
    }

    /// What it has learned.
    pub(super) fn weights(&self) -> Weights {
        self.parameters.to_weights()
    }

    /// The same loss with other weights.
    pub(super) fn set(&mut self, weights: &Weights) -> Result<(), CaseError> {
        self.parameters.set(weights).map_err(|error| CaseError::malformed(error.to_string()))
    }

    /// One step of training, after which the loss remembers what it is to remember. The rows are view after view.
    pub(super) fn step(&mut self, embeddings: &Array, labels: &[i32], views: usize) -> Result<Outcome, CaseError> {
        self.mined_step(embeddings, labels, views, None)
    }

    /// The same of the pairs or triplets that a miner chooses.
    pub(super) fn mined_step(
        &mut self,
        embeddings: &Array,
        labels: &[i32],
        views: usize,
        mining: Option<&Mining<'_>>,
    ) -> Result<Outcome, CaseError> {
        same_length("rows and labels", embeddings.shape[0], labels.len())?;
        same_length("numbers of an embedding", embeddings.shape[1], self.dim)?;
        let leaf = tensor::<2>(embeddings, &Device::flex().autodiff()).require_grad();
        let parameters = self.parameters.to_trainable();
        let mut pass = TrainPass::new(seed(), self.steps);
        let batch = Embedded::new(leaf.clone(), labels, &self.classes).of_views(views).mined_by(mining);
        let (loss, name) = (self.loss.as_dyn(), self.loss.name());
        let mut cx = Cx::of_loss(&parameters, Numerics::Fast, Mode::Train(&mut pass), name);
        let value = loss.forward(&batch, &mut cx);
        let mut looking = TrainPass::new(seed(), self.steps);
        let rows = loss.rows(&batch, &mut Cx::of_loss(&parameters, Numerics::Fast, Mode::Train(&mut looking), name));
        // A loss of nothing to learn from may not depend on the rows at all: it has a gradient all the same, 0.
        let attached = value.clone() + leaf.clone().sum().mul_scalar(0.0);
        let mut gradients = attached.backward();
        let gradient = leaf.grad(&gradients).map_or_else(|| vec![0.0; embeddings.values.len()], values);
        let learned = parameters.gradients(&mut gradients).into_iter();
        let weight_gradients = learned.map(|(path, gradient)| (path, values(gradient))).collect();
        for (path, value) in pass.replaced {
            self.parameters.put(&path, value);
        }
        self.steps += 1;
        let value = values(value).first().copied().unwrap_or(f32::NAN);
        Ok(Outcome { value, rows: rows.map(values::<1>), gradient, weight_gradients })
    }
}

/// The gradients of two views, of which the rows of `embeddings` hold one behind the other.
pub(super) fn halves(gradient: &[f32]) -> (&[f32], &[f32]) {
    gradient.split_at(gradient.len() / 2)
}

/// One array behind another.
pub(super) fn stacked(first: &Array, second: &Array) -> Result<Array, CaseError> {
    same_length("rows of the two views", first.shape[0], second.shape[0])?;
    same_length("columns of the two views", first.shape[1], second.shape[1])?;
    let values = [&first.values[..], &second.values[..]].concat();
    Ok(Array { shape: vec![2 * first.shape[0], first.shape[1]], values })
}
