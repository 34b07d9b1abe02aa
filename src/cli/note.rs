//! `simpipe note`: a line of one's own beside a run's record.

use std::io::Write;

use clap::Args;
use serde_json::json;

use super::options::PlaceOptions;
use super::print::{self, shown};
use crate::error::{Error, Exit};
use simpipe_runner::{RunRecord, notes};

/// Note something of a run, for `show` and `runs` to show.
#[derive(Debug, Args)]
#[command(after_help = "The note is `note.txt` in the run's folder; no key and no result depends on it.

Examples:
  simpipe note latest 'the first with the new crop'
  simpipe runs --where 'note~crop'
  simpipe note latest ''")]
pub(super) struct NoteArgs {
    /// A run as `show` takes it.
    run: String,
    /// The note, in the place of an earlier one; an empty one removes it.
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
        return Err(Error::usage(message, "put a long text into a file, and note where it is"));
    }
    let root = args.place.root_here()?;
    let folder = args.place.run_folder(&root, &args.run)?;
    let run = RunRecord::read(&folder)?.run;
    notes::write(&folder, &args.text)?;
    let note = notes::read(&folder);
    if args.json {
        print::json(&json!({ "run": run, "note": note }), out)?;
    } else {
        let what = if note.is_some() { "noted of" } else { "removed the note of" };
        writeln!(out, "{what} {}", shown(run))?;
    }
    Ok(Exit::Done)
}
