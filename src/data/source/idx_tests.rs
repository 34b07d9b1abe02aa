//! A set of ten images in idx files: gzipped, gzipped anew, unpacked, damaged.

use std::io::Write;

use super::sets::{TEST_IMAGES, TEST_LABELS, TRAIN_IMAGES, TRAIN_LABELS, file};
use super::*;
use crate::source::made_for_tests::damaged;

fn gzip(content: &[u8], level: u32) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(level));
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn idx(header: &[u32], values: impl IntoIterator<Item = u8>) -> Vec<u8> {
    header.iter().flat_map(|number| number.to_be_bytes()).chain(values).collect()
}

/// One image of each class in each split; the pixels tell the split and the label.
fn contents() -> Vec<(&'static str, Vec<u8>)> {
    let images = |start: u8| {
        idx(&[IMAGES_MAGIC, 10, 28, 28], (0..10).flat_map(move |label| std::iter::repeat_n(start + label, 784)))
    };
    vec![
        (TRAIN_IMAGES, images(100)),
        (TRAIN_LABELS, idx(&[LABELS_MAGIC, 10], 0..10)),
        (TEST_IMAGES, images(200)),
        (TEST_LABELS, idx(&[LABELS_MAGIC, 10], 0..10)),
    ]
}

fn set(known_content: bool) -> Set {
    let contents: BTreeMap<&str, Vec<u8>> = contents().into_iter().collect();
    let file = |name: &'static str| {
        let packed = gzip(&contents[name], 6);
        let content = known_content.then(|| &*sha256(&contents[name]).leak());
        file("", name, packed.len() as u64, sha256(&packed).leak(), content)
    };
    let split = |name, images, labels| Split { name, per_class: [1; 10], images: file(images), labels: file(labels) };
    Set {
        source: "digits",
        classes: MNIST.classes,
        splits: [split("train", TRAIN_IMAGES, TRAIN_LABELS), split("test", TEST_IMAGES, TEST_LABELS)],
        packaged: None,
    }
}

fn write(folder: &Path, level: Option<u32>) {
    for (name, content) in contents() {
        match level {
            Some(level) => std::fs::write(folder.join(name), gzip(&content, level)).unwrap(),
            None => std::fs::write(folder.join(name).with_extension(""), content).unwrap(),
        }
    }
}

fn load(set: &Set, path: Option<&Path>) -> Result<Vec<(String, i32, u8)>, DataError> {
    let mut examples = Vec::new();
    let access = Access {
        downloads: Path::new("nowhere"),
        on_progress: &|_| (),
        stop: &|| false,
        on_read: &|_, _| (),
        column: None,
        earlier: None,
        storage: &crate::Storage::Raw,
    };
    set.load(path, &access, &mut |example| {
        assert_eq!(example.image.bytes().len(), 784);
        examples.push((example.split.to_owned(), example.label, example.image.bytes()[783]));
        Ok(())
    })?;
    Ok(examples)
}

#[test]
fn gzipped_recompressed_and_unpacked_files_give_the_same_images() {
    for level in [Some(6), Some(1), None] {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), level);
        for known_content in [true, false] {
            let examples = load(&set(known_content), Some(folder.path())).unwrap();
            assert_eq!(examples.len(), 20);
            assert_eq!(examples[3], ("train".to_owned(), 3, 103));
            assert_eq!(examples[19], ("test".to_owned(), 9, 209));
        }
    }
}

#[test]
fn a_packaged_folder_is_used_only_where_no_path_is_given() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), Some(9));
    let packaged = folder.path().to_str().unwrap().to_owned().leak();
    let set = Set { packaged: Some(packaged), ..set(true) };
    assert_eq!(load(&set, None).unwrap().len(), 20);
    assert!(matches!(load(&set, Some(Path::new("/nowhere"))), Err(DataError::Missing { what: "folder", .. })));
}

#[test]
fn altered_content_is_refused_by_checksum_where_one_is_known() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), Some(1));
    let mut content = contents().remove(0).1;
    content[20] ^= 1;
    std::fs::write(folder.path().join(TRAIN_IMAGES), gzip(&content, 1)).unwrap();
    let message = load(&set(true), Some(folder.path())).unwrap_err().to_string();
    assert!(message.contains(&sha256(&content)) && message.contains(&sha256(&contents()[0].1)), "{message}");
    assert!(load(&set(false), Some(folder.path())).is_ok(), "nothing is known of the content");
}

#[test]
fn headers_lengths_and_labels_are_checked() {
    let broken = |name: &str, content: Vec<u8>| {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), None);
        std::fs::write(folder.path().join(name).with_extension(""), content).unwrap();
        load(&set(false), Some(folder.path())).unwrap_err().to_string()
    };
    let labels = |count: u32, values: Vec<u8>| idx(&[LABELS_MAGIC, count], values);
    let message = broken(TRAIN_LABELS, labels(9, vec![0; 10]));
    assert!(message.contains("[2049, 10] (magic number, sizes), found [2049, 9]"), "{message}");
    let message = broken(TRAIN_LABELS, labels(10, vec![0; 9]));
    assert!(message.ends_with("cut short: 17 of 18 bytes"), "{message}");
    let message = broken(TRAIN_LABELS, labels(10, vec![0; 11]));
    assert!(message.ends_with("longer than 18 bytes"), "{message}");
    let message = broken(TEST_LABELS, labels(10, vec![10; 10]));
    assert!(message.ends_with("there is the label 10, expected 0 to 9"), "{message}");
    let message = broken(TRAIN_IMAGES, contents().remove(1).1);
    assert!(message.contains("found [2049, 10,"), "{message}");
}

#[test]
fn damaged_files_are_errors_and_no_panics() {
    for (level, ending) in [(Some(6), "gz"), (None, "")] {
        let (folder, set) = (tempfile::tempdir().unwrap(), set(false));
        write(folder.path(), level);
        for name in [TRAIN_IMAGES, TEST_LABELS] {
            damaged(&folder.path().join(name).with_extension(ending), || {
                drop(set.digests(Some(folder.path()), &Digest::of_file));
                drop(load(&set, Some(folder.path())));
            });
        }
        assert_eq!(load(&set, Some(folder.path())).unwrap().len(), 20, "each is whole again");
    }
}

#[test]
fn the_key_tells_unknown_content_apart_and_known_content_not() {
    let folders = [Some(6), Some(1), None].map(|level| {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), level);
        folder
    });
    let digests = |set: &Set, folder: Option<&Path>| set.digests(folder, &Digest::of_file).unwrap();
    let known = digests(&set(true), None);
    for folder in &folders {
        assert_eq!(digests(&set(true), Some(folder.path())), known);
    }
    let unknown = digests(&set(false), None);
    assert_eq!(digests(&set(false), Some(folders[0].path())), unknown, "the published archives");
    assert_ne!(digests(&set(false), Some(folders[1].path())), unknown, "other bytes");
    assert_ne!(digests(&set(false), Some(folders[2].path())), unknown);
}

#[test]
fn facts_of_the_real_sets() {
    for (set, train) in [(&MNIST, 60_000), (&FASHION_MNIST, 60_000)] {
        let splits = set.facts(None).splits.unwrap();
        assert_eq!((splits["train"].count, splits["test"].count), (train, 10_000));
        assert!(splits["train"].per_class.is_some());
    }
    let folder = Path::new("anywhere");
    assert!(MNIST.facts(Some(folder)).splits.unwrap()["train"].per_class.is_none());
    assert!(FASHION_MNIST.facts(Some(folder)).splits.unwrap()["train"].per_class.is_some());
}

#[test]
fn labels_of_another_set_are_refused_where_nothing_is_published_of_the_content() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), None);
    let labels = idx(&[LABELS_MAGIC, 10], [0, 0, 2, 3, 4, 5, 6, 7, 8, 9]);
    std::fs::write(folder.path().join(TRAIN_LABELS).with_extension(""), labels).unwrap();
    let error = load(&set(false), Some(folder.path())).unwrap_err().to_string();
    assert!(error.contains("these are not the labels of `digits`"), "{error}");
}

#[test]
fn what_was_read_is_said_by_the_rule_of_the_key() {
    let read = |set: &Set, folder: &Path| {
        let read = std::cell::RefCell::new(BTreeMap::new());
        let on_read = |name: &str, digest| {
            read.borrow_mut().insert(name.to_owned(), digest);
        };
        let access = Access {
            downloads: folder,
            on_progress: &|_| (),
            stop: &|| false,
            on_read: &on_read,
            column: None,
            earlier: None,
            storage: &crate::Storage::Raw,
        };
        drop(set.load(Some(folder), &access, &mut |_| Ok(())));
        read.into_inner()
    };
    let key = |set: &Set, folder: &Path| BTreeMap::from_iter(set.digests(Some(folder), &Digest::of_file).unwrap());
    for level in [Some(6), Some(1), None] {
        for known_content in [true, false] {
            let (folder, set) = (tempfile::tempdir().unwrap(), set(known_content));
            write(folder.path(), level);
            let before = key(&set, folder.path());
            assert_eq!(read(&set, folder.path()), before, "{level:?}, {known_content}");
            let mut content = contents().remove(0).1;
            content[20] ^= 1;
            let path = folder.path().join(TRAIN_IMAGES);
            match level {
                Some(level) => std::fs::write(path, gzip(&content, level)).unwrap(),
                None => std::fs::write(path.with_extension(""), content).unwrap(),
            }
            assert_ne!(read(&set, folder.path()), before, "{level:?}, {known_content}: another image");
        }
    }
}
