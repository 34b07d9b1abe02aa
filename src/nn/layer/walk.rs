//! Shape inference: one walk through a tree of layers, before any weight exists. It gives the layer table, the weights to
//! make and the lists of layers that it came through, or what is wrong with the tree.

use std::collections::{BTreeMap, BTreeSet};

use super::init::Declared;
use super::place::{List, Place};
use super::shape::words;
use super::{FeatureShape, LayerSpec};
use crate::input::Input;
use simpipe_artifact::{LayerSummary, ModelSummary};
use simpipe_base::issue::Issue;
use simpipe_base::path;

/// Weights of one layer: more is a slip of the keyboard, and would not fit into memory.
const MOST_PARAMETERS: usize = 1 << 31;

/// Layers of a network, with every round of a repetition: more is another slip.
const MOST_LAYERS: usize = 10_000;

/// What a walk has found.
#[derive(Debug)]
pub(crate) struct Walked<'a> {
    pub(crate) summary: ModelSummary,
    /// Every weight, in the order of the layers.
    pub(crate) weights: Vec<Declared>,
    /// Every list of layers, inner ones before those around them.
    pub(crate) lists: Vec<WalkedList<'a>>,
}

/// A list of layers and the shape that comes into each.
#[derive(Debug)]
pub(crate) struct WalkedList<'a> {
    pub(crate) place: Place,
    pub(crate) layers: &'a [LayerSpec],
    pub(crate) inputs: Vec<FeatureShape>,
}

/// A walk under way.
#[derive(Debug)]
pub(crate) struct Walk<'a> {
    input: FeatureShape,
    /// Where it is: a list, or a layer that is asked for its output.
    place: Place,
    walked: Walked<'a>,
    paths: BTreeSet<String>,
    /// How many layers of a kind there were.
    uses: BTreeMap<&'static str, usize>,
    /// Whether the problem that is on its way out has its place already.
    located: bool,
}

/// Follows an example (an image of a height, width and channels, or features) through a list of layers.
///
/// # Errors
/// The problems found. Behind a layer whose output is unknown nothing can be checked, so there is mostly one.
pub fn infer_shapes(input: impl Into<Input>, layers: &[LayerSpec]) -> Result<ModelSummary, Vec<Issue>> {
    Walk::through(input, layers).map(|walked| walked.summary)
}

impl<'a> Walk<'a> {
    /// As [`infer_shapes`], with all that is found on the way.
    pub(crate) fn through(input: impl Into<Input>, layers: &'a [LayerSpec]) -> Result<Walked<'a>, Vec<Issue>> {
        let walked = Walked { summary: ModelSummary::default(), weights: Vec::new(), lists: Vec::new() };
        let input = input.into().shape();
        let mut walk = Self {
            input: input.clone(),
            place: Place::root(),
            walked,
            paths: BTreeSet::new(),
            uses: BTreeMap::new(),
            located: false,
        };
        match walk.layers(layers, &input).map_err(|issue| vec![issue])? {
            FeatureShape::Vector(dim) => {
                walk.walked.summary.dim = dim;
                Ok(walk.walked)
            }
            FeatureShape::Image(_) | FeatureShape::Tokens(_) => {
                Err(vec![no_vector(layers, &walk.walked.summary, &input)])
            }
        }
    }

    /// Goes through a list of layers inside the layer that is asked.
    ///
    /// # Errors
    /// The first problem, at its own place.
    pub(crate) fn list(
        &mut self,
        list: &List<'_>,
        layers: &'a [LayerSpec],
        input: &FeatureShape,
    ) -> Result<FeatureShape, Issue> {
        let inner = self.place.list(list);
        let outer = std::mem::replace(&mut self.place, inner);
        let output = self.layers(layers, input)?;
        self.place = outer;
        Ok(output)
    }

    /// Whether the layer that is asked stands in the outermost list.
    pub(crate) fn is_outermost(&self) -> bool {
        self.place.numbers().len() == 1
    }

    /// Whether the layer that is asked is the first of the outermost list.
    pub(crate) fn is_first(&self) -> bool {
        self.place.numbers() == [0]
    }

    fn layers(&mut self, layers: &'a [LayerSpec], input: &FeatureShape) -> Result<FeatureShape, Issue> {
        let list = self.place.clone();
        let (mut shape, mut inputs) = (input.clone(), Vec::new());
        for (at, layer) in layers.iter().enumerate() {
            self.place = list.layer(at, layer.name());
            let output = self.layer(layer, &shape).map_err(|issue| self.locate(issue))?;
            inputs.push(std::mem::replace(&mut shape, output));
        }
        self.place = list.clone();
        self.walked.lists.push(WalkedList { place: list, layers, inputs });
        Ok(shape)
    }

    fn layer(&mut self, layer: &'a LayerSpec, input: &FeatureShape) -> Result<FeatureShape, Issue> {
        let output = layer.as_dyn().output(input, self)?;
        if self.walked.summary.layers.len() == MOST_LAYERS {
            let message = format!("the network has more than {MOST_LAYERS} layers");
            return Err(Issue::of("", message).help("repeat fewer times"));
        }
        let (mut parameters, mut trainable) = (0_usize, 0);
        for (at, weight) in layer.as_dyn().weights(input).into_iter().enumerate() {
            let size = weight.size().unwrap_or(usize::MAX);
            parameters = parameters.saturating_add(size);
            trainable += if weight.trainable { size.min(MOST_PARAMETERS) } else { 0 };
            let declared = Declared::new(&self.place, at, weight);
            if !self.paths.insert(declared.path.clone()) {
                return Err(Issue::of("", format!("two weights have the name `{}`", declared.path)));
            }
            self.walked.weights.push(declared);
        }
        if parameters > MOST_PARAMETERS {
            let message =
                format!("this layer would have {parameters} parameters, at most {MOST_PARAMETERS} are allowed");
            return Err(Issue::of("", message));
        }
        let summary = &mut self.walked.summary;
        summary.parameters += parameters;
        summary.trainable += trainable;
        let uses = self.uses.entry(layer.name()).or_default();
        *uses += 1;
        let name = if *uses == 1 { layer.name().to_owned() } else { format!("{}-{uses}", layer.name()) };
        let path = self.place.path().to_owned();
        summary.layers.push(LayerSummary { name, path, input: input.to_vec(), output: output.to_vec(), parameters });
        Ok(output)
    }

    /// Puts a problem at its place in the tree and names the shapes that led to it.
    fn locate(&mut self, issue: Issue) -> Issue {
        if std::mem::replace(&mut self.located, true) {
            return issue;
        }
        let layer = self.place.spec();
        let path = if issue.path.is_empty() { layer.to_owned() } else { path::join(layer, &issue.path) };
        let mut last = self.input.words();
        let mut shapes = vec![format!("input {last}")];
        for row in &self.walked.summary.layers {
            let words = words(&row.output);
            if words != last {
                shapes.push(format!("{} {words}", row.name));
            }
            last = words;
        }
        let message = format!("{} (shapes so far: {})", issue.message, shapes.join(", "));
        Issue { path, message, ..issue }
    }
}

/// A network must end with a vector.
fn no_vector(layers: &[LayerSpec], summary: &ModelSummary, input: &FeatureShape) -> Issue {
    let last = summary.layers.last().map_or_else(|| input.to_vec(), |row| row.output.clone());
    let message = format!("the last layer must give a vector, found a map of {}", words(&last));
    let at = layers.len().checked_sub(1).map_or_else(|| "layers".to_owned(), |last| path::at("layers", last));
    Issue::of(at, message).help("end with { metric-embedding = { size = 256 } } after \"global-max-pool\"")
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use simpipe_base::param;

    fn layers(json: serde_json::Value) -> Vec<LayerSpec> {
        param::from_json(&json).unwrap()
    }

    /// The layers of the tutorial.
    pub(crate) fn tutorial() -> serde_json::Value {
        serde_json::json!([
            { "rescale": { "divide-by": 255.0 } },
            { "conv2d": { "filters": 64, "kernel": 3, "activation": "relu" } },
            "batch-norm",
            { "conv2d": { "filters": 128, "kernel": 3, "activation": "relu" } },
            "batch-norm",
            { "max-pool": { "size": 4 } },
            { "conv2d": { "filters": 256, "kernel": 3, "activation": "relu" } },
            "batch-norm",
            { "conv2d": { "filters": 256, "kernel": 3, "activation": "relu" } },
            "global-max-pool",
            { "metric-embedding": { "size": 256 } },
        ])
    }

    #[test]
    fn the_tutorials_network_has_the_parameters_that_keras_counts() {
        let summary = infer_shapes([32, 32, 3], &layers(tutorial())).unwrap();
        assert_eq!((summary.parameters, summary.trainable, summary.dim), (1_028_480, 1_027_584, 256));
        let rows: Vec<(&str, Vec<usize>, usize)> =
            summary.layers.iter().map(|row| (row.name.as_str(), row.output.clone(), row.parameters)).collect();
        assert_eq!(rows[1], ("conv2d", vec![30, 30, 64], 1_792));
        assert_eq!(rows[3], ("conv2d-2", vec![28, 28, 128], 73_856));
        assert_eq!(rows[4], ("batch-norm-2", vec![28, 28, 128], 512));
        assert_eq!(rows[5], ("max-pool", vec![7, 7, 128], 0));
        assert_eq!(rows[8], ("conv2d-4", vec![3, 3, 256], 590_080));
        assert_eq!(rows[10], ("metric-embedding", vec![256], 65_792));
    }

    #[test]
    fn problems_stand_at_their_layer_and_tell_the_shapes() {
        let conv = |kernel: usize| serde_json::json!({ "conv2d": { "filters": 4, "kernel": kernel } });
        let refuse = |list: serde_json::Value| infer_shapes([8, 8, 3], &layers(list)).unwrap_err().remove(0);
        let issue = refuse(serde_json::json!([conv(3), { "max-pool": { "size": 2 } }, conv(5), "global-max-pool"]));
        assert_eq!(issue.path, "layers[2].conv2d.kernel");
        assert_eq!(
            issue.message,
            "a kernel of 5 x 5 is larger than its input of 3 x 3 \
             (shapes so far: input 8 x 8 x 3, conv2d 6 x 6 x 4, max-pool 3 x 3 x 4)"
        );
        let issue = refuse(serde_json::json!(["flatten", conv(3)]));
        assert_eq!(issue.path, "layers[1]");
        assert!(issue.message.starts_with("`conv2d` needs a map"), "{}", issue.message);
        let issue = refuse(serde_json::json!([{ "dense": { "units": 4 } }]));
        assert!(issue.message.starts_with("`dense` needs a vector, found a map of 8 x 8 x 3"), "{}", issue.message);
        let issue = refuse(serde_json::json!([conv(3)]));
        assert_eq!(issue.path, "layers[0]");
        let issue = refuse(serde_json::json!([{ "normalize": { "mean": [0.5], "std": [0.5] } }, "flatten"]));
        assert_eq!(issue.path, "layers[0].normalize.mean");
    }
}
