//! `simpipe init` on folders of images: the config that it writes is accepted, planned and runs.

use std::path::Path;
use std::process::Output;

use image::{ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};
use serde_json::Value as Json;

use crate::project::simpipe;
use crate::schemas::validate;

/// Images of one colour a class, with a stripe that tells them apart.
pub(crate) fn write_classes(root: &Path, classes: &[(&str, usize)], side: u32) {
    for (at, (class, count)) in classes.iter().enumerate() {
        let folder = root.join(class);
        std::fs::create_dir_all(&folder).unwrap();
        for number in 0..*count {
            let stripe = u32::try_from(number).unwrap() % side;
            let base = u8::try_from(60 * at % 251).unwrap();
            let picture = RgbImage::from_fn(side, side, |x, _| {
                if x == stripe { Rgb([255, 255, 255]) } else { Rgb([base, 255 - base, u8::try_from(number).unwrap()]) }
            });
            picture.save_with_format(folder.join(format!("{number}.png")), ImageFormat::Png).unwrap();
        }
    }
}

/// The program in another folder than the project's.
fn at(folder: &Path, args: &[&str]) -> Output {
    simpipe(args).current_dir(folder).output().unwrap()
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn a_folder_of_classes_becomes_an_experiment_that_runs() {
    let place = tempfile::tempdir().unwrap();
    let photos = place.path().join("my photos, \"größe\" 1");
    write_classes(&photos, &[("cat", 24), ("d'og", 24), ("two words", 20), ("tiny", 1)], 16);
    std::fs::write(photos.join("cat/broken.png"), "no image").unwrap();
    let clear = RgbaImage::from_pixel(16, 16, Rgba([60, 0, 0, 0]));
    clear.save_with_format(photos.join("cat/0.png"), ImageFormat::Png).unwrap();
    let folder = photos.file_name().unwrap().to_str().unwrap();
    let output = at(place.path(), &["init", folder, "--name", "mine", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let json: Json = serde_json::from_slice(&output.stdout).unwrap();
    validate("init.schema.json", &json);
    assert_eq!((json["classes"].as_u64(), json["images"].as_u64()), (Some(4), Some(69)));
    let warnings = json["warnings"].to_string();
    assert!(warnings.contains("tiny (1)") && warnings.contains("broken.png"), "{warnings}");
    assert_eq!(json["transparent"], 1);
    assert!(warnings.contains("with transparent pixels: 1 image of 70 checked"), "{warnings}");

    let config = std::fs::read_to_string(place.path().join("configs/mine.toml")).unwrap();
    assert!(config.contains("on-corrupt = \"skip\"") && config.contains("resize = [16, 16]"), "{config}");
    for args in [["check", "configs/mine.toml"], ["plan", "configs/mine.toml"]] {
        let output = at(place.path(), &args);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    }
    let short = ["--set", "train.epochs=1", "--set", "train.steps-per-epoch=2", "--set", "train.validation-steps=1"];
    let figures = ["--set", "report.figures=[\"training-curves\"]", "--json"];
    let args: Vec<&str> = ["run", "configs/mine.toml"].iter().chain(&short).chain(&figures).copied().collect();
    let output = at(place.path(), &args);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let run: Json = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(run["metrics"]["match.overlap"], 0.0, "index and queries are disjoint");
    assert_eq!(run["metrics"]["dataset.examples"], 69.0);

    let again = at(place.path(), &["init", folder, "--name", "mine"]);
    assert!(again.status.code() == Some(2) && text(&again).contains("--force"), "{}", text(&again));
    assert_eq!(at(place.path(), &["init", folder, "--name", "mine", "--force"]).status.code(), Some(0));
}

/// Results must not lie among the classes, where the next run would take them for some.
#[test]
fn inside_a_folder_of_images_the_project_is_the_folder_around_it() {
    let place = tempfile::tempdir().unwrap();
    let photos = place.path().join("photos");
    write_classes(&photos, &[("cat", 12), ("dog", 12)], 16);
    let output = at(&photos, &["init", "."]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert!(text(&output).contains("simpipe run ../configs/photos.toml"), "{}", text(&output));
    let mut there: Vec<_> = std::fs::read_dir(&photos).unwrap().map(|item| item.unwrap().file_name()).collect();
    there.sort();
    assert_eq!(there, ["cat", "dog"]);
    assert!(place.path().join("simpipe.toml").is_file());
    // From wherever in the project: the store is the project's.
    let figures = ["--set", "report.figures=[\"training-curves\"]"];
    let short = ["--set", "train.epochs=1", "--set", "train.steps-per-epoch=1", "--set", "train.validation-steps=1"];
    let args: Vec<&str> = ["run", "../../configs/photos.toml"].iter().chain(&short).chain(&figures).copied().collect();
    let output = at(&photos.join("cat"), &args);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert!(place.path().join("artifacts/store/format").is_file());
    let runs = at(&photos.join("dog"), &["runs"]);
    assert!(text(&runs).contains("photos"), "{}", text(&runs));
}

#[test]
fn splits_in_folders_and_small_classes_are_taken_as_they_are() {
    let place = tempfile::tempdir().unwrap();
    write_classes(&place.path().join("set/train"), &[("a", 6), ("b", 5), ("c", 9)], 40);
    write_classes(&place.path().join("set/val"), &[("a", 3), ("d", 3)], 24);
    let output = at(place.path(), &["init", "--from", "set", "--output", "deep/down/first.toml"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let config = std::fs::read_to_string(place.path().join("deep/down/first.toml")).unwrap();
    for part in [
        "path = \"../../set\", resize = [40, 40]",
        "split = \"val\"",
        "classes-per-batch = 3, examples-per-class = 5",
        "leave-one-out = true",
    ] {
        assert!(config.contains(part), "`{part}` in\n{config}");
    }
    assert!(!config.contains("images = { test"), "the folders say what is tested");
    let output = at(place.path(), &["init", "set", "--output", "bare.toml"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let output = at(place.path(), &["graph", "bare.toml", "--output", "bare.svg"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert!(place.path().join("bare.svg").is_file());
}

#[test]
fn built_in_datasets_have_a_config_and_wrong_requests_have_help() {
    let place = tempfile::tempdir().unwrap();
    for name in ["cifar10-sample", "cifar10", "cifar100", "fashion-mnist", "mnist"] {
        let output = at(place.path(), &["init", "--dataset", name]);
        assert_eq!(output.status.code(), Some(0), "{name}: {}", text(&output));
        let output = at(place.path(), &["check", &format!("configs/{name}.toml")]);
        assert_eq!(output.status.code(), Some(0), "{name}: {}", text(&output));
    }
    std::fs::create_dir(place.path().join("empty")).unwrap();
    for (args, part) in [
        (vec!["init"], "--dataset"),
        (vec!["init", "--dataset", "mnits"], "did you mean `mnist`?"),
        (vec!["init", "empty"], "is empty"),
        (vec!["init", "nowhere"], "there is no file or folder"),
        (vec!["init", "configs/mnist.toml"], "is a file"),
        (vec!["init", "--dataset", "mnist", "--output", "empty"], "is a folder"),
        (vec!["init", "--dataset", "mnist", "--output", "-"], "a config is a file"),
        (vec!["init", "--dataset", "mnist", "--name", "a/b"], "can't be `a/b`"),
    ] {
        let output = at(place.path(), &args);
        let text = text(&output);
        assert!(output.status.code() == Some(2) && text.contains(part) && text.contains("help: "), "{args:?}: {text}");
    }
}

#[test]
fn weights_of_a_network_become_an_experiment_with_a_head_on_its_features() {
    let place = tempfile::tempdir().unwrap();
    write_classes(&place.path().join("photos"), &[("cat", 24), ("dog", 24), ("owl", 24)], 16);
    let weights = place.path().join("weights.safetensors");
    std::fs::write(&weights, crate::frozen_backbone::mobile_weights()).unwrap();
    let init = |more: &[&str]| at(place.path(), &[&["init", "photos", "--json"], more].concat());
    let output = init(&["--backbone", "weights.safetensors"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let config = std::fs::read_to_string(place.path().join("configs/photos.toml")).unwrap();
    for part in [
        "pipeline = \"frozen-backbone",
        "architecture = \"mobilenet-v2\", weights = \"../weights.safetensors\", freeze = true",
        "resize = [16, 16]",
    ] {
        assert!(config.contains(part), "{part}: {config}");
    }
    let output = at(place.path(), &["check", "configs/photos.toml", "--json"]);
    let json: Json = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&json["ok"], &json["models"]["train"]["layers"][0]["output"][0]),
        (&true.into(), &1280.into()),
        "{json}"
    );

    let refused = |more: &[&str]| {
        let output = init(&[more, &["--force"]].concat());
        assert_eq!(output.status.code(), Some(2), "{}", text(&output));
        let json: Json = serde_json::from_slice(&output.stdout).unwrap();
        format!("{} / {}", json["errors"][0]["message"].as_str().unwrap(), json["errors"][0]["help"].as_str().unwrap())
    };
    let found = refused(&["--backbone", "weights.safetensors", "--architecture", "resnet18"]);
    assert!(found.contains("`weights.safetensors` is not of `resnet18`, it has"), "{found}");
    let found = refused(&["--backbone", "weights.safetensors", "--architecture", "mobilnet-v2"]);
    assert!(found.contains("there is no architecture `mobilnet-v2` / did you mean `mobilenet-v2`?"), "{found}");
    std::fs::write(place.path().join("text"), "no weights").unwrap();
    for file in ["text", "nowhere.pth", "photos"] {
        assert!(!refused(&["--backbone", file]).is_empty(), "{file}");
    }
    let named = at(
        place.path(),
        &["init", "photos", "--backbone", "weights.safetensors", "--architecture", "mobilenet-v2", "--force"],
    );
    assert_eq!(named.status.code(), Some(0), "{}", text(&named));
}

/// A picture that stands in two classes ends no run after its training.
#[test]
fn copies_are_looked_up_and_said() {
    let place = tempfile::tempdir().unwrap();
    let photos = place.path().join("photos");
    let names: Vec<String> = (0..20).map(|at| format!("c{at:02}")).collect();
    let classes: Vec<(&str, usize)> = names.iter().map(|name| (name.as_str(), 4)).collect();
    write_classes(&photos, &classes, 16);
    for class in &names[1..] {
        std::fs::copy(photos.join("c00/0.png"), photos.join(class).join("copy.png")).unwrap();
    }
    let output = at(place.path(), &["init", "photos", "--unseen-classes", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let config = std::fs::read_to_string(place.path().join("configs/photos.toml")).unwrap();
    assert_eq!(config.matches("allow-overlap = true").count(), 2, "{config}");
    let short = [
        "--set",
        "train.epochs=1",
        "--set",
        "train.steps-per-epoch=2",
        "--set",
        "report.figures=[\"training-curves\"]",
    ];
    let output = at(place.path(), &[&["run", "configs/photos.toml", "--json"], &short[..]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
}

/// Thresholds can't be found with classes that are trained on where others are tested.
#[test]
fn splits_of_other_classes_hold_some_of_them_out() {
    let place = tempfile::tempdir().unwrap();
    let names: Vec<String> = (0..20).map(|at| format!("c{at:02}")).collect();
    let (train, test) = names.split_at(10);
    for (split, names) in [("train", train), ("test", test)] {
        let classes: Vec<(&str, usize)> = names.iter().map(|name| (name.as_str(), 4)).collect();
        write_classes(&place.path().join("photos").join(split), &classes, 16);
    }
    let output = at(place.path(), &["init", "photos", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let config = std::fs::read_to_string(place.path().join("configs/photos.toml")).unwrap();
    for part in ["pipeline = \"metric-learning-held-out\"", "no class of `test` is in `train`", "split = { classes = {"]
    {
        assert!(config.contains(part), "{part}: {config}");
    }
    let output = at(place.path(), &["check", "configs/photos.toml"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
}

/// What a stranger's folder may be, and each has a config that `check` accepts or a way out.
#[test]
fn odd_collections_have_a_config_or_a_way_out() {
    let place = tempfile::tempdir().unwrap();
    let few: Vec<(String, usize)> = (0..8).map(|at| (format!("c{at}"), 3)).collect();
    let few: Vec<(&str, usize)> = few.iter().map(|(name, count)| (name.as_str(), *count)).collect();
    write_classes(&place.path().join("few"), &few, 16);
    write_classes(&place.path().join("named"), &[("Unknown", 8), ("No match", 8)], 16);
    write_classes(&place.path().join("flat"), &[("train", 3), ("test", 3)], 16);
    write_classes(&place.path().join("phone"), &[("cat", 8)], 16);
    write_classes(&place.path().join("mixed"), &[("cat", 12), ("cow", 12)], 16);
    for (class, file, bytes) in [
        ("dog", "1.heic", &b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"[..]),
        ("owl", "1.svg", b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>"),
    ] {
        for folder in ["phone", "mixed"].map(|folder| place.path().join(folder).join(class)) {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join(file), bytes).unwrap();
        }
    }
    for (args, part) in [
        (vec!["init", "few"], "--unseen-classes"),
        (vec!["init", "flat"], "are splits, and the images are directly in them"),
        (vec!["init", "phone"], "no image of `dog` (HEIC), `owl` (SVG) can be read, such as `dog/1.heic`"),
    ] {
        let output = at(place.path(), &args);
        assert!(output.status.code() == Some(2) && text(&output).contains(part), "{args:?}: {}", text(&output));
    }
    for args in [
        vec!["init", "few", "--unseen-classes"],
        vec!["init", "named"],
        vec!["init", "mixed"],
        vec!["check", "configs/mixed.toml"],
    ] {
        let output = at(place.path(), &args);
        assert_eq!(output.status.code(), Some(0), "{args:?}: {}", text(&output));
    }
    let config = std::fs::read_to_string(place.path().join("configs/named.toml")).unwrap();
    assert!(config.contains("unknown-label = \"None of them\""), "{config}");
    let config = std::fs::read_to_string(place.path().join("configs/mixed.toml")).unwrap();
    assert!(config.contains("on-corrupt = \"skip\"") && config.contains("`dog` (HEIC), `owl` (SVG)"), "{config}");
}

/// Classes that spare images have thresholds of images that training never sees; smaller ones have numbers that need none.
#[test]
fn small_classes_are_held_out_or_evaluated_without_a_threshold() {
    let place = tempfile::tempdir().unwrap();
    let names: Vec<String> = (0..8).map(|at| format!("c{at}")).collect();
    let write = |folder: &str, images: usize| {
        let classes: Vec<(&str, usize)> = names.iter().map(|name| (name.as_str(), images)).collect();
        write_classes(&place.path().join(folder), &classes, 16);
    };
    [6, 8, 10].into_iter().for_each(|images| write(&format!("of{images}"), images));
    write("parted/train", 4);
    write("parted/test", 4);
    let held_out = ["pipeline = \"metric-learning-held-out\"", "validation = 0.2, test = 0.2, stratified = true"];
    let evaluated = ["pipeline = \"metric-learning-evaluation\"", "[evaluate]"];
    for (folder, parts) in [("of6", evaluated), ("of8", held_out), ("of10", held_out), ("parted", evaluated)] {
        let output = at(place.path(), &["init", folder]);
        let said = text(&output);
        assert_eq!(output.status.code(), Some(0), "{folder}: {said}");
        let from_training = said.contains("the threshold is found on training images");
        assert_eq!(from_training, parts == evaluated, "{folder}: {said}");
        let file = format!("configs/{folder}.toml");
        let config = std::fs::read_to_string(place.path().join(&file)).unwrap();
        assert!(parts.iter().all(|part| config.contains(part)), "{folder}: {config}");
        let output = at(place.path(), &["check", &file]);
        let said = text(&output);
        assert_eq!(output.status.code(), Some(0), "{folder}: {said}");
        assert!(!said.contains("metric-learning-held-out"), "`check` asks for what `init` wrote or could not: {said}");
    }
    let short = ["--set", "train.epochs=1", "--set", "train.steps-per-epoch=1", "--set", "train.validation-steps=1"];
    let figures = ["--set", "report.figures=[\"training-curves\"]"];
    for file in ["configs/of6.toml", "configs/of8.toml"] {
        let args: Vec<&str> = ["run", file].iter().chain(&short).chain(&figures).copied().collect();
        let output = at(place.path(), &args);
        assert_eq!(output.status.code(), Some(0), "{file}: {}", text(&output));
    }
}

/// A table of files, with a column of splits, without one, and too short for any.
#[test]
fn a_table_of_files_has_a_config_or_a_way_out() {
    let place = tempfile::tempdir().unwrap();
    write_classes(&place.path().join("named"), &[("Unknown", 8), ("No match", 8)], 16);
    let mut rows = "path,label,split\n".to_owned();
    for class in ["Unknown", "No match"] {
        for entry in std::fs::read_dir(place.path().join("named").join(class)).unwrap().enumerate() {
            let (number, name) = (entry.0, entry.1.unwrap().file_name().into_string().unwrap());
            let split = if number < 5 { "train" } else { "test" };
            rows += &format!("named/{class}/{name},{class},{split}\n");
        }
    }
    std::fs::write(place.path().join("photos.csv"), &rows).unwrap();
    let output = at(place.path(), &["init", "photos.csv"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let config = std::fs::read_to_string(place.path().join("configs/photos.toml")).unwrap();
    assert!(config.contains("manifest = { path = \"../photos.csv\", resize = [16, 16]"), "{config}");
    let short = ["--set", "train.epochs=1", "--set", "train.steps-per-epoch=1", "--set", "train.validation-steps=1"];
    let figures = ["--set", "report.figures=[\"training-curves\"]"];
    let args: Vec<&str> = ["run", "configs/photos.toml"].iter().chain(&short).chain(&figures).copied().collect();
    let output = at(place.path(), &args);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    std::fs::write(
        place.path().join("bare.csv"),
        rows.replace(",split", "").replace(",train", "").replace(",test", ""),
    )
    .unwrap();
    let output = at(place.path(), &["init", "bare.csv"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let config = std::fs::read_to_string(place.path().join("configs/bare.toml")).unwrap();
    assert!(config.contains("validation = 0.2, test = 0.2, stratified = true"), "{config}");
    let args: Vec<&str> = ["run", "configs/bare.toml"].iter().chain(&short).chain(&figures).copied().collect();
    let output = at(place.path(), &args);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let few: String = std::fs::read_to_string(place.path().join("bare.csv"))
        .unwrap()
        .lines()
        .take(6)
        .map(|row| format!("{row}\n"))
        .collect();
    std::fs::write(place.path().join("few.csv"), few).unwrap();
    let output = at(place.path(), &["init", "few.csv"]);
    assert!(output.status.code() == Some(2) && text(&output).contains("add a column `split`"), "{}", text(&output));
}
