//! Tables of text: CSV, TSV, JSON Lines and Parquet, told by their content and not by their name.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use arrow::array::Array;
use arrow::datatypes::DataType;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value as Json;

use super::listing::wrong_lines;
use super::reader::Reader;
use crate::DataError;
use simpipe_base::suggest;

/// A list is shorter than that.
const AT_MOST: u64 = 2 << 30;

/// Rows of named columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) path: PathBuf,
    pub(super) columns: Vec<String>,
    pub(super) rows: Vec<Row>,
}

/// A row, and where it stands: its line, or its number in a Parquet file, from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) line: usize,
    cells: Vec<Option<String>>,
}

impl Row {
    /// What it has in a column, by the column's place; nothing where the cell is empty.
    pub(super) fn cell(&self, column: usize) -> Option<&str> {
        self.cells.get(column)?.as_deref()
    }
}

impl Table {
    /// Reads a file.
    ///
    /// # Errors
    /// If it is no table; lines that are wrong are named.
    pub(super) fn read(path: &Path, reader: &Reader<'_>) -> Result<Self, DataError> {
        let bytes = reader.read_at_most(path, AT_MOST).map_err(DataError::io("read", path))?;
        let table = match bytes.iter().find(|byte| !byte.is_ascii_whitespace()) {
            _ if bytes.starts_with(b"PAR1") => guarded(path, || parquet(path, bytes))?,
            None => return Err(DataError::malformed(path, "the file is empty")),
            Some(b'{') => json_lines(path, &bytes)?,
            Some(_) => separated(path, &bytes)?,
        };
        if table.rows.is_empty() {
            return Err(DataError::malformed(path, "there are no rows"));
        }
        Ok(table)
    }

    /// The place of the first of some columns that is there.
    pub(super) fn find(&self, names: &[&str]) -> Option<usize> {
        names.iter().find_map(|name| self.columns.iter().position(|column| column == name))
    }

    /// The same of a column that has to be there.
    ///
    /// # Errors
    /// If it is not, with those that are.
    pub(super) fn expect(&self, names: &[&str]) -> Result<usize, DataError> {
        self.find(names).ok_or_else(|| {
            let known: Vec<&str> = self.columns.iter().map(String::as_str).collect();
            DataError::Malformed {
                path: self.path.clone(),
                reason: format!("there is no column `{}`", names[0]),
                help: Some(suggest::help(names[0], &known)),
            }
        })
    }
}

/// Comma-separated values, or what else stands between the names of the first line.
fn separated(path: &Path, bytes: &[u8]) -> Result<Table, DataError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes); // a mark that some editors write
    let head = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let delimiter = [b'\t', b',', b';'].into_iter().find(|mark| head.contains(mark)).unwrap_or(b',');
    let mut reader =
        csv::ReaderBuilder::new().delimiter(delimiter).flexible(true).has_headers(false).from_reader(bytes);
    let (mut columns, mut rows, mut wrong) = (Vec::new(), Vec::new(), Vec::new());
    let mut record = csv::ByteRecord::new();
    while reader.read_byte_record(&mut record).map_err(|error| DataError::malformed(path, error.to_string()))? {
        let line = record.position().map_or(0, csv::Position::line);
        let line = usize::try_from(line).unwrap_or(usize::MAX);
        let Ok(cells) = record.iter().map(std::str::from_utf8).collect::<Result<Vec<&str>, _>>() else {
            wrong.push((line, "it is not valid UTF-8".to_owned()));
            continue;
        };
        if columns.is_empty() {
            columns = cells.into_iter().map(|name| name.trim().to_owned()).collect();
        } else if cells.len() == columns.len() {
            let cells = cells.into_iter().map(|cell| (!cell.is_empty()).then(|| cell.to_owned())).collect();
            rows.push(Row { line, cells });
        } else {
            wrong.push((line, format!("it has {} values, but there are {} columns", cells.len(), columns.len())));
        }
    }
    if !wrong.is_empty() {
        return Err(wrong_lines(
            path,
            &wrong,
            "save the table as CSV in UTF-8, with as many values in each line as names",
        ));
    }
    let twice = columns.iter().enumerate().find(|(at, name)| columns[..*at].contains(name));
    match twice {
        Some((_, name)) => Err(DataError::malformed(path, format!("the column `{name}` exists twice"))),
        None => Ok(Table { path: path.to_path_buf(), columns, rows }),
    }
}

/// An object a line; the columns are in the order in which they are first met.
fn json_lines(path: &Path, bytes: &[u8]) -> Result<Table, DataError> {
    let (mut columns, mut rows, mut wrong) = (Vec::<String>::new(), Vec::new(), Vec::new());
    for (at, text) in bytes.split(|byte| *byte == b'\n').enumerate() {
        if text.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        match object(text, &mut columns) {
            Ok(cells) => rows.push(Row { line: at + 1, cells }),
            Err(reason) => wrong.push((at + 1, reason)),
        }
    }
    if wrong.is_empty() {
        Ok(Table { path: path.to_path_buf(), columns, rows })
    } else {
        Err(wrong_lines(
            path,
            &wrong,
            "write one JSON object per line, with texts, numbers, `true`, `false` and `null`",
        ))
    }
}

fn object(text: &[u8], columns: &mut Vec<String>) -> Result<Vec<Option<String>>, String> {
    let object: serde_json::Map<String, Json> =
        serde_json::from_slice(text).map_err(|error| format!("it is not a JSON object: {error}"))?;
    let mut cells = vec![None; columns.len()];
    for (name, value) in object {
        let cell = match value {
            Json::Null => None,
            Json::String(text) => Some(text).filter(|text| !text.is_empty()),
            Json::Bool(truth) => Some(truth.to_string()),
            Json::Number(number) => Some(number.to_string()),
            // Such as the objects of a picture: nobody asks for them here.
            Json::Array(_) | Json::Object(_) => continue,
        };
        let place = columns.iter().position(|column| *column == name).unwrap_or_else(|| {
            columns.push(name);
            columns.len() - 1
        });
        if cells.len() <= place {
            cells.resize(place + 1, None);
        }
        cells[place] = cell;
    }
    Ok(cells)
}

/// Whether a column's values are texts, numbers and the like.
pub(super) fn is_plain(of: &DataType) -> bool {
    match of {
        DataType::Dictionary(_, values) => is_plain(values),
        other => {
            !other.is_nested() && !matches!(other, DataType::Binary | DataType::LargeBinary | DataType::BinaryView)
        }
    }
}

/// The values of a column as texts.
pub(super) fn texts(values: &dyn Array) -> Result<Vec<Option<String>>, arrow::error::ArrowError> {
    let options = FormatOptions::default();
    let formatter = ArrayFormatter::try_new(values, &options)?;
    let text = |row: usize| {
        if values.is_null(row) {
            return Ok(None);
        }
        let text = formatter.value(row).try_to_string()?;
        // Tables keep whole numbers with gaps as floats, and the gaps as no number.
        Ok(Some(text).filter(|text| !(text.is_empty() || text == "NaN" && values.data_type().is_floating())))
    };
    (0..values.len()).map(text).collect()
}

/// A reader that stumbles over a damaged file must not take the program along.
pub(super) fn guarded<T>(path: &Path, read: impl FnOnce() -> Result<T, DataError>) -> Result<T, DataError> {
    catch_unwind(AssertUnwindSafe(read))
        .unwrap_or_else(|_| Err(DataError::malformed(path, "it is damaged: its reader failed")))
}

fn parquet(path: &Path, bytes: Vec<u8>) -> Result<Table, DataError> {
    let malformed = |error: &dyn std::fmt::Display| DataError::malformed(path, error.to_string());
    let builder = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(bytes)).map_err(|error| malformed(&error))?;
    let plain = |field: &&arrow::datatypes::FieldRef| is_plain(field.data_type());
    let columns: Vec<String> =
        builder.schema().fields().iter().filter(plain).map(|field| field.name().clone()).collect();
    let mask = parquet::arrow::ProjectionMask::columns(builder.parquet_schema(), columns.iter().map(String::as_str));
    let reader = builder.with_projection(mask).build().map_err(|error| malformed(&error))?;
    let mut rows: Vec<Row> = Vec::new();
    for batch in reader {
        let batch = batch.map_err(|error| malformed(&error))?;
        let first = rows.len();
        rows.extend((0..batch.num_rows()).map(|row| Row { line: first + row + 1, cells: Vec::new() }));
        for name in &columns {
            let values =
                batch.column_by_name(name).ok_or_else(|| malformed(&format!("there is no column `{name}`")))?;
            let values = texts(values).map_err(|error| malformed(&error))?;
            rows[first..].iter_mut().zip(values).for_each(|(row, value)| row.cells.push(value));
        }
    }
    Ok(Table { path: path.to_path_buf(), columns, rows })
}

#[cfg(test)]
mod tests {
    use super::*;
    use simpipe_artifact::table::{Column, write_parquet};

    fn read(bytes: &[u8]) -> Result<Table, DataError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        Table::read(file.path(), &Reader::default())
    }

    fn rows(table: &Table) -> Vec<(usize, Vec<Option<String>>)> {
        let cells = |row: &Row| (0..table.columns.len()).map(|column| row.cell(column).map(str::to_owned)).collect();
        table.rows.iter().map(|row| (row.line, cells(row))).collect()
    }

    fn cells(texts: &[&str]) -> Vec<Option<String>> {
        texts.iter().map(|text| (!text.is_empty()).then(|| (*text).to_owned())).collect()
    }

    #[test]
    fn the_content_tells_what_separates_values() {
        for text in ["a,b\n1,\n\"x\ny\",2\n", "\u{feff}a;b\n1;\n\"x\ny\";2", "a\tb\n1\t\n\"x\ny\"\t2\n"] {
            let table = read(text.as_bytes()).unwrap();
            assert_eq!(table.columns, ["a", "b"]);
            assert_eq!(rows(&table), [(2, cells(&["1", ""])), (3, cells(&["x\ny", "2"]))], "{text}");
        }
        let lines = "{\"a\": 1, \"b\": null}\n\n{\"b\": true, \"a\": \"x\", \"c\": 2.5, \"d\": [1]}\n";
        let table = read(lines.as_bytes()).unwrap();
        assert_eq!(table.columns, ["a", "b", "c"]);
        assert_eq!(rows(&table)[1], (3, cells(&["x", "true", "2.5"])));
        assert_eq!(rows(&table)[0], (1, cells(&["1", "", ""])));
    }

    #[test]
    fn parquet_is_a_table_too() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("named.csv");
        let columns = vec![
            Column::text("path", &["a", ""]),
            Column::f64("label", &[3.0, f64::NAN]),
            Column::bool("q", &[true, false]),
        ];
        write_parquet(&path, columns).unwrap();
        let table = Table::read(&path, &Reader::default()).unwrap();
        assert_eq!(rows(&table)[0], (1, cells(&["a", "3.0", "true"])));
        assert_eq!(rows(&table)[1], (2, cells(&["", "", "false"])));
        assert_eq!((table.find(&["x", "label"]), table.expect(&["labl"]).is_err()), (Some(1), true));
    }

    #[test]
    fn what_is_wrong_is_told_at_its_line() {
        let said = |bytes: &[u8]| {
            let message = read(bytes).unwrap_err().to_string();
            message.split_once(": ").unwrap().1.to_owned()
        };
        assert_eq!(
            said(b"a,b\n1,2\n3\n4,5,6\n"),
            "line 3: it has 1 values, but there are 2 columns; line 4: it has 3 values, but there are 2 columns"
        );
        assert_eq!(said(b"a\n\xff\xfe\n"), "line 2: it is not valid UTF-8");
        assert_eq!(said(b"a,a\n1,2\n"), "the column `a` exists twice");
        assert_eq!(said(b" \n"), "the file is empty");
        assert_eq!(said(b"a,b\n"), "there are no rows");
        assert!(said(b"{\"a\": 1}\n{\"a\"\n").starts_with("line 2: it is not a JSON object"));
        assert!(said(b"PAR1 and no more").len() > 5);
    }
}
