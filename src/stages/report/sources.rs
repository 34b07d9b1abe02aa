//! The datasets that a report shows images of: that of the queries, and those of the training pool and of the index where
//! they are others.
//!
//! An example's number means another image in each dataset, so those of the other two are moved out of the way.

use std::collections::{BTreeMap, BTreeSet};

use crate::embedded::foreign;
use simpipe_artifact::{
    DatasetInfo, Examples, FileNames, IMAGES, Image, ImageSet, Images, NearCopies, NearCopiesInfo, NearCopy, read_json,
};
use simpipe_base::digest::Digest;
use simpipe_base::issue::Issue;
use simpipe_report::{FoundCopies, Provenance, ReportData, held};
use simpipe_stage::{Ctx, InputFacts, Kind, Port, StageError};

/// Files of a dataset that the report reads.
pub(super) const DATASET_FILES: &[&str] = &[EXAMPLES, IMAGES, "dataset.json", FileNames::FILE];
const EXAMPLES: &str = "examples.parquet";

/// Where the first example of the training pool's dataset stands, and that of the index's: no dataset is that large.
const TRAINING: u64 = 1 << 40;
const INDEX: u64 = 1 << 41;
const PORTS: [(&str, u64); 3] = [("dataset", 0), ("training-dataset", TRAINING), ("index-dataset", INDEX)];

/// The optional ports.
pub(super) fn ports() -> Vec<Port> {
    vec![
        Port::new("training-dataset", Kind::Dataset, DATASET_FILES).optional(),
        Port::new("index-dataset", Kind::Dataset, DATASET_FILES).optional(),
        Port::new("near-copies", Kind::NearCopies, &[NearCopies::FILE, NearCopiesInfo::FILE]).optional(),
    ]
}

/// Examples whose images are in none of the datasets that are plugged in.
pub(super) fn unplugged(inputs: &InputFacts) -> Vec<Issue> {
    let plugged = |port: &str| inputs.dataset(port).map(|facts| facts.identity.as_str());
    let home = plugged("dataset");
    let training = inputs.samples("sampler").map(|facts| facts.dataset.as_str());
    let index = inputs.index("index").map(|facts| facts.pool.dataset.as_str());
    let queries = inputs.embeddings("embeddings").map(|facts| facts.pool.dataset.as_str());
    [
        foreign("queries", queries, home, "dataset"),
        foreign("training examples", training, plugged("training-dataset").or(home), "training-dataset"),
        foreign("indexed examples", index, plugged("index-dataset").or(home), "index-dataset"),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Gives the examples of other datasets their own numbers, and tells where images have been.
pub(super) fn set_apart(data: &mut ReportData, ctx: &Ctx<'_>) -> Result<(), StageError> {
    if ctx.has_input("training-dataset") {
        data.samples.example_id.iter_mut().for_each(|id| *id += TRAINING);
        let info: DatasetInfo = read_json(ctx.input("training-dataset", "dataset.json"))?;
        data.provenance.further_classes = rename(&mut data.samples.label, &info.classes, &data.dataset.classes);
    }
    if ctx.has_input("index-dataset") {
        data.index.example_id.iter_mut().for_each(|id| *id += INDEX);
        let neighbours = data.matches.0.iter_mut().flat_map(|row| &mut row.neighbours);
        neighbours.for_each(|neighbour| neighbour.example_id += INDEX);
    }
    data.provenance.near_copies = near_copies(ctx)?;
    Ok(())
}

/// What earlier steps have used.
pub(super) fn provenance(ctx: &Ctx<'_>) -> Result<Provenance, StageError> {
    let images = |port: &str, file: &str| match ctx.has_input(port) {
        true => ImageSet::read(ctx.input(port, file)),
        false => Ok(ImageSet::default()),
    };
    Ok(Provenance {
        trained_on: images("training", ImageSet::TRAINED_ON)?,
        calibrated_on: images("calibration", ImageSet::CALIBRATED_ON)?,
        ..Provenance::default()
    })
}

/// Port, file and digest of all that is read, but the images, whose digest the dataset has.
pub(super) fn digests(ctx: &Ctx<'_>, ports: &[Port]) -> Result<Vec<(String, String, String)>, StageError> {
    let mut digests = Vec::new();
    for port in ports.iter().filter(|port| ctx.has_input(port.name)) {
        for file in port.files.iter().filter(|file| ![EXAMPLES, IMAGES].contains(file)) {
            let path = ctx.input(port.name, file);
            // Images of an archive came from no files of their own.
            if *file == FileNames::FILE && !path.exists() {
                continue;
            }
            let digest = Digest::of_file_unless(path, &|| ctx.cancelled()).map_err(StageError::io("read", path))?;
            digests.push((port.name.to_owned(), (*file).to_owned(), digest.to_string()));
        }
    }
    Ok(digests)
}

/// Labels into one list of classes as labels into another, found by name; gives the names that it lacks, whose labels follow.
fn rename(labels: &mut [i32], from: &[String], to: &[String]) -> Vec<String> {
    let known: BTreeMap<&str, usize> = to.iter().enumerate().rev().map(|(at, name)| (name.as_str(), at)).collect();
    let mut further = Vec::new();
    let renamed: Vec<usize> = from
        .iter()
        .map(|name| {
            known.get(name.as_str()).copied().unwrap_or_else(|| {
                further.push(name.clone());
                to.len() + further.len() - 1
            })
        })
        .collect();
    for label in labels {
        let name = usize::try_from(*label).ok().and_then(|at| renamed.get(at));
        *label = name.and_then(|at| i32::try_from(*at).ok()).unwrap_or(-1);
    }
    further
}

/// The pairs of a stage `near-copies` with the examples that show their images here.
fn near_copies(ctx: &Ctx<'_>) -> Result<Option<FoundCopies>, StageError> {
    if !ctx.has_input("near-copies") {
        return Ok(None);
    }
    let NearCopies(pairs) = NearCopies::read(ctx.input("near-copies", NearCopies::FILE))?;
    let wanted: BTreeSet<&str> =
        pairs.iter().flat_map(|pair| [pair.query_digest.as_str(), pair.reference_digest.as_str()]).collect();
    let mut shown: BTreeMap<String, u64> = BTreeMap::new();
    for (port, first) in PORTS.into_iter().filter(|(port, _)| ctx.has_input(port)) {
        let examples = Examples::read(ctx.input(port, EXAMPLES))?;
        for (id, digest) in (first..).zip(examples.digest).filter(|(_, digest)| wanted.contains(digest.as_str())) {
            shown.entry(digest).or_insert(id);
        }
    }
    let here = |pair: &NearCopy| {
        let (query_id, reference_id) = (*shown.get(&pair.query_digest)?, *shown.get(&pair.reference_digest)?);
        Some(NearCopy { query_id, reference_id, ..pair.clone() })
    };
    let pairs = pairs.iter().filter_map(here).collect();
    Ok(Some(FoundCopies { info: read_json(ctx.input("near-copies", NearCopiesInfo::FILE))?, pairs }))
}

/// The images of some examples, as the report numbers them, each with at most the longer side that `side` gives of it. An image
/// that is not the one which index or queries were made of is refused: it would be shown in the other's place.
pub(super) fn images(
    ctx: &Ctx<'_>,
    data: &ReportData,
    wanted: &[u64],
    side: impl Fn(u64) -> usize,
) -> Result<BTreeMap<u64, Image>, StageError> {
    let indexed = data.index.example_id.iter().zip(&data.index.digest);
    let asked = data.embeddings.example_id.iter().zip(&data.embeddings.digest);
    let digests: BTreeMap<u64, &str> = indexed.chain(asked).map(|(id, digest)| (*id, digest.as_str())).collect();
    let mut images = BTreeMap::new();
    for (at, (port, first)) in PORTS.into_iter().enumerate() {
        let end = PORTS.get(at + 1).map_or(u64::MAX, |(_, next)| *next);
        let ids: Vec<u64> = wanted.iter().filter(|id| (first..end).contains(id)).map(|id| id - first).collect();
        if ids.is_empty() {
            continue;
        }
        let stored = Images::beside(ctx.input(port, EXAMPLES))?;
        for id in ids {
            let place = stored.find(id)?;
            let image = Image { shape: place.shape, pixels: stored.pixels(&place)?.into_owned() };
            let expected = digests.get(&(first + id)).filter(|digest| !digest.is_empty());
            if expected.is_some_and(|digest| **digest != image.digest().to_string()) {
                let message =
                    format!("example {id} of the port `{port}` is another image than the one that was embedded");
                return Err(StageError::failed(message).with_help(
                    "plug in the dataset of the queries as `dataset`, and those of the index and of the training pool as \
                     `index-dataset` and `training-dataset` where they are others",
                ));
            }
            images.insert(first + id, held(image, side(first + id)));
        }
    }
    Ok(images)
}

/// The files that some examples came from, as the report numbers them.
pub(super) fn file_names(ctx: &Ctx<'_>, wanted: &[u64]) -> Result<BTreeMap<u64, String>, StageError> {
    let mut names = BTreeMap::new();
    for (at, (port, first)) in PORTS.into_iter().enumerate().filter(|(_, (port, _))| ctx.has_input(port)) {
        let end = PORTS.get(at + 1).map_or(u64::MAX, |(_, next)| *next);
        let known = FileNames::read(ctx.input(port, FileNames::FILE))?;
        let ids = wanted.iter().filter(|id| (first..end).contains(id));
        names.extend(ids.filter_map(|id| Some((*id, known.of(id - first)?.to_owned()))));
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_of_another_dataset_are_found_by_name() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let mut labels = vec![0, 1, 2, 2, 7];
        let further = rename(&mut labels, &names(&["dog", "elk", "cat"]), &names(&["cat", "dog"]));
        assert_eq!((labels, further), (vec![1, 2, 0, 0, -1], names(&["elk"])));
    }
}
