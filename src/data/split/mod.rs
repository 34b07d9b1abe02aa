//! How a dataset is divided into splits, whatever its source: by classes ([`ClassShares`]), by images ([`ImageShares`]), by
//! groups of them ([`GroupShares`]), by a column ([`ColumnValues`]) or by lists of names ([`Lists`]).
//!
//! Names and pixels alone decide: the same data is divided in the same way on every machine, and more data moves little.

mod classes;
mod column;
mod group;
mod images;
mod list;
mod part;

use std::collections::BTreeMap;

pub use classes::ClassShares;
pub use column::ColumnValues;
pub use group::GroupShares;
pub use images::{ImageShares, shares_problem};
pub use list::{Listed, Lists};
pub use part::Part;

use super::DataError;
use super::source::{Example, SplitCounts};
pub use simpipe_artifact::split_name::{TEST, TRAIN, VALIDATION};
use simpipe_base::digest::Digest;
use simpipe_base::issue::Issue;
use simpipe_base::suggest;

simpipe_base::choice! {
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
        /// Whole groups of images, such as those of one photographer: measures what is recognised of others.
        #[aka("groups", "by_group", "group_k_fold", "group_shuffle_split")]
        "group" => Group(GroupShares),
        /// By the values of a column of the source.
        #[aka("by_column", "fold", "field")]
        "column" => Column(ColumnValues),
        /// By text files that name the images of each split.
        #[aka("files", "from_file", "lists", "predefined")]
        "list" => List(Lists),
    }
}

/// The name of the column that holds the source's own splits.
const SPLIT: &str = "split";

/// The share of the images to hold out of training where nobody has said another.
pub const HELD_OUT: f64 = 0.1;
/// Classes of so many images have two to spare for each split, should some images be copies of others.
pub const ENOUGH: usize = 8;

/// What is known of the images that are divided.
#[derive(Debug, Clone, Copy, Default)]
pub struct Undivided<'a> {
    /// Names by label.
    pub classes: Option<&'a [String]>,
    /// The source's own splits.
    pub splits: Option<&'a BTreeMap<String, SplitCounts>>,
    /// What is told of each image beside its split and label.
    pub columns: Option<&'a [String]>,
}

/// A rule that has met its classes.
#[derive(Debug, Clone, PartialEq)]
pub enum Division<'a> {
    /// Every image stays where it is.
    Source,
    /// The digest of an image decides.
    Images(&'a ImageShares),
    /// So it does, by what the digests of its class are.
    Strata(&'a ImageShares, BTreeMap<Digest, &'static str>),
    /// The label decides.
    Classes(Vec<&'static str>),
    /// What it has in a column decides with all that have the same.
    Groups(&'a GroupShares),
    /// What it has in a column decides.
    Column(&'a ColumnValues),
    /// Lists of names decide.
    Listed(Listed),
}

impl Split {
    /// Everything that the data rules out; paths are inside the parameter.
    #[must_use]
    pub fn problems(&self, known: Undivided<'_>) -> Vec<Issue> {
        match self {
            Self::Source | Self::List(_) => Vec::new(),
            Self::Images(shares) => shares.problems(known.splits),
            Self::Classes(shares) => match known.classes {
                Some(classes) => shares.assign(classes).err().unwrap_or_default(),
                None => shares.problems(),
            },
            Self::Group(shares) => {
                shares.problems().into_iter().chain(unknown_column("by", &shares.by, known)).collect()
            }
            Self::Column(values) => {
                values.problems().into_iter().chain(unknown_column("name", &values.name, known)).collect()
            }
        }
    }

    /// The column of the source that each image must come with.
    #[must_use]
    pub fn column(&self) -> Option<&str> {
        let column = match self {
            Self::Group(shares) => Some(shares.by.as_str()),
            Self::Column(values) => Some(values.name.as_str()),
            Self::Source | Self::Images(_) | Self::Classes(_) | Self::List(_) => None,
        };
        column.filter(|column| *column != SPLIT)
    }

    /// The splits that must not stay empty, where only the images tell whether they do.
    #[must_use]
    pub fn wanted(&self) -> Vec<&'static str> {
        match self {
            Self::Source | Self::Classes(_) => Vec::new(),
            Self::Images(shares) => shares.wanted(),
            Self::Group(shares) => shares.wanted(),
            Self::Column(values) => values.wanted(),
            Self::List(lists) => lists.wanted(),
        }
    }

    /// The rule's own files.
    ///
    /// # Errors
    /// If they can't be read.
    pub fn listed(&self) -> Result<Option<Listed>, DataError> {
        if let Self::List(lists) = self { lists.read().map(Some) } else { Ok(None) }
    }

    /// Whether the digests of all images must be known before one can be placed.
    #[must_use]
    pub fn looks_at_all(&self) -> bool {
        matches!(self, Self::Images(shares) if shares.stratified)
    }

    /// What is allowed but does nothing; paths are inside the parameter.
    #[must_use]
    pub fn doubt(&self) -> Option<Issue> {
        match self {
            Self::Classes(shares) => shares.doubt(),
            Self::Source | Self::Images(_) | Self::Group(_) | Self::Column(_) | Self::List(_) => None,
        }
    }

    /// The rule for these classes, with its lists, and the labels and digests of all images where it [looks at
    /// all](Self::looks_at_all).
    ///
    /// # Errors
    /// Everything that they rule out.
    pub fn division(
        &self,
        classes: &[String],
        listed: Option<Listed>,
        images: &[(i32, Digest)],
    ) -> Result<Division<'_>, Vec<Issue>> {
        Ok(match self {
            Self::Source => Division::Source,
            Self::Images(shares) if shares.stratified => Division::Strata(shares, shares.strata(images)),
            Self::Images(shares) => Division::Images(shares),
            Self::Classes(shares) => Division::Classes(shares.assign(classes)?),
            Self::Group(shares) => Division::Groups(shares),
            Self::Column(values) => Division::Column(values),
            Self::List(_) => Division::Listed(listed.unwrap_or_default()),
        })
    }

    /// Whether an image of this split of the source is divided at all.
    #[must_use]
    pub fn divides(&self, split: &str) -> bool {
        !matches!(self, Self::Images(shares) if shares.keeps(split))
    }

    /// How many examples each split will have, where the source's counts tell.
    #[must_use]
    pub fn counts(&self, known: Undivided<'_>) -> Option<BTreeMap<String, SplitCounts>> {
        let splits = known.splits?;
        match self {
            Self::Source => Some(splits.clone()),
            // Which images go where is known when they are read.
            Self::Images(_) | Self::Group(_) | Self::Column(_) | Self::List(_) => None,
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
    /// The split of an image; the digest is asked for only where it decides.
    ///
    /// # Errors
    /// What the image lacks to be placed.
    pub fn of<'b>(&'b mut self, example: &'b Example<'_>, digest: impl FnOnce() -> Digest) -> Result<&'b str, String> {
        let (source, value) = (example.split, example.value);
        match self {
            Self::Source => Ok(source),
            Self::Images(shares) => Ok(shares.split(source, &digest())),
            Self::Strata(shares, _) if shares.keeps(source) => Ok(source),
            Self::Strata(_, splits) => {
                splits.get(&digest()).copied().ok_or_else(|| "has changed since it was first read".to_owned())
            }
            Self::Classes(splits) => {
                let label = usize::try_from(example.label).ok();
                Ok(label.and_then(|label| splits.get(label)).copied().unwrap_or(source))
            }
            Self::Groups(shares) => {
                let group = if shares.by == SPLIT { Some(source) } else { value };
                Ok(group.map_or_else(|| shares.split(&digest().to_string()), |group| shares.split(group)))
            }
            Self::Column(values) => values.split(if values.name == SPLIT { Some(source) } else { value }),
            Self::Listed(listed) => listed.split(example.name),
        }
    }
}

/// A column that the source has not.
fn unknown_column(path: &str, name: &str, known: Undivided<'_>) -> Option<Issue> {
    let columns = known.columns?;
    if name == SPLIT || columns.iter().any(|column| column == name) {
        return None;
    }
    let names: Vec<&str> = columns.iter().map(String::as_str).chain([SPLIT]).collect();
    let message = format!("the source has no column `{name}`");
    Some(Issue::of(path, message).help(suggest::help(name, &names)))
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
