//! Which layer sets a value: what later ones win, what errors and `config show` say of it.

use simpipe_base::param::View;
use simpipe_plan::Plan;
use simpipe_spec::{LoadOptions, Overlay, load};
use simpipe_stages::registry::builtin;

use crate::project::{Project, repository, simpipe};

fn show(args: &[&str]) -> String {
    let output = simpipe(&[&["config", "show"], args].concat()).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn options_win_in_the_order_of_the_command_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("laptop.toml");
    std::fs::write(&file, "[train]\nepochs = 7\n").unwrap();
    let file = file.to_str().unwrap();
    let epochs = |args: &[&str]| {
        let text = show(&[&["configs/smoke.toml"], args].concat());
        text.lines().find(|line| line.starts_with("epochs = ")).unwrap().to_owned()
    };
    assert_eq!(epochs(&["--set", "train.epochs=5", "--set-file", file]), "epochs = 7");
    assert_eq!(epochs(&["--set-file", file, "--set", "train.epochs=5"]), "epochs = 5");
    assert_eq!(epochs(&["--set", "train.epochs=5", "--set-file", file, "--set", "train.epochs=9"]), "epochs = 9");
}

#[test]
fn a_file_of_options_may_name_another_pipeline() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("evaluation.toml");
    std::fs::write(&file, "pipeline = \"metric-learning-evaluation\"\n[match-test]\nneighbours = 3\n").unwrap();
    let text = show(&["configs/smoke.toml", "--set-file", file.to_str().unwrap()]);
    assert!(text.contains("[match-test]\nneighbours = 3\nleave-one-out = true\n"), "{text}");
}

#[test]
fn a_file_of_options_that_is_not_there_is_named() {
    let output =
        simpipe(&["check", "configs/smoke.toml", "--set-file", "tests/fixtures/spec/overlays/wrong-values.toml"])
            .output()
            .unwrap();
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{message}");
    assert!(message.contains("did you mean `tests/fixtures/spec/overlays/wrong-value.toml`?"), "{message}");
}

#[test]
fn origins_name_layer_file_and_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("laptop.toml");
    std::fs::write(&file, "[train]\nsteps-per-epoch = 2\n").unwrap();
    let file = file.to_str().unwrap();
    let sets = ["--set", "train.epochs=5", "--set-file", file, "--set", "train.layers[0].rescale.divide-by=128.0"];
    let text = show(&[&["configs/cifar10-evaluation.toml", "--origins"], &sets[..]].concat());
    for (value, origin) in [
        ("name = \"cifar10-evaluation\"", "# configs/cifar10-evaluation.toml:6"),
        ("seed = 42", "# configs/cifar10.toml:6"),
        ("epochs = 5", "# --set number 1"),
        ("steps-per-epoch = 2", &format!("# --set-file number 1, {file}:2")),
        ("  { rescale = { divide-by = 128.0 } },", "# configs/cifar10.toml:30 and --set number 2"),
        ("leave-one-out = true", "# template pipelines/metric-learning-evaluation.toml:72"),
    ] {
        let line = text.lines().find(|line| line.starts_with(value) && line.ends_with(origin));
        assert!(line.is_some(), "{value} {origin}\n{text}");
    }
    let resolved = show(&["configs/smoke.toml", "--resolved", "--origins"]);
    assert!(resolved.lines().any(|line| line.starts_with("cutpoint = \"optimal\"") && line.ends_with("# default")));
    let json: serde_json::Value =
        serde_json::from_str(&show(&["configs/smoke.toml", "--json", "--set", "train.epochs=5"])).unwrap();
    assert_eq!(json["spec"]["train"]["epochs"], 5);
    assert_eq!(json["origins"]["train.epochs"]["layer"], "--set number 1");
    assert_eq!(json["origins"]["sample.split"]["layer"], "template");
}

#[test]
fn a_shown_config_is_the_same_experiment() {
    let project = repository().to_path_buf();
    let plan = |path: &std::path::Path, overlays: Vec<Overlay>| {
        let options = LoadOptions { overlays, project: Some(project.clone()) };
        let plan = load(path, &options).and_then(|experiment| Plan::build(experiment, builtin()));
        plan.unwrap_or_else(|issues| panic!("{}", issues.iter().map(|issue| issue.render()).collect::<String>()))
    };
    let folder = tempfile::tempdir().unwrap();
    let saved = folder.path().join("saved.toml");
    for entry in std::fs::read_dir(repository().join("configs")).unwrap() {
        let path = entry.unwrap().path();
        let shown = path.strip_prefix(repository()).unwrap().to_str().unwrap().to_owned();
        let set = "train.optimizer.adam.beta-1=0.8";
        let original = plan(&path, vec![Overlay::Set(set.to_owned())]);
        for more in [&[][..], &["--resolved"], &["--origins"], &["--resolved", "--origins"]] {
            let text = show(&[&[shown.as_str(), "--set", set], more].concat());
            std::fs::write(&saved, &text).unwrap();
            let again = plan(&saved, Vec::new());
            assert_eq!(again.resolved(View::Key), original.resolved(View::Key), "{shown} {more:?}\n{text}");
            assert_eq!(again.portable, original.portable, "{shown} {more:?}");
        }
    }
}

#[test]
fn a_path_of_an_option_is_shown_from_the_configs_folder() {
    let text = show(&["configs/smoke.toml", "--set", "dataset.source.image-folder.path=tests/fixtures"]);
    assert!(text.contains("source = { image-folder = { path = \"../tests/fixtures\" } }"), "{text}");
}

#[test]
fn json_errors_name_the_layer() {
    let project = Project::new();
    let sets = ["--set", "train.epochs=2", "--set", "train.epochs=two"];
    let json = project.json(&[&["check", "configs/smoke.toml", "--json"], &sets[..]].concat(), 2);
    assert_eq!(json["errors"][0]["layer"], "--set number 2");
    let json = project.json(&["check", "tests/fixtures/spec/bad/template-wrong-default.toml", "--json"], 2);
    assert_eq!(json["errors"][0]["layer"], "template");
    let json = project.json(&["check", "tests/fixtures/spec/bad/train-misspelt-key.toml", "--json"], 2);
    assert_eq!(json["errors"][0]["layer"], "config");
}

#[test]
fn a_calibration_on_training_examples_is_a_warning() {
    let project = Project::new();
    let json = project.json(&["check", "configs/smoke.toml", "--json"], 0);
    let warning = &json["warnings"][0];
    assert_eq!(json["warnings"].as_array().unwrap().len(), 1, "{json}");
    assert!(warning["message"].as_str().unwrap().contains("the model was trained on"), "{warning}");
    assert_eq!((&warning["file"], &warning["line"]), (&"configs/smoke.toml".into(), &42.into()));
    let output = project.output(&["check", "configs/smoke.toml"]);
    assert!(String::from_utf8_lossy(&output.stderr).starts_with("warning: configs/smoke.toml:42:1: "));
    let untrained = project.json(&["check", "configs/smoke.toml", "--json", "--set", "train.epochs=0"], 0);
    assert_eq!(untrained["warnings"].as_array().unwrap().len(), 0, "{untrained}");
}

#[test]
fn all_errors_are_shown_on_demand_and_in_json() {
    let spec = "tests/fixtures/spec/bad/layers-twelve-mistakes.toml";
    let count = |args: &[&str]| {
        let output = simpipe(&[&["check", spec], args].concat()).output().unwrap();
        (String::from_utf8_lossy(&output.stderr).matches("error: ").count(), output.stdout)
    };
    assert_eq!(count(&[]).0, 10);
    assert_eq!(count(&["--all"]).0, 12);
    let json: serde_json::Value = serde_json::from_slice(&count(&["--json"]).1).unwrap();
    assert_eq!(json["errors"].as_array().unwrap().len(), 12);
}

#[test]
fn arguments_of_explain_in_the_wrong_order_are_recognised() {
    let output = simpipe(&["explain", "configs/smoke.toml", "train"]).output().unwrap();
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0));
    assert!(message.contains("interpreted as `simpipe explain train configs/smoke.toml`"), "{message}");
}
