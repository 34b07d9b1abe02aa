use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, StringArray};

use crate::source::made_for_tests::{load, parquet_file, png, refused, short, source, survives, with, write};

#[test]
fn names_of_classes_come_from_the_metadata() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let [one, two] = [1, 2].map(png);
    let labels = |labels: &[i64]| -> ArrayRef { Arc::new(Int64Array::from(labels.to_vec())) };
    parquet_file(&at("train-00000-of-00001.parquet"), &[("x.png", &one), ("", &two)], labels(&[1, 0]), &["cat", "ant"]);
    parquet_file(&at("test-00000-of-00001.parquet"), &[("y.png", &two)], labels(&[1]), &["cat", "ant"]);
    let of = source("hugging-face", folder.path());
    let (seen, loaded) = load(&of, Some("group")).unwrap();
    assert_eq!(loaded.classes, ["cat", "ant"], "in the order of the labels");
    assert_eq!(
        seen.iter().map(|seen| seen.short()).collect::<Vec<_>>(),
        [
            "test ant test-00000-of-00001.parquet/y.png 2",
            "train ant train-00000-of-00001.parquet/x.png 1",
            "train cat train-00000-of-00001.parquet/1 2",
        ]
    );
    assert_eq!((seen[0].about.group.as_deref(), seen[0].value.as_deref()), (Some("g"), Some("g")));
    let facts = of.loader().facts();
    assert_eq!(
        (facts.columns, facts.splits.unwrap()["train"].per_class.clone()),
        (vec!["group".to_owned()], Some(vec![1, 1]))
    );
}

#[test]
fn labels_without_names_are_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.parquet");
    let image = png(9);
    parquet_file(&path, &[("a", &image), ("b", &image)], Arc::new(StringArray::from(vec!["z", "y"])), &[]);
    assert_eq!(
        refused(&source("hugging-face", &path), folder.path()),
        "ROOT/data.parquet: there is no column of labels called `label`"
    );
    let named = with("hugging-face", &path, &serde_json::json!({ "label": "kind" }));
    assert_eq!(short(&named), ["train z data.parquet/a 9", "train y data.parquet/b 9"]);
}

#[test]
fn what_is_wrong_is_told_by_its_row() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.parquet");
    let image = png(9);
    parquet_file(&path, &[("a", &image), ("b", b"no image")], Arc::new(Int64Array::from(vec![0, 0])), &["cat"]);
    let message = refused(&source("hugging-face", &path), folder.path());
    assert!(message.starts_with("1 of 2 images can't be read: `data.parquet/b` (neither JPEG"), "{message}");
    parquet_file(&path, &[("a", &image), ("b", &image)], Arc::new(Int64Array::from(vec![Some(4), None])), &["cat"]);
    assert_eq!(
        refused(&source("hugging-face", &path), folder.path()),
        "ROOT/data.parquet: row 1: the label is 4, where there are 1 class names, row 2: the label is nothing, where there \
         are 1 class names"
    );
    write(folder.path(), "data.parquet", "PAR1 no more");
    assert!(refused(&source("hugging-face", &path), folder.path()).starts_with("ROOT/data.parquet: "));
}

#[test]
fn damaged_files_are_refused_without_a_panic() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("train.parquet");
    let image = png(9);
    parquet_file(&path, &[("a", &image), ("b", &image)], Arc::new(Int64Array::from(vec![0, 1])), &["cat", "dog"]);
    survives(&source("hugging-face", &path), &path);
}
