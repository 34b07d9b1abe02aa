//! `patch-embed`: an image as a row of tokens.

use burn::tensor::Tensor;

use super::init::{Start, WeightSpec};
use super::{Cx, FeatureShape, Features, Layer, Walk};
use crate::ops;
use simpipe_base::check;
use simpipe_base::issue::Issue;
use simpipe_base::params;

params! {
    /// Cuts an image into square patches and makes a token of each: `y = W patch + b` (Dosovitskiy et al., 2021,
    /// arXiv:2010.11929). Patches come row by row.
    ///
    /// # Shapes
    ///
    /// `[h, w, c]` to `[(h / patch) (w / patch), width]`; `patch` must divide both sides.
    ///
    /// # Example
    ///
    /// ```toml
    /// { repeat = { times = 1, body = [{ patch-embed = { patch = 4, width = 64 } }, { attention = { heads = 4 } }, "token-pool"] } }
    /// ```
    pub struct PatchEmbed {
        /// Side of a patch, in pixels.
        #[aka("patch_size", "kernel", "kernel_size", "size")]
        patch: usize => check::between(1, 4_096),
        /// Numbers of a token.
        #[aka("embed_dim", "dim", "hidden_size", "hidden_dim", "filters", "out_channels")]
        width: usize => check::between(1, 65_536),
        /// Whether there is a `b`.
        #[aka("use_bias", "with_bias")]
        bias: bool = true,
    }
}

impl PatchEmbed {
    /// Its weight of shape `[patch, patch, channels, width]`.
    pub(crate) const WEIGHT: &'static str = "weight";
    /// Its weight of shape `[width]`.
    pub(crate) const BIAS: &'static str = "bias";
}

impl Layer for PatchEmbed {
    fn output<'a>(&'a self, input: &FeatureShape, _: &mut Walk<'a>) -> Result<FeatureShape, Issue> {
        let [height, width, _] = input.image("patch-embed")?;
        let patch = self.patch;
        if height % patch == 0 && width % patch == 0 {
            return Ok(FeatureShape::Tokens([height / patch * (width / patch), self.width]));
        }
        let message = format!("{height} x {width} pixels are not a multiple of patches of {patch} x {patch}");
        let [below, above] = [height / patch * patch, (height / patch + 1) * patch];
        let help =
            format!("resize images to {above}{}", if below > 0 { format!(" or {below}") } else { String::new() });
        Err(Issue::of("patch-embed.patch", message).help(help))
    }

    fn weights(&self, input: &FeatureShape) -> Vec<WeightSpec> {
        let (patch, channels) = (self.patch, input.channels());
        let (fan_in, fan_out) = (patch * patch * channels, self.width);
        let start = Start::GlorotUniform { fan_in, fan_out };
        let weight = WeightSpec::new(Self::WEIGHT, [patch, patch, channels, self.width], start);
        let bias = self.bias.then(|| WeightSpec::new(Self::BIAS, [self.width], Start::Zeros));
        std::iter::once(weight).chain(bias).collect()
    }

    /// `[n, h, w, c]` to `[n, tokens, width]`.
    fn forward(&self, x: Features, cx: &mut Cx<'_>) -> Features {
        let x = x.into_image();
        let [n, h, w, c] = x.dims();
        let (patch, width) = (self.patch, self.width);
        let (rows, columns, size) = (h / patch, w / patch, patch * patch * c);
        let patches = x.reshape([n, rows, patch, columns, patch * c]).swap_dims(2, 3);
        let weight = cx.weight::<4>(Self::WEIGHT).reshape([size, width]);
        let bias = self.bias.then(|| cx.weight(Self::BIAS));
        let y: Tensor<2> = ops::dense(patches.reshape([n * rows * columns, size]), weight, bias, cx.numerics());
        Features::Tokens(y.reshape([n, rows * columns, width]))
    }
}
