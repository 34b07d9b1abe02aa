//! The list of runs, and removing some.

use super::fakes::{Project, diamond};
use crate::listing::{self, Condition, Listing};
use crate::removal::{Refusal, Removal};
use crate::{Outcome, RunRecord, folders};
use simpipe_store::{GcPolicy, Pin, RunStart, RunState};

fn listed(project: &Project) -> Listing {
    let mut listing = Listing::read(project.folder.path(), Some(&project.store()), None);
    listing.read_details();
    listing
}

/// Everything that a list shows of the runs.
fn shown(project: &Project) -> String {
    let listing = listed(project);
    listing
        .runs
        .iter()
        .map(|run| format!("{:?} {:?} {:?} {:?}\n", run.brief, run.tags, run.brief.note, run.detail()))
        .collect()
}

#[test]
fn the_memo_says_what_the_records_say_and_is_mended() {
    let project = Project::new();
    let records = [project.run(&diamond("t", "l")), project.run(&diamond("t", "m"))];
    let runs = folders::runs_folder(project.folder.path());
    let memo = runs.join(".summaries");
    assert_eq!(std::fs::read_to_string(&memo).unwrap().matches("\nfake/").count(), 2, "written as runs are recorded");
    let listing = listed(&project);
    let ids: Vec<&str> = listing.runs.iter().map(|run| run.brief.run.as_str()).collect();
    assert_eq!(ids, [&records[1].run, &records[0].run]);
    assert_eq!(listing.runs[1].detail().metrics, records[0].metrics);
    assert_eq!((listing.runs[0].brief.ran, listing.runs[0].brief.state), (2, RunState::Done));

    // Gone, torn or of other records: the records are read again, and the memo is whole.
    let good = shown(&project);
    for text in ["", "\nfake/", "\nfake/x\t1\t{}\t{}\n"] {
        std::fs::write(&memo, text).unwrap();
        assert_eq!(shown(&project), good, "{text:?}");
        assert!(std::fs::read_to_string(&memo).unwrap().contains(&records[0].run));
    }
    std::fs::remove_file(&memo).unwrap();
    assert_eq!(shown(&project), good);
    let path = project.folder.path().join(&records[0].dir).join("run.json");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("\"config\": \"fake.toml\"", "\"config\": \"other.toml\"")).unwrap();
    assert!(shown(&project).contains("other.toml"));
    std::fs::write(&path, "{").unwrap();
    assert_eq!(listed(&project).runs.len(), 1, "what is no record is not listed");
}

#[test]
fn fields_of_configs_and_metrics_are_found() {
    let project = Project::new();
    let records = [project.run(&diamond("t", "l")), project.run(&diamond("longer", "l"))];
    let ids = |condition: &str| {
        let mut listing = listed(&project);
        let condition = Condition::parse(condition).unwrap();
        let field = listing.field(&condition.field).unwrap();
        listing.keep(&field, &condition);
        listing.runs.into_iter().map(|run| run.brief.run).collect::<Vec<_>>()
    };
    assert_eq!(ids("top.length>1"), [records[1].run.clone()]);
    std::fs::remove_file(folders::runs_folder(project.folder.path()).join(".fields")).unwrap();
    for _ in 0..2 {
        assert_eq!(ids("top.text=t"), [records[0].run.clone()]);
    }
    assert_eq!(ids("state=done").len(), 2);
    let error = listed(&project).field("top.txt").unwrap_err();
    assert_eq!(error.help, "did you mean `top.text`?");
    let mut sorted = listed(&project);
    let field = sorted.field("top.length").unwrap();
    sorted.sort(&field, false);
    assert_eq!(sorted.runs[0].brief.run, records[0].run);
}

#[test]
fn runs_without_a_record_notes_and_tags_are_listed() {
    let project = Project::new();
    let record = project.run(&diamond("t", "l"));
    let root = std::path::absolute(project.folder.path()).unwrap().to_string_lossy().into_owned();
    let start = RunStart {
        run: "20990101T000000.000Z-abcdef".to_owned(),
        name: "fake".to_owned(),
        dir: "artifacts/runs/fake/20990101T000000.000Z-abcdef".to_owned(),
        root,
        ..RunStart::default()
    };
    let journal = project.store().journal(start).unwrap();
    listing::write_note(&project.folder.path().join(&record.dir), "the first").unwrap();
    project.store().pin(&pin(&record)).unwrap();
    let listing = listed(&project);
    assert_eq!(listing.runs[0].brief.state, RunState::Running);
    let run = &listing.runs[1];
    assert_eq!((run.tags.join(" "), run.brief.note.as_deref()), ("paper".to_owned(), Some("the first")));
    drop(journal);
    assert_eq!(listed(&project).runs[0].brief.state, RunState::Killed);
}

fn pin(record: &RunRecord) -> Pin {
    Pin {
        tag: "paper".to_owned(),
        run: record.run.clone(),
        name: record.name.clone(),
        root: "/".to_owned(),
        dir: record.dir.clone(),
        keys: record.stages.iter().filter_map(|stage| Some((stage.id.clone(), stage.key?))).collect(),
        sets: std::collections::BTreeSet::new(),
    }
}

#[test]
fn a_removed_run_is_gone_with_what_only_it_kept() {
    let project = Project::new();
    let (root, store) = (project.folder.path(), project.store());
    let record = project.run(&diamond("t", "l"));
    let kept = project.run(&diamond("t", "m"));
    let folder = root.join(&record.dir);
    let removal = Removal::of(root, &folder, &record);
    store.pin(&pin(&record)).unwrap();
    assert_eq!(removal.carry_out(root, Some(&store)).unwrap(), Some(Refusal::Pinned("paper".to_owned())));
    store.unpin("paper").unwrap();
    assert_eq!(removal.carry_out(root, Some(&store)).unwrap(), None);
    assert!(!folder.exists());
    assert_eq!(removal.carry_out(root, Some(&store)).unwrap(), None, "what is left of one can be removed again");
    assert_eq!(listed(&project).runs.len(), 1);
    let policy = GcPolicy { grace: std::time::Duration::ZERO, delete: true, ..GcPolicy::default() };
    let report = store.gc(&policy, &folders::reach(root)).unwrap();
    assert_eq!(report.removed.iter().map(|group| group.entries).sum::<usize>(), 2, "`left` and `bottom`: {report:?}");
    let again = project.run(&diamond("t", "m"));
    assert!(again.stages.iter().all(|stage| stage.outcome == Outcome::Hit), "the other run's results stay");

    // A folder of somebody else that has a record in it.
    let elsewhere = tempfile::tempdir().unwrap();
    kept.write(elsewhere.path()).unwrap();
    let removal = Removal::of(root, elsewhere.path(), &kept);
    assert!(matches!(removal.carry_out(root, Some(&store)).unwrap(), Some(Refusal::Elsewhere(_))));
    assert!(elsewhere.path().join("run.json").is_file());
}

#[test]
fn a_run_under_way_is_not_removed() {
    let project = Project::new();
    let (root, store) = (project.folder.path(), project.store());
    let record = project.run(&diamond("t", "l"));
    let root_text = std::path::absolute(root).unwrap().to_string_lossy().into_owned();
    // As if it were about to write its record.
    store.forget_run(&root_text, "fake", &record.run).unwrap();
    let start = RunStart {
        run: record.run.clone(),
        name: "fake".to_owned(),
        root: root_text,
        dir: record.dir.clone(),
        ..RunStart::default()
    };
    let _journal = store.journal(start).unwrap();
    let removal = Removal::of(root, &root.join(&record.dir), &record);
    assert_eq!(removal.carry_out(root, Some(&store)).unwrap(), Some(Refusal::Running(record.run.clone())));
    assert!(root.join(&record.dir).join("run.json").is_file());
}
