//! Files of named tensors that others made or read: what the head of one says, before any number is read, and new ones with
//! what they are about written beside the tensors. Those are safetensors; read is also what PyTorch writes
//! ([`torch_file`](super::torch_file)), whatever the file's name is.
//!
//! A file of safetensors is eight bytes with the length of its head, the head in JSON, and the numbers. Nothing that a head says is
//! believed: offsets, sizes and names are checked, and a name that comes twice is kept twice, for whoever asks to refuse it.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{Cursor, Read, Seek};
use std::path::Path;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value as Json, json};

use super::tensor_entry::TensorEntry;
use super::{ArtifactError, torch_file};
use simpipe_base::fs::open_regular;

/// The longest head that is read: the limit of the format's own library.
const LONGEST_HEAD: u64 = 100_000_000;

/// Under this name a head says what the file is about.
const METADATA: &str = "__metadata__";

/// What the head of a file says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TensorFile {
    /// In the order of the head.
    pub tensors: Vec<TensorEntry>,
    /// What the file says that it is about.
    pub metadata: BTreeMap<String, String>,
    /// Where the numbers begin.
    begin: usize,
}

/// A tensor of a head.
#[derive(Deserialize)]
struct Entry {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: (usize, usize),
}

impl TensorFile {
    /// Reads the head of a file, and nothing else of it.
    ///
    /// # Errors
    /// If the file can't be read, or is none of this format.
    pub fn read_head(path: &Path) -> Result<Self, ArtifactError> {
        let failed = |error| ArtifactError::io("read", path, error);
        let mut file = open_regular(path).map_err(failed)?;
        let whole = file.metadata().map_err(failed)?.len();
        let mut first = Vec::new();
        (&mut file).take(torch_file::LOOKED_AT as u64).read_to_end(&mut first).map_err(failed)?;
        if torch_file::is_one(&first) {
            return Self::of_torch(file, whole).map_err(|reason| ArtifactError::malformed(path, reason));
        }
        file.rewind().map_err(failed)?;
        let mut length = [0; 8];
        file.read_exact(&mut length).map_err(|_| ArtifactError::malformed(path, NO_HEAD))?;
        let length = u64::from_le_bytes(length);
        if length > LONGEST_HEAD || length.saturating_add(8) > whole {
            return Err(ArtifactError::malformed(path, NO_HEAD));
        }
        let mut head = Vec::new();
        file.take(length).read_to_end(&mut head).map_err(failed)?;
        Self::parse(&head, whole - 8 - length).map_err(|reason| ArtifactError::malformed(path, reason))
    }

    /// Reads the head of a file's bytes.
    ///
    /// # Errors
    /// If they are no such file; `path` is for the message.
    pub fn of_bytes(path: &Path, bytes: &[u8]) -> Result<Self, ArtifactError> {
        if torch_file::is_one(bytes) {
            let file = Self::of_torch(Cursor::new(bytes), bytes.len() as u64);
            return file.map_err(|reason| ArtifactError::malformed(path, reason));
        }
        let head = || {
            let length = u64::from_le_bytes(bytes.get(..8)?.try_into().ok()?);
            let end = usize::try_from(length).ok().filter(|_| length <= LONGEST_HEAD)?.checked_add(8)?;
            bytes.get(8..end)
        };
        let head = head().ok_or_else(|| ArtifactError::malformed(path, NO_HEAD))?;
        let numbers = (bytes.len() - 8 - head.len()) as u64;
        Self::parse(head, numbers).map_err(|reason| ArtifactError::malformed(path, reason))
    }

    fn of_torch<R: Read + Seek>(file: R, whole: u64) -> Result<Self, String> {
        Ok(Self { tensors: torch_file::tensors(file, whole)?, ..Self::default() })
    }

    /// A head, in front of so many bytes of numbers.
    fn parse(head: &[u8], numbers: u64) -> Result<Self, String> {
        let Pairs(pairs) = serde_json::from_slice(head).map_err(|error| format!("its header is not JSON: {error}"))?;
        let mut file = Self { begin: 8 + head.len(), ..Self::default() };
        for (name, value) in pairs {
            if name == METADATA {
                let read = serde_json::from_value(value);
                file.metadata = read.map_err(|error| format!("its metadata can't be read: {error}"))?;
                continue;
            }
            let entry: Entry =
                serde_json::from_value(value).map_err(|error| format!("the tensor `{name}` can't be read: {error}"))?;
            let range @ (begin, end) = entry.data_offsets;
            if begin > end || end as u64 > numbers {
                return Err(format!("the tensor `{name}` lies outside of the file"));
            }
            let (dtype, shape, strides) = (entry.dtype, entry.shape, Vec::new());
            file.tensors.push(TensorEntry { name, dtype, shape, range, strides });
        }
        Ok(file)
    }

    /// The numbers of a tensor of a type with a point, as `F32`, row by row; `None` if it is of another type or its bytes are
    /// not as many as its shape says.
    #[must_use]
    pub fn values(&self, entry: &TensorEntry, bytes: &[u8]) -> Option<Vec<f32>> {
        let (begin, end) = entry.range;
        let raw = bytes.get(self.begin.checked_add(begin)?..self.begin.checked_add(end)?)?;
        let values = numbers(&entry.dtype, raw)?;
        let count = entry.shape.iter().try_fold(1_usize, |count, side| count.checked_mul(*side))?;
        if !entry.strides.is_empty() {
            return gathered(&values, &entry.shape, &entry.strides, count);
        }
        (count == values.len()).then_some(values)
    }
}

/// Numbers of a type with a point as `F32`; `None` of another type, or if the last is cut short.
#[expect(clippy::cast_possible_truncation, reason = "weights are f32")]
fn numbers(dtype: &str, raw: &[u8]) -> Option<Vec<f32>> {
    fn each<const N: usize>(raw: &[u8], number: impl Fn([u8; N]) -> f32) -> Option<Vec<f32>> {
        let (whole, rest) = raw.as_chunks::<N>();
        rest.is_empty().then(|| whole.iter().map(|bytes| number(*bytes)).collect())
    }
    match dtype {
        "F32" => each(raw, f32::from_le_bytes),
        "F64" => each(raw, |bytes| f64::from_le_bytes(bytes) as f32),
        "F16" => each(raw, |bytes| half(u16::from_le_bytes(bytes))),
        "BF16" => each(raw, |bytes| f32::from_bits(u32::from(u16::from_le_bytes(bytes)) << 16)),
        _ => None,
    }
}

/// A number of 16 bits (IEEE 754-2008, binary16): one bit of sign, five of exponent, ten of fraction.
fn half(bits: u16) -> f32 {
    let (sign, exponent, fraction) = (u32::from(bits >> 15) << 31, u32::from(bits >> 10) & 31, u32::from(bits) & 1023);
    match exponent {
        0 => {
            // Below the smallest exponent: so many times 2^-24, which f32 holds exactly.
            let size = f32::from(bits & 1023) * 2.0_f32.powi(-24);
            f32::from_bits(sign | size.to_bits())
        }
        31 => f32::from_bits(sign | 0x7f80_0000 | (fraction << 13)),
        _ => f32::from_bits(sign | ((exponent + 112) << 23) | (fraction << 13)),
    }
}

/// The numbers of a tensor that lie in steps, row by row; `None` if one lies outside.
fn gathered(values: &[f32], shape: &[usize], strides: &[usize], count: usize) -> Option<Vec<f32>> {
    let mut place = vec![0; shape.len()];
    let mut gathered = Vec::with_capacity(count.min(values.len()));
    for _ in 0..count {
        let at: usize = place.iter().zip(strides).map(|(at, stride)| at * stride).sum();
        gathered.push(*values.get(at)?);
        for (at, side) in place.iter_mut().zip(shape).rev() {
            *at += 1;
            if *at < *side {
                break;
            }
            *at = 0;
        }
    }
    Some(gathered)
}

const NO_HEAD: &str =
    "it is neither a safetensors file nor one written by torch: its header is cut short, or longer than the file";

/// The members of a JSON object, those of one name too.
struct Pairs(Vec<(String, Json)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Pairs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("tensors by name")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

/// A tensor to be written.
#[derive(Debug, Clone, PartialEq)]
pub struct NewTensor {
    /// Its name.
    pub name: String,
    /// Its sides.
    pub shape: Vec<usize>,
    /// Its numbers.
    pub numbers: Numbers,
}

/// Numbers of a tensor to be written.
#[derive(Debug, Clone, PartialEq)]
pub enum Numbers {
    /// Type `F32`.
    Single(Vec<f32>),
    /// Type `I64`.
    Whole(Vec<i64>),
}

impl NewTensor {
    /// The type's name and its bytes.
    fn bytes(&self) -> (&'static str, Vec<u8>) {
        match &self.numbers {
            Numbers::Single(values) => ("F32", values.iter().flat_map(|value| value.to_le_bytes()).collect()),
            Numbers::Whole(values) => ("I64", values.iter().flat_map(|value| value.to_le_bytes()).collect()),
        }
    }
}

/// A file of these tensors; the same bytes for the same tensors in any order.
///
/// # Panics
/// Never: names and numbers are JSON.
#[must_use]
pub fn tensor_file(mut tensors: Vec<NewTensor>, metadata: &BTreeMap<String, String>) -> Vec<u8> {
    // The widest numbers first, so that all lie at multiples of their size.
    let narrow = |tensor: &NewTensor| matches!(tensor.numbers, Numbers::Single(_));
    tensors.sort_by(|a, b| (narrow(a), &a.name).cmp(&(narrow(b), &b.name)));
    let (mut entries, mut numbers) = (BTreeMap::new(), Vec::new());
    for tensor in &tensors {
        let (dtype, bytes) = tensor.bytes();
        let begin = numbers.len();
        numbers.extend(bytes);
        let entry = json!({ "dtype": dtype, "shape": tensor.shape, "data_offsets": [begin, numbers.len()] });
        entries.insert(tensor.name.clone(), entry);
    }
    let mut head = Map::new();
    head.insert(METADATA.to_owned(), json!(metadata));
    head.extend(entries);
    let mut head = serde_json::to_vec(&head).expect("a head serializes to JSON");
    head.resize(head.len().next_multiple_of(8), b' ');
    let length = (head.len() as u64).to_le_bytes();
    [&length[..], &head, &numbers].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Weights;

    fn tensors() -> Vec<NewTensor> {
        vec![
            NewTensor { name: "b".into(), shape: vec![1, 2], numbers: Numbers::Single(vec![0.5, -2.0]) },
            NewTensor { name: "a".into(), shape: vec![3], numbers: Numbers::Single(vec![1.0, 2.0, 3.0]) },
            NewTensor { name: "n".into(), shape: vec![], numbers: Numbers::Whole(vec![7]) },
        ]
    }

    fn file() -> Vec<u8> {
        let metadata = [("format", "pt"), ("about", "x")].map(|(key, value)| (key.to_owned(), value.to_owned()));
        tensor_file(tensors(), &metadata.into())
    }

    #[test]
    fn a_file_is_read_back_by_this_and_by_the_formats_own_library() {
        let path = Path::new("x.safetensors");
        let bytes = file();
        let mut shuffled = tensors();
        shuffled.reverse();
        assert_eq!(tensor_file(shuffled, &TensorFile::of_bytes(path, &bytes).unwrap().metadata), bytes);
        let head = TensorFile::of_bytes(path, &bytes).unwrap();
        assert_eq!(head.metadata["about"], "x");
        let names: Vec<(&str, &str, &[usize])> =
            head.tensors.iter().map(|one| (one.name.as_str(), one.dtype.as_str(), &one.shape[..])).collect();
        assert_eq!(names, [("a", "F32", &[3][..]), ("b", "F32", &[1, 2]), ("n", "I64", &[])]);
        assert_eq!(head.values(&head.tensors[1], &bytes).unwrap(), [0.5, -2.0]);
        assert_eq!(head.values(&head.tensors[2], &bytes), None, "of another type");
        let theirs = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        assert_eq!(theirs.tensor("n").unwrap().data(), 7_i64.to_le_bytes());
        assert_eq!(theirs.tensor("a").unwrap().data().as_ptr().align_offset(4), 0);
        // And the other way round.
        let mut weights = Weights::default();
        weights.0.insert("x.y".into(), (vec![2], vec![4.0, 5.0]));
        let bytes = weights.to_bytes();
        let head = TensorFile::of_bytes(path, &bytes).unwrap();
        assert_eq!(head.values(&head.tensors[0], &bytes).unwrap(), [4.0, 5.0]);
    }

    #[test]
    fn a_head_is_read_from_a_file_alone_and_nothing_it_says_is_believed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.safetensors");
        let read = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            let (one, other) = (TensorFile::read_head(&path), TensorFile::of_bytes(&path, bytes));
            match (one, other) {
                (Ok(one), Ok(other)) => {
                    assert_eq!(one, other);
                    Ok(one)
                }
                (Err(one), Err(other)) => {
                    assert_eq!(one.to_string(), other.to_string());
                    Err(one.to_string())
                }
                (one, other) => panic!("{one:?} {other:?}"),
            }
        };
        assert_eq!(read(&file()).unwrap().tensors.len(), 3);
        let with = |head: &str, numbers: usize| {
            let mut bytes = (head.len() as u64).to_le_bytes().to_vec();
            bytes.extend(head.bytes());
            bytes.resize(bytes.len() + numbers, 0);
            bytes
        };
        let one = r#"{"dtype":"F32","shape":[1],"data_offsets":[0,4]}"#;
        assert_eq!(read(&with(&format!("{{\"a\":{one},\"a\":{one}}}"), 4)).unwrap().tensors.len(), 2, "twice");
        for (bytes, says) in [
            (Vec::new(), "cut short"),
            (vec![255; 20], "cut short"),
            (file()[..30].to_vec(), "cut short"),
            (with("[]", 0), "not JSON"),
            (with("{\"a\":{\"dtype\":\"F32\"}}", 0), "the tensor `a` can't be read"),
            (with(&format!("{{\"a\":{one}}}"), 3), "lies outside of the file"),
            (with(&format!("{{\"a\":{}}}", one.replace("[0,4]", "[4,0]")), 4), "lies outside"),
            (with("{\"__metadata__\":{\"a\":1}}", 4), "metadata"),
        ] {
            let error = read(&bytes).unwrap_err();
            assert!(error.contains(says), "{error}");
        }
        // More numbers than the shape says, or a shape beyond all numbers.
        for shape in ["[2]", "[4294967296,4294967296,4294967296]"] {
            let bytes = with(&format!("{{\"a\":{}}}", one.replace("[1]", shape)), 4);
            let head = read(&bytes).unwrap();
            assert_eq!(head.values(&head.tensors[0], &bytes), None);
        }
    }
}
