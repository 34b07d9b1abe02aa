//! Folders of a page: `report.md` with its pictures and the same as data, as `sweep report` and a run of several seeds leave
//! them.

use std::io;
use std::path::{Path, PathBuf};

use super::sink;
use crate::error::Error;
use simpipe_base::fs::create_dirs;
use simpipe_report::{Drawn, ReportError};

/// The file of the page.
pub(super) const PAGE: &str = "report.md";
/// The folder of pictures.
const FIGURES: &str = "figures";

/// A folder that a page is written into; files of the same names in it are replaced.
pub(super) struct Page<'a> {
    folder: &'a Path,
    /// What to do where it can't be written.
    help: &'static str,
    drawn: Vec<(String, Drawn)>,
}

impl<'a> Page<'a> {
    /// Makes the folder.
    pub(super) fn create(folder: &'a Path, help: &'static str) -> Result<Self, Error> {
        let figures = folder.join(FIGURES);
        create_dirs(&figures).map_err(|error| sink::unwritable(&figures, &error, help))?;
        Ok(Self { folder, help, drawn: Vec::new() })
    }

    /// Adds a picture, which `draw` leaves at a path.
    pub(super) fn figure(
        &mut self,
        file_name: &str,
        draw: impl FnOnce(&Path) -> Result<Drawn, ReportError>,
    ) -> Result<(), Error> {
        let file = format!("{FIGURES}/{file_name}");
        let drawn = draw(&self.folder.join(&file)).map_err(|error| self.undrawn(error))?;
        self.drawn.push((file, drawn));
        Ok(())
    }

    /// Writes a text beside the page.
    pub(super) fn put(&self, name: &str, text: &str) -> Result<(), Error> {
        let path = self.folder.join(name);
        sink::write(&path, text.as_bytes()).map_err(|error| sink::unwritable(&path, &error, self.help))
    }

    /// Writes the page, of its pictures in their order, and gives its path.
    pub(super) fn finish(self, page: impl FnOnce(&[(String, Drawn)]) -> String) -> Result<PathBuf, Error> {
        self.put(PAGE, &page(&self.drawn))?;
        Ok(self.folder.join(PAGE))
    }

    fn undrawn(&self, error: ReportError) -> Error {
        match error {
            ReportError::Io { path, source } => sink::unwritable(&path, &source, self.help),
            other => Error::Output(io::Error::other(other.to_string())),
        }
    }
}
