//! A graph of ONNX that is being made: operations in their order, and constants by name.

use std::collections::{BTreeMap, BTreeSet};

use super::OnnxError;
use super::proto::{Constant, Node, Setting, Values, single};
use crate::layer::FeatureShape;
use simpipe_artifact::Weights;

/// The name of what an operation gives, or of a constant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Value(pub(super) String);

impl Value {
    /// An input that is left out.
    pub(super) const fn none() -> Self {
        Self(String::new())
    }
}

/// The graph.
#[derive(Debug)]
pub(super) struct Graph<'a> {
    weights: &'a Weights,
    pub(super) nodes: Vec<Node>,
    pub(super) constants: BTreeMap<String, Constant>,
    /// Weights that were taken, by their full paths.
    pub(super) taken: BTreeSet<String>,
    /// Names of operations.
    names: BTreeSet<String>,
    /// What the names of what is added begin with.
    scope: String,
}

/// How a weight lies in ONNX.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lie {
    /// As here.
    Same,
    /// `[height, width, in, out]` as `[out, in, height, width]`.
    Kernel,
    /// One number a channel of what has this shape: of a map with two sides of one behind it.
    Channels,
}

impl<'a> Graph<'a> {
    pub(super) const fn new(weights: &'a Weights) -> Self {
        Self {
            weights,
            nodes: Vec::new(),
            constants: BTreeMap::new(),
            taken: BTreeSet::new(),
            names: BTreeSet::new(),
            scope: String::new(),
        }
    }

    /// What is added from now on belongs to this layer.
    pub(super) fn enter(&mut self, scope: &str) {
        scope.clone_into(&mut self.scope);
    }

    /// Adds an operation.
    pub(super) fn op(&mut self, kind: &'static str, inputs: &[&Value]) -> Value {
        self.op_with(kind, inputs, Vec::new())
    }

    /// Adds an operation with settings.
    pub(super) fn op_with(
        &mut self,
        kind: &'static str,
        inputs: &[&Value],
        settings: Vec<(&'static str, Setting)>,
    ) -> Value {
        let name = format!("{}/{kind}", self.scope);
        self.op_called(name, kind, inputs, settings)
    }

    /// Adds an operation of this name, or one that begins so.
    pub(super) fn op_called(
        &mut self,
        name: String,
        kind: &'static str,
        inputs: &[&Value],
        settings: Vec<(&'static str, Setting)>,
    ) -> Value {
        let names = std::iter::once(name.clone()).chain((2_usize..).map(|number| format!("{name}_{number}")));
        let name = names.into_iter().find(|name| !self.names.contains(name)).unwrap_or(name);
        self.names.insert(name.clone());
        let inputs = inputs.iter().map(|input| input.0.clone()).collect();
        self.nodes.push(Node { name: name.clone(), kind, inputs, settings });
        Value(name)
    }

    /// A weight of the layer, by its own name.
    pub(super) fn weight(&mut self, name: &str, lie: Lie, input: &FeatureShape) -> Result<Value, OnnxError> {
        let path = format!("{}.{name}", self.scope);
        let (shape, values) = self.numbers(&path)?;
        let (shape, values) = match (lie, shape) {
            (Lie::Kernel, &[height, width, inputs, outputs]) => {
                (vec![outputs, inputs, height, width], outermost(values, inputs, outputs))
            }
            (Lie::Channels, &[channels]) => (by_channel(input, channels), values.to_vec()),
            (_, shape) => (shape.to_vec(), values.to_vec()),
        };
        self.taken.insert(path.clone());
        Ok(self.constant(path, shape, Values::Floats(values)))
    }

    /// The numbers of a weight, where they are not taken as they are.
    pub(super) fn numbers(&self, path: &str) -> Result<(&'a [usize], &'a [f32]), OnnxError> {
        let found = self.weights.0.get(path);
        let fits = found.filter(|(shape, values)| shape.iter().product::<usize>() == values.len());
        let (shape, values) = fits.ok_or_else(|| OnnxError::Weights(format!("there is no `{path}`")))?;
        Ok((shape.as_slice(), values.as_slice()))
    }

    /// The numbers of a weight of the layer, which are part of something else.
    pub(super) fn own_numbers(&mut self, name: &str) -> Result<&'a [f32], OnnxError> {
        let path = format!("{}.{name}", self.scope);
        let (_, values) = self.numbers(&path)?;
        self.taken.insert(path);
        Ok(values)
    }

    /// Numbers of the layer that no weight has, by a name of their own.
    pub(super) fn floats(&mut self, name: &str, shape: Vec<usize>, values: Vec<f32>) -> Value {
        let name = format!("{}/{name}", self.scope);
        self.constant(name, shape, Values::Floats(values))
    }

    /// One number.
    pub(super) fn scalar(&mut self, value: f64) -> Value {
        self.constant(format!("number/{:?}", single(value)), Vec::new(), Values::Floats(vec![single(value)]))
    }

    /// A list of whole numbers: a shape, a place.
    pub(super) fn whole(&mut self, values: &[i64]) -> Value {
        let name = values.iter().map(ToString::to_string).collect::<Vec<_>>().join("_");
        self.constant(format!("list/{name}"), vec![values.len()], Values::Ints(values.to_vec()))
    }

    /// What has another shape: in `to` 0 stands for the side that is at this place.
    pub(super) fn reshape(&mut self, x: &Value, to: &[usize]) -> Value {
        let to: Vec<i64> = to.iter().map(|side| whole(*side)).collect();
        let to = self.whole(&to);
        self.op("Reshape", &[x, &to])
    }

    /// What has its sides in another order.
    pub(super) fn transpose(&mut self, x: &Value, order: &[i64]) -> Value {
        self.op_with("Transpose", &[x], vec![("perm", Setting::Ints(order.to_vec()))])
    }

    /// What `kind` makes of these sides, which stay with a length of one or go.
    pub(super) fn reduce(&mut self, kind: &'static str, x: &Value, axes: &[i64], keep: bool) -> Value {
        let settings = vec![("axes", Setting::Ints(axes.to_vec())), ("keepdims", Setting::Int(keep.into()))];
        self.op_with(kind, &[x], settings)
    }

    /// A part of a side.
    pub(super) fn slice(&mut self, x: &Value, axis: i64, from: i64, to: i64, step: i64) -> Value {
        let [from, to, axis, step] = [from, to, axis, step].map(|number| self.whole(&[number]));
        self.op("Slice", &[x, &from, &to, &axis, &step])
    }

    /// `x` with a number: `Add`, `Mul`, `Div`, `Max`.
    pub(super) fn with(&mut self, kind: &'static str, x: &Value, number: f64) -> Value {
        let number = self.scalar(number);
        self.op(kind, &[x, &number])
    }

    fn constant(&mut self, name: String, shape: Vec<usize>, values: Values) -> Value {
        let constant = Constant { name: name.clone(), shape, values };
        self.constants.entry(name.clone()).or_insert(constant);
        Value(name)
    }
}

/// A length as ONNX has it.
pub(super) const fn whole(length: usize) -> i64 {
    // No side of a tensor in memory is longer.
    length as i64
}

/// The shape of one number a channel beside a map of `[batch, channels, height, width]`, or beside tokens and vectors.
pub(super) fn by_channel(input: &FeatureShape, channels: usize) -> Vec<usize> {
    if matches!(input, FeatureShape::Image(_)) { vec![channels, 1, 1] } else { vec![channels] }
}

/// `[pixels, in, out]` as `[out, in, pixels]`.
fn outermost(values: &[f32], inputs: usize, outputs: usize) -> Vec<f32> {
    let pixels = values.len() / (inputs * outputs).max(1);
    let mut turned = Vec::with_capacity(values.len());
    for output in 0..outputs {
        for input in 0..inputs {
            turned.extend((0..pixels).map(|pixel| values[(pixel * inputs + input) * outputs + output]));
        }
    }
    turned
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_have_their_outputs_first() {
        // Two pixels, two inputs, three outputs: [pixel][input][output].
        let values: Vec<f32> = (0..12_u8).map(f32::from).collect();
        let turned = outermost(&values, 2, 3);
        assert_eq!(turned, [0.0, 6.0, 3.0, 9.0, 1.0, 7.0, 4.0, 10.0, 2.0, 8.0, 5.0, 11.0]);
        assert_eq!(by_channel(&FeatureShape::Image([2, 2, 5]), 5), [5, 1, 1]);
        assert_eq!(by_channel(&FeatureShape::Tokens([2, 5]), 5), [5]);
    }

    #[test]
    fn operations_have_names_of_their_own_and_constants_are_there_once() {
        let weights = Weights::default();
        let mut graph = Graph::new(&weights);
        graph.enter("layers.0.relu");
        let x = graph.with("Mul", &Value("images".to_owned()), 0.5);
        let y = graph.with("Mul", &x, 0.5);
        assert_eq!((x.0.as_str(), y.0.as_str()), ("layers.0.relu/Mul", "layers.0.relu/Mul_2"));
        assert_eq!(graph.constants.len(), 1);
        let missing = graph.weight("bias", Lie::Same, &FeatureShape::Vector(3)).unwrap_err();
        assert!(missing.to_string().contains("`layers.0.relu.bias`"), "{missing}");
    }
}
