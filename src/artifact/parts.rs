//! Files of long lists of numbers, opened by mapping: nothing is read before it is looked at.
//!
//! Eight bytes that name the format, then whole numbers, little-endian: the format's version (four bytes), how many numbers
//! the head has and how many lists there are (four bytes each), the numbers of the head and the length of each list in bytes
//! (eight bytes each). The lists follow in their order, each at a multiple of 64 bytes from the beginning, with zeros between.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use arrow::buffer::{Buffer, ScalarBuffer};
use arrow::datatypes::ArrowNativeType;
use memmap2::Mmap;

use super::ArtifactError;
use simpipe_base::fs::open_regular;

/// Where lists begin: no number of any type lies across two lines of the cache.
const ALIGNED: usize = 64;
/// Bytes before the numbers of the head.
const BEFORE: usize = 8 + 3 * 4;
/// Numbers of a head and lists, at most: what says more is no such file.
const MOST: usize = 64;

/// What a format calls itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct Magic {
    pub(super) bytes: [u8; 8],
    pub(super) version: u32,
    /// As in "it is no ..".
    pub(super) what: &'static str,
}

/// A file as memory, shared by all that look into it.
#[expect(unsafe_code, reason = "a map is only as constant as its file")]
pub(super) fn mapped(path: &Path) -> Result<Buffer, ArtifactError> {
    let failed = |error| ArtifactError::io("read", path, error);
    let file = open_regular(path).map_err(failed)?;
    if file.metadata().map_err(failed)?.len() == 0 {
        return Ok(Buffer::from(Vec::<u8>::new()));
    }
    // SAFETY: files in the store, and links to them in a stage's private folder, are never written to once they are there.
    // Who truncates one by hand meanwhile ends the process with a signal, as with any program that maps files.
    let map = unsafe { Mmap::map(&file) }.map_err(failed)?;
    Ok(Buffer::from(bytes::Bytes::from_owner(map)))
}

/// An open file.
#[derive(Debug)]
pub(super) struct Parts {
    path: PathBuf,
    whole: Buffer,
    pub(super) head: Vec<u64>,
    /// Where each list begins, and its bytes.
    lists: Vec<(usize, usize)>,
}

impl Parts {
    /// Writes a file.
    pub(super) fn write(path: &Path, magic: Magic, head: &[u64], lists: &[&Buffer]) -> Result<(), ArtifactError> {
        let failed = |error| ArtifactError::io("write", path, error);
        let mut file = BufWriter::new(File::create(path).map_err(failed)?);
        let mut bytes = magic.bytes.to_vec();
        for count in [magic.version as usize, head.len(), lists.len()] {
            bytes.extend(u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes());
        }
        let lengths = lists.iter().map(|list| list.len() as u64);
        head.iter().copied().chain(lengths).for_each(|number| bytes.extend(number.to_le_bytes()));
        let pad = |length: usize| vec![0; length.next_multiple_of(ALIGNED) - length];
        bytes.extend(pad(bytes.len()));
        file.write_all(&bytes).map_err(failed)?;
        for list in lists {
            file.write_all(list).and_then(|()| file.write_all(&pad(list.len()))).map_err(failed)?;
        }
        file.flush().map_err(failed)
    }

    /// Bytes of a file with such a head and lists.
    pub(super) fn bytes(head: usize, lists: &[usize]) -> usize {
        let before = (BEFORE + 8 * (head + lists.len())).next_multiple_of(ALIGNED);
        before + lists.iter().map(|bytes| bytes.next_multiple_of(ALIGNED)).sum::<usize>()
    }

    /// Opens a file: its head and its length are looked at.
    pub(super) fn open(path: &Path, magic: Magic) -> Result<Self, ArtifactError> {
        let whole = mapped(path)?;
        let (head, lists) = parse(&whole, magic).map_err(|reason| ArtifactError::malformed(path, reason))?;
        Ok(Self { path: path.to_path_buf(), whole, head, lists })
    }

    pub(super) fn malformed(&self, reason: impl std::fmt::Display) -> ArtifactError {
        ArtifactError::malformed(&self.path, reason)
    }

    /// A list of so many numbers.
    pub(super) fn list<T: ArrowNativeType>(&self, at: usize, numbers: usize) -> Result<ScalarBuffer<T>, ArtifactError> {
        let wanted = numbers.checked_mul(size_of::<T>());
        match self.lists.get(at) {
            Some(&(begin, bytes)) if wanted == Some(bytes) => {
                Ok(ScalarBuffer::new(self.whole.slice_with_length(begin, bytes), 0, numbers))
            }
            _ => Err(self.malformed(format!("its part {at} has another length than its head says"))),
        }
    }
}

type Head = (Vec<u64>, Vec<(usize, usize)>);

fn parse(bytes: &[u8], magic: Magic) -> Result<Head, String> {
    const SHORT: &str = "it is cut short";
    let rest = bytes.strip_prefix(&magic.bytes).ok_or_else(|| format!("it is not a {}", magic.what))?;
    let (counts, rest) = rest.split_at_checked(BEFORE - 8).ok_or(SHORT)?;
    let count = |at: usize| u32::from_le_bytes([counts[at], counts[at + 1], counts[at + 2], counts[at + 3]]);
    let (version, numbers, lists) = (count(0), count(4) as usize, count(8) as usize);
    if version != magic.version {
        return Err(format!("it has format {version}, this program reads format {}", magic.version));
    }
    if numbers > MOST || lists > MOST {
        return Err("its head is beyond what its format knows".to_owned());
    }
    let (head, _) = rest.split_at_checked(8 * (numbers + lists)).ok_or(SHORT)?;
    let mut head: Vec<u64> = head.as_chunks::<8>().0.iter().map(|bytes| u64::from_le_bytes(*bytes)).collect();
    let lengths = head.split_off(numbers);
    let mut at = (BEFORE + 8 * (numbers + lists)).next_multiple_of(ALIGNED);
    let mut places = Vec::with_capacity(lists);
    for length in lengths {
        let length = usize::try_from(length).map_err(|_| SHORT)?;
        places.push((at, length));
        at = at.checked_add(length).and_then(|end| end.checked_next_multiple_of(ALIGNED)).ok_or(SHORT)?;
    }
    match at == bytes.len() {
        true => Ok((head, places)),
        false if bytes.len() < at => Err(format!("{SHORT}: it has {} bytes, its head says {at}", bytes.len())),
        false => Err(format!("it has {} bytes, its head says {at}", bytes.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAGIC: Magic = Magic { bytes: *b"SIMPTEST", version: 3, what: "test of parts" };

    #[test]
    fn lists_come_back_without_being_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.bin");
        let (one, two) = (ScalarBuffer::from(vec![1.5_f32, -2.0]), ScalarBuffer::from(vec![7_u8; 65]));
        Parts::write(&path, MAGIC, &[9, u64::MAX], &[one.inner(), two.inner()]).unwrap();
        let parts = Parts::open(&path, MAGIC).unwrap();
        assert_eq!((parts.head.as_slice(), parts.lists.len()), (&[9, u64::MAX][..], 2));
        assert_eq!(path.metadata().unwrap().len() as usize, Parts::bytes(2, &[8, 65]));
        let (found, ones): (ScalarBuffer<f32>, ScalarBuffer<u8>) =
            (parts.list(0, 2).unwrap(), parts.list(1, 65).unwrap());
        assert_eq!((found, ones), (one, two));
        assert!(parts.list::<f32>(0, 3).unwrap_err().to_string().contains("part 0 has another length"));
        assert!(parts.list::<u64>(2, 0).is_err() && parts.list::<u64>(0, usize::MAX).is_err());
    }

    #[test]
    fn what_is_cut_or_changed_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.bin");
        let list = ScalarBuffer::from(vec![1_u32; 20]);
        Parts::write(&path, MAGIC, &[9], &[list.inner()]).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        for end in 0..bytes.len() {
            assert!(parse(&bytes[..end], MAGIC).is_err(), "cut short after {end}");
        }
        assert!(parse(&[&bytes[..], &[0; 64]].concat(), MAGIC).unwrap_err().contains("its head says"));
        for at in (0..20).chain(28..36) {
            let mut changed = bytes.clone();
            changed[at] ^= 0x80;
            assert!(parse(&changed, MAGIC).is_err(), "byte {at}");
        }
        std::fs::write(&path, []).unwrap();
        assert!(Parts::open(&path, MAGIC).unwrap_err().to_string().contains("it is not a test of parts"));
    }
}
