//! Tensors by their full path, `layers.3.residual.body.0.conv2d.weight`: the weights and moving statistics of a network.
//!
//! Layers own no tensor. They declare what they need ([`WeightSpec`](super::layer::WeightSpec)) and ask for it by name,
//! so that saving, loading, optimising and freezing know one thing, a path.

use std::collections::BTreeMap;

use burn::tensor::{Device, Gradients, Tensor, TensorData};

use super::layer::{Average, Declared, Place};
use super::load_error::LoadError;
use super::loss::{Inner, LossSpec, Target};
use simpipe_artifact::Weights;
use simpipe_base::seed::Seed;

/// Parameters of one network on one device, in the order of their paths.
#[derive(Debug, Clone, Default)]
pub(super) struct Parameters(BTreeMap<String, Parameter>);

/// One tensor. It is kept flat: optimisers and files need no rank, and a layer gets it in its shape.
#[derive(Debug, Clone)]
struct Parameter {
    /// `[size]`.
    value: Tensor<1>,
    shape: Vec<usize>,
    /// Whether training changes it by gradient; moving statistics follow their batches.
    trainable: bool,
    /// What the learning rate is multiplied by for it.
    rate_factor: f64,
    /// The group that it belongs to.
    group: Option<usize>,
    /// The steps after which it stays as it is; for ever in motion if it is `None`.
    until: Option<u64>,
    /// Whether that is now.
    frozen: bool,
}

/// Which parameter an update is of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Updated<'a> {
    pub(crate) path: &'a str,
    /// As the layer declared it.
    pub(crate) shape: &'a [usize],
    /// What the learning rate is multiplied by for it.
    pub(crate) rate_factor: f64,
    /// The group that it belongs to.
    pub(crate) group: Option<usize>,
}

/// What a group says of the parameters in it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Assigned {
    /// Its number.
    pub(super) group: usize,
    /// What learning rates are multiplied by.
    pub(super) rate_factor: f64,
    /// The steps after which they stay as they are.
    pub(super) until: Option<u64>,
}

/// Gradients by path, `[size]` each and outside the autodiff graph.
pub(super) type ByPath = BTreeMap<String, Tensor<1>>;

impl Parameters {
    /// Fresh values for what layers have declared. They depend on `seed` alone, not on the device.
    ///
    /// # Panics
    /// If a path comes twice, which the walk through the layers has refused.
    pub(super) fn init(declared: &[Declared], seed: Seed, device: &Device) -> Self {
        let mut parameters = Self::default();
        for one in declared {
            let shape = one.spec.shape.clone();
            let values = one.spec.start.values(shape.iter().product(), &mut one.rng(seed));
            let value = flat(values, device);
            let (trainable, rate_factor) = (one.spec.trainable, one.spec.rate_factor);
            let (group, until, frozen) = (None, None, false);
            let parameter = Parameter { value, shape, trainable, rate_factor, group, until, frozen };
            let twice = parameters.0.insert(one.path.clone(), parameter);
            assert!(twice.is_none(), "two parameters have the path `{}`", one.path);
        }
        parameters
    }

    /// Fresh values for what a loss learns.
    pub(super) fn of_loss(loss: &LossSpec, target: Target, seed: Seed, device: &Device) -> Self {
        Self::init(&declared_by_loss(loss, target), seed, device)
    }

    /// The same parameters, each as its group says.
    pub(super) fn assigned(mut self, group_of: impl Fn(&str) -> Option<Assigned>) -> Self {
        for (path, parameter) in &mut self.0 {
            if let Some(Assigned { group, rate_factor, until }) = group_of(path) {
                // A loss's memory follows the batches as long as there are some.
                let memory = is_memory(path, parameter.trainable);
                (parameter.group, parameter.until) = (Some(group), until.filter(|_| !memory));
                parameter.rate_factor *= rate_factor;
            }
        }
        self
    }

    /// Lets those stay as they are whose last step was made, now that so many were.
    pub(super) fn freeze(&mut self, steps: u64) {
        let due = |parameter: &&mut Parameter| !parameter.frozen && parameter.until.is_some_and(|until| steps >= until);
        for parameter in self.0.values_mut().filter(due) {
            parameter.frozen = true;
            if parameter.value.is_autodiff() {
                parameter.value = Tensor::from_inner(parameter.value.clone().without_autodiff());
            }
        }
    }

    /// Whether this layer has moving statistics and all of them stay as they are.
    pub(super) fn is_still(&self, layer: &str) -> bool {
        let prefix = format!("{layer}.");
        let own = self.0.range(prefix.clone()..).take_while(|(path, _)| path.starts_with(&prefix));
        let mut statistics = own
            .filter(|(path, parameter)| !parameter.trainable && !path[prefix.len()..].contains('.'))
            .map(|(_, parameter)| parameter.frozen)
            .peekable();
        statistics.peek().is_some() && statistics.all(|frozen| frozen)
    }

    /// These and others, whose paths are other ones.
    pub(super) fn with(mut self, others: Self) -> Self {
        self.0.extend(others.0);
        self
    }

    /// The parameter of a layer, in its shape.
    ///
    /// # Panics
    /// If there is none, or it has another rank: a layer asks for what it has declared.
    pub(super) fn get<const D: usize>(&self, path: &str) -> Tensor<D> {
        let parameter = self.0.get(path).unwrap_or_else(|| panic!("no layer has declared `{path}`"));
        let shape: [usize; D] = parameter.shape[..].try_into().expect("a layer asks for the rank that it declared");
        parameter.value.clone().reshape(shape)
    }

    /// A parameter as it is kept: `[size]`.
    ///
    /// # Panics
    /// As [`Parameters::get`].
    pub(super) fn flat(&self, path: &str) -> Tensor<1> {
        self.0.get(path).unwrap_or_else(|| panic!("no layer has declared `{path}`")).value.clone()
    }

    /// A parameter as numbers.
    ///
    /// # Panics
    /// As [`Parameters::get`].
    pub(super) fn numbers(&self, path: &str) -> Vec<f64> {
        numbers(&self.flat(path)).into_iter().map(f64::from).collect()
    }

    /// Every parameter in host memory.
    pub(super) fn to_weights(&self) -> Weights {
        self.weights_of(|_, _| true)
    }

    /// The same without what a loss remembers of earlier batches: averages of it there are none, and once is enough.
    pub(super) fn to_weights_without_memory(&self) -> Weights {
        self.weights_of(|path, parameter| !is_memory(path, parameter.trainable))
    }

    fn weights_of(&self, wanted: impl Fn(&str, &Parameter) -> bool) -> Weights {
        let one = |(path, parameter): (&String, &Parameter)| {
            (path.clone(), (parameter.shape.clone(), numbers(&parameter.value)))
        };
        Weights(self.0.iter().filter(|(path, parameter)| wanted(path, parameter)).map(one).collect())
    }

    /// Replaces every value; what `weights` has besides is not looked at.
    ///
    /// # Errors
    /// If one is missing or has another shape: nothing is changed then.
    pub(super) fn set(&mut self, weights: &Weights) -> Result<(), LoadError> {
        self.set_where(weights, |_, _| true)
    }

    /// The same of [`Parameters::to_weights_without_memory`]; what a loss remembers stays.
    ///
    /// # Errors
    /// As [`Parameters::set`].
    pub(super) fn set_without_memory(&mut self, weights: &Weights) -> Result<(), LoadError> {
        self.set_where(weights, |path, parameter| !is_memory(path, parameter.trainable))
    }

    fn set_where(&mut self, weights: &Weights, wanted: impl Fn(&str, &Parameter) -> bool) -> Result<(), LoadError> {
        for (path, parameter) in self.0.iter().filter(|(path, parameter)| wanted(path, parameter)) {
            match weights.0.get(path) {
                None => return Err(LoadError::Missing(path.clone())),
                Some((found, _)) if *found != parameter.shape => {
                    let (name, expected) = (path.clone(), parameter.shape.clone());
                    return Err(LoadError::Shape { name, found: found.clone(), expected });
                }
                Some(_) => {}
            }
        }
        for (path, parameter) in self.0.iter_mut().filter(|(path, parameter)| wanted(path, parameter)) {
            parameter.value = flat(weights.0[path].1.clone(), &parameter.value.device());
        }
        Ok(())
    }

    /// The same parameters inside the autodiff graph: those that are trained ask for a gradient.
    pub(super) fn to_trainable(&self) -> Self {
        self.mapped(|parameter| {
            let value = Tensor::from_inner(parameter.value.clone());
            if parameter.trainable && !parameter.frozen { value.require_grad() } else { value }
        })
    }

    /// The same parameters outside the autodiff graph.
    pub(super) fn valid(&self) -> Self {
        self.mapped(|parameter| parameter.value.clone().without_autodiff())
    }

    fn mapped(&self, value: impl Fn(&Parameter) -> Tensor<1>) -> Self {
        let one = |(path, parameter): (&String, &Parameter)| {
            (path.clone(), Parameter { value: value(parameter), ..parameter.clone() })
        };
        Self(self.0.iter().map(one).collect())
    }

    /// Takes the gradients out of what a backward pass has left.
    pub(super) fn gradients(&self, gradients: &mut Gradients) -> ByPath {
        let trained = self.0.iter().filter(|(_, parameter)| parameter.trainable && !parameter.frozen);
        trained.filter_map(|(path, one)| Some((path.clone(), one.value.grad_remove(gradients)?))).collect()
    }

    /// Replaces every parameter that has a gradient by what `update` makes of it, its value and its gradient, `[size]` each
    /// and outside the graph.
    pub(super) fn update(
        &mut self,
        gradients: ByPath,
        mut update: impl FnMut(&Updated<'_>, Tensor<1>, Tensor<1>) -> Tensor<1>,
    ) {
        for (path, gradient) in gradients {
            let Some(parameter) = self.0.get_mut(&path) else { continue };
            // The old value goes into the update, which may then reuse its memory.
            let nothing = Tensor::empty([0], &gradient.device());
            let value = std::mem::replace(&mut parameter.value, nothing).without_autodiff();
            let (shape, rate_factor, group) = (&parameter.shape, parameter.rate_factor, parameter.group);
            let value = update(&Updated { path: &path, shape, rate_factor, group }, value, gradient);
            parameter.value = Tensor::from_inner(value).require_grad();
        }
    }

    /// Brings these, which are outside the graph, nearer to `others` by `share` of the way, where `moves` says so of a path,
    /// whether it is trainable and whether it is frozen; where not, those others are taken over as they are.
    pub(super) fn approach(&mut self, others: &Self, share: f64, moves: impl Fn(&str, bool, bool) -> bool) {
        for (path, parameter) in &mut self.0 {
            let Some(other) = others.0.get(path) else { continue };
            let new = other.value.clone().without_autodiff();
            parameter.value = if moves(path, other.trainable, other.frozen) {
                let old = parameter.value.clone();
                // Not as two products: what is equal stays as it is, to the bit.
                old.clone() + (new - old).mul_scalar(share)
            } else {
                new
            };
        }
    }

    /// Takes the values of `others`, which are outside the graph, for all that is trained now.
    pub(super) fn take_trained(&mut self, others: &Self) {
        for (path, parameter) in self.0.iter_mut().filter(|(_, parameter)| parameter.trainable && !parameter.frozen) {
            if let Some(other) = others.0.get(path) {
                let (value, tracked) = (other.value.clone(), parameter.value.is_autodiff());
                parameter.value = if tracked { Tensor::from_inner(value).require_grad() } else { value };
            }
        }
    }

    /// Gives a parameter without a gradient a new value, `[size]`.
    ///
    /// # Panics
    /// As [`Parameters::get`].
    pub(super) fn put(&mut self, path: &str, value: Tensor<1>) {
        let parameter = self.0.get_mut(path).unwrap_or_else(|| panic!("no layer has declared `{path}`"));
        if parameter.frozen {
            return;
        }
        let tracked = parameter.value.is_autodiff();
        parameter.value = if tracked { Tensor::from_inner(value) } else { value };
    }

    /// Moves a parameter without a gradient: `momentum * old + (1 - momentum) * new`.
    ///
    /// # Panics
    /// As [`Parameters::get`].
    pub(super) fn absorb(&mut self, average: Average) {
        let Average { path, momentum, batch } = average;
        let parameter = self.0.get_mut(&path).unwrap_or_else(|| panic!("no layer has declared `{path}`"));
        if parameter.frozen {
            return;
        }
        let (old, tracked) = (parameter.value.clone(), parameter.value.is_autodiff());
        let moved = old.without_autodiff().mul_scalar(momentum) + batch.mul_scalar(1.0 - momentum);
        parameter.value = if tracked { Tensor::from_inner(moved) } else { moved };
    }
}

/// Whether a parameter is what a loss remembers: it follows the batches, and no gradient.
pub(super) fn is_memory(path: &str, trainable: bool) -> bool {
    !trainable && path.starts_with("loss.")
}

/// The weights that a loss, and the losses inside it, learn.
pub(super) fn declared_by_loss(loss: &LossSpec, target: Target) -> Vec<Declared> {
    let mut declared = Vec::new();
    declare(loss, target, &Place::loss(loss.name()), &mut declared);
    declared
}

fn declare(loss: &LossSpec, target: Target, place: &Place, declared: &mut Vec<Declared>) {
    let specs = loss.as_dyn().weights(target).into_iter().enumerate();
    declared.extend(specs.map(|(at, spec)| Declared::new(place, at, spec)));
    for (number, Inner { name, loss, target }) in (0..).zip(loss.as_dyn().inner(target)) {
        declare(loss, target, &place.inner(&name, number, loss.name()), declared);
    }
}

fn flat(values: Vec<f32>, device: &Device) -> Tensor<1> {
    let size = values.len();
    Tensor::from_data(TensorData::new(values, [size]), device)
}

fn numbers(tensor: &Tensor<1>) -> Vec<f32> {
    tensor.clone().without_autodiff().into_data().try_into_vec::<f32>().expect("parameters are f32")
}
