//! `simpipe runs --csv` and `--parquet`: the runs as a table for other programs.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;

use arrow::array::{Float64Array, StringArray};
use serde_json::Value as Json;

use super::RunsArgs;
use super::asked::Asked;
use super::table::text;
use crate::cli::print::shown;
use crate::cli::sink;
use crate::error::Error;
use simpipe_artifact::table::{Column, write_parquet};
use simpipe_runner::listing::{Field, Listing, Own};

/// Columns that every sheet begins with where none are chosen.
const FIRST: [(&str, Own); 9] = [
    ("run", Own::Run),
    ("name", Own::Name),
    ("state", Own::State),
    ("started", Own::Started),
    ("seconds", Own::Seconds),
    ("seed", Own::Seed),
    ("group", Own::Group),
    ("tag", Own::Tag),
    ("note", Own::Note),
];

/// Writes the files that are asked for; `false` if none is.
pub(super) fn write(args: &RunsArgs, listing: &mut Listing, asked: &Asked, out: &mut dyn Write) -> Result<bool, Error> {
    if args.csv.is_none() && args.parquet.is_none() {
        return Ok(false);
    }
    let columns = if asked.columns.is_empty() { all(listing) } else { asked.columns.clone() };
    let sheet = Sheet::of(listing, &columns);
    let help = "choose a file in a writable folder";
    let put =
        |path: &Path, bytes: &[u8]| sink::write(path, bytes).map_err(|error| sink::unwritable(path, &error, help));
    if let Some(path) = &args.parquet {
        put(path, &sheet.parquet()?)?;
    }
    match &args.csv {
        Some(path) if path == Path::new("-") => out.write_all(sheet.csv().as_bytes())?,
        Some(path) => put(path, sheet.csv().as_bytes())?,
        None => {}
    }
    let to_screen = args.csv.as_deref() == Some(Path::new("-"));
    if !args.json && !to_screen {
        for path in [&args.csv, &args.parquet].into_iter().flatten() {
            writeln!(out, "wrote {}: {} runs, {} columns", shown(path.display()), sheet.rows, sheet.columns.len())?;
        }
    }
    Ok(true)
}

/// Every metric, and the fields in which the configs differ.
fn all(listing: &mut Listing) -> Vec<(String, Field)> {
    listing.read_details();
    listing.read_fields();
    let runs = &listing.runs;
    let mut columns: Vec<(String, Field)> =
        FIRST.iter().map(|(name, own)| ((*name).to_owned(), Field::Own(*own))).collect();
    let known: Vec<_> = runs.iter().filter(|run| !run.fields().is_empty()).collect();
    let paths: BTreeSet<&String> = known.iter().flat_map(|run| run.fields().keys()).collect();
    let differs =
        |path: &&&String| known.windows(2).any(|two| two[0].fields().get(**path) != two[1].fields().get(**path));
    let taken = |path: &&&String| FIRST.iter().all(|(name, _)| name != **path);
    let differing = paths.iter().filter(differs).filter(taken);
    columns.extend(differing.map(|path| ((*path).clone(), Field::Config((*path).clone()))));
    let metrics: BTreeSet<&String> = runs.iter().flat_map(|run| run.detail().metrics.keys()).collect();
    columns.extend(metrics.into_iter().map(|name| (name.clone(), Field::Metric(name.clone()))));
    columns
}

/// Rows and columns of values.
struct Sheet {
    rows: usize,
    columns: Vec<(String, Vec<Option<Json>>)>,
}

impl Sheet {
    fn of(listing: &Listing, columns: &[(String, Field)]) -> Self {
        let column =
            |(name, field): &(String, Field)| (name.clone(), listing.runs.iter().map(|run| run.value(field)).collect());
        Self { rows: listing.runs.len(), columns: columns.iter().map(column).collect() }
    }

    /// RFC 4180, with a head line; what a run does not have is empty.
    fn csv(&self) -> String {
        let mut csv = String::new();
        let mut line = |cells: Vec<String>| csv += &(cells.join(",") + "\r\n");
        line(self.columns.iter().map(|(name, _)| quoted(name)).collect());
        for row in 0..self.rows {
            let cell = |(_, values): &(String, Vec<Option<Json>>)| values[row].as_ref().map(text);
            line(self.columns.iter().map(|column| quoted(&cell(column).unwrap_or_default())).collect());
        }
        csv
    }

    /// A column of numbers where all that is there are numbers, else one of text.
    fn parquet(&self) -> Result<Vec<u8>, Error> {
        let column = |(name, values): &(String, Vec<Option<Json>>)| {
            let there = || values.iter().flatten();
            if there().all(Json::is_number) && there().next().is_some() {
                let numbers = values.iter().map(|value| value.as_ref().and_then(Json::as_f64));
                return Column::nullable(name.as_str(), numbers.collect::<Float64Array>());
            }
            let texts = values.iter().map(|value| value.as_ref().map(text));
            Column::nullable(name.as_str(), texts.collect::<StringArray>())
        };
        let folder = tempfile::tempdir()?;
        let draft = folder.path().join("runs.parquet");
        write_parquet(&draft, self.columns.iter().map(column).collect())?;
        Ok(std::fs::read(&draft)?)
    }
}

/// A cell of a CSV file.
fn quoted(cell: &str) -> String {
    let plain = !cell.contains([',', '"', '\n', '\r']) && cell.trim() == cell;
    if plain { cell.to_owned() } else { format!("\"{}\"", cell.replace('"', "\"\"")) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use simpipe_artifact::table::Columns;

    fn sheet() -> Sheet {
        let columns = vec![
            ("run".to_owned(), vec![Some(json!("a")), Some(json!("b, \"c\""))]),
            ("train.epochs".to_owned(), vec![Some(json!(3)), None]),
            ("tag".to_owned(), vec![None, Some(json!(["v1", "v2"]))]),
            ("seed".to_owned(), vec![Some(json!(3)), Some(json!("auto"))]),
        ];
        Sheet { rows: 2, columns }
    }

    #[test]
    fn cells_are_quoted_where_they_must() {
        let expected = "run,train.epochs,tag,seed\r\na,3,,3\r\n\"b, \"\"c\"\"\",,\"v1, v2\",auto\r\n";
        assert_eq!(sheet().csv(), expected);
    }

    #[test]
    fn columns_of_numbers_are_numbers() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("runs.parquet");
        std::fs::write(&path, sheet().parquet().unwrap()).unwrap();
        let columns = Columns::read_parquet(&path, None).unwrap();
        assert_eq!(columns.names(), ["run", "train.epochs", "tag", "seed"]);
        assert_eq!(columns.optional_f64("train.epochs").unwrap(), [Some(3.0), None]);
        assert_eq!(columns.pieces("seed").unwrap()[0].data_type().to_string(), "Utf8");
    }
}
