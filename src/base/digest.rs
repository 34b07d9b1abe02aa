//! BLAKE3 digests and canonical JSON.

use std::fmt;
use std::io::Read;
use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::fs::open_regular;
use super::interrupt::stopped;

/// Bytes of a file read at a time.
const PIECE: usize = 1 << 22;
/// Bytes that are worth more than one thread: BLAKE3 hashes a tree, so that its halves can be hashed at once.
const PARALLEL: usize = 1 << 18;

/// A BLAKE3 digest of 32 bytes; 64 hexadecimal digits in text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest that some bytes are, as [`Digest::as_bytes`] gives them.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The digest as bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The digest of some bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }

    /// The digest of a regular file's content.
    ///
    /// # Errors
    /// If the file can't be read, or is none.
    pub fn of_file(path: &Path) -> std::io::Result<Self> {
        Self::of_file_unless(path, &|| false)
    }

    /// The same, which ends with the error [`stopped`] soon after the caller says so.
    ///
    /// # Errors
    /// If the file can't be read, or the caller says so.
    pub fn of_file_unless(path: &Path, stop: &dyn Fn() -> bool) -> std::io::Result<Self> {
        Self::of_open_unless(&mut open_regular(path)?, stop)
    }

    /// The digest of the content of an open file, from where it stands; it ends as [`Digest::of_file_unless`] does.
    ///
    /// # Errors
    /// If the file can't be read, or the caller says so.
    pub fn of_open_unless(file: &mut std::fs::File, stop: &dyn Fn() -> bool) -> std::io::Result<Self> {
        let mut hasher = blake3::Hasher::new();
        // One byte more than the file tells the end without another read.
        let length = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX).saturating_add(1);
        let mut buffer = vec![0; length.min(PIECE)];
        loop {
            if stop() {
                return Err(stopped());
            }
            let read = fill(file, &mut buffer)?;
            // Below that, handing work to other threads costs more than it saves.
            if read < PARALLEL {
                hasher.update(&buffer[..read]);
            } else {
                hasher.update_rayon(&buffer[..read]);
            }
            if read < buffer.len() {
                return Ok(Self(*hasher.finalize().as_bytes()));
            }
        }
    }

    /// The digest of a value's canonical JSON.
    ///
    /// # Panics
    /// Never for the types of this crate: each serializes to JSON.
    #[must_use]
    pub fn of_json<T: Serialize>(value: &T) -> Self {
        Self::of(canonical_json(value).as_bytes())
    }

    /// A digest that a hasher has finished.
    #[must_use]
    pub fn from_hasher(hasher: &blake3::Hasher) -> Self {
        Self(*hasher.finalize().as_bytes())
    }

    /// The first 12 digits: enough for a person to tell two apart.
    #[must_use]
    pub fn short(&self) -> String {
        self.to_string()[..12].to_owned()
    }
}

/// Compact JSON with sorted keys: the same value always gives the same text.
///
/// # Panics
/// Never for the types of this crate: each serializes to JSON.
#[must_use]
pub fn canonical_json<T: Serialize>(value: &T) -> String {
    // `serde_json::Map` is a `BTreeMap`, so going through `Value` sorts the keys of structs too.
    let value = serde_json::to_value(value).expect("serializes to JSON");
    serde_json::to_string(&value).expect("serializes to JSON")
}

/// Reads until a buffer is full or the file ends; the number of bytes read.
fn fill(file: &mut std::fs::File, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(blake3::Hash::from_bytes(self.0).to_hex().as_str())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.short())
    }
}

impl FromStr for Digest {
    type Err = blake3::HexError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        blake3::Hash::from_hex(text).map(|hash| Self(*hash.as_bytes()))
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_json_sorts_keys() {
        #[derive(Serialize)]
        struct Pair {
            b: u8,
            a: u8,
        }
        assert_eq!(canonical_json(&Pair { b: 1, a: 2 }), r#"{"a":2,"b":1}"#);
    }

    #[test]
    fn a_files_digest_is_that_of_its_bytes_whatever_its_length() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        for length in [0, 1, PARALLEL - 1, PARALLEL, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE + 5] {
            let bytes: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
            std::fs::write(&path, &bytes).unwrap();
            assert_eq!(Digest::of_file(&path).unwrap(), Digest::of(&bytes), "{length} bytes");
        }
    }

    #[test]
    fn a_digest_survives_text() {
        let digest = Digest::of(b"simpipe");
        assert_eq!(digest.to_string().parse::<Digest>().ok(), Some(digest));
    }
}
