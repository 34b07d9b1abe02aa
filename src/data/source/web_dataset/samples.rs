//! The samples of one shard: files that follow each other under one key.

use std::io::{Read, Seek};
use std::path::Path;

use serde_json::Value as Json;

use crate::DataError;
use simpipe_artifact::About;

/// Endings of images.
const IMAGES: [&str; 9] = ["jpg", "jpeg", "png", "webp", "gif", "bmp", "tif", "tiff", "img"];
/// A class or a note is shorter than that.
const NOTE: u64 = 16 << 20;
/// An image is shorter than that.
const IMAGE: u64 = 2 << 30;

/// A sample without its image.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Sample {
    /// The path up to the first dot of the file's name.
    pub(super) key: String,
    /// The path of its image.
    pub(super) image: String,
    pub(super) label: Option<String>,
    pub(super) about: About,
    /// What it has in the field that was asked for.
    pub(super) value: Option<String>,
    /// Names of the fields that its note has.
    fields: Vec<String>,
}

impl Sample {
    /// What is told of it beside its class.
    pub(super) fn told(&self) -> Vec<String> {
        self.fields.clone()
    }
}

/// What is looked at.
pub(super) struct Wanted<'a> {
    /// The field of a note that is the class.
    pub(super) label: &'a str,
    /// The field that each sample is to come with.
    pub(super) column: Option<&'a str>,
    /// Whether images are read; else they are skipped, and their bytes are none.
    pub(super) images: bool,
}

/// Shows every sample that has an image, in order.
///
/// # Errors
/// If it is no tar file, or a note is not as it should be, and whatever `look` gives.
pub(super) fn samples(
    file: impl Read + Seek,
    path: &Path,
    wanted: &Wanted<'_>,
    look: &mut dyn FnMut(Sample, Vec<u8>) -> Result<(), DataError>,
) -> Result<(), DataError> {
    let unreadable = |error: std::io::Error| DataError::malformed(path, format!("not a readable .tar: {error}"));
    let mut archive = tar::Archive::new(file);
    let (mut sample, mut image): (Sample, Option<Vec<u8>>) = (Sample::default(), None);
    for entry in archive.entries_with_seek().map_err(unreadable)? {
        let mut entry = entry.map_err(unreadable)?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let name = entry.path().map_err(unreadable)?.to_str().map(str::to_owned);
        let name = name.ok_or_else(|| DataError::malformed(path, "a name in it is not valid UTF-8"))?;
        let Some((key, ending)) = key_of(&name) else { continue };
        if key != sample.key {
            finish(std::mem::take(&mut sample), image.take(), look)?;
            key.clone_into(&mut sample.key);
        }
        let ending = ending.to_ascii_lowercase();
        let is_image = IMAGES.contains(&ending.rsplit('.').next().unwrap_or_default());
        let most = if is_image { IMAGE } else { NOTE };
        // Beside `1.jpg` a `1.seg.png` is something else.
        let is_second = is_image && image.is_some() && ending.contains('.');
        if is_second || !(is_image || matches!(ending.as_str(), "cls" | "json")) {
            continue;
        }
        if entry.size() > most {
            return Err(DataError::malformed(
                path,
                format!("`{name}` has {} bytes, at most {most} can be right", entry.size()),
            ));
        }
        let mut content = Vec::new();
        if !is_image || wanted.images {
            entry.read_to_end(&mut content).map_err(unreadable)?;
        }
        match ending.as_str() {
            "cls" => {
                sample.label = Some(String::from_utf8_lossy(&content).trim().to_owned()).filter(|text| !text.is_empty())
            }
            "json" => note(&mut sample, &content, wanted)
                .map_err(|what| DataError::malformed(path, format!("`{name}`: {what}")))?,
            _ => {
                sample.image = name;
                image = Some(content);
            }
        }
    }
    finish(sample, image, look)
}

/// `cat/0001.seg.png` is `cat/0001` and `seg.png`; hidden files have no key.
fn key_of(name: &str) -> Option<(&str, &str)> {
    let name = name.strip_prefix("./").unwrap_or(name);
    let start = name.rfind('/').map_or(0, |at| at + 1);
    let dot = name[start..].find('.').filter(|dot| *dot > 0)?;
    Some((&name[..start + dot], &name[start + dot + 1..]))
}

/// Where nothing else says it, the folder is the class.
fn finish(
    mut sample: Sample,
    image: Option<Vec<u8>>,
    look: &mut dyn FnMut(Sample, Vec<u8>) -> Result<(), DataError>,
) -> Result<(), DataError> {
    let Some(image) = image else { return Ok(()) };
    if sample.label.is_none() {
        sample.label = sample.key.rsplit_once('/').map(|(folders, _)| folders.to_owned());
    }
    look(sample, image)
}

/// Takes over what a sample's JSON says.
fn note(sample: &mut Sample, content: &[u8], wanted: &Wanted<'_>) -> Result<(), String> {
    let note: serde_json::Map<String, Json> =
        serde_json::from_slice(content).map_err(|error| format!("it is not a JSON object: {error}"))?;
    let text = |name: &str| match note.get(name)? {
        Json::String(text) => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        Json::Bool(truth) => Some(truth.to_string()),
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    };
    let truth = |name: &str| note.get(name).and_then(|truth| truth.as_bool().or_else(|| Some(truth.as_u64()? != 0)));
    sample.label = text(wanted.label).or_else(|| sample.label.take());
    sample.about = About {
        group: text("group"),
        source: text("source"),
        category: text("category"),
        is_query: truth("is_query"),
        is_gallery: truth("is_gallery"),
    };
    sample.value = wanted.column.and_then(text);
    sample.fields = note.keys().filter(|name| *name != wanted.label && text(name).is_some()).cloned().collect();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_ends_at_the_first_dot_of_the_name() {
        assert_eq!(key_of("cat/0001.seg.png"), Some(("cat/0001", "seg.png")));
        assert_eq!(key_of("./a.b/0001.jpg"), Some(("a.b/0001", "jpg")));
        assert_eq!((key_of("a/.hidden"), key_of("README")), (None, None));
    }
}
