//! `npz`: embeddings with their labels as a NumPy archive.

use std::io::{self, Cursor, Write};
use std::path::Path;

use serde_json::json;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::embeddings;
use super::refuse_overwriting;
use super::whole_run::{RunFormat, Sent, StoredRun};
use crate::cli::print::{self, shown};
use crate::cli::sink;
use crate::error::Error;
use simpipe_base::interrupt::LeftToEnd;

/// A NumPy archive.
pub(super) struct Npz;

/// From this size on an entry needs the larger numbers of ZIP64.
const LARGE: usize = 1 << 31;
/// The head of an array ends at a multiple of this.
const ALIGNED: usize = 64;

impl RunFormat for Npz {
    fn name(&self) -> &'static str {
        "npz"
    }

    fn about(&self) -> &'static str {
        "NumPy archive of the embeddings of every stage `embed`, with labels, example ids and names of classes"
    }

    fn takes_stage(&self) -> bool {
        true
    }

    fn target(&self) -> &'static str {
        "a file"
    }

    fn default_output(&self, experiment: &str) -> Option<String> {
        Some(format!("{experiment}.embeddings.npz"))
    }

    /// For each stage `embed` the arrays `STAGE/embeddings` (float32, a row an example), `STAGE/labels` (int32),
    /// `STAGE/example_ids` (uint64) and `STAGE/classes` (text by label). The same run gives the same bytes.
    fn write(&self, run: &StoredRun<'_>, output: &str, force: bool) -> Result<Sent, Error> {
        let path = Path::new(output);
        refuse_overwriting(path, force)?;
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        let (mut arrays, mut vectors) = (Vec::new(), 0);
        for one in embeddings::of(run)? {
            let (name, rows) = (&one.name, &one.rows);
            vectors += rows.len();
            let numbers = |values: &[f32]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
            let labels = rows.label.iter().flat_map(|label| label.to_le_bytes()).collect::<Vec<u8>>();
            let ids = rows.example_id.iter().flat_map(|id| id.to_le_bytes()).collect::<Vec<u8>>();
            let (width, classes) = text(&one.classes);
            for (array, kind, shape, bytes) in [
                ("embeddings", "<f4".to_owned(), vec![rows.len(), rows.dim], numbers(&rows.values)),
                ("labels", "<i4".to_owned(), vec![rows.len()], labels),
                ("example_ids", "<u8".to_owned(), vec![rows.len()], ids),
                ("classes", format!("<U{width}"), vec![one.classes.len()], classes),
            ] {
                let array = format!("{name}/{array}");
                add(&mut zip, &array, &kind, &shape, &bytes)?;
                arrays.push(array);
            }
        }
        let bytes = zip.finish().map_err(unwritten)?.into_inner();
        let _writing = LeftToEnd::begin();
        let help = "choose a file in a writable folder: `--output FILE`";
        sink::write(path, &bytes).map_err(|error| sink::unwritable(path, &error, help))?;
        let (count, said) = (print::thousands(vectors), shown(path.display()));
        Ok(Sent {
            json: json!({ "file": output, "bytes": bytes.len(), "arrays": arrays, "vectors": vectors }),
            words: format!("wrote {said}: {count} vectors, {} bytes", print::thousands(bytes.len())),
        })
    }
}

/// Adds an array in the format of NumPy (`numpy.lib.format`, version 1.0). No clock: every entry has ZIP's first date.
fn add(
    zip: &mut ZipWriter<Cursor<Vec<u8>>>,
    name: &str,
    kind: &str,
    shape: &[usize],
    bytes: &[u8],
) -> Result<(), Error> {
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    let options = options.large_file(bytes.len() >= LARGE).last_modified_time(zip::DateTime::default());
    zip.start_file(format!("{name}.npy"), options).map_err(unwritten)?;
    zip.write_all(&head(kind, shape))?;
    Ok(zip.write_all(bytes)?)
}

fn head(kind: &str, shape: &[usize]) -> Vec<u8> {
    let shape: String = shape.iter().map(|side| format!("{side}, ")).collect();
    let mut text = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({}), }}", shape.trim_end());
    // Six bytes of magic, two of the version, two of the length, and an end of line.
    while !(10 + text.len() + 1).is_multiple_of(ALIGNED) {
        text.push(' ');
    }
    text.push('\n');
    let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
    [b"\x93NUMPY\x01\x00", &length.to_le_bytes()[..], text.as_bytes()].concat()
}

/// Texts as an array of NumPy: the length of the longest (at least one), and all in code points of four bytes.
fn text(texts: &[String]) -> (usize, Vec<u8>) {
    let width = texts.iter().map(|text| text.chars().count()).max().unwrap_or(0).max(1);
    let padded = texts.iter().flat_map(|text| text.chars().map(u32::from).chain(std::iter::repeat(0)).take(width));
    (width, padded.flat_map(u32::to_le_bytes).collect())
}

fn unwritten(error: zip::result::ZipError) -> Error {
    Error::Output(io::Error::other(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_those_of_numpy() {
        // numpy.save of zeros((3, 2), float32): the head is padded to 128 bytes.
        let head = head("<f4", &[3, 2]);
        assert_eq!((head.len(), &head[..10]), (128, &b"\x93NUMPY\x01\x00v\x00"[..]));
        let text = String::from_utf8(head[10..].to_vec()).unwrap();
        assert!(
            text.starts_with("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2,), }  ") && text.ends_with(" \n")
        );
        let (width, bytes) = super::text(&["é".to_owned(), "ab".to_owned(), String::new()]);
        assert_eq!((width, bytes.len()), (2, 24));
        assert_eq!(bytes[..8], [0xe9, 0, 0, 0, 0, 0, 0, 0]);
    }
}
