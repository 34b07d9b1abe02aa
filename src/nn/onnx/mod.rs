//! A network as an ONNX file: raw pixels in, the very embedding of the run out.
//!
//! [`model`] walks through the layers and writes what each is in operators of ONNX, opset [`OPSET`], with its weights inside.
//! Preprocessing that is part of the network, the mean over views and the choice of layers are part of the graph, so whoever
//! runs it has nothing else to apply. The messages are written by hand (`proto`): eight of them are needed, and
//! [`Message`] writes TensorBoard's too.
//!
//! Maps are `[batch, channels, height, width]` there, as ONNX has them, and `[batch, height, width, channels]` here: kernels are
//! turned, and `flatten` turns the map back. Owns no file: whoever calls writes the bytes.

mod activation;
mod graph;
mod map;
mod norm;
#[cfg(test)]
mod onnx_tests;
mod proto;
mod tokens;
mod tree;

use self::graph::{Graph, Value, whole};
use self::proto::{DataType, Port, Setting};
use self::tree::Builder;
use super::layer::{FeatureShape, LayerSpec, gives_unit_rows};
use simpipe_artifact::{ModelUse, Weights};
use simpipe_base::protobuf::Message;

/// The version of ONNX's operators: that of ONNX 1.12 (2022), which every runtime of today knows.
pub const OPSET: u64 = 17;
/// The version of the file's own format that belongs to it.
const FORMAT: u64 = 8;
/// What goes in: `uint8 [batch, height, width, channels]`.
pub const INPUT: &str = "images";
/// What comes out: `float [batch, numbers]`.
pub const OUTPUT: &str = "embeddings";
/// A file of protocol buffers is shorter than 2 GiB.
const MOST_BYTES: usize = (1 << 31) - (1 << 20);

/// Why a network can't be had in ONNX.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OnnxError {
    /// The layers don't fit each other.
    #[error("the layers can't be read: {0}")]
    Layers(String),
    /// A layer without a counterpart.
    #[error("`{0}` has no counterpart in ONNX")]
    Unknown(String),
    /// A layer that is an ONNX file itself.
    #[error("`{0}` is an ONNX file of its own, with operators of its own version, and is not put into another")]
    Inner(String),
    /// Weights and layers are of different networks.
    #[error("the weights do not fit the layers: {0}")]
    Weights(String),
    /// An embedding is made of something that the network has not.
    #[error("the embedding is made of `{0}`, which this network has not")]
    Use(String),
    /// The file would be too long.
    #[error("its weights are {0} bytes, and an ONNX file has fewer than 2 GiB")]
    TooLong(usize),
}

/// What is to be written.
#[derive(Debug, Clone, Copy)]
pub struct OnnxSource<'a> {
    /// The network's layers.
    pub layers: &'a [LayerSpec],
    /// Height, width and channels of an image.
    pub input: [usize; 3],
    /// Every weight by its path.
    pub weights: &'a Weights,
    /// What an embedding is made of.
    pub model_use: &'a ModelUse,
    /// What the file says of itself, by name.
    pub about: &'a [(&'static str, String)],
}

/// An ONNX file.
#[derive(Debug, Clone, PartialEq)]
pub struct OnnxModel {
    /// The file.
    pub bytes: Vec<u8>,
    /// Numbers of an embedding.
    pub dim: usize,
    /// The network's weights in it: their paths, by which they are called there too, and their shapes there.
    pub tensors: Vec<(String, Vec<usize>)>,
}

/// A value with what it is of: `[batch, ..]` goes without saying.
#[derive(Debug, Clone)]
struct Flow {
    value: Value,
    shape: FeatureShape,
}

impl Flow {
    /// Height and width of a map.
    const fn sides(&self) -> [usize; 2] {
        match self.shape {
            FeatureShape::Image([height, width, _]) => [height, width],
            FeatureShape::Tokens(_) | FeatureShape::Vector(_) => [1, 1],
        }
    }
}

/// The file of a network. The same network gives the same bytes.
///
/// # Errors
/// If layers, weights and use don't belong together, ONNX has nothing that computes the same, or the file would be too long.
pub fn model(source: &OnnxSource<'_>) -> Result<OnnxModel, OnnxError> {
    let mut builder = Builder::new(source.layers, source.input, source.weights)?;
    let places = places(source)?;
    let pixels = pixels(&mut builder.graph, source)?;
    let used = places.iter().max().map_or(0, |last| last + 1);
    let outputs = builder.list(&source.layers[..used], "layers", pixels)?;
    let mut graph = builder.graph;
    graph.enter(OUTPUT);
    let mut parts = Vec::new();
    for place in &places {
        let FeatureShape::Vector(dim) = outputs[*place].shape else {
            return Err(OnnxError::Use(format!("layers.{place}")));
        };
        let units = gives_unit_rows(&source.layers[..=*place]);
        parts.push((mean_of_views(&mut graph, &outputs[*place].value, dim, units, source.model_use), dim));
    }
    let dim: usize = parts.iter().map(|(_, dim)| dim).sum();
    joined(&mut graph, &parts, source.model_use.normalize);
    let size: usize = graph.constants.values().map(proto::Constant::size).sum();
    if size > MOST_BYTES {
        return Err(OnnxError::TooLong(size));
    }
    let tensor = |path: &String| Some((path.clone(), graph.constants.get(path)?.shape.clone()));
    let tensors = graph.taken.iter().filter_map(tensor).collect();
    Ok(OnnxModel { bytes: file(&graph, source, dim), dim, tensors })
}

/// The places of the outermost layers whose outputs are the embedding.
fn places(source: &OnnxSource<'_>) -> Result<Vec<usize>, OnnxError> {
    let last = source.layers.len().checked_sub(1).ok_or_else(|| OnnxError::Layers("there are none".to_owned()))?;
    let place = |path: &String| {
        let place: Option<usize> = path.strip_prefix("layers.").and_then(|rest| rest.split('.').next()?.parse().ok());
        place.filter(|place| *place <= last).ok_or_else(|| OnnxError::Use(path.clone()))
    };
    let named = &source.model_use.layers;
    if named.is_empty() { Ok(vec![last]) } else { named.iter().map(place).collect() }
}

/// Pixels as numbers, channels first, and of several views one behind the other.
fn pixels(graph: &mut Graph<'_>, source: &OnnxSource<'_>) -> Result<Flow, OnnxError> {
    graph.enter(INPUT);
    let float = vec![("to", Setting::Int(DataType::Float as i64))];
    let numbers = graph.op_with("Cast", &[&Value(INPUT.to_owned())], float);
    let image = graph.transpose(&numbers, &[0, 3, 1, 2]);
    let mut views = Vec::new();
    for view in &source.model_use.views {
        views.push(match view.as_str() {
            ModelUse::IDENTITY => image.clone(),
            "flip" => graph.slice(&image, 3, i64::MAX, i64::MIN, -1),
            other => return Err(OnnxError::Use(other.to_owned())),
        });
    }
    let value = match &views[..] {
        [] => image,
        [one] => one.clone(),
        several => {
            let several: Vec<&Value> = several.iter().collect();
            graph.op_with("Concat", &several, vec![("axis", Setting::Int(0))])
        }
    };
    Ok(Flow { value, shape: FeatureShape::Image(source.input) })
}

/// The mean over the views, of unit length where the layers give that or it is wanted.
fn mean_of_views(graph: &mut Graph<'_>, rows: &Value, dim: usize, units: bool, model_use: &ModelUse) -> Value {
    let views = model_use.views.len();
    let mut mean = rows.clone();
    if views > 1 {
        let shape = graph.whole(&[whole(views), -1, whole(dim)]);
        mean = graph.op("Reshape", &[rows, &shape]);
        mean = graph.reduce("ReduceMean", &mean, &[0], false);
    }
    if model_use.normalize || (views > 1 && units) { graph.unit_rows(&mean) } else { mean }
}

/// What several layers give, one behind the other, as the graph's output.
fn joined(graph: &mut Graph<'_>, parts: &[(Value, usize)], normalize: bool) {
    let mut row = parts.first().map_or_else(Value::none, |(value, _)| value.clone());
    if parts.len() > 1 {
        let values: Vec<&Value> = parts.iter().map(|(value, _)| value).collect();
        row = graph.op_with("Concat", &values, vec![("axis", Setting::Int(1))]);
        if normalize {
            row = graph.unit_rows(&row);
        }
    }
    graph.op_called(OUTPUT.to_owned(), "Identity", &[&row], Vec::new());
}

/// `ModelProto`.
fn file(graph: &Graph<'_>, source: &OnnxSource<'_>, dim: usize) -> Vec<u8> {
    let input = Port { name: INPUT, kind: DataType::Uint8, sides: source.input.to_vec() };
    let output = Port { name: OUTPUT, kind: DataType::Float, sides: vec![dim] };
    let mut model = Message::default();
    model.integer(1, FORMAT);
    model.text(2, "simpipe");
    model.text(3, env!("CARGO_PKG_VERSION"));
    model.message(7, |message| {
        graph.nodes.iter().for_each(|node| message.message(1, |one| node.write(one)));
        message.text(2, "network");
        graph.constants.values().for_each(|constant| message.message(5, |one| constant.write(one)));
        message.message(11, |port| input.write(port));
        message.message(12, |port| output.write(port));
    });
    model.message(8, |operators| operators.integer(2, OPSET));
    for (name, text) in source.about {
        model.message(14, |entry| {
            entry.text(1, name);
            entry.text(2, text);
        });
    }
    model.into_bytes()
}
