//! Groups of images divided whole, by the digest of what they have in common.

use super::images::{place, shares_problem};
use super::{TEST, TRAIN, VALIDATION};
use simpipe_base::check;
use simpipe_base::issue::Issue;

simpipe_base::params! {
    /// Shares of groups; no group is in two splits.
    ///
    /// The digest of a group's value is used as a number from 0 to 1: below `test` the group becomes `test`, in the
    /// next interval of length `validation` it becomes `validation`, else `train`. So added groups move no others. With
    /// few groups, a split may get none: then try another `stream`. An image without a group is a group of its own.
    ///
    /// # Example
    ///
    /// ```toml
    /// { group = { by = "photographer", validation = 0.1, test = 0.2 } }
    /// ```
    pub struct GroupShares {
        /// The column whose values are the groups, such as `source`.
        #[aka("column", "groups", "name", "key")]
        by: String = "group".to_owned(),
        /// The share that becomes `validation`: held out of training, to stop it or to find thresholds.
        #[aka("val", "val_size", "validation_split", "dev")]
        validation: f64 = 0.0 => check::decay(),
        /// The share that becomes `test`.
        #[aka("test_size", "test_split")]
        test: f64 = 0.2 => check::decay(),
        /// Any text. A different one divides differently.
        #[aka("seed", "random_state", "random_seed")]
        stream: Option<String> = None,
    }
}

impl GroupShares {
    pub(super) fn problems(&self) -> Vec<Issue> {
        shares_problem(self.validation, self.test).into_iter().collect()
    }

    /// The splits that must not stay empty.
    pub(super) fn wanted(&self) -> Vec<&'static str> {
        let wanted = [(TRAIN, true), (VALIDATION, self.validation > 0.0), (TEST, self.test > 0.0)];
        wanted.into_iter().filter(|(_, wanted)| *wanted).map(|(name, _)| name).collect()
    }

    /// The split of a group by what tells it apart.
    pub(super) fn split(&self, group: &str) -> &'static str {
        let place = place(group, self.stream.as_deref());
        if place < self.test {
            TEST
        } else if place < self.test + self.validation {
            VALIDATION
        } else {
            TRAIN
        }
    }
}
