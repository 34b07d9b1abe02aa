//! `reproduce`: a run is made again from its record, and what differs is told with its cause.

use std::path::{Path, PathBuf};

use serde_json::Value as Json;

use crate::peers;
use crate::project::{PLAIN_REPORT, Project, files_below, repository, simpipe};

/// A run's record as it lies on the disk.
fn record(project: &Project, run: &Json) -> PathBuf {
    project.root().join(run["dir"].as_str().unwrap()).join("run.json")
}

fn read(path: &Path) -> Json {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn verdicts(report: &Json) -> Vec<&str> {
    report["stages"].as_array().unwrap().iter().map(|stage| stage["verdict"].as_str().unwrap()).collect()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_run_leaves_the_same_bytes_again_from_its_record_alone() {
    let project = Project::new();
    let run = project.run(&PLAIN_REPORT).json;
    // Somebody else has the file, and nothing else: no config, no store, another folder.
    let other = Project::new();
    let sent = other.root().join("sent.json");
    std::fs::copy(record(&project, &run), &sent).unwrap();
    let into = other.root().join("again");
    let args = ["reproduce", sent.to_str().unwrap(), "--into", into.to_str().unwrap(), "--json", "--quiet"];
    let report = other.json(&args, 0);
    crate::schemas::validate("reproduce.schema.json", &report);
    assert_eq!((&report["equal"], &report["first"], &report["run"]), (&true.into(), &Json::Null, &run["run"]));
    assert_eq!(verdicts(&report), vec!["equal"; run["stages"].as_array().unwrap().len()]);
    for stage in report["stages"].as_array().unwrap() {
        assert_eq!(stage["key"]["recorded"], stage["key"]["found"], "{stage}");
    }
    // It is kept, and is a run like any other.
    let again = into.join(report["again"]["dir"].as_str().unwrap());
    assert!(files_below(&again).contains(&"train/model.safetensors".to_owned()));
    let shown = simpipe(&["show", "latest", "--json", "--root", into.to_str().unwrap()]).output().unwrap();
    let shown: Json = serde_json::from_slice(&shown.stdout).unwrap();
    assert!(shown["stages"].as_array().unwrap().iter().all(|stage| stage["outcome"] == "ran"), "in an empty store");
    assert_eq!(shown["spec"], run["spec"]);
    // What is there would be taken for what it left.
    assert!(other.json(&args, 2)["errors"][0]["message"].as_str().unwrap().ends_with("is not empty"));

    // By its name; nothing stays, and nothing changes here.
    let before = files_below(project.root());
    let output = project.output(&["reproduce", "latest", "--quiet"]);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}\n{}", text(&output.stderr));
    assert!(said.contains("10 of 10 stages left the same bytes"), "{said}");
    assert_eq!(files_below(project.root()), before);
}

#[test]
fn other_kernels_and_other_results_are_named_with_the_first_stage_that_differs() {
    let project = Project::new();
    let run = project.run(&PLAIN_REPORT).json;
    let path = record(&project, &run);
    let whole = read(&path);
    let at = |id: &str| whole["stages"].as_array().unwrap().iter().position(|stage| stage["id"] == id).unwrap();
    let reproduce = |changed: &Json, more: &[&str], code: i32| {
        let sent = project.root().join("changed.json");
        std::fs::write(&sent, changed.to_string()).unwrap();
        project.json(&[&["reproduce", sent.to_str().unwrap(), "--json", "--quiet"], more].concat(), code)
    };
    // The record says that training left something else, computed by kernels that are not here.
    let mut changed = whole.clone();
    changed["stages"][at("train")]["files"]["model.safetensors"]["digest"] = "ab".repeat(32).into();
    changed["stages"][at("train")]["made_by"]["kernels"] = "none-of-ours".into();
    let report = reproduce(&changed, &[], 1);
    crate::schemas::validate("reproduce.schema.json", &report);
    let first = &report["first"];
    assert_eq!((&report["equal"], &first["stage"]), (&false.into(), &"train".into()));
    assert!(
        first["why"][0].as_str().unwrap().contains("the instruction set of the kernels is another: `none-of-ours`")
    );
    let stage = &report["stages"][at("train")];
    let differing: Vec<&Json> =
        stage["files"].as_array().unwrap().iter().filter(|file| file["recorded"] != file["found"]).collect();
    assert_eq!((differing.len(), &differing[0]["name"]), (1, &"model.safetensors".into()));
    assert_eq!(
        verdicts(&report).iter().filter(|verdict| **verdict == "differs").count(),
        1,
        "the others are as they were"
    );

    // Another implementation, by its version.
    let mut changed = whole.clone();
    changed["stages"][at("train")]["files"]["model.json"]["digest"] = "ab".repeat(32).into();
    changed["stages"][at("train")]["key_parts"]["version"] = 1.into();
    let why = reproduce(&changed, &[], 1)["first"]["why"][0].as_str().unwrap().to_owned();
    assert!(why.starts_with("the implementation changed: version 1 -> "), "{why}");

    // Nothing that is known explains it.
    let mut changed = whole.clone();
    changed["stages"][at("index")]["files"]["index.json"]["digest"] = "ab".repeat(32).into();
    let report = reproduce(&changed, &[], 1);
    assert_eq!(report["first"]["stage"], "index");
    assert!(report["first"]["why"][0].as_str().unwrap().contains("its result depends on something else"), "{report}");

    // A stage without a result is not compared; a record without any can't be.
    let mut changed = whole.clone();
    changed["stages"][at("report")]["outcome"] = "failed".into();
    changed["stages"][at("report")]["files"] = serde_json::json!({});
    assert_eq!(verdicts(&reproduce(&changed, &[], 0)).last(), Some(&"not-compared"));
    for stage in changed["stages"].as_array_mut().unwrap() {
        stage["outcome"] = "skipped".into();
    }
    let said = reproduce(&changed, &[], 2);
    assert!(
        said["errors"][0]["message"].as_str().unwrap().contains("has no result that could be reproduced"),
        "{said}"
    );
}

#[test]
fn what_somebody_has_sent_is_looked_at_before_it_is_run() {
    let project = Project::new();
    let run = project.run(&PLAIN_REPORT).json;
    let whole = read(&record(&project, &run));
    let sent = project.root().join("sent.json");
    let said = |text: &str, code: i32| {
        std::fs::write(&sent, text).unwrap();
        let errors = project.json(&["reproduce", sent.to_str().unwrap(), "--json"], code);
        errors["errors"][0]["message"].as_str().unwrap().to_owned()
    };
    assert!(said("", 1).contains("is not a run record"));
    assert!(said("{\"format\": 99}", 1).contains("has format 99"));
    let with = |change: &dyn Fn(&mut Json)| {
        let mut changed = whole.clone();
        change(&mut changed);
        changed.to_string()
    };
    assert!(said(&with(&|json| json["spec"]["name"] = "../../x".into()), 2).contains("names a folder"));
    assert!(
        said(&with(&|json| json["spec"]["stages"]["train"]["params"]["epochs"] = (-1).into()), 2)
            .contains("`train.epochs`")
    );
    assert!(
        said(&with(&|json| json["spec"]["stages"]["train"]["stage"] = "trian".into()), 2)
            .contains("no stage kind `trian`")
    );
    assert!(said(&with(&|json| json["spec"]["stages"] = 3.into()), 2).contains("no `stages`"));
    let output = project.output(&["reproduce", "no-such-run", "--json"]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_group_of_seeds_is_reproduced_whole() {
    let project = Project::new();
    let args = [&["run", "configs/smoke.toml", "--json", "--set", "seeds=[1, 2]"], &PLAIN_REPORT[..]].concat();
    let group = project.json(&args, 0);
    let path = record(&project, &group);
    let report = project.json(&["reproduce", path.to_str().unwrap(), "--json", "--quiet"], 0);
    crate::schemas::validate("reproduce.schema.json", &report);
    assert_eq!(verdicts(&report), vec!["equal"; group["stages"].as_array().unwrap().len()]);
    let mut changed = read(&path);
    let stages = changed["stages"].as_array_mut().unwrap();
    let train = stages.iter_mut().find(|stage| stage["id"] == "train" && stage["seed"] == 2).unwrap();
    train["files"]["model.safetensors"]["digest"] = "ab".repeat(32).into();
    let sent = project.root().join("changed.json");
    std::fs::write(&sent, changed.to_string()).unwrap();
    let report = project.json(&["reproduce", sent.to_str().unwrap(), "--json", "--quiet"], 1);
    assert_eq!((&report["first"]["stage"], &report["first"]["seed"]), (&"train".into(), &2.into()));
}

/// A project of one stage over two images of one pixel.
fn photos(project: &Project, value: u8) -> PathBuf {
    let at = |name: &str| project.root().join(name);
    for folder in ["pipelines", "configs"] {
        std::fs::create_dir_all(at(folder)).unwrap();
    }
    std::fs::write(at("pipelines/only.toml"), "format = 1\n[stages.dataset]\nstage = \"dataset\"\n").unwrap();
    let source = "pipeline = \"only\"\n[dataset]\nsource = { image-folder = { path = \"../photos\" } }\n";
    std::fs::write(at("configs/photos.toml"), source).unwrap();
    for name in ["train/a/1.png", "train/b/2.png"] {
        let path = at("photos").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        image::GrayImage::from_pixel(1, 1, image::Luma([value])).save(&path).unwrap();
    }
    at("configs/photos.toml")
}

#[test]
fn data_that_has_moved_is_found_and_data_that_is_gone_or_another_is_said() {
    let project = Project::new();
    let config = photos(&project, 10);
    let run = project.json(&["run", config.to_str().unwrap(), "--json"], 0);
    let sent = project.root().join("sent.json");
    std::fs::copy(record(&project, &run), &sent).unwrap();
    let (sent, was) = (sent.to_str().unwrap(), project.root().join("photos"));
    assert_eq!(run["paths"]["dataset.source.image-folder.path"], was.to_str().unwrap());
    // The folder of the config is gone, the data is where it was.
    std::fs::rename(project.root().join("configs"), project.root().join("elsewhere")).unwrap();
    assert_eq!(project.json(&["reproduce", sent, "--json", "--quiet"], 0)["equal"], true);

    let moved = project.root().join("a=b");
    std::fs::rename(&was, &moved).unwrap();
    let gone = project.json(&["reproduce", sent, "--json", "--quiet"], 4);
    let help = gone["errors"][0]["help"].as_str().unwrap();
    assert_eq!(help, format!("say where it is now: `--data {}=NEW`", was.display()));
    let output = project.output(&["reproduce", sent, "--quiet"]);
    let shown = text(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{shown}");
    // The record has no text, so no line of it is shown.
    assert!(shown.contains("at `dataset.source.image-folder.path`: ") && !shown.contains(" | "), "{shown}");
    for old in [was.to_str().unwrap(), "../photos"] {
        let data = format!("{old}={}", moved.display());
        assert_eq!(project.json(&["reproduce", sent, "--data", &data, "--json", "--quiet"], 0)["equal"], true);
    }
    let said = project.json(&["reproduce", sent, "--data", "photo=x", "--json", "--quiet"], 2);
    assert!(said["errors"][0]["message"].as_str().unwrap().contains("has read nothing at `photo`"), "{said}");

    // Other images in its place: it is the source.
    std::fs::remove_dir_all(&moved).unwrap();
    photos(&project, 20);
    let report = project.json(&["reproduce", sent, "--json", "--quiet"], 1);
    assert_eq!(report["first"]["stage"], "dataset");
    assert!(report["first"]["why"].to_string().contains("source `images` changed"), "{report}");
}

/// The record names the commit, and a change that is not committed.
#[test]
fn a_run_says_what_was_checked_out() {
    let project = Project::new();
    let config = photos(&project, 10);
    let git = |arguments: &[&str]| {
        let mut command = std::process::Command::new("git");
        command
            .current_dir(project.root())
            .args(["-c", "user.name=a", "-c", "user.email=a@example.org"])
            .args(arguments);
        for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"] {
            command.env_remove(name);
        }
        command.output().is_ok_and(|output| output.status.success())
    };
    let run = || project.json(&["run", config.to_str().unwrap(), "--json"], 0);
    assert!(run()["git"].is_null(), "there is no repository");
    if !git(&["init", "--quiet"]) {
        peers::skip("the state of a repository", "git is not on this machine");
        return;
    }
    assert!(git(&["add", "configs", "pipelines"]) && git(&["commit", "--quiet", "-m", "first"]));
    let clean = run();
    assert_eq!((clean["git"]["commit"].as_str().unwrap().len(), &clean["git"]["dirty"]), (40, &false.into()));
    let keys = |run: &Json| run["stages"][0]["key"].clone();
    std::fs::write(&config, std::fs::read_to_string(&config).unwrap() + "# a note\n").unwrap();
    let dirty = run();
    assert_eq!((&dirty["git"]["commit"], &dirty["git"]["dirty"]), (&clean["git"]["commit"], &true.into()));
    assert_eq!(dirty["git"]["diff"].as_str().unwrap().len(), 64);
    assert_eq!((keys(&dirty), &dirty["stages"][0]["outcome"]), (keys(&clean), &"hit".into()), "never in a key");
    crate::schemas::validate("run.schema.json", &dirty);
}

/// Every shipped config means the same stages when it is read back from its resolved spec.
#[test]
fn every_shipped_config_survives_its_record() {
    use simpipe_base::param::View;
    use simpipe_base::source::Source;
    use simpipe_plan::Plan;
    use simpipe_stages::registry;
    let mut count = 0;
    for entry in std::fs::read_dir(repository().join("configs")).unwrap() {
        let path = entry.unwrap().path();
        let experiment = simpipe_spec::load(&path, &simpipe_spec::LoadOptions::default()).unwrap();
        // Data that is not here has no plan.
        let Ok(plan) = Plan::build(experiment, registry::builtin()) else { continue };
        let ids: Vec<&str> = plan.order.iter().map(|node| plan.graph[*node].id.as_str()).collect();
        let source = Source::new("run.json", "", path.parent().unwrap());
        let again = simpipe_spec::from_resolved(&plan.resolved(View::Full), &ids, &source).unwrap();
        let again = Plan::build(again, registry::builtin()).unwrap();
        for view in [View::Full, View::Portable, View::Key] {
            assert_eq!(again.resolved(view), plan.resolved(view), "{}", path.display());
        }
        count += 1;
    }
    assert!(count >= 5, "{count} configs");
}
