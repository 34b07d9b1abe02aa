//! Matlab's files of version 5, as far as published datasets use them: arrays of numbers, texts, cells and structures, packed
//! or not. Files of version 7.3 are HDF5, and not read.
//!
//! Written here because no library is as small: a file is a head of 128 bytes and elements of a type, a length and content
//! that is padded to eight bytes (The MathWorks, "MAT-File Format", 2023).

#[cfg(test)]
pub(super) mod write;

use std::io::{Error, ErrorKind, Read, Result};

use flate2::read::ZlibDecoder;

const BYTES: u32 = 2;
const MATRIX: u32 = 14;
const PACKED: u32 = 15;
/// Cells in cells: no dataset nests deeper.
const DEEPEST: usize = 8;
/// The most values of an array that is held, but for bytes that are streamed.
const MOST: u64 = 1 << 28;

/// A variable's value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    /// Numbers, the first dimension innermost.
    Numbers(Vec<f64>),
    /// Letters.
    Text(String),
    /// An array of anything.
    Cells(Vec<Value>),
    /// Rows of named fields.
    Rows { names: Vec<String>, rows: Vec<Vec<Value>> },
}

/// A variable's name and shape, before its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) name: String,
    pub(super) sides: Vec<usize>,
    class: u8,
}

/// What to do with a variable's content: it need not be read to its end.
pub(super) type Look<'a> = dyn FnMut(&Head, &mut dyn Read) -> Result<()> + 'a;

fn wrong(what: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidData, what.into())
}

/// Shows every variable of a file.
///
/// # Errors
/// If it is no such file, and whatever `look` gives.
pub(super) fn variables(mut file: impl Read, look: &mut Look<'_>) -> Result<()> {
    let mut head = [0; 128];
    file.read_exact(&mut head).map_err(|_| wrong("it is not a Matlab file"))?;
    if head.starts_with(b"MATLAB 7.3") || head.starts_with(b"\x89HDF") {
        return Err(wrong("it is of version 7.3 (HDF5): save it with `-v7`"));
    }
    if &head[126..] != b"IM" {
        return Err(wrong("it is not a little-endian Matlab file of version 5"));
    }
    while let Some(tag) = Tag::read(&mut file)? {
        let mut content = (&mut file).take(tag.length);
        if tag.kind == PACKED {
            let mut unpacked = ZlibDecoder::new(&mut content);
            let inner = Tag::expect(&mut unpacked)?;
            show(inner.kind, &mut unpacked, look)?;
        } else {
            show(tag.kind, &mut content, look)?;
        }
        std::io::copy(&mut content, &mut std::io::sink())?;
    }
    Ok(())
}

fn show(kind: u32, content: &mut dyn Read, look: &mut Look<'_>) -> Result<()> {
    if kind != MATRIX {
        return Ok(());
    }
    let head = Head::read(content)?;
    look(&head, content)
}

/// The beginning of an element.
struct Tag {
    kind: u32,
    length: u64,
    /// Content of up to four bytes stands in the tag itself.
    small: Option<[u8; 4]>,
}

impl Tag {
    /// Nothing at the end of the file.
    fn read(from: &mut dyn Read) -> Result<Option<Self>> {
        let mut tag = [0; 8];
        let mut filled = 0;
        while filled < tag.len() {
            match from.read(&mut tag[filled..])? {
                0 if filled == 0 => return Ok(None),
                0 => return Err(wrong("it is cut short")),
                read => filled += read,
            }
        }
        let [first, second] = [0, 4].map(|at| u32::from_le_bytes([tag[at], tag[at + 1], tag[at + 2], tag[at + 3]]));
        Ok(Some(match first >> 16 {
            0 => Self { kind: first, length: second.into(), small: None },
            length @ 1..=4 => Self { kind: first & 0xffff, length: length.into(), small: Some(second.to_le_bytes()) },
            _ => return Err(wrong("an element in it has no type")),
        }))
    }

    fn expect(from: &mut dyn Read) -> Result<Self> {
        Self::read(from)?.ok_or_else(|| wrong("it is cut short"))
    }

    /// The content, at most so many bytes of it, and what pads it.
    fn content(&self, from: &mut dyn Read, most: u64) -> Result<Vec<u8>> {
        if let Some(small) = self.small {
            return Ok(small.iter().copied().take(usize::try_from(self.length).unwrap_or(4)).collect());
        }
        if self.length > most {
            return Err(wrong(format!("an element in it has {} bytes", self.length)));
        }
        let mut bytes = Vec::new();
        let read = Read::take(&mut *from, self.length).read_to_end(&mut bytes)? as u64;
        if read < self.length {
            return Err(wrong("it is cut short"));
        }
        std::io::copy(&mut Read::take(from, (8 - self.length % 8) % 8), &mut std::io::sink())?;
        Ok(bytes)
    }
}

/// The content of the next element, which is small, and its type.
fn element(from: &mut dyn Read, most: u64) -> Result<(u32, Vec<u8>)> {
    let tag = Tag::expect(from)?;
    Ok((tag.kind, tag.content(from, most)?))
}

impl Head {
    fn read(from: &mut dyn Read) -> Result<Self> {
        let (_, flags) = element(from, 16)?;
        let class = *flags.first().ok_or_else(|| wrong("an array in it has no type"))?;
        let (_, sides) = element(from, 256)?;
        let side = |side: &[u8]| i32::from_le_bytes([side[0], side[1], side[2], side[3]]);
        let sides = sides.chunks_exact(4).map(|bytes| usize::try_from(side(bytes)));
        let sides = sides.collect::<std::result::Result<_, _>>().map_err(|_| wrong("an array in it has no size"))?;
        let (_, name) = element(from, 4096)?;
        Ok(Self { name: String::from_utf8_lossy(&name).into_owned(), sides, class })
    }

    /// Number of values.
    fn count(&self) -> Result<usize> {
        let count = self.sides.iter().try_fold(1_usize, |product, side| product.checked_mul(*side));
        count.filter(|count| *count as u64 <= MOST).ok_or_else(|| wrong(format!("`{}` is too large", self.name)))
    }

    /// The whole content.
    ///
    /// # Errors
    /// If it is of a type that datasets don't use.
    pub(super) fn value(&self, from: &mut dyn Read) -> Result<Value> {
        self.value_inside(from, 0)
    }

    fn value_inside(&self, from: &mut dyn Read, depth: usize) -> Result<Value> {
        let deeper = || if depth < DEEPEST { Ok(depth + 1) } else { Err(wrong("it is nested too deep")) };
        match self.class {
            1 => {
                let cell = |_| matrix(from, deeper()?);
                Ok(Value::Cells((0..self.count()?).map(cell).collect::<Result<_>>()?))
            }
            2 => {
                let (_, width) = element(from, 16)?;
                let width = width.first().map_or(0, |width| usize::from(*width)).max(1);
                let (_, names) = element(from, 1 << 16)?;
                let name = |name: &[u8]| String::from_utf8_lossy(name).trim_end_matches('\0').to_owned();
                let names: Vec<String> = names.chunks(width).map(name).collect();
                let row = |_| names.iter().map(|_| matrix(from, deeper()?)).collect::<Result<Vec<_>>>();
                let rows = (0..self.count()?).map(row).collect::<Result<_>>()?;
                Ok(Value::Rows { names, rows })
            }
            4 => {
                let (kind, bytes) = element(from, MOST)?;
                Ok(Value::Text(match kind {
                    4 | 17 => {
                        let units: Vec<u16> =
                            bytes.chunks_exact(2).map(|unit| u16::from_le_bytes([unit[0], unit[1]])).collect();
                        String::from_utf16_lossy(&units)
                    }
                    _ => String::from_utf8_lossy(&bytes).into_owned(),
                }))
            }
            6..=15 => {
                let (kind, bytes) = element(from, 8 * MOST)?;
                Ok(Value::Numbers(numbers(kind, &bytes)?))
            }
            class => Err(wrong(format!("`{}` is of type {class}, which is not read", self.name))),
        }
    }

    /// How many bytes follow, where the values are bytes: they are then read one after the other, first dimension innermost.
    ///
    /// # Errors
    /// If they are no bytes.
    pub(super) fn bytes_follow(&self, from: &mut dyn Read) -> Result<u64> {
        let tag = Tag::expect(from)?;
        let count = self.sides.iter().try_fold(1_u64, |product, side| product.checked_mul(*side as u64));
        if tag.kind == BYTES && tag.small.is_none() && Some(tag.length) == count {
            Ok(tag.length)
        } else {
            Err(wrong(format!("`{}` does not hold the bytes of its shape {:?}", self.name, self.sides)))
        }
    }
}

fn matrix(from: &mut dyn Read, depth: usize) -> Result<Value> {
    let tag = Tag::expect(from)?;
    if tag.kind != MATRIX {
        return Err(wrong("there is no array where one should be"));
    }
    if tag.length == 0 {
        return Ok(Value::Numbers(Vec::new()));
    }
    let mut content = Read::take(from, tag.length);
    let value = Head::read(&mut content)?.value_inside(&mut content, depth)?;
    std::io::copy(&mut content, &mut std::io::sink())?;
    Ok(value)
}

/// Numbers of any type; whole ones are exact up to 2^53.
#[expect(clippy::cast_precision_loss, reason = "labels and pixels are small")]
fn numbers(kind: u32, bytes: &[u8]) -> Result<Vec<f64>> {
    fn each<const N: usize>(bytes: &[u8], number: impl Fn([u8; N]) -> f64) -> Vec<f64> {
        bytes.as_chunks::<N>().0.iter().map(|bytes| number(*bytes)).collect()
    }
    Ok(match kind {
        1 => each(bytes, |byte: [u8; 1]| i8::from_le_bytes(byte).into()),
        BYTES => each(bytes, |byte: [u8; 1]| byte[0].into()),
        3 => each(bytes, |bytes| i16::from_le_bytes(bytes).into()),
        4 => each(bytes, |bytes| u16::from_le_bytes(bytes).into()),
        5 => each(bytes, |bytes| i32::from_le_bytes(bytes).into()),
        6 => each(bytes, |bytes| u32::from_le_bytes(bytes).into()),
        7 => each(bytes, |bytes| f32::from_le_bytes(bytes).into()),
        9 => each(bytes, f64::from_le_bytes),
        12 => each(bytes, |bytes| i64::from_le_bytes(bytes) as f64),
        13 => each(bytes, |bytes| u64::from_le_bytes(bytes) as f64),
        kind => return Err(wrong(format!("numbers of type {kind} are not read"))),
    })
}

impl Value {
    /// The field of a row of a structure.
    pub(super) fn field(&self, row: usize, name: &str) -> Option<&Self> {
        let Self::Rows { names, rows } = self else { return None };
        rows.get(row)?.get(names.iter().position(|known| known == name)?)
    }

    /// How many rows a structure has.
    pub(super) fn rows(&self) -> usize {
        if let Self::Rows { rows, .. } = self { rows.len() } else { 0 }
    }

    /// The letters.
    pub(super) fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// The one whole number that it is.
    pub(super) fn whole(&self) -> Option<u32> {
        let Self::Numbers(numbers) = self else { return None };
        let [number] = numbers.as_slice() else { return None };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is whole and in between")]
        let whole = *number as u32;
        (f64::from(whole).total_cmp(number).is_eq()).then_some(whole)
    }

    /// The texts of an array of them.
    pub(super) fn texts(&self) -> Option<Vec<String>> {
        let Self::Cells(cells) = self else { return None };
        cells.iter().map(|cell| cell.text().map(str::to_owned)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(file: &[u8]) -> Result<Vec<(String, Value)>> {
        let mut found = Vec::new();
        variables(file, &mut |head, from| {
            found.push((head.name.clone(), head.value(from)?));
            Ok(())
        })?;
        Ok(found)
    }

    #[test]
    fn structures_cells_texts_and_numbers_are_read() {
        let row = |name: &str, label| vec![write::text(name), write::number(label)];
        let file = write::file(&[
            write::rows("annotations", &["fname", "class"], &[row("a.jpg", 7), row("bc.jpg", 300)]),
            write::cells("class_names", &[write::text("Audi TT"), write::text("BMW")]),
            write::bytes("y", &[3, 1], &[1, 2, 10]),
        ]);
        let found = read(&file).unwrap();
        assert_eq!(
            found.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
            ["annotations", "class_names", "y"]
        );
        let annotations = &found[0].1;
        assert_eq!((annotations.rows(), annotations.field(1, "fname").unwrap().text()), (2, Some("bc.jpg")));
        assert_eq!(annotations.field(1, "class").unwrap().whole(), Some(300));
        assert_eq!(found[1].1.texts().unwrap(), ["Audi TT", "BMW"]);
        assert_eq!(found[2].1, Value::Numbers(vec![1.0, 2.0, 10.0]));
    }

    #[test]
    fn what_is_no_such_file_is_refused_and_nothing_panics() {
        let file =
            write::file(&[write::cells("c", &[write::text("x")]), write::rows("r", &["f"], &[vec![write::number(1)]])]);
        for length in 0..file.len() {
            drop(read(&file[..length]));
        }
        for at in 128..file.len() {
            let mut damaged = file.clone();
            damaged[at] ^= 0xff;
            drop(read(&damaged));
        }
        let said = |bytes: &[u8]| read(bytes).unwrap_err().to_string();
        assert_eq!(said(b"MATLAB"), "it is not a Matlab file");
        let mut newer = file.clone();
        newer[..10].copy_from_slice(b"MATLAB 7.3");
        assert!(said(&newer).contains("7.3 (HDF5)"));
    }
}
