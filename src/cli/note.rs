//! `simpipe note`: a line of one's own beside a run's record.

use std::io::Write;

use clap::Args;
use serde_json::json;

use super::options::PlaceOptions;
use super::print::{self, shown};
use crate::error::{Error, Exit};
use simpipe_runner::listing::write_note;
use simpipe_runner::{RunRecord, notes};

/// Attach a note to a run, shown by `show` and `runs`.
#[derive(Debug, Args)]
#[command(after_help = "The note is `note.txt` in the run's folder; no key and no result depends on it.

Examples:
  simpipe note latest 'the first with the new crop'
  simpipe runs --where 'note~crop'
  simpipe note latest ''")]
pub(super) struct NoteArgs {
    /// A run, named as for `show`.
    run: String,
    /// The note. It replaces an earlier one; an empty note removes it.
    text: String,
    #[command(flatten)]
    place: PlaceOptions,
    /// Print JSON.
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) fn exec(args: &NoteArgs, out: &mut dyn Write) -> Result<Exit, Error> {
    if args.text.len() > notes::LONGEST {
        let message = format!("a note has at most {} bytes, this one has {}", notes::LONGEST, args.text.len());
        return Err(Error::usage(message, "put a long text in a file, and note its path"));
    }
    let root = args.place.root_here()?;
    let folder = args.place.run_folder(&root, &args.run)?;
    let run = RunRecord::read(&folder)?.run;
    write_note(&folder, &args.text)?;
    let note = notes::read(&folder);
    if args.json {
        print::json(&json!({ "run": run, "note": note }), out)?;
    } else {
        let what = if note.is_some() { "added a note to" } else { "removed the note of" };
        writeln!(out, "{what} {}", shown(run))?;
    }
    Ok(Exit::Done)
}
