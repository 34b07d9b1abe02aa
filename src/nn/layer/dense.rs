//! `dense`: a full matrix with bias and activation.

use super::activation::Activation;
use super::init::Filters;
use super::init::{Start, WeightSpec};
use super::initial::Init;
use super::{Cx, FeatureShape, Features, Layer, Walk};
use crate::ops;
use simpipe_base::check;
use simpipe_base::issue::Issue;
use simpipe_base::params;

params! {
    /// `y = activation(x W + b)`; `W` starts Glorot-uniform (limit `sqrt(6 / (in + out))`) unless told otherwise, `b` at
    /// zero.
    ///
    /// # Example
    ///
    /// ```toml
    /// { dense = { units = 128, activation = "relu" } }
    /// ```
    pub struct Dense {
        /// Output features.
        #[aka("out_features", "hidden", "hidden_size", "neurons", "width", "size", "dim")]
        units: usize => check::between(1, 65_536),
        /// Whether there is a `b`.
        #[since = 2]
        #[aka("use_bias", "with_bias")]
        bias: bool = true,
        /// How `W` starts.
        #[since = 2]
        #[aka("kernel_initializer", "initializer", "weight_init", "initialization")]
        init: Init = Init::GlorotUniform,
        /// What follows the bias.
        #[aka("act", "nonlinearity", "activation_fn")]
        activation: Activation = Activation::None,
    }
}

impl Dense {
    /// Its weight of shape `[in, out]`.
    pub(crate) const WEIGHT: &'static str = "weight";
    /// Its weight of shape `[out]`.
    pub(crate) const BIAS: &'static str = "bias";
}

impl Layer for Dense {
    fn output<'a>(&'a self, input: &FeatureShape, _: &mut Walk<'a>) -> Result<FeatureShape, Issue> {
        if let FeatureShape::Tokens([tokens, _]) = input {
            return Ok(FeatureShape::Tokens([*tokens, self.units]));
        }
        input.vector("dense")?;
        Ok(FeatureShape::Vector(self.units))
    }

    fn weights(&self, input: &FeatureShape) -> Vec<WeightSpec> {
        let (inputs, outputs) = (input.channels(), self.units);
        let start = self.init.start(Filters { side: 1, inputs, outputs, groups: 1 });
        let weight = WeightSpec::new(Self::WEIGHT, [inputs, outputs], start);
        let bias = self.bias.then(|| WeightSpec::new(Self::BIAS, [outputs], Start::Zeros));
        std::iter::once(weight).chain(bias).collect()
    }

    /// `[n, in]` to `[n, out]`; of tokens each by itself.
    fn forward(&self, x: Features, cx: &mut Cx<'_>) -> Features {
        let (x, tokens) = match x {
            Features::Tokens(x) => {
                let [n, tokens, width] = x.dims();
                (x.reshape([n * tokens, width]), Some([n, tokens]))
            }
            other => (other.into_vector(), None),
        };
        let bias = self.bias.then(|| cx.weight(Self::BIAS));
        let y = ops::dense(x, cx.weight(Self::WEIGHT), bias, cx.numerics());
        let y = self.activation.forward(y);
        match tokens {
            Some([n, tokens]) => Features::Tokens(y.reshape([n, tokens, self.units])),
            None => Features::Vector(y),
        }
    }
}
