//! The stage `near-copies`: images of one pool that look like images of another.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use rayon::prelude::*;

use super::embedded;
use super::slice::Slice;
use simpipe_artifact::{
    self as artifact, ArtifactError, DatasetInfo, Examples, IMAGES, Images, NearCopies, NearCopiesInfo, NearCopy,
    Samples, read_json, write_json,
};
use simpipe_base::check;
use simpipe_base::issue::Issue;
use simpipe_base::params;
use simpipe_search::near_copies::{Copies, CopySearch, THUMBNAIL, thumbnail};
use simpipe_stage::{Ctx, Facts, InputFacts, Kind, Port, Progress, Stage, StageError};

params! {
    /// Finds images of one pool, the queries, that look like images of another, the references: near copies in the training
    /// pool or in the index make a test easier than it looks.
    ///
    /// Each image becomes a thumbnail of 16 x 16 pixels of three channels, less the mean of all its numbers; a pair counts
    /// where the correlation of the two is at least `min-correlation`. On CIFAR-10, 0.95 finds 143 of
    /// the 10,000 test images in the training images, half of those that people have found. Copies that are cut, turned or mirrored are not found.
    ///
    /// # Example
    ///
    /// ```toml
    /// [near-copies]
    /// min-correlation = 0.95
    /// ```
    pub struct Params {
        /// Positions in the queries' pool.
        #[aka("range", "subset", "positions", "rows")]
        slice: Slice = Slice::All,
        /// Positions in the references' pool.
        #[aka("reference_range", "reference_subset")]
        reference_slice: Slice = Slice::All,
        /// The smallest correlation of a pair.
        #[aka("threshold", "thresh", "similarity", "min_similarity", "cutoff")]
        min_correlation: f64 = 0.95 => check::between(0.5, 1.0),
        /// Number of pairs to list per query, closest first; all are counted.
        #[aka("k", "top_k", "limit", "max_pairs")]
        pairs_per_query: usize = 10 => check::between(1, 10_000),
    }
}

/// Finds near copies.
#[derive(Debug)]
pub struct NearCopiesStage;

const DATASET: &str = "examples.parquet";
const INFO: &str = "dataset.json";
const POOL: &str = "samples.parquet";
/// Files of a dataset that are read.
const FILES: &[&str] = &[DATASET, IMAGES, INFO];
/// References compared at a time: 50 MB of thumbnails.
const BLOCK: usize = 16_384;

impl Stage for NearCopiesStage {
    const NAME: &'static str = "near-copies";
    const SUMMARY: &'static str = "Finds images of one pool that look like images of another.";
    // 1: correlation of thumbnails. 2: images are read from files of their splits.
    const VERSION: u32 = 2;
    const OUTPUT: Kind = Kind::NearCopies;
    const FILES: &'static [&'static str] = &[NearCopies::FILE, NearCopiesInfo::FILE];
    type Params = Params;

    fn ports(_params: &Params) -> Vec<Port> {
        vec![
            Port::new("dataset", Kind::Dataset, FILES),
            Port::new("queries", Kind::Samples, &[POOL]),
            Port::new("references", Kind::Samples, &[POOL]),
            Port::new("reference-dataset", Kind::Dataset, FILES).optional(),
        ]
    }

    fn infer(params: &Params, inputs: &InputFacts) -> Result<Facts, Vec<Issue>> {
        let count = |port: &str| inputs.samples(port).and_then(|facts| facts.count);
        let queries = params.slice.within(count("queries"), "slice");
        let references = params.reference_slice.within(count("references"), "reference-slice");
        let mut issues: Vec<Issue> = [queries.err(), references.err()].into_iter().flatten().collect();
        let home = inputs.dataset("dataset").map(|facts| facts.identity.as_str());
        let other = inputs.dataset("reference-dataset").map(|facts| facts.identity.as_str()).or(home);
        let of = |port: &str| inputs.samples(port).map(|facts| facts.dataset.as_str());
        issues.extend(embedded::foreign("queries", of("queries"), home, "dataset"));
        issues.extend(embedded::foreign("references", of("references"), other, "reference-dataset"));
        if issues.is_empty() { Ok(Facts::NearCopies) } else { Err(issues) }
    }

    fn run(params: &Params, ctx: &mut Ctx<'_>) -> Result<(), StageError> {
        let other = if ctx.has_input("reference-dataset") { "reference-dataset" } else { "dataset" };
        let queries = Side::read(ctx, "dataset", "queries", params.slice, "slice")?;
        let references = Side::read(ctx, other, "references", params.reference_slice, "reference-slice")?;
        let one_dataset = other == "dataset" || queries.examples == references.examples;
        let thumbnails = thumbnails(ctx, &Images::open(ctx.input("dataset", IMAGES))?, &queries.ids)?;
        let stop = || ctx.cancelled();
        let mut search = CopySearch::new(&thumbnails, params.min_correlation, params.pairs_per_query, &stop);
        let images = Images::open(ctx.input(other, IMAGES))?;
        // In the order of the file, so that a disk reads it once.
        let mut order: Vec<u32> = (0..).take(references.ids.len()).collect();
        order.sort_by_key(|at| references.ids[*at as usize]);
        for (block, positions) in order.chunks(BLOCK).enumerate() {
            let ids: Vec<u64> = positions.iter().map(|at| references.ids[*at as usize]).collect();
            let rows = self::thumbnails(ctx, &images, &ids)?;
            let itself =
                |query: usize, reference: u32| one_dataset && queries.ids[query] == references.ids[reference as usize];
            search.look(&rows, positions, itself).map_err(|error| embedded::unsearchable(&error))?;
            let (done, total) = (((block + 1) * BLOCK).min(order.len()) as u64, Some(order.len() as u64));
            ctx.progress(Progress { done, total, unit: "images", message: String::new() });
        }
        let found = search.finish();
        let pairs = pairs(&found, &queries, &references);
        let info = info(params, &found, &pairs, queries, references);
        tell(ctx, &info);
        pairs.write(&ctx.output(NearCopies::FILE))?;
        write_json(&ctx.output(NearCopiesInfo::FILE), &info)?;
        Ok(())
    }
}

/// Queries or references.
struct Side {
    ids: Vec<u64>,
    labels: Vec<i32>,
    examples: Examples,
    classes: Vec<String>,
}

impl Side {
    fn read(ctx: &Ctx<'_>, dataset: &str, pool: &str, slice: Slice, path: &str) -> Result<Self, StageError> {
        let samples = Samples::read(ctx.input(pool, POOL))?;
        let range: Range<usize> = slice.within(Some(samples.label.len()), path)?.unwrap_or_default();
        let examples = Examples::read(ctx.input(dataset, DATASET))?;
        let info: DatasetInfo = read_json(ctx.input(dataset, INFO))?;
        let (ids, labels) = (samples.example_id[range.clone()].to_vec(), samples.label[range].to_vec());
        let beyond = |id: &&u64| usize::try_from(**id).map_or(true, |row| row >= examples.len());
        if let Some(id) = ids.iter().find(beyond) {
            return Err(StageError::failed(format!("the pool at `{pool}` has example {id}, which `{dataset}` lacks"))
                .with_help("connect the dataset that the pool is drawn from"));
        }
        Ok(Self { ids, labels, examples, classes: info.classes })
    }

    fn digest(&self, at: usize) -> &str {
        usize::try_from(self.ids[at]).map_or("", |row| &self.examples.digest[row])
    }

    fn class(&self, at: usize) -> Option<&str> {
        usize::try_from(self.labels[at]).ok().and_then(|label| self.classes.get(label)).map(String::as_str)
    }
}

/// The thumbnails of some examples, one after the other.
fn thumbnails(ctx: &Ctx<'_>, images: &Images, ids: &[u64]) -> Result<Vec<f32>, StageError> {
    let places = ids.iter().map(|id| images.find(*id)).collect::<Result<Vec<_>, _>>()?;
    let mut rows = vec![0.0; ids.len() * THUMBNAIL];
    rows.par_chunks_exact_mut(THUMBNAIL).zip(&places).try_for_each(|(row, place)| {
        if !ctx.cancelled() {
            row.copy_from_slice(&thumbnail(place.shape, &images.pixels(place)?));
        }
        Ok::<_, ArtifactError>(())
    })?;
    ctx.stop_if_cancelled()?;
    Ok(rows)
}

/// All listed pairs, those that are most alike first.
fn pairs(found: &[Copies], queries: &Side, references: &Side) -> NearCopies {
    let mut pairs: Vec<NearCopy> = Vec::new();
    for (query, copies) in found.iter().enumerate() {
        pairs.extend(copies.nearest.iter().map(|copy| {
            let reference = copy.reference as usize;
            NearCopy {
                query_id: queries.ids[query],
                reference_id: references.ids[reference],
                correlation: copy.correlation,
                query_label: queries.labels[query],
                reference_label: references.labels[reference],
                same_label: queries.class(query) == references.class(reference),
                query_digest: queries.digest(query).to_owned(),
                reference_digest: references.digest(reference).to_owned(),
            }
        }));
    }
    let place = |pair: &NearCopy| (pair.query_id, pair.reference_id);
    pairs.sort_by(|one, other| other.correlation.total_cmp(&one.correlation).then(place(one).cmp(&place(other))));
    NearCopies(pairs)
}

fn info(params: &Params, found: &[Copies], pairs: &NearCopies, queries: Side, references: Side) -> NearCopiesInfo {
    let with_copies: BTreeSet<(u64, &str)> =
        pairs.0.iter().map(|pair| (pair.query_id, pair.query_digest.as_str())).collect();
    let (query_ids, digests): (Vec<u64>, Vec<&str>) = with_copies.into_iter().unzip();
    NearCopiesInfo {
        format: artifact::FORMAT,
        min_correlation: params.min_correlation,
        queries: queries.ids.len(),
        references: references.ids.len(),
        pairs: found.iter().map(|copies| copies.count).sum(),
        listed: pairs.0.len(),
        same_label: pairs.0.iter().filter(|pair| pair.same_label).count(),
        identical: pairs.0.iter().filter(|pair| pair.query_digest == pair.reference_digest).count(),
        query_ids,
        query_digests: digests.into_iter().map(str::to_owned).collect(),
        classes: queries.classes,
        reference_classes: references.classes,
    }
}

/// Warns of what was found, and leaves the figures.
#[expect(clippy::cast_precision_loss, reason = "counts of images are far below 2^52")]
fn tell(ctx: &mut Ctx<'_>, info: &NearCopiesInfo) {
    let (found, all) = (info.query_ids.len(), info.queries);
    if found > 0 {
        let have = if found == 1 { "query has" } else { "queries have" };
        ctx.warn(format!(
            "{found} of {all} {have} a near copy among the {} references, of a correlation of at least {}",
            info.references, info.min_correlation
        ));
    }
    let share = if all == 0 { 0.0 } else { found as f64 / all as f64 };
    let figures = BTreeMap::from([
        ("pairs", info.pairs as f64),
        ("queries", found as f64),
        ("share", share),
        ("identical", info.identical as f64),
    ]);
    figures.into_iter().for_each(|(name, value)| ctx.metric(name, value));
}

#[cfg(test)]
#[path = "near_copies_tests.rs"]
mod tests;
