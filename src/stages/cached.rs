//! Features that a network has made of images and that a stage takes in place of these.

use std::collections::BTreeMap;

use simpipe_artifact::{Embeddings, EmbeddingsInfo, Features, MadeBy, read_json};
use simpipe_base::issue::Issue;
use simpipe_nn::{Pixels, to_bytes};
use simpipe_stage::{Ctx, EmbeddingsFacts, StageError};

/// The files of embeddings that a stage reads to take them as features.
pub(super) const FILES: &[&str] = &[TABLE, EmbeddingsInfo::FILE];
/// Where they are plugged in.
pub(super) const PORT: &str = "embeddings";

const TABLE: &str = "embeddings.parquet";

/// Embeddings at a port, found by their examples.
pub(super) struct Cached {
    port: String,
    info: EmbeddingsInfo,
    made_by: MadeBy,
    rows: Embeddings,
    /// Rows by example.
    places: BTreeMap<u64, usize>,
}

impl Cached {
    pub(super) fn read(ctx: &Ctx<'_>, port: &str) -> Result<Self, StageError> {
        let info: EmbeddingsInfo = read_json(ctx.input(port, EmbeddingsInfo::FILE))?;
        let made_by = info.made_by.clone().ok_or_else(|| {
            let message = format!("the embeddings at the port `{port}` do not say which model made them");
            StageError::failed(message).with_help("embed them again with this version of simpipe")
        })?;
        let rows = Embeddings::read(ctx.input(port, TABLE))?;
        let places = rows.example_id.iter().enumerate().map(|(row, id)| (*id, row)).collect();
        Ok(Self { port: port.to_owned(), info, made_by, rows, places })
    }

    /// What a model that takes them says of them.
    pub(super) fn features(&self) -> Features {
        Features { of: self.made_by.of, dim: self.info.dim, model_use: self.info.model_use.clone() }
    }

    /// Height, width and channels of the images that they are of.
    pub(super) const fn image(&self) -> [usize; 3] {
        self.made_by.image
    }

    /// The rows of some examples, in the order asked for.
    pub(super) fn rows(&self, ids: &[u64]) -> Result<Vec<usize>, StageError> {
        let missing = ids.iter().filter(|id| !self.places.contains_key(id)).count();
        if missing > 0 {
            let port = &self.port;
            let message = format!("{missing} of {} examples have no features at the port `{port}`", ids.len());
            let help = "make that stage embed the whole pool of the same sampler: leave out its `slice`";
            return Err(StageError::failed(message).with_help(help));
        }
        Ok(ids.iter().map(|id| self.places[id]).collect())
    }

    /// The same as a network takes them.
    pub(super) fn pixels(&self, rows: &[usize]) -> Pixels {
        let mut bytes = Vec::with_capacity(rows.len() * self.info.dim * size_of::<f32>());
        rows.iter().for_each(|row| bytes.extend(to_bytes(self.rows.row(*row))));
        Pixels::of_features(self.info.dim, bytes, self.digests(rows))
    }

    fn digests(&self, rows: &[usize]) -> Vec<String> {
        rows.iter().map(|row| self.rows.digest[*row].clone()).collect()
    }
}

/// Features of a split that a pool is not of; nothing while one of them is not known.
pub(super) fn of_other_split(what: &str, split: &str, features: &EmbeddingsFacts, port: &str) -> Option<Issue> {
    let known = &features.pool.split;
    let differs = !split.is_empty() && !known.is_empty() && known != split;
    differs.then(|| {
        let message =
            format!("the {what} are of the split `{split}`, but the features at the port `{port}` of `{known}`");
        Issue::of("", message).help(format!("connect features of `{split}` to `{port}` in the template"))
    })
}
