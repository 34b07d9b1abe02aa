//! The run that faults and kills disturb, and what must hold of the next one.

use super::*;

/// Five stages of different shape: a folder, a training with checkpoints, two that leave the same bytes, and one
/// that reads two others.
pub(super) fn varied() -> Plan {
    plan(&[
        ("data", "d", "", &[]),
        ("train", "t", "train", &["data"]),
        ("twin", "x", "", &["data"]),
        ("other-twin", "X", "", &["data"]),
        ("join", "j", "", &["train", "twin"]),
    ])
}

/// All that a run leaves for its user: the bytes of each stage's files, and the metrics.
#[derive(Debug, PartialEq)]
pub(super) struct Results {
    files: BTreeMap<String, Vec<u8>>,
    metrics: BTreeMap<String, f64>,
}

impl Results {
    pub(super) fn of(root: &Path, record: &RunRecord) -> Self {
        let names = |stage: &StageRecord| -> Vec<String> {
            stage.files.keys().map(|name| format!("{}/{name}", stage.id)).collect()
        };
        let read = |name: String| {
            let bytes = std::fs::read(root.join(&record.dir).join(&name)).unwrap();
            (name, bytes)
        };
        Self { files: record.stages.iter().flat_map(names).map(read).collect(), metrics: record.metrics.clone() }
    }

    /// Those of an undisturbed run.
    pub(super) fn undisturbed(plan: &Plan) -> Self {
        let project = Project::in_memory();
        Self::of(project.folder.path(), &project.run(plan))
    }
}

/// After whatever happened: a run gives the results that it must give, and nothing is left of what was cut short.
pub(super) fn assert_recovers(project: &Project, plan: &Plan, expected: &Results, what: &str) {
    let record = project.try_run(plan, 2, &|_| {}).unwrap_or_else(|error| panic!("{what}: {error}"));
    assert!(record.ok, "{what}: {:?}", record.failure());
    assert_eq!(&Results::of(project.folder.path(), &record), expected, "{what}");
    let report = project.store().verify().unwrap();
    assert!(report.clean(), "{what}: {report:?}");
    for folder in ["tmp", "locks"] {
        let names = std::fs::read_dir(project.store_folder().join(folder)).unwrap();
        let names = names.map(|item| item.unwrap().file_name().into_string().unwrap());
        // The two that the whole store shares stay; who holds them is the kernel's to know.
        let left: Vec<String> = names.filter(|name| name != "store" && name != "gate").collect();
        assert!(left.is_empty(), "{what}: {folder}/ holds {left:?}");
    }
}
