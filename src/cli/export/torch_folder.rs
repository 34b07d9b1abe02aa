//! `torch-folder`: the network for PyTorch as a folder: weights, and a module that loads them.

use serde_json::json;

use super::model::StoredModel;
use super::torch::Torch;
use super::torch_module::TorchModule;
use super::{Exported, Format};
use crate::cli::print;
use crate::error::Error;

/// A folder of two files.
pub(super) struct TorchFolder;

const WEIGHTS: &str = "model.safetensors";
const MODULE: &str = "model.py";

/// What the module of a folder has besides.
const LOAD: &str = r#"

def load(file=None):
    """The network with its weights, those beside this file unless told otherwise, ready to embed."""
    from pathlib import Path

    from safetensors.torch import load_file

    model = build()
    model.load_state_dict(load_file(file or Path(__file__).with_name("model.safetensors")), strict=True)
    return model.eval()
"#;

impl Format for TorchFolder {
    fn name(&self) -> &'static str {
        "torch-folder"
    }

    fn about(&self) -> &'static str {
        "a folder for PyTorch: model.safetensors, and model.py, whose `load()` gives the network with these weights"
    }

    fn file_name(&self, experiment: &str) -> String {
        format!("{experiment}-torch")
    }

    fn in_folder(&self) -> Option<&'static str> {
        Some(WEIGHTS)
    }

    fn file(&self, model: &StoredModel) -> Result<Exported, Error> {
        let mut code = TorchModule.file(model)?.bytes;
        code.extend(LOAD.as_bytes());
        let weights = Torch.file(model)?;
        let numbers: usize = weights.tensors.iter().map(|row| row.shape.iter().product::<usize>()).sum();
        let words = format!(
            "; {} numbers in all, and {MODULE} next to it, whose `load()` reads them",
            print::thousands(numbers)
        );
        let facts = [("module".to_owned(), json!(MODULE)), ("numbers".to_owned(), json!(numbers))];
        Ok(Exported { beside: vec![(MODULE, code)], facts: facts.into_iter().collect(), words, ..weights })
    }
}
