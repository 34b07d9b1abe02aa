//! How each class does in an evaluation, with intervals: what `per-class.parquet` holds.

use simpipe_artifact::PerClass;

use super::html::{details, paragraph, ranked, shown};
use crate::cells::words;
use crate::chart::number;
use crate::evaluated::Evaluated;

/// Rows at most.
const MOST: usize = 200;

/// Every class, that of the lowest first metric on top; nothing where no metric is of classes.
pub(super) fn table(found: &Evaluated) -> String {
    let classes = &found.classes;
    let metrics: Vec<Metric<'_>> = Metric::all(classes).collect();
    let Some(first) = metrics.first() else { return String::new() };
    let mut order: Vec<usize> = (0..classes.class.len()).collect();
    // What has no value is last; of equals that of more queries first, then by label.
    let queries = |at: usize| classes.queries.get(at).copied().unwrap_or(0);
    let value = |at: usize| first.value(at).unwrap_or(f64::INFINITY);
    order.sort_by(|one, other| value(*one).total_cmp(&value(*other)).then(queries(*other).cmp(&queries(*one))));
    let count = |counts: &[u64], at: usize| number(counts.get(at).copied().unwrap_or(0) as f64, 0);
    let row = |at: &usize| {
        let counted = [&classes.queries, &classes.lone, &classes.indexed].map(|counts| count(counts, *at));
        let name = std::iter::once(classes.class[*at].clone());
        let cells: Vec<String> = name.chain(counted).chain(metrics.iter().map(|metric| metric.words(*at))).collect();
        (cells, first.value(*at).unwrap_or(0.0))
    };
    let rows = order.iter().take(MOST).map(row).collect();
    let header: Vec<String> = words(["Class", "Queries", "Nothing to find", "Indexed"])
        .into_iter()
        .chain(metrics.iter().map(named))
        .chain([named(first)])
        .collect();
    let intro =
        "Means over the queries of a class, with 95 % intervals over them where there are any. The lowest are first.";
    let what = format!("Classes of {}", found.stage);
    let table = ranked(&what, &header, rows, classes.class.len());
    let paper = on_paper(classes.class.len(), metrics.len());
    details(
        &format!("{what}, with intervals"),
        &format!("{}<div class=\"per-class\">{table}{paper}</div>", paragraph(intro)),
    )
}

/// What of it is on paper, whose width is what it is: the style sheet hides the rest.
fn on_paper(classes: usize, metrics: usize) -> String {
    const ROWS: usize = 10;
    const METRICS: usize = 4;
    let rows = shown(ROWS.min(classes), classes, "classes");
    format!("<p class=\"paper\">On paper: {rows}, {}.</p>", shown(METRICS.min(metrics), metrics, "metrics"))
}

fn named(metric: &Metric<'_>) -> String {
    metric.name.replace('_', "-")
}

/// A metric of classes with the ends of its interval.
struct Metric<'a> {
    name: &'a str,
    values: &'a [Option<f64>],
    ends: [Option<&'a [Option<f64>]>; 2],
}

impl<'a> Metric<'a> {
    fn all(classes: &'a PerClass) -> impl Iterator<Item = Self> {
        let column = |name: String| {
            let found = classes.metrics.iter().find(|(known, _)| *known == name);
            found.map(|(_, values)| values.as_slice())
        };
        let bare = classes.metrics.iter().filter(|(name, _)| !name.ends_with(".low") && !name.ends_with(".high"));
        bare.map(move |(name, values)| Self {
            name,
            values,
            ends: ["low", "high"].map(|end| column(format!("{name}.{end}"))),
        })
    }

    fn value(&self, at: usize) -> Option<f64> {
        self.values.get(at).copied().flatten()
    }

    fn words(&self, at: usize) -> String {
        let Some(value) = self.value(at) else { return "–".to_owned() };
        let end = |values: Option<&[Option<f64>]>| values.and_then(|values| values.get(at).copied().flatten());
        match self.ends.map(end) {
            [Some(low), Some(high)] => format!("{value:.3} ({low:.3} to {high:.3})"),
            _ => format!("{value:.3}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic;

    #[test]
    fn the_lowest_class_is_first_and_has_its_interval() {
        let mut found = synthetic::evaluated("evaluate");
        assert_eq!(table(&found), "");
        let values = |of: fn(i32) -> Option<f64>| (0..10).map(of).collect::<Vec<_>>();
        found.classes.metrics = vec![
            ("recall@1".to_owned(), values(|at| (at != 4).then(|| f64::from((at - 6).abs()) / 10.0))),
            ("recall@1.low".to_owned(), values(|_| Some(0.1))),
            ("recall@1.high".to_owned(), values(|at| (at != 2).then_some(0.9))),
            ("map_at_r".to_owned(), values(|_| None)),
        ];
        let page = table(&found);
        let places = ["Class 6", "Class 5", "Class 0", "Class 4"].map(|name| page.find(&format!("<bdi>{name}</bdi>")));
        assert!(places.is_sorted() && places[0].is_some(), "{places:?}");
        let ends = "0.000 <span class=\"ends\">(0.100 to 0.900)</span>";
        assert!(page.contains(ends) && page.contains("<bdi>0.400</bdi>"), "{page}");
        assert!(page.contains("On paper: 10 of 10 classes shown, 2 of 2 metrics shown."), "{page}");
        assert!(page.contains("10 of 10 classes shown") && !page.contains("recall@1.low"), "{page}");
    }
}
