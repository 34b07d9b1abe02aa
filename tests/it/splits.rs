//! `split` of a dataset, and calibration on what training has not seen.

use std::path::Path;

use image::{Rgb, RgbImage};
use serde_json::Value as Json;

use crate::project::{Project, simpipe};

/// Folders of classes with so many images each.
pub(crate) fn classes(root: &Path, count: usize, images: usize) {
    for class in 0..count {
        let folder = root.join(format!("class {class}"));
        std::fs::create_dir_all(&folder).unwrap();
        for number in 0..images {
            let at = u32::try_from(class * 37 + number * 11).unwrap();
            let pixel = |x: u32, y: u32| {
                Rgb([x * 9 + at, y * 9 + at * 3, at * 7].map(|value| u8::try_from(value % 256).unwrap()))
            };
            RgbImage::from_fn(12, 12, pixel).save(folder.join(format!("{number}.png"))).unwrap();
        }
    }
}

pub(crate) fn config(folder: &Path, dataset: &str, pipeline: &str) -> String {
    let pool = "sampler = { multi-shot = { classes-per-batch = 2, examples-per-class = 2 } }\n";
    let held_out = if pipeline.ends_with("held-out") { "[embed-calibration]\nslice = \"all\"\n" } else { "" };
    let text = format!(
        "pipeline = \"{pipeline}\"\ndevice = \"cpu\"\n[dataset]\n{dataset}\n[sample]\n{pool}[sample-validation]\n{pool}{held_out}\
         [train]\nepochs = 1\nsteps-per-epoch = 2\nvalidation-steps = 1\n\
         layers = [\"rescale\", \"flatten\", {{ metric-embedding = {{ size = 4 }} }}]\n\
         [match]\nleave-one-out = true\nneighbours = 2\n[report]\nfigures = [\"training-curves\"]\n"
    );
    let path = folder.join("photos.toml");
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

pub(crate) fn at(folder: &Path, args: &[&str]) -> (Option<i32>, String) {
    let output = simpipe(args).current_dir(folder).output().unwrap();
    let text = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    (output.status.code(), text)
}

/// The examples of a dataset's splits.
fn counts(folder: &Path, run: &Json) -> Json {
    let path = folder.join(run["dir"].as_str().unwrap()).join("dataset/dataset.json");
    let json: Json = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    json["counts"].clone()
}

#[test]
fn classes_that_are_never_trained_on_are_calibrated_and_tested_apart() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    classes(&folder.join("photos"), 10, 4);
    let source = "source = { image-folder = { path = \"photos\" } }\n";
    let split = format!("{source}split = {{ classes = {{ validation = 0.2, test = 0.4 }} }}");
    let path = config(folder, &split, "metric-learning-held-out");
    let (code, text) = at(folder, &["check", &path]);
    assert_eq!(code, Some(0), "{text}");
    assert!(!text.contains("warning"), "{text}");
    let output = simpipe(&["run", &path, "--json"]).current_dir(folder).output().unwrap();
    let run: Json = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(run["ok"], true, "{run}");
    assert_eq!(counts(folder, &run), serde_json::json!({ "test": 16, "train": 16, "validation": 8 }));
    let page = folder.join(run["dir"].as_str().unwrap()).join("report/report.md");
    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.contains("No class of the queries was in the training pool"), "{page}");
    assert!(page.contains("queries that the network was not trained on"), "{page}");
    // Four classes of four images, each left out: the page opens with a figure that has an interval, and needs no threshold.
    assert!(page.contains("**recall@1 ") && page.contains("of `evaluate` is the number to believe most"), "{page}");
    assert!(run["metrics"]["evaluate.map@r.low"].is_number() && run["metrics"]["evaluate.overlap"] == 16.0, "{run}");

    // The shipped graph would look training classes up among test classes: nothing could be right.
    for dataset in [split.clone(), source.replace("\"photos\"", "\"photos\", split = \"classes\"")] {
        let (code, text) = at(folder, &["check", &config(folder, &dataset, "metric-learning")]);
        assert_eq!(code, Some(2), "{text}");
        assert!(text.contains("classes is in the index, so no answer can be right"), "{text}");
        assert!(text.contains("metric-learning-held-out"), "{text}");
    }
}

#[test]
fn problems_of_a_split_stand_at_their_line() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    classes(&folder.join("photos"), 4, 2);
    let source = "source = { image-folder = { path = \"photos\" } }\n";
    for (split, part) in [
        ("{ classes = { test = [\"class 9\"] } }", "photos.toml:5:31: the dataset has no class `class 9`"),
        ("{ classes = { folds = 4, fold = 4 } }", "there is no fold 4"),
        ("{ classes = { test = 0.9 } }", "the split `train` gets none of the 4 classes"),
        ("{ images = { validation = 0.5, test = 0.5 } }", "leave nothing to train on"),
        ("{ images = { keep = [\"tset\"] } }", "the source has no split `tset`"),
    ] {
        let path = config(folder, &format!("{source}split = {split}"), "metric-learning-held-out");
        let (code, text) = at(folder, &["check", &path]);
        assert!(code == Some(2) && text.contains(part), "{split}: {text}");
    }
    let twice = "source = { image-folder = { path = \"photos\", split = \"images\" } }\nsplit = \"images\"";
    let (code, text) = at(folder, &["check", &config(folder, twice, "metric-learning-held-out")]);
    assert!(code == Some(2) && text.contains("photos.toml:5:9: the image folder has its own `split`"), "{text}");
    classes(&folder.join("photos"), 12, 2);
    let folds = format!("{source}split = {{ classes = {{ validation = 0.1, test = 0.4, folds = 2, fold = 0 }} }}");
    let (_, text) = at(folder, &["check", &config(folder, &folds, "metric-learning-held-out")]);
    assert!(text.contains("`validation` has no effect here: fold 0 of 2 is the validation split"), "{text}");
}

#[test]
fn growing_a_folder_moves_no_image() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    classes(&folder.join("photos"), 2, 40);
    std::fs::create_dir(folder.join("pipelines")).unwrap();
    std::fs::write(folder.join("pipelines/data.toml"), "format = 1\n[stages.dataset]\nstage = \"dataset\"\n").unwrap();
    let dataset =
        "source = { image-folder = { path = \"photos\" } }\nsplit = { images = { validation = 0.2, test = 0.3 } }\n";
    std::fs::write(folder.join("photos.toml"), format!("pipeline = \"data\"\n[dataset]\n{dataset}")).unwrap();
    let path = folder.join("photos.toml").to_str().unwrap().to_owned();
    let splits = || {
        let output = simpipe(&["run", &path, "--json"]).current_dir(folder).output().unwrap();
        let run: Json = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(run["ok"], true, "{run}");
        counts(folder, &run)
    };
    let before = splits();
    // A copy of an image goes where the image is, and nothing else moves.
    std::fs::copy(folder.join("photos/class 0/0.png"), folder.join("photos/class 0/copy.png")).unwrap();
    let after = splits();
    let grown: Vec<i64> = ["train", "validation", "test"]
        .map(|split| after[split].as_i64().unwrap() - before[split].as_i64().unwrap())
        .into_iter()
        .filter(|grown| *grown != 0)
        .collect();
    assert_eq!(grown, [1], "{before} {after}");
}

#[test]
fn init_holds_images_or_classes_out() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    classes(&folder.join("photos"), 8, 20);
    let short = [
        "--set",
        "train.epochs=1",
        "--set",
        "train.steps-per-epoch=2",
        "--set",
        "report.figures=[\"training-curves\"]",
    ];
    for (options, part) in [
        (&["init", "photos", "--output", "some.toml"][..], "split = { images = { test = 0.2, validation = 0.1 } }"),
        (
            &["init", "photos", "--unseen-classes", "--output", "unseen.toml"],
            "split = { classes = { validation = 0.2, test = 0.4 } }",
        ),
    ] {
        let (code, text) = at(folder, options);
        assert_eq!(code, Some(0), "{text}");
        let config = options.last().unwrap();
        let written = std::fs::read_to_string(folder.join(config)).unwrap();
        assert!(written.contains(part) && written.contains("metric-learning-held-out"), "{written}");
        let (code, text) = at(folder, &["check", config]);
        assert!(code == Some(0) && !text.contains("warning"), "{text}\n{written}");
        let (code, text) = at(folder, &[&["run", config][..], &short].concat());
        assert_eq!(code, Some(0), "{text}\n{written}");
        assert!(!text.contains("trained on"), "{text}");
    }
    let (code, text) = at(folder, &["init", "--dataset", "cifar10-sample", "--unseen-classes", "--output", "ten.toml"]);
    assert_eq!(code, Some(0), "{text}");
    assert_eq!(at(folder, &["check", "ten.toml"]).0, Some(0));
    classes(&folder.join("few"), 5, 9);
    let (code, text) = at(folder, &["init", "few", "--unseen-classes", "--output", "few.toml"]);
    assert!(code == Some(2) && text.contains("5 classes are too few to keep some unseen"), "{text}");
}

/// What stands between backticks behind the first `help:` of a text that has a part, each with the table that it is for.
fn edits(text: &str, part: &str) -> Vec<(String, Option<String>)> {
    let help = text.split("warning:").find(|one| one.contains(part)).unwrap();
    let (_, help) = help.split_once("help:").unwrap();
    let quoted: Vec<&str> = help.lines().next().unwrap().split('`').skip(1).step_by(2).collect();
    let mut edits: Vec<(String, Option<String>)> = Vec::new();
    for piece in quoted {
        match edits.last_mut().filter(|_| piece.starts_with('[')) {
            Some(edit) => edit.1 = Some(piece.to_owned()),
            None => edits.push((piece.to_owned(), None)),
        }
    }
    edits
}

/// Writes a line into a table of a config, over one of the same key.
fn edit(config: &str, (line, table): &(String, Option<String>)) -> String {
    let key = line.split_once(" = ").unwrap().0;
    let mut inside = table.is_none();
    let mut lines: Vec<String> = Vec::new();
    for old in config.lines() {
        if old.starts_with('[') {
            inside = table.as_deref() == old.split('#').next().map(str::trim);
        }
        if !(inside && old.split_once(" = ").is_some_and(|(old, _)| old == key)) {
            lines.push(old.to_owned());
        }
        if inside && old.starts_with('[') {
            lines.push(line.clone());
        }
    }
    if table.is_none() {
        lines.insert(0, line.clone());
    }
    lines.join("\n") + "\n"
}

/// A config without the table of a stage.
fn without(config: &str, stage: &str) -> String {
    let mut inside = false;
    let is_kept = |line: &&str| {
        if line.starts_with('[') {
            inside = line.starts_with(&format!("[{stage}]"));
        }
        !inside
    };
    config.lines().filter(is_kept).map(|line| format!("{line}\n")).collect()
}

#[test]
fn the_help_of_the_warning_behind_init_can_be_followed_to_the_letter() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    for (train, test) in [("train", "test"), ("train", "val"), ("training", "val"), ("train", "validation")] {
        let name = format!("{train}-{test}");
        let write = |count: usize| [train, test].map(|split| classes(&folder.join(&name).join(split), 3, count));
        // Few enough images that `init` takes the folders as they are; then more came, of which some can be spared.
        write(7);
        let config = format!("{name}.toml");
        let (code, text) = at(folder, &["init", &name, "--output", &config]);
        assert_eq!(code, Some(0), "{text}");
        write(20);
        let (code, warned) = at(folder, &["check", &config]);
        let part = "the queries are examples that the model was trained on";
        assert!(code == Some(0) && warned.contains(part), "{warned}");
        let written = std::fs::read_to_string(folder.join(&config)).unwrap();
        let lacking = ["sample-test", "match-train", "match-test", "evaluate-test"];
        let written = lacking.iter().fold(written, |config, stage| without(&config, stage));
        let followed = edits(&warned, part).iter().fold(written, |config, one| edit(&config, one));
        std::fs::write(folder.join(&config), &followed).unwrap();
        let (code, text) = at(folder, &["check", &config]);
        assert!(code == Some(0) && !text.contains("warning"), "{name}: {text}\n{warned}\n{followed}");
    }
}

#[test]
fn unseen_classes_are_proposed_where_there_are_enough() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let proposed = |count: usize| {
        let (name, config) = (format!("of{count}"), format!("of{count}.toml"));
        classes(&folder.join(&name), count, 20);
        let (code, text) = at(folder, &["init", &name, "--output", &config]);
        assert_eq!(code, Some(0), "{text}");
        let written = std::fs::read_to_string(folder.join(config)).unwrap();
        assert_eq!(written.contains("--unseen-classes"), text.contains("--unseen-classes"), "{text}");
        text.contains("--unseen-classes")
    };
    assert!(proposed(8) && !proposed(5));
}

#[test]
fn images_are_held_out_of_folders_whatever_their_names() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    for (test, expected) in [
        ("test", Some("{ images = { validation = 0.1, keep = [\"test\"] } }")),
        ("val", Some("{ images = { validation = 0.1, test = 0.0, keep = [\"val\"] } }")),
        // Images held out would join those of a split of that name.
        ("validation", None),
    ] {
        let name = format!("of-{test}");
        classes(&folder.join(&name).join("train"), 2, 160);
        classes(&folder.join(&name).join(test), 2, 10);
        let config = format!("{name}.toml");
        let (code, text) = at(folder, &["init", &name, "--output", &config]);
        assert_eq!(code, Some(0), "{text}");
        let written = std::fs::read_to_string(folder.join(&config)).unwrap();
        let split = written.lines().find_map(|line| line.strip_prefix("split = {")).map(|rest| format!("{{{rest}"));
        assert_eq!(split.as_deref(), expected, "{written}");
        assert_eq!(at(folder, &["check", &config]).0, Some(0));
    }
}

#[test]
fn the_shipped_config_calibrates_on_held_out_images() {
    let project = Project::new();
    let checked = project.json(&["check", "configs/quickstart-held-out.toml", "--json"], 0);
    assert_eq!(
        (&checked["ok"], checked["warnings"].as_array().map(Vec::len)),
        (&Json::from(true), Some(0)),
        "{checked}"
    );
    let small = [
        "--set",
        "train.epochs=1",
        "--set",
        "train.steps-per-epoch=2",
        "--set",
        "report.figures=[\"training-curves\"]",
    ];
    let options =
        [&["run", "configs/quickstart-held-out.toml", "--set", "report.baselines=false", "--json"][..], &small]
            .concat();
    let run = project.json(&options, 0);
    assert_eq!(run["ok"], true, "{run}");
    let counts = counts(project.root(), &run);
    assert_eq!(counts["test"], 1000, "the published test images stay");
    assert!((500..700).contains(&counts["validation"].as_i64().unwrap()), "{counts}");
}
