use crate::source::made_for_tests::{load, png, refused, short, source, survives, with, write};
use simpipe_artifact::About;
use simpipe_artifact::table::{Column, write_parquet};

/// As open-metric-learning 4.0 writes it: an index, labels as numbers, `validation`, absent flags in training rows.
const OML: &str = ",label,path,split,is_query,is_gallery,category,sequence,x_1,x_2,y_1,y_2\n\
    0,10,images/a.png,train,,,toys,s1,0.0,2.0,0.0,1.0\n\
    1,10,images/a.png,train,,,toys,s1,1,3,0,2\n\
    2,9,images/b.png,validation,True,True,food,s2,,,,\n\
    3,9,images/c.png,validation,False,True,food,,,,,\n";

fn images() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    ["a", "b", "c"]
        .iter()
        .zip(1..)
        .for_each(|(name, value)| write(folder.path(), &format!("images/{name}.png"), png(value)));
    folder
}

#[test]
fn a_manifest_of_open_metric_learning_is_read_as_it_is() {
    let folder = images();
    write(folder.path(), "df.csv", OML);
    let of = source("manifest", &folder.path().join("df.csv"));
    let (seen, loaded) = load(&of, Some("source")).unwrap();
    assert_eq!(loaded.classes, ["9", "10"]);
    assert_eq!(seen[0].short(), "train 10 images/a.png 1");
    assert_eq!(seen[3].short(), "validation 9 images/c.png 3");
    let sizes: Vec<(u32, u32)> = seen.iter().map(|seen| (seen.image.shape.width, seen.image.shape.height)).collect();
    assert_eq!(sizes, [(2, 1), (2, 2), (4, 2), (4, 2)]);
    let about = About {
        group: None,
        source: Some("s2".to_owned()),
        category: Some("food".to_owned()),
        is_query: Some(true),
        is_gallery: Some(true),
    };
    assert_eq!(seen[2].about, about);
    assert_eq!((seen[0].about.is_query, seen[0].value.as_deref(), seen[3].value.as_deref()), (None, Some("s1"), None));
    let facts = of.loader().facts();
    assert_eq!(facts.columns, ["category", "is_gallery", "is_query", "source"]);
    assert_eq!(facts.splits.unwrap()["validation"].per_class, Some(vec![2, 0]));
}

#[test]
fn json_lines_and_other_columns_do_as_well() {
    let folder = images();
    let lines =
        "{\"file_name\": \"a.png\", \"kind\": \"cat\", \"fold\": 3}\n{\"file_name\": \"./b.png\", \"kind\": \"ant\"}\n";
    write(folder.path(), "list", lines);
    let images = folder.path().join("images");
    let of =
        with("manifest", &folder.path().join("list"), &serde_json::json!({ "root": images.to_str(), "label": "kind" }));
    let (seen, _) = load(&of, Some("fold")).unwrap();
    assert_eq!(seen.iter().map(|seen| seen.short()).collect::<Vec<_>>(), ["train cat a.png 1", "train ant b.png 2"]);
    assert_eq!((seen[0].value.as_deref(), seen[1].value.as_deref()), (Some("3"), None));
}

#[test]
fn a_folder_may_hold_its_table() {
    let folder = images();
    write(folder.path(), "images/metadata.csv", "file_name,label\nb.png,x\n");
    assert_eq!(short(&source("manifest", &folder.path().join("images"))), ["train x b.png 2"]);
    assert_eq!(short(&source("manifest", folder.path())), ["images x images/b.png 2"], "subfolders are splits");
    let empty = tempfile::tempdir().unwrap();
    assert_eq!(refused(&source("manifest", empty.path()), empty.path()), "there is no table of images at ROOT");
}

#[test]
fn what_is_wrong_is_told_at_its_line() {
    let folder = images();
    let said = |text: &str| {
        write(folder.path(), "m.csv", text);
        refused(&source("manifest", &folder.path().join("m.csv")), folder.path())
    };
    assert_eq!(said("file,label\na,b\n"), "ROOT/m.csv: there is no column `path`");
    assert_eq!(
        said("path,label,x_1\na,b,1\n"),
        "ROOT/m.csv: only some of the columns `x_1`, `x_2`, `y_1` and `y_2` exist"
    );
    assert_eq!(
        said("path,label\nimages/a.png,1\nimages/b.png,\nimages/c.png,1.5\n"),
        "ROOT/m.csv: line 3: there is no label; line 4: the label 1.5 is not a class: it must be a name or an integer"
    );
    assert_eq!(
        said("path,label\nimages/a.png,1\nimages/a.png,2\n,3\n"),
        "ROOT/m.csv: line 3: `images/a.png` is already in line 2; line 4: there is no path"
    );
    assert_eq!(
        said("path,label,is_query\nimages/a.png,1,maybe\n"),
        "ROOT/m.csv: line 2: `maybe` is neither true nor false"
    );
    let boxed = |numbers: &str| said(&format!("path,label,x_1,x_2,y_1,y_2\nimages/a.png,1,{numbers}\n"));
    assert_eq!(boxed("1,1,0,2"), "ROOT/m.csv: line 2: its box from (1, 0) to (1, 2) has no pixels");
    assert_eq!(
        boxed("-1,1,0,2"),
        "ROOT/m.csv: line 2: `-1` is not a pixel of a box: it must be an integer of at least 0"
    );
    assert!(boxed("1,2,,2").starts_with("ROOT/m.csv: line 2: its box is incomplete"));
    assert_eq!(
        boxed("0,5,0,2"),
        "1 of 1 images can't be read: `images/a.png, line 2` (its box from (0, 0) to (5, 2) is not inside its 4 x 2 pixels)"
    );
}

#[test]
fn all_missing_files_are_counted_and_twenty_named() {
    let folder = images();
    let rows: String = (0..25).map(|at| format!("gone/{at}.png,x\n")).collect();
    write(folder.path(), "m.csv", format!("path,label\nimages/a.png,x\n{rows}"));
    let of = source("manifest", &folder.path().join("m.csv"));
    let message = refused(&of, folder.path());
    assert!(
        message.starts_with("ROOT/m.csv: 25 of 26 listed images are missing: `gone/0.png` (line 3), "),
        "{message}"
    );
    assert!(message.ends_with("`gone/19.png` (line 22) and 5 more"), "{message}");
    assert_eq!(
        of.loader()
            .digests(&simpipe_base::digest::Digest::of_file)
            .unwrap_err()
            .to_string()
            .replace(folder.path().to_str().unwrap(), "ROOT"),
        message
    );
}

#[test]
fn empty_files_are_named_or_left_out() {
    let folder = images();
    write(folder.path(), "images/empty.jpg", "");
    write(folder.path(), "m.tsv", "path\tlabel\nimages/empty.jpg\tx\nimages/b.png\ty\n");
    let path = folder.path().join("m.tsv");
    assert_eq!(
        refused(&source("manifest", &path), folder.path()),
        "1 of 2 images can't be read: `images/empty.jpg, line 2` (empty file)"
    );
    let skip = with("manifest", &path, &serde_json::json!({ "on-corrupt": "skip" }));
    let (seen, loaded) = load(&skip, None).unwrap();
    assert_eq!((seen.len(), loaded.skipped), (1, vec!["images/empty.jpg, line 2".to_owned()]));
    assert_eq!(skip.loader().facts().splits, None, "what is left is known when it is read");
}

#[test]
fn damaged_tables_are_refused_without_a_panic() {
    let folder = images();
    write(folder.path(), "df.csv", OML);
    let path = folder.path().join("df.csv");
    survives(&source("manifest", &path), &path);
    write(
        folder.path(),
        "df.jsonl",
        "{\"path\": \"images/a.png\", \"label\": 1}\n{\"path\": \"images/b.png\", \"label\": 2}\n",
    );
    let path = folder.path().join("df.jsonl");
    survives(&source("manifest", &path), &path);
    let path = folder.path().join("df.parquet");
    let columns = vec![Column::text("path", &["images/a.png", "images/b.png"]), Column::i32("label", &[1, 2])];
    write_parquet(&path, columns).unwrap();
    survives(&source("manifest", &path), &path);
}
