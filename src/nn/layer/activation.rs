//! Activations: as a layer of their own, and as the last part of `conv2d` and `dense`.

use burn::tensor::{Tensor, activation};

use super::{Cx, FeatureShape, Features, Layer, Walk};
use crate::ops::{self, Act};
use simpipe_base::check;
use simpipe_base::issue::Issue;
use simpipe_base::{choice, params};

params! {
    /// `x` above 0, `slope x` below.
    pub struct LeakyRelu {
        /// The factor below 0.
        slope: f64 = 0.2 => check::finite(),
    }
}

params! {
    /// `x` above 0, `alpha (exp(x) - 1)` below.
    pub struct Elu {
        /// What values far below 0 come to, times -1.
        alpha: f64 = 1.0 => check::not_negative(),
    }
}

params! {
    /// `ln(1 + exp(beta x)) / beta`.
    pub struct Softplus {
        /// How sharply it bends at 0; with a large one it is nearly `max(x, 0)`.
        beta: f64 = 1.0 => check::positive(),
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
        #[version = 2]
        "gelu" => Gelu,
        /// `x sigmoid(x)`, also known as swish (Ramachandran et al., 2017, arXiv:1710.05941).
        #[version = 2]
        #[aka("swish")]
        "silu" => Silu,
        /// The hyperbolic tangent.
        "tanh" => Tanh,
        /// `1 / (1 + exp(-x))`.
        "sigmoid" => Sigmoid,
        /// `min(max(x, 0), 6)` (Howard et al., 2017, arXiv:1704.04861).
        "relu6" => Relu6,
        /// `x` above 0, `alpha (exp(x) - 1)` below (Clevert et al., 2016, arXiv:1511.07289).
        "elu" => Elu(Elu),
        /// `1.0507 x` above 0, `1.7581 (exp(x) - 1)` below: keeps mean 0 and variance 1 (Klambauer et al., 2017,
        /// arXiv:1706.02515).
        "selu" => Selu,
        /// `gelu` by a hyperbolic tangent, as it was first implemented (arXiv:1606.08415): off by at most 0.0005.
        #[aka("gelu_approximate", "gelu_new")]
        "gelu-tanh" => GeluTanh,
        /// `x sigmoid(1.702 x)`, `gelu` as CLIP has it: off by at most 0.021 (Hendrycks and Gimpel, 2016, arXiv:1606.08415).
        #[aka("gelu_quick")]
        "quick-gelu" => QuickGelu,
        /// `min(max(x / 6 + 1 / 2, 0), 1)` (Howard et al., 2019, arXiv:1905.02244).
        "hard-sigmoid" => HardSigmoid,
        /// `x hard-sigmoid(x)` (Howard et al., 2019, arXiv:1905.02244).
        #[aka("hard_silu")]
        "hard-swish" => HardSwish,
        /// `x tanh(ln(1 + exp(x)))` (Misra, 2019, arXiv:1908.08681).
        "mish" => Mish,
        /// `ln(1 + exp(beta x)) / beta` (Dugas et al., 2001).
        "softplus" => Softplus(Softplus),
        /// `x / (1 + |x|)`.
        "softsign" => Softsign,
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
            Self::Gelu => ops::activate(x, Act::Gelu),
            Self::Silu => ops::activate(x, Act::Silu),
            Self::Tanh => activation::tanh(x),
            Self::Sigmoid => activation::sigmoid(x),
            Self::Relu6 => ops::activate(x, Act::Relu6),
            Self::Elu(Elu { alpha }) => elu(x, *alpha, 1.0),
            Self::Selu => elu(x, 1.673_263_242_354_377_3, 1.050_700_987_355_480_5),
            Self::GeluTanh => gelu_tanh(x),
            Self::QuickGelu => x.clone() * activation::sigmoid(x.mul_scalar(1.702)),
            Self::HardSigmoid => hard_sigmoid(x),
            Self::HardSwish => x.clone() * hard_sigmoid(x),
            Self::Mish => x.clone() * softplus(x, 1.0).tanh(),
            Self::Softplus(Softplus { beta }) => softplus(x, *beta),
            Self::Softsign => x.clone() / x.abs().add_scalar(1.0),
        }
    }

    /// Applies it to every value of a map or a vector.
    pub(super) fn of(&self, features: Features) -> Features {
        match features {
            Features::Image(x) => Features::Image(self.forward(x)),
            Features::Tokens(x) => Features::Tokens(self.forward(x)),
            Features::Vector(x) => Features::Vector(self.forward(x)),
        }
    }
}

/// `scale x` above 0, `scale alpha (exp(x) - 1)` below. No exponent is above 0, so that neither side is infinite where
/// the other one counts: its gradient would be no number.
fn elu<const D: usize>(x: Tensor<D>, alpha: f64, scale: f64) -> Tensor<D> {
    let below = x.clone().clamp_max(0.0).exp().sub_scalar(1.0).mul_scalar(alpha * scale);
    activation::relu(x).mul_scalar(scale) + below
}

/// `max(x, 0) + ln(1 + exp(-beta |x|)) / beta`: exact far from 0 on both sides.
fn softplus<const D: usize>(x: Tensor<D>, beta: f64) -> Tensor<D> {
    let bend = x.clone().abs().mul_scalar(-beta).exp().log1p().div_scalar(beta);
    // Half of |x| and half of x: unlike max(x, 0) with a slope of 1/2 at 0, as the whole has.
    (x.clone() + x.abs()).mul_scalar(0.5) + bend
}

fn hard_sigmoid<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    x.div_scalar(6.0).add_scalar(0.5).clamp(0.0, 1.0)
}

/// `x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))`.
fn gelu_tanh<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let cube = x.clone() * x.clone() * x.clone();
    let inner = (x.clone() + cube.mul_scalar(0.044_715)).mul_scalar((2.0 / std::f64::consts::PI).sqrt());
    x.mul_scalar(0.5) * inner.tanh().add_scalar(1.0)
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
            fn output<'a>(&'a self, input: &FeatureShape, _: &mut Walk<'a>) -> Result<FeatureShape, Issue> {
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
    /// `min(max(x, 0), 6)`.
    Relu6,
    /// `1.0507 x` above 0, `1.7581 (exp(x) - 1)` below.
    Selu,
    /// `x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))`.
    GeluTanh,
    /// `x sigmoid(1.702 x)`.
    QuickGelu,
    /// `min(max(x / 6 + 1 / 2, 0), 1)`.
    HardSigmoid,
    /// `x min(max(x / 6 + 1 / 2, 0), 1)`.
    HardSwish,
    /// `x tanh(ln(1 + exp(x)))`.
    Mish,
    /// `x / (1 + |x|)`.
    Softsign,
}

/// Those with parameters.
macro_rules! layers_with_parameters {
    ($($name:ident),*) => { $(
        impl From<&$name> for Activation {
            fn from(layer: &$name) -> Self {
                Self::$name(layer.clone())
            }
        }

        layers!(@layer $name);
    )* };
}

layers_with_parameters!(LeakyRelu, Elu, Softplus);

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    /// The value and the slope of every activation, by the formula in `f64` and a central difference.
    #[test]
    fn values_and_slopes_are_those_of_the_formulas() {
        let relu = |x: f64| x.max(0.0);
        let hard = |x: f64| (x / 6.0 + 0.5).clamp(0.0, 1.0);
        let softplus = |x: f64, beta: f64| (beta * x).exp().ln_1p() / beta;
        let formula = |activation: &Activation, x: f64| match activation {
            Activation::None => x,
            Activation::Relu => relu(x),
            Activation::LeakyRelu(LeakyRelu { slope }) => {
                if x > 0.0 {
                    x
                } else {
                    slope * x
                }
            }
            Activation::Gelu => x * normal_distribution(x),
            Activation::Silu => x / (1.0 + (-x).exp()),
            Activation::Tanh => x.tanh(),
            Activation::Sigmoid => (1.0 + (-x).exp()).recip(),
            Activation::Relu6 => relu(x).min(6.0),
            Activation::Elu(Elu { alpha }) => {
                if x > 0.0 {
                    x
                } else {
                    alpha * x.exp_m1()
                }
            }
            Activation::Selu => 1.050_700_987 * if x > 0.0 { x } else { 1.673_263_242 * x.exp_m1() },
            Activation::GeluTanh => x / 2.0 * (1.0 + (0.797_884_560_8 * (x + 0.044_715 * x.powi(3))).tanh()),
            Activation::QuickGelu => x / (1.0 + (-1.702 * x).exp()),
            Activation::HardSigmoid => hard(x),
            Activation::HardSwish => x * hard(x),
            Activation::Mish => x * softplus(x, 1.0).tanh(),
            Activation::Softplus(Softplus { beta }) => softplus(x, *beta),
            Activation::Softsign => x / (1.0 + x.abs()),
        };
        let device = Device::flex().autodiff();
        let at = [-50.0, -7.0, -3.2, -1.5, -0.4, -0.01, 0.02, 0.3, 1.1, 2.7, 3.5, 5.9, 6.5, 20.0, 50.0];
        for name in Activation::NAMES {
            let activation: Activation = simpipe_base::param::from_json(&serde_json::json!(name)).unwrap();
            let x = Tensor::<1>::from_floats(at.map(|x: f64| x as f32), &device).require_grad();
            let y = activation.forward(x.clone());
            let slopes = x.grad(&y.clone().sum().backward()).unwrap().into_data().try_into_vec::<f32>().unwrap();
            let values = y.into_data().try_into_vec::<f32>().unwrap();
            for ((x, value), slope) in at.into_iter().zip(values).zip(slopes) {
                let x = f64::from(x as f32);
                let expected = formula(&activation, x);
                let near =
                    |found: f32, expected: f64| (f64::from(found) - expected).abs() <= 2e-5 * expected.abs().max(1.0);
                assert!(near(value, expected), "{name}({x}): {value}, expected {expected}");
                let expected = (formula(&activation, x + 1e-5) - formula(&activation, x - 1e-5)) / 2e-5;
                assert!(near(slope, expected), "the slope of {name} at {x}: {slope}, expected {expected}");
            }
        }
    }

    #[test]
    fn no_activation_of_a_large_number_has_a_gradient_that_is_none() {
        let device = Device::flex().autodiff();
        for name in Activation::NAMES {
            let activation: Activation = simpipe_base::param::from_json(&serde_json::json!(name)).unwrap();
            let x = Tensor::<1>::from_floats([-1e4, -200.0, 0.0, 200.0, 1e4], &device).require_grad();
            let gradients = activation.forward(x.clone()).sum().backward();
            let slopes = x.grad(&gradients).unwrap().into_data().try_into_vec::<f32>().unwrap();
            assert!(slopes.iter().all(|slope| slope.is_finite()), "{name}: {slopes:?}");
        }
    }

    /// By Simpson's rule from 0.
    fn normal_distribution(x: f64) -> f64 {
        let density = |x: f64| (-x * x / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
        let steps = 4_000;
        let step = x / f64::from(steps);
        let weight = |at: i32| {
            if at == 0 || at == steps {
                1.0
            } else if at % 2 == 1 {
                4.0
            } else {
                2.0
            }
        };
        0.5 + (0..=steps).map(|at| weight(at) * density(f64::from(at) * step)).sum::<f64>() * step / 3.0
    }
}
