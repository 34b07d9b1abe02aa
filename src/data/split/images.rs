//! Images divided one by one, by the digest of their pixels.

use std::collections::BTreeMap;

use super::{TEST, TRAIN, VALIDATION, ordered_by, share_of};
use crate::source::SplitCounts;
use simpipe_artifact::split_name;
use simpipe_base::check;
use simpipe_base::digest::Digest;
use simpipe_base::issue::Issue;

simpipe_base::params! {
    /// Shares of the images.
    ///
    /// The digest of an image's pixels is used as a number from 0 to 1: below `test` the image becomes `test`, in the
    /// next interval of length `validation` it becomes `validation`, else `train`. So copies of an image stay together,
    /// added images move no others, and each class is divided in these shares up to chance: of n images a share p has a
    /// standard deviation of sqrt(n p (1 - p)). With `stratified` each class is divided in exactly these shares.
    ///
    /// # Example
    ///
    /// ```toml
    /// { images = { validation = 0.1, test = 0.2 } }
    /// ```
    pub struct ImageShares {
        /// The share that becomes `validation`: held out of training, to stop it or to find thresholds.
        #[aka("val", "valid", "val_size", "validation_split", "dev")]
        validation: f64 = 0.0 => check::decay(),
        /// The share that becomes `test`; default: 0.2, or none if `test` is in `keep`.
        #[aka("test_size", "test_split")]
        test: Option<f64> = None => check::decay().optional(),
        /// Splits of the source to keep as they are, such as a published `test`; the others are divided.
        #[aka("fixed", "keep_splits")]
        keep: Vec<String> = Vec::new(),
        /// Whether the shares are of each class, rounded up, with at least one image left in `train`: each image is then decoded
        /// twice, and a new one may move another.
        #[aka("stratify", "per_class", "balanced")]
        stratified: bool = false,
        /// Any text. A different one divides differently.
        #[aka("seed", "random_state", "random_seed")]
        stream: Option<String> = None,
    }
}

/// The share for testing that is taken where none is written.
const TESTED: f64 = 0.2;

impl ImageShares {
    fn test(&self) -> f64 {
        let kept = self.keep.iter().any(|name| name == TEST);
        self.test.unwrap_or(if kept { 0.0 } else { TESTED })
    }

    /// The splits that must not stay empty.
    #[must_use]
    pub fn wanted(&self) -> Vec<&'static str> {
        let wanted = [(TRAIN, true), (VALIDATION, self.validation > 0.0), (TEST, self.test() > 0.0)];
        wanted.into_iter().filter(|(_, wanted)| *wanted).map(|(name, _)| name).collect()
    }

    pub(super) fn problems(&self, splits: Option<&BTreeMap<String, SplitCounts>>) -> Vec<Issue> {
        let mut problems = Vec::new();
        problems.extend(shares_problem(self.validation, self.test()));
        let Some(splits) = splits else { return problems };
        let names: Vec<&str> = splits.keys().map(String::as_str).collect();
        for (at, name) in self.keep.iter().enumerate().filter(|(_, name)| !names.contains(&name.as_str())) {
            let message = format!("the source has no split `{name}`");
            problems.push(problem(&format!("keep[{at}]"), message, split_name::help(name, &names)));
        }
        if !names.is_empty() && names.iter().all(|name| self.keep.iter().any(|kept| kept == name)) {
            let message = "every split of the source is kept, so nothing is divided".to_owned();
            problems.push(problem("keep", message, "leave one out, or the whole `split`"));
        }
        problems
    }

    /// Whether images of this split stay where they are.
    pub(super) fn keeps(&self, split: &str) -> bool {
        self.keep.iter().any(|kept| kept == split)
    }

    /// The splits of all images, by their digests: the shares of each class, rounded up, in the order of the digests. An image
    /// that is there twice counts once, and in two classes goes where the first has it.
    pub(super) fn strata(&self, images: &[(i32, Digest)]) -> BTreeMap<Digest, &'static str> {
        let mut classes: BTreeMap<i32, BTreeMap<Digest, Digest>> = BTreeMap::new();
        for (label, digest) in images {
            let order = ordered_by(&digest.to_string(), self.stream.as_deref());
            classes.entry(*label).or_default().insert(order, *digest);
        }
        let mut splits = BTreeMap::new();
        for images in classes.into_values() {
            let most = images.len().saturating_sub(1);
            let tested = share_of(images.len(), self.test()).min(most);
            let held_out = share_of(images.len(), self.validation).min(most - tested);
            for (at, digest) in images.into_values().enumerate() {
                let split = match at {
                    at if at < tested => TEST,
                    at if at < tested + held_out => VALIDATION,
                    _ => TRAIN,
                };
                splits.entry(digest).or_insert(split);
            }
        }
        splits
    }

    /// The split of an image.
    pub(super) fn split<'a>(&self, source: &'a str, digest: &Digest) -> &'a str {
        if self.keeps(source) {
            return source;
        }
        let place = place(&digest.to_string(), self.stream.as_deref());
        if place < self.test() {
            TEST
        } else if place < self.test() + self.validation {
            VALIDATION
        } else {
            TRAIN
        }
    }
}

/// Shares that leave nothing.
#[must_use]
pub fn shares_problem(validation: f64, test: f64) -> Option<Issue> {
    let message =
        format!("the shares {validation} for `{VALIDATION}` and {test} for `{TEST}` leave nothing to train on");
    (validation + test >= 1.0).then(|| problem(VALIDATION, message, "choose shares whose sum is below 1"))
}

/// A number from 0 to 1 that a thing has for good: the first 52 bits of a digest.
#[expect(clippy::cast_precision_loss, reason = "52 bits are exact")]
pub(super) fn place(thing: &str, stream: Option<&str>) -> f64 {
    let text = ordered_by(thing, stream).to_string();
    let bits = u64::from_str_radix(text.get(..13).unwrap_or("0"), 16).unwrap_or_default();
    bits as f64 / (1_u64 << 52) as f64
}

fn problem(path: &str, message: String, help: impl Into<String>) -> Issue {
    Issue::of(path, message).help(help)
}
