//! The file of what was added to an index and taken from it: appended to, each piece with its checksum, read from its start.
//!
//! It consists of [frames](frame). The content of one is the length of a JSON text (`u32`, little-endian), the text, and the
//! vectors of the changes that it lists, in their order (`f32`). The first frame says which model the vectors are of. All changes
//! that are made durable together are one frame, so whatever a crash tears is the last one.

mod frame;

use std::path::Path;

use serde::{Deserialize, Serialize};

use self::frame::{HEAD, content, framed};
use super::ServeError;
use simpipe_base::fs;

/// Version of the format.
const FORMAT: u32 = 1;
/// The name of the file.
pub(super) const FILE: &str = "log";

/// Which model a log's vectors are of: no other's may stand beside them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The digest of the model and of how it is used.
    pub model: String,
    /// Numbers in a vector.
    pub dim: usize,
}

/// One thing that happened to the index.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Change {
    /// An image's vector, as it is searched, with its class.
    Add { digest: String, class: String, vector: Vec<f32> },
    /// All vectors of an image are gone.
    Delete { digest: String },
}

/// The first frame.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    format: u32,
    #[serde(flatten)]
    origin: Origin,
}

/// A change without its vector.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Told {
    Add { digest: String, class: String },
    Delete { digest: String },
}

/// What a file says.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Replay {
    /// In their order.
    pub(super) changes: Vec<Change>,
    /// Bytes of whole frames.
    pub(super) length: u64,
    /// Bytes behind them: of a frame that was not written to its end.
    pub(super) torn: u64,
}

/// The first frame of a file.
pub(super) fn head(origin: &Origin) -> Vec<u8> {
    framed(&text(&Head { format: FORMAT, origin: origin.clone() }))
}

/// The frame of some changes.
pub(super) fn frame_of(changes: &[Change]) -> Vec<u8> {
    let told: Vec<Told> = changes
        .iter()
        .map(|change| match change {
            Change::Add { digest, class, .. } => Told::Add { digest: digest.clone(), class: class.clone() },
            Change::Delete { digest } => Told::Delete { digest: digest.clone() },
        })
        .collect();
    let mut content = text(&told);
    for change in changes {
        if let Change::Add { vector, .. } = change {
            content.extend(vector.iter().flat_map(|number| number.to_le_bytes()));
        }
    }
    framed(&content)
}

/// A JSON text behind its length.
fn text(value: &impl Serialize) -> Vec<u8> {
    let text = serde_json::to_vec(value).unwrap_or_default();
    let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
    [length.to_le_bytes().as_slice(), &text].concat()
}

/// Reads a file from its start.
///
/// # Errors
/// If it can't be read, is of another model, or is damaged before its end: that is no torn tail, and nothing is dropped then.
pub(super) fn read(path: &Path, origin: &Origin) -> Result<Replay, ServeError> {
    let bytes = match fs::read_regular(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Replay::default()),
        Err(error) => return Err(ServeError::io("read", path, error)),
    };
    let damaged = |at: usize| ServeError::Damaged { path: path.to_path_buf(), at };
    let (mut replay, mut at) = (Replay::default(), 0);
    while at < bytes.len() {
        let Some(content) = content(&bytes[at..]) else {
            let is_frame = |later: &usize| frame::content(&bytes[*later..]).is_some();
            if (at + 1..bytes.len()).find(is_frame).is_some() {
                return Err(damaged(at));
            }
            break;
        };
        if at == 0 {
            of_model(content, path, origin)?;
        } else {
            replay.changes.extend(changes(content, origin.dim).ok_or_else(|| damaged(at))?);
        }
        at += HEAD + content.len();
    }
    (replay.length, replay.torn) = (at as u64, (bytes.len() - at) as u64);
    Ok(replay)
}

fn of_model(content: &[u8], path: &Path, origin: &Origin) -> Result<(), ServeError> {
    let head = split(content).and_then(|(text, _)| serde_json::from_slice::<Head>(text).ok());
    match head {
        Some(head) if head.format != FORMAT => Err(ServeError::Format { path: path.to_path_buf(), found: head.format }),
        Some(head) if head.origin != *origin => {
            Err(ServeError::Foreign { path: path.to_path_buf(), found: head.origin, expected: origin.clone() })
        }
        Some(_) => Ok(()),
        None => Err(ServeError::Damaged { path: path.to_path_buf(), at: 0 }),
    }
}

/// The text and the numbers of a frame.
fn split(content: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = content.split_first_chunk::<4>()?;
    rest.split_at_checked(u32::from_le_bytes(*length) as usize)
}

fn changes(content: &[u8], dim: usize) -> Option<Vec<Change>> {
    let (text, numbers) = split(content)?;
    let told: Vec<Told> = serde_json::from_slice(text).ok()?;
    let mut vectors = numbers.chunks_exact(4 * dim.max(1));
    let changes = told.into_iter().map(|told| {
        Some(match told {
            Told::Add { digest, class } => Change::Add { digest, class, vector: floats(vectors.next()?) },
            Told::Delete { digest } => Change::Delete { digest },
        })
    });
    let changes = changes.collect::<Option<Vec<_>>>()?;
    (vectors.next().is_none() && vectors.remainder().is_empty()).then_some(changes)
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks::<4>().0.iter().map(|number| f32::from_le_bytes(*number)).collect()
}

#[cfg(test)]
mod tests;
