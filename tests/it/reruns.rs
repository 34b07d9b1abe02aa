//! Reruns recompute what a change affects, and nothing else.

use crate::project::Project;

const ALL: [&str; 10] = [
    "dataset",
    "sample",
    "sample-validation",
    "train",
    "embed-calibration",
    "embed-validation",
    "index",
    "calibrate",
    "match",
    "report",
];

#[test]
fn a_change_reruns_exactly_what_it_affects() {
    let project = Project::new();
    assert_eq!(project.run(&[]).ran(), ALL);

    let again = project.run(&[]);
    assert_eq!(again.ran(), [""; 0]);
    assert_eq!(again.stages("hit"), ALL);

    let metric = project.run(&["--set", "calibrate.metric=precision"]);
    assert_eq!(metric.ran(), ["calibrate", "match", "report"]);
    let reason = &metric.json["stages"][7]["reason"];
    assert_eq!(reason["kind"], "param-changed");
    assert_eq!(reason["path"], "calibrate.metric");
    assert_eq!((&reason["old"], &reason["new"]), (&"f1".into(), &"precision".into()));

    let figures = project.run(&["--set", "report.figures=[\"training-curves\"]"]);
    assert_eq!(figures.ran(), ["report"]);

    let rate = project.run(&["--set", "train.optimizer.adam.learning-rate=0.001"]);
    assert_eq!(rate.ran(), ["train", "embed-calibration", "embed-validation", "index", "calibrate", "match", "report"]);

    // The first spec's results are still there.
    assert_eq!(project.run(&[]).ran(), [""; 0]);
}

#[test]
fn exact_numerics_are_another_result_of_the_stages_that_compute_on_tensors() {
    let project = Project::new();
    project.run(&[]);
    // What it is without is written or not at will.
    assert_eq!(project.run(&["--set", "numerics=fast"]).ran(), [""; 0]);
    let exact = project.run(&["--set", "numerics=exact"]);
    assert_eq!(exact.stages("hit")[..3], ["dataset", "sample", "sample-validation"]);
    assert_eq!(exact.ran()[..3], ["train", "embed-calibration", "embed-validation"]);
    assert_eq!(exact.json["stages"][3]["reason"]["kind"], "numerics-changed");
}

#[test]
fn plan_and_explain_name_the_change() {
    let project = Project::new();
    let plan = project.json(&["plan", "configs/smoke.toml", "--json"], 0);
    assert_eq!(plan["stages"][0]["status"], "stale");
    assert_eq!(plan["stages"][0]["reason"]["kind"], "never-ran");
    assert_eq!(plan["stages"][3]["status"], "maybe-stale");
    for command in [&["explain", "match", "configs/smoke.toml"][..], &["graph", "configs/smoke.toml", "--status"]] {
        assert_eq!(project.output(command).status.code(), Some(0), "{command:?}");
    }
    assert_eq!(std::fs::read_dir(project.root()).unwrap().count(), 0, "who only looks makes nothing");
    project.run(&[]);

    let plan = project.json(&["plan", "configs/smoke.toml", "--json"], 0);
    assert!(plan["stages"].as_array().unwrap().iter().all(|stage| stage["status"] == "fresh"), "{plan}");

    let changed = ["--set", "train.optimizer.adam.learning-rate=0.001"];
    let args: Vec<&str> = ["plan", "configs/smoke.toml", "--json"].into_iter().chain(changed).collect();
    let plan = project.json(&args, 0);
    let train = &plan["stages"][3];
    assert_eq!(train["status"], "stale");
    assert_eq!(train["reason"]["path"], "train.optimizer.adam.learning-rate");
    assert_eq!(plan["stages"][4]["status"], "maybe-stale");
    assert_eq!(plan["stages"][4]["reason"]["upstream"], "train");

    let args: Vec<&str> = ["explain", "match", "configs/smoke.toml"].into_iter().chain(changed).collect();
    let text = String::from_utf8(project.output(&args).stdout).unwrap();
    assert!(text.contains("train.optimizer.adam.learning-rate"), "{text}");
    assert!(text.contains("0.002") && text.contains("0.001"), "{text}");
}

#[test]
fn order_comments_and_spelled_out_defaults_change_no_key() {
    let project = Project::new();
    project.run(&[]);
    let text = std::fs::read_to_string(crate::project::repository().join("configs/smoke.toml")).unwrap();
    let header_end = text.find("[dataset]").unwrap();
    let mut tables: Vec<String> =
        text[header_end..].split("\n[").map(|table| table.trim_start_matches('[').to_owned()).collect();
    tables.reverse();
    let mut other = format!("# Another comment.\n{}", &text[..header_end]);
    for table in tables {
        other.push_str(&format!("[{table}\n\n"));
    }
    let other = other.replace("metric = \"f1\"", "metric = \"f1\"\nmatcher = \"nearest\"\ncounting = \"lookup\"");
    let folder = project.root().join("configs");
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("other.toml");
    std::fs::write(&path, other).unwrap();
    let run = project.json(&["run", path.to_str().unwrap(), "--json"], 0);
    let ran: Vec<_> = run["stages"].as_array().unwrap().iter().filter(|stage| stage["outcome"] == "ran").collect();
    assert!(ran.is_empty(), "{ran:?}");
}
