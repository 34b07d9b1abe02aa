//! Who works on which trial: claims, and when one counts no longer.
//!
//! A claim is `claims/<trial>-<attempt>`, taken by put-if-absent, with its owner and his signs of life. Of a process of this
//! machine it is known whether it lives. Another machine's is believed until its job is over, by Slurm's word, or it was
//! silent for the `lease`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::entry::{Entry, Worker, host};
use super::journal::Journal;
use super::slurm::Queue;
use crate::RunError;
use simpipe_base::clock;
use simpipe_store::{Claim, Holder, Store};

/// How long somebody of another machine who is silent counts as being there: longer than file servers show old times.
const PRESENT: Duration = Duration::from_secs(120);

/// The claims of a sweep, as this process sees and takes them.
pub(super) struct Claims<'a> {
    pub(super) store: &'a Store,
    /// Of the sweep.
    pub(super) folder: &'a Path,
    /// The element of an array job that this process is.
    pub(super) job: Option<&'a str>,
    /// How long a silent owner on another machine is believed.
    pub(super) lease: Duration,
    pub(super) queue: &'a Queue,
}

/// Tells others that this process works on a sweep.
pub(super) struct Presence(Option<Claim>);

impl Drop for Presence {
    fn drop(&mut self) {
        if let Some(claim) = self.0.take() {
            claim.forget();
        }
    }
}

impl Claims<'_> {
    /// Takes a trial that was asked for and that nobody works on: one that is new, or whose owner is gone.
    pub(super) fn take(&self, journal: &mut Journal) -> Result<Option<(usize, u32, Claim)>, RunError> {
        let open: Vec<usize> = journal.state.open().collect();
        for trial in open {
            if let Some((attempt, claim)) = self.take_one(trial, journal)? {
                return Ok(Some((trial, attempt, claim)));
            }
        }
        Ok(None)
    }

    fn take_one(&self, trial: usize, journal: &mut Journal) -> Result<Option<(u32, Claim)>, RunError> {
        let claims = self.folder.join("claims");
        for attempt in 0_u32.. {
            let name = format!("{trial}-{attempt}");
            let given_back = journal.state.trials[trial].released.contains(&attempt);
            let taken = || !given_back && self.is_held(&claims.join(&name));
            if taken() {
                return Ok(None);
            }
            if attempt > 0 {
                // Who was there before may have said how it ended, as his last word.
                journal.refresh_surely()?;
                if journal.state.trials[trial].ending.is_some() {
                    return Ok(None);
                }
            }
            let Some(claim) = self.store.claim_name(&claims, &name, &self.note())? else {
                // Of somebody who is gone, or who was faster: then there is no further attempt to be made.
                if taken() {
                    return Ok(None);
                }
                continue;
            };
            // It may have ended between the last line that was read and the claim.
            journal.append(&Entry::TrialClaimed { trial, attempt, by: Some(Worker::here(self.job)) })?;
            let ended = journal.state.trials[trial].ending.is_some();
            return Ok((!ended).then_some((attempt, claim)));
        }
        unreachable!("nobody takes a trial up 2^32 times")
    }

    /// Whether who has made a claim still works on it; not if there is none.
    fn is_held(&self, path: &Path) -> bool {
        match self.store.holder(path) {
            Holder::Nobody => false,
            Holder::Here => true,
            Holder::Elsewhere { silent, note } => {
                silent < self.lease && !job_in(&note).is_some_and(|job| self.is_over(job))
            }
        }
    }

    /// Whether no process of a job can be at work any more. That of this very job, begun anew, is this one.
    fn is_over(&self, job: &str) -> bool {
        self.job == Some(job) || self.queue.runs(job) == Some(false)
    }

    /// What a claim says of its owner to those who can't see him.
    fn note(&self) -> String {
        let job = self.job.map_or_else(String::new, |job| format!("{JOB}{job}\n"));
        format!("host {}\n{job}", host())
    }

    /// Says to others that this process works on the sweep, until it is dropped.
    pub(super) fn presence(&self) -> Result<Presence, RunError> {
        let workers = workers(self.folder);
        for number in 0_u32.. {
            let name = format!("{}-{number}", clock::now().compact());
            if let Some(claim) = self.store.claim_name(&workers, &name, &self.note())? {
                return Ok(Presence(Some(claim)));
            }
        }
        unreachable!("2^32 processes can't join in one millisecond")
    }
}

/// Before the number of a job in a claim.
const JOB: &str = "job ";

/// The job that a claim's owner is an element of.
fn job_in(note: &str) -> Option<&str> {
    note.lines().find_map(|line| line.strip_prefix(JOB))
}

fn workers(folder: &Path) -> PathBuf {
    folder.join("workers")
}

/// Whether a process works on the sweep now.
#[must_use]
pub fn is_under_way(store: Option<&Store>, folder: &Path) -> bool {
    let Ok(items) = std::fs::read_dir(workers(folder)) else { return false };
    let is_there = |store: &Store, path: &Path| match store.holder(path) {
        Holder::Nobody => false,
        Holder::Here => true,
        Holder::Elsewhere { silent, .. } => silent < PRESENT,
    };
    store.is_some_and(|store| items.flatten().any(|item| is_there(store, &item.path())))
}
