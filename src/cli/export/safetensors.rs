//! `safetensors`: the weights as they lie in the store, by our own names and in our layouts.

use std::path::Path;

use super::model::StoredModel;
use super::{Exported, Format, Row};
use crate::error::Error;
use simpipe_artifact::{TensorEntry, TensorFile};
use simpipe_nn::interchange::Names;

/// Bytes of the store.
pub(super) struct Safetensors;

impl Format for Safetensors {
    fn name(&self) -> &'static str {
        "safetensors"
    }

    fn about(&self) -> &'static str {
        "model.safetensors as it lies in the store: this program's own names and layouts"
    }

    fn file_name(&self, experiment: &str) -> String {
        format!("{experiment}.safetensors")
    }

    fn file(&self, model: &StoredModel) -> Result<Exported, Error> {
        let head = TensorFile::of_bytes(Path::new("model.safetensors"), &model.bytes)?;
        let row =
            |one: TensorEntry| Row { path: Some(one.name.clone()), name: one.name, dtype: "F32", shape: one.shape };
        let mut tensors: Vec<Row> = head.tensors.into_iter().map(row).collect();
        tensors.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Exported::alone(model.bytes.clone(), Names::Own.word(), tensors))
    }
}
