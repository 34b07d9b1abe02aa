//! A network from an ONNX file in a whole run; what a build without it says.

use std::path::Path;

use crate::frozen_backbone;
use crate::project::{Project, simpipe};

/// The layers of a `backbone` from a file.
fn backbone(file: &Path, more: &str) -> String {
    format!("backbone.layers=[{{ onnx = {{ path = {:?}{more} }} }}]", file.to_str().unwrap())
}

/// What `check` says of a file, and with which code it ends.
fn refused(project: &Project, file: &Path, code: i32) -> String {
    let set = backbone(file, "");
    let json = project.json(&["check", &frozen_backbone::config_in(project), "--set", &set, "--json"], code);
    let error = &json["errors"][0];
    format!("{} / {}", error["message"].as_str().unwrap(), error["help"].as_str().unwrap_or("-"))
}

/// What `init` prints, which knows no `--root`.
fn init(project: &Project, args: &[&str], code: i32) -> serde_json::Value {
    let args: Vec<&str> = ["init", "--json"].iter().chain(args).copied().collect();
    let output = simpipe(&args).current_dir(project.root()).output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{args:?}\n{stdout}\n{stderr}");
    serde_json::from_str(&stdout).unwrap()
}

#[cfg(not(feature = "onnx"))]
#[test]
fn a_build_without_the_feature_says_how_to_get_it() {
    let project = Project::new();
    let file = project.root().join("net.onnx");
    std::fs::write(&file, "x").unwrap();
    let found = refused(&project, &file, 2);
    assert!(found.contains("built without the feature `onnx`") && found.contains("--features onnx"), "{found}");
    let photos = project.root().join("photos");
    std::fs::create_dir(&photos).unwrap();
    let json = init(&project, &[photos.to_str().unwrap(), "--backbone", file.to_str().unwrap()], 2);
    assert!(json["errors"][0]["message"].as_str().unwrap().contains("built without the feature `onnx`"), "{json}");
}

/// A network of our own that was exported, and its run.
#[cfg(feature = "onnx")]
fn exported(project: &Project) -> std::path::PathBuf {
    project.run(&crate::project::PLAIN_REPORT);
    let file = project.root().join("net.onnx");
    project.json(&["export", "latest", "--format", "onnx", "--output", file.to_str().unwrap(), "--json"], 0);
    file
}

#[cfg(feature = "onnx")]
#[test]
fn a_network_runs_once_and_a_head_is_trained_on_what_it_gives() {
    use crate::query::Asked;

    let project = Project::new();
    let file = exported(&project);
    let set = backbone(&file, "");
    let first = frozen_backbone::run(&project, &["--set", &set]);
    assert!(first.json["metrics"]["evaluate.recall@1"].is_number(), "{}", first.json["metrics"]);
    // Another place is no other network, and other bytes are.
    let moved = project.root().join("moved.onnx");
    std::fs::copy(&file, &moved).unwrap();
    let again = frozen_backbone::run(&project, &["--set", &backbone(&moved, "")]);
    assert_eq!(again.ran(), Vec::<String>::new());
    let other = frozen_backbone::run(&project, &["--set", &set, "--set", "train.loss=triplet-margin"]);
    assert!(!other.ran().iter().any(|id| id.contains("backbone") || id.contains("features")), "{:?}", other.ran());

    // A picture that comes as a file gets the answer of `match`; two networks compute it, one of them from the file in the model.
    std::fs::remove_file(&file).unwrap();
    std::fs::remove_file(&moved).unwrap();
    let asked = Asked::of(project, &other);
    let path = asked.path(3);
    let answers = asked.project.json(&["query", "latest", "--json", &path], 0);
    asked.expect_same(&answers[0], 3);
    for (format, reason) in
        [("onnx", "is an ONNX file of its own"), ("torch", "an ONNX file, which torch does not run")]
    {
        let output = asked.project.root().join("out");
        let json = asked
            .project
            .json(&["export", "latest", "--format", format, "--output", output.to_str().unwrap(), "--json"], 2);
        let message = json["errors"][0]["message"].as_str().unwrap();
        assert!(message.contains(reason), "{message}");
    }
}

#[cfg(feature = "onnx")]
#[test]
fn files_that_are_none_are_refused_at_their_line() {
    let project = Project::new();
    let file = exported(&project);
    let whole = std::fs::read(&file).unwrap();
    let cut = project.root().join("cut.onnx");
    std::fs::write(&cut, &whole[..whole.len() / 2]).unwrap();
    let found = refused(&project, &cut, 2);
    assert!(found.contains("cut.onnx` is not an ONNX file"), "{found}");
    assert!(refused(&project, &project.root().join("gone.onnx"), 4).contains("there is nothing at"));
    let set = backbone(&file, ", mean = [1, 2, 3]");
    let json = project.json(&["check", &frozen_backbone::config_in(&project), "--set", &set, "--json"], 2);
    assert!(json["errors"][0]["message"].as_str().unwrap().contains("the network takes pixels as bytes"), "{json}");
    let json =
        project.json(&["check", &frozen_backbone::config_in(&project), "--set", &backbone(&file, ""), "--json"], 0);
    assert!(json["models"]["backbone"]["layers"][0]["output"][0].is_number(), "{json}");
}

#[cfg(feature = "onnx")]
#[test]
fn init_writes_a_config_for_a_network() {
    let project = Project::new();
    let file = exported(&project);
    let photos = project.root().join("photos");
    crate::init::write_classes(&photos, &[("cat", 24), ("dog", 24), ("owl", 24)], 40);
    let config = project.root().join("photos.toml");
    let [photos, file, config] = [&photos, &file, &config].map(|path| path.to_str().unwrap());
    init(&project, &[photos, "--backbone", file, "--output", config], 0);
    let text = std::fs::read_to_string(config).unwrap();
    assert!(text.contains("{ onnx = { path = \"net.onnx\", size = 32 } },"), "{text}");
    project.json(&["check", config, "--json"], 0);
}
