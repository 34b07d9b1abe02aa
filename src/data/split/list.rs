//! Images divided by lists of their names.

use std::collections::{BTreeMap, BTreeSet};

use super::{TEST, TRAIN, VALIDATION};
use crate::DataError;
use crate::source::NameList;
use simpipe_base::digest::Digest;
use simpipe_base::param::SpecPath;

simpipe_base::params! {
    /// Text files that name the images of each split, one per line: paths inside the source, with `/` between the
    /// parts. Empty lines and lines that start with `#` are skipped.
    ///
    /// # Example
    ///
    /// ```toml
    /// { list = { train = "train.txt", test = "test.txt" } }
    /// ```
    pub struct Lists {
        /// The images to train on.
        #[aka("training", "train_list", "train_file")]
        train: Option<SpecPath> = None,
        /// Those held out of training, to stop it or to find thresholds.
        #[aka("val", "dev", "val_list", "validation_list")]
        validation: Option<SpecPath> = None,
        /// Those to test on.
        #[aka("testing", "test_list", "test_file")]
        test: Option<SpecPath> = None,
        /// The split for images that no list names; by default they are an error.
        #[aka("rest", "default", "remaining", "unlisted")]
        others: Option<String> = None,
    }
}

/// The lists of a rule.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Listed {
    /// Split by name of an image.
    splits: BTreeMap<String, &'static str>,
    /// Names that no image had yet.
    unmet: BTreeSet<String>,
    others: Option<String>,
    /// Digests of the lists, by their names in a key.
    pub digests: Vec<(String, Digest)>,
}

impl Lists {
    fn files(&self) -> impl Iterator<Item = (&'static str, &SpecPath)> {
        let files = [(TRAIN, &self.train), (VALIDATION, &self.validation), (TEST, &self.test)];
        files.into_iter().filter_map(|(split, file)| Some((split, file.as_ref()?)))
    }

    /// The splits that must not stay empty.
    pub(super) fn wanted(&self) -> Vec<&'static str> {
        self.files().map(|(split, _)| split).collect()
    }

    /// Reads the lists.
    ///
    /// # Errors
    /// If one can't be read, or two name the same image.
    pub(super) fn read(&self) -> Result<Listed, DataError> {
        let mut listed = Listed { others: self.others.clone(), ..Listed::default() };
        for (split, file) in self.files() {
            let NameList { names, digest } = NameList::read(&file.resolved)?;
            for name in names {
                if let Some(other) = listed.splits.insert(name.clone(), split) {
                    let reason = format!("`{name}` is also in the list of `{other}`");
                    return Err(DataError::malformed(&file.resolved, reason));
                }
                listed.unmet.insert(name);
            }
            listed.digests.push((format!("list of {split}"), digest));
        }
        Ok(listed)
    }
}

impl Listed {
    /// The split of an image by its name.
    ///
    /// # Errors
    /// If no list names it.
    pub(super) fn split(&mut self, name: &str) -> Result<&str, String> {
        if name.is_empty() {
            return Err("has no name: its source has no files that could be listed".to_owned());
        }
        self.unmet.remove(name);
        let listed = self.splits.get(name).copied();
        listed.or(self.others.as_deref()).ok_or_else(|| "is in no list".to_owned())
    }

    /// Names that no image had.
    #[must_use]
    pub fn unmet(&self) -> &BTreeSet<String> {
        &self.unmet
    }
}
