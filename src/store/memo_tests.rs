//! Which files are read again, told by memos that were made to lie: what comes from them is not what is there.

use std::time::{Duration, SystemTime};

use super::*;

/// What a lying memo says of every file.
const LIE: &[u8] = b"a lie";

/// Waits until a change of a file from now on is seen for sure.
fn settle(file: &Path) {
    let look = || fs::stat(file).map(|stat| Volumes::default().look(file, &stat));
    for _ in 0..2000 {
        if look().unwrap().lasted(look()).is_some() {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("{} is never settled", file.display());
}

fn set_modified(file: &Path, to: SystemTime) {
    std::fs::File::options().write(true).open(file).unwrap().set_modified(to).unwrap();
}

/// Changes a file and sets its mtime back; its size stays if the text is as long as the old one.
fn change_in_secret(file: &Path, bytes: &str) {
    let modified = std::fs::metadata(file).unwrap().modified().unwrap();
    std::fs::write(file, bytes).unwrap();
    set_modified(file, modified);
}

/// Replaces every digest in every memo.
fn make_memos_lie(store: &Store, contents: &[&str]) {
    for memo in store.files_below("stat").unwrap() {
        let mut text = std::fs::read_to_string(&memo).unwrap();
        for content in contents {
            text = text.replace(&Digest::of(content.as_bytes()).to_string(), &Digest::of(LIE).to_string());
        }
        std::fs::write(&memo, text).unwrap();
    }
}

struct Site {
    folder: tempfile::TempDir,
    store: Store,
}

impl Site {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store")).unwrap();
        Self { folder, store }
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }
}

#[test]
fn a_changed_file_is_read_again_and_a_settled_one_is_not() {
    let site = Site::new();
    let file = site.file("a", "one");
    let digest = || site.store.digest_file(&file).unwrap();
    assert_eq!(digest(), Digest::of(b"one"));
    std::fs::write(&file, "two").unwrap();
    assert_eq!(digest(), Digest::of(b"two"));
    settle(&file);
    assert_eq!(digest(), Digest::of(b"two"));
    make_memos_lie(&site.store, &["two"]);
    assert_eq!(digest(), Digest::of(LIE), "remembered");
    assert_eq!(site.store.clone().verifying().digest_file(&file).unwrap(), Digest::of(b"two"), "read all the same");
    assert_eq!(digest(), Digest::of(b"two"), "and put right");
    make_memos_lie(&site.store, &["two"]);
    change_in_secret(&file, "six");
    assert_eq!(digest(), Digest::of(b"six"));
    settle(&file);
    digest();
    make_memos_lie(&site.store, &["six"]);
    Contents::forget(&site.store, &file);
    assert_eq!(digest(), Digest::of(b"six"), "forgotten");
}

#[test]
fn whatever_takes_a_files_place_is_read() {
    let site = Site::new();
    let file = site.file("set/a", "one");
    let old = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    let other = |name: &str, text: &str| {
        let path = site.file(name, text);
        set_modified(&path, old);
        path
    };
    set_modified(&file, old);
    let remembered = |content: &str| {
        settle(&file);
        site.store.digest_file(&file).unwrap();
        make_memos_lie(&site.store, &[content]);
        assert_eq!(site.store.digest_file(&file).unwrap(), Digest::of(LIE));
    };
    let digest = || site.store.digest_file(&file).unwrap();
    remembered("one");
    std::fs::rename(other("b", "two"), &file).unwrap();
    assert_eq!(digest(), Digest::of(b"two"), "renamed over it");
    remembered("two");
    std::fs::remove_file(&file).unwrap();
    other("set/a", "six");
    assert_eq!(digest(), Digest::of(b"six"), "removed and made anew, often with the same inode");
    remembered("six");
    let set = site.folder.path().join("set");
    other("new/a", "ten");
    std::fs::rename(&set, site.folder.path().join("old")).unwrap();
    std::fs::rename(site.folder.path().join("new"), &set).unwrap();
    assert_eq!(digest(), Digest::of(b"ten"), "another folder in place of its folder");
    remembered("ten");
    std::fs::rename(&set, site.folder.path().join("aside")).unwrap();
    std::os::unix::fs::symlink(site.folder.path().join("old"), &set).unwrap();
    assert_eq!(digest(), Digest::of(b"six"), "a link in place of its folder");
    let second = site.folder.path().join("second");
    std::fs::hard_link(&file, &second).unwrap();
    remembered("six");
    change_in_secret(&second, "odd");
    assert_eq!(digest(), Digest::of(b"odd"), "written through its other name");
}

#[test]
fn what_was_read_of_another_file_is_not_remembered() {
    let site = Site::new();
    let (file, set) = (site.file("set/a", "one"), site.folder.path().join("set"));
    let [other, aside] = ["other", "aside"].map(|name| site.folder.path().join(name));
    site.file("other/a", "two");
    settle(&file);
    // The whole folder is switched away before the file is opened, and back afterwards: no file has changed.
    let stat = fs::stat(&file).unwrap();
    let look = site.store.look(&file, &stat);
    std::fs::rename(&set, &aside).and_then(|()| std::fs::rename(&other, &set)).unwrap();
    let opened = File::open(&file).unwrap();
    std::fs::rename(&set, &other).and_then(|()| std::fs::rename(&aside, &set)).unwrap();
    let memo = || site.store.recall(&file).unwrap().1;
    site.store.remember(&file, &opened, look, memo());
    assert_eq!(site.store.files_below("stat").unwrap(), [] as [PathBuf; 0]);
    site.store.remember(&file, &File::open(&file).unwrap(), look, memo());
    assert_eq!(site.store.files_below("stat").unwrap().len(), 1);
}

#[test]
fn what_is_dated_in_the_future_is_read_each_time() {
    let site = Site::new();
    let file = site.file("a", "one");
    settle(&file);
    set_modified(&file, SystemTime::now() + Duration::from_secs(1000));
    site.store.digest_file(&file).unwrap();
    site.store.digests(site.folder.path(), &[&file]).unwrap();
    make_memos_lie(&site.store, &["one"]);
    assert_eq!(site.store.digest_file(&file).unwrap(), Digest::of(b"one"));
    assert_eq!(site.store.digests(site.folder.path(), &[&file]).unwrap(), [Digest::of(b"one")]);
}

#[test]
fn the_files_of_a_folder_share_one_memo() {
    let site = Site::new();
    let (store, images) = (&site.store, site.folder.path().join("images"));
    let paths: Vec<PathBuf> = ["a", "b", "c"].map(|name| site.file(&format!("images/train/{name}"), "old")).into();
    let digests = |paths: &[PathBuf]| {
        let paths: Vec<&Path> = paths.iter().map(PathBuf::as_path).collect();
        store.digests(&images, &paths).unwrap()
    };
    let of = |texts: [&[u8]; 3]| texts.map(Digest::of);
    assert_eq!(digests(&paths), of([b"old"; 3]));
    std::fs::write(&paths[0], "new").unwrap();
    assert_eq!(digests(&paths), of([b"new", b"old", b"old"]), "what was written just now was not remembered");
    paths.iter().for_each(|path| settle(path));
    digests(&paths);
    assert_eq!(store.files_below("stat").unwrap().len(), 1);
    make_memos_lie(store, &["new", "old"]);
    assert_eq!(digests(&paths), of([LIE; 3]), "remembered");
    change_in_secret(&paths[1], "odd");
    assert_eq!(digests(&paths), of([LIE, b"odd", LIE]), "one is read again, the others are not");
    std::fs::remove_file(&paths[1]).unwrap();
    assert_eq!(digests(&[paths[0].clone(), paths[2].clone()]), [Digest::of(LIE); 2]);
    assert_eq!(store.digests(&images, &[&paths[1]]).unwrap_err().0, paths[1]);
    Contents::forget(store, &images);
    assert_eq!(digests(&[paths[0].clone(), paths[2].clone()]), [Digest::of(b"new"), Digest::of(b"old")]);
}

#[test]
fn memos_of_older_versions_are_misses_and_those_of_objects_stay_good() {
    let site = Site::new();
    let file = site.file("a", "one");
    let object = site.file("store/cas/aa/aabb", "one");
    set_modified(&object, SystemTime::now() - Duration::from_secs(9));
    settle(&file);
    let look = |path: &Path| {
        use std::os::unix::fs::MetadataExt;
        let found = std::fs::metadata(path).unwrap();
        (found.size(), found.mtime(), found.mtime_nsec(), found.ino())
    };
    let lie = Digest::of(LIE);
    let write = |place: &Place, memo: serde_json::Value| site.store.write_memo(place, &memo);
    let [of_file, of_object] = [site.store.place(&file), site.store.place(&object)];
    let of_folder = Place::folder(site.folder.path());
    write(&of_file, serde_json::json!({ "place": of_file, "stamp": look(&file), "digest": lie, "facts": {} }));
    write(&of_object, serde_json::json!({ "place": of_object, "stamp": look(&object), "digest": lie, "facts": {} }));
    write(&of_folder, serde_json::json!({ "place": of_folder, "files": { "a": (look(&file), lie) } }));
    assert_eq!(site.store.digest_file(&file).unwrap(), Digest::of(b"one"));
    assert_eq!(site.store.digests(site.folder.path(), &[&file]).unwrap(), [Digest::of(b"one")]);
    assert_eq!(site.store.digest_file(&object).unwrap(), lie);
    assert_eq!(site.store.stale_memos(&|_| false).unwrap(), [] as [PathBuf; 0]);
}

#[test]
fn a_link_to_an_object_costs_no_reread() {
    let site = Site::new();
    let object = site.file("store/cas/aa/aabb", "one");
    set_modified(&object, SystemTime::now() - Duration::from_secs(9));
    site.store.digest_file(&object).unwrap();
    make_memos_lie(&site.store, &["one"]);
    std::fs::hard_link(&object, site.folder.path().join("link")).unwrap();
    assert_eq!(site.store.digest_file(&object).unwrap(), Digest::of(LIE));
    let source = site.file("store/downloads/a", "one");
    settle(&source);
    site.store.digest_file(&source).unwrap();
    make_memos_lie(&site.store, &["one"]);
    change_in_secret(&source, "two");
    assert_eq!(site.store.digest_file(&source).unwrap(), Digest::of(b"two"), "what lies elsewhere in it is a source");
}

#[test]
fn a_fact_of_a_file_is_found_out_once_and_stands_beside_its_digest() {
    let site = Site::new();
    let (store, file) = (&site.store, site.file("a", "one"));
    settle(&file);
    let length = |file: &mut File| std::io::read_to_string(file).map(|text| text.len().to_string());
    assert_eq!(store.fact(&file, "length", &length).unwrap(), "3");
    assert_eq!(store.fact(&file, "length", &|_| unreachable!("it is remembered")).unwrap(), "3");
    assert_eq!(store.digest_file(&file).unwrap(), Digest::of(b"one"));
    assert_eq!(store.fact(&file, "length", &|_| unreachable!("the digest took its place")).unwrap(), "3");
    assert_eq!(store.clone().verifying().fact(&file, "length", &|_| Ok("4".to_owned())).unwrap(), "4", "found anew");
    std::fs::write(&file, "fifth").unwrap();
    assert_eq!(store.fact(&file, "length", &length).unwrap(), "5");
}

#[test]
fn a_word_of_a_server_is_never_stale() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    store.write_memo(
        &Place::Server("s3://bucket".to_owned()),
        &serde_json::json!({ "place": { "server": "s3://bucket" } }),
    );
    assert_eq!(store.files_below("stat").unwrap().len(), 1);
    assert_eq!(store.stale_memos(&|_| true).unwrap(), [] as [PathBuf; 0]);
}

#[test]
fn memos_of_files_that_are_gone_are_stale() {
    let site = Site::new();
    let (store, [stays, goes]) = (&site.store, ["stays", "goes"].map(|name| site.file(name, "x")));
    for file in [&stays, &goes] {
        settle(file);
        store.digest_file(file).unwrap();
    }
    assert!(store.stale_memos(&|_| false).unwrap().is_empty());
    assert_eq!(store.stale_memos(&|path| path == stays).unwrap().len(), 1);
    std::fs::remove_file(&goes).unwrap();
    assert_eq!(store.stale_memos(&|_| false).unwrap().len(), 1);
}
