//! Others who share the root or the store, and mean no good: what they plant leads nothing elsewhere.

use std::os::unix::fs::symlink;

use serde_json::json;

use super::*;
use simpipe_base::digest::Digest;
use simpipe_store::RunOrder;

/// Changes the stored entry of a stage and gives it the right seal again.
fn reseal(project: &Project, record: &RunRecord, id: &str, change: impl FnOnce(&mut serde_json::Value)) {
    let key = record.stage(id).unwrap().key.unwrap();
    let path = project.store_folder().join(format!("ac/{key}.json"));
    let mut entry: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    change(&mut entry);
    entry.as_object_mut().unwrap().remove("seal");
    entry["seal"] = json!(Digest::of_json(&entry));
    std::fs::write(&path, entry.to_string()).unwrap();
}

fn warnings_of(project: &Project, plan: &Plan) -> (RunRecord, Vec<String>) {
    let warnings = Mutex::new(Vec::new());
    let record = project.run_with(plan, 1, &|event| {
        if let Event::Warning { message, .. } = event {
            warnings.lock().unwrap().push(message.clone());
        }
    });
    (record, warnings.into_inner().unwrap())
}

#[test]
fn an_entry_that_names_a_file_elsewhere_is_computed_again_and_writes_nothing_there() {
    let project = Project::new();
    let first = project.run(&diamond("t", "l"));
    let victim = project.folder.path().join("victim");
    for name in ["../../../../../victim".to_owned(), victim.to_string_lossy().into_owned()] {
        reseal(&project, &first, "top", |entry| {
            let file = entry["files"]["out.txt"].clone();
            entry["files"].as_object_mut().unwrap().insert(name.clone(), file);
        });
        let (record, warnings) = warnings_of(&project, &diamond("t", "l"));
        assert!(record.ok && !victim.exists());
        assert_eq!(with(&record, Outcome::Ran), ["top"]);
        assert!(
            warnings[0].starts_with("stored `entry` is damaged: it can't be read: the file name `"),
            "{warnings:?}"
        );
    }
}

#[test]
fn an_entry_without_its_files_is_computed_again() {
    let project = Project::new();
    let first = project.run(&diamond("t", "l"));
    reseal(&project, &first, "top", |entry| entry["files"] = json!({}));
    let forecast = project.forecast(&diamond("t", "l")).stages.remove(0);
    assert_eq!(forecast.status, status::Freshness::Stale, "a forecast sees it too");
    let (record, warnings) = warnings_of(&project, &diamond("t", "l"));
    assert_eq!((record.ok, with(&record, Outcome::Ran)), (true, vec!["top"]));
    assert!(warnings[0].contains("it lacks the file `out.txt`"), "{warnings:?}");
    assert_eq!(with(&project.run(&diamond("t", "l")), Outcome::Ran), [""; 0]);
}

#[test]
fn no_link_below_the_runs_is_followed_and_the_runs_may_be_one() {
    let project = Project::new();
    let elsewhere = tempfile::tempdir().unwrap();
    let runs = folders::runs_folder(project.folder.path());
    std::fs::create_dir_all(&runs).unwrap();
    symlink(elsewhere.path(), runs.join("fake")).unwrap();
    let error = project.try_run(&diamond("t", "l"), 1, &|_| {}).unwrap_err();
    assert!(error.to_string().ends_with("a symbolic link is in the way, and none is followed there"), "{error}");
    assert_eq!(std::fs::read_dir(elsewhere.path()).unwrap().count(), 0);

    // Somebody puts a link where a stage's folder will be.
    std::fs::remove_file(runs.join("fake")).unwrap();
    let record = project.run_with(&diamond("t", "l"), 1, &|event| {
        if let Event::RunStarted { folder, .. } = event {
            symlink(elsewhere.path(), folder.join("left")).unwrap();
        }
    });
    let failure = record.stage("left").unwrap().failure.as_ref().unwrap();
    assert!(failure.message.contains("a symbolic link is in the way"), "{failure:?}");
    assert_eq!(std::fs::read_dir(elsewhere.path()).unwrap().count(), 0);

    // A larger disk for the runs is a choice of the user.
    std::fs::rename(&runs, elsewhere.path().join("runs")).unwrap();
    symlink(elsewhere.path().join("runs"), &runs).unwrap();
    assert!(project.run(&diamond("t", "l")).ok);
}

#[test]
fn a_run_from_the_future_is_not_the_latest_and_is_warned_about() {
    let project = Project::new();
    let (root, old) = (project.folder.path(), project.run(&diamond("t", "l")));
    // As if the clock had been wrong: in its folder, its record and the journal.
    let (dir, future) = (root.join(&old.dir), "20990101T000000.000Z-a1b2c3");
    std::fs::rename(&dir, dir.with_file_name(future)).unwrap();
    for file in [dir.with_file_name(future).join("run.json"), project.store_folder().join("journal/order")] {
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, text.replace(&old.run, future)).unwrap();
    }
    let latest = || {
        let folder = folders::find(root, &folders::order_of(Some(&project.store())), "latest").unwrap();
        RunRecord::read(&folder).unwrap().run
    };
    assert_eq!(latest(), future, "it is the only one");
    let (new, warnings) = warnings_of(&project, &diamond("t", "L2"));
    assert!(warnings[0].starts_with(&format!("the run {future} is dated in the future")), "{warnings:?}");
    assert_eq!(latest(), new.run);
    let plan = diamond("t", "l3");
    let explanation = project.forecast(&plan).explain("left").unwrap();
    assert_eq!(explanation.compared_with, Some(new.run.clone()));
    // Without the journal too: nobody knows when that one came.
    let order = RunOrder::default();
    assert_eq!(folders::find(root, &order, "fake").unwrap(), root.join(&new.dir));
    assert_eq!(folders::of_name(root, "fake", &order).len(), 2);
    assert_eq!(folders::of_name(root, "../runs/fake", &order).len(), 0);
}

#[test]
fn a_record_with_a_bad_name_is_no_record() {
    let project = Project::new();
    let record = project.run(&diamond("t", "l"));
    let folder = project.folder.path().join(&record.dir);
    let good = std::fs::read_to_string(folder.join("run.json")).unwrap();
    for (from, to) in [
        (format!("\"dir\": \"{}\"", record.dir), "\"dir\": \"../../elsewhere\"".to_owned()),
        (format!("\"run\": \"{}\"", record.run), "\"run\": \"/etc\"".to_owned()),
        ("\"out.txt\": {".to_owned(), "\"../out.txt\": {".to_owned()),
    ] {
        assert!(good.contains(&from), "{from}");
        std::fs::write(folder.join("run.json"), good.replacen(&from, &to, 1)).unwrap();
        let error = RunRecord::read(&folder).unwrap_err();
        assert!(error.to_string().contains("the file name `"), "{error}");
    }
}
