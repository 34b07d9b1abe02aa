//! The file of what was added to an index and taken from it: appended to, each piece with its checksum, read from its start.
//!
//! A frame is `F5 53 56 4C`, the length of its content (`u32`), 16 bytes of the BLAKE3 digest of length and content, the
//! content; numbers are little-endian. The content is the length of a JSON text (`u32`), the text, and the vectors of the
//! changes that it lists, in their order (`f32`). The first frame says which model the vectors are of. All changes that are
//! made durable together are one frame, so whatever a crash tears is the last one.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::ServeError;
use simpipe_base::digest::Digest;
use simpipe_base::fs;

/// How a frame begins: with a byte that stands in no UTF-8 text.
const MAGIC: [u8; 4] = [0xF5, b'S', b'V', b'L'];
/// Bytes of the digest that a frame carries.
const CHECKSUM: usize = 16;
/// Bytes before a frame's content.
const HEAD: usize = MAGIC.len() + 4 + CHECKSUM;
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
    frame(&text(&Head { format: FORMAT, origin: origin.clone() }))
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
    frame(&content)
}

/// A JSON text behind its length.
fn text(value: &impl Serialize) -> Vec<u8> {
    let text = serde_json::to_vec(value).unwrap_or_default();
    let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
    [length.to_le_bytes().as_slice(), &text].concat()
}

fn frame(content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap_or(u32::MAX);
    let mut frame = Vec::with_capacity(HEAD + content.len());
    frame.extend(MAGIC);
    frame.extend(length.to_le_bytes());
    frame.extend(checksum(length, content));
    frame.extend(content);
    frame
}

fn checksum(length: u32, content: &[u8]) -> [u8; CHECKSUM] {
    let whole = Digest::of(&[length.to_le_bytes().as_slice(), content].concat());
    std::array::from_fn(|at| whole.as_bytes()[at])
}

/// The content of the whole frame that some bytes begin with.
fn content(bytes: &[u8]) -> Option<&[u8]> {
    let rest = bytes.strip_prefix(&MAGIC)?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let (sum, rest) = rest.split_first_chunk::<CHECKSUM>()?;
    let length = u32::from_le_bytes(*length);
    let content = rest.get(..length as usize)?;
    (checksum(length, content) == *sum).then_some(content)
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
            let is_frame = |later: &usize| self::content(&bytes[*later..]).is_some();
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
mod tests {
    use super::*;

    fn origin() -> Origin {
        Origin { model: "ab".to_owned(), dim: 2 }
    }

    fn add(digest: &str, vector: [f32; 2]) -> Change {
        Change::Add { digest: digest.to_owned(), class: "ca\nt".to_owned(), vector: vector.to_vec() }
    }

    fn delete(digest: &str) -> Change {
        Change::Delete { digest: digest.to_owned() }
    }

    fn read_back(bytes: &[u8]) -> Result<Replay, ServeError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        std::fs::write(&path, bytes).unwrap();
        read(&path, &origin())
    }

    fn groups() -> [Vec<Change>; 2] {
        [vec![add("one", [1.0, f32::MIN_POSITIVE]), delete("two"), add("three", [-0.5, 3e38])], vec![delete("one")]]
    }

    #[test]
    fn what_was_written_is_read_back_to_the_bit() {
        let bytes = [head(&origin()), frame_of(&groups()[0]), frame_of(&groups()[1])].concat();
        let replay = read_back(&bytes).unwrap();
        assert_eq!(replay.changes, groups().concat());
        assert_eq!((replay.length, replay.torn), (bytes.len() as u64, 0));
        let nowhere = tempfile::tempdir().unwrap();
        assert_eq!(read(&nowhere.path().join(FILE), &origin()).unwrap(), Replay::default());
    }

    #[test]
    fn a_tail_torn_anywhere_is_dropped_and_nothing_before_it() {
        let whole = [head(&origin()), frame_of(&groups()[0])].concat();
        let last = frame_of(&groups()[1]);
        for kept in 0..last.len() {
            for filler in [Vec::new(), vec![0; last.len() - kept]] {
                let replay = read_back(&[&whole[..], &last[..kept], &filler].concat()).unwrap();
                assert_eq!(replay.changes, groups()[0], "{kept} bytes of the last frame");
                assert_eq!((replay.length, replay.torn), (whole.len() as u64, (kept + filler.len()) as u64));
            }
        }
    }

    #[test]
    fn damage_before_the_end_is_no_torn_tail() {
        let first = head(&origin()).len();
        let bytes = [head(&origin()), frame_of(&groups()[0]), frame_of(&groups()[1])].concat();
        for at in first..first + frame_of(&groups()[0]).len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 4;
            let error = read_back(&flipped).unwrap_err();
            assert!(matches!(error, ServeError::Damaged { at, .. } if at == first), "byte {at}: {error}");
        }
        // Whole frames that hold no changes of this length of vectors.
        let odd = [head(&origin()), frame(&[text(&[1, 2]), vec![0; 3]].concat())].concat();
        assert!(matches!(read_back(&odd), Err(ServeError::Damaged { .. })));
    }

    #[test]
    fn a_log_of_another_model_or_format_is_refused() {
        let other = Origin { model: "cd".to_owned(), dim: 2 };
        assert!(matches!(read_back(&head(&other)), Err(ServeError::Foreign { found, .. }) if found == other));
        let newer = frame(&text(&Head { format: 2, origin: origin() }));
        assert!(matches!(read_back(&newer), Err(ServeError::Format { found: 2, .. })));
    }
}
