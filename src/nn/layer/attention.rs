//! `attention`: every token made of all tokens.

use burn::tensor::{Tensor, activation};

use super::init::{Start, WeightSpec};
use super::{Cx, FeatureShape, Features, Layer, Walk};
use crate::ops;
use simpipe_base::check;
use simpipe_base::issue::Issue;
use simpipe_base::params;

params! {
    /// Attention of tokens to each other with several heads (Vaswani et al., 2017, arXiv:1706.03762): `y = O [a_1 .. a_h] + o`
    /// with `a_i = softmax(q_i k_i^T / sqrt(width / heads)) v_i` and `q`, `k`, `v` each a full matrix with bias of `x`.
    ///
    /// # Shapes
    ///
    /// `[tokens, width]` and the same out; `heads` must divide `width`.
    ///
    /// # Example
    ///
    /// ```toml
    /// { repeat = { times = 1, body = [{ patch-embed = { patch = 4, width = 64 } }, { attention = { heads = 4 } }, "token-pool"] } }
    /// ```
    pub struct Attention {
        /// Parts that the width is cut into, each of which attends by itself.
        #[aka("num_heads", "n_heads", "num_attention_heads", "head_count")]
        heads: usize => check::between(1, 1_024),
        /// Whether the matrices have biases.
        #[aka("use_bias", "qkv_bias")]
        bias: bool = true,
    }
}

impl Attention {
    /// Matrices `[width, width]` and biases `[width]`: of queries, keys, values and the output.
    pub(crate) const PARTS: [[&'static str; 2]; 4] = [
        ["query_weight", "query_bias"],
        ["key_weight", "key_bias"],
        ["value_weight", "value_bias"],
        ["output_weight", "output_bias"],
    ];
}

impl Layer for Attention {
    fn output<'a>(&'a self, input: &FeatureShape, _: &mut Walk<'a>) -> Result<FeatureShape, Issue> {
        let [_, width] = input.tokens("attention")?;
        if width % self.heads == 0 {
            return Ok(input.clone());
        }
        let message = format!("{} heads can't divide {width} dimensions evenly", self.heads);
        let most = (1..=self.heads.min(width)).rev().find(|heads| width % heads == 0).unwrap_or(1);
        Err(Issue::of("attention.heads", message).help(format!("use {most} heads, or another divisor")))
    }

    fn weights(&self, input: &FeatureShape) -> Vec<WeightSpec> {
        let width = input.channels();
        let start = Start::GlorotUniform { fan_in: width, fan_out: width };
        let part = |[weight, bias]: [&'static str; 2]| {
            let bias = self.bias.then(|| WeightSpec::new(bias, [width], Start::Zeros));
            std::iter::once(WeightSpec::new(weight, [width, width], start)).chain(bias)
        };
        Self::PARTS.into_iter().flat_map(part).collect()
    }

    fn forward(&self, x: Features, cx: &mut Cx<'_>) -> Features {
        let x = x.into_tokens();
        let [n, tokens, width] = x.dims();
        let size = width / self.heads;
        let rows = x.reshape([n * tokens, width]);
        let dense = |x: Tensor<2>, [weight, bias]: [&str; 2]| {
            let bias = self.bias.then(|| cx.weight(bias));
            ops::dense(x, cx.weight(weight), bias, cx.numerics())
        };
        let [query, key, value] = [Self::PARTS[0], Self::PARTS[1], Self::PARTS[2]]
            .map(|part| dense(rows.clone(), part).reshape([n, tokens, self.heads, size]).swap_dims(1, 2));
        #[expect(clippy::cast_precision_loss, reason = "a width is far below 2^52")]
        let scale = (size as f64).sqrt().recip();
        let weights = activation::softmax(ops::products(query.mul_scalar(scale), key.swap_dims(2, 3)), 3);
        let y = ops::products(weights, value).swap_dims(1, 2).reshape([n * tokens, width]);
        Features::Tokens(dense(y, Self::PARTS[3]).reshape([n, tokens, width]))
    }
}
