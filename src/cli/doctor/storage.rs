//! Probes of the store and of the file system that it is on.

use std::path::{Path, PathBuf};

use super::{Environment, Finding};
use crate::cli::print;
use simpipe_runner::folders;
use simpipe_store as store;

/// Below this much free disk a run may not end.
const LITTLE_DISK: u64 = 1 << 30;

/// The nearest folder at or above a path that exists: where the path would be made.
fn existing(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    path.ancestors().find(|folder| folder.is_dir()).map_or_else(|| PathBuf::from("/"), Path::to_path_buf)
}

/// The object store behind the local one: named, but not asked.
pub(super) fn remote(environment: &Environment) -> Vec<Finding> {
    let named = |url: &String| Finding::ok("object store", format!("{url}: a run or a plan asks it, this does not"));
    environment.remote.iter().map(named).collect()
}

/// Free space where the store is or would be.
pub(super) fn disk(environment: &Environment) -> Vec<Finding> {
    let folder = existing(&environment.store);
    let free = match rustix::fs::statvfs(&folder) {
        Ok(stat) => stat.f_bavail.saturating_mul(stat.f_frsize),
        Err(error) => return vec![Finding::warn("disk", format!("not known: {error}"), "check it with `df`")],
    };
    let text = format!("{} free at {}", print::bytes(free), folder.display());
    vec![if free < LITTLE_DISK {
        Finding::warn("disk", text, "free some space, or put the store elsewhere with `--store DIR`")
    } else {
        Finding::ok("disk", text)
    }]
}

/// Whether files of the store can appear in run folders without a copy.
pub(super) fn links(environment: &Environment) -> Vec<Finding> {
    let (store, runs) = (existing(&environment.store), existing(&folders::runs_folder(&environment.root)));
    vec![match linked(&store, &runs) {
        Ok(true) => Finding::ok("hard links", "run folders share their bytes with the store"),
        Ok(false) => Finding::warn(
            "hard links",
            format!("not from {} to {}: run folders hold copies", store.display(), runs.display()),
            "put store and runs on one file system that has hard links",
        ),
        Err((folder, error)) => Finding::bad(
            "hard links",
            format!("can't write in {}: {}", folder.display(), error.kind()),
            "make the folder writable, or choose others with `--root DIR` and `--store DIR`",
        ),
    }]
}

/// Tries it with an empty file that is gone afterwards.
fn linked<'a>(store: &'a Path, runs: &'a Path) -> Result<bool, (&'a Path, std::io::Error)> {
    let file = tempfile::NamedTempFile::new_in(store).map_err(|error| (store, error))?;
    let folder = tempfile::tempdir_in(runs).map_err(|error| (runs, error))?;
    Ok(std::fs::hard_link(file.path(), folder.path().join("link")).is_ok())
}

/// Format and size.
pub(super) fn health(environment: &Environment) -> Vec<Finding> {
    let at = environment.store.display();
    let format = match std::fs::read_to_string(environment.store.join("format")) {
        Ok(format) => format.trim().to_owned(),
        // A folder without a store becomes one.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return vec![Finding::ok("store", format!("{at}: does not exist yet; the first run creates it"))];
        }
        Err(error) => {
            let help = "name a store with `--store DIR`, or a new folder";
            return vec![Finding::bad("store", format!("{at}: no store, its `format` can't be read: {error}"), help)];
        }
    };
    if format != store::FORMAT.to_string() {
        let text = format!("{at}: format {format}, this simpipe knows {}", store::FORMAT);
        return vec![Finding::bad("store", text, "use the simpipe that wrote it, or another `--store DIR`")];
    }
    let entries =
        count(&environment.store.join("ac"), &|path| path.extension().is_some_and(|ending| ending == "json")).0;
    let (objects, size) = count(&environment.store.join("cas"), &|_| true);
    vec![Finding::ok("store", format!("{at}: {entries} results, {objects} objects, {}", print::bytes(size)))]
}

/// What killed or damaged work has left.
pub(super) fn leftovers(environment: &Environment) -> Vec<Finding> {
    if !environment.store.is_dir() {
        return Vec::new();
    }
    let mut found = Vec::new();
    let unfinished = std::fs::read_dir(environment.store.join("tmp"))
        .map_or(0, |items| items.flatten().filter(|item| item.path().is_dir()).count());
    if unfinished > 0 {
        let help = "a run is under way, or one was killed: the next command on this store sweeps what it left, and what \
                    one of another machine or container left goes with `simpipe store gc --delete`";
        found.push(Finding::warn("unfinished", format!("{unfinished} unfinished folders in tmp/"), help));
    }
    let (damaged, size) = count(&environment.store.join("quarantine"), &|_| true);
    if damaged > 0 {
        let help = "their results are computed again when needed; check the disk's health, then delete the folder";
        found.push(Finding::warn("quarantine", format!("{damaged} damaged files, {}", print::bytes(size)), help));
    }
    if found.is_empty() {
        found.push(Finding::ok("leftovers", "nothing unfinished, nothing in quarantine"));
    }
    found
}

/// Files below a folder that are wanted, and their bytes.
fn count(folder: &Path, wanted: &dyn Fn(&Path) -> bool) -> (usize, u64) {
    walkdir::WalkDir::new(folder)
        .into_iter()
        .flatten()
        .filter(|item| item.file_type().is_file() && wanted(item.path()))
        .fold((0, 0), |(files, size), item| (files + 1, size + item.metadata().map_or(0, |metadata| metadata.len())))
}
