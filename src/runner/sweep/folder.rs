//! Where sweeps are: `artifacts/sweeps/<name>/<time>-<id>/` with the journal, the claims and a run folder for each run of
//! a trial. Trials are no runs of their experiment's name: nobody who asks for the newest of those means one.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::error::SweepError;
use super::journal::FIRST;
use crate::RunError;
use crate::folders::subfolders;
use simpipe_base::suggest;

/// Where all sweeps of a root are.
#[must_use]
pub fn sweeps_folder(root: &Path) -> PathBuf {
    root.join("artifacts").join("sweeps")
}

/// Where the runs of a sweep's trials are.
pub(crate) const TRIALS: &str = "trials";

/// Whether a folder, relative to the root, is that of a sweep or of a run of one's trials.
#[must_use]
pub fn is_of_sweep(dir: &str) -> bool {
    Path::new(dir).starts_with(sweeps_folder(Path::new("")))
}

/// Folders of the sweeps of one name, newest first.
#[must_use]
pub fn of_name(root: &Path, name: &str) -> Vec<PathBuf> {
    let mut folders = subfolders(&sweeps_folder(root).join(name));
    folders.retain(|folder| folder.join(FIRST).is_file());
    folders.reverse();
    folders
}

/// Folders of all sweeps, newest first.
#[must_use]
pub fn all(root: &Path) -> Vec<PathBuf> {
    let named = subfolders(&sweeps_folder(root));
    let mut folders: Vec<PathBuf> = named.iter().flat_map(|named| subfolders(named)).collect();
    folders.retain(|folder| folder.join(FIRST).is_file());
    folders.sort_by(|a, b| b.file_name().cmp(&a.file_name()));
    folders
}

/// Run folders of all trials.
#[must_use]
pub fn trials(root: &Path) -> Vec<PathBuf> {
    all(root).iter().flat_map(|sweep| subfolders(&sweep.join(TRIALS))).collect()
}

/// The sweep that a user means: its folder, `latest`, an experiment's name (its newest), or (the start or end of) an id.
///
/// # Errors
/// If there is none, or parts of several ids are so.
pub fn find(root: &Path, wanted: &str) -> Result<PathBuf, RunError> {
    for path in [PathBuf::from(wanted), root.join(wanted)] {
        // By whichever path somebody has come to it, it is one of the root's, and is called by that.
        let path = path.canonicalize().unwrap_or_default();
        let names = path.parent().and_then(Path::file_name).zip(path.file_name());
        let own = names.map(|(name, id)| sweeps_folder(root).join(name).join(id));
        let is_own =
            |own: &PathBuf| own.join(FIRST).is_file() && own.canonicalize().is_ok_and(|resolved| resolved == path);
        if let Some(own) = own.filter(is_own) {
            return Ok(own);
        }
    }
    let all = all(root);
    let id = |folder: &Path| folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let named = |folder: &&PathBuf| {
        wanted == "latest"
            || id(folder) == wanted
            || folder.parent().and_then(Path::file_name).is_some_and(|name| name == Path::new(wanted))
    };
    if let Some(folder) = all.iter().find(named) {
        return Ok(folder.clone());
    }
    let part =
        |folder: &&PathBuf| !wanted.is_empty() && (id(folder).starts_with(wanted) || id(folder).ends_with(wanted));
    match all.iter().filter(part).collect::<Vec<_>>().as_slice() {
        [] => {
            let otherwise = match all.is_empty() {
                true => "there is none yet: `simpipe sweep run CONFIG` starts one",
                false => "`simpipe runs` lists them; `latest` is the newest",
            };
            let help = meant(wanted, &all).unwrap_or_else(|| otherwise.to_owned());
            Err(SweepError::NoSweep { name: wanted.to_owned(), folder: sweeps_folder(root), help }.into())
        }
        [folder] => Ok((*folder).clone()),
        several => {
            let readings = several.iter().take(3).map(|folder| id(folder)).collect();
            Err(SweepError::Ambiguous { name: wanted.to_owned(), readings }.into())
        }
    }
}

/// What a word that is no sweep was probably meant to be: an experiment's name, an id, `latest`.
fn meant(wanted: &str, all: &[PathBuf]) -> Option<String> {
    let id = |folder: &Path| folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let names: BTreeSet<String> = all.iter().filter_map(|folder| folder.parent()).map(id).collect();
    let known: Vec<String> =
        ["latest".to_owned()].into_iter().chain(names).chain(all.iter().map(|one| id(one))).collect();
    let known = if all.is_empty() { Vec::new() } else { known };
    let near = suggest::closest(wanted, known.iter().map(String::as_str))?;
    Some(format!("did you mean `{near}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_sweep_is_answered_with_the_one_that_was_meant() {
        let root = tempfile::tempdir().unwrap();
        let folder = sweeps_folder(root.path()).join("sweep-losses").join("20260801T120000.000Z-0a1b2c");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(FIRST), "").unwrap();
        let help = |wanted: &str| find(root.path(), wanted).unwrap_err().help().unwrap_or_default().to_owned();
        assert_eq!(help("sweep-loses"), "did you mean `sweep-losses`?");
        assert_eq!(help("lastest"), "did you mean `latest`?");
        assert_eq!(help("20260801T120000.000Z-0a1b2d"), "did you mean `20260801T120000.000Z-0a1b2c`?");
        assert_eq!(help("something"), "`simpipe runs` lists them; `latest` is the newest");
        assert_eq!(find(root.path(), "sweep-losses").unwrap(), folder);
    }
}
