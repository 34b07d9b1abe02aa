//! How a dataset is divided into splits, whatever its source: by classes ([`ClassShares`]) or by images ([`ImageShares`]).
//!
//! Names and pixels alone decide: the same data is divided in the same way on every machine, and more data moves little.

mod classes;
mod images;
mod part;

use std::collections::BTreeMap;

pub use classes::ClassShares;
pub use images::ImageShares;
pub use part::Part;

use super::sampler::Problem;
use super::source::SplitCounts;
use crate::base::digest::Digest;

crate::choice! {
    /// How a dataset is divided into splits.
    pub enum Split {
        /// As the source has it.
        "source" => Source,
        /// Some images of each class: measures how well known classes are recognised. Copies of an image stay together.
        #[aka("by_image", "random", "stratified", "random_split")]
        "images" => Images(ImageShares),
        /// Whole classes: measures how well the embedding serves classes that it was never trained on (Musgrave, Belongie
        /// and Lim, 2020, arXiv:2003.08505).
        #[aka("by_class", "class_disjoint", "zero_shot", "open_set")]
        "classes" => Classes(ClassShares),
    }
}

/// The splits that a rule makes.
pub(crate) const TRAIN: &str = "train";
pub(crate) const VALIDATION: &str = "validation";
pub(crate) const TEST: &str = "test";

/// What is known of the images that are divided.
#[derive(Debug, Clone, Copy, Default)]
pub struct Undivided<'a> {
    /// Names by label.
    pub classes: Option<&'a [String]>,
    /// The source's own splits.
    pub splits: Option<&'a BTreeMap<String, SplitCounts>>,
}

/// A rule that has met its classes.
#[derive(Debug, Clone, PartialEq)]
pub enum Division<'a> {
    /// Every image stays where it is.
    Source,
    /// The digest of an image decides.
    Images(&'a ImageShares),
    /// The label decides.
    Classes(Vec<&'static str>),
}

impl Split {
    /// Everything that the data rules out; paths are inside the parameter.
    #[must_use]
    pub fn problems(&self, known: Undivided<'_>) -> Vec<Problem> {
        match self {
            Self::Source => Vec::new(),
            Self::Images(shares) => shares.problems(known.splits),
            Self::Classes(shares) => match known.classes {
                Some(classes) => shares.assign(classes).err().unwrap_or_default(),
                None => shares.problems(),
            },
        }
    }

    /// What is allowed but does nothing; paths are inside the parameter.
    #[must_use]
    pub fn doubt(&self) -> Option<Problem> {
        match self {
            Self::Classes(shares) => shares.doubt(),
            Self::Source | Self::Images(_) => None,
        }
    }

    /// The rule for these classes.
    ///
    /// # Errors
    /// Everything that they rule out.
    pub fn division(&self, classes: &[String]) -> Result<Division<'_>, Vec<Problem>> {
        Ok(match self {
            Self::Source => Division::Source,
            Self::Images(shares) => Division::Images(shares),
            Self::Classes(shares) => Division::Classes(shares.assign(classes)?),
        })
    }

    /// How many examples each split will have, where the source's counts tell.
    #[must_use]
    pub fn counts(&self, known: Undivided<'_>) -> Option<BTreeMap<String, SplitCounts>> {
        let splits = known.splits?;
        match self {
            Self::Source => Some(splits.clone()),
            // Which images go where is known when they are read.
            Self::Images(_) => None,
            Self::Classes(shares) => {
                let assigned = shares.assign(known.classes?).ok()?;
                let mut counts: BTreeMap<String, Vec<usize>> = BTreeMap::new();
                for split in splits.values() {
                    for (label, count) in split.per_class.as_ref()?.iter().enumerate() {
                        let per_class = counts.entry((*assigned.get(label)?).to_owned());
                        per_class.or_insert_with(|| vec![0; assigned.len()])[label] += count;
                    }
                }
                Some(counts.into_iter().map(|(name, counts)| (name, SplitCounts::of_classes(counts))).collect())
            }
        }
    }
}

impl Division<'_> {
    /// The split of an image, whose source has it in `source`; the digest is asked for only where it decides.
    pub fn of<'b>(&'b self, source: &'b str, label: i32, digest: impl FnOnce() -> Digest) -> &'b str {
        match self {
            Self::Source => source,
            Self::Images(shares) => shares.split(source, &digest()),
            Self::Classes(splits) => {
                usize::try_from(label).ok().and_then(|label| splits.get(label)).copied().unwrap_or(source)
            }
        }
    }
}

/// A digest that orders names or images; another `stream` orders them otherwise.
fn ordered_by(text: &str, stream: Option<&str>) -> Digest {
    match stream {
        None => Digest::of(text.as_bytes()),
        Some(stream) => Digest::of(format!("{stream}\0{text}").as_bytes()),
    }
}

/// The share of `count` things, rounded up: 0.2 of 10 is 2, whatever the last bit of 0.2 says.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts of classes are far below 2^52"
)]
fn share_of(count: usize, share: f64) -> usize {
    (count as f64 * share - 1e-9).ceil().max(0.0) as usize
}

#[cfg(test)]
mod tests;
