//! Files as Matlab writes them, for tests.

use std::io::Write;

fn element(kind: u32, content: &[u8]) -> Vec<u8> {
    let mut bytes = [kind.to_le_bytes(), u32::try_from(content.len()).unwrap().to_le_bytes()].concat();
    bytes.extend_from_slice(content);
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    bytes
}

fn matrix(class: u8, sides: &[i32], name: &str, content: &[u8]) -> Vec<u8> {
    let flags = element(6, &[class, 0, 0, 0, 0, 0, 0, 0]);
    let sides = element(5, &sides.iter().flat_map(|side| side.to_le_bytes()).collect::<Vec<u8>>());
    element(14, &[flags, sides, element(1, name.as_bytes()), content.to_vec()].concat())
}

pub(in super::super) fn bytes(name: &str, sides: &[i32], bytes: &[u8]) -> Vec<u8> {
    matrix(9, sides, name, &element(2, bytes))
}

/// A number in a tag of its own, as Matlab writes small ones.
pub(in super::super) fn number(value: u16) -> Vec<u8> {
    let [low, high] = value.to_le_bytes();
    matrix(6, &[1, 1], "", &[4, 0, 2, 0, low, high, 0, 0])
}

pub(in super::super) fn text(text: &str) -> Vec<u8> {
    let letters: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    matrix(4, &[1, i32::try_from(text.len()).unwrap()], "", &element(4, &letters))
}

pub(in super::super) fn cells(name: &str, cells: &[Vec<u8>]) -> Vec<u8> {
    matrix(1, &[1, i32::try_from(cells.len()).unwrap()], name, &cells.concat())
}

pub(in super::super) fn rows(name: &str, fields: &[&str], rows: &[Vec<Vec<u8>>]) -> Vec<u8> {
    let mut names = Vec::new();
    for field in fields {
        names.extend_from_slice(field.as_bytes());
        names.resize(names.len().next_multiple_of(32), 0);
    }
    let width = [5, 0, 4, 0, 32, 0, 0, 0].to_vec();
    let content = [width, element(1, &names), rows.concat().concat()].concat();
    matrix(2, &[1, i32::try_from(rows.len()).unwrap()], name, &content)
}

/// A file of variables, the second of them not packed.
pub(in super::super) fn file(variables: &[Vec<u8>]) -> Vec<u8> {
    let mut file = b"MATLAB 5.0 MAT-file".to_vec();
    file.resize(124, b' ');
    file.extend_from_slice(&[0, 1, b'I', b'M']);
    for (at, variable) in variables.iter().enumerate() {
        if at == 1 {
            file.extend_from_slice(variable);
            continue;
        }
        let mut packer = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        packer.write_all(variable).unwrap();
        let packed = packer.finish().unwrap();
        file.extend_from_slice(&[15_u32.to_le_bytes(), u32::try_from(packed.len()).unwrap().to_le_bytes()].concat());
        file.extend_from_slice(&packed);
    }
    file
}
