//! A folder of one's own images: what grows with it, and which file is which.

use std::path::{Path, PathBuf};

use serde_json::Value as Json;

use crate::project::{Project, simpipe, template, write_pair};
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

/// A project of sixteen photos in two classes, ten of them for training, and its config.
fn photos() -> (Project, PathBuf) {
    let project = Project::new();
    for class in ["cat", "dog"] {
        (1..6).for_each(|number| photo(project.root(), "train", class, number));
        (6..9).for_each(|number| photo(project.root(), "test", class, number));
    }
    let config = write_pair(project.root(), "photos", &template(GRAPH), CONFIG);
    (project, config)
}

#[test]
fn growing_test_retrains_nothing_and_show_tells_the_files() {
    let (project, config) = photos();
    let root = project.root();
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

    // And a picture that is looked up, which here is one of the index.
    let picture = root.join("photos/train/dog/3.png");
    let (picture, root) = (picture.to_str().unwrap(), root.to_str().unwrap());
    let answers = json(&["query", "latest", picture, "--json", "--root", root]);
    validate("query.schema.json", &answers);
    let neighbours = answers[0]["neighbours"].as_array().unwrap();
    let files: Vec<&str> = neighbours.iter().map(|near| near["file"].as_str().unwrap()).collect();
    assert!(!files.is_empty() && files.iter().all(|file| file.starts_with("train/")), "{files:?}");
    let itself = neighbours.iter().find(|near| near["file"] == "train/dog/3.png");
    assert!(itself.is_some_and(|near| near["label"] == "dog"), "{files:?}");
}

#[test]
fn a_class_that_only_test_has_and_another_name_of_a_photo_retrain_nothing() {
    let (project, config) = photos();
    let root = project.root();
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

/// What `log.txt` of a run says of a stage's images: how many were made now, and how many taken over.
fn made(root: &Path, run: &Json, stage: &str) -> Vec<(usize, usize)> {
    let log = std::fs::read_to_string(root.join(run["dir"].as_str().unwrap()).join("log.txt")).unwrap();
    let number = |line: &str, name: &str| {
        let rest = line.split_once(&format!("{name}="))?.1;
        rest.split(|letter: char| !letter.is_ascii_digit()).next()?.parse::<usize>().ok()
    };
    let of_stage = log.lines().filter(|line| line.contains(&format!("id=\"{stage}\"")));
    let counts =
        |line: &str| Some((number(line, " decoded").or(number(line, " embedded"))?, number(line, "taken_over")?));
    of_stage.filter_map(counts).collect()
}

#[test]
fn one_changed_image_is_decoded_and_embedded_alone_and_gives_the_bytes_of_a_result_from_nothing() {
    let (project, config) = photos();
    let root = project.root();
    let run = |store: &Path| -> Json {
        let args = ["run", config.to_str().unwrap(), "--root", root.to_str().unwrap(), "--json"];
        let output = simpipe(&args).args(["--store", store.to_str().unwrap()]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let [store, empty] = ["store", "empty"].map(|name| root.join(name));
    let first = run(&store);
    assert_eq!((made(root, &first, "dataset"), made(root, &first, "embed-asked")), (vec![(16, 0)], vec![(6, 0)]));
    // Another picture, a new one, one less, and one that was renamed.
    photo(root, "test", "cat", 30);
    let photos = root.join("photos/test");
    std::fs::rename(photos.join("cat/30.png"), photos.join("cat/6.png")).unwrap();
    photo(root, "test", "dog", 31);
    std::fs::remove_file(photos.join("dog/8.png")).unwrap();
    std::fs::rename(photos.join("dog/7.png"), photos.join("dog/90.png")).unwrap();
    let second = run(&store);
    assert_eq!(made(root, &second, "dataset"), [(2, 14)]);
    assert_eq!(made(root, &second, "embed-asked"), [(2, 4)]);
    assert!(made(root, &second, "embed-pool").iter().all(|(embedded, _)| *embedded == 0), "the pool is as it was");
    let anew = run(&empty);
    assert_eq!(made(root, &anew, "dataset"), [(16, 0)], "another store has no earlier result");
    let bytes = |run: &Json| {
        let dir = root.join(run["dir"].as_str().unwrap());
        let stages = ["dataset", "embed-asked", "embed-pool", "match"].map(|stage| dir.join(stage));
        let files = |stage: &PathBuf| {
            let named = |file: String| (std::fs::read(stage.join(&file)).unwrap(), file);
            crate::project::files_below(stage).into_iter().map(named).collect::<Vec<_>>()
        };
        stages.iter().map(files).collect::<Vec<_>>()
    };
    let (renewed, anew) = (bytes(&second), bytes(&anew));
    assert!(renewed.iter().all(|files| !files.is_empty()) && renewed[0].len() >= 6);
    assert!(renewed == anew, "the same bytes");
}

/// Everything that a run left of a stage.
fn left(root: &Path, run: &Json, stage: &str) -> Vec<(String, Vec<u8>)> {
    let folder = root.join(run["dir"].as_str().unwrap()).join(stage);
    let named = |file: String| (file.clone(), std::fs::read(folder.join(file)).unwrap());
    crate::project::files_below(&folder).into_iter().map(named).collect()
}

#[test]
fn images_kept_as_they_came_train_embed_and_match_as_their_pixels_do() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    for class in ["cat", "dog"] {
        (1..6).for_each(|number| photo(root, "train", class, number));
        (6..9).for_each(|number| photo(root, "test", class, number));
    }
    let run = |storage: &str| -> Json {
        let larger = CONFIG.replace("[8, 8]", "[32, 32]");
        let config = larger.replace("[dataset]\n", &format!("[dataset]\nstorage = \"{storage}\"\n"));
        let config = write_pair(root, "photos", &template(GRAPH), &config);
        let output =
            simpipe(&["run", config.to_str().unwrap(), "--root", root.to_str().unwrap(), "--json"]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let (raw, encoded) = (run("raw"), run("encoded"));
    for stage in ["train", "embed-pool", "embed-asked", "index", "match"] {
        let (raw, encoded) = (left(root, &raw, stage), left(root, &encoded, stage));
        assert!(!raw.is_empty() && raw == encoded, "{stage}");
    }
    let info = |run: &Json| -> Json {
        let path = root.join(run["dir"].as_str().unwrap()).join("dataset/dataset.json");
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
    };
    assert_eq!((&info(&raw)["encoded"], &info(&encoded)["encoded"]), (&Json::Null, &Json::from(16)));
    // One photo changes, and it alone is decoded.
    photo(root, "test", "cat", 30);
    std::fs::rename(root.join("photos/test/cat/30.png"), root.join("photos/test/cat/6.png")).unwrap();
    let changed = run("encoded");
    assert_eq!(made(root, &changed, "dataset"), [(1, 15)]);
    assert_eq!(made(root, &changed, "embed-asked"), [(1, 5)]);
    let stages = ["dataset", "embed-asked", "match"];
    let changed = stages.map(|stage| left(root, &changed, stage));
    std::fs::remove_dir_all(root.join("artifacts")).unwrap();
    let anew = run("encoded");
    for (stage, changed) in stages.into_iter().zip(changed) {
        assert!(!changed.is_empty() && changed == left(root, &anew, stage), "{stage} has the same bytes");
    }
}
