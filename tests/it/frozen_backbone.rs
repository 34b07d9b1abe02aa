//! A head that is trained on the features of a network which was there before: what reruns, what can't be meant, and what is
//! made of the two.

use std::path::Path;

use serde_json::Value as Json;
use simpipe_artifact::{Embeddings, ModelFile, NewTensor, Numbers, read_json, tensor_file};
use simpipe_base::digest::Digest;

use crate::project::{Project, Record, repository, write_pair};
use crate::schemas::validate;

const CONFIG: &str = r#"pipeline = "PIPELINE"
name = "frozen"
seed = 7
device = "cpu"

[dataset]
source = "cifar10-sample"

[sample]
total-examples-per-class = 20
sampler = { multi-shot = { classes-per-batch = 10, examples-per-class = 4 } }

[sample-validation]
total-examples-per-class = 10
sampler = { multi-shot = { classes-per-batch = 10, examples-per-class = 2 } }

[backbone]
layers = [
  "rescale",
  { conv2d = { filters = 12, kernel = 5, stride = 3, activation = "relu" } },
  { max-pool = { size = 3 } },
  "flatten",
]

[train]
epochs = 1
steps-per-epoch = 12
validation-steps = 2
optimizer = { adam = { learning-rate = 0.002 } }
loss = { multi-similarity = { distance = "cosine" } }
layers = [
  "batch-norm",
  { dense = { units = 24, activation = "relu" } },
  { metric-embedding = { size = 8 } },
]

[index]
slice = { begin = 0, size = 60 }

[calibrate]
metric = "f1"

[match]
neighbours = 5
allow-overlap = true

[report]
figures = ["training-curves"]
"#;

/// A file with the tensors of torchvision's MobileNet-v2, classifier included, each of some number throughout.
pub(crate) fn mobile_weights() -> Vec<u8> {
    let golden = std::fs::read(repository().join("tests/fixtures/golden/backbones.json")).unwrap();
    let golden: Json = serde_json::from_slice(&golden).unwrap();
    let of_mobile = |case: &&Json| case["params"]["layers"][0]["backbone"]["architecture"] == "mobilenet-v2";
    let case = golden["cases"].as_array().unwrap().iter().find(of_mobile).unwrap();
    let tensors = case["input"]["tensors"].as_object().unwrap().iter().map(|(name, shape)| {
        let shape: Vec<usize> = serde_json::from_value(shape.clone()).unwrap();
        let numbers = Numbers::Single(vec![0.5; shape.iter().product()]);
        NewTensor { name: name.clone(), shape, numbers }
    });
    tensor_file(tensors.collect(), &[].into())
}

/// The config over a template, in a project of its own.
fn config(root: &Path, template: &str) -> String {
    let path = write_pair(root, "own", template, &CONFIG.replace("PIPELINE", "own"));
    path.to_str().unwrap().to_owned()
}

/// The config over the shipped template.
pub(crate) fn config_in(project: &Project) -> String {
    config(project.root(), &shipped())
}

pub(crate) fn shipped() -> String {
    std::fs::read_to_string(repository().join("pipelines/frozen-backbone.toml")).unwrap()
}

/// A whole run of the shipped template.
pub(crate) fn run(project: &Project, more: &[&str]) -> Record {
    run_of(project, &shipped(), more)
}

fn run_of(project: &Project, template: &str, more: &[&str]) -> Record {
    let path = config(project.root(), template);
    Record { json: project.json(&[&["run", &path, "--json"], more].concat(), 0) }
}

/// The template with some words in place of others.
fn edited(pairs: &[(&str, &str)]) -> String {
    pairs.iter().fold(shipped(), |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replace(from, to)
    })
}

/// What is refused, with its line and help.
fn refused(template: &str, more: &[&str]) -> Vec<String> {
    let project = Project::new();
    let path = config(project.root(), template);
    let json = project.json(&[&["check", &path, "--json"], more].concat(), 2);
    let errors = json["errors"].as_array().unwrap().iter();
    let one = |error: &Json| {
        let file = error["file"].as_str().unwrap_or_default();
        let name = Path::new(file).file_name().unwrap_or_default().to_string_lossy().into_owned();
        format!(
            "{name}:{}: {} / {}",
            error["line"],
            error["message"].as_str().unwrap(),
            error["help"].as_str().unwrap_or("-")
        )
    };
    errors.map(one).collect()
}

/// The number of a template's line that begins so.
fn line_of(template: &str, begin: &str) -> usize {
    1 + template.lines().position(|line| line.starts_with(begin)).unwrap()
}

const INPUTS: &str = "inputs = { embeddings = \"features\", sampler = \"sample\", validation = \"sample-validation\", \
                      validation-embeddings = \"features-validation\" }";

#[test]
fn another_head_reruns_what_follows_it_and_another_seed_no_backbone() {
    let project = Project::new();
    let first = run(&project, &[]);
    assert_eq!(first.ran().len(), 21, "{:?}", first.ran());
    let metrics = &first.json["metrics"];
    for name in ["evaluate-features.recall@1", "evaluate.recall@1", "evaluate.map@r", "train.loss", "match.recall@1"] {
        assert!(metrics[name].is_number(), "{name}: {metrics}");
    }
    let behind =
        ["train", "embed-calibration", "embed-validation", "index", "calibrate", "match", "evaluate", "baseline"];
    let behind = [&behind[..], &["project-pca", "project-t-sne", "report"]].concat();
    let sorted = |mut ids: Vec<String>| {
        ids.sort();
        ids
    };
    let expected = sorted(behind.iter().map(|id| (*id).to_owned()).collect());
    for other in ["train.loss=triplet-margin", "train.layers=[{ metric-embedding = { size = 4 } }]"] {
        assert_eq!(sorted(run(&project, &["--set", other]).ran()), expected, "{other}");
    }
    // Features are of all images: more of them in training change none.
    let more = run(&project, &["--set", "sample.total-examples-per-class=30"]).ran();
    assert!(!more.iter().any(|id| id.contains("features")) && more.contains(&"train".to_owned()), "{more:?}");
    // And in an order that no seed changes; weights of a file are no seed's either, those of this backbone are drawn.
    let other = run(&project, &["--set", "seed=8"]);
    let pool = |run: &Record, id: &str| {
        let stages = run.json["stages"].as_array().unwrap();
        stages.iter().find(|stage| stage["id"] == id).unwrap()["files"]["samples.parquet"]["digest"].clone()
    };
    assert_eq!(pool(&first, "sample-features"), pool(&other, "sample-features"));
    assert_ne!(pool(&first, "sample"), pool(&other, "sample"));
}

#[test]
fn a_model_on_features_names_the_one_behind_it_and_both_embed_images_as_one() {
    let whole = "\n[stages.embed-images]\nstage = \"embed\"\n\
                 inputs = { dataset = \"dataset\", sampler = \"sample-validation\", model = \"train\", backbone = \"backbone\" }\n";
    let project = Project::new();
    let run = run_of(&project, &(shipped() + whole), &[]);
    let dir = run.dir(&project);
    let model: ModelFile = read_json(&dir.join("train/model.json")).unwrap();
    let features = model.features.unwrap();
    let digest = |file: &str| Digest::of_file(&dir.join("backbone").join(file)).unwrap();
    assert_eq!((features.of.model, features.of.weights), (digest("model.json"), digest("model.safetensors")));
    assert_eq!((model.input, features.dim, model.dim), ([32, 32, 3], 108, 8));
    let read = |stage: &str| Embeddings::read(&dir.join(stage).join("embeddings.parquet")).unwrap();
    let (cached, images) = (read("embed-validation"), read("embed-images"));
    assert_eq!(cached.example_id, images.example_id);
    assert_eq!((cached.len(), cached.digest == images.digest, cached.split == images.split), (100, true, true));
    assert!(cached.values.iter().zip(&images.values).all(|(one, other)| one.to_bits() == other.to_bits()));
    // What it was trained on is told of images, as it is of any model.
    let seen: Json =
        serde_json::from_slice(&std::fs::read(dir.join("embed-calibration/embeddings.json")).unwrap()).unwrap();
    assert_eq!(seen["seen_in_training"], true);
}

#[test]
fn the_two_are_exported_as_one_network() {
    let project = Project::new();
    run(&project, &[]);
    let export = |format: &str| {
        let file = project.root().join(format);
        let account =
            project.json(&["export", "latest", "--format", format, "--output", file.to_str().unwrap(), "--json"], 0);
        validate("export.schema.json", &account);
        assert_eq!(account["stage"], "train");
        account["tensors"].as_array().unwrap().iter().map(|one| one["path"].clone()).collect::<Vec<Json>>()
    };
    let own: Vec<Json> = export("safetensors");
    let paths: Vec<&str> = own.iter().map(|path| path.as_str().unwrap()).collect();
    let expected = [
        "layers.1.conv2d.bias",
        "layers.1.conv2d.weight",
        "layers.4.batch-norm.beta",
        "layers.4.batch-norm.gamma",
        "layers.4.batch-norm.moving_mean",
        "layers.4.batch-norm.moving_variance",
        "layers.5.dense.bias",
        "layers.5.dense.weight",
        "layers.6.metric-embedding.bias",
        "layers.6.metric-embedding.weight",
    ];
    assert_eq!(paths, expected);
    // Torch counts the batches of a normalisation besides; code takes what the file of tensors has.
    assert_eq!(export("torch").len(), 11);
    assert_eq!(export("torch-module").len(), 11);
    let code = project.root().join("code.py");
    let output = project.output(&["export", "latest", "--format", "torch-module", "--output", code.to_str().unwrap()]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("code for 11 tensors of `train`"), "{text}");
}

#[test]
fn images_or_features_are_taken_and_not_both_and_not_neither() {
    let both =
        edited(&[(INPUTS, "inputs = { dataset = \"dataset\", embeddings = \"features\", sampler = \"sample\" }")]);
    let found = refused(&both, &[]);
    let expected = format!(
        "own.toml:{}: `train` takes `dataset` or `embeddings`, not both / leave out one of the two",
        line_of(&both, "inputs = { dataset = \"dataset\", embeddings")
    );
    assert_eq!(found, [expected]);
    let neither = edited(&[(INPUTS, "inputs = { sampler = \"sample\" }")]);
    let expected = format!(
        "own.toml:{}: `train` needs a dataset at its port `dataset` or embeddings at its port `embeddings` / write \
         `inputs = {{ dataset = \"ID\" }}` or `inputs = {{ embeddings = \"ID\" }}` with the id of a stage that \
         produces it",
        line_of(&neither, "[stages.train]")
    );
    assert_eq!(refused(&neither, &[]), [expected]);
    let of_images = edited(&[(INPUTS, "inputs = { dataset = \"dataset\", sampler = \"sample\" }")]);
    let layers = "train.layers=[\"flatten\", { metric-embedding = { size = 4 } }]";
    let found = refused(&of_images, &["--set", layers]);
    assert!(
        found.len() == 2 && found.iter().all(|one| one.contains("the model takes images, but features are connected")),
        "{found:?}"
    );
    let images_to_head = edited(&[(
        "inputs = { embeddings = \"features\", sampler = \"sample\", model = \"train\" }",
        "inputs = { dataset = \"dataset\", sampler = \"sample\", model = \"train\" }",
    )]);
    let found = refused(&images_to_head, &[]);
    assert!(
        found.len() == 1 && found[0].contains("takes the features of another model, but images are connected"),
        "{found:?}"
    );
    // Features of the other split are no features of this pool.
    let swapped = edited(&[(
        "embeddings = \"features\", sampler = \"sample\", validation",
        "embeddings = \"features-validation\", sampler = \"sample\", validation",
    )]);
    let found = refused(&swapped, &[]);
    assert!(
        found.iter().any(|one| one.contains(
            "the training examples are of the split `train`, but the features at the port `embeddings` of `test`"
        )),
        "{found:?}"
    );
}

#[test]
fn what_is_done_to_images_is_refused_at_its_line() {
    let template = shipped();
    let set = |value: &str| refused(&template, &["--set", value]).remove(0);
    let found = set("train.augment=[\"horizontal-flip\"]");
    assert!(found.contains("augmentation changes images, but the training takes features"), "{found}");
    let found = set("train.views=2");
    assert!(found.contains("the 2 views of an example would all be the same features"), "{found}");
    let found = set("embed-validation.views=[\"identity\", \"flip\"]");
    assert!(found.contains("`flip` is a view of an image, and the model takes features"), "{found}");
    let found = set("train.layers=[{ conv2d = { filters = 4, kernel = 3 } }]");
    assert!(found.contains("`conv2d` needs a map of height x width x channels, found 108 features"), "{found}");
    // At the line of the config, where it is written there.
    let project = Project::new();
    let path = config(project.root(), &template);
    let text =
        std::fs::read_to_string(&path).unwrap().replace("[train]\n", "[train]\naugment = [\"horizontal-flip\"]\n");
    std::fs::write(&path, &text).unwrap();
    let json = project.json(&["check", &path, "--json"], 2);
    let line = 1 + text.lines().position(|line| line.starts_with("augment")).unwrap();
    assert_eq!(json["errors"][0]["line"], line, "{json}");
}

#[test]
fn a_size_that_cuts_through_patches_is_refused_at_its_line() {
    let project = Project::new();
    let path = config(project.root(), &shipped());
    let text = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once("[backbone]\n").unwrap();
    let (_, after) = rest.split_once("\n[train]\n").unwrap();
    let layer = "  { backbone = { architecture = \"dinov2-s14\", size = 100 } },";
    let text = format!("{before}[backbone]\nlayers = [\n{layer}\n]\n\n[train]\n{after}");
    std::fs::write(&path, &text).unwrap();
    let json = project.json(&["check", &path, "--json"], 2);
    let line = 1 + text.lines().position(|line| line == layer).unwrap();
    let error = &json["errors"][0];
    assert_eq!(
        (&error["line"], &error["message"], &error["help"]),
        (
            &line.into(),
            &"`size` must be a multiple of 14, the side of a patch of `dinov2-s14`, found 100 (shapes so far: input 32 x 32 x 3)".into(),
            &"write 112 or 98".into()
        ),
        "{json}"
    );
}

#[test]
fn features_may_be_of_two_views_and_of_an_inner_layer() {
    let project = Project::new();
    let views = ["features", "features-validation"].map(|id| format!("{id}.views=[\"identity\", \"flip\"]"));
    let layer = ["features", "features-validation"].map(|id| format!("{id}.layer=\"flatten\""));
    let more: Vec<&str> = views.iter().chain(&layer).flat_map(|value| ["--set", value.as_str()]).collect();
    let run = run(&project, &more);
    let model: ModelFile = read_json(&run.dir(&project).join("train/model.json")).unwrap();
    assert_eq!(model.features.unwrap().model_use.views, ["identity", "flip"]);
    let json = project.json(&["export", "latest", "--output", project.root().join("x").to_str().unwrap(), "--json"], 2);
    let message = json["errors"][0]["message"].as_str().unwrap();
    assert!(message.contains("the features are the mean of identity and flip"), "{message}");
    // Features of one kind in training and of another in validation.
    let found = refused(&shipped(), &["--set", &views[0]]);
    assert!(
        found[0].contains("the features at `validation-embeddings` were not made like those at `embeddings`"),
        "{found:?}"
    );
}
