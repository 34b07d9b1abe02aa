//! `simpipe report RUN RUN..`: several runs on one page, each held against the first.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::{ReportArgs, open, put};
use crate::cli::options::PlaceOptions;
use crate::cli::print::{self, shown};
use crate::cli::threads;
use crate::error::{Error, Exit};
use simpipe_artifact::{ArtifactError, ComparisonReport};
use simpipe_compare::{Measured, Run, Side, report};
use simpipe_report::{comparison_markdown, comparison_page, comparison_picture};

/// Where the page goes, if the user does not say.
const FOLDER: &str = "comparison";
/// The page, the same for pull requests, and the picture in that.
const PAGE: &str = "report.html";
const MARKDOWN: &str = "report.md";
const PICTURE: &str = "figures/training-curves.png";

pub(super) fn exec(args: &ReportArgs, out: &mut dyn Write) -> Result<Exit, Error> {
    threads::start()?;
    let sides = args.runs.iter().map(|run| side(&args.place, run)).collect::<Result<Vec<_>, _>>()?;
    let (found, images) = report(&sides);
    let damaged = sides.iter().any(|side| side.measured.lost.values().any(is_damage));
    let folder = args.folder().unwrap_or_else(|| Path::new(FOLDER)).to_path_buf();
    let page = comparison_page(&found, &images).map_err(super::undrawn)?;
    let page = write(&found, &page, &folder)?;
    args.split(&page)?;
    if args.json {
        let runs: Vec<&str> = found.runs.iter().map(|run| run.run.as_str()).collect();
        let page = json!({ "run": null, "file": page.to_string_lossy(), "damaged": damaged });
        print::json(&json!({ "run": null, "runs": runs, "pages": [page] }), out)?;
    } else {
        writeln!(out, "report: {}", shown(page.display()))?;
    }
    if args.open {
        open(&page)?;
    }
    Ok(if damaged { Exit::Damaged } else { Exit::Done })
}

/// The page of a group of seeds: means and intervals, and the losses of its trainings.
pub(super) fn of_group(args: &ReportArgs, wanted: &str) -> Result<String, Error> {
    let (found, images) = report(&[side(&args.place, wanted)?]);
    comparison_page(&found, &images).map_err(super::undrawn)
}

/// Whether a file is there, but not as the run left it.
fn is_damage(error: &ArtifactError) -> bool {
    !matches!(error, ArtifactError::Io { .. })
}

/// A run that a word means, with the runs of a group. What is gone or damaged of its queries is a note on the page.
fn side(place: &PlaceOptions, wanted: &str) -> Result<Side, Error> {
    let root = place.root_here()?;
    let folder = place.run_folder(&root, wanted)?;
    let measured = Measured::as_far_as_there(Run::read(&folder, place.existing_store(&root)?)?);
    let mut members = Vec::new();
    for run in &measured.run.record.seeds {
        // One whose folder is gone has no curve; its numbers are in the group's record.
        if let Ok(read) = Run::read(&root.join(&run.dir), place.existing_store(&root)?) {
            members.push((run.seed, read));
        }
    }
    Ok(Side { measured, members })
}

fn write(found: &ComparisonReport, page: &str, folder: &Path) -> Result<PathBuf, Error> {
    let mut json = Vec::new();
    print::json(found, &mut json)?;
    put(&folder.join(ComparisonReport::FILE), &json)?;
    let picture = folder.join(PICTURE);
    put(&picture, &[])?; // its folder, and whether it may be written
    let alt = comparison_picture(found, &picture).map_err(super::undrawn)?;
    if alt.is_none() {
        drop(std::fs::remove_file(&picture));
    }
    let markdown = comparison_markdown(found, alt.as_deref().map(|alt| (PICTURE, alt)));
    put(&folder.join(MARKDOWN), markdown.as_bytes())?;
    let path = folder.join(PAGE);
    put(&path, page.as_bytes())?;
    Ok(path)
}
