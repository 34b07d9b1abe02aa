//! `torch-module`: the network as a module of Python, whose `build()` takes what the format `torch` writes.

use super::model::{StoredModel, refused};
use super::torch::rows;
use super::{Exported, Format};
use crate::error::Error;

/// Code without weights.
pub(super) struct TorchModule;

impl Format for TorchModule {
    fn name(&self) -> &'static str {
        "torch-module"
    }

    fn about(&self) -> &'static str {
        "Python code of the network for PyTorch, which loads what `torch` writes"
    }

    fn file_name(&self, experiment: &str) -> String {
        // A name that Python imports.
        let mut name: String = experiment.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        if name.starts_with(|c: char| c.is_ascii_digit()) {
            name.insert(0, '_');
        }
        name + ".py"
    }

    fn file(&self, model: &StoredModel) -> Result<Exported, Error> {
        let torch = model.torch()?;
        let [height, width, channels] = model.model.input;
        let about = format!(
            "The network of `{}` of the run {}: `build()` takes what `simpipe export --format torch` writes.\n\n\
             Images are float32 of 0 to 255, [n, {channels}, {height}, {width}]; embeddings have {} numbers.\n",
            model.stage, model.run, model.model.dim
        );
        // None of them is in the file: they are what it takes.
        let tensors = torch.tensors(&model.weights()?, model.model.steps).map_err(refused)?;
        let (bytes, tensors) = (torch.code(&about).into_bytes(), rows(&torch, &tensors));
        Ok(Exported { is_code: true, ..Exported::alone(bytes, torch.names().word(), tensors) })
    }
}
