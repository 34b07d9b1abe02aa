//! Long lists of a page: what the data are, and how every class does.

use std::collections::BTreeMap;

use super::html::{ITEMS_ON_PAPER, details, escape, facts, on_paper, paragraph, ranked, shown};
use super::overlaps::overlaps;
use crate::ReportData;
use crate::cells::{percent, words};
use crate::chart::number;
use crate::classes::{ByClass, Class};
use crate::experiment;
use crate::interval::wilson;

/// Rows of a list at most.
const MOST: usize = 200;

fn count(value: usize) -> String {
    number(value as f64, 0)
}

/// What the experiment is made of, and how many images each class has.
pub(super) fn data(data: &ReportData) -> String {
    let mut out = facts("The experiment", &experiment::facts(data));
    out += &overlaps(data);
    out += &details("Images by class", &balance(data));
    let skipped = &data.dataset.skipped;
    if !skipped.is_empty() {
        let names: Vec<String> = skipped.iter().take(MOST).map(|file| format!("<li>{}</li>", escape(file))).collect();
        let said = format!("Files that can't be read: {}", shown(names.len(), skipped.len(), "files"));
        let list =
            format!("<ul class=\"list\">{}</ul>{}", names.concat(), on_paper(ITEMS_ON_PAPER, names.len(), "files"));
        out += &details(&said, &list);
    }
    out
}

/// Images of each class in the training pool, the index and among the queries; the smallest pools first.
fn balance(data: &ReportData) -> String {
    let mut counts: BTreeMap<i32, [usize; 3]> = BTreeMap::new();
    let pools = [&data.samples.label, &data.index.label, &data.embeddings.label];
    for (pool, labels) in pools.into_iter().enumerate() {
        for label in labels {
            counts.entry(*label).or_default()[pool] += 1;
        }
    }
    if counts.is_empty() {
        return paragraph("There are no images.");
    }
    let largest = counts.values().map(|counts| counts[0]).max().unwrap_or(0).max(1) as f64;
    let all = counts.len();
    let mut ranked_counts: Vec<(i32, [usize; 3])> = counts.into_iter().collect();
    ranked_counts.sort_by_key(|(_, counts)| counts[0]); // stable: by label among equals
    let row = |(label, counts): &(i32, [usize; 3])| {
        let cells = words([data.class(*label), &count(counts[0]), &count(counts[1]), &count(counts[2])]);
        (cells, counts[0] as f64 / largest)
    };
    let rows = ranked_counts.iter().take(MOST).map(row).collect();
    ranked("Images", &words(["Class", "Training pool", "Index", "Embedded pool", "Training pool"]), rows, all)
}

/// Every class with what becomes of its queries, the worst first; those that the index lacks apart.
pub(super) fn classes(data: &ReportData) -> String {
    let ByClass { known, lacking, queries } = ByClass::of(data);
    if known.is_empty() && lacking.is_empty() {
        return paragraph("There are no queries.");
    }
    let mut out = String::new();
    if !known.is_empty() {
        out += &paragraph(
            "Accuracy is the share of a class's queries that are accepted with it, with Wilson's interval; recall@1 the share \
             whose nearest other image has it. The worst are first.",
        );
        out += &group(data, &known, (&format!("Classes of {queries}"), "Accuracy"));
    }
    if !lacking.is_empty() {
        out += &paragraph(
            "Of a class that the index lacks no answer is right: refused is the share of queries that get none.",
        );
        out += &group(data, &lacking, (&format!("Classes that the index lacks, of {queries}"), "Refused"));
    }
    out
}

fn group(data: &ReportData, classes: &[Class], (caption, right): (&str, &str)) -> String {
    let row = |class: &Class| {
        let (low, high) = wilson(class.right, class.queries);
        let interval = format!("{} to {}", percent(low), percent(high));
        let recall = class.recall_at_1.map_or_else(|| "–".to_owned(), percent);
        let instead = class.instead_in_words(data);
        let queries = count(class.queries);
        let cells = words([data.class(class.label), &queries, &percent(class.right), &interval, &recall, &instead]);
        (cells, class.right)
    };
    let rows = classes.iter().take(MOST).map(row).collect();
    let header = ["Class", "Queries", right, "95 % interval", "Recall@1", "Most given instead", right];
    ranked(caption, &words(header), rows, classes.len())
}
