//! What Slurm knows of jobs: asked of `squeue`, which needs no accounting, and not more often than a cluster bears.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long an answer is believed.
const FRESH: Duration = Duration::from_secs(10);

/// States of a job that no process runs in: it has yet to begin, or to begin again.
const TO_COME: [&str; 6] = ["PENDING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "RESV_DEL_HOLD", "SPECIAL_EXIT"];
/// States of a job that has ended, which squeue still knows for a while.
const OVER: [&str; 9] =
    ["BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED", "TIMEOUT"];

/// The elements of an array job that are queued or at work, each with its state.
pub(super) type Elements = BTreeMap<String, String>;

/// Jobs as they were known when last asked for.
#[derive(Debug)]
pub struct Queue {
    program: String,
    asked: Mutex<BTreeMap<String, (Instant, Option<Elements>)>>,
}

impl Default for Queue {
    fn default() -> Self {
        Self::of("squeue".to_owned())
    }
}

impl Queue {
    /// Asked by another program than `squeue`.
    pub(in crate::sweep) fn of(program: String) -> Self {
        Self { program, asked: Mutex::default() }
    }

    /// Whether an element of an array job runs now; `None` if nobody can tell.
    pub(in crate::sweep) fn runs(&self, element: &str) -> Option<bool> {
        let job = element.split('_').next().unwrap_or_default();
        let elements = self.elements(job)?;
        Some(elements.get(element).is_some_and(|state| !TO_COME.contains(&state.as_str())))
    }

    /// The elements of a job that have not ended; `None` if nobody can tell.
    pub(super) fn elements(&self, job: &str) -> Option<Elements> {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, elements)) = asked.get(job).filter(|(when, _)| when.elapsed() < FRESH) {
            return elements.clone();
        }
        let elements = ask(&self.program, job);
        asked.insert(job.to_owned(), (Instant::now(), elements.clone()));
        elements
    }
}

fn ask(program: &str, job: &str) -> Option<Elements> {
    let mut squeue = Command::new(program);
    squeue.args(["--noheader", "--array", "--format=%i|%T", &format!("--jobs={job}")]);
    let output = squeue.output().ok()?;
    let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    match output.status.success() {
        true => Some(read(&said)),
        // It says so of jobs that ended a while ago. Anything else, such as a controller that is away, says nothing.
        false => errors.contains("Invalid job id").then(Elements::new),
    }
}

/// Lines of `12_3|RUNNING`.
fn read(said: &str) -> Elements {
    let lines = said.lines().filter_map(|line| line.trim().split_once('|'));
    let left = lines.filter(|(_, state)| !OVER.contains(state));
    left.map(|(element, state)| (element.to_owned(), state.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// A program in place of squeue.
    fn squeue(folder: &std::path::Path, script: &str) -> Queue {
        let path = folder.join(format!("squeue-{}", script.len()));
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        Queue::of(path.to_str().unwrap().to_owned())
    }

    #[test]
    fn elements_run_wait_or_are_gone_and_a_controller_that_is_away_says_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let lines = "echo '7_0|RUNNING'; echo '7_1|PENDING'; echo '7_2|COMPLETED'; echo '7_3|SUSPENDED'";
        let queue = squeue(folder.path(), lines);
        let runs = ["7_0", "7_1", "7_2", "7_3", "7_4"].map(|element| queue.runs(element));
        assert_eq!(runs, [Some(true), Some(false), Some(false), Some(true), Some(false)]);
        assert_eq!(queue.elements("7").unwrap().len(), 3, "one has ended");
        let gone = squeue(folder.path(), "echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1");
        assert_eq!(gone.runs("7_0"), Some(false));
        let away = squeue(folder.path(), "echo 'Unable to contact slurm controller' >&2; exit 1");
        assert_eq!(away.runs("7_0"), None);
        assert_eq!(Queue::of("/nowhere/squeue".to_owned()).runs("7_0"), None);
    }

    #[test]
    fn an_answer_is_asked_for_once_in_a_while() {
        let folder = tempfile::tempdir().unwrap();
        let count = folder.path().join("count");
        let queue = squeue(folder.path(), &format!("echo x >> {}; echo '7_0|RUNNING'", count.display()));
        for _ in 0..20 {
            assert_eq!(queue.runs("7_0"), Some(true));
        }
        assert_eq!(std::fs::read_to_string(count).unwrap().lines().count(), 1);
    }
}
