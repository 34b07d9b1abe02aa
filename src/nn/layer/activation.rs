//! Activations: as a layer of their own, and as the last part of `conv2d` and `dense`.

use burn::tensor::{Tensor, activation};

use super::{Describe, FeatureShape, Features, LayerIssue, Site, Weightless};
use crate::base::check;
use crate::{choice, params};

params! {
    /// `x` above 0, `slope x` below.
    pub struct LeakyRelu {
        /// The factor below 0.
        slope: f64 = 0.2 => check::finite(),
    }
}

choice! {
    /// A function of each value alone.
    pub enum Activation {
        /// The value itself.
        #[aka("linear", "identity")]
        "none" => None,
        /// `max(x, 0)`.
        "relu" => Relu,
        /// `x` above 0, `slope x` below.
        "leaky-relu" => LeakyRelu(LeakyRelu),
        /// `x Phi(x)` with the normal distribution's `Phi` (Hendrycks and Gimpel, 2016, arXiv:1606.08415).
        "gelu" => Gelu,
        /// `x sigmoid(x)`, also known as swish (Ramachandran et al., 2017, arXiv:1710.05941).
        #[aka("swish")]
        "silu" => Silu,
        /// The hyperbolic tangent.
        "tanh" => Tanh,
        /// `1 / (1 + exp(-x))`.
        "sigmoid" => Sigmoid,
    }
}

impl Activation {
    /// Applies it to every value.
    #[must_use]
    pub fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        match self {
            Self::None => x,
            Self::Relu => activation::relu(x),
            Self::LeakyRelu(LeakyRelu { slope }) => activation::leaky_relu(x, *slope),
            Self::Gelu => activation::gelu(x),
            Self::Silu => activation::silu(x),
            Self::Tanh => activation::tanh(x),
            Self::Sigmoid => activation::sigmoid(x),
        }
    }
}

impl Describe for Activation {
    fn output(&self, input: &FeatureShape) -> Result<FeatureShape, LayerIssue> {
        Ok(input.clone())
    }
}

impl Weightless for Activation {
    fn forward(&self, input: Features, _: Site<'_>) -> Features {
        match input {
            Features::Image(x) => Features::Image(Self::forward(self, x)),
            Features::Vector(x) => Features::Vector(Self::forward(self, x)),
        }
    }
}

impl Describe for LeakyRelu {
    fn output(&self, input: &FeatureShape) -> Result<FeatureShape, LayerIssue> {
        Ok(input.clone())
    }
}

impl Weightless for LeakyRelu {
    fn forward(&self, input: Features, site: Site<'_>) -> Features {
        Weightless::forward(&Activation::LeakyRelu(self.clone()), input, site)
    }
}
