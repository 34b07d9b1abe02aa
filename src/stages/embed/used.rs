//! Any network, used as embeddings say that theirs was: the same views and layers.

use super::EmbedParams;
use super::rows::{EmbedView, Rows};
use super::taps::taps;
use super::{first, tapped};
use simpipe_artifact::ModelUse;
use simpipe_base::param;
use simpipe_nn::{Input, LayerSpec, Network, infer_shapes};
use simpipe_stage::StageError;

/// What an embedding is made of by a stage `embed` of these parameters, as a run's record has them, with a network of these
/// layers for images of `input`.
///
/// # Errors
/// If the parameters can't be read, or name a layer that there is not.
pub fn use_of(
    params: &serde_json::Value,
    layers: &[LayerSpec],
    input: impl Into<Input>,
) -> Result<ModelUse, StageError> {
    let params: EmbedParams = param::from_json(params)
        .map_err(|issues| StageError::failed(issues.first().map_or_else(String::new, |issue| issue.message.clone())))?;
    let summary = infer_shapes(input, layers)
        .map_err(|issues| StageError::failed(issues.first().map_or_else(String::new, |issue| issue.message.clone())))?;
    let taps = params.taps(Some(&summary)).map_err(first)?.unwrap_or_default();
    Ok(params.model_use(&taps))
}

/// A network with the way in which it is used.
pub(crate) struct Used {
    networks: Vec<Network>,
    views: Vec<EmbedView>,
    normalize: bool,
    /// What makes its features, where it takes no images.
    backbone: Option<Box<Used>>,
}

impl Used {
    /// # Errors
    /// If the use names a view or a layer that there is not.
    pub(crate) fn new(network: &Network, model_use: &ModelUse) -> Result<Self, StageError> {
        let view = |name: &String| {
            param::from_json::<EmbedView>(&name.as_str().into())
                .map_err(|_| StageError::failed(format!("there is no view `{name}`")))
        };
        let views = model_use.views.iter().map(view).collect::<Result<_, _>>()?;
        let named: Vec<(String, &str)> = model_use.layers.iter().map(|path| (String::new(), path.as_str())).collect();
        let taps = taps(&named, &network.summary().layers).map_err(first)?;
        Ok(Self { networks: tapped(network, &taps)?, views, normalize: model_use.normalize, backbone: None })
    }

    /// The same of images, where the network takes features that another one makes of these.
    #[must_use]
    pub(crate) fn behind(self, backbone: Option<Self>) -> Self {
        Self { backbone: backbone.map(Box::new), ..self }
    }

    /// What makes rows of images.
    pub(crate) fn rows(&self) -> Rows<'_> {
        Rows::new(&self.networks, &self.views, self.normalize).behind(self.backbone.as_deref().map(Self::rows))
    }
}
