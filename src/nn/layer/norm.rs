//! `layer-norm` and `group-norm`: each example normalised by its own mean and variance, in training and at inference alike.

use burn::tensor::Tensor;

use super::init::{Start, WeightSpec};
use super::{Cx, FeatureShape, Features, Layer, Walk};
use simpipe_base::check;
use simpipe_base::issue::Issue;
use simpipe_base::{choice, params};

choice! {
    /// What one mean and one variance are of.
    pub enum Over {
        /// The channels of one pixel, as in Keras and ConvNeXt.
        "channels" => Channels,
        /// The whole map of an example, as in torch over height, width and channels.
        #[aka("image", "map", "example")]
        "all" => All,
    }
}

params! {
    /// Layer normalisation (Ba, Kiros and Hinton, 2016, arXiv:1607.06450): `scale (x - mean) / sqrt(variance + epsilon) +
    /// bias` with the mean and the biased variance of an example's own values, of a vector all of them; scale and bias by
    /// channel.
    pub struct LayerNorm {
        /// What one mean is of in a map.
        #[aka("axis", "normalized_shape", "axes", "dim")]
        over: Over = Over::Channels,
        /// Added to the variance.
        #[aka("eps")]
        epsilon: f64 = 1e-3 => check::positive(),
        /// Whether each channel has a learned factor, from 1 on.
        #[aka("gamma", "use_scale", "weight", "affine", "elementwise_affine")]
        scale: bool = true,
        /// Whether each channel has a learned summand, from 0 on.
        #[aka("center", "beta", "shift", "use_bias", "offset")]
        bias: bool = true,
    }
}

params! {
    /// Group normalisation (Wu and He, 2018, arXiv:1803.08494): `scale (x - mean) / sqrt(variance + epsilon) + bias` with
    /// the mean and the biased variance of each group of neighbouring channels over an example's whole map; scale and bias
    /// by channel. With as many groups as channels it is instance normalisation.
    ///
    /// # Example
    ///
    /// ```toml
    /// { group-norm = { groups = 3 } }
    /// ```
    pub struct GroupNorm {
        /// Groups, which must part the channels evenly.
        #[aka("num_groups", "n_groups", "group")]
        groups: usize = 32 => check::between(1, 65_536),
        /// Added to the variance.
        #[aka("eps")]
        epsilon: f64 = 1e-3 => check::positive(),
        /// Whether each channel has a learned factor, from 1 on.
        #[aka("gamma", "use_scale", "weight", "affine")]
        scale: bool = true,
        /// Whether each channel has a learned summand, from 0 on.
        #[aka("center", "beta", "shift", "use_bias", "offset")]
        bias: bool = true,
    }
}

/// Both `[channels]`.
const GAMMA: &str = "gamma";
const BETA: &str = "beta";

/// What the two have in common.
#[derive(Debug, Clone, Copy)]
struct Norm {
    epsilon: f64,
    scale: bool,
    bias: bool,
}

impl Norm {
    fn weights(self, input: &FeatureShape) -> Vec<WeightSpec> {
        let channels = [input.channels()];
        let scale = self.scale.then(|| WeightSpec::new(GAMMA, channels, Start::Ones));
        let bias = self.bias.then(|| WeightSpec::new(BETA, channels, Start::Zeros));
        scale.into_iter().chain(bias).collect()
    }

    /// Normalises `[n, h, w, c]` with one mean for each `[pixels, channels]` of an example, as `parts` cuts it.
    fn forward(self, x: Features, parts: impl Fn([usize; 3]) -> [usize; 3], cx: &Cx<'_>) -> Features {
        match x {
            Features::Image(x) => Features::Image(self.forward_image(x, parts, cx)),
            Features::Tokens(x) => {
                let [n, t, c] = x.dims();
                Features::Tokens(self.forward_image(x.reshape([n, t, 1, c]), parts, cx).reshape([n, t, c]))
            }
            Features::Vector(x) => {
                let [n, c] = x.dims();
                Features::Vector(self.forward_image(x.reshape([n, 1, 1, c]), parts, cx).reshape([n, c]))
            }
        }
    }

    fn forward_image(self, x: Tensor<4>, parts: impl Fn([usize; 3]) -> [usize; 3], cx: &Cx<'_>) -> Tensor<4> {
        let shape @ [n, h, w, c] = x.dims();
        let [rows, pixels, groups] = parts([n, h * w, c]);
        // One mean for each row and group: [rows, pixels, groups, c / groups].
        let x = x.reshape([rows, pixels, groups, c / groups]);
        let centred = x.clone() - x.mean_dim(3).mean_dim(1);
        let variance = centred.clone().square().mean_dim(3).mean_dim(1);
        let y = (centred / variance.add_scalar(self.epsilon).sqrt()).reshape(shape);
        let y = if self.scale { y * cx.weight::<1>(GAMMA).unsqueeze() } else { y };
        if self.bias { y + cx.weight::<1>(BETA).unsqueeze() } else { y }
    }
}

impl LayerNorm {
    /// Its weights of shape `[channels]`.
    pub(crate) const GAMMA: &'static str = GAMMA;
    pub(crate) const BETA: &'static str = BETA;

    const fn norm(&self) -> Norm {
        Norm { epsilon: self.epsilon, scale: self.scale, bias: self.bias }
    }
}

impl Layer for LayerNorm {
    fn output<'a>(&'a self, input: &FeatureShape, _: &mut Walk<'a>) -> Result<FeatureShape, Issue> {
        Ok(input.clone())
    }

    fn weights(&self, input: &FeatureShape) -> Vec<WeightSpec> {
        self.norm().weights(input)
    }

    /// `[n, h, w, c]` or `[n, c]`, and the same shape out.
    fn forward(&self, x: Features, cx: &mut Cx<'_>) -> Features {
        let parts = |[n, pixels, _]: [usize; 3]| match self.over {
            Over::Channels => [n * pixels, 1, 1],
            Over::All => [n, pixels, 1],
        };
        self.norm().forward(x, parts, cx)
    }
}

impl GroupNorm {
    const fn norm(&self) -> Norm {
        Norm { epsilon: self.epsilon, scale: self.scale, bias: self.bias }
    }
}

impl Layer for GroupNorm {
    fn output<'a>(&'a self, input: &FeatureShape, _: &mut Walk<'a>) -> Result<FeatureShape, Issue> {
        let channels = input.channels();
        if channels.is_multiple_of(self.groups) {
            return Ok(input.clone());
        }
        let message = format!("{} groups can't divide {channels} channels evenly", self.groups);
        let most = (1..=self.groups.min(channels)).rev().find(|groups| channels.is_multiple_of(*groups)).unwrap_or(1);
        Err(Issue::of("group-norm.groups", message).help(format!("use {most} groups, or another divisor")))
    }

    fn weights(&self, input: &FeatureShape) -> Vec<WeightSpec> {
        self.norm().weights(input)
    }

    /// `[n, h, w, c]` or `[n, c]`, and the same shape out.
    fn forward(&self, x: Features, cx: &mut Cx<'_>) -> Features {
        self.norm().forward(x, |[n, pixels, _]| [n, pixels, self.groups], cx)
    }
}
