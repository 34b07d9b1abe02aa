//! What came of making a run again, for people.

use std::io::Write;
use std::path::Path;

use crate::cli::print::{self, Align, Paint, Table, shown};
use crate::cli::words;
use crate::error::Error;
use simpipe_base::digest::Digest;
use simpipe_runner::RunRecord;
use simpipe_runner::reproduction::{FileComparison, MadeBy, StageComparison, Verdict, first};

/// Why a stage is not as it was, one sentence each; empty where it is.
pub(super) fn why(stage: &StageComparison) -> Vec<String> {
    match stage.verdict {
        Verdict::Equal => Vec::new(),
        Verdict::NotCompared => vec!["the run has no result of it".to_owned()],
        Verdict::Failed => {
            let failure = stage.failure.as_ref().map(|failure| failure.message.clone());
            vec![failure.unwrap_or_else(|| "a stage that it reads from has no result".to_owned())]
        }
        Verdict::Differs => {
            let mut why: Vec<String> = stage.reasons.iter().map(words::reason).collect();
            // Where an upstream stage left other bytes, that is the cause, whatever computed with them.
            if stage.reasons.iter().all(|reason| reason.upstream.is_none()) {
                why.extend(stage.made_by.iter().map(made_by));
            }
            if why.is_empty() {
                why.push(
                    "same key, program, backend and kernels, other bytes: its result depends on something else"
                        .to_owned(),
                );
            }
            why
        }
    }
}

fn made_by(other: &MadeBy) -> String {
    let word = |was: Option<&String>| was.map_or_else(|| "not known".to_owned(), |was| format!("`{was}`"));
    let name = match other.name.as_str() {
        "simpipe" => "the version of simpipe",
        "backend" => "the backend",
        "kernels" => "the instruction set of the kernels",
        "machine" => "the kind of machine",
        other => other,
    };
    format!("{name} is another: {} -> {}", word(other.was.recorded.as_ref()), word(other.was.found.as_ref()))
}

/// The table of stages, and the first that differs in full.
pub(super) fn write(
    recorded: &RunRecord,
    again: &RunRecord,
    stages: &[StageComparison],
    kept: Option<&Path>,
    out: &mut dyn Write,
) -> Result<(), Error> {
    table(stages, out)?;
    let compared = stages.iter().filter(|stage| stage.verdict != Verdict::NotCompared).count();
    let equal = stages.iter().filter(|stage| stage.verdict == Verdict::Equal).count();
    let (name, run, took) = (shown(&recorded.name), shown(&recorded.run), print::seconds(again.seconds));
    writeln!(out, "\n{name} {run}: {equal} of {compared} stages left the same bytes, in {took}")?;
    if let Some(stage) = first(stages) {
        write_first(stage, out)?;
    }
    if let Some(git) = recorded.git.as_ref().filter(|_| first(stages).is_some()) {
        let dirty = if git.dirty { ", with uncommitted changes" } else { "" };
        writeln!(out, "the run was made at the commit {}{dirty}", shown(&git.commit))?;
    }
    if let Some(folder) = kept {
        writeln!(out, "the second run: {}", shown(folder.join(&again.dir).display()))?;
    }
    Ok(())
}

fn table(stages: &[StageComparison], out: &mut dyn Write) -> Result<(), Error> {
    let seeds = stages.iter().any(|stage| stage.seed.is_some());
    let mut columns = vec![("Stage", Align::Left)];
    columns.extend(seeds.then_some(("Seed", Align::Right)));
    columns.extend([("Files", Align::Right), ("Verdict", Align::Left), ("Why", Align::Left)]);
    let mut table = Table::new(&columns);
    for stage in stages {
        let mut row = vec![stage.id.clone()];
        row.extend(seeds.then(|| stage.seed.map_or_else(String::new, |seed| seed.to_string())));
        let why = why(stage);
        let more = if why.len() > 1 { format!(", and {} more", why.len() - 1) } else { String::new() };
        let why = why.first().map_or_else(String::new, |first| format!("{first}{more}"));
        row.extend([stage.files.len().to_string(), stage.verdict.word().to_owned(), why]);
        table.row(row);
    }
    let (paint, verdict) = (Paint::stdout(), columns.len() - 2);
    let colour = |column: usize, cell: &str| match cell.trim() {
        _ if column != verdict => cell.to_owned(),
        "equal" => paint.green(cell),
        "differs" | "failed" => paint.red(cell),
        _ => paint.yellow(cell),
    };
    Ok(table.write(out, &colour)?)
}

fn write_first(stage: &StageComparison, out: &mut dyn Write) -> Result<(), Error> {
    let seed = stage.seed.map_or_else(String::new, |seed| format!(", seed {seed}"));
    writeln!(out, "\nthe first that differs: `{}` ({}{seed})", shown(&stage.id), shown(&stage.stage))?;
    for why in why(stage) {
        writeln!(out, "  - {}", shown(why))?;
    }
    if stage.verdict == Verdict::Differs {
        let digest = |digest: Option<Digest>| digest.map_or_else(|| "not there".to_owned(), |digest| digest.short());
        for FileComparison { name, digest: both } in stage.differing() {
            writeln!(out, "  {}: {} -> {}", shown(name), digest(both.recorded), digest(both.found))?;
        }
    }
    Ok(())
}
