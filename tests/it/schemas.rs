//! What commands print with `--json` fits the schemas in `docs/schemas`.

use serde_json::Value as Json;

use crate::project::{Project, repository, simpipe};

pub(crate) fn validate(name: &str, value: &Json) {
    let path = repository().join("docs/schemas").join(name);
    let schema: Json = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> = validator.iter_errors(value).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{name}: {errors:?}\n{value}");
}

#[test]
fn check_of_many_files_fits_its_schema() {
    let project = Project::new();
    let good = ["configs/smoke.toml", "configs/cifar10.toml"];
    validate("check.schema.json", &project.json(&["check", good[0], good[1], "--json"], 0));
    let bad = "tests/fixtures/spec/bad/train-misspelt-key.toml";
    let json = project.json(&["check", good[0], bad, "--json"], 2);
    validate("check.schema.json", &json);
    assert_eq!(
        (&json["ok"], &json["files"][good[0]]["ok"], &json["files"][bad]["ok"]),
        (&false.into(), &true.into(), &false.into())
    );
    validate("check.schema.json", &project.json(&["check", bad, "--json"], 2));
}

#[test]
fn a_shown_config_fits_its_schema() {
    for more in [&["--json"][..], &["--json", "--resolved", "--set", "train.epochs=2"]] {
        let args = [&["config", "show", "configs/cifar10-evaluation.toml"], more].concat();
        let shown: Json = serde_json::from_slice(&simpipe(&args).output().unwrap().stdout).unwrap();
        validate("config-show.schema.json", &shown);
        assert!(shown["origins"].as_object().unwrap().len() > 50);
    }
}

/// `simpipe schema` is what editors read: the file beside the docs is the same, and every shipped config fits it.
#[test]
fn configs_fit_the_schema_that_they_name() {
    let printed: Json = serde_json::from_slice(&simpipe(&["schema"]).output().unwrap().stdout).unwrap();
    let path = repository().join("docs/schemas/config.schema.json");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, format!("{}\n", serde_json::to_string_pretty(&printed).unwrap())).unwrap();
    }
    let stored: Json = serde_json::from_str(&std::fs::read_to_string(&path).unwrap_or_default()).unwrap_or_default();
    assert_eq!(
        stored, printed,
        "`simpipe schema` prints another schema than docs/schemas/config.schema.json holds: BLESS=1"
    );
    let validator = jsonschema::validator_for(&printed).unwrap();
    let mut count = 0;
    for folder in ["configs", "docs/examples/configs"] {
        for entry in std::fs::read_dir(repository().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            let named = text.lines().next().and_then(|line| line.strip_prefix("#:schema "));
            let named = named.unwrap_or_else(|| panic!("{} names no schema", path.display()));
            assert!(path.parent().unwrap().join(named).is_file(), "{}: {named}", path.display());
            let config: Json = toml::from_str(&text).unwrap();
            let errors: Vec<String> = validator.iter_errors(&config).map(|error| error.to_string()).collect();
            assert!(errors.is_empty(), "{}: {errors:?}", path.display());
            count += 1;
        }
    }
    assert!(count >= 6, "found {count} configs");
    // It refuses what editors should underline.
    for bad in ["epochs = 3", "[train]\nepoch = 3", "[train]\nlayers = [\"conv2d\"]", "device = \"gpu\"", "seed = -1"] {
        let config: Json = toml::from_str(bad).unwrap();
        assert!(!validator.is_valid(&config), "{bad}");
    }
    for good in [
        "[my-index]\nslice = \"all\"",
        "[train]\nlayers = [\"batch-norm\"]",
        "[sample-test]\nclass-list = [\"Cat\", 3]",
    ] {
        let config: Json = toml::from_str(good).unwrap();
        assert!(validator.is_valid(&config), "{good}");
    }
}

#[test]
fn printed_json_fits_its_schema() {
    let project = Project::new();
    validate("plan.schema.json", &project.json(&["plan", "configs/smoke.toml", "--json"], 0));
    validate("check.schema.json", &project.json(&["check", "configs/smoke.toml", "--json"], 0));
    let errors = project.json(&["check", "configs/smoke.toml", "--json", "--set", "train.epochs=x"], 2);
    validate("errors.schema.json", &errors);
    let events = project.root().join("events.jsonl");
    let run = project.run(&["--events", events.to_str().unwrap()]);
    validate("run.schema.json", &run.json);
    let on_disk: Json =
        serde_json::from_str(&std::fs::read_to_string(run.dir(&project).join("run.json")).unwrap()).unwrap();
    validate("run.schema.json", &on_disk);
    for line in std::fs::read_to_string(events).unwrap().lines() {
        validate("event.schema.json", &serde_json::from_str(line).unwrap());
    }
    validate("plan.schema.json", &project.json(&["plan", "configs/smoke.toml", "--json"], 0));
}
