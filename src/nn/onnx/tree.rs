//! A tree of layers as a graph.

use std::collections::BTreeMap;

use super::graph::{Graph, Lie, Value};
use super::proto::Setting;
use super::{Flow, OnnxError};
use crate::interchange::as_activation;
use crate::layer::{Concat, FeatureShape, LayerSpec, Repeat, Residual, Walk};
use simpipe_artifact::Weights;

/// A walk under way.
#[derive(Debug)]
pub(super) struct Builder<'a> {
    pub(super) graph: Graph<'a>,
    /// What comes out of a layer, by its path.
    outputs: BTreeMap<String, FeatureShape>,
}

impl<'a> Builder<'a> {
    pub(super) fn new(layers: &[LayerSpec], input: [usize; 3], weights: &'a Weights) -> Result<Self, OnnxError> {
        let walked = Walk::through(input, layers).map_err(|issues| OnnxError::Layers(issues[0].message.clone()))?;
        let mut known = walked.weights.iter().map(|declared| &declared.path);
        if let Some(missing) = known.find(|path| !weights.0.contains_key(*path)) {
            return Err(OnnxError::Weights(format!("there is no `{missing}`")));
        }
        let rows = walked.summary.layers.into_iter();
        let outputs = rows.map(|row| (row.path, FeatureShape::of_row(&row.output))).collect();
        Ok(Self { graph: Graph::new(weights), outputs })
    }

    /// What comes out of each layer of a list.
    pub(super) fn list(&mut self, layers: &[LayerSpec], path: &str, x: Flow) -> Result<Vec<Flow>, OnnxError> {
        let (mut x, mut all) = (x, Vec::with_capacity(layers.len()));
        for (at, layer) in layers.iter().enumerate() {
            let path = format!("{path}.{at}.{}", layer.name());
            let shape = self.outputs.get(&path).cloned().ok_or_else(|| OnnxError::Layers(format!("no `{path}`")))?;
            self.graph.enter(&path);
            let value = self.layer(layer, &path, &x)?;
            x = Flow { value, shape };
            all.push(x.clone());
        }
        Ok(all)
    }

    /// What comes out of a whole list.
    fn through(&mut self, layers: &[LayerSpec], path: &str, x: &Flow) -> Result<Flow, OnnxError> {
        Ok(self.list(layers, path, x.clone())?.pop().unwrap_or_else(|| x.clone()))
    }

    fn layer(&mut self, layer: &LayerSpec, path: &str, x: &Flow) -> Result<Value, OnnxError> {
        let mut body = |layers: &[LayerSpec]| -> Result<Value, OnnxError> {
            Ok(self.through(layers, &format!("{path}.body"), x)?.value)
        };
        match layer {
            LayerSpec::Residual(residual) => self.residual(residual, path, x),
            LayerSpec::Repeat(repeat) => self.repeat(repeat, path, x),
            LayerSpec::Concat(concat) => self.concat(concat, path, x),
            LayerSpec::Resnet9(preset) => body(preset.body()),
            LayerSpec::Resnet18(preset) => body(preset.body()),
            LayerSpec::Resnet34(preset) => body(preset.body()),
            LayerSpec::Resnet50(preset) => body(preset.body()),
            LayerSpec::Backbone(preset) => body(preset.body()),
            leaf => self.graph.leaf(leaf, path, x),
        }
    }

    fn residual(&mut self, residual: &Residual, path: &str, x: &Flow) -> Result<Value, OnnxError> {
        let body = self.through(&residual.body, &format!("{path}.body"), x)?;
        let shortcut = self.through(&residual.shortcut, &format!("{path}.shortcut"), x)?;
        self.graph.enter(path);
        let sum = self.graph.op("Add", &[&body.value, &shortcut.value]);
        Ok(self.graph.activation(&residual.activation, &sum))
    }

    fn repeat(&mut self, repeat: &Repeat, path: &str, x: &Flow) -> Result<Value, OnnxError> {
        let mut x = x.clone();
        for round in 0..repeat.times {
            x = self.through(&repeat.body, &format!("{path}.{round}.body"), &x)?;
        }
        Ok(x.value)
    }

    fn concat(&mut self, concat: &Concat, path: &str, x: &Flow) -> Result<Value, OnnxError> {
        let mut parts = Vec::new();
        for (at, layers) in concat.branches.iter().enumerate() {
            parts.push(self.through(layers, &format!("{path}.branches.{at}"), x)?);
        }
        let tokens = parts.iter().any(|part| matches!(part.shape, FeatureShape::Tokens(_)));
        let parts: Vec<&Value> = parts.iter().map(|part| &part.value).collect();
        self.graph.enter(path);
        Ok(self.graph.op_with("Concat", &parts, vec![("axis", Setting::Int(if tokens { 2 } else { 1 }))]))
    }
}

impl Graph<'_> {
    /// A layer without layers inside.
    fn leaf(&mut self, layer: &LayerSpec, path: &str, x: &Flow) -> Result<Value, OnnxError> {
        let value = &x.value;
        if let Some(activation) = as_activation(layer) {
            return Ok(self.activation(&activation, value));
        }
        Ok(match layer {
            LayerSpec::Rescale(rescale) => self.rescale(rescale, value),
            LayerSpec::Resize(resize) => self.resize(resize, x),
            LayerSpec::Normalize(normalize) => self.normalize(normalize, x),
            LayerSpec::Conv2d(conv) => self.convolution(conv, x)?,
            LayerSpec::WhitenConv(whiten) => self.convolution(&whiten.convolution(x.shape.channels()), x)?,
            LayerSpec::BatchNorm(norm) => self.batch_norm(norm, x)?,
            LayerSpec::LayerNorm(norm) => self.layer_norm(norm, x)?,
            LayerSpec::GroupNorm(norm) => self.group_norm(norm, x)?,
            LayerSpec::Prelu(_) => {
                let slope = self.weight("slope", Lie::Channels, &x.shape)?;
                self.op("PRelu", &[value, &slope])
            }
            LayerSpec::LayerScale(_) => {
                let factor = self.weight("factor", Lie::Channels, &x.shape)?;
                self.op("Mul", &[value, &factor])
            }
            LayerSpec::ChannelShuffle(shuffle) => self.channel_shuffle(shuffle, x),
            LayerSpec::SqueezeExcite(squeeze) => self.squeeze_excite(squeeze, x)?,
            LayerSpec::MaxPool(pool) => self.max_pool(pool, x),
            LayerSpec::AvgPool(pool) => self.avg_pool(pool, x),
            LayerSpec::GlobalMaxPool(_) => self.global_pool("GlobalMaxPool", value),
            LayerSpec::GlobalAvgPool(_) => self.global_pool("GlobalAveragePool", value),
            LayerSpec::Gem(gem) => self.gem(gem, x)?,
            // It drops nothing once it is trained.
            LayerSpec::Dropout(_) => value.clone(),
            LayerSpec::Flatten(_) => self.flatten(x),
            LayerSpec::Dense(dense) => self.dense(dense, value)?,
            LayerSpec::MetricEmbedding(embedding) => {
                let y = self.dense(&embedding.dense(), value)?;
                self.l2_normalize(&y)
            }
            LayerSpec::L2Normalize(_) => self.l2_normalize(value),
            LayerSpec::PatchEmbed(embed) => self.patch_embed(embed, x)?,
            LayerSpec::ClassToken(token) => self.class_token(token, x)?,
            LayerSpec::PositionEmbedding(position) => self.position_embedding(position, x)?,
            LayerSpec::Attention(attention) => self.attention(attention, x)?,
            LayerSpec::TokenPool(pool) => self.token_pool(pool, x),
            LayerSpec::Onnx(_) => return Err(OnnxError::Inner(path.to_owned())),
            _ => return Err(OnnxError::Unknown(path.to_owned())),
        })
    }
}
