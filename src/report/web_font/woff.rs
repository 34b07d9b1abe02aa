//! A font as browsers load it: its tables, each packed (WOFF 1.0, W3C Recommendation of 2012, 3 to 5).

use std::collections::BTreeMap;
use std::io::Write;

use flate2::Compression;
use flate2::write::ZlibEncoder;

/// The tables of a font by their tags.
pub(super) type Tables = BTreeMap<[u8; 4], Vec<u8>>;

const HEADER: usize = 44;
const ENTRY: usize = 20;

/// The file.
pub(super) fn woff(tables: &Tables) -> Vec<u8> {
    let packed: Vec<([u8; 4], &Vec<u8>, Vec<u8>)> =
        tables.iter().map(|(tag, table)| (*tag, table, packed(table))).collect();
    let start = HEADER + ENTRY * packed.len();
    let length = start + packed.iter().map(|(.., bytes)| padded(bytes.len())).sum::<usize>();
    let unpacked = 12 + 16 * packed.len() + tables.values().map(|table| padded(table.len())).sum::<usize>();
    let flavour: &[u8; 4] = if tables.contains_key(b"CFF ") { b"OTTO" } else { &[0, 1, 0, 0] };
    let mut out = Vec::with_capacity(length);
    out.extend_from_slice(b"wOFF");
    out.extend_from_slice(flavour);
    put(&mut out, length);
    out.extend_from_slice(&(packed.len() as u16).to_be_bytes());
    out.extend_from_slice(&[0; 2]);
    put(&mut out, unpacked);
    // Version 1.0, neither metadata nor private data.
    out.extend_from_slice(&[0, 1, 0, 0]);
    out.resize(HEADER, 0);
    let mut at = start;
    for (tag, table, bytes) in &packed {
        out.extend_from_slice(tag);
        put(&mut out, at);
        put(&mut out, bytes.len());
        put(&mut out, table.len());
        out.extend_from_slice(&sum(tag, table).to_be_bytes());
        at += padded(bytes.len());
    }
    for (.., bytes) in packed {
        out.extend_from_slice(&bytes);
        out.resize(padded(out.len()), 0);
    }
    out
}

/// A number of 32 bits: no font is larger.
fn put(out: &mut Vec<u8>, number: usize) {
    out.extend_from_slice(&(number as u32).to_be_bytes());
}

const fn padded(length: usize) -> usize {
    length.next_multiple_of(4)
}

/// The table as zlib packs it, or as it is where that is no longer.
fn packed(table: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    let packed = encoder.write_all(table).and_then(|()| encoder.finish());
    packed.ok().filter(|packed| packed.len() < table.len()).unwrap_or_else(|| table.to_vec())
}

/// The sum of a table's words; of `head` without the sum of the whole font, which stands in it.
fn sum(tag: &[u8; 4], table: &[u8]) -> u32 {
    let word = |(at, bytes): (usize, &[u8])| {
        let mut word = [0; 4];
        word[..bytes.len()].copy_from_slice(bytes);
        if tag == b"head" && at == 2 { 0 } else { u32::from_be_bytes(word) }
    };
    table.chunks(4).enumerate().map(word).fold(0, u32::wrapping_add)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn tables_come_out_as_they_went_in() {
        let tables =
            Tables::from([(*b"glyf", vec![7; 1001]), (*b"head", (0..54).collect()), (*b"tiny", vec![1, 2, 3])]);
        let file = woff(&tables);
        let number = |at: usize| u32::from_be_bytes(file[at..at + 4].try_into().unwrap()) as usize;
        assert_eq!((&file[..8], number(8)), (&b"wOFF\0\x01\0\0"[..], file.len()));
        assert_eq!(number(16), 12 + 3 * 16 + 1004 + 56 + 4);
        for (at, (tag, table)) in tables.iter().enumerate() {
            let entry = 44 + 20 * at;
            let (from, packed, whole) = (number(entry + 4), number(entry + 8), number(entry + 12));
            assert!(&file[entry..entry + 4] == tag && whole == table.len() && from % 4 == 0);
            let mut found = Vec::new();
            if packed < whole {
                flate2::read::ZlibDecoder::new(&file[from..from + packed]).read_to_end(&mut found).unwrap();
            } else {
                found.extend_from_slice(&file[from..from + packed]);
            }
            assert_eq!(&found, table);
        }
        // 1, 2, 3 and a zero as one word.
        assert_eq!(number(44 + 40 + 16), 0x0102_0300);
    }
}
