use std::io::Write;
use std::path::Path;

use zip::write::SimpleFileOptions;

use super::npy::array;
use crate::source::made_for_tests::{load, refused, short, source, survives, with};

fn archive(path: &Path, arrays: &[(&str, Vec<u8>)]) {
    let mut zip = zip::ZipWriter::new(std::fs::File::create(path).unwrap());
    for (name, bytes) in arrays {
        zip.start_file(format!("{name}.npy"), SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap();
}

#[test]
fn arrays_of_several_splits_are_found_by_their_names() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("set.npz");
    archive(
        &path,
        &[
            ("train_images", array("|u1", "2, 1, 2", &[1, 2, 3, 4])),
            ("train_labels", array("|u1", "2, 1", &[10, 9])),
            ("val_images", array("|u1", "1, 1, 2", &[5, 6])),
            ("val_labels", array("|u1", "1, 1", &[9])),
            ("extra", array("<f4", "1,", &[0; 4])),
        ],
    );
    let of = source("npz", &path);
    assert_eq!(short(&of), ["train 10 train_images/0 1", "train 9 train_images/1 3", "validation 9 val_images/0 5"]);
    let facts = of.loader().facts();
    assert_eq!((facts.image, facts.splits.unwrap()["train"].per_class.clone()), (Some([1, 2, 1]), Some(vec![1, 1])));
}

#[test]
fn one_split_is_for_training_and_classes_may_have_names() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("set.npz");
    archive(&path, &[("x", array("|u1", "1, 1, 1, 3", &[1, 2, 3])), ("y", array("<i8", "1,", &1_i64.to_le_bytes()))]);
    let of = with("npz", &path, &serde_json::json!({ "class-names": ["ant", "bee"] }));
    let (seen, loaded) = load(&of, None).unwrap();
    assert_eq!(
        (loaded.classes, seen[0].short()),
        (vec!["ant".to_owned(), "bee".to_owned()], "train bee x/0 1".to_owned())
    );
    assert_eq!(seen[0].image.pixels, [1, 2, 3]);
}

#[test]
fn what_is_wrong_is_told_with_its_array() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("set.npz");
    let said = |arrays: &[(&str, Vec<u8>)]| {
        archive(&path, arrays);
        refused(&source("npz", &path), folder.path())
    };
    assert_eq!(said(&[("z", vec![])]), "ROOT/set.npz: no arrays of images and labels are among `z`");
    let labels = || ("labels", array("|u1", "1,", &[0]));
    assert_eq!(
        said(&[("images", array("<f4", "1, 1, 1", &[0; 4])), labels()]),
        "ROOT/set.npz: `images`: its values are `<f4`, but pixels must be bytes (`uint8`)"
    );
    assert_eq!(
        said(&[("images", array("|u1", "2, 1, 1", &[0; 2])), labels()]),
        "ROOT/set.npz: `labels`: it holds 1 labels, where `images` holds 2 images"
    );
    assert_eq!(
        said(&[("images", array("|u1", "1, 2, 2", &[0; 2])), labels()]),
        "ROOT/set.npz: `images`: it ends in image 0 of 1"
    );
    std::fs::write(&path, "no archive").unwrap();
    assert!(refused(&source("npz", &path), folder.path()).starts_with("ROOT/set.npz: not a readable .npz: "));
}

#[test]
fn damaged_archives_are_refused_without_a_panic() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("set.npz");
    archive(&path, &[("x", array("|u1", "2, 2, 2", &[1; 8])), ("y", array("|u1", "2,", &[0, 1]))]);
    survives(&source("npz", &path), &path);
}
