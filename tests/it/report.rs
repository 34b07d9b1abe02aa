//! The page of a run: what the stage leaves, what the run adds, and the same made again, taken apart, beside others.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;

use crate::project::{PLAIN_REPORT, Project, files_below, repository, simpipe};
use crate::schemas::validate;

fn folder(project: &Project, run: &Json) -> PathBuf {
    project.root().join(run["dir"].as_str().unwrap())
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn said(project: &Project, args: &[&str], code: i32) -> String {
    let output = project.output(args);
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{args:?}: {said}");
    said
}

#[test]
fn what_a_stage_leaves_is_the_same_in_two_stores_and_a_run_adds_what_is_its_own() {
    let (one, other) = (Project::new(), Project::new());
    // A curve, a map, a matrix and images: each kind of picture.
    let figures = "report.figures=[\"training-curves\", { projection = { method = \"pca\", count = 100, size = 400 } }, \
                   \"confusion-matrix\", { neighbours = { slice = { begin = 60, size = 4 }, k = 5 } }]";
    let runs = [&one, &other].map(|project| folder(project, &project.run(&["--set", figures]).json));
    let pages = [&runs[0], &runs[1]].map(|run| text(&run.join("report/report.html")));
    assert!(pages[0] == pages[1], "the stage's own page differs from store to store");
    let left = [&runs[0], &runs[1]].map(|run| files_below(&run.join("report")));
    assert!(left[0] == left[1] && left[0].len() == 3 + 2 * 4, "{left:?}");
    for file in &left[0] {
        let bytes = [&runs[0], &runs[1]].map(|run| std::fs::read(run.join("report").join(file)).unwrap());
        assert!(bytes[0] == bytes[1], "{file} differs from store to store");
    }
    assert!(!pages[0].contains("<section id=\"run\""));
    for run in &runs {
        let page = text(&run.join("report.html"));
        for part in [
            "<section id=\"run\"",
            "Began",
            "run configs/smoke.toml",
            "read by 1 of the 1 runs of",
            "sample-validation",
        ] {
            assert!(page.contains(part), "{part}");
        }
        assert!(page.contains("smoke.toml:"), "no origin of a value");
        // All that the stage says is on it, in its order.
        let (before, _) = page.split_once("<section id=\"run\"").unwrap();
        assert!(before.contains("id=\"provenance\"") && page.len() > pages[0].len());
        assert!(text(&run.join("spec.toml")).contains("# "), "the spec as written, with who set each value");
    }
    assert!(text(&runs[0].join("report.html")) != text(&runs[1].join("report.html")));
}

#[test]
fn a_report_is_made_again_where_sources_and_config_are_gone() {
    let project = Project::new();
    let config = project.root().join("mine.toml");
    let pipelines = project.root().join("pipelines");
    std::fs::create_dir_all(&pipelines).unwrap();
    std::fs::copy(repository().join("pipelines/metric-learning.toml"), pipelines.join("metric-learning.toml")).unwrap();
    std::fs::copy(repository().join("configs/smoke.toml"), &config).unwrap();
    let run = project.json(&[&["run", config.to_str().unwrap(), "--json"], &PLAIN_REPORT[..]].concat(), 0);
    let (home, id) = (folder(&project, &run), run["run"].as_str().unwrap().to_owned());
    std::fs::remove_file(&config).unwrap();
    std::fs::remove_dir_all(&pipelines).unwrap();
    std::fs::remove_file(home.join("report.html")).unwrap();
    said(&project, &["tag", &id, "paper"], 0);
    for wanted in ["latest", "paper", &id] {
        let report = project.json(&["report", wanted, "--json"], 0);
        validate("report.schema.json", &report);
        assert_eq!(report["pages"][0]["file"], home.join("report.html").to_str().unwrap());
        assert!(text(&home.join("report.html")).contains("mine.toml:"), "the spec as written stays");
        std::fs::remove_file(home.join("report.html")).unwrap();
    }
    // With all files beside it.
    let out = project.root().join("out");
    said(&project, &["report", "latest", "--out", out.to_str().unwrap()], 0);
    let files = files_below(&out);
    assert_eq!(
        files,
        [
            "figures/01-training-curves.parquet",
            "figures/01-training-curves.png",
            "metrics.json",
            "report.html",
            "report.md"
        ]
    );
    expect_opened(&project, &home.join("report.html"));
    // The run's folder has it where the store does not, and neither is said.
    std::fs::remove_dir_all(project.root().join("artifacts/store")).unwrap();
    said(&project, &["report", &id], 0);
    std::fs::remove_dir_all(home.join("report")).unwrap();
    let words = said(&project, &["report", &id], 2);
    assert!(words.contains("neither the store nor the run's folder") && words.contains("simpipe run"), "{words}");
}

/// `--open` hands the page to the system's own program, and says so where that can't show it.
fn expect_opened(project: &Project, page: &Path) {
    let name = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let (programs, root) = (project.root().join("programs"), project.root().to_str().unwrap());
    std::fs::create_dir_all(&programs).unwrap();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap_or_default());
    let open = |code: i32| {
        let program = programs.join(name);
        std::fs::write(&program, format!("#!/bin/sh\nprintf %s \"$1\" >\"${{0%/*}}/asked\"\nexit {code}\n")).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        simpipe(&["report", "latest", "--open", "--root", root]).env("PATH", &path).output().unwrap()
    };
    let shown = open(0);
    assert!(shown.status.success(), "{}", String::from_utf8_lossy(&shown.stderr));
    assert_eq!(Path::new(&text(&programs.join("asked"))), page);
    let unshown = open(3);
    let words = String::from_utf8_lossy(&unshown.stderr);
    assert!(unshown.status.code() == Some(2) && words.contains(&format!("`{name}` can't show")), "{words}");
}

#[test]
fn a_run_without_a_report_and_a_damaged_one_have_a_page_that_says_so() {
    let project = Project::new();
    let run = project.run(&PLAIN_REPORT).json;
    let home = folder(&project, &run);
    // Others than the stage left, in the store and in the run's folder.
    let digest =
        run["stages"].as_array().unwrap().iter().find(|stage| stage["id"] == "report").unwrap()["files"]["report.html"]
            ["digest"]
            .as_str()
            .unwrap()
            .to_owned();
    let object = project.root().join("artifacts/store/cas").join(&digest[..2]).join(&digest);
    for path in [object, home.join("report/report.html")] {
        drop(std::fs::remove_file(&path));
        std::fs::write(&path, "<html>").unwrap();
    }
    said(&project, &["report", "latest"], 3);
    let page = text(&home.join("report.html"));
    assert!(page.contains("the page is damaged") && page.contains("match.recall@1"), "it says so, and has the numbers");

    let mut record: Json = serde_json::from_str(&text(&home.join("run.json"))).unwrap();
    record["stages"].as_array_mut().unwrap().retain(|stage| stage["id"] != "report");
    std::fs::write(home.join("run.json"), record.to_string()).unwrap();
    said(&project, &["report", "latest"], 0);
    assert!(text(&home.join("report.html")).contains("has no stage <code>report</code>"));
}

/// Where a stage in front of the report fails, the page in the run's folder says so and has the numbers that there are.
#[test]
fn a_run_that_fails_has_a_page_that_says_why() {
    let project = Project::new();
    // Every class is in the index, so there is no query that a false acceptance could be measured on.
    let targets = "calibrate.targets={ strict = { metric = \"far\", value = 0.01 } }";
    let unreachable = ["calibrate.counting=open-set", targets, "match.cutpoint=strict"];
    let set: Vec<&str> = unreachable.iter().flat_map(|value| ["--set", value]).collect();
    let run = project.json(&[&["run", "configs/smoke.toml", "--json"], &set[..]].concat(), 1);
    let page = text(&folder(&project, &run).join("report.html"));
    assert!(page.contains("<code>report</code> was skipped") && page.contains("train.loss"), "{page}");
    assert!(page.contains("no threshold reaches the target"), "{page}");
    assert!(page.contains("<section id=\"run\"") && page.contains("match"), "{page}");
}

#[test]
fn a_page_comes_apart_for_viewers_that_allow_nothing_inside() {
    let project = Project::new();
    project.run(&["--set", "report.figures=[\"training-curves\", { sample-grid = { count = 4 } }]"]);
    let out = project.root().join("public");
    said(&project, &["report", "latest", "--split", out.to_str().unwrap()], 0);
    let page = text(&out.join("report.html"));
    for absent in ["<script", "<style", " style=", "=\"data:"] {
        assert!(!page.contains(absent), "{absent}");
    }
    let named: Vec<&str> =
        page.match_indices("src=\"").map(|(at, _)| page[at + 5..].split('"').next().unwrap()).collect();
    assert!(named.len() >= 4 && named.iter().all(|file| out.join(file).is_file()), "{named:?}");
    assert!(out.join("report.css").is_file() && page.contains("href=\"report.css\""));
}

#[test]
fn several_runs_are_held_against_the_first() {
    let project = Project::new();
    let first = project.run(&PLAIN_REPORT);
    let old = first.json["run"].as_str().unwrap().to_owned();
    let new = project.run(&[&PLAIN_REPORT[..], &["--set", "train.epochs=2"]].concat()).json["run"]
        .as_str()
        .unwrap()
        .to_owned();
    let seeds =
        project.run(&[&PLAIN_REPORT[..], &["--set", "seeds=[1, 2]"]].concat()).json["run"].as_str().unwrap().to_owned();
    let out = project.root().join("beside");
    let report = project.json(&["report", &old, &new, &seeds, "--out", out.to_str().unwrap(), "--json"], 0);
    validate("report.schema.json", &report);
    assert_eq!(files_below(&out), ["comparison.json", "figures/training-curves.png", "report.html", "report.md"]);
    let data: Json = serde_json::from_str(&text(&out.join("comparison.json"))).unwrap();
    let fields: Vec<&str> =
        data["fields"].as_array().unwrap().iter().map(|field| field["path"].as_str().unwrap()).collect();
    assert!(fields.contains(&"train.epochs"), "{fields:?}");
    // Each run opens with what its own page opens with, a group too: here queries are in the index, and left out.
    let own: Json = serde_json::from_str(&text(&first.dir(&project).join("report/metrics.json"))).unwrap();
    let (own, headline) = (&own["headline"][0], |run: usize| &data["runs"][run]["headline"]);
    assert_eq!((&headline(0)["value"]["value"], &headline(0)["left_out"]), (&own["value"], &own["left_out"]));
    for run in 0..3 {
        let one = headline(run);
        assert_eq!((&one["metric"], &one["leaks"]), (&"match.disjoint.accuracy".into(), &0.into()), "{run}: {one}");
    }
    // What `compare` says of the two.
    let compared = project.output(&["compare", &new, "--baseline", &old, "--json"]);
    let compared: Json = serde_json::from_slice(&compared.stdout).unwrap();
    let metrics = data["metrics"].as_array().unwrap();
    for judged in compared["runs"][0]["metrics"].as_array().unwrap() {
        let here = metrics.iter().find(|metric| metric["name"] == judged["name"]).unwrap();
        for name in ["low", "high", "p", "verdict"] {
            assert_eq!(here["differences"][1][name], judged[name], "{name} of {}", judged["name"]);
        }
    }
    assert_eq!(data["curves"].as_array().unwrap().len(), 4, "two runs and a group of two");
    let page = text(&out.join("report.html"));
    assert!(page.contains("train.epochs") && page.contains("Training curves") && !page.contains("<script"));
    // A group alone: its means first, then a page of each seed.
    let group = project.json(&["report", &seeds, "--json"], 0);
    assert_eq!(group["pages"].as_array().unwrap().len(), 3);
    assert!(text(Path::new(group["pages"][0]["file"].as_str().unwrap())).contains("over 2 seeds"));
}

/// Which font draws is in the key by what its file holds; a file that is no font is refused at its line.
#[test]
fn a_font_of_the_spec_is_in_the_key_by_its_content() {
    let project = Project::new();
    let font = |name: &str| repository().join("src/report/font").join(name);
    let base = repository().join("configs/smoke.toml").display().to_string();
    let config = |path: &str| {
        let text = format!(
            "extends = {base:?}\nname = \"fonts\"\n[report]\nfigures = [\"training-curves\"]\nbaselines = false\nfont = {path:?}\n"
        );
        let config = project.root().join("fonts.toml");
        std::fs::write(&config, text).unwrap();
        config.to_str().unwrap().to_owned()
    };
    let outcome = |path: &str| {
        let run = project.json(&["run", &config(path), "--json"], 0);
        let stages = run["stages"].as_array().unwrap();
        stages.iter().find(|stage| stage["id"] == "report").unwrap()["outcome"].as_str().unwrap().to_owned()
    };
    let own = project.root().join("own.ttf");
    std::fs::copy(font("DejaVuSans-Bold.ttf"), &own).unwrap();
    assert_eq!(outcome("own.ttf"), "ran");
    std::fs::create_dir(project.root().join("fonts")).unwrap();
    std::fs::rename(&own, project.root().join("fonts/other.ttf")).unwrap();
    assert_eq!(outcome("fonts/other.ttf"), "hit", "the same file elsewhere");
    std::fs::copy(font("DejaVuSans.ttf"), &own).unwrap();
    assert_eq!(outcome("own.ttf"), "ran", "another file");
    std::fs::write(&own, "no font").unwrap();
    for (path, words) in [("own.ttf", "`own.ttf` is not a font"), ("none.ttf", "there is nothing at")] {
        let said = project.output(&["check", &config(path)]);
        let text = String::from_utf8_lossy(&said.stderr).into_owned() + &String::from_utf8_lossy(&said.stdout);
        assert!(!said.status.success() && text.contains(words) && text.contains("fonts.toml:6"), "{text}");
    }
}
