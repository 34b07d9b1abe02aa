//! `codes.bin`: the vectors of an index in few bits, and what they are told apart by.
//!
//! A file of [parts](super::parts) with the name `SIMPCODE` and the version 1. Its head: the kind (1 bytes, 2 bits, 3 products),
//! the number of vectors, the numbers in a vector and, of products, the number of lists, of sub-vectors and of words of each.
//! Its lists are those of the kind, in the order of [`Codes`]' fields.

use std::path::Path;

use arrow::buffer::ScalarBuffer;

use super::ArtifactError;
use super::parts::{Magic, Parts};

const MAGIC: Magic = Magic { bytes: *b"SIMPCODE", version: 1, what: "file of the codes of an index" };

/// Vectors in few bits, in memory of their own or in that of a file.
#[derive(Debug, Clone, PartialEq)]
pub enum Codes {
    /// One byte a number.
    Bytes(ByteCodes),
    /// One bit a number.
    Bits(BitCodes),
    /// Lists around centres, and one byte for each part of what is left.
    Products(ProductCodes),
}

/// One byte a number: number `i` of a vector is about its scale times code `i`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ByteCodes {
    /// `[vectors, dim]`.
    pub codes: ScalarBuffer<i8>,
    /// What one step is worth in each vector; twice that where squares are compared.
    pub scales: ScalarBuffer<f32>,
    /// `|k|^2` of what the codes stand for where squares are compared, else 0.
    pub bias: ScalarBuffer<f32>,
}

/// One bit a number: whether it is above the mean of its column.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BitCodes {
    /// `[vectors, words of 64 bits]`.
    pub words: ScalarBuffer<u64>,
    /// `[dim]`.
    pub means: ScalarBuffer<f32>,
}

/// Vectors in lists, one around each centre, as the nearest words of a book for each part of what is left of them there.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ProductCodes {
    /// Lists.
    pub lists: usize,
    /// Parts of a vector.
    pub parts: usize,
    /// Words of each part.
    pub words: usize,
    /// `[lists, dim]`.
    pub centres: ScalarBuffer<f32>,
    /// `[parts, words, dim / parts]`.
    pub books: ScalarBuffer<f32>,
    /// `[lists + 1]`: where each list begins among the vectors, and the end of the last.
    pub begins: ScalarBuffer<u32>,
    /// `[vectors]`: their positions in the index, list after list.
    pub rows: ScalarBuffer<u32>,
    /// `[vectors, parts]`, in the order of `rows`.
    pub codes: ScalarBuffer<u8>,
    /// `[vectors]`: what of the distance hangs on the vector alone where squares are compared, else 0.
    pub bias: ScalarBuffer<f32>,
}

impl Codes {
    /// The file's name.
    pub const FILE: &'static str = "codes.bin";

    /// Writes the file of so many vectors of a length.
    ///
    /// # Errors
    /// If it can't be written.
    pub fn write(&self, path: &Path, count: usize, dim: usize) -> Result<(), ArtifactError> {
        let head = |kind: u64, more: &[usize]| -> Vec<u64> {
            [kind].into_iter().chain([count, dim].iter().chain(more).map(|number| *number as u64)).collect()
        };
        match self {
            Self::Bytes(ByteCodes { codes, scales, bias }) => {
                Parts::write(path, MAGIC, &head(1, &[]), &[codes.inner(), scales.inner(), bias.inner()])
            }
            Self::Bits(BitCodes { words, means }) => {
                Parts::write(path, MAGIC, &head(2, &[]), &[words.inner(), means.inner()])
            }
            Self::Products(made) => {
                let ProductCodes { centres, books, begins, rows, codes, bias, .. } = made;
                let lists = [centres.inner(), books.inner(), begins.inner(), rows.inner(), codes.inner(), bias.inner()];
                Parts::write(path, MAGIC, &head(3, &[made.lists, made.parts, made.words]), &lists)
            }
        }
    }

    /// Opens the file: its head, its lengths and where its lists begin are looked at. Codes are read when they are compared.
    ///
    /// # Errors
    /// If it can't be read or is not of so many vectors of this length.
    pub fn open(path: &Path, count: usize, dim: usize) -> Result<Self, ArtifactError> {
        let parts = Parts::open(path, MAGIC)?;
        let head: Vec<usize> = parts.head.iter().map(|number| usize::try_from(*number).unwrap_or(usize::MAX)).collect();
        let (kind, more) = match head.as_slice() {
            [kind, vectors, numbers, more @ ..] if (*vectors, *numbers) == (count, dim) => (*kind, more.to_vec()),
            [_, vectors, numbers, ..] => {
                let message =
                    format!("it is of {vectors} vectors of {numbers} numbers, the index has {count} of {dim}");
                return Err(parts.malformed(message));
            }
            _ => return Err(parts.malformed("its head is cut short")),
        };
        let times = |factors: &[usize]| {
            let product = factors.iter().try_fold(1_usize, |product, factor| product.checked_mul(*factor));
            product.ok_or_else(|| parts.malformed("its lengths are beyond this machine"))
        };
        match (kind, more.as_slice()) {
            (1, []) => {
                let codes = parts.list(0, times(&[count, dim])?)?;
                Ok(Self::Bytes(ByteCodes { codes, scales: parts.list(1, count)?, bias: parts.list(2, count)? }))
            }
            (2, []) => {
                let words = parts.list(0, times(&[count, dim.div_ceil(64)])?)?;
                Ok(Self::Bits(BitCodes { words, means: parts.list(1, dim)? }))
            }
            (3, &[lists, of, words]) => {
                if of == 0 || !dim.is_multiple_of(of) || words == 0 || words > 256 {
                    return Err(parts.malformed(format!("it splits {dim} numbers into {of} parts of {words} words")));
                }
                let made = ProductCodes {
                    lists,
                    parts: of,
                    words,
                    centres: parts.list(0, times(&[lists, dim])?)?,
                    books: parts.list(1, times(&[words, dim])?)?,
                    begins: parts.list(2, lists.saturating_add(1))?,
                    rows: parts.list(3, count)?,
                    codes: parts.list(4, times(&[count, of])?)?,
                    bias: parts.list(5, count)?,
                };
                let ends = (made.begins.first(), made.begins.last().map(|last| *last as usize));
                if ends != (Some(&0), Some(count)) || !made.begins.is_sorted() {
                    return Err(parts.malformed("its lists do not hold the vectors of the index"));
                }
                Ok(Self::Products(made))
            }
            _ => Err(parts.malformed(format!("it is of a kind {kind} that this program does not know"))),
        }
    }

    /// Reads every code.
    ///
    /// # Errors
    /// If one names a vector or a word that is not there; `path` is for the message.
    pub fn check(&self, path: &Path) -> Result<(), ArtifactError> {
        let Self::Products(made) = self else { return Ok(()) };
        let mut seen = vec![false; made.rows.len()];
        let new = |row: &u32| seen.get_mut(*row as usize).is_some_and(|seen| !std::mem::replace(seen, true));
        if !made.rows.iter().all(new) {
            return Err(ArtifactError::malformed(path, "its lists do not hold each vector once"));
        }
        match made.codes.iter().all(|code| usize::from(*code) < made.words) {
            true => Ok(()),
            false => Err(ArtifactError::malformed(path, "it names words that are not in its books")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn products() -> Codes {
        Codes::Products(ProductCodes {
            lists: 2,
            parts: 2,
            words: 3,
            centres: vec![0.5; 8].into(),
            books: vec![0.25; 12].into(),
            begins: vec![0, 1, 3].into(),
            rows: vec![2, 0, 1].into(),
            codes: vec![0, 1, 2, 0, 1, 2].into(),
            bias: vec![0.0, 1.0, 2.0].into(),
        })
    }

    #[test]
    fn codes_come_back_as_they_were_written_and_nothing_else_does() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(Codes::FILE);
        let bytes = ByteCodes { codes: vec![1; 12].into(), scales: vec![2.0; 3].into(), bias: vec![0.0; 3].into() };
        let bits = BitCodes { words: vec![5; 3].into(), means: vec![0.5; 4].into() };
        for codes in [Codes::Bytes(bytes), Codes::Bits(bits), products()] {
            codes.write(&path, 3, 4).unwrap();
            let found = Codes::open(&path, 3, 4).unwrap();
            found.check(&path).unwrap();
            assert_eq!(found, codes);
            let other = Codes::open(&path, 4, 4).unwrap_err().to_string();
            assert!(other.contains("it is of 3 vectors of 4 numbers, the index has 4 of 4"), "{other}");
            let whole = std::fs::read(&path).unwrap();
            for end in (0..whole.len()).step_by(7) {
                std::fs::write(&path, &whole[..end]).unwrap();
                assert!(Codes::open(&path, 3, 4).is_err(), "cut short after {end}");
            }
            // Whatever is changed is refused, or of the same lengths.
            for at in 0..whole.len() {
                let mut changed = whole.clone();
                changed[at] ^= 0x41;
                std::fs::write(&path, changed).unwrap();
                if let Ok(Codes::Products(found)) = Codes::open(&path, 3, 4) {
                    assert_eq!((found.rows.len(), found.codes.len(), found.begins[2]), (3, 6, 3));
                }
            }
        }
    }

    #[test]
    fn whoever_reads_all_finds_what_is_not_there() {
        let Codes::Products(good) = products() else { unreachable!() };
        let path = Path::new("codes.bin");
        for (bad, says) in [
            (ProductCodes { rows: vec![2, 2, 1].into(), ..good.clone() }, "each vector once"),
            (ProductCodes { rows: vec![2, 0, 3].into(), ..good.clone() }, "each vector once"),
            (ProductCodes { codes: vec![0, 1, 3, 0, 1, 2].into(), ..good }, "words that are not in its books"),
        ] {
            assert!(Codes::Products(bad).check(path).unwrap_err().to_string().contains(says), "{says}");
        }
    }
}
