//! `simpipe doctor` on a healthy place, on a broken store and on data that is not there.

use serde_json::Value as Json;

use crate::project::Project;
use crate::schemas::validate;

fn levels<'a>(json: &'a Json, subject: &str) -> Vec<&'a str> {
    let findings = json["findings"].as_array().unwrap().iter();
    let of = findings.filter(|finding| finding["subject"].as_str().unwrap().contains(subject));
    of.map(|finding| finding["level"].as_str().unwrap()).collect()
}

#[test]
fn a_healthy_place_is_left_as_it_was() {
    let project = Project::new();
    let json = project.json(&["doctor", "configs/smoke.toml", "--json"], 0);
    validate("doctor.schema.json", &json);
    assert_ne!(json["worst"], "bad");
    for subject in ["version", "device", "store", "hard links", "cifar10-sample", "`dataset`"] {
        assert!(!levels(&json, subject).is_empty(), "`{subject}` in {json}");
    }
    assert_eq!(std::fs::read_dir(project.root()).unwrap().count(), 0);
}

#[test]
fn what_would_stop_a_run_ends_with_one() {
    let project = Project::new();
    let store = project.root().join("artifacts/store");
    std::fs::create_dir_all(&store).unwrap();
    std::fs::write(store.join("format"), "99\n").unwrap();
    let json = project.json(&["doctor", "--json"], 1);
    validate("doctor.schema.json", &json);
    assert_eq!((json["worst"].as_str(), levels(&json, "store")), (Some("bad"), vec!["bad"]));
    let config = project.root().join("configs/a.toml");
    std::fs::create_dir_all(config.parent().unwrap()).unwrap();
    let text = "pipeline = \"metric-learning\"\n[dataset]\nsource = { image-folder = { path = \"nowhere\" } }\n\
                [train]\nlayers = [\"flatten\", { metric-embedding = { size = 4 } }]\n";
    std::fs::write(&config, text).unwrap();
    std::fs::remove_dir_all(project.root().join("artifacts")).unwrap();
    let json = project.json(&["doctor", config.to_str().unwrap(), "--json"], 4);
    assert!(json["errors"][0]["message"].as_str().unwrap().starts_with("there is nothing at"), "{json}");
    project.json(&["doctor", "no-such.toml", "--json"], 2);
}
