//! Layers, and a step through a whole network.

use std::collections::{BTreeMap, BTreeSet};

use burn::tensor::{Device, Tensor};
use serde_json::{Value as Json, json};

use super::names::{self, Library};
use super::torch::{from_torch, modules};
use super::{read, same_length, seed, tensor, values};
use crate::layer::{Cx, LayerSpec, Mode, TrainPass};
use crate::loss::{Embedded, LossSpec, Target};
use crate::network::Network;
use crate::ops::Numerics;
use crate::parameters::Parameters;
use simpipe_artifact::Weights;
use simpipe_base::golden::{Array, Case, CaseError, Comparison, field, fields, items, number, text, value};
use simpipe_base::param;

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
        let x = images(step, "x_nhwc", network.input().sides())?;
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
        "gem-1d" => pooled(case, &line(Array::read(field(&case.input, "x_nlc")?, 3)?))?,
        other => without_weights(other, case)?,
    };
    to.list("y", y, field(&case.expected, "y")?)
}

/// A sequence as a map of one column.
fn line(x: Array) -> Array {
    let Array { shape, values } = x;
    Array { shape: vec![shape[0], shape[1], 1, shape[2]], values }
}

fn metric_embedding(case: &Case) -> Result<Vec<f32>, CaseError> {
    let [x, kernel] = ["x", "kernel_in_out"].map(|name| Array::read(field(&case.input, name)?, 2));
    let (x, kernel) = (x?, kernel?);
    let size = kernel.shape[1];
    let bias = match case.input.get("bias") {
        Some(bias) => Array::read(bias, 1)?,
        None => Array { shape: vec![size], values: vec![0.0; size] },
    };
    let input = [1, 1, x.shape[1]];
    let mut network = build(&json!(["flatten", { "metric-embedding": { "size": size } }]), input)?;
    let path = |name: &str| format!("layers.1.metric-embedding.{name}");
    let weights = [("weight", kernel), ("bias", bias)].map(|(name, array)| (path(name), (array.shape, array.values)));
    set(&mut network, Weights(weights.into_iter().collect()))?;
    let images = tensor::<2>(&x, &Device::flex()).reshape([x.shape[0], 1, 1, x.shape[1]]);
    Ok(values(network.forward(network.parameters(), images, Mode::Eval)))
}

/// The reference's generalised mean: of an infinite power the largest value or the smallest, and near 0 the geometric mean.
fn pooled(case: &Case, x: &Array) -> Result<Vec<f32>, CaseError> {
    let power = number(field(&case.params, "p")?)?;
    if power == f64::NEG_INFINITY {
        // The smallest value is the largest of those with the other sign.
        let turned = Array { shape: x.shape.clone(), values: x.values.iter().map(|value| -value).collect() };
        return Ok(of_map(&json!("global-max-pool"), &turned)?.into_iter().map(|value| -value).collect());
    }
    let layer = match power {
        f64::INFINITY => json!("global-max-pool"),
        power if power.abs() < 1e-5 => json!({ "gem": { "p": 0, "negative": "shift" } }),
        power => json!({ "gem": { "p": power, "negative": "shift" } }),
    };
    of_map(&layer, x)
}

/// A layer by our own name, if it has no weights.
fn without_weights(name: &str, case: &Case) -> Result<Vec<f32>, CaseError> {
    let given = fields(&case.params)?.iter().filter(|(name, _)| *name != "layer");
    let params: serde_json::Map<String, Json> =
        given.map(|(name, value)| (param::kebab(name), value.clone())).collect();
    let layer = json!({ name: params });
    let x = match (case.input.get("x_nhwc"), case.input.get("x_nlc")) {
        (Some(x), _) => Array::read(x, 4)?,
        (None, Some(x)) => line(Array::read(x, 3)?),
        (None, None) => {
            let Array { shape, values } = Array::read(field(&case.input, "x")?, 2)?;
            Array { shape: vec![shape[0], 1, 1, shape[1]], values }
        }
    };
    of_map(&layer, &x)
}

/// What a layer without weights makes of images, in order.
fn of_map(layer: &Json, x: &Array) -> Result<Vec<f32>, CaseError> {
    let read: Vec<LayerSpec> = read(&json!([layer, "flatten"]))?;
    let network = Network::build(&read, side(x), seed(), &Device::flex());
    // What gives a vector needs no flattening, and what takes one needs it before.
    let network = match network {
        Ok(network) => network,
        Err(_) => build(&json!([layer]), side(x)).or_else(|_| build(&json!(["flatten", layer]), side(x)))?,
    };
    if !network.to_weights().0.is_empty() {
        return Err(CaseError::unknown(format!("the weights of `{layer}`")));
    }
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
        // Of a single normalisation without its number.
        let name = torch.split('.').next_back().unwrap_or(torch);
        let expected = case.expected.get(torch).map_or_else(|| field(&case.expected, name), Ok)?;
        to.list(ours, parameters.numbers(ours), expected)?;
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
