//! Every layer in torch itself, where Python has it: the code that is written loads the tensors that are written, and gives
//! the same embeddings.
#![expect(clippy::print_stderr, reason = "what is skipped, and how near the rest is, is said")]

use std::path::Path;
use std::process::Command;

use serde_json::{Value as Json, json};

use super::tests::{around, network, specs};
use super::*;
use crate::difference_tests::difference_to;
use crate::{Network, every_layer_tests};
use simpipe_artifact::tensor_file;

const SCRIPT: &str = r#"
import importlib.util, json, sys
from pathlib import Path
import torch
from safetensors.torch import load_file
torch.set_num_threads(1)
for folder in sorted(Path(sys.argv[1]).iterdir()):
    spec = importlib.util.spec_from_file_location("model", folder / "model.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    model = module.build()
    model.load_state_dict(load_file(folder / "weights.safetensors"), strict=True)
    assert set(model.state_dict()) == set(load_file(folder / "weights.safetensors")), folder
    case = json.loads((folder / "case.json").read_text())
    images = torch.tensor(case["pixels"], dtype=torch.float32).view(case["shape"]).permute(0, 3, 1, 2)
    with torch.no_grad():
        embeddings = model.eval()(images)
    (folder / "embeddings.json").write_text(json.dumps(embeddings.flatten().tolist()))
"#;

/// Whether there is a Python with these modules; a skip is said, with how much it leaves out.
fn has(modules: &str, checks: usize) -> bool {
    let found = Command::new("python3").args(["-c", &format!("import {modules}")]).output();
    let has = found.is_ok_and(|output| output.status.success());
    if !has {
        eprintln!("skipped {checks} checks against torch: no python3 with {modules} on this machine");
    }
    has
}

fn pixels(count: usize) -> Vec<u8> {
    (0..count).map(|at| u8::try_from((at * 7919 + at / 5) % 256).unwrap()).collect()
}

/// Leaves a network in a folder of its own.
fn leave(folder: &Path, at: usize, network: &Network, layers: &[LayerSpec]) -> Vec<f32> {
    let folder = folder.join(format!("{at:03}"));
    std::fs::create_dir(&folder).unwrap();
    let model = TorchModel::of(layers, network.input()).unwrap();
    let [height, width, channels] = network.input().sides();
    let pixels = pixels(2 * height * width * channels);
    let case = json!({ "pixels": pixels, "shape": [2, height, width, channels] });
    std::fs::write(folder.join("case.json"), case.to_string()).unwrap();
    std::fs::write(folder.join("model.py"), model.code("A \"network\".\\")).unwrap();
    let tensors = model.tensors(&network.to_weights(), 3).unwrap();
    std::fs::write(folder.join("weights.safetensors"), tensor_file(tensors, &BTreeMap::new())).unwrap();
    network.embed(&pixels)
}

#[test]
fn every_layer_gives_in_torch_what_it_gives_here() {
    let examples: Vec<Json> = every_layer_tests::all().collect();
    if !has("torch, safetensors", examples.len()) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut networks = Vec::new();
    for layer in examples {
        for (layers, input) in around(&layer) {
            let ours = leave(folder.path(), networks.len(), &network(&layers, input), &layers);
            networks.push((format!("{layer} on {input:?}"), ours));
        }
    }
    let most = difference_to(SCRIPT, folder.path(), &networks);
    eprintln!("{} networks in torch, largest difference {most:.1e}", networks.len());
}

#[test]
fn presets_are_torchvisions_networks_with_a_head() {
    if !has("torchvision, safetensors", 2) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut networks = Vec::new();
    for (preset, input) in [(json!({ "resnet18": { "stem": "cifar" } }), [8, 8, 1]), (json!("resnet18"), [32, 32, 1])] {
        let layers = specs(
            &json!(["rescale", { "batch-norm": { "bias": false } }, preset, { "metric-embedding": { "size": 5 } }]),
        );
        let network = Network::build(
            &layers,
            input,
            simpipe_base::seed::Seed::of_stage(2, "train", None),
            &burn::tensor::Device::flex(),
        );
        networks.push((preset.to_string(), leave(folder.path(), networks.len(), &network.unwrap(), &layers)));
    }
    let code = std::fs::read_to_string(folder.path().join("000/model.py")).unwrap();
    assert!(code.contains("class Model(ResNet)") && code.contains("self.maxpool = nn.Identity()"), "{code}");
    let most = difference_to(SCRIPT, folder.path(), &networks);
    eprintln!("resnet18 in torchvision, largest difference {most:.1e}");
}
