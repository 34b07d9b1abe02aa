//! Every architecture that `backbone` knows, and every way of naming its tensors, in a whole run: weights that mean nothing, a few
//! images, and an answer to a picture. That the numbers are right is held elsewhere; here all stages take what the network gives.

use serde_json::Value as Json;
use simpipe_artifact::{NewTensor, Numbers, tensor_file};

use crate::frozen_backbone;
use crate::init::write_classes;
use crate::project::{Project, Record, repository, write_pair};
use crate::query::Asked;

const CONFIG: &str = r#"pipeline = "own"
seed = 7
device = "cpu"
[dataset]
source = { image-folder = { path = "../photos" } }
split = { images = { test = 0.5, stratified = true } }
[sample]
sampler = { multi-shot = { classes-per-batch = 3, examples-per-class = 2 } }
[sample-validation]
sampler = { multi-shot = { classes-per-batch = 3, examples-per-class = 2 } }
[train]
epochs = 1
steps-per-epoch = 3
validation-steps = 1
layers = ["batch-norm", { metric-embedding = { size = 8 } }]
[index]
slice = { begin = 0, size = 6 }
[calibrate]
metric = "f1"
[match]
allow-overlap = true
neighbours = 2
[report]
figures = ["training-curves"]
"#;

/// A tensor of numbers by chance, small enough that no layer's output grows: those that scale or divide are about 1.
fn tensor(name: &str, shape: &[usize]) -> NewTensor {
    let size = shape.iter().product();
    let reach = 1.7 / (shape.iter().skip(1).product::<usize>().max(1) as f32).sqrt();
    let mut state =
        name.bytes().fold(0x9e37_79b9_u32, |state, byte| (state ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    let mut drawn = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as f32 / u32::MAX as f32 * 2.0 - 1.0
    };
    let kind = name.rsplit('.').next().unwrap_or_default();
    let about_1 = shape.len() == 1 && matches!(kind, "weight" | "running_var" | "gamma" | "lambda1");
    let value = |_| match (about_1, shape.len()) {
        (true, _) => 1.0 + 0.1 * drawn(),
        (false, 0 | 1) => 0.1 * drawn(),
        _ => reach * drawn(),
    };
    NewTensor { name: name.to_owned(), shape: shape.to_vec(), numbers: Numbers::Single((0..size).map(value).collect()) }
}

#[test]
#[ignore = "takes minutes: .ci/nightly onnx"]
fn every_architecture_goes_through_the_whole_pipeline() {
    let golden = std::fs::read(repository().join("tests/fixtures/golden/backbones.json")).unwrap();
    let golden: Json = serde_json::from_slice(&golden).unwrap();
    for case in golden["cases"].as_array().unwrap() {
        let backbone = &case["params"]["layers"][0]["backbone"];
        let (name, size) = (backbone["architecture"].as_str().unwrap(), &backbone["size"]);
        let project = Project::new();
        write_classes(&project.root().join("photos"), &[("cat", 8), ("dog", 8), ("owl", 8)], 32);
        let tensors = case["input"]["tensors"].as_object().unwrap().iter();
        let shape = |shape: &Json| -> Vec<usize> { serde_json::from_value(shape.clone()).unwrap() };
        let file = tensor_file(tensors.map(|(name, of)| tensor(name, &shape(of))).collect(), &[].into());
        std::fs::write(project.root().join("weights.safetensors"), file).unwrap();
        let layer = format!(
            "{{ backbone = {{ architecture = \"{name}\", weights = \"../weights.safetensors\", size = {size}, freeze = true }} }}"
        );
        let config = format!("{CONFIG}[backbone]\nlayers = [{layer}]\n");
        let path = write_pair(project.root(), "own", &frozen_backbone::shipped(), &config);
        let run = Record { json: project.json(&["run", path.to_str().unwrap(), "--json"], 0) };
        let recall = run.json["metrics"]["evaluate-features.recall@1"].as_f64();
        assert!(recall.is_some_and(|recall| recall.is_finite()), "{name}: {}", run.json["metrics"]);
        let asked = Asked::of(project, &run);
        let picture = asked.path(0);
        let answers = asked.project.json(&["query", "latest", "--json", &picture], 0);
        asked.expect_same(&answers[0], 0);
    }
}
