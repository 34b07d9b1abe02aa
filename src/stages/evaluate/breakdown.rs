//! Figures of rankings once more for the queries of each category.

use std::collections::BTreeMap;

use super::Params;
use super::asked::Groups;
use super::figures::means;
use super::lookup::{Found, Lookup};
use crate::artifact::Figure;
use crate::metric::statistics::Bootstrap;
use crate::stage::StageError;
use crate::stages::class_groups;

/// The means over the queries of each category of classes, by its name; nothing where nobody has asked for them.
///
/// # Errors
/// If the stage is to stop, or the classes have no categories.
pub(super) fn by_category(
    params: &Params,
    bootstrap: &Bootstrap,
    groups: &Groups,
    lookup: &Lookup<'_>,
    found: &[Found],
    classes: &[String],
) -> Result<BTreeMap<String, BTreeMap<String, Figure>>, StageError> {
    if params.breakdown.is_none() {
        return Ok(BTreeMap::new());
    }
    let categories = class_groups::groups(classes).ok_or_else(|| class_groups::none("breakdown"))?;
    let mut members: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (query, label) in lookup.labels.iter().enumerate() {
        if let Some(category) = class_groups::of_label(&categories, *label) {
            members.entry(category).or_default().push(query);
        }
    }
    let value = |query: usize, column: usize| found[query].values[column];
    let of = |(category, queries): (&str, Vec<usize>)| {
        Ok((category.to_owned(), means(groups, lookup, bootstrap, &queries, value)?))
    };
    members.into_iter().map(of).collect()
}
