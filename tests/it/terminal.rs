//! Nothing from outside reaches a terminal but as text that can be seen: names of classes and files, values of specs,
//! arguments and errors.

use std::path::Path;
use std::process::Output;

use simpipe_base::visible::is_hidden;

use crate::project::{Project, simpipe};

/// Colour, title, C1, direction, a line of its own, and what has no width.
const EVIL: &str = "e\u{1b}[31mv\u{1b}]0;t\u{7}i\u{9b}2J\u{202e}l\u{200b}\u{2028}\nerror: fake";
/// The same as a file's name may be, and as a shell would show it.
const SHOWN: &str = "e\\x1b[31mv\\x1b]0;t\\x07i\\u{9b}2J\\u{202e}l\\u{200b}\\u{2028}\\nerror: fake";

fn said(output: &Output) -> String {
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8(text).unwrap()
}

fn assert_plain(what: &str, output: &Output) -> String {
    let text = said(output);
    assert!(!text.contains(|c| c != '\n' && is_hidden(c)), "{what}: {text:?}");
    assert!(!text.lines().any(|line| line.starts_with("error: fake")), "{what}: {text}");
    text
}

/// A folder of images of two classes, one of them of an evil name.
fn images(folder: &Path) {
    for (shade, class) in [(0, EVIL), (6, "good")] {
        let class = folder.join(class);
        std::fs::create_dir_all(&class).unwrap();
        for at in 0..20 {
            let pixel = |x: u32, y: u32| {
                image::Rgb([at * 12 + shade, u8::try_from(x * 30).unwrap(), u8::try_from(y * 30).unwrap()])
            };
            image::RgbImage::from_fn(8, 8, pixel).save(class.join(format!("{at}.png"))).unwrap();
        }
    }
    let few = folder.join("few\u{1b}[2J");
    std::fs::create_dir_all(&few).unwrap();
    image::RgbImage::new(8, 8).save(few.join("only.png")).unwrap();
}

#[test]
fn arguments_are_repeated_without_what_a_terminal_obeys() {
    for args in [
        vec![EVIL],
        vec!["run", EVIL],
        vec!["run", "configs/smoke.toml", EVIL],
        vec!["check", EVIL],
        vec!["check", "configs/smoke.toml", "--set", EVIL],
        vec!["check", "configs/smoke.toml", "--set", "train.loss=\u{1b}[31m"],
        vec!["check", "configs/smoke.toml", "--set-file", EVIL],
        vec!["explain", EVIL, "configs/smoke.toml"],
        vec!["show", EVIL],
        vec!["runs", EVIL],
        vec!["docs", EVIL],
        vec!["init", EVIL],
        vec!["init", "--dataset", EVIL],
        vec!["init", "--dataset", "mnist", "--name", EVIL],
        vec!["graph", "configs/smoke.toml", "--output", EVIL],
        vec!["store", "verify", "--store", EVIL],
        vec!["store", "gc", "--grace", EVIL],
        vec!["run", "configs/smoke.toml", "--jobs", EVIL],
    ] {
        for json in [false, true] {
            let output = simpipe(&args).args(json.then_some("--json")).output().unwrap();
            let text = assert_plain(&format!("{args:?}"), &output);
            assert!(output.status.code().is_some_and(|code| code <= 4), "{args:?}: {text}");
        }
    }
    let text = said(&simpipe(&["check", EVIL]).output().unwrap());
    assert!(text.contains(SHOWN), "{text}");
}

#[test]
fn names_of_classes_and_folders_are_shown_by_their_escapes() {
    let project = Project::new();
    let folder = project.root().join(EVIL);
    images(&folder);
    let folder = folder.to_str().unwrap();
    let config = project.root().join("configs").join("a.toml");
    let config = config.to_str().unwrap();
    let text = assert_plain("init", &simpipe(&["init", folder, "--output", config]).output().unwrap());
    assert!(text.contains("wrote "), "{text}");
    let written = std::fs::read_to_string(config).unwrap();
    assert!(!written.contains(|c| c != '\n' && is_hidden(c)), "{written}");
    assert!(!written.lines().any(|line| line.starts_with("error: fake")), "{written}");
    for args in [
        vec!["check", config],
        vec!["plan", config],
        vec!["plan", config, "--json"],
        vec!["config", "show", config, "--origins"],
        vec!["config", "show", config, "--resolved", "--json"],
        vec!["graph", config, "--format", "svg"],
        vec!["doctor", config],
        vec!["doctor", config, "--json"],
        vec!["check", config, "--set", "sample.class-list=[\"nobody\"]"],
        vec!["check", config, "--set", "sample.total-examples-per-class=1000"],
    ] {
        assert_plain(&format!("{args:?}"), &simpipe(&args).output().unwrap());
    }
}

#[test]
fn a_run_over_evil_names_says_nothing_that_a_terminal_obeys() {
    let project = Project::new();
    let folder = project.root().join(EVIL);
    images(&folder);
    let config = project.root().join("configs").join("a.toml");
    let config = config.to_str().unwrap();
    let text =
        assert_plain("init", &simpipe(&["init", folder.to_str().unwrap(), "--output", config]).output().unwrap());
    let events = project.root().join("events");
    let quick = ["run", config, "-v", "--set", "train.epochs=0", "--set", "report.figures=[\"sample-grid\"]"];
    let output = project.output(&[&quick[..], &["--events", events.to_str().unwrap()]].concat());
    let text = text + &assert_plain("run", &output);
    assert_eq!(output.status.code(), Some(0), "{text}");
    let events = std::fs::read_to_string(events).unwrap();
    assert!(!events.contains(|c| c != '\n' && is_hidden(c)), "{events}");
    let failing = ["--set", "sample.class-list=[\"nobody\u{1b}[31m\"]"];
    assert_plain("a failing run", &project.output(&[&quick[..], &failing].concat()));
    for args in [vec!["runs"], vec!["show", "latest"], vec!["show", "latest", "--json"], vec!["store", "du"]] {
        assert_plain(&format!("{args:?}"), &project.output(&args));
    }
    let run = project.json(&["show", "latest", "--json"], 0);
    let run = project.root().join(run["dir"].as_str().unwrap());
    for file in ["dataset/dataset.json", "dataset/examples.parquet", "match/confusion.parquet", "run.json"] {
        assert_plain(file, &simpipe(&["show", run.join(file).to_str().unwrap()]).output().unwrap());
    }
    for file in ["report/report.html", "report/report.md", "log.txt"] {
        let text = std::fs::read_to_string(run.join(file)).unwrap();
        assert!(!text.contains(|c| c != '\n' && is_hidden(c)), "{file}: {text:?}");
    }
    let output = project.output(&["run", config, "--events", "/no/such\u{1b}[31m/file"]);
    assert_eq!(output.status.code(), Some(2));
    assert_plain("events", &output);
}
