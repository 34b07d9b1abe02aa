//! Where a run is made again: an empty store of its own, kept or removed.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::error::Error;
use simpipe_base::fs;
use simpipe_runner::folders;
use simpipe_store::Store;

/// The root of the second run.
pub(super) enum Place {
    /// The user's folder.
    Kept(PathBuf),
    /// It goes away with the value.
    Temporary(TempDir),
}

impl Place {
    /// Makes the root. Published archives that `store` has fetched before are not fetched again: they are checked against
    /// their checksums whenever they are read.
    pub(super) fn prepare(into: Option<&Path>, store: Option<&Store>) -> Result<Self, Error> {
        let place = match into {
            Some(folder) => {
                let folder = std::path::absolute(folder)?;
                refuse_filled(&folder)?;
                fs::create_dirs(&folder).map_err(|error| unwritable(&folder, &error))?;
                Self::Kept(folder)
            }
            None => {
                let made = tempfile::Builder::new().prefix("simpipe-reproduce-").tempdir();
                Self::Temporary(made.map_err(|error| unwritable(&std::env::temp_dir(), &error))?)
            }
        };
        if let Some(downloads) = store.map(Store::downloads).filter(|folder| folder.is_dir()) {
            let own = folders::store_folder(place.root());
            let shared =
                fs::create_dirs(&own).and_then(|()| std::os::unix::fs::symlink(&downloads, own.join("downloads")));
            shared.map_err(|error| unwritable(&own, &error))?;
        }
        Ok(place)
    }

    pub(super) fn root(&self) -> &Path {
        match self {
            Self::Kept(folder) => folder,
            Self::Temporary(folder) => folder.path(),
        }
    }

    /// The folder, if it stays.
    pub(super) fn kept(&self) -> Option<&Path> {
        if let Self::Kept(folder) = self { Some(folder) } else { None }
    }
}

/// What is there already would be taken for what the second run has left.
fn refuse_filled(folder: &Path) -> Result<(), Error> {
    let help = "name a new folder: `--into DIR`";
    match std::fs::read_dir(folder).map(|mut items| items.next().is_none()) {
        Ok(true) => Ok(()),
        Ok(false) => Err(Error::usage(format!("`{}` is not empty", folder.display()), help)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Error::usage(format!("`{}` can't be used: {error}", folder.display()), help)),
    }
}

fn unwritable(folder: &Path, error: &std::io::Error) -> Error {
    let message = format!("can't make the second run in `{}`: {error}", folder.display());
    Error::usage(message, "choose a folder with room for all that the run left: `--into DIR`")
}
