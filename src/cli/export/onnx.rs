//! `onnx`: the network for ONNX Runtime and whatever else reads ONNX, with preprocessing, views and choice of layers inside.

use serde_json::{Value as Json, json};

use super::model::StoredModel;
use super::{Exported, Format, Row};
use crate::error::Error;
use simpipe_base::digest::canonical_json;
use simpipe_nn::interchange::Names;
use simpipe_nn::onnx::{self, INPUT, OPSET, OUTPUT, OnnxSource};

/// An ONNX file.
pub(super) struct Onnx;

impl Format for Onnx {
    fn name(&self) -> &'static str {
        "onnx"
    }

    fn about(&self) -> &'static str {
        "ONNX of opset 17: raw pixels in, the run's embeddings out, all preprocessing of the network inside"
    }

    fn file_name(&self, experiment: &str) -> String {
        format!("{experiment}.onnx")
    }

    fn writes_use(&self) -> bool {
        true
    }

    fn file(&self, model: &StoredModel) -> Result<Exported, Error> {
        let (model_use, weights) = (model.model_use()?, model.weights()?);
        let [height, width, channels] = model.model.input;
        let input = json!({ "name": INPUT, "type": "uint8", "shape": ["batch", height, width, channels] });
        let mut about = model.about();
        about.push(("images", canonical_json(&input)));
        about.push(("use", canonical_json(&json!(model_use))));
        let source = OnnxSource {
            layers: model.layers(),
            input: model.model.input,
            weights: &weights,
            model_use: &model_use,
            about: &about,
        };
        let written = onnx::model(&source).map_err(|error| {
            Error::usage(error.to_string(), "`--format safetensors` writes the tensors as they lie in the store")
        })?;
        let row = |(name, shape): (String, Vec<usize>)| Row { path: Some(name.clone()), name, dtype: "F32", shape };
        let tensors = written.tensors.into_iter().map(row).collect();
        let output = json!({ "name": OUTPUT, "type": "float32", "shape": ["batch", written.dim] });
        let words = format!(
            "; opset {OPSET}, `{INPUT}` uint8 [batch, {height}, {width}, {channels}] to `{OUTPUT}` float32 [batch, {}]",
            written.dim
        );
        let facts = [("opset", json!(OPSET)), ("input", input), ("output", output), ("use", json!(model_use))];
        let facts = facts.into_iter().map(|(name, fact): (&str, Json)| (name.to_owned(), fact)).collect();
        Ok(Exported { facts, words, ..Exported::alone(written.bytes, Names::Own.word(), tensors) })
    }
}
