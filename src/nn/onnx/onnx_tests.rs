//! Every layer in ONNX Runtime, where Python has it: the file passes ONNX's own checker, and gives the same embeddings for one
//! image as for several.
#![expect(clippy::print_stderr, reason = "what is skipped, and how near the rest is, is said")]

use std::path::Path;
use std::process::Command;

use burn::tensor::Device;
use serde_json::{Value as Json, json};

use super::*;
use crate::difference_tests::difference_to;
use crate::{Network, every_layer_tests};
use simpipe_base::param;
use simpipe_base::seed::Seed;

const SCRIPT: &str = r#"
import json, sys
from pathlib import Path
import numpy, onnx, onnxruntime
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
for folder in sorted(Path(sys.argv[1]).iterdir()):
    model = onnx.load(folder / "model.onnx")
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(folder / "model.onnx", options, providers=["CPUExecutionProvider"])
    case = json.loads((folder / "case.json").read_text())
    images = numpy.array(case["pixels"], numpy.uint8).reshape(case["shape"])
    whole, = session.run(["embeddings"], {"images": images})
    ones = numpy.concatenate([session.run(None, {"images": images[at : at + 1]})[0] for at in range(len(images))])
    assert whole.dtype == numpy.float32 and whole.shape == ones.shape == (len(images), case["dim"]), (folder, whole.shape)
    assert numpy.abs(whole - ones).max() <= 1e-5 * max(1.0, numpy.abs(whole).max()), folder
    (folder / "embeddings.json").write_text(json.dumps(whole.flatten().tolist()))
"#;

/// Images of a case.
const IMAGES: usize = 3;

/// Whether there is a Python with ONNX Runtime; a skip is said, and is none under `CI=true`.
fn has(checks: usize) -> bool {
    let found = Command::new("python3").args(["-c", "import numpy, onnx, onnxruntime"]).output();
    let has = found.is_ok_and(|output| output.status.success());
    if !has {
        let asked_for = std::env::var("CI").as_deref() == Ok("true");
        assert!(!asked_for, "no python3 with onnxruntime; `pip install -r tests/peers/requirements.txt` has it");
        eprintln!("skipped {checks} checks against ONNX Runtime: no python3 with it on this machine");
    }
    has
}

fn specs(layers: &Json) -> Vec<LayerSpec> {
    param::from_json(layers).unwrap()
}

fn pixels(count: usize) -> Vec<u8> {
    (0..count).map(|at| u8::try_from((at * 7919 + at / 5) % 256).unwrap()).collect()
}

/// Leaves the network in a folder of its own; the embeddings that it gives here, through `of` its own.
fn leave(
    folder: &Path,
    at: usize,
    network: &Network,
    model_use: &ModelUse,
    embed: impl Fn(&[u8]) -> Vec<f32>,
) -> Vec<f32> {
    let folder = folder.join(format!("{at:03}"));
    std::fs::create_dir(&folder).unwrap();
    let weights = network.to_weights();
    let about = [("run", "a \"run\"".to_owned())];
    let source = OnnxSource {
        layers: network.specs(),
        input: network.input().sides(),
        weights: &weights,
        model_use,
        about: &about,
    };
    let written = model(&source).unwrap();
    assert_eq!(model(&source).unwrap(), written, "the same bytes");
    let [height, width, channels] = network.input().sides();
    let pixels = pixels(IMAGES * height * width * channels);
    let case = json!({ "pixels": pixels, "shape": [IMAGES, height, width, channels], "dim": written.dim });
    std::fs::write(folder.join("case.json"), case.to_string()).unwrap();
    std::fs::write(folder.join("model.onnx"), written.bytes).unwrap();
    embed(&pixels)
}

/// A layer with weights that all differ: behind a map, and behind a vector and tokens where it takes them.
fn around(layer: &Json) -> Vec<Network> {
    let scaled = |layers: &Json| {
        let mut layers = layers.clone();
        layers.as_array_mut().unwrap().insert(0, json!({ "rescale": { "divide-by": 100, "offset": -1.0 } }));
        layers
    };
    let tokens =
        json!({ "repeat": { "times": 1, "body": [{ "patch-embed": { "patch": 1, "width": 6 } }, layer, "flatten"] } });
    let lists = [
        (json!([layer, "flatten"]), [7, 6, 6]),
        (json!(["flatten", layer, "flatten"]), [1, 2, 3]),
        (json!([tokens]), [2, 3, 6]),
    ];
    let fits = |(list, input): (Json, [usize; 3])| {
        let specs = specs(&scaled(&list));
        Network::build(&specs, input, Seed::of_stage(5, "train", None), &Device::flex()).ok()
    };
    let found: Vec<Network> = lists.into_iter().filter_map(fits).map(every_layer_tests::stirred).collect();
    assert!(!found.is_empty(), "{layer}");
    found
}

#[test]
fn every_layer_gives_in_onnx_what_it_gives_here() {
    let examples: Vec<Json> = every_layer_tests::all().collect();
    if !has(examples.len()) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut networks = Vec::new();
    for layer in examples {
        for network in around(&layer) {
            let ours = leave(folder.path(), networks.len(), &network, &ModelUse::default(), |x| network.embed(x));
            networks.push((format!("{layer} on {:?}", network.input()), ours));
        }
    }
    assert!(networks.len() > 100, "{}", networks.len());
    let most = difference_to(SCRIPT, folder.path(), &networks);
    eprintln!("{} networks in ONNX Runtime, largest difference {most:.1e}", networks.len());
}

/// Whole networks as configs name them, in small sizes.
#[test]
fn presets_and_backbones_give_in_onnx_what_they_give_here() {
    let end = json!({ "metric-embedding": { "size": 16 } });
    let backbone = |name: &str| json!([{ "backbone": { "architecture": name, "size": 32 } }, end]);
    let lists = [
        (crate::layer::tutorial(), [32, 32, 3]),
        (json!(["rescale", { "resnet18": { "stem": "cifar" } }, end]), [16, 16, 3]),
        (json!(["rescale", "resnet18", end]), [48, 40, 3]),
        (json!(["rescale", "resnet9", end]), [32, 32, 3]),
        (backbone("efficientnet-lite0"), [40, 50, 3]),
        (backbone("efficientnet-b0"), [40, 32, 3]),
    ];
    if !has(lists.len()) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut networks = Vec::new();
    for (list, input) in lists {
        let network = Network::build(&specs(&list), input, Seed::of_stage(2, "train", None), &Device::flex()).unwrap();
        let ours = leave(folder.path(), networks.len(), &network, &ModelUse::default(), |x| network.embed(x));
        networks.push((list.to_string(), ours));
    }
    let most = difference_to(SCRIPT, folder.path(), &networks);
    eprintln!("{} whole networks in ONNX Runtime, largest difference {most:.1e}", networks.len());
}

#[test]
fn the_use_of_a_network_is_part_of_the_file() {
    if !has(4) {
        return;
    }
    let layers = json!([
        "rescale",
        { "conv2d": { "filters": 4, "kernel": 3, "stride": 2, "padding": "same", "activation": "relu" } },
        "global-max-pool",
        { "dense": { "units": 3 } },
        "l2-normalize",
    ]);
    let network = Network::build(&specs(&layers), [6, 7, 3], Seed::of_stage(4, "train", None), &Device::flex());
    let network = every_layer_tests::stirred(network.unwrap());
    let folder = tempfile::tempdir().unwrap();
    let mut networks = Vec::new();
    let both = || vec!["identity".to_owned(), "flip".to_owned()];
    let [pool, last] = ["layers.2.global-max-pool", "layers.4.l2-normalize"].map(str::to_owned);
    for model_use in [
        ModelUse { views: both(), ..ModelUse::default() },
        ModelUse { views: vec!["flip".to_owned()], layers: vec![pool.clone()], normalize: false },
        ModelUse { views: both(), layers: vec![pool.clone()], normalize: true },
        ModelUse { views: both(), layers: vec![last, pool], normalize: true },
    ] {
        let ours = leave(folder.path(), networks.len(), &network, &model_use, |x| used(&network, &model_use, x));
        networks.push((model_use.words(), ours));
    }
    let most = difference_to(SCRIPT, folder.path(), &networks);
    eprintln!("{} uses in ONNX Runtime, largest difference {most:.1e}", networks.len());
}

/// What the stage `embed` does, written out anew.
fn used(network: &Network, model_use: &ModelUse, pixels: &[u8]) -> Vec<f32> {
    let [height, width, channels] = network.input().sides();
    let flipped: Vec<u8> = pixels
        .chunks(width * channels)
        .flat_map(|row| row.chunks(channels).rev().flatten().copied().collect::<Vec<_>>())
        .collect();
    let places: Vec<usize> = match &model_use.layers[..] {
        [] => vec![4],
        paths => paths.iter().map(|path| path.split('.').nth(1).unwrap().parse().unwrap()).collect(),
    };
    let unit = |row: &mut [f32]| {
        let length = row.iter().map(|value| value * value).sum::<f32>().sqrt();
        row.iter_mut().for_each(|value| *value /= length);
    };
    let image = |at: usize| {
        let mut row = Vec::new();
        for place in &places {
            let part = network.up_to(place + 1).unwrap();
            let size = height * width * channels;
            let views: Vec<Vec<f32>> = model_use
                .views
                .iter()
                .map(|view| {
                    let pixels = if view == "flip" { &flipped[..] } else { pixels };
                    part.embed(&pixels[at * size..(at + 1) * size])
                })
                .collect();
            let count = views.len() as f32;
            let mut mean: Vec<f32> =
                (0..part.dim()).map(|at| views.iter().map(|view| view[at]).sum::<f32>() / count).collect();
            if model_use.normalize || (views.len() > 1 && *place == 4) {
                unit(&mut mean);
            }
            row.extend(mean);
        }
        if model_use.normalize && places.len() > 1 {
            unit(&mut row);
        }
        row
    };
    (0..IMAGES).flat_map(image).collect()
}

#[test]
fn what_can_not_be_had_is_said() {
    let layers =
        specs(&json!([{ "conv2d": { "filters": 2, "kernel": 3 } }, "global-max-pool", { "dense": { "units": 2 } }]));
    let network = Network::build(&layers, [4, 4, 3], Seed::of_stage(1, "train", None), &Device::flex()).unwrap();
    let mut weights = network.to_weights();
    let refused = |weights: &Weights, model_use: &ModelUse| {
        let source = OnnxSource { layers: &layers, input: [4, 4, 3], weights, model_use, about: &[] };
        model(&source).unwrap_err().to_string()
    };
    let with = |layer: &str| ModelUse { layers: vec![layer.to_owned()], ..ModelUse::default() };
    assert!(refused(&weights, &with("layers.9.dense")).contains("made of `layers.9.dense`"));
    assert!(refused(&weights, &with("layers.0.conv2d")).contains("made of `layers.0`"));
    let turned = ModelUse { views: vec!["turned".to_owned()], ..ModelUse::default() };
    assert!(refused(&weights, &turned).contains("made of `turned`"));
    weights.0.remove("layers.2.dense.bias");
    assert!(refused(&weights, &ModelUse::default()).contains("there is no `layers.2.dense.bias`"));
    let source = OnnxSource { layers: &layers, input: [2, 2, 3], weights: &weights, model_use: &turned, about: &[] };
    assert!(model(&source).unwrap_err().to_string().contains("larger than its input"));
}
