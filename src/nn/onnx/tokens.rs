//! Layers of vectors and tokens in ONNX, where those are `[batch, features]` and `[batch, tokens, width]`.

use super::Flow;
use super::OnnxError;
use super::graph::{Graph, Lie, Value, whole};
use super::proto::Setting;
use crate::layer::{Attention, ClassToken, Dense, FeatureShape, PositionEmbedding, TokenPool, TokenPooling};

impl Graph<'_> {
    /// `x W + b`, by the names of the two weights; of tokens each by itself.
    pub(super) fn matrix(&mut self, x: &Value, [weight, bias]: [&str; 2], has_bias: bool) -> Result<Value, OnnxError> {
        let nowhere = FeatureShape::Vector(0);
        let weight = self.weight(weight, Lie::Same, &nowhere)?;
        let y = self.op("MatMul", &[x, &weight]);
        if !has_bias {
            return Ok(y);
        }
        let bias = self.weight(bias, Lie::Same, &nowhere)?;
        Ok(self.op("Add", &[&y, &bias]))
    }

    pub(super) fn dense(&mut self, dense: &Dense, x: &Value) -> Result<Value, OnnxError> {
        let y = self.matrix(x, ["weight", "bias"], dense.bias)?;
        Ok(self.activation(&dense.activation, &y))
    }

    /// As a vector with the channels of a map innermost, as they are here.
    pub(super) fn flatten(&mut self, x: &Flow) -> Value {
        let y = match x.shape {
            FeatureShape::Image(_) => self.transpose(&x.value, &[0, 2, 3, 1]),
            FeatureShape::Tokens(_) => x.value.clone(),
            FeatureShape::Vector(_) => return x.value.clone(),
        };
        self.reshape(&y, &[0, x.shape.size()])
    }

    /// Learned tokens, as often as there are images.
    pub(super) fn class_token(&mut self, token: &ClassToken, x: &Flow) -> Result<Value, OnnxError> {
        let (width, count, after) = (x.shape.channels(), token.count, whole(token.after));
        let own = self.weight("token", Lie::Same, &x.shape)?;
        let batch = self.op_with("Shape", &[&x.value], vec![("start", Setting::Int(0)), ("end", Setting::Int(1))]);
        let sides = self.whole(&[whole(count), whole(width)]);
        let shape = self.op_with("Concat", &[&batch, &sides], vec![("axis", Setting::Int(0))]);
        let own = self.op("Expand", &[&own, &shape]);
        let beside = vec![("axis", Setting::Int(1))];
        if after == 0 {
            return Ok(self.op_with("Concat", &[&own, &x.value], beside));
        }
        let (before, behind) = (self.slice(&x.value, 1, 0, after, 1), self.slice(&x.value, 1, after, i64::MAX, 1));
        Ok(self.op_with("Concat", &[&before, &own, &behind], beside))
    }

    pub(super) fn position_embedding(&mut self, position: &PositionEmbedding, x: &Flow) -> Result<Value, OnnxError> {
        let FeatureShape::Tokens([tokens, width]) = x.shape else { return Ok(x.value.clone()) };
        let places = position.places(self.own_numbers("embedding")?, tokens, width);
        let places = self.floats("embedding", vec![tokens, width], places);
        Ok(self.op("Add", &[&x.value, &places]))
    }

    pub(super) fn attention(&mut self, attention: &Attention, x: &Flow) -> Result<Value, OnnxError> {
        let FeatureShape::Tokens([tokens, width]) = x.shape else { return Ok(x.value.clone()) };
        let (heads, bias) = (attention.heads, attention.bias);
        let size = width / heads;
        let mut part = |names: [&str; 2], order: &[i64]| -> Result<Value, OnnxError> {
            let y = self.matrix(&x.value, names, bias)?;
            let y = self.reshape(&y, &[0, tokens, heads, size]);
            Ok(self.transpose(&y, order))
        };
        let query = part(["query_weight", "query_bias"], &[0, 2, 1, 3])?;
        let key = part(["key_weight", "key_bias"], &[0, 2, 3, 1])?;
        let value = part(["value_weight", "value_bias"], &[0, 2, 1, 3])?;
        #[expect(clippy::cast_precision_loss, reason = "a width is far below 2^52")]
        let query = self.with("Mul", &query, (size as f64).sqrt().recip());
        let weights = self.op("MatMul", &[&query, &key]);
        let weights = self.op_with("Softmax", &[&weights], vec![("axis", Setting::Int(3))]);
        let y = self.op("MatMul", &[&weights, &value]);
        let y = self.transpose(&y, &[0, 2, 1, 3]);
        let y = self.reshape(&y, &[0, tokens, width]);
        self.matrix(&y, ["output_weight", "output_bias"], bias)
    }

    pub(super) fn token_pool(&mut self, pool: &TokenPool, x: &Flow) -> Value {
        let (from, to) = match pool.by {
            TokenPooling::First => (0, 1),
            TokenPooling::Mean => (whole(pool.skip), i64::MAX),
        };
        let some = self.slice(&x.value, 1, from, to, 1);
        self.reduce("ReduceMean", &some, &[1], false)
    }
}
