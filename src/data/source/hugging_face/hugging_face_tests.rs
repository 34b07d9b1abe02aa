use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, BinaryArray, Int64Array, RecordBatch, StringArray, StructArray};
use arrow::datatypes::{DataType, Field, Schema};
use parquet::arrow::ArrowWriter;
use parquet::file::metadata::KeyValue;

use crate::source::made_for_tests::{load, png, refused, short, source, survives, with, write};

/// A file as `datasets` writes it; the names of classes are noted only where there are some.
fn file(path: &Path, images: &[(&str, &[u8])], labels: ArrayRef, names: &[&str]) {
    let bytes: ArrayRef = Arc::new(BinaryArray::from_iter_values(images.iter().map(|(_, bytes)| bytes)));
    let paths: ArrayRef =
        Arc::new(images.iter().map(|(name, _)| (!name.is_empty()).then_some(*name)).collect::<StringArray>());
    let image: ArrayRef = Arc::new(StructArray::from(vec![
        (Arc::new(Field::new("bytes", DataType::Binary, true)), bytes),
        (Arc::new(Field::new("path", DataType::Utf8, true)), paths),
    ]));
    let group: ArrayRef = Arc::new(StringArray::from(vec!["g"; images.len()]));
    let field = |name: &str, of: &ArrayRef| Field::new(name, of.data_type().clone(), true);
    let schema = Arc::new(Schema::new(vec![field("image", &image), field("kind", &labels), field("group", &group)]));
    let batch = RecordBatch::try_new(schema.clone(), vec![image, labels, group]).unwrap();
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut writer = ArrowWriter::try_new(std::fs::File::create(path).unwrap(), schema, None).unwrap();
    writer.write(&batch).unwrap();
    if !names.is_empty() {
        let noted = serde_json::json!({ "info": { "features": {
            "image": { "_type": "Image" }, "kind": { "names": names, "_type": "ClassLabel" },
        } } });
        writer.append_key_value_metadata(KeyValue::new("huggingface".to_owned(), noted.to_string()));
    }
    writer.close().unwrap();
}

#[test]
fn names_of_classes_come_from_the_metadata() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let [one, two] = [1, 2].map(png);
    let labels = |labels: &[i64]| -> ArrayRef { Arc::new(Int64Array::from(labels.to_vec())) };
    file(&at("train-00000-of-00001.parquet"), &[("x.png", &one), ("", &two)], labels(&[1, 0]), &["cat", "ant"]);
    file(&at("test-00000-of-00001.parquet"), &[("y.png", &two)], labels(&[1]), &["cat", "ant"]);
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
    file(&path, &[("a", &image), ("b", &image)], Arc::new(StringArray::from(vec!["z", "y"])), &[]);
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
    file(&path, &[("a", &image), ("b", b"no image")], Arc::new(Int64Array::from(vec![0, 0])), &["cat"]);
    let message = refused(&source("hugging-face", &path), folder.path());
    assert!(message.starts_with("1 of 2 images can't be read: `data.parquet/b` (neither JPEG"), "{message}");
    file(&path, &[("a", &image), ("b", &image)], Arc::new(Int64Array::from(vec![Some(4), None])), &["cat"]);
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
    file(&path, &[("a", &image), ("b", &image)], Arc::new(Int64Array::from(vec![0, 1])), &["cat", "dog"]);
    survives(&source("hugging-face", &path), &path);
}
