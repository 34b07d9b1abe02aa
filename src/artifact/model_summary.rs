//! The layer table of a network, as Keras' `summary()` shows it. It stands in no file: what builds a network gives it to whoever
//! prints it or asks for the length of an embedding.

use serde::Serialize;

/// The layers of a network, and their parameters.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ModelSummary {
    /// All parameters, moving statistics included.
    pub parameters: usize,
    /// Those that training changes by gradient.
    pub trainable: usize,
    /// In order.
    pub layers: Vec<LayerSummary>,
    /// Groups of parameters that are trained in another way than the rest.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<GroupSummary>,
    /// Length of an embedding.
    #[serde(skip)]
    pub dim: usize,
}

/// One row of a [`ModelSummary`]. The shape of one example is `[height, width, channels]`, `[tokens, width]` or `[features]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LayerSummary {
    /// The layer's kind in a spec, with a number from its second use on: `conv2d`, `conv2d-2`.
    pub name: String,
    /// Where it stands in the tree, as its weights are named: `layers.3.conv2d`.
    #[serde(skip)]
    pub path: String,
    /// The shape of what goes in.
    #[serde(skip)]
    pub input: Vec<usize>,
    /// The shape of what comes out.
    pub output: Vec<usize>,
    /// Its parameters.
    pub parameters: usize,
}

/// Parameters that are trained in another way than the rest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GroupSummary {
    /// The pattern of their paths.
    #[serde(rename = "match")]
    pub pattern: String,
    /// How they are trained, in words.
    pub training: String,
    /// Their paths, moving statistics included.
    pub parameters: Vec<String>,
}
