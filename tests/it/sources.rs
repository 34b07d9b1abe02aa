//! Data that changes where no size, name or date shows it, and memos that are wrong.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde_json::Value as Json;
use simpipe_base::digest::Digest;

use crate::frozen_backbone::mobile_weights;
use crate::project::{Project, files_below, template, write_pair};

/// A project of one stage over two images of one pixel.
struct Site {
    project: Project,
    config: PathBuf,
}

impl Site {
    fn new() -> Self {
        let project = Project::new();
        let at = |name: &str| project.root().join(name);
        std::fs::create_dir_all(at("pipelines")).unwrap();
        std::fs::create_dir_all(at("configs")).unwrap();
        std::fs::write(at("pipelines/only.toml"), "format = 1\n[stages.dataset]\nstage = \"dataset\"\n").unwrap();
        let config = at("configs/photos.toml");
        let text = "pipeline = \"only\"\n[dataset]\nsource = { image-folder = { path = \"../photos\" } }\n";
        std::fs::write(&config, text).unwrap();
        let site = Self { project, config };
        site.write(site.photos(), 10);
        site
    }

    fn photos(&self) -> PathBuf {
        self.project.root().join("photos")
    }

    /// Writes the images with one grey value and one date.
    fn write(&self, folder: PathBuf, value: u8) {
        for name in ["train/a/1.png", "train/b/2.png"] {
            let path = folder.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            image::GrayImage::from_pixel(1, 1, image::Luma([value])).save(&path).unwrap();
            date(&path);
        }
        // Longer than any clock's tick: from here on a change is seen.
        std::thread::sleep(Duration::from_millis(60));
    }

    fn run(&self, code: i32) -> Json {
        self.project.json(&["run", self.config.to_str().unwrap(), "--json"], code)
    }

    /// How the stage ended, and the digest of what it left.
    fn result(&self) -> (String, String) {
        let record = self.run(0);
        let dir = self.project.root().join(record["dir"].as_str().unwrap());
        let info: Json = serde_json::from_slice(&std::fs::read(dir.join("dataset/dataset.json")).unwrap()).unwrap();
        let [outcome, checksum] =
            [&record["stages"][0]["outcome"], &info["checksum"]].map(|text| text.as_str().unwrap());
        (outcome.to_owned(), checksum.to_owned())
    }
}

fn date(path: &Path) {
    let date = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    std::fs::File::options().write(true).open(path).unwrap().set_modified(date).unwrap();
}

#[test]
fn data_of_the_same_names_sizes_and_dates_is_read_again() {
    let site = Site::new();
    let first = site.result();
    assert_eq!(site.result(), ("hit".to_owned(), first.1.clone()));
    let size = |site: &Site| std::fs::metadata(site.photos().join("train/a/1.png")).unwrap().len();
    let before = size(&site);
    site.write(site.photos(), 20);
    assert_eq!(size(&site), before);
    let second = site.result();
    assert_eq!(second.0, "ran", "written over");
    assert_ne!(second.1, first.1);

    std::fs::remove_dir_all(site.photos()).unwrap();
    site.write(site.photos(), 10);
    assert_eq!(site.result(), ("hit".to_owned(), first.1.clone()), "removed and unpacked anew: the first data again");

    let [aside, other] = ["aside", "other"].map(|name| site.project.root().join(name));
    site.write(other.clone(), 20);
    std::fs::rename(site.photos(), &aside).unwrap();
    std::fs::rename(&other, site.photos()).unwrap();
    assert_eq!(site.result(), ("hit".to_owned(), second.1), "another folder in its place");
    std::fs::remove_dir_all(site.photos()).unwrap();
    std::os::unix::fs::symlink(&aside, site.photos()).unwrap();
    assert_eq!(site.result(), ("hit".to_owned(), first.1), "a link to the first");
}

#[test]
fn a_key_of_other_bytes_than_those_decoded_stores_nothing() {
    let site = Site::new();
    // What is remembered says that another image is there, as if it had been while the key was made.
    site.run(0);
    let stat = site.project.root().join("artifacts/store/stat");
    site.run(0);
    let read = |memo: &Path| serde_json::from_slice::<Json>(&std::fs::read(memo).unwrap()).unwrap();
    let mut memos = files_below(&stat).into_iter().map(|name| stat.join(name));
    let memo = memos.find(|memo| !read(memo)["place"]["folder"].is_null()).unwrap();
    let mut json = read(&memo);
    for (_, file) in json["files"].as_object_mut().unwrap() {
        file[1] = "ab".repeat(32).into();
    }
    std::fs::write(&memo, json.to_string()).unwrap();
    let entries = || files_below(&site.project.root().join("artifacts/store/ac"));
    let before = entries();
    let output = site.project.output(&["run", site.config.to_str().unwrap()]);
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("the source `images` changed while it was read"), "{text}");
    assert_eq!(entries(), before);
    assert_eq!(site.run(0)["stages"][0]["outcome"], "hit", "the memo is forgotten");
    std::fs::write(&memo, json.to_string()).unwrap();
    std::fs::write(&site.config, std::fs::read_to_string(&site.config).unwrap() + "retries = 1\n").unwrap();
    assert_eq!(site.run(0)["stages"][0]["outcome"], "hit", "with `retries` in the same run");
}

const PRETRAINED: &str = r#"pipeline = "pretrained"
device = "cpu"
[dataset]
source = "cifar10-sample"
[pool]
total-examples-per-class = 4
sampler = { multi-shot = { classes-per-batch = 2, examples-per-class = 2 } }
[train]
epochs = 0
layers = [
  { backbone = { architecture = "mobilenet-v2", weights = "../weights.safetensors", size = 32, freeze = true } },
  { metric-embedding = { size = 4 } },
]
"#;

#[test]
fn weights_that_change_while_a_training_reads_them_store_nothing() {
    let project = Project::new();
    let weights = mobile_weights();
    std::fs::write(project.root().join("weights.safetensors"), &weights).unwrap();
    let graph = "dataset dataset\npool sample dataset=dataset split:train\ntrain train dataset=dataset sampler=pool\n";
    let config = write_pair(project.root(), "pretrained", &template(graph), PRETRAINED);
    // Longer than any clock's tick: from here on a file is remembered.
    std::thread::sleep(Duration::from_millis(60));
    let outcome = || {
        let record = project.json(&["run", config.to_str().unwrap(), "--json"], 0);
        let stages = record["stages"].as_array().unwrap();
        stages.iter().find(|stage| stage["id"] == "train").unwrap()["outcome"].as_str().unwrap().to_owned()
    };
    assert_eq!([outcome(), outcome()], ["ran", "hit"]);
    // What is remembered says that the file held something else, as if it had while the key was made.
    let (own, other) = (Digest::of(&weights).to_string(), "ab".repeat(32));
    let stat = project.root().join("artifacts/store/stat");
    let read = |memo: &PathBuf| std::fs::read_to_string(memo).unwrap_or_default();
    let mut memos = files_below(&stat).into_iter().map(|name| stat.join(name));
    let memo = memos.find(|memo| read(memo).contains(&own)).expect("the weights are remembered");
    std::fs::write(&memo, read(&memo).replace(&own, &other)).unwrap();
    let entries = || files_below(&project.root().join("artifacts/store/ac"));
    let before = entries();
    let output = project.output(&["run", config.to_str().unwrap()]);
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("the source `layers.0.backbone.weights` changed while it was read"), "{text}");
    assert_eq!(entries(), before);
    assert_eq!(outcome(), "hit", "the memo is forgotten");
}
