//! `dense`: a full matrix with bias and activation.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use rand_chacha::ChaCha8Rng;

use super::activation::Activation;
use super::{Describe, FeatureShape, LayerIssue, ParameterCount, init};
use crate::base::check;
use crate::nn::ops;
use crate::params;

params! {
    /// `y = activation(x W + b)`; `W` starts Glorot-uniform (limit `sqrt(6 / (in + out))`), `b` at zero.
    ///
    /// # Example
    ///
    /// ```toml
    /// { dense = { units = 128, activation = "relu" } }
    /// ```
    pub struct DenseSpec {
        /// Output features.
        #[aka("out_features", "hidden", "hidden_size", "neurons", "width", "size", "dim")]
        units: usize => check::between(1, 65_536),
        /// What follows the bias.
        #[aka("act", "nonlinearity", "activation_fn")]
        activation: Activation = Activation::None,
    }
}

/// The weights of a [`DenseSpec`].
#[derive(Module, Debug)]
pub struct Dense {
    /// `[in, out]`.
    weight: Param<Tensor<2>>,
    /// `[out]`.
    bias: Param<Tensor<1>>,
    #[module(skip)]
    activation: Activation,
}

impl DenseSpec {
    /// Fresh weights for `inputs` features.
    pub(super) fn init(&self, inputs: usize, rng: &mut ChaCha8Rng, device: &Device) -> Dense {
        Dense {
            weight: Param::from_tensor(init::glorot_uniform([inputs, self.units], inputs, self.units, rng, device)),
            bias: Param::from_tensor(Tensor::zeros([self.units], device)),
            activation: self.activation.clone(),
        }
    }
}

impl Describe for DenseSpec {
    fn output(&self, input: &FeatureShape) -> Result<FeatureShape, LayerIssue> {
        input.vector("dense")?;
        Ok(FeatureShape::Vector(self.units))
    }

    fn parameters(&self, input: &FeatureShape) -> ParameterCount {
        ParameterCount::trainable((input.channels() + 1) * self.units)
    }
}

impl Dense {
    /// `[n, in]` to `[n, out]`.
    pub(super) fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        self.activation.forward(ops::product(x, self.weight.val()) + self.bias.val().unsqueeze())
    }
}
