//! Runs of small graphs of fake stages: what is a hit, what runs again, what a failure leaves.

mod children;
mod concurrency;
mod device;
mod fakes;
mod faults;
mod hostile;
mod kills;
mod listing;
mod order;
mod policy;
mod recovery;
mod seeds;
mod sources;

use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use petgraph::graph::NodeIndex;
use serde_json::json;

use fakes::{COMPLETED, Fakes, Project, diamond, plan, with};
use recovery::{Results, assert_recovers, varied};

use super::*;
use simpipe_store::RunOrder;

#[test]
fn a_second_run_is_all_hits_with_the_same_metrics() {
    let project = Project::new();
    let first = project.run(&diamond("t", "l"));
    assert_eq!(with(&first, Outcome::Ran), ["top", "left", "right", "bottom"]);
    assert_eq!(first.metrics["bottom.length"], 5.0, "TL, TR and B");
    assert!(!first.metrics.contains_key("bottom.nothing"), "NaN is no number of JSON");
    let second = project.run(&diamond("t", "l"));
    assert_eq!(with(&second, Outcome::Hit), ["top", "left", "right", "bottom"]);
    assert_eq!(second.metrics, first.metrics);
    let folder = project.folder.path().join(&second.dir);
    assert_eq!(std::fs::read_to_string(folder.join("bottom/out.txt")).unwrap(), "TLTRB");
    assert_eq!(std::fs::read_to_string(folder.join("bottom/parts/1.txt")).unwrap(), "TLTRB");
    assert_eq!(RunRecord::read(&folder).unwrap(), second);
}

#[test]
fn facts_are_made_once_and_only_where_something_computes() {
    let project = Project::new();
    let plan = |last: &str| {
        let stages = [
            ("a", "facts a", &[][..]),
            ("b", "facts b", &["a"][..]),
            ("c", "facts c", &["a"][..]),
            ("d", last, &["b", "c"][..]),
        ];
        plan(&stages.map(|(id, text, upstream)| (id, text, "", upstream)))
    };
    let counts =
        || ["facts a", "facts b", "facts c", "facts d"].map(|text| COMPLETED.lock().unwrap().get(text).copied());
    project.run(&plan("facts d"));
    assert_eq!(counts(), [Some(1), Some(1), Some(1), None], "nobody reads the last");
    let again = project.run(&plan("facts d"));
    assert_eq!(with(&again, Outcome::Hit), ["a", "b", "c", "d"]);
    assert_eq!(counts(), [Some(1), Some(1), Some(1), None]);
    // What is far behind a stage that computes is made from its stored result.
    let changed = project.run(&plan("facts e"));
    assert_eq!(with(&changed, Outcome::Ran), ["d"]);
    assert_eq!(counts(), [Some(2), Some(2), Some(2), None]);
}

#[test]
fn a_changed_parameter_reruns_what_is_below_it_and_nothing_else() {
    let project = Project::new();
    project.run(&diamond("t", "l"));
    let record = project.run(&diamond("t", "L2"));
    assert_eq!(with(&record, Outcome::Ran), ["left", "bottom"]);
    assert_eq!(with(&record, Outcome::Hit), ["top", "right"]);
}

#[test]
fn the_same_bytes_stop_a_change() {
    let project = Project::new();
    project.run(&diamond("t", "l"));
    let record = project.run(&diamond("t", "L"));
    assert_eq!(with(&record, Outcome::Ran), ["left"], "`l` and `L` give the same bytes");
}

#[test]
fn a_forecast_says_what_a_run_then_does() {
    let project = Project::new();
    let statuses = |plan: &Plan| -> Vec<(String, status::Freshness)> {
        project.forecast(plan).stages.into_iter().map(|stage| (stage.id, stage.status)).collect()
    };
    let freshness = |plan: &Plan, id: &str| statuses(plan).into_iter().find(|(other, _)| other == id).unwrap().1;
    let same = diamond("t", "l");
    let before = project.forecast(&same);
    assert_eq!(before.stages[0].reason.as_ref().unwrap().kind, simpipe_plan::ReasonKind::NeverRan);
    assert_eq!(before.stages[1].status, status::Freshness::MaybeStale);
    assert_eq!(before.stages[1].key, None);
    assert_eq!(before.stages[1].reason.as_ref().unwrap().upstream.as_deref(), Some("top"));

    let record = project.run(&same);
    let after = project.forecast(&same);
    for (status, record) in after.stages.iter().zip(&record.stages) {
        assert_eq!((status.status, &status.reason, status.key), (status::Freshness::Fresh, &None, record.key));
    }
    let changed = diamond("t", "other");
    assert_eq!(freshness(&changed, "right"), status::Freshness::Fresh);
    assert_eq!(freshness(&changed, "left"), status::Freshness::Stale);
    assert_eq!(freshness(&changed, "bottom"), status::Freshness::MaybeStale);
    let explained = project.forecast(&changed);
    let explained = explained.explain("bottom").unwrap();
    assert_eq!(explained.causes.iter().map(|cause| cause.id.as_str()).collect::<Vec<_>>(), ["left"]);
    assert_eq!(explained.causes[0].compared_with.as_deref(), Some(record.run.as_str()));
}

#[test]
fn a_damaged_object_is_computed_again_and_said_to_be() {
    let project = Project::new();
    let first = project.run(&diamond("t", "l"));
    let object = project.store().object(first.stage("left").unwrap().files["out.txt"].digest);
    std::fs::remove_file(&object).unwrap();
    std::fs::write(&object, "XX").unwrap();
    let same = diamond("t", "l");
    let forecast = project.forecast(&same);
    let reason = forecast.stage("left").unwrap().reason.clone().unwrap();
    assert_eq!((reason.kind, reason.path.as_deref()), (simpipe_plan::ReasonKind::Damaged, Some("out.txt")));
    let warnings = Mutex::new(Vec::new());
    let record = project.run_with(&diamond("t", "l"), 1, &|event| {
        if let Event::Warning { stage: Some(stage), message } = event {
            warnings.lock().unwrap().push(format!("{stage}: {message}"));
        }
    });
    assert_eq!(with(&record, Outcome::Ran), ["left"]);
    assert_eq!(record.stage("left").unwrap().reason, Some(reason));
    assert!(warnings.lock().unwrap()[0].starts_with("left: stored `out.txt` is damaged: its bytes have changed"));
    assert_eq!(std::fs::read(&object).unwrap(), b"TL");
    assert!(project.store().verify().unwrap().clean());
    assert_eq!(with(&project.run(&diamond("t", "l")), Outcome::Hit).len(), 4);
}

#[test]
fn a_failure_skips_what_depends_on_it_and_nothing_else() {
    for (mode, kind, message) in [
        ("fail", FailureKind::Stage, "it can't be done"),
        ("data", FailureKind::DataUnavailable, "no such data"),
        ("panic", FailureKind::Stage, "the stage panicked: a bug"),
        ("forget", FailureKind::Stage, "the stage wrote no `out.txt`, which it declares"),
        ("extra", FailureKind::Stage, "the stage wrote `extra.txt`, which it does not declare"),
    ] {
        let project = Project::new();
        let plan = plan(&[
            ("top", "t", "", &[]),
            ("bad", "", mode, &["top"]),
            ("below", "", "", &["bad"]),
            ("far-below", "", "", &["below"]),
            ("other", "o", "", &["top"]),
        ]);
        let record = project.run(&plan);
        assert!(!record.ok);
        assert_eq!(with(&record, Outcome::Ran), ["top", "other"], "{mode}");
        assert_eq!(with(&record, Outcome::Skipped), ["below", "far-below"], "{mode}");
        assert_eq!(record.stage("far-below").unwrap().skipped.as_deref(), Some("`bad` failed"));
        let (stage, failure) = record.failure().unwrap();
        assert_eq!((stage.id.as_str(), failure.kind, failure.message.as_str()), ("bad", kind, message));
        assert_eq!(with(&project.run(&plan), Outcome::Hit), ["top", "other"], "a failure is never stored");
        let tmp = folders::store_folder(project.folder.path()).join("tmp");
        assert_eq!(std::fs::read_dir(tmp).unwrap().count(), 0, "{mode} leaves nothing behind");
    }
}

#[test]
fn two_runners_compute_a_key_once() {
    let project = Project::new();
    let plan = plan(&[("slow", "s", "slow", &[])]);
    let records: Vec<RunRecord> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| project.run(&plan))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(records.iter().filter(|record| with(record, Outcome::Ran) == ["slow"]).count(), 1);
    assert_eq!(records.iter().filter(|record| with(record, Outcome::Hit) == ["slow"]).count(), 3);
}

#[test]
fn the_number_of_jobs_changes_no_stored_byte() {
    let results = |jobs| {
        let project = Project::new();
        let record = project.run_with(&diamond("t", "l"), jobs, &|_| {});
        record.stages.into_iter().map(|stage| (stage.id, stage.key, stage.files)).collect::<Vec<_>>()
    };
    assert_eq!(results(1), results(4));
}

#[test]
fn independent_stages_run_side_by_side() {
    let project = Project::new();
    let plan = plan(&[("a", "a", "slow", &[]), ("b", "b", "slow", &[])]);
    let running = Mutex::new((0, 0));
    project.run_with(&plan, 2, &|event| {
        let mut running = running.lock().unwrap();
        match event {
            Event::StageStarted { .. } => running.0 += 1,
            Event::StageFinished { .. } => running.0 -= 1,
            _ => {}
        }
        running.1 = running.1.max(running.0);
    });
    assert_eq!(running.lock().unwrap().1, 2);
}

#[test]
fn a_cancelled_run_skips_the_rest() {
    let project = Project::new();
    let record = project.run_with(&diamond("t", "l"), 1, &|event| {
        if matches!(event, Event::StageFinished { .. }) {
            project.cancel.store(true, Ordering::Relaxed);
        }
    });
    assert!(record.interrupted && !record.ok);
    assert_eq!(with(&record, Outcome::Ran), ["top"]);
    assert_eq!(record.stage("left").unwrap().skipped.as_deref(), Some("interrupted"));
}

#[test]
fn runs_are_found_by_name_id_and_path() {
    let project = Project::new();
    let root = project.folder.path();
    let first = project.run(&diamond("t", "l"));
    std::thread::sleep(Duration::from_millis(2));
    let second = project.run(&diamond("t", "l"));
    let find = |wanted: &str| {
        let folder = folders::find(root, &RunOrder::default(), wanted).unwrap();
        RunRecord::read(&folder).unwrap().run
    };
    assert_eq!(find("latest"), second.run);
    assert_eq!(find("fake"), second.run);
    assert_eq!(find(&first.run), first.run);
    assert_eq!(find(&first.dir), first.run);
    assert!(folders::find(root, &RunOrder::default(), "nothing").is_err());
    let (start, end) = (&first.run[..4], &first.run[first.run.len() - 6..]);
    assert_eq!(find(end), first.run);
    let error = folders::find(root, &RunOrder::default(), start).unwrap_err().to_string();
    assert_eq!(error, format!("`{start}` may mean the run {}, or the run {}", second.run, first.run));
    assert!(folders::find(root, &RunOrder::default(), "").is_err());
    assert_eq!(first.stages[0].key_parts.as_ref().unwrap().params, json!({ "text": "t" }));
    assert_eq!(diamond("t", "l").graph[NodeIndex::new(0)].stage.params(View::Key), json!({ "text": "t" }));
}
