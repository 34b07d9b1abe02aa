//! Tests of whole networks against reference libraries and between backends.

use burn::tensor::{Device, Tensor};
use serde_json::{Value as Json, json};

use super::golden::{self, Golden, assert_close};
use super::layer::{Mode, TrainPass};
use super::*;
use simpipe_artifact::{Distance, Weights};
use simpipe_base::param;
use simpipe_base::seed::Seed;

fn specs(json: Json) -> Vec<LayerSpec> {
    param::from_json(&json).unwrap()
}

fn seed() -> Seed {
    Seed::of_stage(42, "train", None)
}

fn training() -> TrainPass {
    TrainPass::new(seed(), 0)
}

fn values<const D: usize>(x: Tensor<D>) -> Vec<f32> {
    x.into_data().try_into_vec().unwrap()
}

/// A tensor in Keras' layout from torch's: `[out, in, h, w]` to `[h, w, in, out]`, `[out, in]` to `[in, out]`.
fn from_torch(json: &Json) -> (Vec<usize>, Vec<f32>) {
    let device = Device::flex();
    let depth = std::iter::successors(Some(json), |json| json.get(0)).count() - 1;
    match depth {
        1 => (golden::shape::<1>(json).to_vec(), golden::floats(json)),
        2 => {
            let x = golden::tensor::<2>(json, &device).transpose();
            (x.dims().to_vec(), values(x))
        }
        _ => {
            let x = golden::tensor::<4>(json, &device).permute([2, 3, 1, 0]);
            (x.dims().to_vec(), values(x))
        }
    }
}

#[test]
fn batch_norm_is_keras_in_training_and_at_inference() {
    let golden = Golden::read(golden::file!("batch_norm_keras"));
    golden.cases.iter().for_each(|case| batch_norm_case(case, golden.tolerance));
}

fn batch_norm_case(case: &golden::Case, tolerance: f64) {
    let device = Device::flex().autodiff();
    let network =
        Network::build(&specs(json!([{ "batch-norm": case.params }, "flatten"])), [3, 3, 2], seed(), &Device::flex())
            .unwrap();
    let mut parameters = network.parameters().to_trainable();
    for (at, step) in case.expected["steps"].as_array().unwrap().iter().enumerate() {
        let mut pass = training();
        let y = network.forward(&parameters, golden::tensor(&step["x_nhwc"], &device), Mode::Train(&mut pass));
        assert_close(&values(y), &step["y_train"], tolerance, &format!("step {at}"));
        pass.averages.into_iter().for_each(|average| parameters.absorb(average));
    }
    // The file keeps the moving statistics behind the last step only.
    let weights = parameters.to_weights();
    for name in ["moving_mean", "moving_variance"] {
        let found = &weights.0[&format!("layers.0.batch-norm.{name}")].1;
        let last = case.expected["steps"].as_array().unwrap().last().unwrap();
        assert_close(found, &last[name], tolerance, name);
    }
    let x = golden::tensor(&case.expected["x_eval"], &Device::flex());
    let y = network.forward(&parameters.valid(), x, Mode::Eval);
    assert_close(&values(y), &case.expected["y_eval"], tolerance, "inference");
}

#[test]
fn metric_embedding_is_tensorflow_similaritys() {
    let golden = Golden::read(golden::file!("layers"));
    let device = Device::flex();
    let mut checked = 0;
    for case in golden.cases.iter().filter(|case| case.params["layer"] == "metric-embedding") {
        let [rows, inputs] = golden::shape(&case.input["x"]);
        let [_, size] = golden::shape(&case.input["kernel_in_out"]);
        let list = specs(json!(["flatten", { "metric-embedding": { "size": size } }]));
        let mut network = Network::build(&list, [1, 1, inputs], seed(), &device).unwrap();
        let mut weights = Weights::default();
        let kernel = golden::floats(&case.input["kernel_in_out"]);
        weights.0.insert("layers.1.metric-embedding.weight".into(), (vec![inputs, size], kernel));
        let bias = golden::floats(&case.input["bias"]);
        weights.0.insert("layers.1.metric-embedding.bias".into(), (vec![size], bias));
        network.set_weights(&weights).unwrap();
        let x = golden::matrix(&case.input["x"], &device).reshape([rows, 1, 1, inputs]);
        let y = network.forward(network.parameters(), x, Mode::Eval);
        assert_close(&values(y), &case.expected["y"], golden.tolerance, "y");
        checked += 1;
    }
    assert!(checked > 0);
}

/// A list as TensorFlow Similarity's layer computes it: infinite powers are the largest and the smallest value.
fn gem(p: &Json) -> Json {
    match p.as_str() {
        Some("inf") => json!(["global-max-pool"]),
        Some(_) => {
            let turn = json!({ "rescale": { "divide-by": -1 } });
            json!([turn, "global-max-pool", turn])
        }
        None => json!([{ "gem": { "p": p, "negative": "shift" } }]),
    }
}

#[test]
fn generalised_mean_pooling_is_tensorflow_similaritys() {
    let golden = Golden::read(golden::file!("layers"));
    let device = Device::flex();
    let mut checked = 0;
    for case in golden.cases.iter().filter(|case| case.params["layer"].as_str().unwrap().starts_with("gem")) {
        let x = match case.input.get("x_nhwc") {
            Some(x) => golden::tensor::<4>(x, &device),
            None => {
                let x = golden::tensor::<3>(&case.input["x_nlc"], &device);
                let [n, length, channels] = x.dims();
                x.reshape([n, 1, length, channels])
            }
        };
        let [_, height, width, channels] = x.dims();
        let network =
            Network::build(&specs(gem(&case.params["p"])), [height, width, channels], seed(), &device).unwrap();
        let y = network.forward(network.parameters(), x, Mode::Eval);
        assert_close(&values(y), &case.expected["y"], golden.tolerance, &case.params.to_string());
        checked += 1;
    }
    let others = golden.cases.iter().filter(|case| case.params["layer"] == "metric-embedding").count();
    assert_eq!(checked + others, golden.cases.len(), "every case of the file is held by a test");
}

/// pytorch-metric-learning's `ContrastiveLoss` with its defaults: the mean of the positive pairs' distances that are
/// above 0, plus the mean of what negative pairs lack of a distance of 1, where they lack any.
fn contrastive_loss(embeddings: Tensor<2>, labels: &[i32]) -> Tensor<1> {
    let distance = loss::distances::pairwise(Distance::Euclidean, embeddings.clone(), embeddings);
    let mean_of = |losses: Tensor<2>, pair: &dyn Fn(usize, usize) -> bool| {
        let batch = labels.len();
        let mask: Vec<f32> = (0..batch * batch).map(|at| f32::from(u8::from(pair(at / batch, at % batch)))).collect();
        let mask = Tensor::<1>::from_floats(&mask[..], &losses.device()).reshape([batch, batch]);
        let losses = losses.clamp_min(0.0) * mask;
        let count = losses.clone().detach().greater_scalar(0.0).float().sum();
        losses.sum() / count
    };
    let positive = mean_of(distance.clone(), &|a, b| a != b && labels[a] == labels[b]);
    let negative = mean_of(distance.neg().add_scalar(1.0), &|a, b| labels[a] != labels[b]);
    positive + negative
}

#[test]
fn forward_gradients_and_statistics_of_a_network_are_torchs() {
    let golden = Golden::read(golden::file!("network_step"));
    golden.cases.iter().for_each(|case| network_case(case, golden.tolerance));
}

fn network_case(case: &golden::Case, tolerance: f64) {
    let list = specs(json!([
        "rescale",
        { "conv2d": { "filters": 6, "kernel": 3, "activation": "relu" } },
        "batch-norm",
        { "max-pool": { "size": 2 } },
        { "conv2d": { "filters": 8, "kernel": 3, "activation": "relu" } },
        "global-max-pool",
        { "metric-embedding": { "size": 8 } },
    ]));
    // Torch's module numbers, which count activations, and ours.
    let names = [
        ("0.weight", "layers.1.conv2d.weight"),
        ("0.bias", "layers.1.conv2d.bias"),
        ("2.weight", "layers.2.batch-norm.gamma"),
        ("2.bias", "layers.2.batch-norm.beta"),
        ("4.weight", "layers.4.conv2d.weight"),
        ("4.bias", "layers.4.conv2d.bias"),
        ("8.weight", "layers.6.metric-embedding.weight"),
        ("8.bias", "layers.6.metric-embedding.bias"),
    ];
    let statistics = [("running_mean", "moving_mean"), ("running_var", "moving_variance")];
    let mut weights = Weights::default();
    for (torch, ours) in names {
        weights.0.insert(ours.into(), from_torch(&case.input["weights"][torch]));
    }
    for (torch, ours) in statistics {
        let start = from_torch(&case.input["weights"][format!("2.{torch}")]);
        weights.0.insert(format!("layers.2.batch-norm.{ours}"), start);
    }
    let mut network = Network::build(&list, [12, 12, 3], seed(), &Device::flex()).unwrap();
    network.set_weights(&weights).unwrap();
    let mut parameters = network.parameters().to_trainable();
    let labels: Vec<i32> = serde_json::from_value(case.input["labels"].clone()).unwrap();
    let device = Device::flex().autodiff();
    let x = golden::tensor::<4>(&case.input["x_nchw"], &device).permute([0, 2, 3, 1]);
    let mut pass = training();
    let embeddings = network.forward(&parameters, x, Mode::Train(&mut pass));
    assert_close(&values(embeddings.clone()), &case.expected["embeddings"], tolerance, "embeddings");
    let loss = contrastive_loss(embeddings, &labels);
    assert_close(&values(loss.clone()), &case.expected["loss"], tolerance, "loss");
    let found = parameters.gradients(&mut loss.backward()).into_iter();
    let gradients: std::collections::BTreeMap<_, _> = found.map(|(path, one)| (path, values(one))).collect();
    assert_eq!(gradients.len(), names.len());
    for (torch, ours) in names {
        let expected: Vec<f32> = from_torch(&case.expected["gradients"][torch]).1;
        assert_close(&gradients[ours], &json!(expected), tolerance, ours);
    }
    pass.averages.into_iter().for_each(|average| parameters.absorb(average));
    for (torch, ours) in statistics {
        let found = &parameters.to_weights().0[&format!("layers.2.batch-norm.{ours}")].1;
        assert_close(found, &case.expected[torch], tolerance, ours);
    }
}

#[test]
fn weights_start_equal_on_every_backend() {
    let list = specs(json!(["flatten", { "dense": { "units": 7 } }]));
    let on = |backend| {
        let device = device::to_device(backend).unwrap();
        Network::build(&list, [2, 2, 1], seed(), &device).unwrap()
    };
    let flex = on("flex");
    assert_eq!(flex.to_weights().0["layers.1.dense.weight"].0, [4, 7]);
    #[cfg(feature = "ndarray")]
    {
        let ndarray = on("ndarray");
        assert_eq!(ndarray.to_weights(), flex.to_weights());
        let pixels = [1, 2, 3, 4];
        for (a, b) in ndarray.embed(&pixels).iter().zip(flex.embed(&pixels)) {
            assert!((a - b).abs() < 1e-5, "{a} {b}");
        }
    }
}
