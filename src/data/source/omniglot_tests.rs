//! Archives of two alphabets: what is a drawing, what is left out, what is refused.

use std::fs::File;
use std::io::Write;

use super::parts::SMALL2;
use super::*;
use crate::source::made_for_tests::{damaged, png};
use simpipe_base::param::defaults;

fn zip(folder: &str, entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        writer.start_file(format!("{folder}/{name}"), zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn names(bytes: &[u8]) -> Vec<String> {
    super::names(Cursor::new(bytes), Path::new("x.zip")).unwrap()
}

fn drawings(omniglot: &Omniglot, split: &str, names: &[String]) -> Result<Vec<Drawing>, DataError> {
    omniglot.drawings(split, &SMALL2, Path::new("x.zip"), names)
}

const FOLDER: &str = "images_background_small2";

fn small() -> Vec<String> {
    names(&zip(
        FOLDER,
        &[
            ("Latin/character02/b.png", b"b"),
            ("Greek/character01/a.png", b"a"),
            ("Greek/character01/.hidden.png", b""),
            ("Greek/readme.txt", b""),
            ("Greek/character01/notes/a.png", b""),
            ("a.png", b""),
        ],
    ))
}

#[test]
fn drawings_are_the_images_of_a_character_in_the_order_of_names() {
    let found = drawings(&defaults(), "train", &small()).unwrap();
    let classes: Vec<&str> = found.iter().map(|drawing| drawing.class.as_str()).collect();
    assert_eq!(classes, ["Greek/character01", "Latin/character02"]);
    assert!(found[0].entry.ends_with("small2/Greek/character01/a.png"));
}

#[test]
fn alphabets_are_left_out_of_the_test_split_alone() {
    let omniglot = Omniglot { leave_out: vec!["Greek".to_owned()], ..defaults() };
    assert_eq!(drawings(&omniglot, "test", &small()).unwrap().len(), 1);
    assert_eq!(drawings(&omniglot, "train", &small()).unwrap().len(), 2);
    let unknown = Omniglot { leave_out: vec!["Latn".to_owned()], ..defaults() };
    let error = drawings(&unknown, "test", &small()).unwrap_err();
    assert_eq!(error.help(), Some("did you mean `Latin`?"));
    let all = Omniglot { leave_out: vec!["Greek".to_owned(), "Latin".to_owned()], ..defaults() };
    assert!(
        drawings(&all, "test", &small()).unwrap_err().to_string().ends_with("no drawing is left for the split `test`")
    );
}

#[test]
fn the_alphabets_of_an_archive_are_listed_once() {
    use simpipe_base::contents::Compute;

    /// Remembers one text.
    struct Memory(std::sync::Mutex<Vec<String>>);
    impl simpipe_base::contents::Contents for Memory {
        fn digest(&self, _: &Path) -> std::io::Result<Digest> {
            unreachable!("the published digest stands for the archive")
        }
        fn fact(&self, path: &Path, what: &'static str, compute: &Compute<'_>) -> std::io::Result<String> {
            assert_eq!(what, "alphabets");
            let mut known = self.0.lock().unwrap();
            if known.is_empty() {
                known.push(compute(&mut File::open(path)?)?);
            }
            Ok(known[0].clone())
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(SMALL2.name);
    std::fs::write(&path, zip(FOLDER, &[("Latin/character02/b.png", b"b"), ("Greek/character01/a.png", b"a")]))
        .unwrap();
    let memory = Memory(std::sync::Mutex::default());
    for round in 0..2 {
        let found = remembered_alphabets(&SMALL2, &path, &memory).unwrap();
        assert_eq!(found.into_iter().collect::<Vec<_>>(), ["Greek", "Latin"], "{round}");
        std::fs::write(&path, "no archive").unwrap();
    }
    // What can't be listed is said as elsewhere.
    let fresh = |_: &Path| -> std::io::Result<Digest> { unreachable!() };
    let error = remembered_alphabets(&SMALL2, &path, &fresh).unwrap_err();
    assert!(error.to_string().contains("not a readable .zip"), "{error}");
}

#[test]
fn one_archive_for_both_splits_and_a_folder_without_archives_are_refused() {
    let contents = |_: &Path| Ok(Digest::of(b""));
    let twice = Omniglot { test: Part::Background, ..defaults() };
    assert!(twice.digests(&contents).unwrap_err().to_string().contains("both `train` and `test`"));
    let folder = tempfile::tempdir().unwrap();
    let path = |at: &Path| Some(SpecPath { written: String::new(), resolved: at.to_path_buf() });
    let empty = Omniglot { path: path(folder.path()), ..defaults() };
    assert!(matches!(empty.digests(&contents).unwrap_err(), DataError::Missing { what: "file", .. }));
    let nowhere = Omniglot { path: path(&folder.path().join("x")), ..defaults() };
    assert!(matches!(nowhere.digests(&contents).unwrap_err(), DataError::Missing { what: "folder", .. }));
    // Another content under the published name and length is found out when it is read, another length at once.
    std::fs::write(folder.path().join(BACKGROUND.name), b"short").unwrap();
    assert!(matches!(empty.digests(&contents).unwrap_err(), DataError::Checksum(_)));
    assert_eq!(empty.facts().image, Some([105, 105, 1]));
}

#[test]
fn bytes_of_each_drawing_reach_their_class() {
    let bytes = zip(FOLDER, &[("Latin/character02/b.png", b"second"), ("Greek/character01/a.png", b"first")]);
    let found = drawings(&defaults(), "train", &names(&bytes)).unwrap();
    let classes = classes(found.iter());
    let encodings = extract("train", Path::new("x.zip"), &bytes, &found, &classes).unwrap();
    let read: Vec<(i32, &[u8])> =
        encodings.iter().map(|encoding| (encoding.label, encoding.bytes.as_slice())).collect();
    assert_eq!(read, [(0, b"first".as_slice()), (1, b"second".as_slice())]);
    assert!(matches!(super::names(Cursor::new(b"no zip"), Path::new("x.zip")), Err(DataError::Malformed { .. })));
}

#[test]
fn a_damaged_archive_is_an_error_and_no_panic() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(SMALL2.name);
    let [one, other] = [1, 2].map(png);
    let entries = [("Latin/character02/b.png", other.as_slice()), ("Greek/character01/a.png", one.as_slice())];
    std::fs::write(&path, zip(FOLDER, &entries)).unwrap();
    let mut extracted = 0;
    damaged(&path, || {
        let bytes = std::fs::read(&path).unwrap();
        drop(names_of(&path));
        let Ok(names) = super::names(Cursor::new(&bytes), &path) else { return };
        let Ok(found) = drawings(&defaults(), "train", &names) else { return };
        let classes = classes(found.iter());
        let Ok(encodings) = extract("train", &path, &bytes, &found, &classes) else { return };
        for encoding in encodings {
            drop(Encoded::read(&encoding.bytes, &DecodeOptions::default()).and_then(Encoded::decode));
            extracted += 1;
        }
    });
    assert!(extracted > 0, "some damage is none to the drawings");
}
