//! A set of the same layout with few records: as an archive, as a folder, damaged.

use super::super::download::tests::{Answer, serve};
use super::super::published::sha256;
use super::*;

/// Two classes, three training records and two for testing; a label byte that is not used comes first.
const BATCHES: &[Batch] =
    &[train("one.bin", 2), train("two.bin", 1), Batch { name: "t.bin", split: "test", records: 2 }];

fn record(label: u8, value: u8) -> Vec<u8> {
    let plane = |channel: u8| (0..PLANE).map(move |at| value.wrapping_add(channel).wrapping_add((at % 7) as u8));
    [9, label].into_iter().chain(plane(0)).chain(plane(50)).chain(plane(100)).collect()
}

fn contents() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("readme.html", b"not read".to_vec()),
        ("two.bin", record(0, 3)),
        ("t.bin", [record(1, 4), record(0, 5)].concat()),
        ("one.bin", [record(0, 1), record(1, 2)].concat()),
        ("names.txt", b"cat\nmaple_tree\n\n".to_vec()),
    ]
}

fn archive(contents: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut tar = tar::Builder::new(gzip);
    for (name, content) in contents {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        tar.append_data(&mut header, format!("set-bin/{name}"), content.as_slice()).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap()
}

fn layout(archive: &[u8]) -> Layout {
    Layout {
        source: "set",
        description: "",
        archive: Published {
            name: "set.tar.gz",
            base: "",
            bytes: archive.len() as u64,
            sha256: sha256(archive).leak(),
        },
        folder: "set-bin",
        batches: BATCHES,
        label_bytes: 2,
        names: "names.txt",
        classes: &["Cat", "Maple tree"],
    }
}

/// Split, label and first two pixels of each example, and what was loaded.
type Read = (Vec<(String, i32, [u8; 6])>, Loaded);

fn load(layout: &Layout, path: &Path) -> Result<Read, DataError> {
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
    let loaded = layout.load(Some(path), &access, &mut |example| {
        let pixels = example.image.bytes().first_chunk().copied().unwrap();
        examples.push((example.split.to_owned(), example.label, pixels));
        Ok(())
    })?;
    Ok((examples, loaded))
}

fn write_folder(folder: &Path, contents: &[(&str, Vec<u8>)]) {
    std::fs::create_dir_all(folder).unwrap();
    for (name, content) in contents {
        std::fs::write(folder.join(name), content).unwrap();
    }
}

#[test]
fn archive_and_folder_give_the_same_examples_in_the_order_of_the_batches() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = archive(&contents());
    let path = folder.path().join("set.tar.gz");
    std::fs::write(&path, &bytes).unwrap();
    write_folder(&folder.path().join("set-bin"), &contents());
    let (examples, loaded) = load(&layout(&bytes), &path).unwrap();
    let pixels = |value: u8| [value, value + 50, value + 100, value + 1, value + 51, value + 101];
    let expected = [("train", 0, 1), ("train", 1, 2), ("train", 0, 3), ("test", 1, 4), ("test", 0, 5)];
    assert_eq!(examples, expected.map(|(split, label, value)| (split.to_owned(), label, pixels(value))));
    assert_eq!(loaded.classes, ["Cat", "Maple tree"]);
    for path in [folder.path().join("set-bin"), folder.path().to_path_buf()] {
        assert_eq!(load(&layout(&bytes), &path).unwrap(), (examples.clone(), loaded.clone()));
    }
}

#[test]
fn a_downloaded_archive_is_read_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let bytes: &'static [u8] = archive(&contents()).leak();
    let server = serve(vec![Answer::Whole(bytes)]);
    let mut layout = layout(bytes);
    layout.archive.base = server.base.clone().leak();
    let units = std::cell::RefCell::new(std::collections::BTreeSet::new());
    let on_progress = |step: super::super::Step| {
        units.borrow_mut().insert((step.unit, step.done, step.total));
    };
    for _ in 0..2 {
        let access = Access {
            downloads: folder.path(),
            on_progress: &on_progress,
            stop: &|| false,
            on_read: &|_, _| (),
            column: None,
            earlier: None,
            storage: &crate::Storage::Raw,
        };
        let mut labels = Vec::new();
        let mut sink = |example: Example<'_>| {
            labels.push(example.label);
            Ok(())
        };
        layout.load(None, &access, &mut sink).unwrap();
        assert_eq!(labels, [0, 1, 0, 1, 0]);
    }
    assert_eq!(server.ranges.lock().unwrap().len(), 1, "the second time it is there");
    let bytes = bytes.len() as u64;
    assert_eq!(units.into_inner(), [("bytes", bytes, bytes), ("images", 5, 5)].into());
}

#[test]
fn a_damaged_archive_is_refused_with_both_digests() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = archive(&contents());
    let path = folder.path().join("set.tar.gz");
    let mut altered = bytes.clone();
    altered[bytes.len() / 2] ^= 1;
    for (damaged, word) in [(altered, "altered"), (bytes[..bytes.len() - 1].to_vec(), "cut short")] {
        std::fs::write(&path, &damaged).unwrap();
        let error = load(&layout(&bytes), &path).unwrap_err();
        let at_once = layout(&bytes).digests(Some(&path), &Digest::of_file);
        assert_eq!(at_once.is_err(), word == "cut short", "another length is seen without reading");
        let message = error.to_string();
        assert!(message.contains(&sha256(&bytes)) && message.contains(&sha256(&damaged)), "{message}");
        assert!(error.help().is_some_and(|help| help.contains(word) && help.contains("three ways")));
    }
}

#[test]
fn a_folder_is_checked_by_sizes_labels_and_names() {
    let layout = layout(b"");
    let broken = |name: &str, content: &[u8]| {
        let folder = tempfile::tempdir().unwrap();
        write_folder(folder.path(), &contents());
        std::fs::write(folder.path().join(name), content).unwrap();
        load(&layout, folder.path()).unwrap_err().to_string()
    };
    let short = broken("two.bin", &record(0, 3)[1..]);
    assert!(short.ends_with("`two.bin` must be 3074 bytes (1 records), found 3073"), "{short}");
    let label = broken("two.bin", &record(2, 3));
    assert!(label.ends_with("record 0 of `two.bin` has the label 2 of 2"), "{label}");
    let names = broken("names.txt", b"cat\n");
    assert!(names.ends_with("`names.txt` must name 2 classes, found 1"), "{names}");

    let folder = tempfile::tempdir().unwrap();
    let error = load(&layout, folder.path()).unwrap_err();
    assert!(matches!(&error, DataError::Missing { what: "file", path, .. } if path.ends_with("one.bin")), "{error}");
}

#[test]
fn the_key_is_one_for_every_archive_and_by_content_for_folders() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = archive(&contents());
    let layout = layout(&bytes);
    let path = folder.path().join("set.tar.gz");
    std::fs::write(&path, &bytes).unwrap();
    let unread = |_: &Path| -> std::io::Result<Digest> { panic!("an archive is not read to find its key") };
    let downloaded = layout.digests(None, &unread).unwrap();
    assert_eq!(layout.digests(Some(&path), &unread).unwrap(), downloaded);
    assert!(layout.digests(Some(Path::new("/nowhere")), &unread).is_err());

    let unpacked = folder.path().join("set-bin");
    write_folder(&unpacked, &contents());
    let digests = || layout.digests(Some(&unpacked), &Digest::of_file).unwrap();
    let names: Vec<String> = digests().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["one.bin", "two.bin", "t.bin", "names.txt"]);
    let before = digests();
    std::fs::write(unpacked.join("two.bin"), record(1, 3)).unwrap();
    assert_ne!(digests()[1], before[1]);
}

#[test]
fn facts_of_the_real_sets() {
    let counts = |layout: &Layout, split: &str| layout.facts(None).splits.unwrap()[split].clone();
    assert_eq!(counts(&CIFAR10, "train"), SplitCounts::of_classes(vec![5000; 10]));
    assert_eq!(counts(&CIFAR10, "test"), SplitCounts::of_classes(vec![1000; 10]));
    assert_eq!(counts(&CIFAR100, "train"), SplitCounts::of_classes(vec![500; 100]));
    assert_eq!(counts(&CIFAR100, "test"), SplitCounts::of_classes(vec![100; 100]));
    let classes = CIFAR100.facts(None).classes.unwrap();
    assert_eq!((classes[53].as_str(), classes[99].as_str()), ("Orange", "Worm"));
    assert!(classes.is_sorted());
    assert_eq!(CIFAR10.facts(None).image, Some([32, 32, 3]));

    let folder = tempfile::tempdir().unwrap();
    let facts = CIFAR10.facts(Some(folder.path()));
    let train = &facts.splits.unwrap()["train"];
    assert_eq!((train.count, train.per_class.is_none()), (50_000, true));
}

#[test]
fn what_was_read_is_said_by_the_names_of_the_key() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = archive(&contents());
    let layout = layout(&bytes);
    let path = folder.path().join("set.tar.gz");
    std::fs::write(&path, &bytes).unwrap();
    let unpacked = folder.path().join("unpacked");
    write_folder(&unpacked, &contents());
    let read = |path: &Path| {
        let read = std::cell::RefCell::new(Vec::new());
        let on_read = |name: &str, digest| read.borrow_mut().push((name.to_owned(), digest));
        let access = Access {
            downloads: Path::new(""),
            on_progress: &|_| (),
            stop: &|| false,
            on_read: &on_read,
            column: None,
            earlier: None,
            storage: &crate::Storage::Raw,
        };
        drop(layout.load(Some(path), &access, &mut |_| Ok(())));
        read.into_inner()
    };
    let key = |path: &Path| layout.digests(Some(path), &Digest::of_file).unwrap();
    assert_eq!(read(&path), key(&path));
    let before = key(&unpacked);
    assert_eq!(read(&unpacked), before);
    std::fs::write(unpacked.join("two.bin"), record(1, 3)).unwrap();
    assert_ne!(read(&unpacked), before);
    std::fs::write(unpacked.join("two.bin"), &record(0, 3)[1..]).unwrap();
    assert_ne!(read(&unpacked), before, "cut short: said before it is complained of");
    std::fs::write(unpacked.join("two.bin"), record(0, 3)).unwrap();
    assert_eq!(read(&unpacked), before);
    std::fs::remove_file(unpacked.join("names.txt")).unwrap();
    assert_ne!(read(&unpacked), before, "a file less");
    std::fs::write(&path, archive(&contents()[1..])).unwrap();
    assert_eq!(read(&path), [], "no other archive has its key");
}
