//! Features of a backbone with weights from a file, and the class that its classifier gives.

use std::path::Path;

use burn::tensor::Device;
use serde_json::json;

use super::{read, seed, values};
use crate::input::Input;
use crate::interchange::Incoming;
use crate::layer::{LayerSpec, Mode, backbones};
use crate::network::Network;
use simpipe_artifact::{TensorFile, Weights};
use simpipe_base::golden::CaseError;

/// What a backbone makes of an image.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// What it gives.
    pub features: Vec<f32>,
    /// The likeliest class of the classifier in the file, where there is one, and its probability.
    pub class: Option<(usize, f64)>,
}

/// The features of an image in the size that it has, whatever the preprocessing would make of that.
///
/// # Errors
/// If the architecture is not known, or the file does not fit it.
pub fn features(
    architecture: &str,
    path: &Path,
    file: &[u8],
    pixels: &[u8],
    shape: [usize; 3],
) -> Result<Answer, CaseError> {
    let malformed = |error: &dyn std::fmt::Display| CaseError::malformed(error.to_string());
    let layers: Vec<LayerSpec> = read(&json!([{ "backbone": { "architecture": architecture } }]))?;
    let Some((at, backbone)) = backbones(&layers).next() else { return Err(CaseError::malformed("no backbone")) };
    let head = TensorFile::of_bytes(path, file).map_err(|error| malformed(&error))?;
    let incoming = Incoming::of_backbone(backbone, at, shape, &head).map_err(|error| malformed(&error))?;
    if let Some(words) = incoming.misfits().words() {
        return Err(CaseError::malformed(words));
    }
    let weights = incoming.weights(&head, file).map_err(|wrong| malformed(&wrong.words().unwrap_or_default()))?;
    // Without the first layer, which would resize.
    let body = &backbone.body()[1..];
    let renamed = weights.0.into_iter().filter_map(|(name, tensor)| {
        let (number, rest) = name.strip_prefix("layers.0.backbone.body.")?.split_once('.')?;
        Some((format!("layers.{}.{rest}", number.parse::<usize>().ok()?.checked_sub(1)?), tensor))
    });
    let network = Network::build(body, shape, seed(), &Device::flex());
    let mut network = network.map_err(|issues| CaseError::malformed(issues[0].message.clone()))?;
    network.set_weights(&Weights(renamed.collect())).map_err(|error| malformed(&error))?;
    let x = Input::Image(shape).tensor(pixels, network.device());
    let features = values(network.forward(network.parameters(), x, Mode::Eval));
    let class = class(&head, file, &features);
    Ok(Answer { features, class })
}

/// The likeliest class by a classifier in the file: a matrix `[classes, features]` and its summand.
fn class(head: &TensorFile, file: &[u8], features: &[f32]) -> Option<(usize, f64)> {
    let of = |kind: &str, sides: usize| {
        let called = |name: &str| {
            ["_fc.", "fc.", "classifier.", "classifier.1.", "head."].iter().any(|head| name == format!("{head}{kind}"))
        };
        let entry = head.tensors.iter().find(|entry| called(&entry.name) && entry.shape.len() == sides)?;
        head.values(entry, file)
    };
    let (weight, bias) = (of("weight", 2)?, of("bias", 1)?);
    if weight.len() != bias.len() * features.len() {
        return None;
    }
    let product = |row: &[f32]| row.iter().zip(features).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    let logits: Vec<f64> =
        weight.chunks(features.len()).zip(&bias).map(|(row, bias)| product(row) + f64::from(*bias)).collect();
    let (at, largest) = logits.iter().copied().enumerate().max_by(|a, b| a.1.total_cmp(&b.1))?;
    Some((at, 1.0 / logits.iter().map(|logit| (logit - largest).exp()).sum::<f64>()))
}
