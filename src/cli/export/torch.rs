//! `torch`: every tensor by torch's name and in torch's layout, as a safetensors file.

use super::model::{StoredModel, refused};
use super::{Exported, Format, Row};
use crate::error::Error;
use simpipe_artifact::{NewTensor, Numbers, tensor_file};
use simpipe_nn::interchange::TorchModel;

/// `load_state_dict(strict=True)` takes it.
pub(super) struct Torch;

impl Format for Torch {
    fn name(&self) -> &'static str {
        "torch"
    }

    fn about(&self) -> &'static str {
        "safetensors by PyTorch's names and layouts; torchvision's where the network is one of its resnets"
    }

    fn file_name(&self, experiment: &str) -> String {
        format!("{experiment}.torch.safetensors")
    }

    fn file(&self, model: &StoredModel) -> Result<Exported, Error> {
        let torch = model.torch()?;
        let tensors = torch.tensors(&model.weights()?, model.model.steps).map_err(refused)?;
        let rows = rows(&torch, &tensors);
        let about =
            model.about().into_iter().chain([("format", "pt".to_owned()), ("names", torch.names().word().to_owned())]);
        let metadata = about.map(|(key, value)| (key.to_owned(), value)).collect();
        Ok(Exported::alone(tensor_file(tensors, &metadata), torch.names().word(), rows))
    }
}

/// What is said of tensors as torch has them.
pub(super) fn rows(torch: &TorchModel, tensors: &[NewTensor]) -> Vec<Row> {
    let paths = torch.paths();
    let row = |tensor: &NewTensor| Row {
        name: tensor.name.clone(),
        dtype: if matches!(tensor.numbers, Numbers::Single(_)) { "F32" } else { "I64" },
        shape: tensor.shape.clone(),
        path: paths.get(tensor.name.as_str()).map(|path| (*path).to_owned()),
    };
    tensors.iter().map(row).collect()
}
