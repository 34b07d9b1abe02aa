//! What a run adds to a page: facts, graph, stages, times and spec.

use std::collections::BTreeMap;
use std::path::Path;

use super::SPEC;
use crate::cli::toml_text::{self, Origins};
use crate::cli::{graph, merged, print, reproduce, words};
use simpipe_artifact::Profile;
use simpipe_report::{RunBlock, RunStage};
use simpipe_runner::looks::Looks;
use simpipe_runner::{Outcome, RunRecord, StageRecord, notes};

/// What a run adds to a page.
pub(in crate::cli) fn block(record: &RunRecord, root: &Path, folder: &Path, looks: Option<Looks>) -> RunBlock {
    let (spec_is, spec) = spec(record, folder);
    RunBlock {
        facts: facts(record, root, folder, looks),
        command: record.command.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" "),
        graph: graph::of_record(record),
        stages: record.stages.iter().map(stage).collect(),
        profile: Profile::read(&folder.join(Profile::FILE)).ok(),
        spec_is,
        spec,
    }
}

fn facts(record: &RunRecord, root: &Path, folder: &Path, looks: Option<Looks>) -> Vec<(String, String)> {
    let at = std::path::absolute(folder).unwrap_or_else(|_| folder.to_path_buf());
    let saved = match record.saved_seconds {
        saved if saved > 0.0 => format!("; stored results saved {}", print::seconds(saved)),
        _ => String::new(),
    };
    let mut rows = vec![
        ("Experiment", record.name.clone()),
        ("Run", record.run.clone()),
        ("State", record.state().word().to_owned()),
        ("Began", record.started.clone()),
        ("Ended", record.finished.clone()),
        ("Took", print::seconds(record.seconds) + &saved),
        ("Config", record.config.clone()),
        ("Folder", at.to_string_lossy().into_owned()),
    ];
    rows.extend(record.group.as_ref().map(|group| ("Group", group.clone())));
    rows.extend(notes::read(folder).map(|note| ("Note", note)));
    rows.extend(looks.map(|looks| ("Test split", of_test(looks, root))));
    let names = [("host", "Host"), ("system", "System"), ("processor", "Processor"), ("cores", "Cores")];
    rows.extend(names.into_iter().filter_map(|(key, name)| Some((name, record.machine.get(key)?.clone()))));
    let memory = record.machine.get("memory").and_then(|bytes| bytes.parse().ok());
    rows.extend(memory.map(|bytes| ("Memory", print::bytes(bytes))));
    rows.extend(
        record.peak_memory.map(|bytes| ("Memory of the run at most, without mapped files", print::bytes(bytes))),
    );
    rows.extend(record.git.as_ref().map(|git| {
        let changed = if git.dirty { ", with changes that are in no commit" } else { "" };
        ("Git commit", format!("{}{changed}", git.commit))
    }));
    let rows = rows.into_iter().map(|(name, value)| (name.to_owned(), value));
    let versions = record.versions.iter().map(|(name, version)| (name.clone(), version.clone()));
    rows.chain(versions).collect()
}

/// How many runs have read the test split, and what that means.
fn of_test(looks: Looks, root: &Path) -> String {
    let Looks { runs, read, unknown } = looks;
    let root = std::path::absolute(root).unwrap_or_else(|_| root.to_path_buf());
    let more = match unknown {
        0 => String::new(),
        unknown => format!(", and for {} it is no longer known", print::thousands(unknown)),
    };
    format!(
        "read by {} of the {} runs of {}{more}, as the journal has them. What is chosen by its numbers fits it a little more \
         each time",
        print::thousands(read),
        print::thousands(runs),
        root.display()
    )
}

fn stage(stage: &StageRecord) -> RunStage {
    let why = match (&stage.failure, &stage.skipped) {
        (Some(failure), _) => failure.message.clone(),
        (None, Some(why)) => why.clone(),
        (None, None) => words::reasons(&stage.reasons),
    };
    let seed = stage.seed.map_or_else(String::new, |seed| format!(", seed {seed}"));
    let (hit, parts) = (stage.outcome == Outcome::Hit, parts(&stage.timings));
    RunStage {
        id: format!("{}{seed}", stage.id),
        kind: stage.stage.clone(),
        outcome: stage.outcome.word().to_owned(),
        took: print::seconds(stage.seconds) + if hit { "" } else { parts.as_str() },
        saved: if hit { print::seconds(stage.saved_seconds) + &parts } else { String::new() },
        key: stage.key.map(|key| key.short()).unwrap_or_default(),
        why,
    }
}

/// Parts of the work with their times, in brackets.
fn parts(timings: &BTreeMap<String, f64>) -> String {
    let named: Vec<String> =
        timings.iter().map(|(name, seconds)| format!("{name} {}", print::seconds(*seconds))).collect();
    if named.is_empty() { String::new() } else { format!(" ({})", named.join(", ")) }
}

/// The spec as it was written with the origin of each value, else as the record has it.
fn spec(record: &RunRecord, folder: &Path) -> (String, String) {
    let written = simpipe_base::fs::read(&folder.join(SPEC)).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    if let Some(written) = written {
        let is =
            "As it was written: template, bases, config and options in one. Behind each value stands who has set it.";
        return (is.to_owned(), written);
    }
    let experiment = reproduce::experiment_of(record, &[]).ok();
    let text =
        experiment.map(|experiment| toml_text::document(&merged::merged(&experiment), Origins::Hidden, &str::to_owned));
    let is = "As it was resolved, with every default: who has set each value was not kept.";
    (is.to_owned(), text.unwrap_or_default())
}

/// A word as a POSIX shell takes it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-+=./:,@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_written_as_a_shell_takes_it() {
        for (word, expected) in [
            ("configs/x.toml", "configs/x.toml"),
            ("train.epochs=5", "train.epochs=5"),
            ("train.loss={ triplet = { margin = 0.2 } }", "'train.loss={ triplet = { margin = 0.2 } }'"),
            ("it's", "'it'\\''s'"),
            ("", "''"),
        ] {
            assert_eq!(quoted(word), expected);
        }
    }

    #[test]
    fn what_is_counted_is_said_with_what_is_not_known() {
        let words = of_test(Looks { runs: 1200, read: 3, unknown: 2 }, Path::new("/data"));
        assert!(words.starts_with("read by 3 of the 1,200 runs of /data, and for 2 it is no longer known"), "{words}");
        assert!(!of_test(Looks { runs: 1, read: 1, unknown: 0 }, Path::new("/data")).contains("nobody"));
    }
}
