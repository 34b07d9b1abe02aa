//! Activations in ONNX: its own where opset 17 has them, else the formula.

use std::f64::consts::{FRAC_1_SQRT_2, PI};

use super::graph::{Graph, Value};
use super::proto::Setting;
use crate::layer::{Activation, Elu, LeakyRelu, Softplus};

/// The numbers of Klambauer et al., as `selu` here has them.
const SELU: [f64; 2] = [1.673_263_242_354_377_3, 1.050_700_987_355_480_5];

impl Graph<'_> {
    /// An activation of every number.
    pub(super) fn activation(&mut self, activation: &Activation, x: &Value) -> Value {
        let alpha = |alpha: f64| vec![("alpha", Setting::Float(alpha))];
        match activation {
            Activation::None => x.clone(),
            Activation::Relu => self.op("Relu", &[x]),
            Activation::LeakyRelu(LeakyRelu { slope }) => self.op_with("LeakyRelu", &[x], alpha(*slope)),
            Activation::Gelu => self.gelu(x),
            Activation::Silu => self.gated(x, 1.0),
            Activation::Tanh => self.op("Tanh", &[x]),
            Activation::Sigmoid => self.op("Sigmoid", &[x]),
            Activation::Relu6 => self.clip(x, 0.0, 6.0),
            Activation::Elu(Elu { alpha: one }) => self.op_with("Elu", &[x], alpha(*one)),
            Activation::Selu => {
                let settings = vec![("alpha", Setting::Float(SELU[0])), ("gamma", Setting::Float(SELU[1]))];
                self.op_with("Selu", &[x], settings)
            }
            Activation::GeluTanh => self.gelu_tanh(x),
            Activation::QuickGelu => self.gated(x, 1.702),
            Activation::HardSigmoid => self.hard_sigmoid(x),
            Activation::HardSwish => {
                let gate = self.hard_sigmoid(x);
                self.op("Mul", &[x, &gate])
            }
            Activation::Mish => {
                let gate = self.op("Softplus", &[x]);
                let gate = self.op("Tanh", &[&gate]);
                self.op("Mul", &[x, &gate])
            }
            Activation::Softplus(Softplus { beta }) => {
                let y = self.with("Mul", x, *beta);
                let y = self.op("Softplus", &[&y]);
                self.with("Div", &y, *beta)
            }
            Activation::Softsign => self.op("Softsign", &[x]),
        }
    }

    /// Numbers between two limits.
    pub(super) fn clip(&mut self, x: &Value, least: f64, most: f64) -> Value {
        let (least, most) = (self.scalar(least), self.scalar(most));
        self.op("Clip", &[x, &least, &most])
    }

    /// `x sigmoid(factor x)`.
    fn gated(&mut self, x: &Value, factor: f64) -> Value {
        let gate = if factor == 1.0 { x.clone() } else { self.with("Mul", x, factor) };
        let gate = self.op("Sigmoid", &[&gate]);
        self.op("Mul", &[x, &gate])
    }

    /// `x / 2 (1 + erf(x / sqrt(2)))`: `Gelu` itself needs opset 20.
    fn gelu(&mut self, x: &Value) -> Value {
        let inner = self.with("Mul", x, FRAC_1_SQRT_2);
        let inner = self.op("Erf", &[&inner]);
        let inner = self.with("Add", &inner, 1.0);
        let half = self.with("Mul", x, 0.5);
        self.op("Mul", &[&half, &inner])
    }

    /// `x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))`.
    fn gelu_tanh(&mut self, x: &Value) -> Value {
        let square = self.op("Mul", &[x, x]);
        let cube = self.op("Mul", &[&square, x]);
        let cube = self.with("Mul", &cube, 0.044_715);
        let inner = self.op("Add", &[x, &cube]);
        let inner = self.with("Mul", &inner, (2.0 / PI).sqrt());
        let inner = self.op("Tanh", &[&inner]);
        let inner = self.with("Add", &inner, 1.0);
        let half = self.with("Mul", x, 0.5);
        self.op("Mul", &[&half, &inner])
    }

    fn hard_sigmoid(&mut self, x: &Value) -> Value {
        let settings = vec![("alpha", Setting::Float(1.0 / 6.0)), ("beta", Setting::Float(0.5))];
        self.op_with("HardSigmoid", &[x], settings)
    }
}
