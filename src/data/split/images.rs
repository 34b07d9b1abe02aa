//! Images divided one by one, by the digest of their pixels.

use std::collections::BTreeMap;

use super::{TEST, TRAIN, VALIDATION, ordered_by};
use crate::base::check;
use crate::base::digest::Digest;
use crate::base::suggest;
use crate::data::sampler::Problem;
use crate::data::source::SplitCounts;

crate::params! {
    /// Shares of the images.
    ///
    /// The digest of an image's pixels is taken for a number from 0 to 1: below `test` it becomes `test`, the next
    /// `validation` of it `validation`, the rest `train`. So copies of an image stay together, more images move none that
    /// were there, and each class is divided in these shares up to chance: of n images a share p has a standard deviation
    /// of sqrt(n p (1 - p)).
    ///
    /// # Example
    ///
    /// ```toml
    /// { images = { validation = 0.1, test = 0.2 } }
    /// ```
    pub struct ImageShares {
        /// The share that becomes `validation`: held out of training, to stop it or to find thresholds.
        #[aka("val", "val_size", "validation_split", "dev")]
        validation: f64 = 0.0 => check::decay(),
        /// The share that becomes `test`; 0.2 if it is left out, or none where `test` is kept.
        #[aka("test_size", "test_split")]
        test: Option<f64> = None => check::decay().optional(),
        /// Splits of the source that stay as they are, such as a published `test`; the others are divided.
        #[aka("fixed", "keep_splits")]
        keep: Vec<String> = Vec::new(),
        /// Any text: another one divides otherwise.
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

    pub(super) fn problems(&self, splits: Option<&BTreeMap<String, SplitCounts>>) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self.validation + self.test() >= 1.0 {
            let message = format!(
                "the shares {} for `{VALIDATION}` and {} for `{TEST}` leave nothing to train on",
                self.validation,
                self.test()
            );
            problems.push(problem(VALIDATION, message, "choose shares whose sum is below 1"));
        }
        let Some(splits) = splits else { return problems };
        let names: Vec<&str> = splits.keys().map(String::as_str).collect();
        for (at, name) in self.keep.iter().enumerate().filter(|(_, name)| !names.contains(&name.as_str())) {
            let message = format!("the source has no split `{name}`");
            problems.push(problem(&format!("keep[{at}]"), message, suggest::help(name, &names)));
        }
        if !names.is_empty() && names.iter().all(|name| self.keep.iter().any(|kept| kept == name)) {
            let message = "every split of the source is kept: nothing is divided".to_owned();
            problems.push(problem("keep", message, "leave one out, or the whole `split`"));
        }
        problems
    }

    /// The split of an image.
    pub(super) fn split<'a>(&self, source: &'a str, digest: &Digest) -> &'a str {
        if self.keep.iter().any(|kept| kept == source) {
            return source;
        }
        let place = place(digest, self.stream.as_deref());
        if place < self.test() {
            TEST
        } else if place < self.test() + self.validation {
            VALIDATION
        } else {
            TRAIN
        }
    }
}

/// A number from 0 to 1 that an image has for good: the first 52 bits of a digest.
#[expect(clippy::cast_precision_loss, reason = "52 bits are exact")]
fn place(digest: &Digest, stream: Option<&str>) -> f64 {
    let text = ordered_by(&digest.to_string(), stream).to_string();
    let bits = u64::from_str_radix(text.get(..13).unwrap_or("0"), 16).unwrap_or_default();
    bits as f64 / (1_u64 << 52) as f64
}

fn problem(path: &str, message: String, help: impl Into<String>) -> Problem {
    Problem { path: path.to_owned(), message, help: help.into() }
}
