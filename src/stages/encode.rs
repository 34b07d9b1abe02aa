//! Embeddings of images that are in no dataset: a trained network, used as a stage `embed` uses it. Reads artifacts and writes
//! none.

use std::path::Path;

use super::embed::{Used, features_of, load_network, use_of};
use simpipe_artifact::Image;
use simpipe_base::param;
use simpipe_nn::LayerSpec;
use simpipe_stage::StageError;

/// Embeds images.
pub struct Encode {
    /// Height, width and channels of an image.
    image: [usize; 3],
    used: Used,
}

impl Encode {
    /// Reads `model.json` and `model.safetensors`, to be used as a stage `embed` of these parameters does, as a run's record has
    /// them; `behind` are the same files of the models whose features it takes, the nearest first.
    ///
    /// # Errors
    /// If a file can't be read, or the model has not what the parameters name.
    pub fn open(
        model: [&Path; 2],
        behind: &[[&Path; 2]],
        params: &serde_json::Value,
        backend: &str,
        numerics: Option<&str>,
    ) -> Result<Self, StageError> {
        let (file, network) = load_network(model, backend, numerics)?;
        let layers: Vec<LayerSpec> =
            param::from_json(&file.layers).map_err(|_| StageError::failed("the layers of the model can't be read"))?;
        let model_use = use_of(params, &layers, network.input())?;
        let used = Used::new(&network, &model_use)?.behind(features_of(&file, behind, backend, numerics)?);
        Ok(Self { image: file.input, used })
    }

    /// Height, width and channels of an image.
    #[must_use]
    pub const fn input(&self) -> [usize; 3] {
        self.image
    }

    /// Numbers of an embedding.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.used.rows().dim()
    }

    /// The embeddings of images of the network's shape, one behind the other, in a time that their number decides: as the
    /// stage's but for the last bits.
    ///
    /// # Errors
    /// If an image has another shape.
    pub fn embed(&self, images: &[Image]) -> Result<Vec<f32>, StageError> {
        Ok(self.used.rows().embed_few(&pixels_of(images, self.input())?))
    }
}

/// Images one behind the other, which must all have this shape.
pub(super) fn pixels_of(images: &[Image], input: [usize; 3]) -> Result<Vec<u8>, StageError> {
    let shape = |image: &Image| [image.shape.height, image.shape.width, image.shape.channels].map(|side| side as usize);
    if let Some(other) = images.iter().map(shape).find(|shape| *shape != input) {
        return Err(StageError::failed(format!("the model takes images of the shape {input:?}, found {other:?}")));
    }
    Ok(images.iter().flat_map(|image| &image.pixels).copied().collect())
}
