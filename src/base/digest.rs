//! BLAKE3 digests and canonical JSON.

use std::fmt;
use std::io::Read;
use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A BLAKE3 digest of 32 bytes; 64 hexadecimal digits in text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of some bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }

    /// The digest of a file's content.
    ///
    /// # Errors
    /// If the file can't be read.
    pub fn of_file(path: &Path) -> std::io::Result<Self> {
        let mut file = std::fs::File::open(path)?;
        let mut hasher = blake3::Hasher::new();
        let mut buffer = vec![0; 1 << 18];
        loop {
            match file.read(&mut buffer)? {
                0 => return Ok(Self(*hasher.finalize().as_bytes())),
                read => hasher.update(&buffer[..read]),
            };
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
    fn a_digest_survives_text() {
        let digest = Digest::of(b"simpipe");
        assert_eq!(digest.to_string().parse::<Digest>().ok(), Some(digest));
    }
}
