//! Normalisations in ONNX, and what scales and shifts each channel.

use super::Flow;
use super::OnnxError;
use super::graph::{Graph, Lie, Value, by_channel};
use super::proto::{Setting, single};
use crate::layer::{BatchNorm, FeatureShape, GroupNorm, Layer, LayerNorm, Normalize, Over, Rescale};

impl Graph<'_> {
    pub(super) fn rescale(&mut self, rescale: &Rescale, x: &Value) -> Value {
        let y = self.with("Mul", x, rescale.divide_by.recip());
        if rescale.offset == 0.0 { y } else { self.with("Add", &y, rescale.offset) }
    }

    pub(super) fn normalize(&mut self, normalize: &Normalize, x: &Flow) -> Value {
        let shape = by_channel(&x.shape, normalize.mean.len());
        let mean = normalize.mean.iter().map(|value| single(*value)).collect();
        let scale = normalize.std.iter().map(|value| single(value.recip())).collect();
        let (mean, scale) = (self.floats("mean", shape.clone(), mean), self.floats("scale", shape, scale));
        let centred = self.op("Sub", &[&x.value, &mean]);
        self.op("Mul", &[&centred, &scale])
    }

    /// By its moving averages.
    pub(super) fn batch_norm(&mut self, norm: &BatchNorm, x: &Flow) -> Result<Value, OnnxError> {
        let channels = x.shape.channels();
        if matches!(x.shape, FeatureShape::Tokens(_)) {
            // Channels are no second side there: a factor and a summand do the same.
            let mut numbers = |name: &str| -> Result<Vec<f64>, OnnxError> {
                Ok(self.own_numbers(name)?.iter().map(|value| f64::from(*value)).collect())
            };
            let mut known =
                vec![("moving_mean", numbers("moving_mean")?), ("moving_variance", numbers("moving_variance")?)];
            if norm.scale {
                known.push(("gamma", numbers("gamma")?));
            }
            if norm.bias {
                known.push(("beta", numbers("beta")?));
            }
            let of = |name: &str| known.iter().find(|one| one.0 == name).map(|one| one.1.clone()).unwrap_or_default();
            let Some(affine) = norm.affine(channels, &of) else { return Ok(x.value.clone()) };
            let [scale, shift] = [("scale", affine.scale), ("shift", affine.shift)]
                .map(|(name, values)| self.floats(name, vec![channels], values.into_iter().map(single).collect()));
            let y = self.op("Mul", &[&x.value, &scale]);
            return Ok(self.op("Add", &[&y, &shift]));
        }
        let scale = self.learned(norm.scale, "gamma", 1.0, channels, x)?;
        let bias = self.learned(norm.bias, "beta", 0.0, channels, x)?;
        let mean = self.weight("moving_mean", Lie::Same, &x.shape)?;
        let variance = self.weight("moving_variance", Lie::Same, &x.shape)?;
        let epsilon = vec![("epsilon", Setting::Float(norm.epsilon))];
        Ok(self.op_with("BatchNormalization", &[&x.value, &scale, &bias, &mean, &variance], epsilon))
    }

    /// A weight, or what stands for one that is left out.
    fn learned(&mut self, has: bool, name: &str, other: f32, channels: usize, x: &Flow) -> Result<Value, OnnxError> {
        if has {
            return self.weight(name, Lie::Same, &x.shape);
        }
        Ok(self.floats(name, vec![channels], vec![other; channels]))
    }

    pub(super) fn layer_norm(&mut self, norm: &LayerNorm, x: &Flow) -> Result<Value, OnnxError> {
        let axes: &[i64] = match (&x.shape, &norm.over) {
            (FeatureShape::Image(_), Over::Channels) | (FeatureShape::Vector(_), _) => &[1],
            (FeatureShape::Image(_), Over::All) => &[1, 2, 3],
            (FeatureShape::Tokens(_), Over::Channels) => &[2],
            (FeatureShape::Tokens(_), Over::All) => &[1, 2],
        };
        let y = self.normalised(&x.value, axes, norm.epsilon);
        self.scaled(norm.scale, norm.bias, &y, &x.shape)
    }

    pub(super) fn group_norm(&mut self, norm: &GroupNorm, x: &Flow) -> Result<Value, OnnxError> {
        let (groups, size) = (norm.groups, x.shape.channels() / norm.groups);
        // The batch stays, whatever it is.
        let (grouped, axes, back): (_, &[i64], _) = match x.shape {
            FeatureShape::Image([height, width, channels]) => {
                (vec![0, groups, size * height * width], &[2], vec![0, channels, height, width])
            }
            FeatureShape::Tokens([tokens, width]) => (vec![0, tokens, groups, size], &[1, 3], vec![0, tokens, width]),
            FeatureShape::Vector(features) => (vec![0, groups, size], &[2], vec![0, features]),
        };
        let y = self.reshape(&x.value, &grouped);
        let y = self.normalised(&y, axes, norm.epsilon);
        let y = self.reshape(&y, &back);
        self.scaled(norm.scale, norm.bias, &y, &x.shape)
    }

    /// `(x - mean) / sqrt(variance + epsilon)` over these sides.
    fn normalised(&mut self, x: &Value, axes: &[i64], epsilon: f64) -> Value {
        let mean = self.reduce("ReduceMean", x, axes, true);
        let centred = self.op("Sub", &[x, &mean]);
        let square = self.op("Mul", &[&centred, &centred]);
        let variance = self.reduce("ReduceMean", &square, axes, true);
        let variance = self.with("Add", &variance, epsilon);
        let deviation = self.op("Sqrt", &[&variance]);
        self.op("Div", &[&centred, &deviation])
    }

    /// Learned factors and summands by channel.
    fn scaled(&mut self, scale: bool, bias: bool, x: &Value, shape: &FeatureShape) -> Result<Value, OnnxError> {
        let mut y = x.clone();
        if scale {
            let gamma = self.weight("gamma", Lie::Channels, shape)?;
            y = self.op("Mul", &[&y, &gamma]);
        }
        if bias {
            let beta = self.weight("beta", Lie::Channels, shape)?;
            y = self.op("Add", &[&y, &beta]);
        }
        Ok(y)
    }

    /// `x / sqrt(max(sum x^2, 1e-12))` of rows.
    pub(super) fn l2_normalize(&mut self, x: &Value) -> Value {
        let square = self.reduce("ReduceSumSquare", x, &[1], true);
        let square = self.with("Max", &square, 1e-12);
        let length = self.op("Sqrt", &[&square]);
        self.op("Div", &[x, &length])
    }

    /// Rows of unit length; one of zeros stays.
    pub(super) fn unit_rows(&mut self, x: &Value) -> Value {
        let length = self.reduce("ReduceL2", x, &[1], true);
        let length = self.with("Max", &length, f64::from(f32::MIN_POSITIVE));
        self.op("Div", &[x, &length])
    }
}
