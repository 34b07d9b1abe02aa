//! All that figures and pages are made from, in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use serde_json::Value as Json;
use simpipe_artifact::{
    BaselineFile, Calibration, Confusion, Cutpoint, DatasetInfo, Embeddings, History, Image, IndexInfo, IndexRows,
    MatchInfo, MatchRow, Matches, ModelFile, Neighbour, Projection, ProjectionInfo, Samples, Thresholds,
};

use super::{Evaluated, FurtherMatches, Provenance, ReportError};

/// What the stages left, and the images that the figures ask for.
#[derive(Debug, Clone)]
pub struct ReportData {
    /// The report's own title, if the spec gives one.
    pub title: Option<String>,
    /// The ports into which nothing is plugged: what would come from there is empty.
    pub absent: BTreeSet<&'static str>,
    /// The dataset.
    pub dataset: DatasetInfo,
    /// The training pool in shuffled order.
    pub samples: Samples,
    /// The network.
    pub model: ModelFile,
    /// Every training step.
    pub history: History,
    /// What the index is.
    pub index_info: IndexInfo,
    /// The indexed examples.
    pub index: IndexRows,
    /// The embedded pool that queries come from; of unit length where the index's distance is cosine.
    pub embeddings: Embeddings,
    /// The cutpoints.
    pub calibration: Calibration,
    /// Every threshold.
    pub thresholds: Thresholds,
    /// Every query.
    pub matches: Matches,
    /// The confusion matrix.
    pub confusion: Confusion,
    /// `metrics.json` of the matches.
    pub match_metrics: Json,
    /// How the queries were judged.
    pub match_info: MatchInfo,
    /// How good searches are, as the stages that are plugged in have measured it.
    pub evaluations: Vec<Evaluated>,
    /// What queries were given by further stages.
    pub further_matches: Vec<FurtherMatches>,
    /// The whole resolved spec.
    pub spec: Json,
    /// Its digest, where somebody has computed it.
    pub spec_digest: Option<String>,
    /// Port, file and digest of what the report was made of.
    pub digests: Vec<(String, String, String)>,
    /// Where images have been before.
    pub provenance: Provenance,
    /// Images by example. Where index or training pool are of another dataset, their examples have numbers of their own
    /// here, so that one number is one image.
    pub images: BTreeMap<u64, Image>,
    /// Embeddings that are on a plane already, by method.
    pub projections: BTreeMap<String, (ProjectionInfo, Projection)>,
    /// Baselines that are measured already.
    pub baseline: Option<BaselineFile>,
}

impl ReportData {
    /// Whether nothing is plugged into a port.
    #[must_use]
    pub fn lacks(&self, port: &str) -> bool {
        self.absent.contains(port)
    }

    /// Whether a training is plugged in that has made no step.
    #[must_use]
    pub fn is_untrained(&self) -> bool {
        self.model.steps == 0 && !self.lacks("training")
    }

    /// The name of a class.
    #[must_use]
    pub fn class(&self, label: i32) -> &str {
        let (own, further) = (&self.dataset.classes, &self.provenance.further_classes);
        let name = |at: usize| own.get(at).or_else(|| further.get(at.checked_sub(own.len())?));
        usize::try_from(label).ok().and_then(name).map_or("?", String::as_str)
    }

    /// The name of no match.
    #[must_use]
    pub fn unknown(&self) -> &str {
        &self.match_info.unknown_label
    }

    /// The cutpoint that `match` used, with its name; `None` if the calibration does not have it.
    #[must_use]
    pub fn cutpoint(&self) -> Option<(&str, &Cutpoint)> {
        self.calibration
            .cutpoints
            .get_key_value(&self.match_info.cutpoint)
            .map(|(name, cutpoint)| (name.as_str(), cutpoint))
    }

    /// `F1 at optimal, distance 0.0484` in one form everywhere.
    pub(super) fn cutpoint_words(&self) -> String {
        self.cutpoint().map_or_else(
            || "no cutpoint".to_owned(),
            |(name, cutpoint)| format!("cutpoint {name}, distance {:.4}", cutpoint.distance),
        )
    }

    /// The image of an example.
    ///
    /// # Errors
    /// If it was not loaded.
    pub fn image(&self, example_id: u64) -> Result<&Image, ReportError> {
        self.images.get(&example_id).ok_or(ReportError::NoImage(example_id))
    }

    /// Tells self matches apart from others.
    #[must_use]
    pub fn overlap(&self) -> Overlap<'_> {
        Overlap {
            queries: ById::of(&self.embeddings.example_id, &self.embeddings.digest),
            by_id: ById::of(&self.index.example_id, &self.index.digest),
            bytes: OnceLock::new(),
        }
    }
}

/// Which queries are in the index, by example or by the bytes of their image.
#[derive(Debug)]
pub struct Overlap<'a> {
    queries: ById<'a>,
    by_id: ById<'a>,
    /// The digests of the index in order: not every question needs them.
    bytes: OnceLock<Vec<&'a str>>,
}

/// Digests of images by their examples, in the order of the examples. A page asks dozens of times, of all queries: for a
/// hundred thousand of them a tree takes longer to make than to ask.
#[derive(Debug)]
struct ById<'a>(Vec<(u64, &'a str)>);

impl<'a> ById<'a> {
    /// Of an example that stands several times the last digest.
    fn of(ids: &[u64], digests: &'a [String]) -> Self {
        let mut rows: Vec<(u64, &str)> = ids.iter().copied().zip(digests.iter().map(String::as_str)).collect();
        if !rows.is_sorted_by_key(|row| row.0) {
            rows.sort_by_key(|row| row.0); // stable
        }
        rows.dedup_by(|later, kept| {
            let again = later.0 == kept.0;
            if again {
                kept.1 = later.1;
            }
            again
        });
        Self(rows)
    }

    fn get(&self, id: u64) -> Option<&'a str> {
        self.0.binary_search_by_key(&id, |row| row.0).ok().map(|at| self.0[at].1)
    }
}

impl Overlap<'_> {
    /// Whether the query, or an image of the same bytes, is in the index.
    #[must_use]
    pub fn indexed(&self, query: &MatchRow) -> bool {
        let bytes = || {
            let mut bytes: Vec<&str> = self.by_id.0.iter().map(|row| row.1).collect();
            bytes.sort_unstable();
            bytes
        };
        self.by_id.get(query.query_id).is_some()
            || self
                .queries
                .get(query.query_id)
                .is_some_and(|digest| self.bytes.get_or_init(bytes).binary_search(&digest).is_ok())
    }

    /// The digest of a query's image.
    #[must_use]
    pub fn digest(&self, query: &MatchRow) -> Option<&str> {
        self.queries.get(query.query_id)
    }

    /// Whether a neighbour is the query itself, or an image of the same bytes.
    #[must_use]
    pub fn is_self(&self, query: &MatchRow, neighbour: &Neighbour) -> bool {
        neighbour.example_id == query.query_id
            || matches!(
                (self.queries.get(query.query_id), self.by_id.get(neighbour.example_id)),
                (Some(query), Some(neighbour)) if query == neighbour
            )
    }

    /// The nearest neighbour that is not the query itself, among those kept.
    #[must_use]
    pub fn nearest_other<'m>(&self, query: &'m MatchRow) -> Option<&'m Neighbour> {
        query.neighbours.iter().find(|neighbour| !self.is_self(query, neighbour))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_found_by_example_in_any_order() {
        let digests = ["a", "b", "c", "d"].map(str::to_owned);
        let found = ById::of(&[7, 3, 7, 5], &digests);
        assert_eq!([3, 5, 7, 4].map(|id| found.get(id)), [Some("b"), Some("d"), Some("c"), None]);
        assert_eq!(ById::of(&[], &[]).get(0), None);
    }
}
