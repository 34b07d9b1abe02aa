//! Shape inference: the layer table of a list before any weight exists, and what is wrong with the list.

use super::LayerSpec;
use crate::base::path;

/// The shape of one example between two layers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FeatureShape {
    /// Height, width, channels.
    Image([usize; 3]),
    /// Features.
    Vector(usize),
}

impl FeatureShape {
    /// The innermost axis: channels or features.
    #[must_use]
    pub const fn channels(&self) -> usize {
        match self {
            Self::Image([_, _, channels]) => *channels,
            Self::Vector(features) => *features,
        }
    }

    /// How many numbers an example has.
    #[must_use]
    pub const fn size(&self) -> usize {
        match self {
            Self::Image([height, width, channels]) => *height * *width * *channels,
            Self::Vector(features) => *features,
        }
    }

    /// As a list, the way `check --json` shows it.
    #[must_use]
    pub fn to_vec(&self) -> Vec<usize> {
        match self {
            Self::Image(sides) => sides.to_vec(),
            Self::Vector(features) => vec![*features],
        }
    }

    fn words(&self) -> String {
        self.to_vec().iter().map(ToString::to_string).collect::<Vec<_>>().join(" x ")
    }

    /// The sides, for a layer that needs an image.
    pub(super) fn image(&self, layer: &str) -> Result<[usize; 3], LayerIssue> {
        match self {
            Self::Image(sides) => Ok(*sides),
            Self::Vector(features) => {
                let message = format!("`{layer}` needs a map of height x width x channels, found {features} features");
                Err(LayerIssue::new("", message).help("put it before the layer that makes a vector"))
            }
        }
    }

    /// The length, for a layer that needs a vector.
    pub(super) fn vector(&self, layer: &str) -> Result<usize, LayerIssue> {
        match self {
            Self::Vector(features) => Ok(*features),
            Self::Image(_) => {
                let message = format!("`{layer}` needs a vector, found a map of {}", self.words());
                let help = "put \"global-max-pool\", \"global-avg-pool\" or \"flatten\" before it";
                Err(LayerIssue::new("", message).help(help))
            }
        }
    }
}

/// A problem with a list of layers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerIssue {
    /// Where in the spec's table: `layers[3].conv2d.kernel`, `layers[3]` or `layers`.
    pub path: String,
    /// What is wrong, with the shapes so far.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl LayerIssue {
    pub(super) fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: path.into(), message: message.into(), help: None }
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// Parameters of a layer, as Keras counts them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ParameterCount {
    /// Moving statistics included.
    pub total: usize,
    /// Those with a gradient.
    pub trainable: usize,
}

impl ParameterCount {
    pub(super) const fn trainable(count: usize) -> Self {
        Self { total: count, trainable: count }
    }
}

/// The layer table, as Keras' `summary()` shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ModelSummary {
    /// All parameters, moving statistics included.
    pub parameters: usize,
    /// Those that training changes by gradient.
    pub trainable: usize,
    /// In order.
    pub layers: Vec<LayerSummary>,
    /// Length of an embedding.
    pub dim: usize,
}

/// One row of a [`ModelSummary`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerSummary {
    /// The layer's kind, with a number from its second use on: `conv2d`, `conv2d-2`.
    pub name: String,
    /// What goes in.
    pub input: FeatureShape,
    /// What comes out.
    pub output: FeatureShape,
    /// Its parameters.
    pub parameters: usize,
}

/// Weights of one layer: more is a slip of the keyboard, and would not fit into memory.
const MOST_PARAMETERS: usize = 1 << 31;

/// Follows an image of `input` (height, width, channels) through a list of layers.
///
/// # Errors
/// The problems found. Behind a layer whose output is unknown nothing can be checked, so there is mostly one.
pub fn infer_shapes(input: [usize; 3], layers: &[LayerSpec]) -> Result<ModelSummary, Vec<LayerIssue>> {
    let mut shape = FeatureShape::Image(input);
    let mut summary = ModelSummary::default();
    for (at, layer) in layers.iter().enumerate() {
        let described = layer.describe();
        let output = described.output(&shape).map_err(|issue| vec![locate(issue, at, input, &summary)])?;
        let count = described.parameters(&shape);
        if count.total > MOST_PARAMETERS {
            let message =
                format!("this layer would have {} parameters, at most {MOST_PARAMETERS} are possible", count.total);
            return Err(vec![locate(LayerIssue::new("", message), at, input, &summary)]);
        }
        summary.parameters += count.total;
        summary.trainable += count.trainable;
        let name = numbered(layer.name(), &layers[..at]);
        let row = LayerSummary { name, input: shape, output: output.clone(), parameters: count.total };
        summary.layers.push(row);
        shape = output;
    }
    match shape {
        FeatureShape::Vector(dim) => Ok(ModelSummary { dim, ..summary }),
        FeatureShape::Image(_) => {
            let message = format!("the last layer must give a vector, found a map of {}", shape.words());
            let help = "end with { metric-embedding = { size = 256 } } behind \"global-max-pool\"";
            let at = layers.len().checked_sub(1).map_or_else(|| "layers".to_owned(), |last| path::at("layers", last));
            Err(vec![LayerIssue::new(at, message).help(help)])
        }
    }
}

/// `conv2d-2` for the second `conv2d`.
fn numbered(name: &str, before: &[LayerSpec]) -> String {
    match before.iter().filter(|layer| layer.name() == name).count() {
        0 => name.to_owned(),
        uses => format!("{name}-{}", uses + 1),
    }
}

/// Puts a problem at its place in the list and names the shapes that led to it.
fn locate(issue: LayerIssue, at: usize, input: [usize; 3], so_far: &ModelSummary) -> LayerIssue {
    let layer = path::at("layers", at);
    let path = if issue.path.is_empty() { layer } else { path::join(&layer, &issue.path) };
    let input = FeatureShape::Image(input).words();
    let mut shapes = vec![format!("input {input}")];
    let mut last = input;
    for row in &so_far.layers {
        let words = row.output.words();
        if words != last {
            shapes.push(format!("{} {words}", row.name));
        }
        last = words;
    }
    LayerIssue { path, message: format!("{} (shapes so far: {})", issue.message, shapes.join(", ")), help: issue.help }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::param;

    fn layers(json: serde_json::Value) -> Vec<LayerSpec> {
        param::from_json(&json).unwrap()
    }

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
            summary.layers.iter().map(|row| (row.name.as_str(), row.output.to_vec(), row.parameters)).collect();
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
