//! The list as a table.

use std::io::Write;

use serde_json::Value as Json;

use crate::cli::print::number;
use crate::cli::print::{self, Align, Table};
use crate::error::Error;
use simpipe_runner::listing::{Brief, Field, ListedRun, Own, SweepProgress};

/// A note's letters that a line of the list has room for.
const NOTE: usize = 40;

/// Writes the runs with these columns, or the usual ones.
pub(super) fn write(runs: &[ListedRun], columns: &[(String, Field)], out: &mut dyn Write) -> Result<(), Error> {
    let table = if columns.is_empty() { usual(runs) } else { chosen(runs, columns) };
    Ok(table.write(out, &print::plain)?)
}

fn chosen(runs: &[ListedRun], columns: &[(String, Field)]) -> Table {
    let align = |field: &Field| {
        let numbers = runs.iter().all(|run| run.value(field).is_none_or(|value| value.is_number()));
        if numbers { Align::Right } else { Align::Left }
    };
    let heads: Vec<(&str, Align)> = columns.iter().map(|(name, field)| (name.as_str(), align(field))).collect();
    let mut table = Table::new(&heads);
    for run in runs {
        table.row(columns.iter().map(|(_, field)| cell(run, field)).collect());
    }
    table
}

fn cell(run: &ListedRun, field: &Field) -> String {
    match (field, run.value(field)) {
        (_, None) => "-".to_owned(),
        (Field::Metric(_), Some(value)) => value.as_f64().map_or_else(|| value.to_string(), number),
        (Field::Own(Own::Seconds), Some(value)) => value.as_f64().map_or_else(|| value.to_string(), print::seconds),
        (_, Some(value)) => text(&value),
    }
}

/// A value in words: a text without its quotes, a list with commas.
pub(super) fn text(value: &Json) -> String {
    match value {
        Json::Null => "-".to_owned(),
        Json::String(text) => text.clone(),
        Json::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(", "),
        value => value.to_string(),
    }
}

fn usual(runs: &[ListedRun]) -> Table {
    let tagged = runs.iter().any(|run| !run.tags.is_empty());
    let noted = runs.iter().any(|run| run.brief.note.is_some());
    let measured = runs.iter().any(|run| run.brief.headline.is_some());
    let mut heads = vec![
        ("Run", Align::Left),
        ("Name", Align::Left),
        ("State", Align::Left),
        ("Ran", Align::Right),
        ("Hits", Align::Right),
        ("Took", Align::Right),
    ];
    heads.extend(measured.then_some(("Headline", Align::Left)));
    heads.extend(tagged.then_some(("Tags", Align::Left)));
    heads.extend(noted.then_some(("Note", Align::Left)));
    let mut table = Table::new(&heads);
    for run in runs {
        let brief = &run.brief;
        // Of a sweep only its trials have stages.
        let stages = |count: usize| brief.sweep.map_or_else(|| count.to_string(), |_| "-".to_owned());
        let took = brief.seconds.map_or_else(|| "-".to_owned(), print::seconds);
        let mut row = vec![
            brief.run.clone(),
            named(brief),
            brief.state.word().to_owned(),
            stages(brief.ran),
            stages(brief.hits),
            took,
        ];
        let headline = || brief.headline.as_ref().map(|(name, value)| format!("{name} {}", number(*value)));
        row.extend(measured.then(|| headline().unwrap_or_default()));
        row.extend(tagged.then(|| run.tags.join(", ")));
        row.extend(noted.then(|| run.brief.note.as_deref().map(first_line).unwrap_or_default()));
        table.row(row);
    }
    table
}

/// The experiment's name, and which seed it is of, or how many there are.
fn named(brief: &Brief) -> String {
    if let Some(SweepProgress { trials, finished, .. }) = brief.sweep {
        return format!("{}, sweep: {finished} of {trials} trials", brief.name);
    }
    match (&brief.group, brief.seed, brief.seeds) {
        (Some(_), Some(seed), _) => format!("{}, seed {seed}", brief.name),
        (_, _, 0) => brief.name.clone(),
        (_, _, count) => format!("{}, {count} seeds", brief.name),
    }
}

/// As much of a note as a line has room for.
fn first_line(note: &str) -> String {
    let line = note.lines().next().unwrap_or_default();
    let cut = line.chars().count() > NOTE || line.len() < note.len();
    let short: String = line.chars().take(NOTE).collect();
    if cut { format!("{short}..") } else { short }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn long_notes_are_cut_and_values_are_words() {
        assert_eq!(first_line("a plain note"), "a plain note");
        assert_eq!(first_line("first\nsecond"), "first..");
        assert_eq!(first_line(&"x".repeat(50)), format!("{}..", "x".repeat(40)));
        assert_eq!(text(&json!(["a", 1, true])), "a, 1, true");
    }
}
