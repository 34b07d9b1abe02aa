//! `squeeze-excite`: each channel weighted by what all channels are on average.

use burn::tensor::Tensor;

use super::activation::Activation;
use super::init::{Start, WeightSpec};
use super::{Cx, FeatureShape, Features, Layer, Walk};
use crate::ops;
use simpipe_base::check;
use simpipe_base::issue::Issue;
use simpipe_base::params;

params! {
    /// Squeeze and excitation (Hu et al., 2018, arXiv:1709.01507): `y = x gate(E activation(S mean(x) + s) + e)`, where
    /// `mean` is that of each channel, `S` leads to `channels / reduction` values and `E` back.
    ///
    /// # Example
    ///
    /// ```toml
    /// { squeeze-excite = { reduction = 3 } }
    /// ```
    pub struct SqueezeExcite {
        /// What the number of channels is divided by in between; parts of a channel are dropped.
        #[aka("ratio", "se_ratio", "rd_ratio", "r")]
        reduction: usize = 16 => check::between(1, 65_536),
        /// What follows the narrow layer.
        #[aka("act", "nonlinearity", "activation_fn")]
        activation: Activation = Activation::Relu,
        /// What makes the weights of the channels.
        #[aka("gate_activation", "scale_activation", "recurrent_activation")]
        gate: Activation = Activation::Sigmoid,
    }
}

/// `[channels, narrow]` and `[narrow]`.
const SQUEEZE: [&str; 2] = ["squeeze_weight", "squeeze_bias"];
/// `[narrow, channels]` and `[channels]`.
const EXCITE: [&str; 2] = ["excite_weight", "excite_bias"];

impl Layer for SqueezeExcite {
    fn output<'a>(&'a self, input: &FeatureShape, _: &mut Walk<'a>) -> Result<FeatureShape, Issue> {
        let [_, _, channels] = input.image("squeeze-excite")?;
        if self.reduction > channels {
            let message = format!("a reduction by {} leaves nothing of {channels} channels", self.reduction);
            let help = format!("use at most {channels}");
            return Err(Issue::of("squeeze-excite.reduction", message).help(help));
        }
        Ok(input.clone())
    }

    fn weights(&self, input: &FeatureShape) -> Vec<WeightSpec> {
        let wide = input.channels();
        let narrow = wide / self.reduction;
        let dense = |[weight, bias]: [&'static str; 2], [fan_in, fan_out]: [usize; 2]| {
            let start = Start::GlorotUniform { fan_in, fan_out };
            [WeightSpec::new(weight, [fan_in, fan_out], start), WeightSpec::new(bias, [fan_out], Start::Zeros)]
        };
        [dense(SQUEEZE, [wide, narrow]), dense(EXCITE, [narrow, wide])].into_iter().flatten().collect()
    }

    /// `[n, h, w, c]` and the same shape out.
    fn forward(&self, x: Features, cx: &mut Cx<'_>) -> Features {
        let x = x.into_image();
        let [n, _, _, c] = x.dims();
        let dense = |x: Tensor<2>, [weight, bias]: [&str; 2]| {
            ops::dense(x, cx.weight(weight), Some(cx.weight(bias)), cx.numerics())
        };
        let narrow = self.activation.forward(dense(ops::global_avg_pool(x.clone()), SQUEEZE));
        let weights = self.gate.forward(dense(narrow, EXCITE));
        Features::Image(x * weights.reshape([n, 1, 1, c]))
    }
}
