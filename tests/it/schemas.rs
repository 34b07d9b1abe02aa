//! What commands print with `--json` fits the schemas in `docs/schemas`.

use serde_json::Value as Json;

use crate::project::{Project, repository};

pub(crate) fn validate(name: &str, value: &Json) {
    let path = repository().join("docs/schemas").join(name);
    let schema: Json = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> = validator.iter_errors(value).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{name}: {errors:?}\n{value}");
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
