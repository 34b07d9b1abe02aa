//! `run --profile` tells what time goes into and changes nothing else.

use serde_json::Value as Json;

use crate::project::{PLAIN_REPORT, Project, files_below, simpipe};

const FILE: &str = "profile.parquet";
const NAMES: [&str; 9] = ["stage", "layer", "operation", "direction", "calls", "seconds", "flop", "bytes", "gflops"];

/// The rows of a run's profile, by what `show --json` says of it.
fn rows(project: &Project, path: &str) -> Vec<Vec<String>> {
    let shown = project.json(&["show", path, "--rows", "100000", "--json"], 0);
    let names: Vec<&str> = shown["columns"].as_array().unwrap().iter().filter_map(|one| one["name"].as_str()).collect();
    assert_eq!(names, NAMES);
    let cells = |row: &Json| row.as_array().unwrap().iter().map(|cell| cell.as_str().unwrap().to_owned()).collect();
    shown["first"].as_array().unwrap().iter().map(cells).collect()
}

#[test]
fn a_profile_lies_in_the_runs_folder_and_changes_no_result() {
    let (plain, profiled) = (Project::new(), Project::new());
    let (without, with) = (plain.run(&PLAIN_REPORT), profiled.run(&[&PLAIN_REPORT[..], &["--profile"]].concat()));
    assert_eq!(plain.objects(), profiled.objects(), "the same results, by their digests");
    let keys =
        |json: &Json| json["stages"].as_array().unwrap().iter().map(|stage| stage["key"].clone()).collect::<Vec<_>>();
    assert_eq!(keys(&without.json), keys(&with.json));
    let (folder, other) = (with.dir(&profiled), without.dir(&plain));
    let mut expected = files_below(&other);
    assert!(!expected.contains(&FILE.to_owned()));
    expected.push(FILE.to_owned());
    expected.sort();
    let mut found = files_below(&folder);
    found.sort();
    assert_eq!(found, expected, "one file more, and that in the run's folder");

    for name in NAMES {
        let told = String::from_utf8(simpipe(&["docs", name]).output().unwrap().stdout).unwrap();
        assert!(told.contains(FILE), "`docs {name}`: {told}");
    }
    let rows = rows(&profiled, folder.join(FILE).to_str().unwrap());
    let took = |id: &str| {
        let stages = with.json["stages"].as_array().unwrap();
        stages.iter().find(|stage| stage["id"] == id).unwrap()["seconds"].as_f64().unwrap()
    };
    let conv = "layers.1.conv2d";
    for (stage, direction) in [("train", "forward"), ("train", "backward"), ("embed-calibration", "forward")] {
        let of_conv =
            |row: &&Vec<String>| row[0] == stage && row[1] == conv && row[3] == direction && !row[8].is_empty();
        let row = rows.iter().find(of_conv).unwrap_or_else(|| panic!("{stage}, {direction}: {rows:?}"));
        let [calls, seconds, flop, gflops] = [4, 5, 6, 8].map(|at| row[at].parse::<f64>().unwrap());
        assert!(calls >= 1.0 && seconds > 0.0 && flop > 0.0, "{row:?}");
        assert!((gflops / (flop / seconds / 1e9) - 1.0).abs() < 1e-6, "{row:?}");
        let all: f64 = rows.iter().filter(|row| row[0] == stage).map(|row| row[5].parse::<f64>().unwrap()).sum();
        assert!(all > 0.0 && all <= took(stage), "no second twice: {all} of {} s", took(stage));
    }
    // Validation has its layers too: nothing that a kernel computes is nowhere.
    let nowhere = rows.iter().filter(|row| row[1] == "elsewhere").map(|row| row[2].as_str());
    let stray: Vec<&str> = nowhere.filter(|what| !["rest of the stage", "other operations"].contains(what)).collect();
    assert!(stray.is_empty(), "{stray:?}");
    // Twelve steps of the optimiser, there and nowhere back.
    let optimizer: Vec<_> = rows.iter().filter(|row| row[1] == "optimizer").collect();
    assert_eq!(
        optimizer.iter().map(|row| (&row[0][..], &row[3][..], &row[4][..])).collect::<Vec<_>>(),
        [("train", "forward", "12")]
    );
}

#[test]
fn the_page_has_shares_also_when_it_is_made_again_and_a_hit_has_none() {
    let project = Project::new();
    let args = [&PLAIN_REPORT[..], &["--profile"]].concat();
    let first = project.run(&args);
    let page = first.dir(&project).join("report.html");
    let check = |html: &str| {
        assert!(html.contains("Time by layer") && html.contains("Time of train by layer"), "no block");
        let table =
            html.split("<caption>Time of train by layer</caption>").nth(1).unwrap().split("</table>").next().unwrap();
        let shares = table.split("<bdi>").filter_map(|cell| cell.split("</bdi>").next()?.strip_suffix(" %"));
        let shares: Vec<f64> = shares.map(|share| share.parse().unwrap()).collect();
        assert!(
            shares.len() > 4 && (shares.iter().sum::<f64>() - 100.0).abs() < 0.05 * shares.len() as f64,
            "{shares:?}"
        );
    };
    let html = std::fs::read_to_string(&page).unwrap();
    check(&html);
    std::fs::remove_file(&page).unwrap();
    let run = first.json["run"].as_str().unwrap();
    assert!(project.output(&["report", run]).status.success());
    check(&std::fs::read_to_string(&page).unwrap());

    let root = project.root().to_str().unwrap();
    let again = [&["run", "configs/smoke.toml"][..], &args[..]].concat();
    let again = crate::project::simpipe(&again).args(["--root", root]).output().unwrap();
    assert!(again.status.success());
    let said = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(said.contains("`train`") && said.contains("no profile: only what is computed is measured"), "{said}");
    let profiles = files_below(project.root()).into_iter().filter(|file| file.ends_with(FILE)).count();
    assert_eq!(profiles, 1, "that of the first run");

    // Of a run that computes a part, the rest is named.
    let part = project.run(&[&args[..], &["--set", "embed-calibration.slice={ begin = 0, size = 100 }"]].concat());
    let html = std::fs::read_to_string(part.dir(&project).join("report.html")).unwrap();
    assert!(html.contains("Time of embed-calibration by layer") && !html.contains("Time of train by layer"));
    assert!(html.contains("so not measured: <code>train</code>"), "a hit is named");
}
