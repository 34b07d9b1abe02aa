//! `--executor slurm`: an array job whose elements work on a sweep, submitted and left to itself.

use std::io::Write;
use std::path::Path;

use super::run::{HowOptions, Sweeping};
use super::view;
use crate::cli::print::{self, shown};
use crate::error::{Error, Exit};
use simpipe_runner::sweep::slurm::{self, Hiring, Queue, SlurmOptions, Submitted};
use simpipe_runner::sweep::{Origin, State, Which, is_under_way};
use simpipe_stages::registry;
use simpipe_store::RunState;

impl Sweeping<'_> {
    /// Submits workers; `last` says what the cluster wanted before, for what is not said again.
    pub(super) fn hire(
        &self,
        how: &HowOptions,
        last: Option<&Submitted>,
        origin: &Origin,
        which: Which<'_>,
        out: &mut dyn Write,
    ) -> Result<Exit, Error> {
        let said = |said: &Vec<String>, before: fn(&SlurmOptions) -> &Vec<String>| match last {
            Some(last) if said.is_empty() => before(&last.with).clone(),
            _ => said.clone(),
        };
        let with = SlurmOptions {
            options: said(&how.slurm.options, |with| &with.options),
            setup: said(&how.slurm.setup, |with| &with.setup),
        };
        let (program, arguments) = (std::env::current_exe()?, self.arguments()?);
        let workers = match (how.parallel, last) {
            (None, Some(last)) => last.workers,
            _ => self.parallel(how),
        };
        let hiring = Hiring { workers, with: &with, program: &program, arguments: &arguments };
        let (folder, state, submitted) = self.with_runner(1, None, |runner, on_event| {
            runner.hire(self.plan, origin, which, registry::builtin(), &hiring, on_event)
        })?;
        self.tell_hired(how, &folder, &state, submitted.as_ref(), out)?;
        Ok(Exit::Done)
    }

    /// What every element is told beside the sweep: paths that hold wherever it begins.
    fn arguments(&self) -> Result<Vec<String>, Error> {
        let absolute = |path: &Path| std::path::absolute(path).map(|path| path.to_string_lossy().into_owned());
        let mut arguments = ["sweep", "work", "--root"].map(str::to_owned).to_vec();
        arguments.push(absolute(self.root)?);
        if let Some(store) = &self.place.store {
            let is_url = self.place.url()?.is_some();
            let store = if is_url { store.to_string_lossy().into_owned() } else { absolute(store)? };
            arguments.extend(["--store".to_owned(), store]);
        }
        arguments.extend(self.place.store_read_only.then(|| "--store-read-only".to_owned()));
        arguments.extend(self.with.jobs.map(|jobs| format!("--jobs={jobs}")));
        arguments.extend(self.with.quiet.then(|| "--quiet".to_owned()));
        arguments.extend((0..self.with.verbose).map(|_| "--verbose".to_owned()));
        Ok(arguments)
    }

    fn tell_hired(
        &self,
        how: &HowOptions,
        folder: &Path,
        state: &State,
        submitted: Option<&Submitted>,
        out: &mut dyn Write,
    ) -> Result<(), Error> {
        let jobs = slurm::jobs(state, &Queue::default());
        let left: usize = jobs.iter().map(slurm::JobSeen::left).sum();
        if how.json {
            let store = self.place.existing_store(self.root)?;
            let there = submitted.is_some() || left > 0 || is_under_way(store.as_ref(), folder);
            let stands = state.run_state(there && !state.is_done());
            print::json(&view::status(state, folder, self.root, stands, &jobs), out)?;
            return Ok(());
        }
        match submitted {
            Some(Submitted { job, workers, .. }) => {
                let logs = slurm::logs(folder);
                writeln!(out, "job {job} with {workers} workers is submitted; their logs: {}", shown(logs.display()))?;
            }
            None if state.is_done() => writeln!(out, "nothing is left to do: {}", view::summary(state))?,
            None => writeln!(out, "{left} workers are queued or at work already; `--parallel` asks for more")?,
        }
        if state.run_state(true) == RunState::Running && !state.is_done() {
            let id = shown(&state.head.sweep);
            writeln!(out, "`simpipe sweep status {id} --watch` follows it, `simpipe sweep stop {id}` ends it")?;
        }
        Ok(())
    }
}
