//! What can be said of an evaluation before anything is looked up: from facts at check, from the data at hand in a run.

use std::collections::BTreeSet;

use super::super::exclude::missing_column;
use super::asked::{Groups, Wish};
use super::lookup::Lookup;
use super::{Params, breakdown, embedded};
use crate::{class_groups, leak};
use simpipe_artifact::{Distance, ExcludedInfo};
use simpipe_base::issue::Issue;
use simpipe_metric::registry::AnyMetric;
use simpipe_stage::{EmbeddingsFacts, IndexFacts, SamplesFacts, StageError};

/// Every problem that facts show.
pub(super) fn issues(params: &Params, index: Option<&IndexFacts>, queries: Option<&EmbeddingsFacts>) -> Vec<Issue> {
    let mut issues = Vec::new();
    let range = embedded::select(params.slice, queries.and_then(|facts| facts.range.as_ref()));
    let range = range.map_err(|issue| issues.push(issue)).unwrap_or_default();
    issues.extend(embedded::check_classes(index, queries));
    issues.extend(embedded::check_uses(index, queries));
    issues.extend(embedded::check_left_out(index, params.leave_one_out));
    issues.extend(embedded::check_excluded(index, params.exclude.is_some()));
    issues.extend(embedded::check_dims(index.and_then(|facts| facts.dim), queries.and_then(|facts| facts.dim)));
    let shared = leak::shared(index, queries, range.as_ref());
    if !params.allow_overlap {
        // Whether a query's group leaves itself out too is known when it is looked up.
        let left_out = params.leave_one_out || params.exclude.is_some();
        issues.extend(leak::known(shared, queries, None, range.as_ref(), left_out));
    }
    let left_out = usize::from(params.leave_one_out && shared > 0);
    let indexed = index.and_then(IndexFacts::count);
    issues.extend(twice(params));
    issues.extend(too_deep(params, indexed, left_out));
    let pools = || index.map(|index| &index.pool).into_iter().chain(queries.map(|queries| &queries.pool));
    issues.extend(missing_column(params.exclude.as_ref(), pools()));
    issues.extend(no_categories(params, index, queries));
    issues.extend(rerank(params, index.map(|facts| facts.distance), indexed, left_out));
    if let Some((index, queries)) = index.zip(queries) {
        issues.extend(labels(params, index, queries));
    }
    issues
}

/// A figure that is asked for again.
fn twice(params: &Params) -> Vec<Issue> {
    let usual = params.average.of_metric();
    let repeated =
        |at: &usize| params.metrics[..*at].iter().any(|wish| wish.meant(usual) == params.metrics[*at].meant(usual));
    let issue = |at: usize| {
        let message = format!("`{}` is repeated", params.metrics[at].written());
        Issue::of(format!("metrics[{at}]"), message).help("leave one of them out")
    };
    (0..params.metrics.len()).filter(repeated).map(issue).collect()
}

/// Figures of more neighbours than the index holds.
fn too_deep(params: &Params, indexed: Option<usize>, left_out: usize) -> Vec<Issue> {
    let wanted = |metric: AnyMetric| match metric {
        // Where nothing is relevant, only a depth that the name says is left.
        AnyMetric::Rank(metric) => Some(metric.depth(0)).filter(|depth| *depth < usize::MAX),
        AnyMetric::Neighbour(metric) => Some(metric.depth()),
        _ => None,
    };
    let issue = |(at, wish): (usize, &Wish)| {
        embedded::check_neighbours(&format!("metrics[{at}]"), wish.metric().and_then(wanted)?, indexed, left_out)
    };
    params.metrics.iter().enumerate().filter_map(issue).collect()
}

/// Categories of classes, where the data is known and has none.
fn no_categories(params: &Params, index: Option<&IndexFacts>, queries: Option<&EmbeddingsFacts>) -> Option<Issue> {
    params.breakdown.as_ref()?;
    let has_column = |columns: &Vec<String>| columns.iter().any(|column| column == breakdown::COLUMN);
    let columns = queries.and_then(|queries| queries.pool.columns.as_ref());
    let classes = index?.pool.classes.as_ref().filter(|_| !columns.is_some_and(has_column))?;
    let help = "leave out `breakdown`, or use a dataset with a column `category` or with classes in groups";
    class_groups::groups(classes).is_none().then(|| class_groups::none("breakdown").help(help))
}

fn rerank(params: &Params, distance: Option<Distance>, indexed: Option<usize>, left_out: usize) -> Vec<Issue> {
    let Some(rerank) = &params.rerank else { return Vec::new() };
    let mut issues = Vec::new();
    let is_mean = |wish: &Wish| matches!(wish.metric(), Some(AnyMetric::Rank(_)));
    if !params.metrics.iter().any(is_mean) {
        let message = "no metric of ranked neighbours is listed, so re-ranking has no effect";
        issues.push(Issue::of("rerank", message).help("add one to `metrics`, such as \"map@r\""));
    }
    if let Some(distance) = distance.filter(|distance| !rerank.distances().contains(distance)) {
        let names: Vec<&str> = rerank.distances().iter().map(|distance| distance.name()).collect();
        let message = format!("`{}` does not work with the distance `{}`", rerank.name(), distance.name());
        let help = format!("set `distance` of the index to {}", simpipe_base::suggest::one_of(&names));
        issues.push(Issue::of("rerank", message).help(help));
    }
    let deep = rerank.neighbours().into_iter();
    issues.extend(deep.filter_map(|(key, wanted)| {
        let path = format!("rerank.{}.{key}", rerank.name());
        embedded::check_neighbours(&path, wanted, indexed, left_out)
    }));
    issues
}

/// What the classes of two pools show: only what is certain whatever their slices hold.
fn labels(params: &Params, index: &IndexFacts, queries: &EmbeddingsFacts) -> Vec<Issue> {
    let of = |pool: &SamplesFacts| pool.labels.as_ref().map(|labels| labels.iter().copied().collect::<BTreeSet<i32>>());
    let (Some(indexed), Some(asked)) = (of(&index.pool), of(&queries.pool)) else { return Vec::new() };
    let needs =
        |test: fn(&AnyMetric) -> bool| params.metrics.iter().position(|wish| wish.metric().as_ref().is_some_and(test));
    let mut issues = Vec::new();
    let of_labels = |metric: &AnyMetric| !matches!(metric, AnyMetric::Space(_) | AnyMetric::Neighbour(_));
    if let Some(at) = needs(of_labels).filter(|_| indexed.union(&asked).count() < 2) {
        issues.push(one_class(&format!("metrics[{at}]")));
    }
    let whole = index.count().is_some() && index.count() == index.pool.count;
    let open_set = needs(|metric| matches!(metric, AnyMetric::OpenSet(_)));
    if let Some(at) = open_set.filter(|_| whole && !params.leave_one_out && asked.is_subset(&indexed)) {
        issues.push(no_unknown(&format!("metrics[{at}]"), params.metrics[at].written().as_str()));
    }
    issues
}

fn one_class(path: &str) -> Issue {
    Issue::of(path, "index and queries hold images of one class only, so every neighbour is right")
        .help("give both pools at least two classes")
}

fn no_unknown(path: &str, name: &str) -> Issue {
    let message = format!("`{name}` needs queries whose class the index does not hold, but it holds the class of each");
    Issue::of(path, message).help("leave some classes out of the index: give its pool a shorter `class-list`")
}

/// What only the data shows.
///
/// # Errors
/// The first problem.
pub(super) fn of_data(groups: &Groups, lookup: &Lookup<'_>, excluded: Option<&ExcludedInfo>) -> Result<(), StageError> {
    let classes: BTreeSet<i32> = lookup.labels.iter().chain(lookup.row_labels).copied().collect();
    if let Some(path) = groups.first_of_labels().filter(|_| classes.len() < 2) {
        return Err(one_class(path).into());
    }
    let lone = lookup.relevant.iter().filter(|relevant| **relevant == 0).count();
    let nothing_to_find = groups.means.iter().map(|asked| (&asked.path, groups.columns[asked.metric.column].name()));
    let nothing_to_find = nothing_to_find.chain(groups.pair.iter().map(|asked| (&asked.path, asked.metric.name())));
    let nothing_to_find = nothing_to_find.chain(groups.open_set.iter().map(|asked| (&asked.path, asked.metric.name())));
    if let Some((path, name)) = nothing_to_find.into_iter().next().filter(|_| lone == lookup.labels.len()) {
        if let Some(ExcludedInfo { same, .. }) = excluded.filter(|info| info.emptied > 0) {
            let message = format!("`{name}` has nothing to find: all others of a query's class are of its {same} too");
            let help = format!("leave out `exclude`, or use images of each class from more than one {same}");
            return Err(Issue::of("exclude", message).help(help).into());
        }
        let message = format!("`{name}` needs queries whose class the index holds, but it holds the class of none");
        let help = "look the queries up in an index of their classes, or in themselves with `leave-one-out = true`";
        return Err(Issue::of(path.as_str(), message).help(help).into());
    }
    match groups.open_set.first().filter(|_| lone == 0) {
        Some(asked) => Err(no_unknown(&asked.path, &asked.metric.name()).into()),
        None => Ok(()),
    }
}
