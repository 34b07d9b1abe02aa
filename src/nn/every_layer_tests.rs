//! Every layer that a spec can name, in a small network: its gradients, a training that is interrupted, and what is made of
//! it for embedding. A new layer needs an example here.

use burn::tensor::{Device, Tensor, TensorData};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value as Json, json};

use super::layer::{Cx, Features, Mode, TrainPass};
use super::noise::Noise;
use super::parameters::Parameters;
use super::*;
use simpipe_base::param;
use simpipe_base::seed::Seed;

fn specs(json: Json) -> Vec<LayerSpec> {
    param::from_json(&json).unwrap()
}

pub(super) fn seed() -> Seed {
    Seed::of_stage(3, "train", None)
}

/// Ways to write a layer for six channels, or six features; the first is trained.
#[expect(clippy::too_many_lines, reason = "a table")]
fn examples(name: &str) -> Vec<Json> {
    let conv = json!({ "conv2d": { "filters": 6, "kernel": 3, "padding": "same" } });
    let body = json!([{ "conv2d": { "filters": 5, "kernel": 3, "stride": 2, "bias": false } }, "batch-norm", "global-avg-pool"]);
    match name {
        "rescale" => vec![json!({ "rescale": { "divide-by": 2, "offset": 0.5 } })],
        "normalize" => {
            vec![json!({ "normalize": { "mean": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6], "std": [1, 2, 3, 1, 2, 3] } })]
        }
        "conv2d" => vec![
            json!({ "conv2d": { "filters": 9, "kernel": 3, "groups": 3, "dilation": 2, "padding": "same", "activation": "silu" } }),
            json!({ "conv2d": { "filters": 12, "kernel": 3, "groups": 6, "bias": false, "stride": 2 } }),
            json!({ "conv2d": { "filters": 4, "kernel": 2, "dilation": 3, "activation": "silu" } }),
            json!({ "conv2d": { "filters": 7, "kernel": 3, "padding": { "symmetric": { "pixels": 2 } }, "bias": false } }),
            json!({ "conv2d": { "filters": 7, "kernel": 5, "padding": { "symmetric": { "pixels": 2 } }, "stride": 2, "init": "dirac" } }),
            json!({ "conv2d": { "filters": 7, "kernel": 3, "activation": "gelu", "init": "he-normal" } }),
        ],
        "batch-norm" => vec![
            json!("batch-norm"),
            json!({ "batch-norm": { "scale": false } }),
            json!({ "batch-norm": { "bias": false } }),
            json!({ "batch-norm": { "scale": false, "bias": false, "epsilon": 1e-5 } }),
        ],
        "max-pool" => vec![
            json!({ "max-pool": { "size": 2 } }),
            json!({ "max-pool": { "size": 3, "stride": 2, "padding": { "symmetric": { "pixels": 1 } } } }),
            json!({ "max-pool": { "size": 2, "stride": 1, "padding": "same" } }),
        ],
        "avg-pool" => vec![
            json!({ "avg-pool": { "size": 2 } }),
            json!({ "avg-pool": { "size": 3, "stride": 2, "padding": { "symmetric": { "pixels": 1 } } } }),
            json!({ "avg-pool": { "size": 3, "stride": 2, "padding": "same", "count-padding": true } }),
            json!({ "avg-pool": { "size": 2, "stride": 1, "padding": "same" } }),
        ],
        "gem" => vec![
            json!({ "gem": { "trained": true } }),
            json!("gem"),
            json!({ "gem": { "negative": "shift", "p": 2.5, "trained": true } }),
            json!({ "gem": { "negative": "shift", "p": 0 } }),
            json!({ "gem": { "negative": "shift", "p": -2 } }),
        ],
        "dropout" => vec![json!({ "dropout": { "rate": 0.3 } })],
        "dense" => vec![
            json!({ "dense": { "units": 5, "activation": "tanh" } }),
            json!({ "dense": { "units": 5, "bias": false, "init": "fan-in-uniform" } }),
        ],
        "metric-embedding" => vec![json!({ "metric-embedding": { "size": 5 } })],
        "layer-norm" => vec![
            json!("layer-norm"),
            json!({ "layer-norm": { "over": "all", "scale": false } }),
            json!({ "layer-norm": { "bias": false } }),
        ],
        "group-norm" => vec![
            json!({ "group-norm": { "groups": 3 } }),
            json!({ "group-norm": { "groups": 6, "scale": false, "bias": false } }),
        ],
        "layer-scale" => vec![json!("layer-scale")],
        "channel-shuffle" => vec![json!({ "channel-shuffle": { "groups": 3 } })],
        "squeeze-excite" => vec![
            json!({ "squeeze-excite": { "reduction": 2 } }),
            json!({ "squeeze-excite": { "reduction": 4, "activation": "silu", "gate": "hard-sigmoid" } }),
        ],
        "whiten-conv" => vec![json!({ "whiten-conv": { "images": 20 } })],
        "residual" => vec![
            json!({ "residual": { "body": [conv, "batch-norm"], "activation": "gelu" } }),
            json!({ "residual": {
                "body": [{ "conv2d": { "filters": 8, "kernel": 3, "stride": 2, "padding": { "symmetric": { "pixels": 1 } }, "bias": false } }, "batch-norm"],
                "shortcut": [{ "conv2d": { "filters": 8, "kernel": 1, "stride": 2, "bias": false } }, { "batch-norm": { "scale": false } }],
                "activation": "relu"
            } }),
        ],
        "repeat" => vec![json!({ "repeat": { "times": 2, "body": [conv, "relu"] } })],
        "concat" => vec![json!({ "concat": { "branches": [["gem"], [conv, "mish", "global-avg-pool"]] } })],
        // The layers of the presets themselves are all in this table; here it is how a preset holds its layers.
        "resize" => vec![
            json!({ "resize": { "size": 5 } }),
            json!({ "resize": { "size": 4, "shorter": 12, "filter": "bicubic", "pixels": false } }),
        ],
        "patch-embed" | "class-token" | "position-embedding" | "attention" | "token-pool" => of_tokens(name),
        // No gradient goes through it; it has tests of its own.
        "onnx" => Vec::new(),
        "backbone" => vec![json!({ "backbone": { "architecture": "resnet18", "body": body } })],
        "resnet9" | "resnet18" | "resnet34" | "resnet50" => vec![json!({ name: { "body": body } })],
        // By its bare name, where it has a default for everything.
        _ if param::from_json::<LayerSpec>(&json!(name)).is_ok() => vec![json!(name)],
        _ => panic!("`{name}` needs an example in this test"),
    }
}

/// Layers of tokens, between one that makes them and one that makes a vector of them.
fn of_tokens(name: &str) -> Vec<Json> {
    let made = |patch: usize| json!({ "patch-embed": { "patch": patch, "width": 6 } });
    let square = json!({ "resize": { "size": 6 } });
    let around = |inner: Vec<Json>, pool: Json| {
        let mut body = vec![square.clone(), made(2)];
        body.extend(inner);
        body.push(pool);
        json!({ "repeat": { "times": 1, "body": body } })
    };
    let mean = || json!({ "token-pool": { "by": "mean", "skip": 1 } });
    match name {
        "patch-embed" => vec![around(vec![], mean())],
        "class-token" => {
            let registers = json!({ "class-token": { "count": 2, "after": 1 } });
            vec![around(vec![json!("class-token"), registers], json!("flatten"))]
        }
        "position-embedding" => vec![
            around(
                vec![json!("class-token"), json!({ "position-embedding": { "grid": 3, "first": 1 } })],
                json!("flatten"),
            ),
            around(vec![json!({ "position-embedding": { "grid": 5, "interpolation": "plain" } })], json!("flatten")),
            around(vec![json!({ "position-embedding": { "grid": 2 } })], json!("flatten")),
        ],
        "attention" => vec![
            around(vec![json!({ "attention": { "heads": 2 } })], json!("flatten")),
            around(
                vec![
                    json!("class-token"),
                    json!({ "residual": { "body": ["layer-norm", { "attention": { "heads": 3, "bias": false } }, { "layer-scale": { "start": 0.5 } }] } }),
                    json!({ "dense": { "units": 7, "activation": "quick-gelu" } }),
                ],
                json!("token-pool"),
            ),
        ],
        _ => vec![around(vec![], json!("token-pool")), around(vec![], mean())],
    }
}

/// Every example of every layer.
pub(super) fn all() -> impl Iterator<Item = Json> {
    LayerSpec::NAMES.iter().flat_map(|name| examples(name))
}

/// A value between -1 and 1.
fn draw(rng: &mut ChaCha8Rng) -> f64 {
    use rand::Rng;
    f64::from(rng.next_u32()) / f64::from(u32::MAX) * 2.0 - 1.0
}

pub(super) fn random<const D: usize>(shape: [usize; D], size: f64, rng: &mut ChaCha8Rng) -> TensorData {
    let values: Vec<f32> = (0..shape.iter().product()).map(|_| (draw(rng) * size) as f32).collect();
    TensorData::new(values, shape)
}

/// A network of the layer alone, on a map where it takes one, else on a vector.
pub(super) fn alone(layer: &Json) -> Network {
    let on_map = specs(json!([layer, "flatten"]));
    let network = Network::build(&on_map, [7, 6, 6], seed(), &Device::flex());
    stirred(network.unwrap_or_else(|_| {
        Network::build(&specs(json!(["flatten", layer])), [1, 1, 6], seed(), &Device::flex()).unwrap()
    }))
}

/// A network whose weights all differ.
pub(super) fn stirred(mut network: Network) -> Network {
    let mut weights = network.to_weights();
    let mut rng = seed().rng("weights", &[]);
    for (path, (_, values)) in &mut weights.0 {
        for value in values.iter_mut() {
            let drawn = draw(&mut rng) as f32;
            *value = match path.rsplit('.').next().unwrap() {
                "moving_variance" => 0.4 + drawn * drawn,
                "power" => 2.5,
                "gamma" | "factor" => 1.0 + 0.5 * drawn,
                _ => 0.5 * drawn,
            };
        }
    }
    network.set_weights(&weights).unwrap();
    network
}

/// The training pass of a network, whatever its input is.
pub(super) fn forward(network: &Network, parameters: &Parameters, x: Tensor<4>) -> Tensor<2> {
    let mut pass = TrainPass::new(seed(), 5);
    let mut cx = Cx::root(parameters, network.numerics(), Mode::Train(&mut pass));
    cx.layers(network.specs(), Features::Image(x)).into_vector()
}

fn dot(y: Tensor<2>, direction: &[f32]) -> f64 {
    let values = y.into_data().try_into_vec::<f32>().unwrap();
    values.into_iter().zip(direction).map(|(one, other)| f64::from(one) * f64::from(*other)).sum()
}

/// The same with smooth activations inside: behind several layers a step of all numbers crosses so many kinks that the
/// differences are off by a tenth.
fn smooth(json: &Json) -> Json {
    match json {
        Json::String(name) if name == "relu" => json!("silu"),
        Json::Array(items) => items.iter().map(smooth).collect(),
        Json::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), smooth(value))).collect(),
        other => other.clone(),
    }
}

/// The gradients of a network's output along a direction: by the input, under no name, and by every weight.
fn gradients(network: &Network, x: TensorData, towards: TensorData) -> Vec<(String, Vec<f32>)> {
    let device = Device::flex().autodiff();
    let parameters = network.parameters().to_trainable();
    let image = Tensor::<4>::from_data(x, &device).require_grad();
    let y = forward(network, &parameters, image.clone()) * Tensor::from_data(towards, &device);
    let mut gradients = y.sum().backward();
    let by_input = image.grad(&gradients).unwrap().into_data().try_into_vec::<f32>().unwrap();
    let of_weights = parameters.gradients(&mut gradients).into_iter();
    let of_weights = of_weights.map(|(path, gradient)| (path, gradient.into_data().try_into_vec().unwrap()));
    std::iter::once((String::new(), by_input)).chain(of_weights).collect()
}

/// Gradients of the input and of every weight against central differences along random directions.
#[test]
fn gradients_are_differences() {
    for layer in all() {
        let layer = if layer.is_string() { layer } else { smooth(&layer) };
        let network = alone(&layer);
        let [height, width, channels] = network.input().sides();
        let mut rng = seed().rng("input", &[]);
        let shape = [4, height, width, channels];
        let x = random(shape, 3.0, &mut rng);
        let towards = random([4, network.dim()], 1.0, &mut rng);
        let found = gradients(&network, x.clone(), towards.clone());
        let towards = towards.try_into_vec::<f32>().unwrap();
        let start = network.to_weights();
        let x = x.try_into_vec::<f32>().unwrap();
        for (path, gradient) in found {
            for _ in 0..3 {
                let along: Vec<f32> = gradient.iter().map(|_| draw(&mut rng).signum() as f32).collect();
                let at = |step: f32| {
                    let move_all = |values: &[f32]| -> Vec<f32> {
                        values.iter().zip(&along).map(|(value, along)| value + step * along).collect()
                    };
                    let (mut moved, mut weights) = (network.clone(), start.clone());
                    let x = if path.is_empty() { move_all(&x) } else { x.clone() };
                    if let Some((_, values)) = weights.0.get_mut(&path) {
                        *values = move_all(values);
                    }
                    moved.set_weights(&weights).unwrap();
                    let x = Tensor::from_data(TensorData::new(x, shape), &Device::flex());
                    dot(forward(&moved, moved.parameters(), x), &towards)
                };
                let by = |step: f32| (at(step) - at(-step)) / (2.0 * f64::from(step));
                let slope: f64 = gradient.iter().zip(&along).map(|(g, a)| f64::from(*g) * f64::from(*a)).sum();
                let size: f64 = gradient.iter().map(|g| f64::from(*g).powi(2)).sum::<f64>().sqrt();
                // A kink of an activation within the longer step is none within the shorter.
                let [long, short] = [2e-3, 4e-4].map(by);
                // What is left of the error grows with the step where a minimum moves.
                let differences = [long, short, short + (short - long) / 4.0];
                let off = differences.iter().map(|one| (one - slope).abs()).fold(f64::INFINITY, f64::min);
                assert!(off < 0.03 * size.max(1.0), "{layer}, {path}: {slope}, by differences {differences:?}");
            }
        }
    }
}

/// What holds other layers has the gradients of those layers written out: kinks and all.
#[test]
fn repeated_layers_have_the_gradients_of_the_same_layers_written_out() {
    let conv = json!({ "conv2d": { "filters": 6, "kernel": 3, "padding": "same" } });
    let repeated = alone(&json!({ "repeat": { "times": 2, "body": [conv, "relu"] } }));
    let build = |layers: Json| Network::build(&specs(layers), repeated.input(), seed(), &Device::flex()).unwrap();
    let mut plain = build(json!([conv, "relu", conv, "relu", "flatten"]));
    // Each round's convolution, in order.
    let places = [("repeat.0.body.0.", "0."), ("repeat.1.body.0.", "2.")];
    let renamed = |path: &str| {
        let place = places.iter().find(|place| path.contains(place.0)).unwrap();
        path.replace(&format!("0.{}", place.0), place.1)
    };
    let weights = repeated.to_weights().0.into_iter().map(|(path, weight)| (renamed(&path), weight)).collect();
    plain.set_weights(&simpipe_artifact::Weights(weights)).unwrap();
    let mut rng = seed().rng("input", &[]);
    let [height, width, channels] = repeated.input().sides();
    let x = random([4, height, width, channels], 3.0, &mut rng);
    let towards = random([4, repeated.dim()], 1.0, &mut rng);
    let expected = gradients(&plain, x.clone(), towards.clone());
    let found = gradients(&repeated, x.clone(), towards.clone());
    assert_eq!(found.len(), expected.len());
    for (path, gradient) in found {
        let other = if path.is_empty() { path.clone() } else { renamed(&path) };
        let expected = &expected.iter().find(|one| one.0 == other).unwrap().1;
        assert_eq!(&gradient, expected, "{path}");
    }
}

const INPUT: [usize; 3] = [8, 8, 3];

/// A network that can be trained, with the layer between a convolution and an embedding.
fn network(layer: &Json) -> Network {
    let conv = json!({ "conv2d": { "filters": 6, "kernel": 3, "padding": "same" } });
    let end = json!({ "metric-embedding": { "size": 4 } });
    let on_map = specs(json!(["rescale", conv, layer, "flatten", end]));
    let network = Network::build(&on_map, INPUT, seed(), &Device::flex());
    let mut network = network.unwrap_or_else(|_| {
        let on_vector = specs(json!(["rescale", conv, "global-avg-pool", layer, end]));
        Network::build(&on_vector, INPUT, seed(), &Device::flex()).unwrap()
    });
    network.start_from_images(&Noise(192));
    network
}

/// Trains 5 steps, or those that are left of them; gives the end and every checkpoint.
fn train(network: &mut Network, from: Option<FitState>) -> (FitState, Vec<FitState>) {
    let [optimizer, loss, schedule] = ["adam", "multi-similarity", "constant"].map(|name| json!(name));
    let (optimizer, loss) = (param::from_json(&optimizer).unwrap(), param::from_json(&loss).unwrap());
    let schedule = param::from_json(&schedule).unwrap();
    let settings = FitSettings {
        steps_per_epoch: 5,
        classes: &[0, 1, 2],
        checkpoint_every: 1,
        ..FitSettings::new(&optimizer, &schedule, &loss, seed())
    };
    let from = from.unwrap_or_else(|| FitState::start(network, &settings));
    let mut checkpoints = Vec::new();
    let mut on_event = |event| {
        if let FitEvent::Checkpoint(state) = event {
            checkpoints.push(FitState::from_bytes(&state.to_bytes()).unwrap());
        }
    };
    let end = fit(network, from, &settings, &Noise(192), &mut on_event, &|| false).unwrap();
    (end, checkpoints)
}

#[test]
fn every_layer_is_trained_interrupted_resumed_and_embeds() {
    for layer in all() {
        let mut network = network(&layer);
        let start = network.to_weights();
        let (end, checkpoints) = train(&mut network, None);
        assert!(end.losses.len() == 5 && end.losses.iter().all(|loss| loss.is_finite()), "{layer}: {:?}", end.losses);
        for (path, (_, values)) in &start.0 {
            // Filters from data stay; a bias before a normalisation has no effect but by rounding.
            let kept = path.ends_with("whiten-conv.weight");
            let idle = path.ends_with(".bias") && layer.to_string().contains("norm");
            let moved = end.weights.0[path].1 != *values;
            assert!(idle || moved != kept, "{layer}: {path}");
        }
        // Another network, whose own start is of no account.
        let mut other = self::network(&layer);
        assert!(train(&mut other, Some(checkpoints[2].clone())).0 == end, "{layer}: resumed");
        let pixels = Noise(192).training(9, 9).pixels;
        let found = network.embed(&pixels);
        assert_eq!(other.embed(&pixels), found, "{layer}");
        assert!(found.iter().all(|value| value.is_finite()) && found.iter().any(|value| *value != 0.0), "{layer}");
        // As its layers one by one, and each image by itself.
        let exact = network.clone().with_numerics(Numerics::Exact).embed(&pixels);
        let off = found.iter().zip(&exact).fold(0f32, |most, (a, b)| most.max((a - b).abs()));
        assert!(off < 1e-4, "{layer}: {off}");
        assert_eq!(network.embed(&pixels[192..384]), found[4..8], "{layer}");
    }
}

#[test]
fn the_thread_count_changes_no_bit_of_any_layer() {
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| all().map(|layer| train(&mut network(&layer), None).0.to_bytes()).collect::<Vec<_>>())
    };
    let (one, three) = (run(1), run(3));
    for ((layer, one), three) in all().zip(one).zip(three) {
        assert!(one == three, "{layer}");
    }
}

#[test]
fn layers_take_single_images_and_odd_sides() {
    for layer in all() {
        for input in [[5, 9, 6], [3, 3, 6], [1, 1, 6]] {
            let layers = specs(json!([layer, "flatten"]));
            let Ok(network) = Network::build(&layers, input, seed(), &Device::flex()) else { continue };
            let pixels: Vec<u8> = (0..input.iter().product::<usize>()).map(|at| (at * 37 % 251) as u8).collect();
            let found = network.embed(&pixels);
            assert_eq!(found.len(), network.dim(), "{layer} on {input:?}");
            let exact = network.clone().with_numerics(Numerics::Exact).embed(&pixels);
            for (found, exact) in found.iter().zip(exact) {
                assert!((found - exact).abs() <= 1e-4 * exact.abs().max(1.0), "{layer} on {input:?}: {found}, {exact}");
            }
        }
    }
}
