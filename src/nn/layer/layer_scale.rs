//! `layer-scale`: one learned factor a channel.

use super::init::{Start, WeightSpec};
use super::{Affine, Cx, FeatureShape, Features, Layer, Walk};
use simpipe_base::check;
use simpipe_base::issue::Issue;
use simpipe_base::params;

params! {
    /// `y = factor x` with a learned factor for each channel (Touvron et al., 2021, arXiv:2103.17239). At the end of a
    /// residual body a small one lets the block start close to its shortcut.
    ///
    /// # Example
    ///
    /// ```toml
    /// { residual = { body = [{ conv2d = { filters = 3, kernel = 3, padding = "same" } }, "layer-scale"] } }
    /// ```
    pub struct LayerScale {
        /// The factor at the start.
        #[aka("init", "init_values", "layer_scale_init_value", "value")]
        start: f64 = 1e-6 => check::finite(),
    }
}

/// `[channels]`.
const FACTOR: &str = "factor";

impl Layer for LayerScale {
    fn output<'a>(&'a self, input: &FeatureShape, _: &mut Walk<'a>) -> Result<FeatureShape, Issue> {
        Ok(input.clone())
    }

    fn weights(&self, input: &FeatureShape) -> Vec<WeightSpec> {
        vec![WeightSpec::new(FACTOR, [input.channels()], Start::Constant { value: self.start })]
    }

    fn forward(&self, x: Features, cx: &mut Cx<'_>) -> Features {
        let factor = cx.weight::<1>(FACTOR);
        match x {
            Features::Image(x) => Features::Image(x * factor.unsqueeze()),
            Features::Tokens(x) => Features::Tokens(x * factor.unsqueeze()),
            Features::Vector(x) => Features::Vector(x * factor.unsqueeze()),
        }
    }

    fn affine(&self, channels: usize, weight: &dyn Fn(&str) -> Vec<f64>) -> Option<Affine> {
        Some(Affine { scale: weight(FACTOR), shift: vec![0.0; channels] })
    }
}
