//! A sweep as whoever looks at it sees it: its journal, and whether somebody works on it.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;

use super::view;
use crate::cli::options::PlaceOptions;
use crate::cli::print::{Paint, shown};
use crate::cli::screen;
use crate::error::Error;
use simpipe_runner::sweep::slurm::{self, JobSeen, Queue};
use simpipe_runner::sweep::{self, Journal, State};
use simpipe_store::{RunState, Store};

/// Which sweep is meant, and how to print what is known of it.
#[derive(Debug, Args)]
pub(super) struct WhichOptions {
    /// A sweep: its id, the start of one, its folder, an experiment's name or `latest`.
    #[arg(default_value = "latest")]
    pub(super) sweep: String,
    #[command(flatten)]
    pub(super) place: PlaceOptions,
    /// Print JSON.
    #[arg(long)]
    pub(super) json: bool,
}

/// A sweep that is looked at.
pub(super) struct Seen {
    pub(super) root: PathBuf,
    pub(super) folder: PathBuf,
    pub(super) store: Option<Store>,
    pub(super) journal: Journal,
    pub(super) queue: Queue,
    /// Jobs of Slurm's as they were when last looked at.
    pub(super) jobs: Vec<JobSeen>,
}

impl Seen {
    pub(super) fn of(which: &WhichOptions) -> Result<Self, Error> {
        let root = which.place.root_here()?;
        let folder = sweep::find(&root, &which.sweep)?;
        let (store, journal) = (which.place.existing_store(&root)?, Journal::read(&folder)?);
        let warning = Paint::stderr().yellow("warning:");
        for note in &journal.state.notes {
            writeln!(screen::messages(), "{warning} {}", shown(note))?;
        }
        Ok(Self { root, folder, store, journal, queue: Queue::default(), jobs: Vec::new() })
    }

    /// How it stands now. Whether somebody works on it is asked first: whoever has left by then has said all.
    pub(super) fn look(&mut self) -> Result<RunState, Error> {
        self.jobs = slurm::jobs(self.state(), &self.queue);
        let queued = self.jobs.iter().any(|job| job.left() > 0);
        let under_way = sweep::is_under_way(self.store.as_ref(), &self.folder);
        self.journal.refresh()?;
        // Elements that wait in the queue of a sweep that is over find nothing to do.
        let state = self.state();
        let waits = queued && !state.is_done() && state.stopped.is_none();
        Ok(state.run_state(under_way || waits))
    }

    pub(super) const fn state(&self) -> &State {
        &self.journal.state
    }

    /// All that `status` says for people.
    pub(super) fn write(&self, how: RunState, out: &mut dyn Write) -> Result<(), Error> {
        let (state, head) = (self.state(), &self.state().head);
        writeln!(out, "{} {}: {}", shown(&head.name), shown(&head.sweep), how.word())?;
        writeln!(out, "config: {}, method: {}", shown(&head.config), head.method)?;
        if let Some(stop) = &state.stopped {
            writeln!(out, "stopped: {}", shown(&stop.why))?;
        }
        writeln!(out, "folder: {}", shown(self.folder.display()))?;
        view::write_jobs(&self.jobs, &slurm::logs(&self.folder), out)?;
        if how == RunState::Running {
            view::write_under_way(state, out)?;
        }
        writeln!(out)?;
        view::write_table(state, view::FIRST, out)?;
        writeln!(out, "\n{}", view::summary(state))?;
        Ok(())
    }
}
