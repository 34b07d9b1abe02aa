//! Figures of rankings once more for the queries of each category.

use std::collections::BTreeMap;

use super::Params;
use super::asked::Groups;
use super::figures::means;
use super::lookup::{Lookup, Retrieved};
use crate::class_groups;
use simpipe_artifact::Figure;
use simpipe_metric::statistics::Bootstrap;
use simpipe_stage::StageError;

/// The column of the data that says categories.
pub(super) const COLUMN: &str = "category";

/// Where the categories of queries are told.
pub(super) struct Categories<'a> {
    /// Names by label, which may be called `category/class`.
    pub(super) classes: &'a [String],
    /// The data's column, where there is one: it goes before names.
    pub(super) of_queries: Option<&'a [Option<String>]>,
}

impl<'a> Categories<'a> {
    /// The queries of each; one of which no category is known is of none.
    ///
    /// # Errors
    /// If there are no categories at all.
    fn members(&self, labels: &[i32]) -> Result<BTreeMap<&'a str, Vec<usize>>, StageError> {
        let categories: Vec<Option<&str>> = if let Some(of_queries) = self.of_queries {
            of_queries.iter().map(Option::as_deref).collect()
        } else {
            let groups = class_groups::groups(self.classes).ok_or_else(|| class_groups::none("breakdown"))?;
            labels.iter().map(|label| class_groups::of_label(&groups, *label)).collect()
        };
        let mut members: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (query, category) in categories.into_iter().enumerate() {
            if let Some(category) = category {
                members.entry(category).or_default().push(query);
            }
        }
        Ok(members)
    }
}

/// The means over the queries of each category of classes, by its name; nothing where nobody has asked for them.
///
/// # Errors
/// If the stage is to stop, or the classes have no categories.
pub(super) fn by_category(
    params: &Params,
    bootstrap: &Bootstrap,
    groups: &Groups,
    lookup: &Lookup<'_>,
    found: &[Retrieved],
    categories: &Categories<'_>,
) -> Result<BTreeMap<String, BTreeMap<String, Figure>>, StageError> {
    if params.breakdown.is_none() {
        return Ok(BTreeMap::new());
    }
    let value = |query: usize, column: usize| found[query].values[column];
    let of = |(category, queries): (&str, Vec<usize>)| {
        Ok((category.to_owned(), means(groups, lookup, bootstrap, &queries, value)?))
    };
    categories.members(lookup.labels)?.into_iter().map(of).collect()
}
