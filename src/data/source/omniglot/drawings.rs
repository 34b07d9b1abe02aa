//! What lies in an archive: drawings by their names, and the bytes of those that are wanted.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufReader, Cursor, Read, Seek};
use std::path::Path;

use zip::ZipArchive;
use zip::result::ZipError;

use crate::DataError;
use crate::source::DigestFile;
use crate::source::published::Published;
use simpipe_base::fs::open_regular;

/// Drawings are far smaller: longer ones are none.
const DRAWING_AT_MOST: u64 = 1 << 20;

/// A drawing in an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Drawing {
    /// `Alphabet/character07`.
    pub(super) class: String,
    /// The name in the archive.
    pub(super) entry: String,
}

/// A drawing to decode.
pub(super) struct Encoding {
    pub(super) split: &'static str,
    pub(super) label: i32,
    pub(super) entry: String,
    pub(super) bytes: Vec<u8>,
}

/// `folder/Greek/character07/0394_01.png` as a drawing; `None` for folders and whatever else is in there.
fn drawing(name: &str, folder: &str) -> Option<Drawing> {
    let (class, file) = name.strip_prefix(folder)?.strip_prefix('/')?.rsplit_once('/')?;
    let is_class = class.split('/').count() == 2 && class.split('/').all(|part| !part.is_empty());
    (is_class && file.ends_with(".png") && !file.starts_with('.'))
        .then(|| Drawing { class: class.to_owned(), entry: name.to_owned() })
}

/// All drawings of an archive, in its order.
pub(super) fn listed(archive: &Published, names: &[String]) -> Vec<Drawing> {
    let folder = archive.name.trim_end_matches(".zip");
    names.iter().filter_map(|name| drawing(name, folder)).collect()
}

pub(super) fn alphabets(drawings: &[Drawing]) -> BTreeSet<String> {
    drawings.iter().map(|drawing| alphabet(&drawing.class).to_owned()).collect()
}

pub(super) fn alphabet(class: &str) -> &str {
    class.split('/').next().unwrap_or_default()
}

/// The names in an archive.
pub(super) fn names(archive: impl Read + Seek, path: &Path) -> Result<Vec<String>, DataError> {
    let unreadable = |error: ZipError| DataError::malformed(path, format!("not a readable .zip: {error}"));
    let archive = ZipArchive::new(archive).map_err(unreadable)?;
    archive.file_names().map(|name| Ok(name.map_err(unreadable)?.into_owned())).collect()
}

/// The names in an archive on the disk.
pub(super) fn names_of(path: &Path) -> Result<Vec<String>, DataError> {
    let file = open_regular(path).map_err(DataError::io("read", path))?;
    names(BufReader::new(file), path)
}

/// The alphabets of an archive: what [`Load::facts`](crate::source::Load::facts) has listed for a plan is not listed again
/// for its keys, but once.
pub(super) fn remembered_alphabets(
    archive: &Published,
    path: &Path,
    contents: &DigestFile<'_>,
) -> Result<BTreeSet<String>, DataError> {
    let joined = |file: &mut File| {
        let names = names(BufReader::new(file), path).map_err(|error| std::io::Error::other(error.to_string()))?;
        Ok(alphabets(&listed(archive, &names)).into_iter().collect::<Vec<_>>().join("\n"))
    };
    match contents.fact(path, "alphabets", &joined) {
        Ok(text) => Ok(text.lines().map(str::to_owned).collect()),
        // The error says what is wrong with the archive where it is read as such.
        Err(_) => Ok(alphabets(&listed(archive, &names_of(path)?))),
    }
}

/// The classes of all drawings, sorted.
pub(super) fn classes<'a>(drawings: impl Iterator<Item = &'a Drawing>) -> Vec<String> {
    drawings.map(|drawing| drawing.class.clone()).collect::<BTreeSet<_>>().into_iter().collect()
}

/// The drawings of an archive with their labels, still as they are encoded.
pub(super) fn extract(
    split: &'static str,
    path: &Path,
    bytes: &[u8],
    drawings: &[Drawing],
    classes: &[String],
) -> Result<Vec<Encoding>, DataError> {
    let unreadable = |error: String| DataError::malformed(path, format!("not a readable .zip: {error}"));
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|error| unreadable(error.to_string()))?;
    let mut encodings = Vec::with_capacity(drawings.len());
    for drawing in drawings {
        let mut entry = archive.by_name(&drawing.entry).map_err(|error| unreadable(error.to_string()))?;
        let mut bytes = Vec::new();
        (&mut entry).take(DRAWING_AT_MOST).read_to_end(&mut bytes).map_err(|error| unreadable(error.to_string()))?;
        let label = classes.binary_search(&drawing.class).expect("every class is listed");
        let label = i32::try_from(label).expect("fewer classes than drawings");
        encodings.push(Encoding { split, label, entry: drawing.entry.clone(), bytes });
    }
    Ok(encodings)
}
