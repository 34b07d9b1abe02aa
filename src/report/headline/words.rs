//! What is said of the most believable number, and of all beside it.

use simpipe_artifact::Estimate;

use super::{Candidate, Familiarity};
use crate::cells::words;
use crate::chart::number;
use crate::evaluation::ends;
use crate::markdown::{escape, line, table};

/// The most believable number in a sentence, and all beside it; nothing where there is no choice.
pub(crate) fn most_believable(page: &mut String, all: &[Candidate]) {
    let [first, _, ..] = all else { return };
    line(page, &sentence(first));
    table(page, &words(CANDIDATES), &candidate_rows(all));
}

/// The header of [`candidate_rows`].
pub(crate) const CANDIDATES: [&str; 7] =
    ["Stage", "Figure", "Value", "95 % interval", "Queries", "Their classes", "Leaks"];

/// All numbers that could stand for the experiment, as rows of a table.
pub(crate) fn candidate_rows(all: &[Candidate]) -> Vec<Vec<String>> {
    let cells = |one: &Candidate| {
        let Estimate { value, low, high } = one.estimate;
        let count = |value: u64| number(value as f64, 0);
        let queries = one.queries.map_or_else(|| "–".to_owned(), count);
        let leaks = match (one.leaks, one.left_out) {
            (0, 0) => "none".to_owned(),
            (0, left_out) => format!("{} left out", count(left_out)),
            (leaks, _) => format!("{} queries", count(leaks)),
        };
        words([&one.stage, &one.figure, &format!("{value:.4}"), &ends(low, high), &queries, told(one), &leaks])
    };
    all.iter().map(cells).collect()
}

const fn told(one: &Candidate) -> &'static str {
    match one.classes {
        _ if !one.trained => "no training",
        Familiarity::New => "new",
        Familiarity::Mixed => "some trained on",
        Familiarity::Trained => "trained on",
    }
}

/// Where no number is of clean queries.
const LEAKS: &str =
    "but every number here is of queries that were trained on, used for the threshold, or matched with themselves";

/// What the number is of, and whether it is to be believed.
pub(crate) fn in_words(best: &Candidate) -> String {
    let queries =
        best.queries.map_or_else(|| "queries".to_owned(), |queries| format!("{} queries", number(queries as f64, 0)));
    if !best.trained {
        let leaks = if best.leaks == 0 { "none of them was matched with itself" } else { LEAKS };
        return format!("{queries}, looked up with a network that was not trained; {leaks}.");
    }
    let of = match best.classes {
        Familiarity::New => "of classes that the network was not trained on",
        Familiarity::Mixed => "of classes some of which the network was trained on",
        Familiarity::Trained => "of classes that the network was trained on",
    };
    let leaks = match best.leaks {
        0 if best.figure == "accuracy" => "none of them was trained on, used for the threshold, or matched with itself",
        // No threshold judges the queries of an evaluation.
        0 => "none of them was trained on, or matched with itself",
        _ => LEAKS,
    };
    format!("{queries} {of}, {leaks}.")
}

fn sentence(best: &Candidate) -> String {
    let Estimate { value, low, high } = best.estimate;
    let interval = if low.is_some() { format!(" ({})", ends(low, high)) } else { String::new() };
    let said = in_words(best);
    format!(
        "**{} {value:.4}**{interval} of `{}` is the number to believe most: {said}",
        escape(&best.figure),
        best.stage.replace('`', "'")
    )
}
