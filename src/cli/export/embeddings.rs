//! The embeddings of a run with what they are of, for formats that hand them on.

use std::path::{Path, PathBuf};

use super::whole_run::{StoredFile, StoredRun};
use crate::error::Error;
use crate::library::lineage;
use simpipe_artifact::{DatasetInfo, Embeddings, Images, read_json};
use simpipe_runner::StageRecord;

const TABLE: &str = "embeddings.parquet";

/// What a stage `embed` has left.
pub(super) struct StoredEmbeddings {
    /// The stage's id; of a group behind the seed's: `seed-7/embed-validation`.
    pub(super) name: String,
    pub(super) rows: Embeddings,
    /// Class names by label.
    pub(super) classes: Vec<String>,
    /// What the rows are of, among others.
    pub(super) images: Images,
}

impl StoredEmbeddings {
    /// The class of a row.
    pub(super) fn class(&self, row: usize) -> &str {
        let label = self.rows.label.get(row).and_then(|label| usize::try_from(*label).ok());
        label.and_then(|label| self.classes.get(label)).map_or("", String::as_str)
    }
}

/// Those of every stage `embed`, in the order of the run, or of the one that is chosen.
///
/// # Errors
/// If the run has none, or the store lacks something.
pub(super) fn of(run: &StoredRun<'_>) -> Result<Vec<StoredEmbeddings>, Error> {
    let embeds = run.record.stages.iter().filter(|stage| stage.stage == "embed" && stage.outcome.done());
    let wanted = |stage: &&StageRecord| run.stage.is_none_or(|wanted| stage.id == wanted);
    let ids = || embeds.clone().map(|stage| format!("`{}`", stage.id)).collect::<Vec<_>>().join(", ");
    let all = embeds.clone().filter(wanted).map(|stage| one(run, stage)).collect::<Result<Vec<_>, _>>()?;
    if let (Some(wanted), true, true) = (run.stage, all.is_empty(), embeds.clone().next().is_some()) {
        let message = format!("the stage `{wanted}` of {} has no embeddings", run.record.run);
        return Err(Error::usage(message, format!("embeddings are those of {}", ids())));
    }
    if all.is_empty() {
        let help = "its pipeline needs a stage `embed` that has ended";
        return Err(Error::usage(format!("the run {} has no embeddings", run.record.run), help));
    }
    Ok(all)
}

fn one(run: &StoredRun<'_>, stage: &StageRecord) -> Result<StoredEmbeddings, Error> {
    let dataset = lineage::dataset_of(run.record, stage).ok_or_else(|| {
        let message = format!("no stage of {} produced the images of `{}`", run.record.run, stage.id);
        Error::usage(message, "run the experiment again")
    })?;
    let dataset = run.files(dataset)?;
    let names = dataset.iter().map(|file| file.name.as_str());
    let images = Images::among(Path::new(&stage.id), names, |name| path(&dataset, name).map(Some))?;
    let info: DatasetInfo = read_json(&path(&dataset, "dataset.json")?)?;
    let seed = stage.seed.map_or_else(String::new, |seed| format!("seed-{seed}/"));
    Ok(StoredEmbeddings {
        name: format!("{seed}{}", stage.id),
        rows: Embeddings::read(&path(&run.files(stage)?, TABLE)?)?,
        classes: info.classes,
        images,
    })
}

fn path(files: &[StoredFile], name: &str) -> Result<PathBuf, Error> {
    let file = files.iter().find(|file| file.name.as_str() == name);
    file.map(|file| file.path.clone()).ok_or_else(|| Error::usage(format!("the result lacks `{name}`"), "run it again"))
}
