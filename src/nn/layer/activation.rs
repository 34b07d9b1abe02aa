//! Activations: as a layer of their own, and as the last part of `conv2d` and `dense`.

use burn::tensor::{Tensor, activation};

use super::{Cx, FeatureShape, Features, Layer, LayerIssue, Walk};
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

    /// Applies it to every value of a map or a vector.
    pub(super) fn of(&self, features: Features) -> Features {
        match features {
            Features::Image(x) => Features::Image(self.forward(x)),
            Features::Vector(x) => Features::Vector(self.forward(x)),
        }
    }
}

/// The activations as layers.
macro_rules! layers {
    ($($(#[doc = $doc:literal])* $name:ident),* $(,)?) => { $(
        params! {
            $(#[doc = $doc])*
            pub struct $name {}
        }

        impl From<&$name> for Activation {
            fn from(_: &$name) -> Self {
                Self::$name
            }
        }

        layers!(@layer $name);
    )* };
    (@layer $name:ident) => {
        impl Layer for $name {
            fn output<'a>(&'a self, input: &FeatureShape, _: &mut Walk<'a>) -> Result<FeatureShape, LayerIssue> {
                Ok(input.clone())
            }

            fn forward(&self, input: Features, _: &mut Cx<'_>) -> Features {
                Activation::from(self).of(input)
            }
        }
    };
}

layers! {
    /// `max(x, 0)`.
    Relu,
    /// `x Phi(x)`.
    Gelu,
    /// `x sigmoid(x)`.
    Silu,
    /// The hyperbolic tangent.
    Tanh,
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
}

impl From<&LeakyRelu> for Activation {
    fn from(layer: &LeakyRelu) -> Self {
        Self::LeakyRelu(layer.clone())
    }
}

layers!(@layer LeakyRelu);
