//! `simpipe.lock`: a run that is frozen keeps to it, whatever has changed since.

use std::path::PathBuf;

use serde_json::Value as Json;
use simpipe_base::digest::Digest;

use crate::project::{PLAIN_REPORT, Project, repository};

/// A copy of the smoke config in a folder of its own, so that its lock lies there.
struct Locked {
    project: Project,
    config: PathBuf,
}

impl Locked {
    fn new() -> Self {
        let project = Project::new();
        let config = project.root().join("configs/smoke.toml");
        std::fs::create_dir_all(config.parent().unwrap()).unwrap();
        let text = std::fs::read_to_string(repository().join("configs/smoke.toml")).unwrap();
        std::fs::write(&config, text).unwrap();
        Self { project, config }
    }

    fn run(&self, more: &[&str], code: i32) -> Json {
        let args = [&["run", self.config.to_str().unwrap(), "--json", "--quiet"], &PLAIN_REPORT[..], more].concat();
        self.project.json(&args, code)
    }

    /// What a frozen run is refused with, each as line and message.
    fn refused(&self, more: &[&str]) -> Vec<(u64, String)> {
        let errors = self.run(&[&["--frozen"], more].concat(), 2);
        let errors = errors["errors"].as_array().unwrap();
        errors
            .iter()
            .map(|error| (error["line"].as_u64().unwrap(), error["message"].as_str().unwrap().to_owned()))
            .collect()
    }

    fn lock(&self) -> PathBuf {
        self.config.with_file_name("simpipe.lock")
    }

    fn text(&self) -> String {
        std::fs::read_to_string(self.lock()).unwrap()
    }
}

#[test]
fn a_frozen_run_keeps_to_its_lock_and_says_what_differs_before_anything_runs() {
    let locked = Locked::new();
    let (_, said) = locked.refused(&[]).remove(0);
    assert!(said.contains("simpipe.lock`, which `--frozen` keeps to"), "{said}");
    let run = locked.run(&["--lock"], 0);
    let text = locked.text();
    for stage in run["stages"].as_array().unwrap() {
        let (id, key) = (stage["id"].as_str().unwrap(), stage["key"].as_str().unwrap());
        assert!(
            text.contains(&format!("[\"smoke.toml\".{id}]\n")) && text.contains(&format!("key = \"{key}\"\n")),
            "{text}"
        );
    }
    let root = locked.project.root().to_str().unwrap();
    assert!(!text.contains(root), "no path:\n{text}");
    locked.run(&["--frozen"], 0);
    locked.run(&["--lock"], 0);
    assert_eq!(locked.text(), text, "the same run gives the same bytes");
    // In an empty store too: nothing but the spec and the data is known before.
    let empty = tempfile::tempdir().unwrap();
    locked.run(&["--frozen", "--store", empty.path().to_str().unwrap()], 0);

    let folders = || std::fs::read_dir(locked.project.root().join("artifacts/runs/smoke")).unwrap().count();
    let before = folders();
    let (line, said) = locked.refused(&["--set", "train.steps-per-epoch=5"]).remove(0);
    assert_eq!(said, "the stage `train` is not as locked: `train.steps-per-epoch` changed: 12 -> 5");
    assert_eq!(text.lines().nth(line as usize - 1), Some("steps-per-epoch = 12"), "line {line}");
    let (_, said) = locked.refused(&["--set", "train.epochs=5"]).remove(0);
    assert_eq!(said, "the stage `train` is not as locked: `train.epochs` changed: default -> 5");
    let said = locked.refused(&["--set", "seed=12345"]);
    assert!(
        said.iter().any(|(_, said)| said.starts_with("`seed` is not as locked: ") && said.ends_with("-> 12345")),
        "{said:?}"
    );
    let said =
        locked.refused(&["--set", "train.optimizer={ adam = { learning-rate = 0.5 } }", "--set", "description=new"]);
    assert!(
        said.iter().any(|(_, said)| said.ends_with("`train.optimizer.adam.learning-rate` changed: 0.002 -> 0.5")),
        "{said:?}"
    );
    assert!(said.iter().any(|(_, said)| said.starts_with("`description` is not as locked")), "{said:?}");
    assert_eq!(folders(), before, "nothing ran");
    // What enters no key is no difference.
    locked.run(&["--frozen", "--set", "train.retries=1"], 0);
}

#[test]
fn a_lock_holds_every_config_of_its_folder_and_groups_by_seed() {
    let locked = Locked::new();
    locked.run(&["--lock"], 0);
    let alone = locked.text();
    let other = locked.config.with_file_name("seeds.toml");
    std::fs::copy(&locked.config, &other).unwrap();
    let run = |more: &[&str], code: i32| {
        let args = ["run", other.to_str().unwrap(), "--json", "--quiet", "--set", "seeds=[1, 2]"];
        locked.project.json(&[&args[..], &PLAIN_REPORT, more].concat(), code)
    };
    assert!(run(&["--frozen"], 2)["errors"][0]["message"].as_str().unwrap().ends_with("has nothing of `seeds.toml`"));
    run(&["--lock"], 0);
    run(&["--frozen"], 0);
    let both = locked.text();
    assert!(both.contains("[\"seeds.toml\".train]") && both.contains("keys = { 1 = \""), "{both}");
    let smoke = alone.split("format = 1\n").nth(1).unwrap();
    assert!(both.contains(smoke), "the other config's section is as it was");
    locked.run(&["--frozen"], 0);
    let args = ["run", other.to_str().unwrap(), "--json", "--quiet", "--frozen", "--set", "seeds=[1, 3]"];
    let said = locked.project.json(&[&args[..], &PLAIN_REPORT].concat(), 2);
    assert!(said["errors"].to_string().contains("`seeds` is not as locked: [1,2] -> [1,3]"), "{said}");
}

#[test]
fn a_torn_or_foreign_lock_is_said_and_never_overwritten() {
    let locked = Locked::new();
    locked.run(&["--lock"], 0);
    let whole = locked.text();
    for (text, expected) in [
        (whole[..whole.len() / 2].to_owned(), ""),
        (whole.replace("steps-per-epoch = 12", "steps-per-epoch = 13"), "the lock of `smoke.toml` is torn"),
        ("<<<<<<< ours\n".to_owned() + &whole, ""),
        (whole.replace("format = 1\n", "format = 2\n"), "this lock has format 2"),
        (String::new(), "this is not a lock"),
    ] {
        std::fs::write(locked.lock(), &text).unwrap();
        let said = locked.refused(&[]);
        assert!(said[0].1.contains(expected), "{said:?}");
    }
    std::fs::write(locked.lock(), "<<<<<<< ours\n".to_owned() + &whole).unwrap();
    let before = locked.text();
    locked.run(&["--lock"], 2);
    assert_eq!(locked.text(), before, "what can't be read is not thrown away");
    std::fs::write(locked.lock(), &whole).unwrap();
    locked.run(&["--frozen"], 0);
    // A run that fails leaves the lock as it was.
    locked.run(&["--lock", "--set", "train.timeout=1s", "--set", "train.epochs=2000"], 1);
    assert_eq!(locked.text(), whole);
}

#[test]
fn other_bytes_of_an_upstream_stage_are_found_when_the_run_is_over() {
    let locked = Locked::new();
    locked.run(&["--lock"], 0);
    // As if the run that was locked had trained another model: all else that is known of each stage is the same.
    let text = locked.text();
    let mut section = toml::from_str::<Json>(&text).unwrap()["smoke.toml"].take();
    let [seal, key] =
        [&section["seal"], &section["embed-validation"]["key"]].map(|text| text.as_str().unwrap().to_owned());
    let other = "ab".repeat(32);
    section["embed-validation"]["key"] = other.as_str().into();
    section.as_object_mut().unwrap().remove("seal");
    let sealed = Digest::of_json(&serde_json::json!({ "format": 1, "section": section })).to_string();
    let forged = text.replace(&key, &other).replace(&seal, &sealed);
    std::fs::write(locked.lock(), text.replace(&key, &other)).unwrap();
    assert!(locked.refused(&[])[0].1.contains("is torn"), "a key is sealed like all else");
    std::fs::write(locked.lock(), forged).unwrap();
    // Where the model is stored, the key is known before anything runs.
    let said = locked.refused(&[]);
    assert!(said[0].1.starts_with("the stage `embed-validation` reads other bytes than were locked"), "{said:?}");
    // In an empty store the run has to tell.
    let empty = tempfile::tempdir().unwrap();
    let store = ["--store", empty.path().to_str().unwrap(), "--frozen", "--quiet"];
    let output =
        locked.project.output(&[&["run", locked.config.to_str().unwrap()], &PLAIN_REPORT[..], &store].concat());
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("the stage `embed-validation` reads other bytes than were locked"), "{said}");
}
