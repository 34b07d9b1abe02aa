//! A run, exported in every format, loaded into torch where Python has it, and read back by another run.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value as Json;
use simpipe_artifact::{Embeddings, Examples, TensorFile};
use simpipe_nn::Pixels;

use crate::peers;
use crate::project::{Project, repository, write_pair};
use crate::schemas::validate;

const TEMPLATE: &str = r#"format = 1

[stages.dataset]
stage = "dataset"

[stages.sample]
stage = "sample"
inputs = { dataset = "dataset" }
split = "test"

[stages.train]
stage = "train"
inputs = { dataset = "dataset", sampler = "sample" }

[stages.embed]
stage = "embed"
inputs = { dataset = "dataset", sampler = "sample", model = "train" }
"#;

const CONFIG: &str = r#"pipeline = "small"
name = "cifar10"
seed = 7
device = "cpu"

[dataset]
source = "cifar10-sample"

[sample]
total-examples-per-class = 4
sampler = { multi-shot = { classes-per-batch = 4, examples-per-class = 2 } }

[train]
epochs = 1
steps-per-epoch = 3
layers = [
  { rescale = { divide-by = 255.0 } },
  { conv2d = { filters = 4, kernel = 3, stride = 2, padding = "same", activation = "relu" } },
  { batch-norm = { scale = false } },
  { max-pool = { size = 4 } },
  "flatten",
  { metric-embedding = { size = 4 } },
]
"#;

/// A root with a config of its own.
struct Small {
    project: Project,
}

impl Small {
    fn new(config: &str, template: &str) -> Self {
        let project = Project::new();
        write_pair(project.root(), "small", template, config);
        Self { project }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.project.root().join(name)
    }

    fn path(&self, name: &str) -> String {
        self.at(name).to_str().unwrap().to_owned()
    }

    fn done(&self, args: &[&str]) -> Json {
        self.project.json(&[args, &["--json"]].concat(), 0)
    }

    /// An export's account, which fits its schema.
    fn exported(&self, args: &[&str]) -> Json {
        let account = self.done(&[&["export"], args].concat());
        validate("export.schema.json", &account);
        account
    }

    fn refused(&self, args: &[&str]) -> String {
        let json = self.project.json(&[args, &["--json"]].concat(), 2);
        format!("{} / {}", json["errors"][0]["message"].as_str().unwrap(), json["errors"][0]["help"].as_str().unwrap())
    }

    fn run(&self, more: &[&str]) -> Json {
        let config = self.path("configs/small.toml");
        self.done(&[&["run", &config], more].concat())
    }
}

/// The digest of a stage's file.
fn digest(record: &Json, stage: &str, file: &str) -> Json {
    let stages = record["stages"].as_array().unwrap();
    stages.iter().find(|one| one["id"] == stage).unwrap()["files"][file]["digest"].clone()
}

#[test]
fn a_run_is_exported_in_every_format_and_read_back_by_another() {
    let project = Small::new(CONFIG, TEMPLATE);
    let record = project.run(&[]);
    let id = record["run"].as_str().unwrap();

    // As it lies in the store.
    let own = project.path("own.safetensors");
    let exported = project.exported(&["latest", "--format", "safetensors", "--output", &own]);
    assert_eq!(exported["digest"], digest(&record, "train", "model.safetensors"));
    assert_eq!((&exported["names"], &exported["tensors"][0]["path"]), (&"own".into(), &"layers.1.conv2d.bias".into()));

    // By torch's names, the same bytes each time.
    let torch = project.path("torch.safetensors");
    let exported = project.exported(&["cifar10", "--output", &torch]);
    assert_eq!(
        (&exported["run"], &exported["stage"], &exported["format"]),
        (&id.into(), &"train".into(), &"torch".into())
    );
    let again = project.exported(&[id, "--output", &torch, "--force", "--stage", "train"]);
    assert_eq!(again["digest"], exported["digest"]);
    let file = TensorFile::read_head(Path::new(&torch)).unwrap();
    let names: Vec<&str> = file.tensors.iter().map(|one| one.name.as_str()).collect();
    let expected = [
        "1.bias",
        "1.weight",
        "2.bias",
        "2.num_batches_tracked",
        "2.running_mean",
        "2.running_var",
        "2.weight",
        "5.bias",
        "5.weight",
    ];
    assert_eq!(names, expected);
    let said = |key: &str| file.metadata[key].as_str();
    assert_eq!((said("format"), said("names"), said("run"), said("stage")), ("pt", "tree", id, "train"));
    assert_eq!(said("preprocessing"), r#"[{"rescale":{"divide-by":255.0,"offset":0.0}}]"#);
    assert_eq!(said("embedding"), r#"{"dim":4,"distance":"cosine","layer":"layers.5.metric-embedding"}"#);
    assert!(said("uses").contains(r#""views":["identity"]"#), "{}", said("uses"));
    assert!(!file.metadata.values().any(|value| value.contains(&project.path(""))), "no path");

    // Another run starts from them, by either names, and embeds with the same weights.
    for file in ["own.safetensors", "torch.safetensors"] {
        let weights = format!("train.initial-weights={{ safetensors = {{ file = \"{}\" }} }}", project.path(file));
        let loaded = project.run(&["--set", "train.epochs=0", "--set", &weights]);
        let [model, rows] = [("train", "model.safetensors"), ("embed", "embeddings.parquet")]
            .map(|(stage, file)| digest(&loaded, stage, file) == digest(&record, stage, file));
        assert!(model && rows, "{file}");
        // The content decides, not the path.
        let moved = project.path(&format!("moved-{file}"));
        std::fs::copy(project.at(file), &moved).unwrap();
        let weights = format!("train.initial-weights={{ safetensors = {{ file = \"{moved}\" }} }}");
        let loaded = project.run(&["--set", "train.epochs=0", "--set", &weights]);
        assert!(loaded["stages"].as_array().unwrap().iter().all(|stage| stage["outcome"] == "hit"), "{file}");
    }
    in_torch(&project, &record);
}

/// The example of the docs, on this run: it loads what was exported and gives the embedding that the run has.
fn in_torch(project: &Small, record: &Json) {
    let docs = std::fs::read_to_string(repository().join("docs/reference/interchange.md")).unwrap();
    let snippet = docs.split("```python\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let python = |code: &str| Command::new("python3").args(["-c", code]).current_dir(project.project.root()).output();
    let modules = "import numpy, PIL, safetensors, torch";
    if !python(modules).is_ok_and(|output| output.status.success()) {
        peers::skip("an exported model in torch", "no python3 with numpy, PIL, safetensors and torch");
        return;
    }
    peers::is_there("an exported model in torch");
    for (format, file) in [("torch", "cifar10.torch.safetensors"), ("torch-module", "cifar10.py")] {
        project.exported(&["latest", "--format", format, "--output", &project.path(file)]);
    }
    let stored = |stage: &str, file: &str| {
        let digest = digest(record, stage, file).as_str().unwrap().to_owned();
        project.at("artifacts/store/cas").join(&digest[..2]).join(digest)
    };
    let embedded = Embeddings::read(&stored("embed", "embeddings.parquet")).unwrap();
    let examples = Examples::read(&stored("dataset", "examples.parquet")).unwrap();
    let images = project.at("images");
    std::fs::create_dir(&images).unwrap();
    std::fs::copy(stored("dataset", "images/test.bin"), images.join("test.bin")).unwrap();
    let pixels = Pixels::read(&images, &embedded.example_id[..3]).unwrap();
    assert!(!examples.split.is_empty() && pixels.shape == [32, 32, 3]);
    for row in 0..3 {
        let image = image::RgbImage::from_raw(32, 32, pixels.image(row).to_vec()).unwrap();
        image.save(project.at("image.png")).unwrap();
        let output = python(&format!("{snippet}\nprint(embedding.tolist())")).unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let found: Vec<f32> = serde_json::from_slice(&output.stdout).unwrap();
        let off = found.iter().zip(embedded.row(row)).fold(0.0_f32, |most, (a, b)| most.max((a - b).abs()));
        assert!(found.len() == 4 && off < 1e-5, "{off}: {found:?} and {:?}", embedded.row(row));
    }
}

/// The pixels of the first images of the run's stage `embed`, one behind the other, and its rows.
fn embedded(project: &Small, record: &Json, count: usize) -> (Vec<u8>, Embeddings) {
    let stored = |stage: &str, file: &str| {
        let digest = digest(record, stage, file).as_str().unwrap().to_owned();
        project.at("artifacts/store/cas").join(&digest[..2]).join(digest)
    };
    let rows = Embeddings::read(&stored("embed", "embeddings.parquet")).unwrap();
    let images = project.at("images");
    std::fs::create_dir_all(&images).unwrap();
    std::fs::copy(stored("dataset", "images/test.bin"), images.join("test.bin")).unwrap();
    let pixels = Pixels::read(&images, &rows.example_id[..count]).unwrap();
    ((0..count).flat_map(|row| pixels.image(row).to_vec()).collect(), rows)
}

/// What ONNX Runtime makes of raw images; `None` where Python has it not.
fn in_onnx(project: &Small, model: &str, pixels: &[u8]) -> Option<Json> {
    let mut python = peers::python("an exported model in ONNX Runtime", &["numpy", "onnx", "onnxruntime"])?;
    std::fs::write(project.at("pixels.bin"), pixels).unwrap();
    let script = repository().join("tests/peers/run_onnx.py");
    let output = python.arg(script).args([model, &project.path("pixels.bin")]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

/// The largest difference of the first rows of a run to those that another program gives.
fn off(found: &Json, rows: &Embeddings) -> f64 {
    let rows_of = found.as_array().unwrap().iter().enumerate();
    let all = rows_of.flat_map(|(at, row)| {
        let pairs = row.as_array().unwrap().iter().zip(rows.row(at)).collect::<Vec<_>>();
        pairs.into_iter().map(|(a, b)| (a.as_f64().unwrap() - f64::from(*b)).abs())
    });
    all.fold(0.0, f64::max)
}

#[test]
fn onnx_runtime_gives_the_embeddings_of_the_run() {
    let project = Small::new(CONFIG, TEMPLATE);
    let record = project.run(&[]);
    let file = project.path("model.onnx");
    let account = project.exported(&["latest", "--onnx", &file]);
    assert_eq!((&account["format"], &account["opset"]), (&"onnx".into(), &17.into()));
    assert_eq!(account["input"]["shape"], serde_json::json!(["batch", 32, 32, 3]));
    assert_eq!(account["output"]["shape"], serde_json::json!(["batch", 4]));
    let bytes = std::fs::read(&file).unwrap();
    assert!(project.refused(&["export", "latest", "--onnx", &file]).contains("already exists"));
    assert_eq!(
        project.exported(&["latest", "--onnx", &file, "--force", "--stage", "embed"])["digest"],
        account["digest"]
    );
    assert!(!String::from_utf8_lossy(&bytes).contains(&project.path("")), "no path");
    let (pixels, rows) = embedded(&project, &record, 5);
    if let Some(found) = in_onnx(&project, &file, &pixels) {
        assert_eq!((&found["opset"], &found["metadata"]["run"]), (&serde_json::json!([17]), &record["run"]));
        assert_eq!(found["input"], serde_json::json!(["images", "tensor(uint8)", ["batch", 32, 32, 3]]));
        let (together, alone) = (off(&found["together"], &rows), off(&found["alone"], &rows));
        assert!(together < 1e-5 && alone < 1e-5, "{together}, {alone}");
        assert_eq!(found["together"].as_array().unwrap().len(), 5);
    }
}

#[test]
fn onnx_embeds_by_the_views_and_layers_of_the_run() {
    let two = TEMPLATE.to_owned()
        + "\n[stages.embed-pool]\nstage = \"embed\"\ninputs = { dataset = \"dataset\", sampler = \"sample\", model = \"train\" }\n";
    let config = format!(
        "{CONFIG}\n[embed]\nviews = [\"identity\", \"flip\"]\n\n[embed-pool]\nlayer = \"flatten\"\nnormalize = true\n"
    );
    let project = Small::new(&config, &two);
    let record = project.run(&[]);
    let file = project.path("model.onnx");
    let said = project.refused(&["export", "latest", "--onnx", &file]);
    assert!(
        said.contains("use the model in 2 ways") && said.contains("`embed` (") && said.contains("`embed-pool` ("),
        "{said}"
    );
    let account = project.exported(&["latest", "--onnx", &file, "--stage", "embed"]);
    assert_eq!(account["use"]["views"], serde_json::json!(["identity", "flip"]));
    let (pixels, rows) = embedded(&project, &record, 4);
    if let Some(found) = in_onnx(&project, &file, &pixels) {
        assert!(off(&found["together"], &rows) < 1e-5 && off(&found["alone"], &rows) < 1e-5, "views");
    }
    let account = project.exported(&["latest", "--onnx", &file, "--stage", "embed-pool", "--force"]);
    assert_eq!(account["output"]["shape"], serde_json::json!(["batch", 64]));
    let digest = digest(&record, "embed-pool", "embeddings.parquet").as_str().unwrap().to_owned();
    let pooled = Embeddings::read(&project.at("artifacts/store/cas").join(&digest[..2]).join(&digest)).unwrap();
    if let Some(found) = in_onnx(&project, &file, &pixels) {
        assert!(off(&found["together"], &pooled) < 1e-5, "a layer");
    }
}

/// A folder whose module loads its own weights.
#[test]
fn a_folder_for_torch_holds_weights_and_what_loads_them() {
    let project = Small::new(CONFIG, TEMPLATE);
    let record = project.run(&[]);
    let folder = project.path("model");
    let account = project.exported(&["latest", "--torch", &folder]);
    assert_eq!((&account["format"], &account["module"]), (&"torch-folder".into(), &"model.py".into()));
    // 112 of the convolution, 16 and a count of the normalisation, 260 of the matrix.
    assert_eq!((&account["numbers"], account["tensors"].as_array().unwrap().len()), (&389.into(), 9));
    let code = std::fs::read_to_string(project.at("model/model.py")).unwrap();
    assert!(code.contains("def build():") && code.contains("def load(file=None):"), "{code}");
    assert!(project.refused(&["export", "latest", "--torch", &folder]).contains("already exists"));
    std::fs::remove_file(project.at("model/model.safetensors")).unwrap();
    assert!(project.refused(&["export", "latest", "--torch", &folder]).contains("model.py` already exists"));
    project.exported(&["latest", "--torch", &folder, "--force"]);
    let python = |code: &str| Command::new("python3").args(["-c", code]).current_dir(project.project.root()).output();
    if !python("import numpy, safetensors, torch").is_ok_and(|output| output.status.success()) {
        peers::skip("a folder for torch", "no python3 with numpy, safetensors and torch");
        return;
    }
    peers::is_there("a folder for torch");
    let (pixels, rows) = embedded(&project, &record, 3);
    std::fs::write(project.at("pixels.bin"), pixels).unwrap();
    let output = python(
        "import json, numpy, torch\nfrom model.model import load\nimages = torch.from_numpy(numpy.fromfile('pixels.bin', \
         numpy.uint8)).view(-1, 32, 32, 3).permute(0, 3, 1, 2).float()\nprint(json.dumps(load()(images).tolist()))",
    );
    let output = output.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(off(&serde_json::from_slice(&output.stdout).unwrap(), &rows) < 1e-5);
}

#[test]
fn what_can_not_be_exported_is_said() {
    let two = TEMPLATE.replace("[stages.embed]", "[stages.train-b]\nstage = \"train\"\ninputs = { dataset = \"dataset\", sampler = \"sample\" }\nstream = \"b\"\n\n[stages.embed]");
    let config = CONFIG.replace("[train]\n", "[train-b]\nepochs = 0\nlayers = [\"flatten\", { group-norm = { groups = 2 } }, { dense = { units = 3 } }]\nloss = { multi-similarity = { distance = \"cosine\" } }\n\n[train]\n");
    let project = Small::new(&config, &two);
    assert!(project.refused(&["export", "latest"]).contains("no run `latest`"));
    let only_data = project.path("configs/data.toml");
    std::fs::write(&only_data, "pipeline = \"data\"\nname = \"data\"\n[dataset]\nsource = \"cifar10-sample\"\n")
        .unwrap();
    std::fs::write(project.at("pipelines/data.toml"), "format = 1\n[stages.dataset]\nstage = \"dataset\"\n").unwrap();
    project.done(&["run", &only_data]);
    let said = project.refused(&["export", "data"]);
    assert!(said.contains("has no trained model / it has no stage `train`"), "{said}");

    let record = project.run(&[]);
    let output = project.path("model.safetensors");
    let export = |more: &[&'static str]| {
        let mut args = vec!["export", "cifar10", "--output", output.as_str()];
        args.extend(more);
        args
    };
    let said = project.refused(&export(&[]));
    assert!(said.contains("has several trained models / choose one with `--stage`: `train`, `train-b`"), "{said}");
    let said = project.refused(&export(&["--stage", "embed"]));
    assert!(
        said.contains("the stage `embed` of") && said.contains("has no model / models are those of `train`"),
        "{said}"
    );
    assert!(project.refused(&export(&["--stage", "trian"])).contains("is not there"));
    let said = project.refused(&export(&["--stage", "train-b"]));
    assert!(
        said.contains("`layers.1.group-norm` can't be had in torch") && said.contains("`--format safetensors`"),
        "{said}"
    );
    project.done(&export(&["--stage", "train-b", "--format", "safetensors"]));

    // What is there stays unless it is said otherwise.
    let before = std::fs::read(&output).unwrap();
    assert!(project.refused(&export(&["--stage", "train"])).contains("already exists"));
    assert!(std::fs::read(&output).unwrap() == before);
    let folder = project.path("configs");
    assert!(project.refused(&["export", "cifar10", "--stage", "train", "--output", &folder]).contains("is a folder"));
    assert!(
        project
            .refused(&["export", "cifar10", "--stage", "train", "--output", "-"])
            .contains("the export needs a file")
    );
    assert!(
        project
            .refused(&["export", "cifar10", "--stage", "train", "--torch", "-"])
            .contains("the export needs a folder")
    );
    let unknown = export(&["--stage", "train", "--format", "onnxx", "--force", "--json"]);
    project.project.json(&unknown, 2);

    // Other bytes in the store, then none.
    let digest = digest(&record, "train", "model.safetensors").as_str().unwrap().to_owned();
    let object = project.at("artifacts/store/cas").join(&digest[..2]).join(&digest);
    std::fs::remove_file(&object).unwrap();
    let said = project.refused(&export(&["--stage", "train", "--force"]));
    assert!(
        said.contains("the store no longer has the result of `train` of") && said.contains("run it again"),
        "{said}"
    );
    let said = project.refused(&export(&["--stage", "train", "--force"]));
    assert!(said.contains("no longer has") && said.contains("run it again"), "{said}");
    assert!(std::fs::read(&output).unwrap() == before);
}
