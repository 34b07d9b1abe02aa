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
    let changed = ["explain", "match", "configs/smoke.toml", "--json", "--set", "train.epochs=3"];
    let explained = project.json(&changed, 0);
    validate("explain.schema.json", &explained);
    let mut cause = &explained;
    while !cause["causes"][0].is_null() {
        cause = &cause["causes"][0];
    }
    assert_eq!(cause["reasons"][0]["path"], "train.epochs", "{explained}");
    for (file, rows) in
        [("train/history.parquet", "rows"), ("index/index.arrow", "rows"), ("train/model.safetensors", "tensors")]
    {
        let path = run.dir(&project).join(file);
        let shown = project.json(&["show", path.to_str().unwrap(), "--json"], 0);
        validate("show-file.schema.json", &shown);
        assert!(!shown[rows].is_null(), "{file}");
    }
    for file in ["train/model.json", "calibrate/calibration.json", "index/index.json", "run.json"] {
        let path = run.dir(&project).join(file);
        let shown = project.json(&["show", path.to_str().unwrap(), "--json"], 0);
        validate("show-file.schema.json", &shown);
        assert!(shown.as_object().unwrap().len() > 2, "{file}");
    }
}

#[test]
fn json_of_the_store_commands_fits_its_schema() {
    let project = Project::new();
    let id = project.run(&[]).json["run"].as_str().unwrap().to_owned();
    let pinned = project.json(&["store", "pin", &id, "--tag", "paper", "--json"], 0);
    validate("store-pin.schema.json", &pinned);
    assert_eq!((&pinned["pinned"]["run"], &pinned["gone"]), (&id.as_str().into(), &serde_json::json!([])));
    for command in ["pins", "du", "gc", "verify"] {
        validate(&format!("store-{command}.schema.json"), &project.json(&["store", command, "--json"], 0));
    }
    let bucket = format!("file://{}", project.root().join("bucket").display());
    for command in ["push", "pull"] {
        let synced = project.json(&["store", command, "latest", "--store", &bucket, "--json"], 0);
        validate(&format!("store-{command}.schema.json"), &synced);
        assert_eq!(synced["missing"], serde_json::json!([]));
    }
    let unpinned = project.json(&["store", "unpin", "paper", "--json"], 0);
    validate("store-unpin.schema.json", &unpinned);

    // With nothing to keep, all goes: what gc removes fits too, and a pin then says what is gone.
    let removed = project.json(&["store", "gc", "--keep-runs", "0", "--grace", "0s", "--delete", "--json"], 0);
    validate("store-gc.schema.json", &removed);
    assert!(!removed["removed"].as_array().unwrap().is_empty());
    let pinned = project.json(&["store", "pin", &id, "--json"], 0);
    validate("store-pin.schema.json", &pinned);
    assert!(pinned["gone"].as_array().unwrap().iter().any(|stage| stage == "train"), "{pinned}");
}

#[test]
fn json_of_the_reference_fits_its_schema() {
    for args in [&["docs", "--json"][..], &["docs", "train", "--json"], &["docs", "epochs", "--json"]] {
        let json: Json = serde_json::from_slice(&simpipe(args).output().unwrap().stdout).unwrap();
        validate("docs.schema.json", &json);
    }
}
