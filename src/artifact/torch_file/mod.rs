//! Files of tensors that PyTorch wrote with `torch.save` (`.pth`, `.pt`): which tensors there are, and where their numbers lie.
//!
//! Two containers are read: the ZIP of torch 1.6 and later, and the row of pickles before it. Both hold a pickle that
//! describes the tensors, of which nothing is run ([`pickle`]), and the numbers apart from it. A tensor need not lie there
//! row by row: its steps are kept, and whoever reads its numbers gathers them by these.

mod pickle;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io::{BufReader, Read, Seek, SeekFrom};

use zip::{CompressionMethod, ZipArchive};

use self::pickle::{Machine, Object, Storage, Value, View};
use super::tensor_entry::TensorEntry;

/// What a row of pickles begins with: a pickle of the number 0x1950a86a20f9469cfc6c, behind the version of its protocol.
const MAGIC: [u8; 13] = [0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, b'.'];
/// The longest pickle of a ZIP.
const LONGEST_PICKLE: u64 = 100 << 20;
/// Dictionaries inside dictionaries.
const DEEPEST: usize = 16;
/// Bytes of the names of all entries of dictionaries, each as often as it is come upon, and so many more for each.
const MOST_NAMES: usize = 64 << 20;
const ENTRY: usize = 64;

/// How the file begins, if it is one: so many of its first bytes are looked at.
pub(super) const LOOKED_AT: usize = 15;

/// Whether a file that begins so is one of torch's.
pub(super) fn is_one(first: &[u8]) -> bool {
    // A head of safetensors may have a length that begins so, but then its JSON begins here.
    let zip = first.starts_with(b"PK\x03\x04") && first.get(8) != Some(&b'{');
    zip || is_legacy(first)
}

fn is_legacy(first: &[u8]) -> bool {
    first.first() == Some(&0x80) && first.get(2..LOOKED_AT) == Some(&MAGIC[..])
}

/// Where the numbers of a storage lie: their first byte and how many bytes there are.
type Places = BTreeMap<String, (u64, u64)>;

/// The tensors of a file of so many bytes, by their names. Names of dictionaries inside dictionaries are joined by points.
pub(super) fn tensors<R: Read + Seek>(mut file: R, whole: u64) -> Result<Vec<TensorEntry>, String> {
    let mut first = [0; LOOKED_AT];
    file.rewind().and_then(|()| file.read_exact(&mut first)).map_err(|error| error.to_string())?;
    if is_legacy(&first) { legacy(file, whole) } else { zipped(file, whole) }
}

/// A ZIP: `NAME/data.pkl`, and each storage under `NAME/data/`, not compressed.
fn zipped<R: Read + Seek>(file: R, whole: u64) -> Result<Vec<TensorEntry>, String> {
    let broken = |error: zip::result::ZipError| format!("its archive can't be read: {error}");
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(broken)?;
    let mut pickle = None;
    let mut places = Places::new();
    for at in 0..archive.len() {
        let entry = archive.by_index_raw(at).map_err(broken)?;
        let name = String::from_utf8_lossy(entry.name_raw()).into_owned();
        let place = (entry.data_start().unwrap_or(whole), entry.size());
        let stored = entry.compression() == CompressionMethod::Stored;
        drop(entry);
        let inner = name.split_once('/').map_or(name.as_str(), |(_, inner)| inner);
        match (inner, inner.strip_prefix("data/")) {
            ("data.pkl", _) if stored => pickle = Some((at, place.1)),
            // It would be a thousand times as large in memory.
            ("data.pkl", _) => return Err("its pickle is compressed, as torch never writes it".to_owned()),
            ("byteorder", _) => {
                let mut order = String::new();
                let entry = archive.by_index(at).map_err(broken)?;
                entry.take(16).read_to_string(&mut order).map_err(|error| error.to_string())?;
                if order != "little" {
                    return Err(format!("its numbers are `{order}` endian, only `little` is read"));
                }
            }
            (_, Some(key)) if stored => {
                places.insert(key.to_owned(), place);
            }
            (_, Some(key)) => return Err(format!("the storage `{key}` is compressed, as torch never writes it")),
            _ => {}
        }
    }
    let Some((at, size)) = pickle else {
        return Err("it is a ZIP archive without `data.pkl`, so none that torch wrote".to_owned());
    };
    if size > LONGEST_PICKLE {
        return Err(format!("its pickle has {size} bytes, more than any file of weights needs"));
    }
    let entry = archive.by_index(at).map_err(broken)?;
    let mut machine = Machine::new(BufReader::new(entry.take(LONGEST_PICKLE)));
    let root = machine.load()?;
    collect(&machine, root, &places, whole)
}

/// Pickles one behind the other: the magic number, the version, the machine, the tensors, the keys of the storages; then each
/// storage, how many numbers it has and these.
fn legacy<R: Read + Seek>(mut file: R, whole: u64) -> Result<Vec<TensorEntry>, String> {
    file.seek(SeekFrom::Start(LOOKED_AT as u64)).map_err(|error| error.to_string())?;
    let mut machine = Machine::new(BufReader::new(file));
    machine.load()?;
    let system = machine.load()?;
    if !little_endian(&machine, system) {
        return Err("its numbers are big endian, only little endian ones are read".to_owned());
    }
    let root = machine.load()?;
    let keys = machine.load()?;
    let keys: Vec<String> = machine
        .list(keys)
        .unwrap_or_default()
        .iter()
        .map(|key| machine.text(*key).map(str::to_owned).ok_or_else(|| "the key of a storage is not a text".to_owned()))
        .collect::<Result<_, _>>()?;
    let sizes: BTreeMap<String, usize> = machine.storages.iter().map(|one| (one.key.clone(), one.size)).collect();
    let mut places = Places::new();
    for key in keys {
        let size = *sizes.get(&key).ok_or_else(|| format!("no tensor has the storage `{key}`"))?;
        let input = machine.input();
        let mut count = [0; 8];
        input.read_exact(&mut count).map_err(|_| "it is cut short".to_owned())?;
        let bytes = u64::from_le_bytes(count).checked_mul(size as u64).and_then(|bytes| i64::try_from(bytes).ok());
        let begin = input.stream_position().map_err(|error| error.to_string())?;
        let bytes = bytes.filter(|bytes| begin.saturating_add(bytes.unsigned_abs()) <= whole);
        let bytes = bytes.ok_or_else(|| format!("the storage `{key}` is cut short"))?;
        input.seek_relative(bytes).map_err(|error| error.to_string())?;
        places.insert(key, (begin, bytes.unsigned_abs()));
    }
    collect(&machine, root, &places, whole)
}

fn little_endian<R: Read>(machine: &Machine<R>, system: Value) -> bool {
    let Some(Object::Dict(items)) = machine.object(system) else { return true };
    !items.iter().any(|(key, value)| machine.text(*key) == Some("little_endian") && *value == Value::Bool(false))
}

/// The tensors of a value, with the places of their numbers.
fn collect<R: Read>(
    machine: &Machine<R>,
    root: Value,
    places: &Places,
    whole: u64,
) -> Result<Vec<TensorEntry>, String> {
    let mut named = Vec::new();
    if matches!(machine.object(root), Some(Object::Dict(_))) {
        let mut left = MOST_NAMES;
        gather(machine, root, "", DEEPEST, &mut left, &mut named)?;
    }
    if named.is_empty() {
        return Err("it holds no tensors by name: write them with torch.save(model.state_dict(), ..)".to_owned());
    }
    named.into_iter().map(|(name, view)| entry(name, view, &machine.storages[view.storage], places, whole)).collect()
}

/// The tensors of a dictionary and of those inside it; `left` is what more entries may take.
fn gather<'a, R>(
    machine: &'a Machine<R>,
    value: Value,
    prefix: &str,
    deeper: usize,
    left: &mut usize,
    named: &mut Vec<(String, &'a View)>,
) -> Result<(), String>
where
    R: Read,
{
    let Some(Object::Dict(items)) = machine.object(value) else { return Ok(()) };
    for (key, value) in items {
        let text = machine.text(*key);
        // A long name may be that of any number of entries.
        let needed = ENTRY + prefix.len() + text.map_or(0, str::len);
        *left = left.checked_sub(needed).ok_or_else(|| "it has more entries than any file of weights".to_owned())?;
        let key = match (text, key) {
            (Some(text), _) => text.to_owned(),
            (None, Value::Int(number)) => number.to_string(),
            _ => continue,
        };
        let name = if prefix.is_empty() { key } else { format!("{prefix}.{key}") };
        match machine.object(*value) {
            Some(Object::Tensor(view)) => named.push((name, view)),
            Some(Object::Dict(_)) if deeper > 0 => gather(machine, *value, &name, deeper - 1, left, named)?,
            _ => {}
        }
    }
    Ok(())
}

fn entry(name: String, view: &View, storage: &Storage, places: &Places, whole: u64) -> Result<TensorEntry, String> {
    let place = places.get(&storage.key).copied();
    let (begin, bytes) = place.ok_or_else(|| format!("the numbers of `{name}` are not there"))?;
    // What the pickle says of the storage was checked against the view, what the container has is checked here.
    let size = storage.size as u64;
    let fits = (storage.count as u64).checked_mul(size).is_some_and(|needed| needed <= bytes)
        && begin.checked_add(bytes).is_some_and(|end| end <= whole);
    if !fits {
        return Err(format!("the numbers of `{name}` are cut short"));
    }
    let first = begin + view.offset as u64 * size;
    let range = [first, first + view.extent as u64 * size].map(usize::try_from);
    let [Ok(begin), Ok(end)] = range else { return Err(format!("`{name}` lies too far back in the file")) };
    Ok(TensorEntry {
        name,
        dtype: storage.dtype.to_owned(),
        shape: view.shape.clone(),
        range: (begin, end),
        strides: if is_row_by_row(view) { Vec::new() } else { view.strides.clone() },
    })
}

/// Whether the numbers lie as the shape counts them; the step of a side of one is of no account.
fn is_row_by_row(view: &View) -> bool {
    let mut expected = 1_usize;
    view.shape.iter().zip(&view.strides).rev().all(|(side, stride)| {
        let fits = *side == 1 || *stride == expected;
        // Sides beside one of 0 may be any.
        expected = expected.saturating_mul(*side);
        fits
    })
}
