//! Runs beside each other: `runs` with its filters, `diff`, `compare`, `tag`, `note` and `runs rm`.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::Stdio;

use serde_json::{Value as Json, json};
use simpipe_artifact::PerQuery;
use simpipe_base::digest::Digest;

use crate::project::{PLAIN_REPORT, Project, signal, simpipe};
use crate::schemas::validate;
use crate::turns::turn;

/// The smoke experiment as far as an evaluation, in a project of its own.
fn evaluated() -> (Project, String) {
    let project = Project::new();
    let at = |name: &str| project.root().join(name);
    std::fs::create_dir_all(at("pipelines")).unwrap();
    std::fs::create_dir_all(at("configs")).unwrap();
    let template = std::fs::read_to_string("pipelines/metric-learning.toml").unwrap();
    let (before, _) = template.split_once("[stages.index]").unwrap();
    let more = "[stages.index]\nstage = \"index\"\ninputs = { dataset = \"dataset\", embeddings = \"embed-validation\" }\n\
                [stages.evaluate]\nstage = \"evaluate\"\ninputs = { index = \"index\", queries = \"embed-validation\" }\n\
                leave-one-out = true\n";
    std::fs::write(at("pipelines/short.toml"), format!("{before}{more}")).unwrap();
    let smoke = std::fs::read_to_string("configs/smoke.toml").unwrap();
    let (before, _) = smoke.split_once("[index]").unwrap();
    let config = before.replace("pipeline = \"metric-learning\"", "pipeline = \"short\"");
    let config = format!("{config}[evaluate]\nmetrics = [\"recall@1\", \"map@r\", \"map@r/macro\", \"nmi\"]\n");
    let path = at("configs/short.toml");
    std::fs::write(&path, config).unwrap();
    (project, path.to_str().unwrap().to_owned())
}

fn run(project: &Project, config: &str, more: &[&str]) -> String {
    let run = project.json(&[&["run", config, "--json"], more].concat(), 0);
    run["run"].as_str().unwrap().to_owned()
}

fn text(project: &Project, args: &[&str], code: i32) -> String {
    let output = project.output(args);
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{args:?}: {said}");
    said
}

fn ids(listed: &Json) -> Vec<&str> {
    listed["runs"].as_array().unwrap().iter().map(|run| run["run"].as_str().unwrap()).collect()
}

fn metric<'a>(of: &'a Json, name: &str) -> &'a Json {
    let metrics = of["metrics"].as_array().unwrap();
    metrics.iter().find(|metric| metric["name"] == name).unwrap_or_else(|| panic!("no {name} in {of}"))
}

#[test]
fn two_trainings_are_told_apart_by_field_stage_metric_and_image() {
    let (project, config) = evaluated();
    let old = run(&project, &config, &[]);
    let new = run(&project, &config, &["--set", "train.epochs=3"]);
    let diff = project.json(&["diff", &old, &new, "--json"], 0);
    validate("diff.schema.json", &diff);
    assert_eq!(diff["fields"], json!([{ "path": "train.epochs", "old": 1, "new": 3 }]));
    let stages: Vec<&str> =
        diff["stages"].as_array().unwrap().iter().map(|stage| stage["id"].as_str().unwrap()).collect();
    assert!(stages.contains(&"train") && stages.contains(&"evaluate") && !stages.contains(&"dataset"), "{stages:?}");
    let map = metric(&diff, "evaluate.map@r");
    let number = |name: &str| map[name].as_f64().unwrap_or_else(|| panic!("no {name} in {map}"));
    assert!(number("low") <= number("difference") && number("difference") <= number("high"), "{map}");
    assert_eq!(
        (&map["interval"], &map["better"], &map["count"]),
        (&"paired-bootstrap".into(), &"higher".into(), &200.into())
    );
    assert_eq!(metric(&diff, "evaluate.map@r/macro")["interval"], "paired-bootstrap");
    let loss = metric(&diff, "train.loss");
    assert_eq!((&loss["interval"], &loss["better"]), (&Json::Null, &"lower".into()));
    for flips in diff["flips"].as_array().unwrap() {
        let count = |name: &str| flips[name].as_f64().unwrap();
        assert_eq!(flips["images"].as_array().unwrap().len() as f64, count("fixed") + count("broken"));
        // Of queries that all have something to find, those right are recall@1.
        let gained = diff["metrics"].as_array().unwrap().iter().find(|metric| metric["name"] == "evaluate.recall@1");
        let gained = gained.map_or(0.0, |metric| metric["difference"].as_f64().unwrap());
        assert!((count("fixed") - count("broken") - gained * count("queries")).abs() < 1e-6, "{flips}");
        for image in flips["images"].as_array().unwrap() {
            let (right, wrong) = if image["fixed"] == true { ("after", "before") } else { ("before", "after") };
            assert!(image[right] == image["label"] && image[wrong] != image["label"], "{image}");
        }
    }
    let said = text(&project, &["diff", &old, &new], 0);
    assert!(said.contains("train.epochs  1") && said.contains("evaluate.map@r"), "{said}");
    assert!(text(&project, &["diff", &old, &old], 0).contains("nothing differs"));

    // The verdict is that of the interval, and the exit code that of the verdict.
    let file = project.root().join("compare.json");
    let args = ["compare", &new, &old, "--baseline", &old, "--json", "--out", file.to_str().unwrap()];
    let output = project.output(&args);
    let compared: Json = serde_json::from_slice(&output.stdout).unwrap();
    validate("compare.schema.json", &compared);
    assert_eq!(output.status.code(), Some(i32::from(compared["ok"] == false)), "{compared}");
    assert_eq!(serde_json::from_str::<Json>(&std::fs::read_to_string(&file).unwrap()).unwrap(), compared);
    let judged = metric(&compared["runs"][0], "evaluate.map@r");
    assert_eq!((&judged["low"], &judged["high"]), (&map["low"], &map["high"]), "one statistic in both commands");
    let verdict = match (number("low") > 0.0, number("high") < 0.0) {
        (true, _) => "better",
        (_, true) => "worse",
        _ => "same",
    };
    assert_eq!(judged["verdict"], verdict);
    let itself = &compared["runs"][1];
    assert!(itself["ok"] == true && metric(itself, "evaluate.map@r")["verdict"] == "same", "{itself}");
}

#[test]
fn seeds_are_compared_as_groups_and_matches_query_by_query() {
    let project = Project::new();
    let run = |more: &[&str]| {
        let args = [&["run", "configs/smoke.toml", "--json"], &PLAIN_REPORT[..], more].concat();
        project.json(&args, 0)["run"].as_str().unwrap().to_owned()
    };
    let group = run(&["--set", "seeds=[1, 2, 3]"]);
    let other = run(&["--set", "seeds=[1, 2]", "--set", "train.epochs=2"]);
    let one = run(&["--set", "seed=1"]);
    // The same draw of queries: a pool's seed is the experiment's.
    let two = run(&["--set", "seed=1", "--set", "train.steps-per-epoch=7"]);
    let compared: Json = serde_json::from_slice(
        &project
            .output(&["compare", &other, &one, "--baseline", &group, "--json", "--metric", "match.accuracy"])
            .stdout,
    )
    .unwrap();
    validate("compare.schema.json", &compared);
    assert_eq!(compared["baseline"]["seeds"], json!([1, 2, 3]));
    let judged = |at: usize| metric(&compared["runs"][at], "match.accuracy");
    assert_eq!((&judged(0)["interval"], &judged(0)["count"]), (&"seeds".into(), &5.into()));
    assert_eq!(judged(1)["count"], 4);
    // Two single runs: over the queries, which the table of `match` has.
    let diff = project.json(&["diff", &one, &two, "--json"], 0);
    validate("diff.schema.json", &diff);
    assert_eq!(diff["fields"][0]["path"], "train.steps-per-epoch");
    let matched = diff["metrics"].as_array().unwrap().iter().filter(|metric| metric["interval"] == "paired-bootstrap");
    assert!(matched.count() > 0, "{diff}");
    let groups = project.json(&["diff", &group, &other, "--json"], 0);
    validate("diff.schema.json", &groups);
    assert_eq!(groups["flips"], json!([]));
    // Grouped lists count the runs of the seeds, not their groups too.
    let by = project.json(&["runs", "--group-by", "train.epochs", "--sort", "match.accuracy", "--json"], 0);
    validate("runs-groups.schema.json", &by);
    let counts: Vec<_> =
        by["groups"].as_array().unwrap().iter().map(|group| (&group["value"], &group["runs"])).collect();
    assert_eq!(counts, [(&json!(1), &json!(5)), (&json!(2), &json!(2))]);
    assert_eq!((&by["metric"], &by["better"]), (&"match.accuracy".into(), &"higher".into()));
    // A group goes whole, and nothing of it alone.
    let member = project.json(&["show", &group, "--json"], 0)["seeds"][0]["run"].as_str().unwrap().to_owned();
    assert!(text(&project, &["runs", "rm", &member], 2).contains(&format!("simpipe runs rm {group}")));
    let removed = project.json(&["runs", "rm", &group, "--json"], 0);
    validate("runs-rm.schema.json", &removed);
    assert_eq!(removed["removed"].as_array().unwrap().len(), 4);
    assert_eq!(ids(&project.json(&["runs", "--json"], 0)).len(), 5);
}

/// A finished run that nobody computed: what it left is written here.
struct Made<'a> {
    project: &'a Project,
    id: &'a str,
    epochs: u32,
    /// The first query's image.
    first: u64,
    /// Whether each query is right.
    right: &'a [bool],
}

impl Made<'_> {
    fn folder(&self) -> PathBuf {
        self.project.root().join("artifacts/runs/made").join(self.id)
    }

    fn write(&self) -> String {
        let folder = self.folder();
        let at = |name: &str| folder.join(name);
        std::fs::create_dir_all(at("evaluate")).unwrap();
        std::fs::create_dir_all(at("dataset")).unwrap();
        let count = self.right.len();
        let values: Vec<Option<f64>> = self.right.iter().map(|right| Some(f64::from(u8::from(*right)))).collect();
        let value = values.iter().flatten().sum::<f64>() / count as f64;
        let label: Vec<i32> = (0..count).map(|query| i32::try_from(query % 5).unwrap()).collect();
        let nearest = |(label, right): (&i32, &bool)| Some(if *right { *label } else { (label + 1) % 5 });
        let queries = PerQuery {
            query_id: (self.first..).take(count).collect(),
            digest: (self.first..).take(count).map(|query| Digest::of(&query.to_le_bytes()).to_string()).collect(),
            relevant: vec![3; count],
            overlap: vec![false; count],
            nearest_id: vec![Some(0); count],
            nearest_label: label.iter().zip(self.right).map(nearest).collect(),
            nearest_distance: vec![Some(0.5); count],
            metrics: vec![("recall@1".to_owned(), values)],
            label,
        };
        queries.write(&at("evaluate/per-query.parquet")).unwrap();
        let evaluation = json!({
            "format": 1, "distance": "cosine", "average": "micro", "leave_one_out": true, "allow_overlap": false,
            "counts": { "queries": count, "lone": 0, "classes": 5, "indexed": count, "indexed_classes": 5, "overlap": count },
            "bootstrap": { "draws": 2000, "level": 0.95, "seed": "" }, "order": ["recall@1"], "undefined": {},
            "metrics": { "recall@1": {
                "value": value, "low": null, "high": null, "interval": "", "queries": count, "unit": "share",
                "higher_is_better": true,
            } },
        });
        std::fs::write(at("evaluate/evaluation.json"), evaluation.to_string()).unwrap();
        std::fs::write(at("dataset/dataset.json"), json!({ "classes": ["a", "b", "c", "d", "e"] }).to_string())
            .unwrap();
        let stage = |id: &str, names: &[&str]| {
            let file = |name: &&str| {
                let bytes = std::fs::read(at(id).join(name)).unwrap();
                ((*name).to_owned(), json!({ "digest": Digest::of(&bytes).to_string(), "size": bytes.len() }))
            };
            json!({
                "id": id, "stage": id, "outcome": "ran", "key": Digest::of(format!("{id} {}", self.epochs).as_bytes()),
                "seconds": 1.0, "saved_seconds": 0.0, "reason": null, "reasons": [], "failure": null, "skipped": null,
                "key_parts": null, "params": {}, "files": names.iter().map(file).collect::<serde_json::Map<_, _>>(),
            })
        };
        let record = json!({
            "format": 1, "run": self.id, "name": "made", "dir": format!("artifacts/runs/made/{}", self.id), "ok": true,
            "interrupted": false, "started": "2025-08-01T12:00:00.000Z", "finished": "2025-08-01T12:00:01.000Z",
            "seconds": 1.0, "saved_seconds": 0.0, "config": "made.toml", "command": [], "versions": {},
            "stages": [stage("dataset", &["dataset.json"]), stage("evaluate", &["evaluation.json", "per-query.parquet"])],
            "metrics": { "evaluate.recall@1": value, "train.loss": 0.5 / f64::from(self.epochs) },
            "spec": { "name": "made", "seed": 1, "stages": {
                "dataset": { "stage": "dataset", "inputs": {}, "params": { "source": "x" } },
                "train": { "stage": "train", "inputs": {}, "params": { "epochs": self.epochs, "loss": { "triplet": { "margin": 0.2 } } } },
                "evaluate": { "stage": "evaluate", "inputs": { "queries": "dataset" }, "params": {} },
            } },
        });
        std::fs::write(at("run.json"), record.to_string()).unwrap();
        self.id.to_owned()
    }
}

/// A good run of 100 queries, a bad one, one that asked others.
fn made(project: &Project) -> [String; 3] {
    let good: Vec<bool> = (0..100).map(|query| query % 10 != 0).collect();
    let bad: Vec<bool> = (0..100).map(|query| query % 2 == 0).collect();
    [
        Made { project, id: "20250801T120000.000Z-aaaaaa", epochs: 3, first: 0, right: &good }.write(),
        Made { project, id: "20250801T120001.000Z-bbbbbb", epochs: 2, first: 0, right: &bad }.write(),
        Made { project, id: "20250801T120002.000Z-cccccc", epochs: 3, first: 40, right: &good }.write(),
    ]
}

#[test]
fn a_regression_or_a_missing_baseline_fails() {
    let project = Project::new();
    let [good, bad, other] = made(&project);
    let compared = project.json(&["compare", &bad, "--baseline", &good, "--json"], 1);
    validate("compare.schema.json", &compared);
    let judged = metric(&compared["runs"][0], "evaluate.recall@1");
    assert_eq!((&judged["verdict"], &judged["count"]), (&"worse".into(), &100.into()));
    assert!(judged["high"].as_f64().unwrap() < 0.0 && judged["difference"].as_f64().unwrap() < -0.3, "{judged}");
    assert_eq!(
        project.json(&["compare", &good, "--baseline", &bad, "--json"], 0)["runs"][0]["metrics"][0]["verdict"],
        "better"
    );
    assert!(
        text(&project, &["compare", &bad, "--baseline", "made"], 1).contains("not ok"),
        "`made` is the newest, {other}"
    );

    // Without a baseline nothing passes, and the file for CI says so.
    let file = project.root().join("compare.json");
    let args = ["compare", &good, "--baseline", "main", "--json", "--out", file.to_str().unwrap()];
    let missing = project.json(&args, 1);
    validate("compare.schema.json", &missing);
    assert!(missing["errors"][0]["message"].as_str().unwrap().contains("no run `main`"), "{missing}");
    assert_eq!(serde_json::from_str::<Json>(&std::fs::read_to_string(&file).unwrap()).unwrap(), missing);
    assert!(text(&project, &["compare", "nobody", "--baseline", &good], 2).contains("no run `nobody`"));
    let said = text(&project, &["compare", &bad, "--baseline", &good, "--metric", "evaluate.recal@1"], 2);
    assert!(said.contains("did you mean `evaluate.recall@1`?"), "{said}");
    // A number that nobody can judge does not pass either.
    let loss = project.json(&["compare", &bad, "--baseline", &good, "--metric", "train.loss", "--json"], 1);
    assert_eq!(metric(&loss["runs"][0], "train.loss")["verdict"], "unknown");
}

#[test]
fn other_queries_can_not_be_paired_and_damage_is_named() {
    let project = Project::new();
    let [good, bad, other] = made(&project);
    // Equal numbers of other queries are no equal runs.
    for baseline in [&good, &bad] {
        let compared = project.json(&["compare", &other, "--baseline", baseline, "--json"], 1);
        let judged = metric(&compared["runs"][0], "evaluate.recall@1");
        assert_eq!((&judged["verdict"], &judged["low"]), (&"unknown".into(), &Json::Null));
        assert!(judged["why"].as_str().unwrap().contains("100 and 100, of which 60 are the same images"), "{judged}");
    }
    let said = text(&project, &["diff", &bad, &other], 0);
    assert!(said.contains("the runs asked different queries"), "{said}");
    let diff = project.json(&["diff", &good, &bad, "--json"], 0);
    validate("diff.schema.json", &diff);
    // Of the 90 that were right 50 are even; of the 10 that were wrong all are.
    assert_eq!((&diff["flips"][0]["fixed"], &diff["flips"][0]["broken"]), (&10.into(), &50.into()));
    let image = &diff["flips"][0]["images"][0];
    assert_eq!((&image["query_id"], &image["before"], &image["after"]), (&0.into(), &"b".into(), &"a".into()));

    let file = project.root().join("artifacts/runs/made").join(&bad).join("evaluate/per-query.parquet");
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    for args in [vec!["diff", &good, &bad], vec!["compare", &bad, "--baseline", &good]] {
        let said = text(&project, &args, 1);
        assert!(said.contains("per-query.parquet") && said.contains("it is damaged"), "{said}");
    }
    // A page has what is left, and says what is not.
    let out = project.root().join("beside");
    let page = |code: i32| {
        text(&project, &["report", &good, &bad, "--out", out.to_str().unwrap()], code);
        std::fs::read_to_string(out.join("report.md")).unwrap()
    };
    let damaged = page(3);
    assert!(damaged.contains("it is damaged") && damaged.contains("evaluate.recall@1"), "{damaged}");
    std::fs::remove_file(&file).unwrap();
    assert!(page(0).contains("neither the run nor the store has it any longer"));
    assert!(text(&project, &["diff", &good, &bad], 1).contains("neither the run nor the store has it any longer"));
}

#[test]
fn runs_without_an_evaluation_have_nothing_to_judge_by() {
    let project = Project::new();
    let [good, bad, _] = made(&project);
    let path = project.root().join("artifacts/runs/made").join(&bad).join("run.json");
    let mut record: Json = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    record["stages"].as_array_mut().unwrap().pop();
    record["metrics"].as_object_mut().unwrap().remove("evaluate.recall@1");
    std::fs::write(&path, record.to_string()).unwrap();
    let said = text(&project, &["compare", &good, "--baseline", &bad], 2);
    assert!(said.contains("nothing to judge") && said.contains("add a stage `evaluate`"), "{said}");
    let compared = project.json(&["compare", &bad, "--baseline", &good, "--json"], 1);
    assert_eq!(metric(&compared["runs"][0], "evaluate.recall@1")["verdict"], "missing");
    assert!(text(&project, &["diff", &good, &bad], 0).contains("evaluate.recall@1"));
}

#[test]
fn runs_are_filtered_sorted_and_written_for_others() {
    let project = Project::new();
    let [good, bad, other] = made(&project);
    let list = |args: &[&str]| {
        let listed = project.json(&[&["runs", "--json"], args].concat(), 0);
        validate("runs.schema.json", &listed);
        ids(&listed).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(list(&[]), [&*other, &bad, &good]);
    assert_eq!(list(&["--where", "evaluate.recall@1>0.6"]), [&*other, &good]);
    assert_eq!(list(&["--where", "evaluate.recall@1>0.6", "--where", "train.epochs=3", "--limit", "1"]), [&*other]);
    assert_eq!(list(&["--where", "train.epochs<3"]), [&*bad]);
    assert_eq!(list(&["--where", "train.loss=triplet", "--where", "date=2025-08-01"]).len(), 3);
    assert_eq!(list(&["--where", "train.loss~trip", "--where", "state!=done"]).len(), 0);
    assert_eq!(list(&["--sort", "train.epochs"]), [&*bad, &other, &good]);
    assert_eq!(list(&["--sort", "evaluate.recall@1", "--reverse"]), [&*other, &good, &bad]);
    assert_eq!(list(&["--reverse"]), [&*good, &bad, &other]);
    for (args, expected) in [
        (["--where", "evaluate.recal@1>0.6"], "did you mean `evaluate.recall@1`?"),
        (["--where", "train.epoch=3"], "did you mean `train.epochs`?"),
        (["--sort", "temperature"], "no run has a field `temperature`"),
        (["--where", "train.epochs"], "`train.epochs` is not a condition"),
        (["--where", "evaluate.recall@1>high"], "is a number, and `high` is not"),
    ] {
        assert!(text(&project, &[&["runs"], &args[..]].concat(), 2).contains(expected), "{args:?}");
    }
    let said = text(&project, &["runs", "--columns", "run,train.epochs,evaluate.recall@1,tag"], 0);
    assert!(said.starts_with("run "), "{said}");
    assert!(said.contains("0.9000") && said.contains(&good), "{said}");
    assert!(text(&project, &["runs"], 0).contains("evaluate.recall@1 0.9000"), "the headline");
    let csv = text(&project, &["runs", "--csv", "-"], 0);
    assert!(csv.starts_with("run,name,state,started,"), "{csv}");
    assert!(csv.lines().next().unwrap().contains("train.epochs,") && !csv.contains("dataset.source"), "{csv}");
    assert_eq!(csv.lines().count(), 4);
    let file = project.root().join("runs.parquet");
    assert!(text(&project, &["runs", "--parquet", file.to_str().unwrap()], 0).contains("3 runs"));
    let shown = project.json(&["show", file.to_str().unwrap(), "--json"], 0);
    assert_eq!((&shown["rows"], &shown["columns"][0]["name"]), (&3.into(), &"run".into()));
    let by = project.json(&["runs", "--group-by", "train.epochs", "--json"], 0);
    validate("runs-groups.schema.json", &by);
    assert_eq!((&by["groups"][1]["runs"], &by["groups"][1]["best_run"]), (&2.into(), &other.as_str().into()));
}

#[test]
fn tags_and_notes_are_shown_and_removed_runs_are_gone() {
    let project = Project::new();
    let [good, bad, other] = made(&project);
    simpipe_store::Store::open(&project.root().join("artifacts/store")).unwrap();
    let pinned = project.json(&["tag", &good, "base", "--json"], 0);
    validate("store-pin.schema.json", &pinned);
    let noted = project.json(&["note", "base", "the first\u{1b}[31m one", "--json"], 0);
    validate("note.schema.json", &noted);
    let listed = project.json(&["runs", "--where", "tag=base", "--json"], 0);
    validate("runs.schema.json", &listed);
    assert_eq!((ids(&listed), &listed["runs"][0]["tags"]), (vec![good.as_str()], &json!(["base"])));
    assert_eq!(ids(&project.json(&["runs", "--where", "tag!=base", "--json"], 0)), [&*other, &bad]);
    for args in [&["runs"][..], &["show", "base"]] {
        assert!(text(&project, args, 0).contains("the first\\x1b[31m one"), "{args:?}");
    }
    assert_eq!(project.json(&["diff", "base", &bad, "--json"], 0)["old"]["run"], good.as_str());
    assert!(text(&project, &["runs", "rm", "base"], 2).contains("simpipe store unpin base"));
    assert!(text(&project, &["tag", &bad, "base", "--remove"], 2).contains("`base` is a tag of"));
    validate("store-unpin.schema.json", &project.json(&["tag", &good, "base", "--remove", "--json"], 0));
    project.json(&["note", &good, "", "--json"], 0);
    let removed = project.json(&["runs", "rm", &good, &good, "--json"], 0);
    validate("runs-rm.schema.json", &removed);
    assert_eq!(removed["removed"], json!([good]));
    assert_eq!(ids(&project.json(&["runs", "--json"], 0)), [&*other, &bad]);
    assert!(text(&project, &["runs", "rm", &good], 2).contains("no run"));
}

#[test]
fn a_watched_list_is_shown_again_when_it_changes() {
    let _turn = turn();
    let project = Project::new();
    let [good, ..] = made(&project);
    let root = project.root().to_str().unwrap();
    let mut child = simpipe(&["runs", "--watch", "--root", root]).stdout(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut until = |word: &str| said.by_ref().map(Result::unwrap).find(|line| line.contains(word)).unwrap();
    until(&good);
    project.json(&["note", &good, "changed meanwhile", "--json"], 0);
    assert!(until("changed meanwhile").contains(&good));
    signal(&child, "INT");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(text(&project, &["runs", "--watch", "--json"], 2).contains("cannot be used with"));
}
