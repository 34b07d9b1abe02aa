//! Where images have been before they became queries: what a report needs to tell a leak.

use std::collections::BTreeMap;

use simpipe_artifact::{ImageSet, NearCopiesInfo, NearCopy};

/// What earlier steps have used, and what looks like it.
#[derive(Debug, Clone, Default)]
pub struct Provenance {
    /// The images that the network was trained on.
    pub trained_on: ImageSet,
    /// The images that the thresholds were found with.
    pub calibrated_on: ImageSet,
    /// Classes of a training pool of another dataset that the queries' dataset does not have: their labels follow its own.
    pub further_classes: Vec<String>,
    /// What looks like the queries, where somebody has looked for it.
    pub near_copies: Option<FoundCopies>,
    /// The files that the images shown came from, as far as they came from any: paths inside their source.
    pub files: BTreeMap<u64, String>,
}

/// Near copies whose images are at hand.
#[derive(Debug, Clone, Default)]
pub struct FoundCopies {
    /// What was found in all.
    pub info: NearCopiesInfo,
    /// Pairs, the closest first, with examples as the report numbers them.
    pub pairs: Vec<NearCopy>,
}

impl FoundCopies {
    /// The class of a pair's query.
    #[must_use]
    pub fn query_class(&self, pair: &NearCopy) -> &str {
        name(&self.info.classes, pair.query_label)
    }

    /// The class of a pair's reference, which may be of another dataset.
    #[must_use]
    pub fn reference_class(&self, pair: &NearCopy) -> &str {
        name(&self.info.reference_classes, pair.reference_label)
    }
}

fn name(classes: &[String], label: i32) -> &str {
    usize::try_from(label).ok().and_then(|at| classes.get(at)).map_or("?", String::as_str)
}
