//! Networks as PyTorch describes them: the layers in words, and tensors in its layouts.

use burn::tensor::Device;
use serde_json::{Value as Json, json};

use super::{tensor, values};
use crate::layer::LayerSpec;
use simpipe_base::golden::{Array, CaseError, field};

/// A layer of ours, and the torch modules that are the same.
#[derive(Debug)]
pub(super) struct Module {
    pub(super) layer: Json,
    /// The number of the one with weights.
    number: usize,
    weights: &'static [(&'static str, &'static str)],
}

impl Module {
    /// Torch's names of its tensors, and ours.
    pub(super) fn names(&self, at: usize) -> Vec<(String, String)> {
        let kind = self.layer.as_object().and_then(|layer| layer.keys().next()).map_or("", String::as_str);
        let name =
            |(torch, ours): &(&str, &str)| (format!("{}.{torch}", self.number), format!("layers.{at}.{kind}.{ours}"));
        self.weights.iter().map(name).collect()
    }
}

const AFFINE: &[(&str, &str)] = &[("weight", "weight"), ("bias", "bias")];
const WEIGHT: &[(&str, &str)] = &[("weight", "weight")];
const NORM: &[(&str, &str)] =
    &[("weight", "gamma"), ("bias", "beta"), ("running_mean", "moving_mean"), ("running_var", "moving_variance")];

/// The layers that a case describes, `conv 6 3x3 relu, batch-norm (eps 1e-3), max-pool 2`; sizes are those of the weights.
/// Layers of ours without weights may stand there by their names.
pub(super) fn modules(text: &str, weights: &Json) -> Result<Vec<Module>, CaseError> {
    let (mut found, mut number) = (Vec::new(), 0);
    for layer in outside_brackets(text) {
        let (layer, remark) = layer.split_once('(').unwrap_or((layer, ""));
        let words: Vec<&str> = layer.split_whitespace().collect();
        let shape = || Ok::<_, CaseError>(from_torch(field(weights, &format!("{number}.weight"))?)?.0);
        let size = |word: &str| word.parse::<usize>().map_err(|_| CaseError::malformed(format!("the number `{word}`")));
        // How many modules torch has for it.
        let (layer, modules, weights) = match words[..] {
            ["rescale", ..] => (json!({ "rescale": {} }), 0, &[][..]),
            ["conv", _, _, ref how @ ..] => {
                let shape = shape()?;
                let mut conv = json!({ "filters": shape.last(), "kernel": shape.first() });
                let modules = conv_words(&mut conv, how)?;
                let bias = weights.get(format!("{number}.bias")).is_some();
                conv["bias"] = bias.into();
                (json!({ "conv2d": conv }), modules, if bias { AFFINE } else { WEIGHT })
            }
            ["batch-norm"] => (json!({ "batch-norm": norm_remark(remark)? }), 1, NORM),
            ["max-pool" | "avg-pool", pool] => (json!({ words[0]: { "size": size(pool)? } }), 1, &[][..]),
            ["max-pool" | "avg-pool", pool, "stride", stride] => {
                (json!({ words[0]: { "size": size(pool)?, "stride": size(stride)? } }), 1, &[][..])
            }
            ["global-max-pool" | "global-avg-pool"] => (json!({ words[0]: {} }), 2, &[][..]),
            ["metric-embedding"] => (json!({ "metric-embedding": { "size": shape()?.last() } }), 1, AFFINE),
            ["dense", ..] => (json!({ "dense": { "units": shape()?.last() } }), 1, AFFINE),
            [activation] if LayerSpec::NAMES.contains(&activation) => (json!({ activation: {} }), 1, &[][..]),
            _ => return Err(CaseError::unknown(format!("the layer `{}`", words.join(" ")))),
        };
        found.push(Module { layer, number, weights });
        number += modules;
    }
    Ok(found)
}

/// Parts between commas, but for those in brackets.
fn outside_brackets(text: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    let split = |letter: char| {
        depth = match letter {
            '(' => depth + 1,
            ')' => depth.saturating_sub(1),
            _ => depth,
        };
        letter == ',' && depth == 0
    };
    text.split(split).collect()
}

/// Takes `stride 2`, `same` and an activation into a convolution; gives how many modules torch has for it.
fn conv_words(conv: &mut Json, words: &[&str]) -> Result<usize, CaseError> {
    let (mut modules, mut words) = (1, words.iter());
    while let Some(word) = words.next() {
        match *word {
            "same" | "valid" => conv["padding"] = json!(word),
            "stride" | "dilation" | "groups" => {
                let number: Option<usize> = words.next().and_then(|number| number.parse().ok());
                conv[*word] = number.ok_or_else(|| CaseError::malformed(format!("a convolution's {word}")))?.into();
            }
            activation => {
                conv["activation"] = json!(activation);
                modules = 2;
            }
        }
    }
    Ok(modules)
}

/// `eps 1e-3, momentum 0.99 in Keras' sense)`.
fn norm_remark(remark: &str) -> Result<Json, CaseError> {
    let mut params = serde_json::Map::new();
    for part in remark.trim_end().trim_end_matches(')').split(',') {
        let words: Vec<&str> = part.split_whitespace().collect();
        let (name, value) = match words[..] {
            ["eps" | "epsilon", value, ..] => ("epsilon", value),
            ["momentum", value, ..] => ("momentum", value),
            _ => continue,
        };
        let value: f64 = value.parse().map_err(|_| CaseError::malformed(format!("the number `{value}`")))?;
        params.insert(name.to_owned(), value.into());
    }
    Ok(params.into())
}

/// A tensor in Keras' layout from torch's: `[out, in, h, w]` to `[h, w, in, out]`, `[out, in]` to `[in, out]`.
pub(super) fn from_torch(json: &Json) -> Result<(Vec<usize>, Vec<f32>), CaseError> {
    let levels = std::iter::successors(Some(json), |json| json.get(0)).count() - 1;
    let array = Array::read(json, levels)?;
    let device = Device::flex();
    match levels {
        2 => {
            let x = tensor::<2>(&array, &device).transpose();
            Ok((x.dims().to_vec(), values(x)))
        }
        4 => {
            let x = tensor::<4>(&array, &device).permute([2, 3, 1, 0]);
            Ok((x.dims().to_vec(), values(x)))
        }
        _ => Ok((array.shape, array.values)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_in_words_are_layers_of_a_spec() {
        let conv = json!([[[[1.0, 2.0], [3.0, 4.0]]], [[[5.0, 6.0], [7.0, 8.0]]], [[[0.0, 0.0], [0.0, 0.0]]]]);
        let weights =
            json!({ "0.weight": conv, "1.weight": [1.0, 1.0, 1.0], "4.weight": conv, "4.bias": [0.0, 0.0, 0.0] });
        let text = "rescale 1/255, conv 3 2x2 stride 2 same, batch-norm (eps 1e-5, momentum 0.9 in Keras' sense), relu, \
                    avg-pool 2, conv 3 2x2 silu, global-avg-pool";
        let found = modules(text, &weights).unwrap();
        let layers: Vec<&Json> = found.iter().map(|module| &module.layer).collect();
        let first = json!({ "filters": 3, "kernel": 2, "stride": 2, "padding": "same", "bias": false });
        let expected = [
            json!({ "rescale": {} }),
            json!({ "conv2d": first }),
            json!({ "batch-norm": { "epsilon": 1e-5, "momentum": 0.9 } }),
            json!({ "relu": {} }),
            json!({ "avg-pool": { "size": 2 } }),
            json!({ "conv2d": { "filters": 3, "kernel": 2, "activation": "silu", "bias": true } }),
            json!({ "global-avg-pool": {} }),
        ];
        assert_eq!(layers, expected.iter().collect::<Vec<_>>());
        assert_eq!(found[5].names(5)[1], ("4.bias".to_owned(), "layers.5.conv2d.bias".to_owned()));
        for wrong in
            ["conv", "conv 3 2x2 stride", "max-pool x", "lstm 3", "", "batch-norm (eps x)", "conv 1 1x1, conv 1 1x1"]
        {
            assert!(modules(wrong, &json!({})).is_err(), "{wrong}");
        }
    }
}
