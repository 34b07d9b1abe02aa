//! Files with a published checksum: telling the true one from an altered or truncated one.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use crate::{DataError, Mismatch};
use simpipe_base::digest::Digest;
use simpipe_base::fs::open_regular;
use simpipe_base::interrupt::stopped;

/// A file that somebody published, with the checksum that TensorFlow Datasets 4.9.10 lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Published {
    /// Its name at the source.
    pub name: &'static str,
    /// The folder that it is published in, with the final slash.
    pub base: &'static str,
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256, in hexadecimal.
    pub sha256: &'static str,
}

impl Published {
    /// Stands for the content in a cache key.
    pub(crate) fn digest(&self) -> Digest {
        Digest::of(format!("sha256:{}", self.sha256).as_bytes())
    }

    /// Whether a file's content is the published one.
    ///
    /// # Errors
    /// [`DataError::Checksum`] with both digests if it is not, [`DataError::Stopped`] soon after `stop` says so.
    pub(crate) fn verify(&self, path: &Path, help: &str, stop: &dyn Fn() -> bool) -> Result<(), DataError> {
        let (found, found_bytes) = sha256_of_file(path, stop).map_err(DataError::io("read", path))?;
        if found == self.sha256 { Ok(()) } else { Err(self.mismatch(path, found, found_bytes, help)) }
    }

    /// The error for a file with another content.
    pub(super) fn mismatch(&self, path: &Path, found: String, found_bytes: u64, help: &str) -> DataError {
        DataError::Checksum(Box::new(Mismatch {
            name: self.name.to_owned(),
            path: path.to_path_buf(),
            expected: self.sha256.to_owned(),
            expected_bytes: self.bytes,
            found,
            found_bytes,
            help: match found_bytes {
                bytes if bytes < self.bytes => format!("the file is cut short; {help}"),
                _ => format!("the file was altered; {help}"),
            },
        }))
    }
}

/// SHA-256 in hexadecimal and length of a regular file's content; the error [`stopped`] soon after `stop` says so.
pub(crate) fn sha256_of_file(path: &Path, stop: &dyn Fn() -> bool) -> std::io::Result<(String, u64)> {
    sha256_of_open(&mut open_regular(path)?, stop)
}

/// The same of an open file, from where it stands.
pub(crate) fn sha256_of_open(file: &mut File, stop: &dyn Fn() -> bool) -> std::io::Result<(String, u64)> {
    let (mut hasher, mut bytes) = (Sha256::new(), 0);
    let mut buffer = vec![0; 1 << 18];
    loop {
        if stop() {
            return Err(stopped());
        }
        match file.read(&mut buffer)? {
            0 => return Ok((hex(&hasher.finalize()), bytes)),
            read => {
                hasher.update(&buffer[..read]);
                bytes += read as u64;
            }
        }
    }
}

/// SHA-256 of some bytes, in hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The three ways to provide data, for messages; `name` is the source's name in a spec.
pub(crate) fn ways(name: &str, archive: &str, folder: &str) -> String {
    format!(
        "provide the data in one of three ways: connect to the internet once, so that it is downloaded; `source = {{ \
         {name} = {{ path = \"..\" }} }}` with the path of {archive}; or with the path of {folder}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SHA-256 of "abc", from FIPS 180-2, appendix B.1.
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn both_digests_and_the_kind_of_damage_are_shown() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("abc");
        let file = Published { name: "abc", base: "", bytes: 3, sha256: ABC };
        std::fs::write(&path, "abc").unwrap();
        file.verify(&path, "do this", &|| false).unwrap();
        assert!(matches!(file.verify(&path, "", &|| true), Err(DataError::Stopped)));
        for (content, damage) in [("ab", "cut short"), ("abd", "altered")] {
            std::fs::write(&path, content).unwrap();
            let error = file.verify(&path, "do this", &|| false).unwrap_err();
            let message = error.to_string();
            assert!(message.contains(ABC) && message.contains(&sha256(content.as_bytes())), "{message}");
            assert!(error.help().is_some_and(|help| help.contains(damage) && help.contains("do this")));
        }
    }
}
