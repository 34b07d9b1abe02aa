//! What is damaged, lost or malicious on one side is never used, and healed from the other.

use super::*;

#[test]
fn an_entry_whose_objects_are_gone_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let [a, b] = ["a", "b"].map(|name| folder_store(&folder.path().join(name), &folder.path().join("remote")));
    let key = Digest::of(b"key");
    let lost = publish(&a, key, "first").files["a.txt"].digest.to_string();
    std::fs::remove_file(folder.path().join("remote/cas").join(&lost[..2]).join(&lost)).unwrap();
    assert_eq!(b.lookup(key).unwrap(), Found::Miss);
    assert!(b.take_warnings()[0].contains("stored `a.txt` in file://"));
    let second = publish(&b, key, "second");
    let c = folder_store(&folder.path().join("c"), &folder.path().join("remote"));
    assert_eq!(c.lookup(key).unwrap(), Found::Hit(second));
}

#[test]
fn damage_on_one_side_is_healed_from_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let [a, b] = ["a", "b"].map(|name| folder_store(&folder.path().join(name), &folder.path().join("remote")));
    let key = Digest::of(b"key");
    let entry = publish(&a, key, "text");
    overwrite(&a.object(Digest::of(b"text")), b"test");
    assert_eq!(a.lookup(key).unwrap(), Found::Hit(entry.clone()), "fetched again");
    let warning = a.take_warnings().concat();
    assert!(warning.contains("its bytes have changed") && warning.contains("fetched again from file://"), "{warning}");
    assert_eq!(std::fs::read(a.object(Digest::of(b"text"))).unwrap(), b"text");

    let there = folder.path().join(format!("remote/ac/{key}.json"));
    overwrite(&there, b"{\"format\": 1,");
    assert_eq!(b.lookup(key).unwrap(), Found::Miss);
    assert!(b.take_warnings()[0].starts_with("stored `entry` in file://"));
    let again = publish(&b, key, "text");
    assert_eq!(
        folder_store(&folder.path().join("c"), &folder.path().join("remote")).lookup(key).unwrap(),
        Found::Hit(again)
    );
}

#[test]
fn an_entry_that_reaches_out_of_its_folder_is_not_taken() {
    let folder = tempfile::tempdir().unwrap();
    let open = |name: &str| folder_store(&folder.path().join(name), &folder.path().join("remote"));
    let key = Digest::of(b"key");
    publish(&open("a"), key, "text");
    let path = folder.path().join(format!("remote/ac/{key}.json"));
    let good: Json = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    for name in ["../../escape.txt", "/tmp/escape.txt", "parts/../../escape.txt", ""] {
        let mut bad = good.clone();
        let file = bad["files"]["a.txt"].take();
        bad["files"] = serde_json::json!({ name: file });
        bad.as_object_mut().unwrap().remove("seal");
        bad["seal"] = Digest::of_json(&bad).to_string().into();
        overwrite(&path, bad.to_string().as_bytes());
        let b = open("b");
        assert_eq!(b.lookup(key).unwrap(), Found::Miss, "{name}");
        assert!(b.take_warnings()[0].starts_with("stored `entry` in file://"), "{name}");
    }
    assert_eq!(publish(&open("b"), key, "text").files.keys().collect::<Vec<_>>(), ["a.txt"]);
    assert!(matches!(open("c").lookup(key).unwrap(), Found::Hit(_)), "it was replaced");
}

#[test]
fn a_damaged_object_is_never_used_and_healed() {
    let server = S3Server::start(true);
    let [first, second, third] = [0, 1, 2].map(|_| Machine::new(server.port()));
    first.shared();
    let object = largest(&server.path("team/cas"));
    let good = std::fs::read(&object).unwrap();
    let mut bad = good.clone();
    let middle = bad.len() / 2;
    bad[middle] ^= 1;
    overwrite(&object, &bad);
    let said = second.shared();
    assert_eq!((said.stages("ran"), said.stages("hit")), (vec!["dataset".to_owned()], vec!["sample".to_owned()]));
    assert!(
        said.err.contains("warning: dataset: stored `images/train.bin` in s3://bucket/team is damaged"),
        "{}",
        said.err
    );
    assert_eq!(std::fs::read(&object).unwrap(), good, "the right bytes are there again");
    assert_eq!(third.shared().stages("hit").len(), 2);
    assert_eq!(results(&first.store()), results(&third.store()));
}

#[test]
fn verify_reads_the_bucket_and_moves_damage_aside() {
    let server = S3Server::start(true);
    let machine = Machine::new(server.port());
    machine.shared();
    let verify = || machine.say(&["store", "verify", "--store", BUCKET, "--json"], &[]);
    let clean = verify();
    assert_eq!((clean.code, &clean.json()["entries"]), (Some(0), &2.into()), "{}", clean.err);
    let object = largest(&server.path("team/cas"));
    let mut bytes = std::fs::read(&object).unwrap();
    bytes[0] ^= 1;
    overwrite(&object, &bytes);
    let looked = machine.say(&["store", "verify", "--store", BUCKET, "--store-read-only"], &[]);
    assert!(looked.code == Some(3) && looked.out.contains("damaged, left where it is: "), "{}", looked.out);
    assert!(server.names("team/quarantine").is_empty());
    let damaged = verify();
    assert_eq!(damaged.code, Some(3));
    assert_eq!(damaged.json()["damaged_objects"][0], object.file_name().unwrap().to_str().unwrap());
    assert_eq!(damaged.json()["dropped_entries"].as_array().unwrap().len(), 1);
    assert_eq!(server.names("team/quarantine").len(), 2);
    assert_eq!(verify().code, Some(0), "the next verify is clean");
}
