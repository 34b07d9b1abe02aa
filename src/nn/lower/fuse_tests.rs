//! Fused passes against the same layers one by one: outputs, gradients of the input and of every weight, moving averages,
//! and whole trainings.

use std::cell::Cell;

use burn::tensor::{Device, Tensor, TensorData};
use rand::{Rng, RngExt};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value as Json, json};

use super::{Behind, Fusion};
use crate::layer::{Cx, Features, LayerSpec, Mode, TrainPass};
use crate::noise::Noise;
use crate::ops::{Act, Numerics};
use crate::parameters::Parameters;
use crate::{FitSettings, FitState, Network, fit};
use simpipe_base::param::{self, Param, View};
use simpipe_base::seed::Seed;

/// What may be fused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Limit {
    /// Nothing: every layer by itself.
    Nothing,
    /// A normalisation with the convolution in front of it and a pool behind it, as in the tutorial's network.
    NoTails,
    /// All there is.
    All,
}

thread_local! {
    /// Of the passes that this thread starts.
    static LIMIT: Cell<Limit> = const { Cell::new(Limit::All) };
}

fn within<R>(limit: Limit, f: impl FnOnce() -> R) -> R {
    let before = LIMIT.replace(limit);
    let found = f();
    LIMIT.set(before);
    found
}

/// Whether the sum of a residual may be part of a fusion.
pub(super) fn takes_sums() -> bool {
    LIMIT.get() == Limit::All
}

/// What of a fusion is within the limit.
pub(super) fn limited(fusion: Fusion<'_>) -> Option<Fusion<'_>> {
    match (LIMIT.get(), fusion) {
        (Limit::All, fusion) => Some(fusion),
        (Limit::Nothing, _) | (Limit::NoTails, Fusion::ConvRelu(_) | Fusion::ConvAct(..) | Fusion::ConvPool(..)) => {
            None
        }
        (Limit::NoTails, Fusion::ConvNorm(conv, norm, behind)) => {
            let alone = Behind { act: Act::Identity, pool: None };
            Some(Fusion::ConvNorm(conv, norm, if behind.act == Act::Identity { behind } else { alone }))
        }
        (Limit::NoTails, Fusion::Norm(norm, behind)) => {
            let pools = behind.act == Act::Identity && behind.pool.is_some();
            pools.then_some(Fusion::Norm(norm, behind))
        }
    }
}

fn specs(json: &Json) -> Vec<LayerSpec> {
    param::from_json(json).unwrap()
}

fn seed() -> Seed {
    Seed::of_stage(3, "train", None)
}

fn draw(rng: &mut ChaCha8Rng) -> f32 {
    rng.random::<f32>() * 2.0 - 1.0
}

fn random<const D: usize>(shape: [usize; D], rng: &mut ChaCha8Rng) -> TensorData {
    TensorData::new((0..shape.iter().product()).map(|_| 2.0 * draw(rng)).collect::<Vec<f32>>(), shape)
}

/// A network with weights of every size and sign, if maps of `input` are large enough.
fn network(layers: &Json, input: [usize; 3]) -> Option<Network> {
    let mut list = layers.as_array().unwrap().clone();
    list.push(json!("flatten"));
    let mut network = Network::build(&specs(&json!(list)), input, seed(), &Device::flex()).ok()?;
    let (mut weights, mut rng) = (network.to_weights(), seed().rng("weights", &[]));
    for (path, (_, values)) in &mut weights.0 {
        for value in values.iter_mut() {
            let drawn = draw(&mut rng);
            *value = match path.rsplit('.').next().unwrap() {
                "moving_variance" => 0.4 + drawn * drawn,
                // Some are negative: the largest value of a window is then the smallest before.
                "gamma" => 0.5 + drawn,
                _ => 0.7 * drawn,
            };
        }
    }
    network.set_weights(&weights).unwrap();
    Some(network)
}

/// Everything that a training pass gives, by name.
fn pass(network: &Network, images: usize) -> Vec<(String, Vec<f32>)> {
    let device = Device::flex().autodiff();
    let [height, width, channels] = network.input().sides();
    let mut rng = seed().rng("input", &[]);
    let x = Tensor::<4>::from_data(random([images, height, width, channels], &mut rng), &device).require_grad();
    let towards = Tensor::<2>::from_data(random([images, network.dim()], &mut rng), &device);
    let parameters: Parameters = network.parameters().to_trainable();
    let mut pass = TrainPass::new(seed(), 5);
    let mut cx = Cx::root(&parameters, network.numerics(), Mode::Train(&mut pass));
    let y = cx.layers(network.specs(), Features::Image(x.clone())).into_vector();
    let mut gradients = (y.clone() * towards).sum().backward();
    let values = |x: Tensor<1>| x.into_data().try_into_vec::<f32>().unwrap();
    let mut found = vec![("output".to_owned(), values(y.flatten(0, 1)))];
    found.push(("gradient of the input".to_owned(), values(x.grad(&gradients).unwrap().flatten(0, 3))));
    let weights = parameters.gradients(&mut gradients).into_iter();
    found.extend(weights.map(|(path, gradient)| (format!("gradient of {path}"), values(gradient))));
    found.extend(pass.averages.into_iter().map(|average| (average.path, values(average.batch))));
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

/// A convolution and a normalisation, and what is behind them.
fn block(conv: Json, norm: Json, behind: &[Json]) -> Json {
    let mut layers = vec![json!({ "conv2d": conv }), norm];
    layers.extend(behind.iter().cloned());
    json!(layers)
}

fn lists(rng: &mut ChaCha8Rng) -> Vec<Json> {
    let pool = |size: usize| json!({ "max-pool": { "size": size } });
    let norms = [
        json!("batch-norm"),
        json!({ "batch-norm": { "scale": false } }),
        json!({ "batch-norm": { "bias": false } }),
        json!({ "batch-norm": { "scale": false, "bias": false, "epsilon": 1e-5 } }),
    ];
    let behinds = [
        vec![],
        vec![json!("relu")],
        vec![json!("relu"), pool(2)],
        vec![pool(3), json!("relu")],
        vec![json!("gelu")],
        vec![json!("silu"), pool(2)],
        vec![json!("relu"), json!({ "max-pool": { "size": 3, "stride": 2 } })],
        vec![json!("relu"), pool(4), json!("batch-norm"), json!("relu")],
    ];
    let mut lists = Vec::new();
    for (at, behind) in behinds.iter().enumerate() {
        for (norm, groups, kernel) in [(at, 1, 3), (at + 1, 1, 1), (at + 2, 2, 3)] {
            let (filters, stride) = (2 * (1 + rng.next_u32() % 12), 1 + rng.next_u32() % 2);
            let conv = json!({
                "filters": filters, "kernel": kernel, "groups": groups, "stride": stride, "padding": "same",
                "bias": rng.next_u32().is_multiple_of(2), "activation": if at % 3 == 1 { "relu" } else { "none" },
            });
            lists.push(block(conv, norms[norm % 4].clone(), behind));
        }
    }
    // Wide enough for Winograd's transforms.
    let wide = json!({ "filters": 20, "kernel": 3, "padding": "same", "bias": false });
    for behind in &behinds[..4] {
        let twice = [block(wide.clone(), norms[0].clone(), &behinds[1]), block(wide.clone(), norms[0].clone(), behind)];
        lists.push(json!(twice.iter().flat_map(|list| list.as_array().unwrap().clone()).collect::<Vec<_>>()));
    }
    // Pools behind convolutions: by Winograd's transforms and without, with a relu of either kind and with another activation.
    for (kernel, filters) in [(3, 20), (1, 20), (3, 7)] {
        for (activation, behind) in
            [("none", vec![]), ("relu", vec![]), ("none", vec![json!("relu")]), ("tanh", vec![])]
        {
            let conv = json!({ "filters": filters, "kernel": kernel, "padding": "same", "activation": activation });
            let mut layers = vec![json!({ "conv2d": { "filters": 18, "kernel": 3, "padding": "same" } })];
            layers.extend([vec![json!({ "conv2d": conv })], behind, vec![pool(2), json!("batch-norm")]].concat());
            lists.push(json!(layers));
        }
    }
    lists.push(json!(["gelu", pool(2), "batch-norm", "gelu"]));
    for (act, kernel, stride) in [("gelu", 2, 1), ("silu", 1, 1), ("gelu", 3, 2), ("silu", 5, 1)] {
        let conv = json!({ "filters": 24, "kernel": kernel, "stride": stride });
        lists.push(
            json!([{ "conv2d": conv }, act, pool(2), { "conv2d": { "filters": 5, "kernel": 1, "activation": act } }]),
        );
    }
    lists.push(json!(["batch-norm", "relu", pool(2), "batch-norm", pool(2), "batch-norm", "relu"]));
    lists.extend(residuals());
    lists
}

/// Residuals: with a shortcut of its own, with the input itself, and every activation behind the sum.
fn residuals() -> Vec<Json> {
    let pool = json!({ "max-pool": { "size": 2 } });
    let mut lists = Vec::new();
    let conv = |filters: usize, stride: usize| json!({ "filters": filters, "kernel": 3, "stride": stride, "padding": "same", "bias": false });
    let residual = |body: Json, shortcut: Json, activation: &str| json!([{ "residual": { "body": body, "shortcut": shortcut, "activation": activation } }]);
    let fit = block(json!({ "filters": 18, "kernel": 1, "stride": 2, "bias": false }), json!("batch-norm"), &[]);
    for activation in ["none", "relu", "gelu"] {
        for behind in [vec![], vec![json!("relu")], vec![json!("silu")], vec![json!("relu"), json!("tanh")]] {
            lists.push(residual(block(conv(18, 2), json!("batch-norm"), &behind), fit.clone(), activation));
            lists.push(residual(
                block(conv(6, 1), json!({ "batch-norm": { "scale": false } }), &behind),
                json!([]),
                activation,
            ));
        }
    }
    // The body ends in a normalisation alone, in a pool, in a convolution and a relu, in nothing that is fused.
    lists.push(residual(json!(["relu", "batch-norm"]), json!([]), "relu"));
    lists.push(residual(block(conv(18, 1), json!("batch-norm"), &[json!("relu"), pool.clone()]), fit, "relu"));
    lists.push(residual(json!([{ "conv2d": conv(6, 1) }, "relu"]), json!(["batch-norm", "relu"]), "relu"));
    lists.push(residual(json!(["tanh"]), json!([]), "relu"));
    lists
}

#[test]
fn fused_passes_are_their_layers_one_by_one() {
    for layers in lists(&mut seed().rng("lists", &[])) {
        let cases = [(5, [9, 8, 6]), (2, [8, 8, 6]), (1, [6, 7, 6]), (3, [1, 1, 6])];
        let fitting: Vec<(usize, Network)> =
            cases.into_iter().filter_map(|(images, input)| Some((images, network(&layers, input)?))).collect();
        assert!(!fitting.is_empty(), "{layers}");
        for (images, network) in fitting {
            let input = network.input().sides();
            let [general, before, found] =
                [Limit::Nothing, Limit::NoTails, Limit::All].map(|limit| within(limit, || pass(&network, images)));
            let largest = general.iter().flat_map(|(_, values)| values).fold(0f32, |most, v| most.max(v.abs()));
            for (((name, found), (_, before)), (_, general)) in found.iter().zip(&before).zip(&general) {
                let what = format!("{layers} on {images} x {input:?}, {name}");
                assert_eq!(found.len(), general.len(), "{what}");
                assert!(found.iter().zip(before).all(|(a, b)| a == b), "{what}: not the bits of before");
                let scale = general.iter().fold(1e-2 * largest, |most, v| most.max(v.abs()));
                let off = found.iter().zip(general).fold(0f32, |most, (a, b)| most.max((a - b).abs())) / scale;
                assert!(off < 1e-4, "{what}: {off}");
            }
        }
    }
}

/// Convolutions of each channel by itself: with their normalisation as one operation they keep every bit.
#[test]
fn depthwise_convolutions_keep_their_bits() {
    let norms = [json!("batch-norm"), json!({ "batch-norm": { "scale": false } })];
    let behinds = [
        vec![],
        vec![json!("relu")],
        vec![json!("relu6")],
        vec![json!("silu")],
        vec![json!("relu"), json!({ "max-pool": { "size": 2 } })],
    ];
    for (at, behind) in behinds.iter().enumerate() {
        for (kernel, stride, activation) in [(3, 1, "none"), (3, 2, "relu"), (5, 1, "relu"), (5, 2, "none")] {
            let conv = json!({
                "filters": 6, "kernel": kernel, "groups": 6, "stride": stride, "padding": "same", "bias": at % 2 == 0,
                "activation": activation,
            });
            let body = block(conv, norms[at % 2].clone(), behind);
            let lists = [body.clone(), json!([{ "residual": { "body": body, "shortcut": [], "activation": "relu" } }])];
            for layers in lists {
                let Some(network) = network(&layers, [9, 8, 6]) else { continue };
                let [general, found] = [Limit::Nothing, Limit::All].map(|limit| within(limit, || pass(&network, 4)));
                assert!(found == general, "{layers}");
            }
        }
    }
}

#[test]
fn fused_passes_do_not_depend_on_threads() {
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let lists = lists(&mut seed().rng("lists", &[]));
            let networks = lists.iter().map(|layers| network(layers, [8, 8, 6]).unwrap());
            networks.map(|network| pass(&network, 5)).collect::<Vec<_>>()
        })
    };
    assert!(run(1) == run(3));
}

/// The same layers with an eighth of the filters.
fn narrow(layers: &mut Json) {
    match layers {
        Json::Object(fields) => {
            for (name, value) in fields {
                match (name.as_str(), value.as_u64()) {
                    ("filters", Some(filters)) => *value = json!(filters / 8),
                    _ => narrow(value),
                }
            }
        }
        Json::Array(list) => list.iter_mut().for_each(narrow),
        _ => {}
    }
}

/// Losses and weights of a training with a preset of an eighth of its width.
fn train(preset: &Json) -> FitState {
    let mut layers = specs(&json!(["rescale", preset, { "metric-embedding": { "size": 8 } }])).write(View::Full);
    narrow(&mut layers);
    let mut network = Network::build(&specs(&layers), [16, 16, 3], seed(), &Device::flex()).unwrap();
    let optimizer = param::from_json(&json!({ "sgd": { "learning-rate": 0.01 } })).unwrap();
    let (loss, schedule) = ("multi-similarity", "constant");
    let (loss, schedule) = (param::from_json(&json!(loss)).unwrap(), param::from_json(&json!(schedule)).unwrap());
    let settings = FitSettings {
        steps_per_epoch: 5,
        classes: &[0, 1, 2],
        ..FitSettings::new(&optimizer, &schedule, &loss, seed())
    };
    let start = FitState::start(&network, &settings);
    fit(&mut network, start, &settings, &Noise(768), &mut |_| {}, &|| false).unwrap()
}

#[test]
fn residual_networks_train_as_their_layers_one_by_one() {
    // The deeper one, whose last normalisations see 36 values a channel, parts from itself in a few steps.
    for (preset, near) in [(json!("resnet9"), 1e-5), (json!({ "resnet18": { "stem": "cifar" } }), 1e-3)] {
        let [general, before, found] =
            [Limit::Nothing, Limit::NoTails, Limit::All].map(|limit| within(limit, || train(&preset)));
        assert!(found == before, "{preset}: not the bits of before");
        assert_eq!(found.losses.len(), 5);
        for (step, (found, general)) in found.losses.iter().zip(&general.losses).enumerate() {
            assert!((found - general).abs() < near * general.abs(), "{preset}, step {step}: {found}, {general}");
        }
        assert_ne!(found.losses[0], found.losses[4]);
    }
}

/// In bfloat16 a training takes the same way for a few steps, near that of single precision, and embeds what it has trained.
#[test]
fn trainings_in_bfloat16_go_the_way_of_single_precision() {
    let layers = json!([
        "rescale",
        { "conv2d": { "filters": 16, "kernel": 3, "padding": "same" } },
        "gelu",
        { "conv2d": { "filters": 32, "kernel": 3, "padding": "same", "bias": false } },
        { "max-pool": { "size": 2 } },
        "batch-norm",
        "gelu",
        { "conv2d": { "filters": 48, "kernel": 3, "stride": 2, "padding": "same", "bias": false } },
        "batch-norm",
        "relu",
        "global-max-pool",
        { "metric-embedding": { "size": 24 } },
    ]);
    let run = |numerics| {
        let network = Network::build(&specs(&layers), [16, 16, 3], seed(), &Device::flex()).unwrap();
        let mut network = network.with_numerics(numerics);
        let optimizer = param::from_json(&json!({ "sgd": { "learning-rate": 0.01 } })).unwrap();
        let [loss, schedule] = ["multi-similarity", "constant"].map(|name| json!(name));
        let (loss, schedule) = (param::from_json(&loss).unwrap(), param::from_json(&schedule).unwrap());
        let settings = FitSettings {
            steps_per_epoch: 4,
            classes: &[0, 1, 2],
            ..FitSettings::new(&optimizer, &schedule, &loss, seed())
        };
        let start = FitState::start(&network, &settings);
        let trained = fit(&mut network, start, &settings, &Noise(768), &mut |_| {}, &|| false).unwrap();
        let pixels: Vec<u8> = (0..5 * 768u32).map(|at| (at * 37 % 251) as u8).collect();
        (trained.losses, network.embed(&pixels))
    };
    let (losses, rows) = run(Numerics::Fast);
    let (found, other) = run(Numerics::Bf16);
    assert!(found != losses && other != rows, "nothing was rounded");
    assert!(found.iter().zip(&losses).all(|(a, b)| (a - b).abs() < 0.02 * b.abs()), "{found:?} {losses:?}");
    for (found, wanted) in other.chunks(24).zip(rows.chunks(24)) {
        let cosine: f32 = found.iter().zip(wanted).map(|(a, b)| a * b).sum();
        assert!(cosine > 0.99, "{cosine}");
    }
}
