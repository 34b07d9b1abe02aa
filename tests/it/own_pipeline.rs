//! A graph of one's own, written as two files and without Rust, is checked, run and shown.

use std::path::Path;

use crate::project::{Project, repository, simpipe, template};

const EXAMPLE: &str = "docs/examples/configs/two-indexes.toml";

#[test]
fn two_samplers_two_indexes_and_three_reports_run_and_their_shown_config_gives_the_same_keys() {
    let project = Project::new();
    let checked = project.json(&["check", EXAMPLE, "--json"], 0);
    assert_eq!(checked["ok"], true, "{checked}");
    let run = project.json(&["run", EXAMPLE, "--json"], 0);
    assert_eq!(run["ok"], true, "{run}");
    let dir = project.root().join(run["dir"].as_str().unwrap());
    for report in ["report-training", "report-test", "dashboard"] {
        assert!(dir.join(report).join("report.md").is_file(), "{report}");
    }
    let recall = |stage: &str| run["metrics"][format!("{stage}.recall@3")].as_f64().unwrap();
    assert!(recall("in-training") > 0.0 && recall("in-test") > 0.0, "{run}");

    // What `config show` prints, saved as a config, is the same experiment to the last key.
    let copy = tempfile::tempdir().unwrap();
    for folder in ["pipelines", "configs"] {
        std::fs::create_dir(copy.path().join(folder)).unwrap();
    }
    let template = repository().join("docs/examples/pipelines/two-indexes.toml");
    std::fs::copy(template, copy.path().join("pipelines/two-indexes.toml")).unwrap();
    for options in [&["config", "show", EXAMPLE][..], &["config", "show", EXAMPLE, "--resolved", "--origins"]] {
        let shown = simpipe(options).output().unwrap();
        assert!(shown.status.success(), "{}", String::from_utf8_lossy(&shown.stderr));
        let saved = copy.path().join("configs/saved.toml");
        std::fs::write(&saved, shown.stdout).unwrap();
        let again = project.json(&["run", saved.to_str().unwrap(), "--json"], 0);
        let outcome = |stage: &serde_json::Value| (stage["id"].clone(), stage["outcome"].clone(), stage["key"].clone());
        let (first, second) = (run["stages"].as_array().unwrap(), again["stages"].as_array().unwrap());
        for (first, second) in first.iter().zip(second) {
            let hit = (first["id"].clone(), "hit".into(), first["key"].clone());
            assert_eq!(outcome(second), hit, "{options:?}");
        }
        assert_eq!((first.len(), second.len()), (14, 14));
    }
}

/// A folder of images that are only names: enough to be checked.
fn images(folder: &Path) {
    for (split, class) in [("train", "cat"), ("train", "dog"), ("test", "cat"), ("test", "dog")] {
        let class = folder.join(split).join(class);
        std::fs::create_dir_all(&class).unwrap();
        (0..20).for_each(|number| std::fs::write(class.join(format!("{number}.png")), "").unwrap());
    }
}

/// A network of the summer's images, whose index is asked for the winter's.
const SEASONS: &str = "
summer dataset
winter dataset
summer-pool sample dataset=summer split:test
winter-pool sample dataset=winter split:test
train train dataset=summer sampler=summer-pool
embed-summer embed dataset=summer sampler=summer-pool model=train
embed-winter embed dataset=winter sampler=winter-pool model=train
index index dataset=summer embeddings=embed-summer
calibrate calibrate index=index queries=embed-winter
match match index=index queries=embed-winter calibration=calibrate
";

#[test]
fn two_datasets_of_one_shape_do_not_overlap() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    ["summer", "winter"].iter().for_each(|name| images(&at(name)));
    std::fs::create_dir(at("pipelines")).unwrap();
    std::fs::write(at("pipelines/seasons.toml"), template(SEASONS)).unwrap();
    let config = |second: &str| {
        let pools: String = ["summer", "winter"]
            .map(|season| format!("[{season}-pool]\nsampler = {{ multi-shot = {{ classes-per-batch = 2 }} }}\n"))
            .concat();
        let source = |path: &str| format!("source = {{ image-folder = {{ path = \"{path}\", resize = [8, 8] }} }}\n");
        let layers = "[train]\nlayers = [\"rescale\", \"flatten\", { metric-embedding = { size = 4 } }]\n";
        let (first, second) = (source("summer"), source(second));
        let halves = "[calibrate]\nslice = { begin = 0, size = 20 }\n[match]\nslice = { begin = 20, size = 20 }\n";
        format!("pipeline = \"seasons\"\n[summer]\n{first}[winter]\n{second}{pools}{layers}{halves}")
    };
    let check = |text: String| {
        std::fs::write(at("seasons.toml"), text).unwrap();
        let output = simpipe(&["check", at("seasons.toml").to_str().unwrap()]).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    // Two folders of the same classes and counts are two datasets: nothing to refuse, nothing to warn of.
    assert_eq!(check(config("winter")), (Some(0), String::new()));
    // The same folder twice is one.
    let (code, message) = check(config("summer"));
    assert_eq!(code, Some(2), "{message}");
    assert!(message.contains("20 queries are also in the index"), "{message}");
    assert!(message.contains("20 queries are images that the model was trained on"), "{message}");
    // Labels are numbers: of other classes they mean something else.
    std::fs::rename(at("winter/test/dog"), at("winter/test/cow")).unwrap();
    std::fs::rename(at("winter/train/dog"), at("winter/train/cow")).unwrap();
    let (code, message) = check(config("winter"));
    assert_eq!(code, Some(2), "{message}");
    assert!(message.contains("label 1 is `dog` in the index and `cow` among the queries"), "{message}");
}

#[test]
fn a_folder_that_is_not_there_is_missing_data_at_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("photos.toml");
    let layers = "[train]\nlayers = [\"rescale\", \"flatten\", { metric-embedding = { size = 4 } }]\n";
    let text = format!(
        "pipeline = \"metric-learning\"\n[dataset]\nsource = {{ image-folder = {{ path = \"photos\" }} }}\n{layers}"
    );
    std::fs::write(&path, text).unwrap();
    for command in ["check", "run"] {
        let output = simpipe(&[command, path.to_str().unwrap()]).output().unwrap();
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(4), "{command}: {message}");
        assert!(message.contains("photos.toml:3:36: there is nothing at"), "{command}: {message}");
    }
}

#[test]
fn a_class_that_only_the_data_tells_is_refused_at_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let photos = folder.path().join("photos");
    images(&photos);
    let path = folder.path().join("photos.toml");
    // Files may be left out, so how many there are of a class is known when they are read: here none can be.
    let text = "pipeline = \"metric-learning\"\n[dataset]\nsource = { image-folder = { path = \"photos\", resize = [8, 8], on-corrupt = \"skip\" } }\n\
                [sample-validation]\nsampler = { multi-shot = { classes-per-batch = 2, examples-per-class = 1 } }\n\
                [sample]\nsampler = { multi-shot = { classes-per-batch = 2, examples-per-class = 8 } }\n\
                [train]\nlayers = [\"rescale\", \"flatten\", { metric-embedding = { size = 4 } }]\n[match]\nallow-overlap = true\n";
    std::fs::write(&path, text).unwrap();
    let image = image::RgbImage::from_pixel(8, 8, image::Rgb([1, 2, 3]));
    for (split, class) in [("train", "cat"), ("train", "dog"), ("test", "cat"), ("test", "dog")] {
        image.save(photos.join(split).join(class).join("0.png")).unwrap();
    }
    let root = tempfile::tempdir().unwrap();
    let output = simpipe(&["run", path.to_str().unwrap(), "--root", root.path().to_str().unwrap()]).output().unwrap();
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.contains("photos.toml:7:72: stage `sample`"), "{message}");
}
