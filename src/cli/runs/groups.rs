//! `simpipe runs --group-by`: how many runs have what in a field, and how good they are.

use std::collections::BTreeMap;
use std::io::Write;

use serde_json::json;

use super::asked::Asked;
use super::table::text;
use crate::cli::print::number;
use crate::cli::print::{self, Align, Table};
use crate::error::Error;
use simpipe_runner::listing::{Field, Listing, groups};
use simpipe_stages::direction::higher_is_better;

pub(super) fn write(
    listing: &mut Listing,
    (by, field): &(String, Field),
    asked: &Asked,
    as_json: bool,
    out: &mut dyn Write,
) -> Result<(), Error> {
    let metric = metric(listing, asked);
    let name = metric.as_ref().map(|(name, _)| name.as_str());
    // Of a number that is known by no direction the largest is called the best.
    let higher = name.and_then(higher_is_better).unwrap_or(true);
    let groups = groups(&listing.runs, field, metric.as_ref().map(|(_, field)| field), higher);
    if as_json {
        let sense = name.map(|_| if higher { "higher" } else { "lower" });
        return Ok(print::json(&json!({ "by": by, "metric": name, "better": sense, "groups": groups }), out)?);
    }
    let mean = name.map_or_else(String::new, |name| format!("Mean {name}"));
    let mut heads = vec![(by.as_str(), Align::Left), ("Runs", Align::Right)];
    if name.is_some() {
        heads.extend([(mean.as_str(), Align::Right), ("Best", Align::Right), ("Best run", Align::Left)]);
    }
    let mut table = Table::new(&heads);
    for group in groups {
        let mut row = vec![text(&group.value), group.runs.to_string()];
        if name.is_some() {
            let std = group.std.map_or_else(String::new, |std| format!(" ± {std:.4}"));
            row.push(group.mean.map_or_else(|| "-".to_owned(), |mean| format!("{}{std}", number(mean))));
            row.push(group.best.map_or_else(|| "-".to_owned(), number));
            row.push(group.best_run.unwrap_or_default());
        }
        table.row(row);
    }
    Ok(table.write(out, &print::plain)?)
}

/// The metric of `--sort`, else the one that most runs lead with.
fn metric(listing: &mut Listing, asked: &Asked) -> Option<(String, Field)> {
    if let Some((name, field @ Field::Metric(_))) = &asked.sort {
        return Some((name.clone(), field.clone()));
    }
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (name, _) in listing.runs.iter().filter_map(|run| run.brief.headline.as_ref()) {
        *counts.entry(name).or_default() += 1;
    }
    let name = counts.into_iter().max_by_key(|(_, count)| *count)?.0.to_owned();
    listing.read_details();
    Some((name.clone(), Field::Metric(name)))
}
