//! The section of evaluations: every figure with its interval, and without near copies where somebody has looked for them.

use std::collections::{BTreeMap, BTreeSet};

use simpipe_artifact::{Estimate, Evaluation, ExcludedInfo, Figure, Hub};

use super::ReportData;
use super::cells::words;
use super::chart::number;
use super::evaluated::Evaluated;
use super::markdown::{escape, line, section, table};

/// All evaluations, each under the name of its stage.
pub(super) fn evaluations(page: &mut String, data: &ReportData) {
    if data.evaluations.is_empty() {
        return;
    }
    section(page, if data.evaluations.len() == 1 { "Evaluation" } else { "Evaluations" });
    for found in &data.evaluations {
        if data.evaluations.len() > 1 {
            line(page, &format!("### {}", escape(&found.stage)));
        }
        one(page, data, found);
    }
}

/// Every figure with its interval, and what was looked up in what.
fn one(page: &mut String, data: &ReportData, found: &Evaluated) {
    let evaluation = &found.evaluation;
    line(page, &intro(evaluation));
    let (header, rows) = figures(data, found);
    table(page, &header, &rows);
    if let Some(text) = without_copies(data, found) {
        line(page, &text);
    }
    if let Some((header, rows)) = categories(evaluation) {
        table(page, &header, &rows);
    }
    if let Some(text) = hubs(data, evaluation) {
        line(page, &escape(&text));
    }
    for (name, why) in &evaluation.undefined {
        line(page, &format!("{} has no value: {}.", escape(name), escape(why)));
    }
}

/// Every figure with its interval: the header and the rows of a table.
pub(super) fn figures(data: &ReportData, found: &Evaluated) -> (Vec<String>, Vec<Vec<String>>) {
    let evaluation = &found.evaluation;
    let copied = copied(data, found);
    let mut rows: Vec<Vec<String>> = Vec::new();
    let mut add = |name: &str, figure: &Figure, without: Option<f64>| {
        let mut cells = row(name, figure);
        cells.extend(copied.as_ref().map(|_| without.map_or_else(|| "–".to_owned(), |value| format!("{value:.4}"))));
        rows.push(cells);
    };
    for name in &evaluation.order {
        let Some(figure) = evaluation.metrics.get(name) else { continue };
        let distinct = copied.as_ref().and_then(|copied| found.mean_of(name, |digest| !copied.contains(digest)));
        add(name, figure, distinct);
        let Some(rerank) = &evaluation.rerank else { continue };
        if let Some(figure) = rerank.metrics.get(name) {
            add(&format!("{name} after re-ranking"), figure, None);
        }
        if let Some(figure) = rerank.gains.get(name) {
            add(&format!("{name} gained by it"), figure, None);
        }
    }
    let interval = format!("{} % interval", number(evaluation.bootstrap.level * 100.0, 0));
    let mut header = words(["Figure", "Value", &interval, "Queries"]);
    header.extend(copied.as_ref().map(|_| "Without near copies".to_owned()));
    (header, rows)
}

/// How many queries the last column of the figures leaves out.
pub(super) fn without_copies(data: &ReportData, found: &Evaluated) -> Option<String> {
    let copied = copied(data, found)?;
    Some(format!(
        "{} of these queries have a near copy; the last column leaves them out where a figure is a mean over queries.",
        number(copied.len() as f64, 0)
    ))
}

/// The first means of each category, in a row a category: the header and the rows of a table, where there are categories.
pub(super) fn categories(found: &Evaluation) -> Option<(Vec<String>, Vec<Vec<String>>)> {
    const SHOWN: usize = 4;
    let has = |name: &&String| found.breakdown.values().any(|figures| figures.contains_key(*name));
    let names: Vec<&String> = found.order.iter().filter(has).take(SHOWN).collect();
    let row = |(category, figures): (&String, &BTreeMap<String, Figure>)| {
        let cell = |name: &&String| {
            figures.get(*name).map_or_else(
                || "–".to_owned(),
                |Figure { estimate, .. }| format!("{:.4} ({})", estimate.value, ends(estimate.low, estimate.high)),
            )
        };
        let queries = figures.values().map(|figure| figure.queries).max().unwrap_or(0);
        let cells = names.iter().map(cell);
        [category.clone(), number(queries as f64, 0)].into_iter().chain(cells).collect::<Vec<String>>()
    };
    let header = words(["Category", "Queries"]).into_iter().chain(names.iter().copied().cloned()).collect();
    (!names.is_empty()).then(|| (header, found.breakdown.iter().map(row).collect()))
}

/// The first of who is found most often.
pub(super) fn hubs(data: &ReportData, found: &Evaluation) -> Option<String> {
    const NAMED: usize = 3;
    let found = found.hubs.as_ref()?;
    let hub = |hub: &Hub| {
        let (class, queries) = (data.class(hub.label), number(hub.queries as f64, 0));
        format!("example {} ({class}) by {queries}", hub.example_id)
    };
    let named: Vec<String> = found.top.iter().take(NAMED).map(hub).collect();
    let nearest = if found.neighbours == 1 {
        "as the nearest".to_owned()
    } else {
        format!("among the {} nearest", found.neighbours)
    };
    (!named.is_empty()).then(|| format!("Found by most queries {nearest}: {}.", named.join(", ")))
}

/// The images among the queries that have a near copy, where there are some.
fn copied<'a>(data: &'a ReportData, found: &Evaluated) -> Option<BTreeSet<&'a str>> {
    let info = &data.provenance.near_copies.as_ref()?.info;
    let asked: BTreeSet<&str> = found.queries.digest.iter().map(String::as_str).collect();
    let copied: BTreeSet<&str> =
        info.query_digests.iter().map(String::as_str).filter(|digest| asked.contains(digest)).collect();
    (!copied.is_empty()).then_some(copied)
}

fn intro(found: &Evaluation) -> String {
    let flaw = finds_itself(found).map_or_else(String::new, |text| format!(" **Flaw.** {text}"));
    escape(&looked_up(found)) + &flaw
}

/// Queries of a search that should not, and do.
pub(super) fn finds_itself(found: &Evaluation) -> Option<String> {
    let overlap = found.counts.overlap;
    (overlap > 0 && found.may_find_itself())
        .then(|| format!("{} queries are in the index and find themselves.", number(overlap as f64, 0)))
}

/// What was looked up in what, and what the intervals are.
pub(super) fn looked_up(found: &Evaluation) -> String {
    let count = |value: usize| number(value as f64, 0);
    let counts = &found.counts;
    let mut text = format!(
        "{} queries of {} classes looked up in {} images of {} classes by {} distance{}; {} averages. Intervals are from {} \
         draws of classes, then of queries: what other images would give, not what another training would.",
        count(counts.queries),
        count(counts.classes),
        count(counts.indexed),
        count(counts.indexed_classes),
        found.distance.name(),
        left_out(found),
        found.average,
        count(found.bootstrap.draws),
    );
    if counts.lone > 0 {
        text += &format!(" {} queries have nothing of their class to find; means leave them out.", count(counts.lone));
    }
    if let Some(ExcludedInfo { same, unknown, emptied }) = &found.excluded {
        if *emptied > 0 {
            text += &format!(" {} of them have others of their class in their own {same} alone.", count(*emptied));
        }
        if *unknown > 0 {
            text += &format!(" Of {} queries the data says no {same}: no image is left out there.", count(*unknown));
        }
    }
    text
}

/// Behind the index that queries were looked up in.
fn left_out(found: &Evaluation) -> String {
    match (found.leave_one_out, &found.excluded) {
        (false, None) => String::new(),
        (true, None) => ", each left out of its own neighbours".to_owned(),
        (itself, Some(ExcludedInfo { same, .. })) => {
            format!(
                ", {}all images of its {same} left out of each one's neighbours",
                if itself { "itself and " } else { "" }
            )
        }
    }
}

fn row(name: &str, figure: &Figure) -> Vec<String> {
    let Estimate { value, low, high } = figure.estimate;
    words([name, &format!("{value:.4}"), &ends(low, high), &number(figure.queries as f64, 0)])
}

/// `0.4500 to 0.5500`; a dash where there is no interval.
pub(super) fn ends(low: Option<f64>, high: Option<f64>) -> String {
    low.zip(high).map_or_else(|| "–".to_owned(), |(low, high)| format!("{low:.4} to {high:.4}"))
}

#[cfg(test)]
mod tests {
    use simpipe_artifact::HubsInfo;
    use simpipe_artifact::{NearCopiesInfo, RerankInfo};

    use super::*;
    use crate::provenance::FoundCopies;
    use crate::synthetic;

    fn page(data: &ReportData) -> String {
        let mut page = String::new();
        evaluations(&mut page, data);
        page
    }

    #[test]
    fn figures_stand_in_the_order_in_which_they_were_asked_for() {
        let mut data = synthetic::small();
        assert_eq!(page(&data), "");
        data.evaluations = vec![synthetic::evaluated("evaluate")];
        let text = page(&data);
        let at = |part: &str| text.find(part).unwrap_or_else(|| panic!("no `{part}` in\n{text}"));
        assert!(at("| map@r | 0.5000 | 0.4500 to 0.5500 | 12 |") < at("| hubness@10 | 1.2500 | – | 12 |"));
        assert!(text.contains("95 % interval") && text.contains("2 queries have nothing of their class"), "{text}");
        assert!(text.contains("silhouette has no value: too few images."), "{text}");
        assert!(text.starts_with("## Evaluation\n") && !text.contains("###") && !text.contains("Flaw"), "{text}");

        assert!(!text.contains("Found by most") && !text.contains("| Category |"), "{text}");
        let found = &mut data.evaluations[0].evaluation;
        let of = |name: &str| BTreeMap::from([(name.to_owned(), found.metrics[name].clone())]);
        found.breakdown = BTreeMap::from([("Greek".to_owned(), of("map@r")), ("Latin".to_owned(), of("recall@1"))]);
        let hub = |example_id, label, queries| Hub { example_id, label, queries };
        found.hubs =
            Some(HubsInfo { neighbours: 10, top: vec![hub(17, 3, 9), hub(4, 1, 7), hub(2, 0, 5), hub(1, 0, 4)] });
        found.counts.overlap = 3;
        let figures = found.metrics.clone();
        found.rerank = Some(RerankInfo { method: "k-reciprocal".into(), metrics: figures.clone(), gains: figures });
        let text = page(&data);
        assert!(text.contains("| map@r gained by it | 0.5000 |") && text.contains("**Flaw.** 3 queries"), "{text}");
        data.evaluations[0].evaluation.excluded =
            Some(ExcludedInfo { same: "source".to_owned(), unknown: 3, emptied: 2 });
        let text = page(&data);
        assert!(!text.contains("Flaw"), "an image is of its own source: {text}");
        assert!(text.contains(", all images of its source left out of each one's neighbours"), "{text}");
        assert!(
            text.contains(" 2 of them have others of their class in their own source alone. Of 3 queries the"),
            "{text}"
        );
        let hubs = "Found by most queries among the 10 nearest: example 17 (Class 3) by 9, example 4 (Class 1) by 7, example 2";
        assert!(text.contains(hubs), "{text}");
        assert!(text.contains("| Category | Queries | recall@1 | map@r |"), "{text}");
        assert!(text.contains("| Greek | 12 | – | 0.5000 (0.4500 to 0.5500) |"), "{text}");
    }

    #[test]
    fn several_stand_one_after_the_other() {
        let mut data = synthetic::small();
        data.evaluations = ["evaluate", "evaluate-test"].map(synthetic::evaluated).to_vec();
        let text = page(&data);
        let (first, second) = (text.find("### evaluate\n"), text.find("### evaluate-test\n"));
        assert!(text.starts_with("## Evaluations\n") && first.is_some() && first < second, "{text}");
    }

    #[test]
    fn figures_without_near_copies_stand_beside_those_with_them() {
        let mut data = synthetic::small();
        data.evaluations = vec![synthetic::evaluated("evaluate")];
        let info = NearCopiesInfo { query_digests: vec!["q0".into(), "elsewhere".into()], ..NearCopiesInfo::default() };
        data.provenance.near_copies = Some(FoundCopies { info, pairs: Vec::new() });
        let text = page(&data);
        assert!(text.contains("| Queries | Without near copies |"), "{text}");
        assert!(text.contains("| recall@1 | 0.5000 | 0.4000 to 0.6000 | 12 | 0.4444 |"), "{text}");
        assert!(text.contains("| hubness@10 | 1.2500 | – | 12 | – |"), "{text}");
        assert!(text.contains("1 of these queries have a near copy"), "{text}");
        data.provenance.near_copies.as_mut().unwrap().info.query_digests.remove(0);
        assert!(!page(&data).contains("near cop"), "none of these has one");
    }
}
