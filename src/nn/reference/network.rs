//! Layers, and a step through a whole network.

use std::collections::{BTreeMap, BTreeSet};

use burn::tensor::{Device, Tensor};
use serde_json::{Value as Json, json};

use super::names::{self, Library};
use super::{read, same_length, seed, tensor, values};
use crate::artifact::Weights;
use crate::base::golden::{Array, Case, CaseError, Comparison, field, items, number, text, value};
use crate::nn::layer::{Cx, LayerSpec, Mode, TrainPass};
use crate::nn::loss::{Embedded, LossSpec, Target};
use crate::nn::network::Network;
use crate::nn::ops::Numerics;
use crate::nn::parameters::Parameters;

/// Steps of training through a batch normalisation, and inference behind them.
pub(super) fn batch_norm(case: &Case, to: &mut Comparison) -> Result<(), CaseError> {
    let given = |name: &str| case.params.get(name).cloned();
    let mut params = serde_json::Map::new();
    params.extend(["momentum", "epsilon"].iter().filter_map(|name| Some(((*name).to_owned(), given(name)?))));
    let x = Array::read(field(&case.expected, "x_eval")?, 4)?;
    let network = build(&json!([{ "batch-norm": params }, "flatten"]), side(&x))?;
    let mut parameters = network.parameters().to_trainable();
    for (at, step) in items(&case.expected, "steps")?.iter().enumerate() {
        let mut pass = training();
        let x = images(step, "x_nhwc", network.input())?;
        let y = network.forward(&parameters, x, Mode::Train(&mut pass));
        to.list(&format!("y_train of step {at}"), values(y), field(step, "y_train")?)?;
        pass.averages.into_iter().for_each(|average| parameters.absorb(average));
    }
    // The reference keeps the moving statistics behind the last step only.
    let last = items(&case.expected, "steps")?.last();
    for name in ["moving_mean", "moving_variance"] {
        let found = parameters.numbers(&format!("layers.0.batch-norm.{name}"));
        if let Some(expected) = last.and_then(|step| step.get(name)).filter(|expected| !expected.is_null()) {
            to.list(name, found, expected)?;
        }
    }
    let y = network.forward(&parameters.valid(), tensor(&x, &Device::flex()), Mode::Eval);
    to.list("y_eval", values(y), field(&case.expected, "y_eval")?)
}

/// One layer at inference.
pub(super) fn layers(case: &Case, to: &mut Comparison) -> Result<(), CaseError> {
    let y = match text(&case.params, "layer")? {
        "metric-embedding" => metric_embedding(case)?,
        "gem-2d" => pooled(case, &Array::read(field(&case.input, "x_nhwc")?, 4)?)?,
        "gem-1d" => {
            let Array { shape, values } = Array::read(field(&case.input, "x_nlc")?, 3)?;
            pooled(case, &Array { shape: vec![shape[0], shape[1], 1, shape[2]], values })?
        }
        other => return Err(CaseError::unknown(format!("the layer `{other}`"))),
    };
    to.list("y", y, field(&case.expected, "y")?)
}

fn metric_embedding(case: &Case) -> Result<Vec<f32>, CaseError> {
    let [x, kernel] = ["x", "kernel_in_out"].map(|name| Array::read(field(&case.input, name)?, 2));
    let (x, kernel) = (x?, kernel?);
    let bias = Array::read(field(&case.input, "bias")?, 1)?;
    let input = [1, 1, x.shape[1]];
    let mut network = build(&json!(["flatten", { "metric-embedding": { "size": bias.shape[0] } }]), input)?;
    let path = |name: &str| format!("layers.1.metric-embedding.{name}");
    let weights = [("weight", kernel), ("bias", bias)].map(|(name, array)| (path(name), (array.shape, array.values)));
    set(&mut network, Weights(weights.into_iter().collect()))?;
    let images = tensor::<2>(&x, &Device::flex()).reshape([x.shape[0], 1, 1, x.shape[1]]);
    Ok(values(network.forward(network.parameters(), images, Mode::Eval)))
}

fn pooled(case: &Case, x: &Array) -> Result<Vec<f32>, CaseError> {
    let layer = match number(field(&case.params, "p")?)? {
        f64::INFINITY => json!("global-max-pool"),
        power if !power.is_finite() => return Err(CaseError::unknown(format!("the power {power} of a mean"))),
        power => json!({ "gem": { "p": power, "negative": "shift" } }),
    };
    let network = build(&json!([layer]), side(x))?;
    Ok(values(network.forward(network.parameters(), tensor(x, &Device::flex()), Mode::Eval)))
}

/// One training step: embeddings, loss, every gradient and the moving statistics, from weights in torch's layouts.
pub(super) fn step(case: &Case, to: &mut Comparison) -> Result<(), CaseError> {
    let x = Array::read(field(&case.input, "x_nchw")?, 4)?;
    let theirs = field(&case.input, "weights")?;
    let modules = modules(text(&case.params, "layers")?, theirs)?;
    let list: Vec<&Json> = modules.iter().map(|module| &module.layer).collect();
    let mut network = build(&json!(list), [x.shape[2], x.shape[3], x.shape[1]])?;
    let names: Vec<(String, String)> = modules.iter().enumerate().flat_map(|(at, module)| module.names(at)).collect();
    let weights =
        names.iter().map(|(torch, ours)| Ok::<_, CaseError>((ours.clone(), from_torch(field(theirs, torch)?)?)));
    set(&mut network, Weights(weights.collect::<Result<_, CaseError>>()?))?;

    let labels: Vec<i32> = value(&case.input, "labels")?;
    same_length("images and labels", x.shape[0], labels.len())?;
    let mut parameters = network.parameters().to_trainable();
    let mut pass = training();
    let images = tensor::<4>(&x, &Device::flex().autodiff()).permute([0, 2, 3, 1]);
    let embeddings = network.forward(&parameters, images, Mode::Train(&mut pass));
    to.list("embeddings", values(embeddings.clone()), field(&case.expected, "embeddings")?)?;
    match names::loss(Library::PytorchMetricLearning, "", case) {
        Ok(loss) => {
            let value = loss_of(&loss, embeddings, &labels);
            to.list("loss", values(value.clone()), field(&case.expected, "loss")?)?;
            let gradients = gradients(&parameters, value);
            for (torch, ours) in names.iter().filter(|(torch, _)| !torch.contains("running_")) {
                let expected = from_torch(field(field(&case.expected, "gradients")?, torch)?)?.1;
                to.list(ours, gradients.get(ours).cloned().unwrap_or_default(), &json!(expected))?;
            }
        }
        Err(error) => to.unknown(error.to_string()),
    }
    pass.averages.into_iter().for_each(|average| parameters.absorb(average));
    for (torch, ours) in names.iter().filter(|(torch, _)| torch.contains("running_")) {
        let name = torch.split('.').next_back().unwrap_or(torch);
        to.list(ours, parameters.numbers(ours), field(&case.expected, name)?)?;
    }
    Ok(())
}

/// The loss of a batch, with fresh weights where it learns some.
fn loss_of(loss: &LossSpec, embeddings: Tensor<2>, labels: &[i32]) -> Tensor<1> {
    let classes: Vec<i32> = labels.iter().copied().collect::<BTreeSet<_>>().into_iter().collect();
    let target = Target { dim: embeddings.dims()[1], classes: classes.len() };
    let learned = Parameters::of_loss(loss, target, seed(), &Device::flex());
    let mut pass = training();
    let mut cx = Cx::of_loss(&learned, Numerics::Fast, Mode::Train(&mut pass), loss.name());
    loss.as_dyn().forward(&Embedded::new(embeddings, labels, &classes), &mut cx)
}

fn gradients(parameters: &Parameters, loss: Tensor<1>) -> BTreeMap<String, Vec<f32>> {
    let found = parameters.gradients(&mut loss.backward());
    found.into_iter().map(|(path, gradient)| (path, values(gradient))).collect()
}

/// A layer of ours, and the torch modules that are the same.
#[derive(Debug)]
struct Module {
    layer: Json,
    /// The number of the one with weights.
    number: usize,
    weights: &'static [(&'static str, &'static str)],
}

impl Module {
    /// Torch's names of its tensors, and ours.
    fn names(&self, at: usize) -> Vec<(String, String)> {
        let kind = self.layer.as_object().and_then(|layer| layer.keys().next()).map_or("", String::as_str);
        let name =
            |(torch, ours): &(&str, &str)| (format!("{}.{torch}", self.number), format!("layers.{at}.{kind}.{ours}"));
        self.weights.iter().map(name).collect()
    }
}

/// The layers that a case describes, `conv 6 3x3 relu, batch-norm (eps 1e-3), max-pool 2`; sizes are those of the weights.
fn modules(text: &str, weights: &Json) -> Result<Vec<Module>, CaseError> {
    const AFFINE: &[(&str, &str)] = &[("weight", "weight"), ("bias", "bias")];
    const NORM: &[(&str, &str)] =
        &[("weight", "gamma"), ("bias", "beta"), ("running_mean", "moving_mean"), ("running_var", "moving_variance")];
    let without_remarks: String =
        text.split('(').map(|part| part.rsplit(')').next().unwrap_or_default()).collect::<Vec<_>>().concat();
    let (mut found, mut number) = (Vec::new(), 0);
    for layer in without_remarks.split(',') {
        let words: Vec<&str> = layer.split_whitespace().collect();
        let shape = || Ok::<_, CaseError>(from_torch(field(weights, &format!("{number}.weight"))?)?.0);
        // How many modules torch has for it.
        let (layer, modules, weights) = match words[..] {
            ["rescale", ..] => (json!({ "rescale": {} }), 0, &[][..]),
            ["conv", _, _, activation] => {
                let shape = shape()?;
                let filters = shape.last().copied().unwrap_or_default();
                let conv = json!({ "filters": filters, "kernel": shape.first(), "activation": activation });
                (json!({ "conv2d": conv }), 2, AFFINE)
            }
            ["batch-norm"] => (json!({ "batch-norm": {} }), 1, NORM),
            ["max-pool", size] => {
                let size: usize = size.parse().map_err(|_| CaseError::malformed("the size of a pool"))?;
                (json!({ "max-pool": { "size": size } }), 1, &[][..])
            }
            ["global-max-pool"] => (json!({ "global-max-pool": {} }), 2, &[][..]),
            ["metric-embedding"] => {
                let size = shape()?.last().copied().unwrap_or_default();
                (json!({ "metric-embedding": { "size": size } }), 1, AFFINE)
            }
            _ => return Err(CaseError::unknown(format!("the layer `{}`", words.join(" ")))),
        };
        found.push(Module { layer, number, weights });
        number += modules;
    }
    Ok(found)
}

/// A tensor in Keras' layout from torch's: `[out, in, h, w]` to `[h, w, in, out]`, `[out, in]` to `[in, out]`.
fn from_torch(json: &Json) -> Result<(Vec<usize>, Vec<f32>), CaseError> {
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

fn build(layers: &Json, input: [usize; 3]) -> Result<Network, CaseError> {
    let layers: Vec<LayerSpec> = read(layers)?;
    Network::build(&layers, input, seed(), &Device::flex())
        .map_err(|issues| CaseError::malformed(issues.first().map_or_else(String::new, |issue| issue.message.clone())))
}

fn set(network: &mut Network, weights: Weights) -> Result<(), CaseError> {
    network.set_weights(&weights).map_err(|error| CaseError::malformed(error.to_string()))
}

/// Height, width and channels.
fn side(images: &Array) -> [usize; 3] {
    [images.shape[1], images.shape[2], images.shape[3]]
}

fn images(json: &Json, name: &str, input: [usize; 3]) -> Result<Tensor<4>, CaseError> {
    let images = Array::read(field(json, name)?, 4)?;
    if side(&images) != input {
        return Err(CaseError::malformed(format!("`{name}` has images of {:?}, others have {input:?}", side(&images))));
    }
    Ok(tensor(&images, &Device::flex().autodiff()))
}

fn training() -> TrainPass {
    TrainPass::new(seed(), 0)
}
