//! Where the files and folders of a run lie now: `--data OLD=NEW`.

use std::path::{Path, PathBuf};

use crate::error::Error;
use simpipe_base::suggest;
use simpipe_runner::RunRecord;
use simpipe_spec::{Experiment, replace_text};

/// Points every path of an experiment at where its file or folder lay when the run was made, or has been moved to since.
pub(super) fn relocate(experiment: &mut Experiment, record: &RunRecord, options: &[String]) -> Result<(), Error> {
    let moves = options.iter().map(|option| Move::read(option, record)).collect::<Result<Vec<_>, _>>()?;
    for (path, at) in &record.paths {
        let Some((id, inside)) = path.split_once('.') else { continue };
        let Some(stage) = experiment.stages.iter_mut().find(|stage| stage.id == id) else { continue };
        let written = stage.params.nearest(inside).string().unwrap_or_default().to_owned();
        // The last one that knows the path counts, as with other options.
        let moved = moves.iter().rev().find_map(|one| one.applied_to(at).or_else(|| one.applied_to(&written)));
        let now = moved.unwrap_or_else(|| PathBuf::from(at));
        replace_text(&mut stage.params, inside, &now.to_string_lossy());
    }
    Ok(())
}

/// One option.
#[derive(Debug, PartialEq, Eq)]
struct Move {
    old: PathBuf,
    new: PathBuf,
}

impl Move {
    /// Reads `OLD=NEW`. A path may hold an `=` too: it is parted where `OLD` is something that the run has read.
    fn read(option: &str, record: &RunRecord) -> Result<Self, Error> {
        let parts = || option.match_indices('=').map(|(at, _)| (&option[..at], &option[at + 1..]));
        if parts().all(|(old, new)| old.is_empty() || new.is_empty()) {
            let message = format!("`--data {option}` does not say what is where");
            return Err(Error::usage(message, "write `--data OLD=NEW`, where OLD is a path of the run's spec"));
        }
        let known = |old: &Path| {
            let of_path = |(path, at): (&String, &String)| {
                below(at, old).is_some() || written(record, path).is_some_and(|text| below(text, old).is_some())
            };
            record.paths.iter().any(of_path)
        };
        let candidates = parts().filter(|(old, new)| !old.is_empty() && !new.is_empty()).flat_map(|(old, new)| {
            let new = std::path::absolute(new).unwrap_or_else(|_| new.into());
            let absolute = std::path::absolute(old).ok();
            std::iter::once(PathBuf::from(old)).chain(absolute).map(move |old| Self { old, new: new.clone() })
        });
        candidates.into_iter().find(|one| known(&one.old)).ok_or_else(|| unknown(option, record))
    }

    /// Where a path lies now, if it is the one that was moved, or inside.
    fn applied_to(&self, path: &str) -> Option<PathBuf> {
        below(path, &self.old)
            .map(|rest| if rest.as_os_str().is_empty() { self.new.clone() } else { self.new.join(rest) })
    }
}

/// What remains of a path inside a folder; nothing of the folder itself.
fn below<'a>(path: &'a str, folder: &Path) -> Option<&'a Path> {
    Path::new(path).strip_prefix(folder).ok()
}

/// A path as the spec writes it.
fn written<'a>(record: &'a RunRecord, path: &str) -> Option<&'a str> {
    let (id, inside) = path.split_once('.')?;
    let pointer: String = inside.replace('[', ".").replace(']', "").split('.').map(|part| format!("/{part}")).collect();
    record.spec["stages"][id]["params"].pointer(&pointer)?.as_str()
}

fn unknown(option: &str, record: &RunRecord) -> Error {
    let old = option.split('=').next().unwrap_or_default();
    let known: Vec<&str> = record.paths.values().map(String::as_str).collect();
    let help = match known.as_slice() {
        [] => "it reads no file or folder that its spec names: leave `--data` out".to_owned(),
        known => suggest::closest(old, known.iter().copied())
            .map_or_else(|| format!("it read {}", suggest::one_of(known)), |near| format!("did you mean `{near}`?")),
    };
    Error::usage(format!("the run {} has read nothing at `{old}`", record.run), help)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use simpipe_base::source::Source;
    use simpipe_spec::from_resolved;

    fn record() -> RunRecord {
        let source = json!({ "image-folder": { "path": "../photos" } });
        serde_json::from_value(json!({
            "format": 1, "run": "r", "name": "x", "dir": "artifacts/runs/x/r", "ok": true, "interrupted": false,
            "started": "", "finished": "", "seconds": 1.0, "saved_seconds": 0.0, "config": "x.toml", "command": [],
            "versions": {}, "stages": [], "metrics": {},
            "spec": {
                "pipeline": "p", "name": "x", "description": "", "seed": 1, "device": "cpu",
                "stages": { "dataset": { "stage": "dataset", "inputs": {}, "params": { "source": source } } },
            },
            "paths": { "dataset.source.image-folder.path": "/home/a=b/photos" },
        }))
        .unwrap()
    }

    /// Where the folder is read, or what is said of an option.
    fn read(options: &[&str]) -> Result<String, String> {
        let record = record();
        let source = Source::new("run.json", "", Path::new("/"));
        let mut experiment = from_resolved(&record.spec, &["dataset"], &source).unwrap();
        let options: Vec<String> = options.iter().map(|option| (*option).to_owned()).collect();
        relocate(&mut experiment, &record, &options)
            .map_err(|error| format!("{error}; {}", error.issues()[0].help.clone().unwrap_or_default()))?;
        Ok(experiment.stages[0].params.nearest("source.image-folder.path").string().unwrap().to_owned())
    }

    #[test]
    fn a_path_is_where_it_was_or_where_somebody_has_moved_it() {
        assert_eq!(read(&[]).unwrap(), "/home/a=b/photos", "not relative to anything");
        assert_eq!(read(&["/home/a=b/photos=/new"]).unwrap(), "/new");
        assert_eq!(read(&["/home/a=b=/data/x=y"]).unwrap(), "/data/x=y/photos", "a folder above it");
        assert_eq!(read(&["../photos=/written"]).unwrap(), "/written", "as the spec writes it");
        assert_eq!(read(&["../photos=/first", "/home/a=b=/last"]).unwrap(), "/last/photos");
    }

    #[test]
    fn what_the_run_has_not_read_is_refused() {
        let said = read(&["/home/a=/new"]).unwrap_err();
        assert!(said.starts_with("the run r has read nothing at `/home/a`"), "{said}");
        let said = read(&["/home/ab/photos=/new"]).unwrap_err();
        assert!(said.ends_with("did you mean `/home/a=b/photos`?"), "{said}");
        for option in ["photos", "=x", "x="] {
            assert!(read(&[option]).unwrap_err().contains("does not say what is where"), "{option}");
        }
    }
}
