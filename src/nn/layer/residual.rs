//! `residual`: the sum of two ways through, one of them usually short.

use super::{Activation, Cx, FeatureShape, Features, Layer, LayerSpec, List, Sum, Walk};
use simpipe_base::check;
use simpipe_base::issue::Issue;
use simpipe_base::params;

params! {
    /// `y = activation(body(x) + shortcut(x))` (He et al., 2016, arXiv:1512.03385).
    ///
    /// # Shapes
    ///
    /// Both ways must end in one shape. A body that changes it needs a `shortcut` that does so too, usually a convolution
    /// with `kernel = 1` and the body's stride.
    ///
    /// # Example
    ///
    /// ```toml
    /// { residual = { body = [{ conv2d = { filters = 3, kernel = 3, padding = "same" } }, "batch-norm"], activation = "relu" } }
    /// ```
    pub struct Residual {
        /// The long way.
        body: Vec<LayerSpec> => check::not_empty(),
        /// The short way; the input itself if it is left out.
        shortcut: Vec<LayerSpec> = Vec::new(),
        /// What follows the sum.
        activation: Activation = Activation::None,
    }
}

impl Residual {
    /// The place of its long way.
    pub(crate) const BODY: List<'static> = List { path: "body", spec: "residual.body", number: 0 };
    /// The place of its short way.
    pub(crate) const SHORTCUT: List<'static> = List { path: "shortcut", spec: "residual.shortcut", number: 1 };
}

impl Layer for Residual {
    fn output<'a>(&'a self, input: &FeatureShape, walk: &mut Walk<'a>) -> Result<FeatureShape, Issue> {
        let body = walk.list(&Self::BODY, &self.body, input)?;
        let shortcut = walk.list(&Self::SHORTCUT, &self.shortcut, input)?;
        if body == shortcut {
            return Ok(body);
        }
        let message = format!("`body` gives {}, but `shortcut` gives {}", body.words(), shortcut.words());
        let path = if self.shortcut.is_empty() { "residual" } else { "residual.shortcut" };
        let help = format!(
            "a sum needs one shape: make the shortcut give {}, for example with \
             shortcut = [{{ conv2d = {{ filters = {}, kernel = 1, stride = .. }} }}]",
            body.words(),
            body.channels()
        );
        Err(Issue::of(path, message).help(help))
    }

    fn forward(&self, x: Features, cx: &mut Cx<'_>) -> Features {
        let shortcut = cx.list(&Self::SHORTCUT, &self.shortcut, x.clone());
        cx.list_into(&Self::BODY, &self.body, x, Sum { shortcut, activation: &self.activation })
    }
}
