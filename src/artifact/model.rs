//! `model.json` and `model.safetensors`: the layers of a network and its weights. Loading them into burn is `nn`'s.

use std::collections::BTreeMap;
use std::path::Path;

use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};

use super::{ArtifactError, Distance, ModelUse};
use simpipe_base::digest::Digest;

/// `model.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelFile {
    /// Version of this format: 1.
    pub format: u32,
    /// Height, width and channels of an input image; where there are `features`, of those that they are made of.
    pub input: [usize; 3],
    /// Length of an embedding.
    pub dim: usize,
    /// The loss' distance.
    pub distance: Distance,
    /// The layer list as the spec writes it, every parameter spelled out; preprocessing layers are part of it.
    pub layers: serde_json::Value,
    /// The table of `check`: per layer name, output shape and parameters.
    pub summary: serde_json::Value,
    /// Steps that these weights were trained.
    pub steps: u64,
    /// The epoch, from 1, whose weights these are, where training kept the best and not the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub best_epoch: Option<u64>,
    /// The examples that it was trained on, as half-open ranges of example ids of its dataset: the images, which other
    /// datasets may hold too, stand in `trained-on.parquet`.
    pub trained_on: Vec<(u64, u64)>,
    /// What makes the vectors that the first layer takes, where it takes no images: the two networks are one behind the other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub features: Option<Features>,
}

/// A model by the digests of its files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelName {
    /// Of its `model.json`.
    pub model: Digest,
    /// Of its `model.safetensors`.
    pub weights: Digest,
}

impl ModelName {
    /// Of the files that lie there.
    ///
    /// # Errors
    /// If one can't be read.
    pub fn of_files(model: &Path, weights: &Path) -> Result<Self, ArtifactError> {
        let digest = |path: &Path| Digest::of_file(path).map_err(|error| ArtifactError::io("read", path, error));
        Ok(Self { model: digest(model)?, weights: digest(weights)? })
    }
}

/// Rows of another model that a network takes in place of images.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Features {
    /// The other model.
    pub of: ModelName,
    /// Numbers of a row.
    pub dim: usize,
    /// What a row is made of; written only where it is more than that network's output for the image.
    #[serde(default, skip_serializing_if = "ModelUse::is_plain")]
    pub model_use: ModelUse,
}

impl ModelFile {
    /// Example ids as half-open ranges, for [`ModelFile::trained_on`].
    #[must_use]
    pub fn ranges(example_ids: &[u64]) -> Vec<(u64, u64)> {
        let mut ids = example_ids.to_vec();
        ids.sort_unstable();
        let mut ranges: Vec<(u64, u64)> = Vec::new();
        for id in ids {
            match ranges.last_mut() {
                Some((_, end)) if id < *end => {}
                Some((_, end)) if id == *end => *end += 1,
                _ => ranges.push((id, id + 1)),
            }
        }
        ranges
    }
}

/// Named tensors of `f32`: shape and values.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Weights(pub BTreeMap<String, (Vec<usize>, Vec<f32>)>);

impl Weights {
    /// The weights as a safetensors file.
    ///
    /// # Panics
    /// Never: every shape fits its values.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let bytes: BTreeMap<&String, Vec<u8>> = self
            .0
            .iter()
            .map(|(name, (_, values))| (name, values.iter().flat_map(|value| value.to_le_bytes()).collect()))
            .collect();
        let views = self.0.iter().map(|(name, (shape, _))| {
            let view = TensorView::new(Dtype::F32, shape.clone(), &bytes[name]);
            (name, view.expect("the shape fits the values"))
        });
        safetensors::serialize(views, None).expect("names and shapes are valid")
    }

    /// Reads a safetensors file of `f32`.
    ///
    /// # Errors
    /// If it is none.
    pub fn from_bytes(path: &Path, bytes: &[u8]) -> Result<Self, ArtifactError> {
        let tensors = SafeTensors::deserialize(bytes).map_err(|error| ArtifactError::malformed(path, error))?;
        let mut weights = BTreeMap::new();
        for (name, view) in tensors.tensors() {
            if view.dtype() != Dtype::F32 {
                return Err(ArtifactError::malformed(path, format!("`{name}` is not of type f32")));
            }
            let values = view.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
            weights.insert(name, (view.shape().to_vec(), values));
        }
        Ok(Self(weights))
    }

    /// Writes the file.
    ///
    /// # Errors
    /// If the file can't be written.
    pub fn write(&self, path: &Path) -> Result<(), ArtifactError> {
        std::fs::write(path, self.to_bytes()).map_err(|error| ArtifactError::io("write", path, error))
    }

    /// Reads the file.
    ///
    /// # Errors
    /// If the file can't be read.
    pub fn read(path: &Path) -> Result<Self, ArtifactError> {
        let bytes = std::fs::read(path).map_err(|error| ArtifactError::io("read", path, error))?;
        Self::from_bytes(path, &bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_trained_on_are_ranges() {
        assert_eq!(ModelFile::ranges(&[7, 3, 4, 5, 4]), [(3, 6), (7, 8)]);
        assert_eq!(ModelFile::ranges(&[]), []);
    }

    #[test]
    fn weights_come_back_and_give_the_same_bytes() {
        let mut weights = Weights::default();
        weights.0.insert("1.conv2d.weight".into(), (vec![1, 2], vec![0.5, -2.0]));
        weights.0.insert("0.dense.bias".into(), (vec![3], vec![1.0, 2.0, 3.0]));
        let bytes = weights.to_bytes();
        let back = Weights::from_bytes(Path::new("model.safetensors"), &bytes).unwrap();
        assert_eq!(back, weights);
        assert_eq!(back.to_bytes(), bytes);
    }
}
