//! Images divided by what they have in a column.

use super::{TEST, TRAIN, VALIDATION};
use simpipe_base::issue::Issue;

simpipe_base::params! {
    /// The values of a column that belong to each split; without any list a value is the name of its split.
    ///
    /// # Example
    ///
    /// ```toml
    /// { column = { name = "fold", validation = ["3"], test = ["4"] } }
    /// ```
    pub struct ColumnValues {
        /// The column: one that the source has, or `split` for the splits of the source itself.
        #[aka("by", "column", "key")]
        name: String,
        /// The values that are `train`; all that are not listed if it is left out.
        #[aka("train_values", "training")]
        train: Vec<String> = Vec::new(),
        /// The values that are `validation`.
        #[aka("val", "validation_values", "dev")]
        validation: Vec<String> = Vec::new(),
        /// The values that are `test`.
        #[aka("test_values", "testing")]
        test: Vec<String> = Vec::new(),
    }
}

impl ColumnValues {
    fn lists(&self) -> [(&'static str, &[String]); 3] {
        [(TRAIN, &self.train), (VALIDATION, &self.validation), (TEST, &self.test)]
    }

    /// A value that is in two lists.
    pub(super) fn problems(&self) -> Vec<Issue> {
        let mut known: Vec<(&str, &str)> = Vec::new();
        let mut problems = Vec::new();
        for (split, values) in self.lists() {
            for (at, value) in values.iter().enumerate() {
                if let Some((_, other)) = known.iter().find(|(known, _)| known == value) {
                    let message = format!("the value `{value}` is already in `{other}`");
                    let help = "list each value once".to_owned();
                    problems.push(Issue::of(format!("{split}[{at}]"), message).help(help));
                }
                known.push((value, split));
            }
        }
        problems
    }

    fn names_splits(&self) -> bool {
        self.lists().iter().all(|(_, values)| values.is_empty())
    }

    /// The splits that must not stay empty.
    pub(super) fn wanted(&self) -> Vec<&'static str> {
        let listed = |(split, values): &(&'static str, &[String])| *split == TRAIN || !values.is_empty();
        if self.names_splits() {
            Vec::new()
        } else {
            self.lists().iter().filter(|of| listed(of)).map(|(split, _)| *split).collect()
        }
    }

    /// The split of an image by its value.
    ///
    /// # Errors
    /// If it is in no list, or has no value where values are splits.
    pub(super) fn split<'a>(&self, value: Option<&'a str>) -> Result<&'a str, String> {
        if self.names_splits() {
            return value.ok_or_else(|| format!("has nothing in the column `{}`", self.name));
        }
        let value = value.unwrap_or_default();
        let listed = self.lists().into_iter().find(|(_, values)| values.iter().any(|listed| listed == value));
        match listed {
            Some((split, _)) => Ok(split),
            None if self.train.is_empty() => Ok(TRAIN),
            None => Err(format!("has `{value}` in the column `{}`, which no list holds", self.name)),
        }
    }
}
