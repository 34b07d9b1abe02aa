//! What a layer computes with: its weights by name, its random numbers, and the layers inside it.

use std::cell::Cell;

use burn::tensor::Tensor;
use rand_chacha::ChaCha8Rng;

use super::place::{List, Place};
use super::{Activation, Features, LayerSpec};
use crate::lower::{Folded, fuse};
use crate::ops::Numerics;
use crate::parameters::Parameters;
use crate::profile;
use simpipe_base::seed::Seed;

/// The context of one layer, or of a list of layers, in one pass.
#[derive(Debug)]
pub(crate) struct Cx<'a> {
    parameters: &'a Parameters,
    numerics: Numerics,
    place: Place,
    mode: Mode<'a>,
}

/// Whether layers learn or infer.
#[derive(Debug)]
pub(crate) enum Mode<'a> {
    /// Batch statistics and dropout.
    Train(&'a mut TrainPass),
    /// Moving averages, no dropout.
    Eval,
    /// As [`Mode::Eval`], by what was made ready for many images; a layer that is computed as it is gets so many examples at
    /// least.
    Folded(&'a Folded, usize),
}

impl<'a> Mode<'a> {
    /// Training where there is a pass, else inference.
    pub(crate) fn of(pass: Option<&'a mut TrainPass>) -> Self {
        pass.map_or(Self::Eval, Self::Train)
    }
}

/// What the output of a list of layers goes into: the sum with the other way of a residual.
#[derive(Debug)]
pub(crate) struct Sum<'a> {
    pub(crate) shortcut: Features,
    /// What follows the sum.
    pub(crate) activation: &'a Activation,
}

impl Sum<'_> {
    /// The sum, and what follows it, by operations of their own.
    pub(crate) fn of(self, body: Features) -> Features {
        self.activation.of(body.add(self.shortcut))
    }
}

/// What a training pass needs and collects.
#[derive(Debug)]
pub(crate) struct TrainPass {
    /// The stage's seed.
    seed: Seed,
    /// The step, from 0.
    step: u64,
    /// What the moving averages are to take in.
    pub(crate) averages: Vec<Average>,
    /// Parameters without a gradient that are to hold something else after the step, by path, flat.
    pub(crate) replaced: Vec<(String, Tensor<1>)>,
    /// Scalars that the loss tells of this batch, `[1]` each and outside the autodiff graph.
    pub(crate) logged: Vec<(String, Tensor<1>)>,
    /// Whether anything was drawn.
    drawn: Cell<bool>,
}

/// A statistic of a batch, for the moving average of that path.
#[derive(Debug)]
pub(crate) struct Average {
    pub(crate) path: String,
    /// How much of the average is kept.
    pub(crate) momentum: f64,
    /// Outside the autodiff graph.
    pub(crate) batch: Tensor<1>,
}

impl TrainPass {
    /// The pass of one step.
    pub(crate) const fn new(seed: Seed, step: u64) -> Self {
        let drawn = Cell::new(false);
        Self { seed, step, averages: Vec::new(), replaced: Vec::new(), logged: Vec::new(), drawn }
    }

    /// The step, from 0.
    pub(crate) const fn number(&self) -> u64 {
        self.step
    }

    /// Whether what was computed is of each example alone, so that the examples of a batch may be computed in pieces:
    /// nothing was drawn, and no statistic of the batch was taken or kept.
    pub(crate) const fn is_by_example(&self) -> bool {
        !self.drawn.get() && self.averages.is_empty() && self.replaced.is_empty()
    }
}

impl<'a> Cx<'a> {
    /// The context of the outermost list.
    pub(crate) fn root(parameters: &'a Parameters, numerics: Numerics, mode: Mode<'a>) -> Self {
        Self { parameters, numerics, place: Place::root(), mode }
    }

    /// The context of a loss, of this kind.
    pub(crate) fn of_loss(parameters: &'a Parameters, numerics: Numerics, mode: Mode<'a>, kind: &str) -> Self {
        Self { parameters, numerics, place: Place::loss(kind), mode }
    }

    /// A weight that this layer has declared, in its shape.
    pub(crate) fn weight<const D: usize>(&self, name: &str) -> Tensor<D> {
        self.parameters.get(&self.place.weight(name))
    }

    /// Which methods may compute it.
    pub(crate) const fn numerics(&self) -> Numerics {
        self.numerics
    }

    /// Whether this is a training pass.
    pub(crate) const fn trains(&self) -> bool {
        matches!(self.mode, Mode::Train(_))
    }

    /// Random numbers of this layer and step, the same ones when a training is resumed; `None` where nothing is trained.
    pub(crate) fn rng(&self, purpose: &str) -> Option<ChaCha8Rng> {
        let Mode::Train(pass) = &self.mode else { return None };
        pass.drawn.set(true);
        let position: Vec<u64> = self.place.numbers().iter().copied().chain([pass.step]).collect();
        Some(pass.seed.rng(purpose, &position))
    }

    /// Hands a statistic of the batch to a moving average that this layer has declared.
    pub(crate) fn average(&mut self, name: &str, momentum: f64, batch: Tensor<1>) {
        if let Mode::Train(pass) = &mut self.mode {
            pass.averages.push(Average { path: self.place.weight(name), momentum, batch });
        }
    }

    /// Hands a statistic, or a memory, that this layer or loss has declared what it holds from the next step on: `[size]`.
    pub(crate) fn replace(&mut self, name: &str, value: Tensor<1>) {
        if let Mode::Train(pass) = &mut self.mode {
            pass.replaced.push((self.place.weight(name), value.without_autodiff()));
        }
    }

    /// Tells a scalar of this batch, `[1]`, which the history shows beside the loss. Outside of training nobody listens.
    pub(crate) fn log(&mut self, name: &str, value: Tensor<1>) {
        if let Mode::Train(pass) = &mut self.mode {
            pass.logged.push((name.to_owned(), value.without_autodiff()));
        }
    }

    /// The step of training that this is, from 0; `None` where nothing is trained.
    pub(crate) const fn step(&self) -> Option<u64> {
        match &self.mode {
            Mode::Train(pass) => Some(pass.step),
            Mode::Eval | Mode::Folded(..) => None,
        }
    }

    /// How many examples a layer that is computed as it is must be given at least.
    pub(crate) const fn fewest(&self) -> usize {
        match &self.mode {
            Mode::Folded(_, fewest) => *fewest,
            Mode::Train(_) | Mode::Eval => 0,
        }
    }

    /// The context of a loss inside this one, as [`Loss::inner`](crate::loss::Loss::inner) lists it.
    pub(crate) fn inner(&mut self, name: &str, number: u64, kind: &str) -> Cx<'_> {
        let place = self.place.inner(name, number, kind);
        self.at(place)
    }

    /// The context of a list of layers inside this one.
    pub(crate) fn inside(&mut self, list: &List<'_>) -> Cx<'_> {
        let place = self.place.list(list);
        self.at(place)
    }

    /// Computes a list of layers inside this one.
    pub(crate) fn list(&mut self, list: &List<'_>, layers: &[LayerSpec], x: Features) -> Features {
        let place = self.place.list(list);
        self.at(place).run(layers, x, None)
    }

    /// Computes a list of layers inside this one, and the sum that it ends in.
    pub(crate) fn list_into(&mut self, list: &List<'_>, layers: &[LayerSpec], x: Features, sum: Sum<'_>) -> Features {
        let place = self.place.list(list);
        self.at(place).run(layers, x, Some(sum))
    }

    /// Computes the list of layers that this is the context of.
    pub(crate) fn layers(&mut self, layers: &[LayerSpec], x: Features) -> Features {
        self.run(layers, x, None)
    }

    fn run(&mut self, layers: &[LayerSpec], x: Features, sum: Option<Sum<'_>>) -> Features {
        match self.mode {
            Mode::Train(_) => fuse::forward(layers, x, sum, self),
            Mode::Folded(folded, _) => folded.forward(layers, x, sum, self),
            Mode::Eval => {
                let y = (0..layers.len()).fold(x, |x, at| {
                    let path = self.place.layer(at, layers[at].name());
                    profile::within(|| path.path().to_owned(), || self.one(layers, at, x))
                });
                match sum {
                    Some(sum) => sum.of(y),
                    None => y,
                }
            }
        }
    }

    /// Computes layer `at` of the list that this is the context of.
    pub(crate) fn one(&mut self, layers: &[LayerSpec], at: usize, x: Features) -> Features {
        layers[at].as_dyn().forward(x, &mut self.of(layers, at))
    }

    /// Where this is.
    pub(crate) const fn place(&self) -> &Place {
        &self.place
    }

    /// The context of layer `at` of this list.
    pub(crate) fn of(&mut self, layers: &[LayerSpec], at: usize) -> Cx<'_> {
        let place = self.place.layer(at, layers[at].name());
        self.at(place)
    }

    fn at(&mut self, place: Place) -> Cx<'_> {
        let mode = match &mut self.mode {
            // Frozen: computed as it will be when training is over.
            Mode::Train(_) if self.parameters.is_still(place.path()) => Mode::Eval,
            Mode::Train(pass) => Mode::Train(pass),
            Mode::Eval => Mode::Eval,
            Mode::Folded(folded, fewest) => Mode::Folded(folded, *fewest),
        };
        Cx { parameters: self.parameters, numerics: self.numerics, place, mode }
    }
}
