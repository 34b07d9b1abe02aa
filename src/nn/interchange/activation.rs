//! What activations are in torch.

use crate::layer::{Activation, Elu, LayerSpec, LeakyRelu, Softplus};

/// The activation that a layer is, where it is one without weights.
pub(crate) fn as_activation(layer: &LayerSpec) -> Option<Activation> {
    Some(match layer {
        LayerSpec::Relu(one) => one.into(),
        LayerSpec::LeakyRelu(one) => one.into(),
        LayerSpec::Gelu(one) => one.into(),
        LayerSpec::Silu(one) => one.into(),
        LayerSpec::Tanh(one) => one.into(),
        LayerSpec::Sigmoid(one) => one.into(),
        LayerSpec::Relu6(one) => one.into(),
        LayerSpec::Elu(one) => one.into(),
        LayerSpec::Selu(one) => one.into(),
        LayerSpec::GeluTanh(one) => one.into(),
        LayerSpec::QuickGelu(one) => one.into(),
        LayerSpec::HardSigmoid(one) => one.into(),
        LayerSpec::HardSwish(one) => one.into(),
        LayerSpec::Mish(one) => one.into(),
        LayerSpec::Softplus(one) => one.into(),
        LayerSpec::Softsign(one) => one.into(),
        _ => return None,
    })
}

/// An activation's module; `None` where nothing is done.
pub(super) fn activation(activation: &Activation) -> Option<String> {
    Some(match activation {
        Activation::None => return None,
        Activation::Relu => "nn.ReLU()".to_owned(),
        Activation::LeakyRelu(LeakyRelu { slope }) => format!("nn.LeakyReLU({slope:?})"),
        Activation::Gelu => "nn.GELU()".to_owned(),
        Activation::Silu => "nn.SiLU()".to_owned(),
        Activation::Tanh => "nn.Tanh()".to_owned(),
        Activation::Sigmoid => "nn.Sigmoid()".to_owned(),
        Activation::Relu6 => "nn.ReLU6()".to_owned(),
        Activation::Elu(Elu { alpha }) => format!("nn.ELU({alpha:?})"),
        Activation::Selu => "nn.SELU()".to_owned(),
        Activation::GeluTanh => "nn.GELU(approximate=\"tanh\")".to_owned(),
        Activation::QuickGelu => "QuickGelu()".to_owned(),
        Activation::HardSigmoid => "nn.Hardsigmoid()".to_owned(),
        Activation::HardSwish => "nn.Hardswish()".to_owned(),
        Activation::Mish => "nn.Mish()".to_owned(),
        Activation::Softplus(Softplus { beta }) => format!("nn.Softplus({beta:?})"),
        Activation::Softsign => "nn.Softsign()".to_owned(),
    })
}
