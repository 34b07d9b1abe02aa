//! Sources that change between the making of a key and the end of the stage.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::*;
use crate::frozen::ChangedSource;
use simpipe_base::digest::Digest;
use simpipe_base::issue::Issue;
use simpipe_base::params;
use simpipe_stage::{Bound, Ctx, Facts, InputFacts, Kind, Policy, Port, SourceDigest, SourceFinder, Stage, StageError};

params! {
    /// Of [`Copier`].
    struct CopierParams {
        /// The source.
        file: String = String::new(),
        /// What else it does: `restore` puts the file `<file>.old` back after reading, `fail` and `panic` end it then,
        /// `vanished` finds nothing there, `silent` says nothing of what it read, `more` says too much.
        mode: String = String::new(),
    }
}

/// How often somebody has looked at a source.
static LOOKS: Mutex<BTreeMap<String, usize>> = Mutex::new(BTreeMap::new());

/// Copies a source.
#[derive(Debug)]
struct Copier;

impl Stage for Copier {
    const NAME: &'static str = "copier";
    const SUMMARY: &'static str = "Copies a source.";
    const VERSION: u32 = 1;
    const OUTPUT: Kind = Kind::Report;
    const FILES: &'static [&'static str] = &["out.txt"];
    type Params = CopierParams;

    fn ports(_: &CopierParams) -> Vec<Port> {
        Vec::new()
    }

    fn infer(_: &CopierParams, _: &InputFacts) -> Result<Facts, Vec<Issue>> {
        Ok(Facts::Report)
    }

    fn sources(params: &CopierParams, finder: &SourceFinder<'_>) -> Result<Vec<SourceDigest>, StageError> {
        let path = Path::new(&params.file);
        *LOOKS.lock().unwrap().entry(params.file.clone()).or_default() += 1;
        let digest = finder.digest_file.digest(path).map_err(StageError::io("read", path))?;
        Ok(vec![SourceDigest { name: "file".to_owned(), digest }])
    }

    fn source_params(params: &CopierParams) -> serde_json::Value {
        params.file.clone().into()
    }

    fn run(params: &CopierParams, ctx: &mut Ctx<'_>) -> Result<(), StageError> {
        let path = Path::new(&params.file);
        if params.mode == "vanished" {
            return Err(StageError::SourceChanged { what: params.file.clone() });
        }
        let bytes = std::fs::read(path).map_err(StageError::io("read", path))?;
        if params.mode != "silent" {
            ctx.has_read(SourceDigest { name: "file".to_owned(), digest: Digest::of(&bytes) });
        }
        match params.mode.as_str() {
            "restore" => std::fs::rename(old(path), path).map_err(StageError::io("rename", path))?,
            "fail" => return Err(StageError::unavailable("these bytes are no image")),
            "panic" => panic!("these bytes are no image"),
            "more" => ctx.has_read(SourceDigest { name: "another".to_owned(), digest: Digest::of(b"") }),
            _ => {}
        }
        let out = ctx.output("out.txt");
        std::fs::write(&out, bytes).map_err(StageError::io("write", &out))
    }
}

fn old(path: &Path) -> PathBuf {
    path.with_extension("old")
}

struct Site {
    project: Project,
    file: PathBuf,
}

impl Site {
    fn new() -> Self {
        let project = Project::new();
        let file = project.folder.path().join("source");
        std::fs::write(&file, "one").unwrap();
        Self { project, file }
    }

    fn plan(&self, mode: &str, retries: u32) -> Plan {
        let mut plan = plan(&[("beside", "b", "", &[])]);
        let params = CopierParams { file: self.file.to_string_lossy().into_owned(), mode: mode.to_owned() };
        let (stage, policy) = (Arc::new(Bound::<Copier>(params)), Policy { timeout: None, retries });
        let node = simpipe_plan::Node { id: "copier".to_owned(), stage, policy, facts: Facts::Report };
        let node = plan.graph.add_node(node);
        plan.order.push(node);
        plan
    }

    /// A run in which the source is replaced, the old one kept, when its key has been made `times` times.
    fn run(&self, mode: &str, retries: u32, times: usize) -> RunRecord {
        let left = std::sync::atomic::AtomicUsize::new(times);
        let swap = || {
            let take = |left: usize| left.checked_sub(1);
            if let Ok(number) = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take) {
                std::fs::rename(&self.file, old(&self.file)).unwrap();
                std::fs::write(&self.file, format!("other {number}")).unwrap();
            }
        };
        self.project.run_with(&self.plan(mode, retries), 1, &|event| match event {
            Event::StageStarted { stage, .. } if stage == "copier" => swap(),
            Event::Warning { stage: Some(stage), message } if stage == "copier" && message.starts_with("try ") => {
                assert!(message.contains("changed while it was read"), "{message}");
            }
            _ => {}
        })
    }

    /// A run as a trial of a sweep.
    fn trial(&self, mode: &str, sources: &FrozenSources) -> RunRecord {
        let (root, store) = (self.project.folder.path(), self.project.store());
        fakes::run_as_trial(root, &store, &self.plan(mode, 0), sources, &|_| {})
    }

    /// What has changed since somebody looked first.
    fn changed(&self, sources: &FrozenSources) -> Option<ChangedSource> {
        let plan = self.plan("", 0);
        sources.changed(&plan, plan.find("copier").unwrap(), &self.project.store())
    }

    fn looks(&self) -> usize {
        LOOKS.lock().unwrap().get(self.file.to_str().unwrap()).copied().unwrap_or_default()
    }

    fn assert_nothing_is_stored(&self, record: &RunRecord) {
        let key = record.stage("copier").unwrap().key.unwrap();
        assert_eq!(self.project.store().inspect(key).unwrap(), simpipe_store::Found::Miss);
    }
}

#[test]
fn what_was_switched_away_while_it_was_read_is_not_stored_under_its_key() {
    for mode in ["", "restore", "fail", "panic", "vanished", "more"] {
        let site = Site::new();
        let record = site.run(mode, 0, 1);
        let failure = record.stage("copier").unwrap().failure.clone().unwrap();
        assert_eq!(failure.kind, FailureKind::Stage, "{mode}");
        assert!(failure.message.ends_with(" changed while it was read"), "{mode}: {}", failure.message);
        assert!(failure.help.unwrap().contains("run again"));
        site.assert_nothing_is_stored(&record);
        assert_eq!(with(&record, Outcome::Ran), ["beside"], "the others go on");
        if mode == "restore" {
            assert_eq!(std::fs::read(&site.file).unwrap(), b"one", "as if nothing had happened");
        }
    }
}

#[test]
fn retries_read_what_is_there_then() {
    let site = Site::new();
    let record = site.run("", 3, 1);
    let stage = record.stage("copier").unwrap();
    assert_eq!((stage.outcome, stage.retries), (Outcome::Ran, 1));
    let folder = site.project.folder.path().join(&record.dir);
    assert_eq!(std::fs::read(folder.join("copier/out.txt")).unwrap(), b"other 1");
    assert_eq!(with(&site.project.run(&site.plan("", 0)), Outcome::Hit).len(), 2, "under its own key");
}

#[test]
fn a_digest_that_is_remembered_wrongly_is_forgotten() {
    let site = Site::new();
    let finder_digest = || site.project.store().digest_file(&site.file).unwrap();
    // Remembered once it has settled.
    let memos = site.project.store_folder().join("stat");
    let memo = loop {
        finder_digest();
        let mut found = walkdir::WalkDir::new(&memos).into_iter().flatten().filter(|item| item.file_type().is_file());
        if let Some(memo) = found.next() {
            break memo.into_path();
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let lie = Digest::of(b"a lie");
    let text = std::fs::read_to_string(&memo).unwrap();
    std::fs::write(&memo, text.replace(&Digest::of(b"one").to_string(), &lie.to_string())).unwrap();
    assert_eq!(finder_digest(), lie);
    let record = site.run("", 0, 0);
    let failure = record.stage("copier").unwrap().failure.clone().unwrap();
    assert_eq!(failure.message, "the source `file` changed while it was read");
    site.assert_nothing_is_stored(&record);
    assert_eq!(finder_digest(), Digest::of(b"one"));
    assert!(site.run("", 0, 0).ok);
}

#[test]
fn a_stage_that_does_not_say_what_it_read_is_a_mistake() {
    let site = Site::new();
    let record = site.run("silent", 5, 0);
    let stage = record.stage("copier").unwrap();
    assert_eq!((stage.outcome, stage.retries), (Outcome::Failed, 0));
    let failure = stage.failure.clone().unwrap();
    assert_eq!(failure.message, "the stage did not say what it read of `file`, which is in its key");
    assert!(failure.help.unwrap().contains("bug in simpipe"));
    site.assert_nothing_is_stored(&record);
    let failed = site.run("fail", 0, 0).stage("copier").unwrap().failure.clone().unwrap();
    assert_eq!((failed.kind, failed.message.as_str()), (FailureKind::DataUnavailable, "these bytes are no image"));
}

#[test]
fn trials_look_at_a_source_once_and_again_when_one_has_read_something_else() {
    let (site, sources) = (Site::new(), FrozenSources::default());
    let changed = || Some(ChangedSource { name: "file".to_owned(), places: vec![site.file.clone()] });
    assert_eq!(with(&site.trial("", &sources), Outcome::Ran), ["beside", "copier"]);
    assert_eq!(with(&site.trial("", &sources), Outcome::Hit), ["beside", "copier"]);
    assert_eq!((site.looks(), site.changed(&sources)), (1, None));
    assert_eq!(site.looks(), 2, "that was asked");
    // What it is by now makes no difference to whoever does not read it.
    std::fs::write(&site.file, "other").unwrap();
    assert_eq!(with(&site.trial("", &sources), Outcome::Hit), ["beside", "copier"]);
    assert_eq!(site.looks(), 2);
    let record = site.trial("otherwise", &sources);
    let failure = record.stage("copier").unwrap().failure.clone().unwrap();
    assert_eq!(failure.message, "the source `file` changed while it was read");
    site.assert_nothing_is_stored(&record);
    assert_eq!((site.looks(), site.changed(&sources)), (2, changed()));
    // One that was another for a moment has been, though it is what it was.
    std::fs::write(&site.file, "one").unwrap();
    assert_eq!(site.changed(&sources), changed());
    // And one that is gone is another too.
    let sources = FrozenSources::default();
    assert!(site.trial("", &sources).ok);
    assert_eq!(site.changed(&sources), None);
    std::fs::remove_file(&site.file).unwrap();
    assert_eq!(site.changed(&sources), changed());
}
