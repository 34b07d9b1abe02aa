use crate::source::made_for_tests::{load, png, refused, shard, short, source, survives, with};

#[test]
fn files_of_one_key_are_one_sample() {
    let folder = tempfile::tempdir().unwrap();
    let note = |text: &str| text.as_bytes().to_vec();
    let train = [
        ("0001.png", png(1)),
        ("0001.cls", note("1\n")),
        ("0002.json", note("{\"label\": 0, \"group\": \"g\", \"fold\": 3, \"boxes\": [1]}")),
        ("0002.png", png(2)),
        ("0003.txt", note("no image")),
    ];
    shard(&folder.path().join("train-000000.tar"), &train);
    shard(&folder.path().join("val-000000.tar"), &[("a/7.seg.PNG", png(3)), ("a/7.cls", note("1"))]);
    let of = with("webdataset", folder.path(), &serde_json::json!({ "class-names": ["cat", "dog"] }));
    let (seen, loaded) = load(&of, Some("fold")).unwrap();
    assert_eq!(loaded.classes, ["cat", "dog"]);
    assert_eq!(
        seen.iter().map(|seen| seen.short()).collect::<Vec<_>>(),
        [
            "train dog train-000000.tar/0001.png 1",
            "train cat train-000000.tar/0002.png 2",
            "val dog val-000000.tar/a/7.seg.PNG 3",
        ]
    );
    assert_eq!((seen[1].about.group.as_deref(), seen[1].value.as_deref()), (Some("g"), Some("3")));
    assert_eq!(of.loader().facts().classes, None, "a plan walks through no shard");
}

#[test]
fn without_a_class_the_folder_is_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("photos.tar");
    shard(&path, &[("cat/1.png", png(1)), ("ant/1.png", png(2))]);
    assert_eq!(
        short(&source("webdataset", &path)),
        ["train cat photos.tar/cat/1.png 1", "train ant photos.tar/ant/1.png 2"]
    );
}

#[test]
fn what_is_wrong_is_told_by_its_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.tar");
    let of = source("webdataset", &path);
    shard(&path, &[("1.png", png(1)), ("2.png", png(2)), ("2.cls", b"a".to_vec())]);
    assert_eq!(refused(&of, folder.path()), "ROOT/x.tar: `1` of x.tar: there is no label");
    shard(&path, &[("a/1.png", png(1)), ("a/2.png", png(2)), ("a/1.jpg", png(2))]);
    assert_eq!(refused(&of, folder.path()), "ROOT/x.tar: `a/1` is in x.tar twice");
    shard(&path, &[("1.json", b"[]".to_vec())]);
    assert!(refused(&of, folder.path()).starts_with("ROOT/x.tar: `1.json`: it is not a JSON object"));
    std::fs::write(&path, [7; 600]).unwrap();
    assert!(refused(&of, folder.path()).starts_with("ROOT/x.tar: not a readable .tar: "));
    let names = with("webdataset", &path, &serde_json::json!({ "class-names": ["x"] }));
    shard(&path, &[("1.png", png(1)), ("1.cls", b"1".to_vec())]);
    assert!(refused(&names, folder.path()).contains("the label is 1, where there are 1 class names"));
}

#[test]
fn damaged_shards_are_refused_without_a_panic() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.tar");
    shard(
        &path,
        &[
            ("a/1.png", png(1)),
            ("a/1.json", b"{\"label\": 1}".to_vec()),
            ("a/2.png", png(2)),
            ("a/2.cls", b"2".to_vec()),
        ],
    );
    survives(&source("webdataset", &path), &path);
}
