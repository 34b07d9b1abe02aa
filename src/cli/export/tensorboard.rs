//! `tensorboard`: histories of trainings and figures of a run, as event files below a folder.

use std::path::Path;

use serde_json::json;

use super::event_file::EventFile;
use super::whole_run::{RunFormat, Sent, StoredRun};
use crate::cli::print::{self, shown};
use crate::cli::sink;
use crate::error::Error;
use simpipe_artifact::History;
use simpipe_base::clock::Moment;
use simpipe_base::interrupt::LeftToEnd;
use simpipe_runner::StageRecord;

/// Files below the log folder of TensorBoard.
pub(super) struct Tensorboard;

/// What a training leaves of each step.
const HISTORY: &str = "history.parquet";

impl RunFormat for Tensorboard {
    fn name(&self) -> &'static str {
        "tensorboard"
    }

    fn about(&self) -> &'static str {
        "event files of every training's history and of all figures, below a folder"
    }

    fn target(&self) -> &'static str {
        "a folder"
    }

    fn default_output(&self, _: &str) -> Option<String> {
        Some("tensorboard".to_owned())
    }

    /// One file a run: `DIR/EXPERIMENT/RUN/events.out.tfevents.TIME.simpipe`, for each seed of a group in a folder of its own.
    /// The same run gives the same bytes.
    fn write(&self, run: &StoredRun<'_>, output: &str, _: bool) -> Result<Sent, Error> {
        let folder = Path::new(output);
        if folder.is_file() {
            return Err(Error::usage(format!("`{output}` is a file"), "name the log folder of TensorBoard"));
        }
        let record = run.record;
        let started = Moment::from_rfc3339(&record.started).map_or(0, |moment| moment.0);
        let (base, name) =
            (folder.join(&record.name).join(&record.run), format!("events.out.tfevents.{}.simpipe", started / 1000));
        let mut files = Vec::new();
        let mut scalars = 0;
        let seeds: Vec<_> = record.seeds.iter().map(|seed| (Some(seed.seed), &seed.stages, &seed.metrics)).collect();
        let single = vec![(None, &record.stages, &record.metrics)];
        for (seed, stages, metrics) in if seeds.is_empty() { single } else { seeds } {
            let mut file = EventFile::new(started as f64 / 1000.0);
            file.text(
                "spec",
                &format!("```json\n{}\n```", serde_json::to_string_pretty(&record.spec).unwrap_or_default()),
            );
            let mut last = 0;
            for stage in stages {
                for row in history(run, stage)?.0 {
                    let mut values =
                        vec![(tag(stage, "loss"), row.loss), (tag(stage, "learning_rate"), row.learning_rate)];
                    values.extend(row.val_loss.map(|loss| (tag(stage, "val_loss"), loss)));
                    values.extend(row.logged.iter().map(|(name, value)| (tag(stage, name), *value)));
                    scalars += values.len();
                    file.scalars(row.step, &values);
                    last = last.max(row.step);
                }
            }
            let figures: Vec<_> = metrics.iter().map(|(name, value)| (format!("metrics/{name}"), *value)).collect();
            scalars += figures.len();
            file.scalars(last, &figures);
            let folder = seed.map_or_else(|| base.clone(), |seed| base.join(format!("seed-{seed}")));
            files.push((folder.join(&name), file.into_bytes()));
        }
        let _writing = LeftToEnd::begin();
        for (path, bytes) in &files {
            let help = "choose a writable folder: `--tensorboard DIR`";
            sink::write(path, bytes).map_err(|error| sink::unwritable(path, &error, help))?;
        }
        let paths: Vec<_> = files.iter().map(|(path, _)| path.to_string_lossy().into_owned()).collect();
        let (count, said) = (print::thousands(scalars), shown(folder.display()));
        Ok(Sent {
            json: json!({ "folder": output, "files": paths, "scalars": scalars }),
            words: format!(
                "wrote {} below {said}: {count} scalars; `tensorboard --logdir {said}` shows them",
                words(files.len())
            ),
        })
    }
}

fn words(files: usize) -> String {
    if files == 1 { "an event file".to_owned() } else { format!("{files} event files") }
}

/// TensorBoard groups figures by what stands before the first slash.
fn tag(stage: &StageRecord, name: &str) -> String {
    format!("{}/{name}", stage.id)
}

/// The history of a stage; empty where it keeps none.
pub(super) fn history(run: &StoredRun<'_>, stage: &StageRecord) -> Result<History, Error> {
    if !stage.outcome.done() || !stage.files.contains_key(HISTORY) {
        return Ok(History::default());
    }
    let files = run.files(stage)?;
    let file = files.iter().find(|file| file.name.as_str() == HISTORY);
    file.map_or(Ok(History::default()), |file| Ok(History::read(&file.path)?))
}
