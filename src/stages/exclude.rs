//! Which indexed images a query does not look at: itself, and those that show what it shows.

use std::collections::BTreeMap;
use std::sync::Arc;

use simpipe_artifact::{Belonging, Embeddings, ExcludedInfo, IndexRows};
use simpipe_base::choice;
use simpipe_base::issue::Issue;
use simpipe_search::overlap;
use simpipe_stage::{Ctx, SamplesFacts, StageError};

choice! {
    /// Indexed images that a query ignores because they show the same object or come from the same source. Whatever
    /// their class, they are not ranked, and the query need not find them. An image without a value in the column
    /// excludes nothing.
    pub enum Exclude {
        /// Those of its group, such as other photos of one animal in one minute: the column `group` of the data.
        #[aka("same_id", "same_object", "groups")]
        "same-group" => SameGroup,
        /// Those of its source, such as a sequence of frames: the column `source` of the data, which a manifest may call
        /// `sequence`. As open-metric-learning does it. Benchmarks of re-identification leave out only those that are of its
        /// class too: for them give each pair of class and camera a group of its own.
        #[aka("same_camera", "same_cam", "cross_camera")]
        "same-source" => SameSource,
    }
}

impl Exclude {
    const ALL: [Self; 2] = [Self::SameGroup, Self::SameSource];

    /// The column that query and image share.
    pub(super) const fn column(&self) -> &'static str {
        match self {
            Self::SameGroup => "group",
            Self::SameSource => "source",
        }
    }
}

/// What queries do not look at.
#[derive(Debug)]
pub(super) struct Excluded {
    /// For each query the index rows, in increasing order. Queries of one group share one list, as long as they have no
    /// copies elsewhere: many queries of a large group take no more room than one.
    pub(super) rows: Vec<Arc<[u32]>>,
    /// What `exclude` did, where it was asked for.
    pub(super) info: Option<ExcludedInfo>,
}

impl Excluded {
    /// The rows that `own` leaves out of each query, and those that `exclude` adds.
    ///
    /// # Errors
    /// If the data has no such column.
    pub(super) fn of(
        exclude: Option<&Exclude>,
        own: Vec<Arc<[u32]>>,
        index: &IndexRows,
        queries: &Embeddings,
    ) -> Result<Self, StageError> {
        let Some(exclude) = exclude else { return Ok(Self { rows: own, info: None }) };
        let column = exclude.column();
        let of = |belonging: &'_ Belonging| -> Result<Vec<Option<String>>, StageError> {
            let values = belonging.column(column).map(<[_]>::to_vec);
            values.ok_or_else(|| no_column(exclude, belonging.names()).into())
        };
        let (indexed, asked) = (of(&index.belonging)?, of(&queries.belonging)?);
        let members = members(&indexed);
        let none: Arc<[u32]> = Arc::default();
        let rows: Vec<Arc<[u32]>> = asked
            .iter()
            .zip(&own)
            .map(|(value, own)| {
                let alike = value.as_deref().and_then(|value| members.get(value)).unwrap_or(&none);
                united(alike, own)
            })
            .collect();
        let left = |excluded: &[Arc<[u32]>]| overlap::relevant(&index.label, &queries.label, excluded);
        let (before, after) = (left(&own), left(&rows));
        let info = ExcludedInfo {
            same: column.to_owned(),
            unknown: asked.iter().filter(|value| value.is_none()).count(),
            emptied: before.iter().zip(&after).filter(|(before, after)| **before > 0 && **after == 0).count(),
        };
        Ok(Self { rows, info: Some(info) })
    }

    /// Of each query's own rows those that it may find.
    pub(super) fn found_of(&self, same: &[Arc<[u32]>]) -> Vec<Arc<[u32]>> {
        let found = |(same, excluded): (&Arc<[u32]>, &Arc<[u32]>)| match excluded.len() {
            0 => same.clone(),
            _ => same.iter().copied().filter(|row| excluded.binary_search(row).is_err()).collect(),
        };
        same.iter().zip(&self.rows).map(found).collect()
    }

    /// Says what a reader of the figures should know.
    pub(super) fn tell(&self, ctx: &Ctx<'_>) {
        self.info.iter().flat_map(told).for_each(|message| ctx.warn(message));
    }
}

/// Rows by what they belong to, in increasing order.
fn members(values: &[Option<String>]) -> BTreeMap<&str, Arc<[u32]>> {
    let mut members: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
    for (row, value) in (0..).zip(values) {
        if let Some(value) = value {
            members.entry(value).or_default().push(row);
        }
    }
    members.into_iter().map(|(value, rows)| (value, rows.into())).collect()
}

/// The rows of both lists; one of the two itself where it holds the other.
fn united(rows: &Arc<[u32]>, more: &Arc<[u32]>) -> Arc<[u32]> {
    if rows.is_empty() {
        return more.clone();
    }
    let beyond: Vec<u32> = more.iter().copied().filter(|row| rows.binary_search(row).is_err()).collect();
    if beyond.is_empty() {
        return rows.clone();
    }
    let mut all = [&rows[..], &beyond].concat();
    all.sort_unstable();
    all.into()
}

/// What is worth a warning.
fn told(info: &ExcludedInfo) -> Vec<String> {
    let ExcludedInfo { same, unknown, emptied } = info;
    let mut told = Vec::new();
    if *emptied > 0 {
        let (queries, own, them) = match emptied {
            1 => ("1 query has".to_owned(), "its", "it"),
            count => (format!("{count} queries have"), "their", "them"),
        };
        told.push(format!(
            "{queries} others of {own} class in {own} own {same} only: means over queries leave {them} out"
        ));
    }
    if *unknown > 0 {
        let queries = if *unknown == 1 { "1 query".to_owned() } else { format!("{unknown} queries") };
        told.push(format!("the data says no {same} of {queries}: no image is left out there"));
    }
    told
}

/// What facts show of a column that one of the pools has not.
pub(super) fn missing_column<'a>(
    exclude: Option<&Exclude>,
    pools: impl IntoIterator<Item = &'a SamplesFacts>,
) -> Option<Issue> {
    let exclude = exclude?;
    let known = pools.into_iter().filter_map(|pool| pool.columns.as_ref());
    let mut lacking = known.filter(|columns| !columns.iter().any(|column| column == exclude.column()));
    lacking.next().map(|columns| no_column(exclude, columns.iter().map(String::as_str)))
}

/// A column that the data has not, with those that it has.
fn no_column<'a>(exclude: &Exclude, has: impl IntoIterator<Item = &'a str>) -> Issue {
    let column = exclude.column();
    let has: Vec<&str> = has.into_iter().collect();
    let other = Exclude::ALL.into_iter().find(|other| has.contains(&other.column()));
    let help = match (other, has.as_slice()) {
        (Some(other), _) => format!("it has `{}`: did you mean \"{}\"?", has.join("` and `"), other.name()),
        (None, []) => {
            format!("leave `exclude` out: the dataset says nothing of its images but their classes, no {column}")
        }
        (None, has) => {
            format!("leave `exclude` out: of its images the dataset says the {}, no {column}", has.join(" and "))
        }
    };
    Issue::of("exclude", format!("the data has no column `{column}`")).help(help).unavailable()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::{indexed, line};
    use simpipe_search::overlap::same_examples;

    fn texts(values: &[&str]) -> Vec<Option<String>> {
        values.iter().map(|value| Some((*value).to_owned()).filter(|value| value != "-")).collect()
    }

    /// Six rows, the last with the image of the first; what each does not look at.
    fn excluded(leave_one_out: bool, exclude: Option<Exclude>) -> Excluded {
        let mut rows = line(&[(0.0, 0), (1.0, 0), (2.0, 1), (3.0, 1), (4.0, 1), (5.0, 2)], 0);
        rows.digest[5] = rows.digest[0].clone();
        rows.belonging = Belonging::default().with("group", texts(&["a", "a", "b", "-", "b", "-"]));
        let index = indexed(&rows);
        let same = same_examples(&index, &rows.example_id, &rows.digest);
        let own = if leave_one_out { same } else { vec![Arc::default(); same.len()] };
        Excluded::of(exclude.as_ref(), own, &index, &rows).unwrap()
    }

    fn lists(rows: &[Arc<[u32]>]) -> Vec<&[u32]> {
        rows.iter().map(|rows| &rows[..]).collect()
    }

    #[test]
    fn a_query_does_not_look_at_its_group_nor_at_itself() {
        let plain = excluded(true, None);
        assert_eq!(lists(&plain.rows), [&[0, 5][..], &[1], &[2], &[3], &[4], &[0, 5]]);
        assert_eq!(plain.info, None);
        let found = excluded(false, Some(Exclude::SameGroup));
        assert_eq!(
            lists(&found.rows),
            [&[0, 1][..], &[0, 1], &[2, 4], &[], &[2, 4], &[]],
            "a row of no group is alone"
        );
        assert!(Arc::ptr_eq(&found.rows[2], &found.rows[4]), "one list a group");
        let info = |emptied| ExcludedInfo { same: "group".to_owned(), unknown: 2, emptied };
        assert_eq!(found.info, Some(info(2)), "both of label 0 are of one group");
        let both = excluded(true, Some(Exclude::SameGroup));
        assert_eq!(lists(&both.rows), [&[0, 1, 5][..], &[0, 1], &[2, 4], &[3], &[2, 4], &[0, 5]]);
        assert_eq!(both.info, Some(info(2)));
        assert_eq!(
            told(&info(1))[0],
            "1 query has others of its class in its own group only: means over queries leave it out"
        );
        assert_eq!(told(&info(0)), ["the data says no group of 2 queries: no image is left out there"]);
    }

    #[test]
    fn what_is_left_out_is_not_found_in_the_index() {
        let rows = line(&[(0.0, 0), (1.0, 0)], 0);
        let same: Vec<Arc<[u32]>> = vec![[0, 3].into(), [1].into()];
        let with = |rows: Vec<Arc<[u32]>>| Excluded { rows, info: None }.found_of(&same);
        assert_eq!(lists(&with(vec![Arc::default(); rows.len()])), lists(&same));
        assert_eq!(lists(&with(vec![[0, 2].into(), [1, 2].into()])), [&[3][..], &[]]);
    }

    #[test]
    fn columns_that_are_there_are_named() {
        let help = |has: &[&'static str]| no_column(&Exclude::SameGroup, has.iter().copied()).help.unwrap();
        assert_eq!(help(&["source", "category"]), "it has `source` and `category`: did you mean \"same-source\"?");
        assert!(help(&["category"]).ends_with("of its images the dataset says the category, no group"));
        assert!(help(&[]).ends_with("says nothing of its images but their classes, no group"));
        let pool = |columns: Option<&[&str]>| SamplesFacts {
            columns: columns.map(|columns| columns.iter().map(|column| (*column).to_owned()).collect()),
            ..SamplesFacts::default()
        };
        let issue = |one: Option<&[&str]>, other: Option<&[&str]>| {
            missing_column(Some(&Exclude::SameSource), &[pool(one), pool(other)])
        };
        assert_eq!(issue(None, Some(&["source"])), None, "what is not known yet is no problem");
        let issue = issue(Some(&["source"]), Some(&[])).unwrap();
        assert!(
            issue.path == "exclude" && issue.is_unavailable() && issue.message == "the data has no column `source`"
        );
    }
}
