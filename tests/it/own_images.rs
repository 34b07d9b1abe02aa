//! A folder of one's own images: what grows with it, and which file is which.

use std::path::Path;

use serde_json::Value as Json;

use crate::project::{simpipe, template, write_pair};
use crate::schemas::validate;

const GRAPH: &str = "
dataset dataset
pool sample dataset=dataset split:train
asked sample dataset=dataset split:test
train train dataset=dataset sampler=pool
embed-pool embed dataset=dataset sampler=pool model=train
embed-asked embed dataset=dataset sampler=asked model=train
index index dataset=dataset embeddings=embed-pool
calibrate calibrate index=index queries=embed-asked
match match index=index queries=embed-asked calibration=calibrate
";

const CONFIG: &str = r#"pipeline = "photos"
[dataset]
source = { image-folder = { path = "../photos", resize = { size = [8, 8], mode = "centre-crop" } } }
[pool]
sampler = { multi-shot = { classes-per-batch = 2, examples-per-class = 2 } }
[asked]
sampler = { multi-shot = { classes-per-batch = 2, examples-per-class = 1 } }
[train]
steps-per-epoch = 2
layers = ["flatten", { metric-embedding = { size = 4 } }]
[match]
allow-overlap = true
"#;

/// A picture in `photos/split/class/name.png` whose colour tells its class.
fn photo(root: &Path, split: &str, class: &str, number: u8) {
    let folder = root.join("photos").join(split).join(class);
    std::fs::create_dir_all(&folder).unwrap();
    let red = if class == "cat" { 200 } else { 40 };
    let pixel = |x: u32, y: u32| image::Rgb([red, number * 7, u8::try_from(x * y % 251).unwrap()]);
    image::RgbImage::from_fn(12, 9, pixel).save(folder.join(format!("{number}.png"))).unwrap();
}

#[test]
fn growing_test_retrains_nothing_and_show_tells_the_files() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    for class in ["cat", "dog"] {
        (1..6).for_each(|number| photo(root, "train", class, number));
        (6..9).for_each(|number| photo(root, "test", class, number));
    }
    let config = write_pair(root, "photos", &template(GRAPH), CONFIG);
    let json = |args: &[&str]| -> Json {
        let output = simpipe(args).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let run = || json(&["run", config.to_str().unwrap(), "--root", root.to_str().unwrap(), "--json"]);
    let first = run();
    // The first of its class, so that every other test image stands one place further on.
    photo(root, "test", "cat", 0);
    let second = run();
    let outcome = |run: &Json, id: &str| {
        let stages = run["stages"].as_array().unwrap();
        stages.iter().find(|stage| stage["id"] == id).unwrap()["outcome"].as_str().unwrap().to_owned()
    };
    assert_eq!(outcome(&first, "train"), "ran");
    assert_eq!(["dataset", "asked", "train"].map(|id| outcome(&second, id)), ["ran", "ran", "hit"]);
    // Nor does it embed again what it leaves alone.
    assert_eq!(["pool", "embed-pool", "embed-asked"].map(|id| outcome(&second, id)), ["ran", "hit", "ran"]);

    let table = |file: &str| {
        let path = root.join(second["dir"].as_str().unwrap()).join(file);
        let shown = json(&["show", path.to_str().unwrap(), "--json", "--rows", "7"]);
        validate("show-file.schema.json", &shown);
        shown["files"].clone()
    };
    let files = table("match/matches.parquet");
    let mut asked: Vec<&str> =
        files["query_path"].as_array().unwrap().iter().map(|file| file.as_str().unwrap()).collect();
    asked.sort_unstable();
    assert_eq!(asked.len(), 7);
    assert_eq!([asked[0], asked[6]], ["test/cat/0.png", "test/dog/8.png"]);
    let nearest = files["neighbour_paths"][0].as_str().unwrap();
    assert!(nearest.split(", ").all(|file| file.starts_with("train/")), "{nearest}");
    assert!(table("pool/samples.parquet")["path"][0].as_str().unwrap().starts_with("train/"));
    assert_eq!(table("dataset/examples.parquet")["path"][0], "train/cat/1.png");
}

#[test]
fn a_class_that_only_test_has_and_another_name_of_a_photo_retrain_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    for class in ["cat", "dog"] {
        (1..6).for_each(|number| photo(root, "train", class, number));
        (6..9).for_each(|number| photo(root, "test", class, number));
    }
    let config = write_pair(root, "photos", &template(GRAPH), CONFIG);
    let run = || -> Vec<String> {
        let output =
            simpipe(&["run", config.to_str().unwrap(), "--root", root.to_str().unwrap(), "--json"]).output().unwrap();
        let json: Json = serde_json::from_slice(&output.stdout).unwrap();
        let stages = json["stages"].as_array().unwrap().iter();
        stages.filter(|stage| stage["outcome"] == "ran").map(|stage| stage["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(run().len(), 9);
    // Wherever its name stands among those of the others.
    for class in ["ant", "cow", "zebra"] {
        (20..22).for_each(|number| photo(root, "test", class, number));
        let ran = run();
        assert!(
            ["dataset", "asked", "embed-asked"].iter().all(|id| ran.iter().any(|one| one == id)),
            "{class}: {ran:?}"
        );
        let kept = ran.iter().all(|id| !["train", "embed-pool"].contains(&id.as_str()));
        assert!(kept, "{class}: {ran:?}");
    }
    let photos = root.join("photos/train/cat");
    std::fs::rename(photos.join("3.png"), photos.join("3 again.png")).unwrap();
    let ran = run();
    assert!(ran.contains(&"dataset".to_owned()) && !ran.contains(&"train".to_owned()), "{ran:?}");
    // What is trained on does.
    photo(root, "train", "cat", 9);
    assert!(run().contains(&"train".to_owned()));
}
