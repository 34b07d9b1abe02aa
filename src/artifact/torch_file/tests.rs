//! Files that torch itself wrote (`tests/fixtures/weights/generate.py`), and what is made of them.

use std::path::Path;

use super::*;
use crate::TensorFile;

const ZIP: &[u8] = include_bytes!("../../../tests/fixtures/weights/zip.pth");
const LEGACY: &[u8] = include_bytes!("../../../tests/fixtures/weights/legacy.pth");

fn read(bytes: &[u8]) -> Result<TensorFile, String> {
    TensorFile::of_bytes(Path::new("x.pth"), bytes).map_err(|error| error.to_string())
}

/// The numbers of a tensor.
fn values(file: &TensorFile, bytes: &[u8], name: &str) -> Option<Vec<f32>> {
    let entry = file.tensors.iter().find(|one| one.name == name).unwrap_or_else(|| panic!("no `{name}`"));
    file.values(entry, bytes)
}

#[test]
fn both_containers_give_every_tensor_row_by_row() {
    for bytes in [ZIP, LEGACY] {
        let file = read(bytes).unwrap();
        let of = |name: &str| file.tensors.iter().find(|one| one.name == name).unwrap();
        assert_eq!((of("plain").shape.clone(), of("plain").dtype.as_str()), (vec![2, 3], "F32"));
        assert_eq!(values(&file, bytes, "plain").unwrap(), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
        // The transpose and a part of the same numbers, and a kernel whose channels lie last.
        assert_eq!(of("turned").shape, [3, 2]);
        assert_eq!(values(&file, bytes, "turned").unwrap(), [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
        assert_eq!(values(&file, bytes, "part").unwrap(), [4.0, 5.0]);
        let kernel = values(&file, bytes, "kernel").unwrap();
        assert!(kernel.iter().enumerate().all(|(at, value)| *value == at as f32) && kernel.len() == 24, "{kernel:?}");
        // Halves and doubles, the extremes too; whole numbers are there, but are no weights.
        assert_eq!(values(&file, bytes, "half").unwrap(), [1.5, -0.0, 65504.0, 2.0_f32.powi(-24), f32::NEG_INFINITY]);
        assert_eq!(values(&file, bytes, "brain").unwrap(), [1.5, -2.0]);
        assert_eq!(values(&file, bytes, "double").unwrap(), [0.1]);
        assert_eq!((of("count").dtype.as_str(), values(&file, bytes, "count")), ("I64", None));
        assert_eq!(values(&file, bytes, "parameter").unwrap(), [7.0]);
        assert_eq!(values(&file, bytes, "nothing").unwrap(), [0.0; 0]);
        assert_eq!(values(&file, bytes, "inner.deep.weight").unwrap(), [8.0]);
        assert_eq!(file.tensors.len(), 11);
    }
}

#[test]
fn a_file_is_read_by_its_head_as_by_its_bytes() {
    let folder = tempfile::tempdir().unwrap();
    for bytes in [ZIP, LEGACY] {
        let path = folder.path().join("named.safetensors");
        std::fs::write(&path, bytes).unwrap();
        assert_eq!(TensorFile::read_head(&path).unwrap(), read(bytes).unwrap());
    }
}

/// A legacy file of this pickle, without storages.
fn of_pickle(pickle: &[u8]) -> Vec<u8> {
    [&[0x80, 2], &MAGIC[..], b"\x80\x02M\xe9\x03.", b"\x80\x02}.", pickle, b"\x80\x02]."].concat()
}

#[test]
fn no_code_is_run_and_nothing_is_believed() {
    let tensor = |arguments: &str| format!("\x02}}(X\x01\0\0\0actorch._utils\n_rebuild_tensor_v2\n({arguments}tRu.");
    let storage = "(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpuK\x04NtQ";
    let proto = |text: String| [b"\x80", text.as_bytes()].concat();
    for (pickle, says) in [
        (b"\x80\x02cos\nsystem\n(X\x04\0\0\0exittR.".to_vec(), "asks for `os.system` to be called"),
        (b"\x80\x02cbuiltins\neval\nX\x01\0\0\0a\x85R.".to_vec(), "`builtins.eval`"),
        (b"\x80\x02cmy.nets\nNet\n)\x81.".to_vec(), "`my.nets.Net`"),
        (b"\x80\x04X\x02\0\0\0osX\x06\0\0\0system\x93)R.".to_vec(), "`os.system`"),
        (b"\x80\x02(ios\nsystem\n.".to_vec(), "code is never run"),
        (b"\x80\x02]q\0h\0a0h\0.".to_vec(), "no tensors by name"),
        (b"\x80\x02K\x01.".to_vec(), "no tensors by name"),
        (b"\x80\x02h\x07.".to_vec(), "recalls what was never there"),
        (b"\x80\x02R.".to_vec(), "take more than there is"),
        (b"\x80\x02t.".to_vec(), "take more than there is"),
        (b"\x80\x02(0t.".to_vec(), "take more than there is"),
        (b"\x80\x02K\x01K\x02a.".to_vec(), "is not a list"),
        (b"\x80\x02K\x01K\x02K\x03s.".to_vec(), "is not a dictionary"),
        (b"\x80\x02B\xff\xff\xff\x7f.".to_vec(), "2147483647 bytes"),
        (b"\x80\x02\xf0.".to_vec(), "instruction 0xf0"),
        (proto(tensor(&format!("{storage}K\x00(K\x05t(K\x01t"))), "is not within its 4 numbers"),
        (proto(tensor(&format!("{storage}K\x02(K\x03t(K\x01t"))), "is not within its 4 numbers"),
        // One number shown five times.
        (proto(tensor(&format!("{storage}K\x00(K\x05t(K\x00t"))), "is not within its 4 numbers"),
        (proto(tensor(&format!("{storage}K\x00(K\x04t)"))), "a way that is not known"),
        (proto(tensor(&format!("{storage}K\x00(J\x7f\x7f\x7f\x7ft(K\x01t"))), "is not within"),
        (proto(tensor(&storage.replace("Float", "QInt8"))), "`torch.QInt8Storage`"),
        (proto(tensor(&format!("{storage}K\x00(K\x04t(K\x01t"))), "the numbers of `a` are not there"),
    ] {
        let error = read(&of_pickle(&pickle)).unwrap_err();
        assert!(error.contains(says), "{error}, expected {says}");
    }
    // No numbers, in sides that no product holds.
    let long = "J\x7f\x7f\x7f\x7f";
    let none = format!("{storage}K\x00(K\x00{long}{long}{long}t(K\x01K\x01{long}K\x01t");
    let head = of_pickle(&proto(tensor(&none)));
    let whole =
        [head.strip_suffix(b"\x80\x02].").unwrap(), b"\x80\x02]X\x01\0\0\x000a.", &[4, 0, 0, 0, 0, 0, 0, 0], &[0; 16]]
            .concat();
    assert_eq!(read(&whole).unwrap().tensors[0].shape, [0, 0x7f7f_7f7f, 0x7f7f_7f7f, 0x7f7f_7f7f]);
    // A dictionary in itself, and a million lists in lists.
    let around = b"\x80\x02}q\0X\x01\0\0\0ah\0s.";
    assert!(read(&of_pickle(around)).unwrap_err().contains("no tensors by name"));
    let deep = [&b"\x80\x02"[..], &b"]".repeat(1_000_000), &b"a".repeat(999_999), b"."].concat();
    assert!(read(&of_pickle(&deep)).unwrap_err().contains("no tensors by name"));
    let wide = [&b"\x80\x02"[..], &b"N".repeat(5_000_000), b"."].concat();
    assert!(read(&of_pickle(&wide)).unwrap_err().contains("more parts"));
    // Dictionaries that hold the next one many times over.
    let mut bomb = b"\x80\x02}".to_vec();
    for level in 0..12_u8 {
        bomb.extend([b'q', level, b'}', b'(']);
        (0..40).for_each(|at| bomb.extend([b'K', at, b'h', level]));
        bomb.push(b'u');
    }
    bomb.push(b'.');
    assert!(read(&of_pickle(&bomb)).unwrap_err().contains("more entries"));
}

#[test]
fn a_short_pickle_makes_no_large_value() {
    // A list of many pairs, of which a dictionary is made again and again.
    let pairs =
        [&b"\x80\x02ccollections\nOrderedDict\nq\x01]q\x02(K\x01K\x02\x86q\x03"[..], &b"h\x03".repeat(1_000), b"e0"]
            .concat();
    let again = [&pairs[..], &b"h\x01h\x02\x85R0".repeat(5_000), b"N."].concat();
    assert!(read(&of_pickle(&again)).unwrap_err().contains("more parts"));
    // Lists of a million, a million times over, are no pairs.
    let lists = [&b"\x80\x02ccollections\nOrderedDict\n]q\x02("[..], &b"N".repeat(1_000_000), b"e0]("].concat();
    let lists = [&lists[..], &b"h\x02".repeat(1_000_000), b"e\x85R."].concat();
    assert!(read(&of_pickle(&lists)).unwrap_err().contains("no tensors by name"));
    // One long name of many entries.
    let name = [&b"\x80\x02}X\xa0\x86\x01\0"[..], &b"n".repeat(100_000), b"q\x01"].concat();
    let names = [&name[..], b"0(", &b"h\x01N".repeat(10_000), b"u."].concat();
    assert!(read(&of_pickle(&names)).unwrap_err().contains("more entries"));
}

#[test]
fn files_that_are_cut_short_or_changed_are_refused_or_read_and_never_more() {
    for bytes in [ZIP, LEGACY] {
        for end in 0..bytes.len() {
            assert!(read(&bytes[..end]).is_err(), "cut at {end} of {}", bytes.len());
        }
        let whole = read(bytes).unwrap();
        let (mut refused, mut changed) = (0, bytes.to_vec());
        for at in 0..bytes.len() {
            for flip in [1, 0x80, 0xff] {
                changed[at] ^= flip;
                match read(&changed) {
                    Ok(file) => {
                        for entry in &file.tensors {
                            let count: usize = entry.shape.iter().product();
                            assert!(file.values(entry, &changed).is_none_or(|values| values.len() == count));
                        }
                    }
                    Err(_) => refused += 1,
                }
                changed[at] ^= flip;
            }
        }
        assert!(refused > 200, "{refused} of {}", bytes.len());
        assert_eq!(read(&changed).unwrap(), whole);
    }
}
