//! Images are told by their bytes, across splits and across datasets: what must not be among the queries is refused with its
//! count and its pairs, or shown in the report where the spec allows it.

use std::path::Path;
use std::process::Output;

use image::{Rgb, RgbImage};
use serde_json::Value as Json;

use crate::project::{simpipe, template, write_pair};

const SIDE: u32 = 16;
const LAYERS: &str = "layers = [\"rescale\", \"flatten\", { metric-embedding = { size = 4 } }]\n";

/// All channels alike.
const GREY: usize = 3;

/// An image of one channel's colour that no other `number` below 101 gives, with a structure of its class.
fn picture(channel: usize, class: u32, number: u32) -> RgbImage {
    RgbImage::from_fn(SIDE, SIDE, |x, y| {
        let noise = (x * 31 + y * 17 + number * 97 + class * 7 + x * y * (number + 3)) % 101;
        let stripe = if (x / (class + 1)).is_multiple_of(2) { 100 } else { 0 };
        let value = u8::try_from(50 + noise + stripe).unwrap();
        let mut pixel = [if channel == GREY { value } else { 0 }; 3];
        if let Some(one) = pixel.get_mut(channel) {
            *one = value;
        }
        Rgb(pixel)
    })
}

/// Images of two classes in a split: numbers from `first` on.
fn write(root: &Path, split: &str, channel: usize, first: u32, count: u32) {
    for (class, name) in (0..).zip(["cat", "dog"]) {
        let folder = root.join(split).join(name);
        std::fs::create_dir_all(&folder).unwrap();
        for number in first..first + count {
            picture(channel, class, number).save(folder.join(format!("{number}.png"))).unwrap();
        }
    }
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// The program in a folder of its own.
fn at(folder: &Path, args: &[&str], code: i32) -> String {
    let output = simpipe(args).current_dir(folder).output().unwrap();
    let text = text(&output);
    assert_eq!(output.status.code(), Some(code), "{args:?}: {text}");
    text
}

fn run(folder: &Path, config: &str) -> Json {
    let output = simpipe(&["run", config, "--json"]).current_dir(folder).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// `metrics.json` of the report of a run.
fn findings(folder: &Path, run: &Json) -> Json {
    let path = folder.join(run["dir"].as_str().unwrap()).join("report/metrics.json");
    let json: Json = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    json["findings"].clone()
}

/// A pixel of red, green or blue alone is in a figure of the report.
fn shows(folder: &Path, run: &Json, figure: &str, channel: usize) -> bool {
    let path = folder.join(run["dir"].as_str().unwrap()).join("report/figures").join(figure);
    let drawn = image::open(path).unwrap().into_rgb8();
    let pure = |pixel: &Rgb<u8>| {
        let others = (0..3).filter(|other| *other != channel).map(|other| pixel.0[other]).max();
        pixel.0[channel] > 60 && others < Some(8)
    };
    drawn.pixels().filter(|pixel| pure(pixel)).count() > 200
}

/// Trains on one dataset and evaluates on another.
const TWO: &str = "
base dataset
own dataset
sample-base sample dataset=base split:train
sample-gallery sample dataset=own split:gallery
sample-calibration sample dataset=own split:calibration
sample-query sample dataset=own split:query
train train dataset=base sampler=sample-base
embed-gallery embed dataset=own sampler=sample-gallery model=train
embed-calibration embed dataset=own sampler=sample-calibration model=train
embed-query embed dataset=own sampler=sample-query model=train
index index dataset=own embeddings=embed-gallery
calibrate calibrate index=index queries=embed-calibration
match match index=index queries=embed-query calibration=calibrate
report report dataset=own sampler=sample-base training=train index=index embeddings=embed-query calibration=calibrate matches=match
";

fn two_datasets(folder: &Path) {
    write(&folder.join("base"), "train", 0, 0, 8);
    for (split, first) in [("gallery", 20), ("calibration", 40), ("query", 60)] {
        write(&folder.join("own"), split, 2, first, 5);
    }
    let source = |path: &str| format!("source = {{ image-folder = {{ path = \"../{path}\" }} }}\n");
    let pools: String = ["base", "gallery", "calibration", "query"]
        .map(|pool| {
            format!(
                "[sample-{pool}]\nsampler = {{ multi-shot = {{ classes-per-batch = 2, examples-per-class = 2 }} }}\n"
            )
        })
        .concat();
    let report =
        "[report]\nbaselines = false\nfigures = [{ sample-grid = { count = 4 } }, { neighbours = { k = 2 } }]\n";
    for (pipeline, more) in [("one", ""), ("two", " training-dataset=base")] {
        let text = format!(
            "pipeline = \"{pipeline}\"\ndevice = \"cpu\"\n[base]\n{}[own]\n{}{pools}[train]\nepochs = 1\nsteps-per-epoch = 2\n{LAYERS}[match]\nneighbours = 2\n{report}",
            source("base"),
            source("own")
        );
        let graph = template(&TWO.replace("report report", &format!("report report{more}")));
        write_pair(folder, pipeline, &graph, &text);
    }
}

#[test]
fn two_datasets_have_their_own_pictures_and_leaks_are_found_by_bytes() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    two_datasets(folder);
    let refused = at(folder, &["check", "configs/one.toml"], 2);
    assert!(
        refused.contains("the training examples come from a dataset other than that at the port `training-dataset`"),
        "{refused}"
    );

    // The numbers of examples are the same in both datasets, and so are the labels: no image is.
    let clean = run(folder, "configs/two.toml");
    let found = findings(folder, &clean);
    assert_eq!(found["trained-queries"]["flaw"], false, "{found}");
    assert_eq!(found["self-matches"]["flaw"], false, "{found}");
    assert_eq!((&found["trained-index"], &found["calibrated-queries"]), (&Json::Null, &Json::Null), "{found}");
    assert_eq!(found["calibrated-on-training"]["flaw"], false, "{found}");
    assert_eq!(clean["metrics"]["match.overlap"], 0.0);
    // Training images are red, all others blue.
    let shown = |figure: &str| [0, 2].map(|channel| shows(folder, &clean, figure, channel));
    assert_eq!(shown("01-sample-grid.png"), [true, false]);
    assert_eq!(shown("02-neighbours.png"), [false, true]);

    // A training image under another name in another dataset.
    std::fs::copy(folder.join("base/train/dog/3.png"), folder.join("own/query/dog/999.png")).unwrap();
    let refused = at(folder, &["run", "configs/two.toml"], 1);
    assert!(refused.contains("1 query is an image that the model was trained on (query "), "{refused}");
    assert!(refused.contains("of the training pool)") && refused.contains("allow-overlap = true"), "{refused}");
    let config = std::fs::read_to_string(folder.join("configs/two.toml")).unwrap();
    std::fs::write(
        folder.join("configs/two.toml"),
        config.replace("neighbours = 2\n[", "neighbours = 2\nallow-overlap = true\n["),
    )
    .unwrap();
    let allowed = run(folder, "configs/two.toml");
    let found = findings(folder, &allowed);
    assert_eq!(found["trained-queries"]["flaw"], true, "{found}");
    assert!(found["trained-queries"]["text"].as_str().unwrap().starts_with("1 of 11 queries are images"), "{found}");
    assert_eq!(allowed["metrics"]["match.overlap.training"], 1.0);
    assert!(allowed["metrics"]["match.disjoint.recall@1"].is_number(), "{}", allowed["metrics"]);
}

/// A config of the shipped template on a folder of splits.
fn config(folder: &Path, more: &str) -> String {
    let pool = "sampler = { multi-shot = { classes-per-batch = 2, examples-per-class = 2 } }\n";
    let text = format!(
        "pipeline = \"metric-learning\"\ndevice = \"cpu\"\n[dataset]\nsource = {{ image-folder = {{ path = \"photos\" }} }}\n\
         [sample]\n{pool}[sample-validation]\n{pool}[train]\nepochs = 1\nsteps-per-epoch = 2\nvalidation-steps = 1\n{LAYERS}\
         [index]\nslice = {{ begin = 0, size = 4 }}\n[match]\nslice = {{ begin = 4, size = 6 }}\nneighbours = 2\n{more}\
         [report]\nfigures = [\"training-curves\"]\n"
    );
    let path = folder.join("photos.toml");
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_test_set_copied_from_training_is_refused_or_a_flaw() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    write(&folder.join("photos"), "train", 1, 0, 5);
    write(&folder.join("photos"), "test", 1, 0, 5);
    let path = config(folder, "");
    at(folder, &["check", &path], 0); // the names of the splits differ: only the bytes tell
    let refused = at(folder, &["run", &path], 1);
    assert!(refused.contains("6 queries are images that the model was trained on (query "), "{refused}");
    assert!(refused.contains("6 queries are images that the thresholds were found with"), "{refused}");
    let path = config(folder, "allow-overlap = true\n");
    let run = run(folder, &path);
    let found = findings(folder, &run);
    assert_eq!(found["trained-queries"]["flaw"], true, "{found}");
    assert_eq!(found["calibrated-queries"]["flaw"], true, "{found}");
    assert_eq!(run["metrics"]["match.overlap.training"], 6.0, "{}", run["metrics"]);
    let page = folder.join(run["dir"].as_str().unwrap()).join("report/report.md");
    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.contains("- **Flaw.** 6 of 6 queries are images that the network was trained on."), "{page}");
    // All of them are queries of the training pool itself: seen before anything runs.
    let path = config(folder, "").replace(".toml", "-2.toml");
    let text = std::fs::read_to_string(folder.join("photos.toml")).unwrap();
    std::fs::write(&path, text.replace("[sample-validation]\n", "[sample-validation]\nsplit = \"train\"\n")).unwrap();
    let refused = at(folder, &["check", &path], 2);
    assert!(refused.contains("6 queries are images that the model was trained on"), "{refused}");
}

#[test]
fn a_picture_in_two_classes_is_warned_of() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    write(&folder.join("photos"), "train", 1, 0, 5);
    write(&folder.join("photos"), "test", 1, 20, 5);
    std::fs::copy(folder.join("photos/train/cat/0.png"), folder.join("photos/train/dog/0.png")).unwrap();
    let path = config(folder, "");
    let printed = at(folder, &["run", &path], 0);
    assert!(printed.contains("1 image is in two classes, pixel for pixel: example "), "{printed}");
    let printed = at(folder, &["doctor", &path], 0);
    assert!(printed.contains("1 file lies in two classes, such as train/cat/0.png and train/dog/0.png"), "{printed}");
    let printed = at(folder, &["init", "photos", "--output", "first.toml"], 0);
    assert!(printed.contains("1 picture stands in two classes"), "{printed}");
}

/// Near copies between the splits of one dataset, in the report and in the figures of `match`.
const COPIES: &str = r#"
[stages.near-copies]
stage = "near-copies"
inputs = { dataset = "dataset", queries = "sample-validation", references = "sample" }
"#;

#[test]
fn near_copies_are_found_shown_and_left_out() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    write(&folder.join("photos"), "train", GREY, 0, 5);
    write(&folder.join("photos"), "test", GREY, 50, 5);
    // A brighter copy of a training image, of the other class.
    let brighter = image::imageops::brighten(&picture(GREY, 0, 2), 30);
    brighter.save(folder.join("photos/test/dog/copy.png")).unwrap();
    let template =
        std::fs::read_to_string(crate::project::repository().join("pipelines/metric-learning.toml")).unwrap();
    let plugged = "near-copies = \"near-copies\", ";
    let template = template
        .replace(
            "inputs = { index = \"index\", queries = \"embed-validation\"",
            &format!("inputs = {{ {plugged}index = \"index\", queries = \"embed-validation\""),
        )
        .replace(
            "inputs = { dataset = \"dataset\", sampler = \"sample\", training",
            &format!("inputs = {{ {plugged}dataset = \"dataset\", sampler = \"sample\", training"),
        );
    std::fs::create_dir(folder.join("pipelines")).unwrap();
    std::fs::write(folder.join("pipelines/copies.toml"), template + COPIES).unwrap();
    let path = config(folder, "leave-one-out = true\n");
    let text = std::fs::read_to_string(&path).unwrap();
    let text = text
        .replace("pipeline = \"metric-learning\"", "pipeline = \"copies\"")
        .replace("[\"training-curves\"]", "[\"near-copies\"]")
        .replace("slice = { begin = 4, size = 6 }", "slice = \"all\"");
    std::fs::write(&path, text).unwrap();
    let run = run(folder, &path);
    let metric = |name: &str| run["metrics"][name].as_f64().unwrap();
    assert_eq!(
        (metric("near-copies.queries"), metric("near-copies.pairs"), metric("near-copies.identical")),
        (1.0, 1.0, 0.0)
    );
    assert!((metric("near-copies.share") - 1.0 / 11.0).abs() < 1e-12);
    assert!(run["metrics"]["match.distinct.recall@1"].is_number() && metric("match.near_copies") == 1.0);
    let dir = folder.join(run["dir"].as_str().unwrap());
    let info: Json = serde_json::from_slice(&std::fs::read(dir.join("near-copies/near-copies.json")).unwrap()).unwrap();
    assert_eq!((info["query_ids"].as_array().unwrap().len(), &info["same_label"]), (1, &Json::from(0)));
    assert!(dir.join("report/figures/01-near-copies.png").is_file());
    let found = findings(folder, &run);
    assert!(found["near-copies"]["text"].as_str().unwrap().starts_with("1 of 11 queries have a near copy"), "{found}");
}
