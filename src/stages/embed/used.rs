//! Any network, used as embeddings say that theirs was: the same views and layers.

use super::rows::{EmbedView, Rows};
use super::taps::taps;
use super::{first, tapped};
use crate::artifact::ModelUse;
use crate::base::param;
use crate::nn::Network;
use crate::stage::StageError;
use crate::stages::train::stage_summary;

/// A network with the way in which it is used.
pub(in crate::stages) struct Used {
    networks: Vec<Network>,
    views: Vec<EmbedView>,
    normalize: bool,
    /// What makes its features, where it takes no images.
    backbone: Option<Box<Used>>,
}

impl Used {
    /// # Errors
    /// If the use names a view or a layer that there is not.
    pub(in crate::stages) fn new(network: &Network, model_use: &ModelUse) -> Result<Self, StageError> {
        let view = |name: &String| {
            param::from_json::<EmbedView>(&name.as_str().into())
                .map_err(|_| StageError::failed(format!("there is no view `{name}`")))
        };
        let views = model_use.views.iter().map(view).collect::<Result<_, _>>()?;
        let named: Vec<(String, &str)> = model_use.layers.iter().map(|path| (String::new(), path.as_str())).collect();
        let taps = taps(&named, &stage_summary(network.summary()).layers).map_err(first)?;
        Ok(Self { networks: tapped(network, &taps)?, views, normalize: model_use.normalize, backbone: None })
    }

    /// The same of images, where the network takes features that another one makes of these.
    #[must_use]
    pub(in crate::stages) fn behind(self, backbone: Option<Self>) -> Self {
        Self { backbone: backbone.map(Box::new), ..self }
    }

    /// What makes rows of images.
    pub(in crate::stages) fn rows(&self) -> Rows<'_> {
        Rows::new(&self.networks, &self.views, self.normalize).behind(self.backbone.as_deref())
    }
}
