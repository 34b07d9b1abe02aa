//! Reading results: every object is checked before it is handed on.

use std::io::{self, ErrorKind};
use std::path::Path;

use super::aside::damage_of;
use super::{AcEntry, Declared, FileRecord, Store, StoreError, WHATEVER, fs};
use simpipe_base::digest::Digest;
use simpipe_base::fs::expect_regular;

/// The most bytes that an entry may have: none comes near it, and a file without end must not fill the memory.
const LARGEST_ENTRY: u64 = 256 << 20;

/// What is stored under a key.
#[derive(Debug, Clone, PartialEq)]
pub enum Found {
    /// A result with all its objects intact.
    Hit(AcEntry),
    /// Nothing.
    Miss,
    /// A result that can't be used.
    Damaged(Damage),
}

/// What is wrong with a stored result.
#[derive(Debug, Clone, PartialEq)]
pub struct Damage {
    /// The file's name, or `entry` for the entry itself.
    pub file: String,
    /// Such as `its bytes have changed`.
    pub what: String,
    /// Objects that are to blame.
    pub(super) objects: Vec<Digest>,
}

impl Damage {
    /// Of an entry itself.
    fn of_entry(what: impl Into<String>) -> Self {
        Self { file: "entry".to_owned(), what: what.into(), objects: Vec::new() }
    }
}

impl std::fmt::Display for Damage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "stored `{}` is damaged: {}", self.file, self.what)
    }
}

impl Store {
    /// The result under a key, whatever files it has: see [`Store::lookup_declared`].
    ///
    /// # Errors
    /// As there.
    pub fn lookup(&self, key: Digest) -> Result<Found, StoreError> {
        self.lookup_declared(key, WHATEVER)
    }

    /// The result under a key, fetched from the object store if only that has it intact; a damaged one is moved to
    /// `quarantine/`, so that the next lookup is a miss. One that lacks a declared file is damaged.
    ///
    /// # Errors
    /// If the file system refuses.
    pub fn lookup_declared(&self, key: Digest, declared: Declared<'_>) -> Result<Found, StoreError> {
        let hold = self.share_if_writable()?;
        let mut found = self.inspect_held(key, declared)?;
        drop(hold); // a transfer may take its time
        if matches!(found, Found::Damaged(_)) {
            found = self.set_aside(key, declared)?;
        }
        if !matches!(found, Found::Hit(_))
            && let Some(entry) = self.fetch_from_remote(key, declared)?
        {
            if let Found::Damaged(damage) = &found {
                self.warn_of_fetched(damage);
            }
            return Ok(Found::Hit(entry));
        }
        Ok(found)
    }

    /// The result under a key, whatever files it has; changes nothing, and waits for nobody.
    ///
    /// # Errors
    /// If the file system refuses.
    pub fn inspect(&self, key: Digest) -> Result<Found, StoreError> {
        self.inspect_declared(key, WHATEVER)
    }

    /// The same, where one that lacks a declared file is damaged.
    ///
    /// # Errors
    /// If the file system refuses.
    pub fn inspect_declared(&self, key: Digest, declared: Declared<'_>) -> Result<Found, StoreError> {
        loop {
            let found = self.inspect_only(key, declared)?;
            // Gc and whoever finds damage take the entry away before its objects: then it is a miss.
            let Found::Damaged(damage) = found else { return Ok(found) };
            let again = self.inspect_only(key, declared)?;
            if again == Found::Damaged(damage) || !matches!(again, Found::Damaged(_)) {
                return Ok(again);
            }
        }
    }

    /// What the key of a result is the digest of, as its entry says; `None` if the local store has no sound entry. Its files
    /// are not looked at.
    #[must_use]
    pub fn key_parts(&self, key: Digest) -> Option<serde_json::Value> {
        Some(self.read_entry(key).ok()??.ok()?.key_parts)
    }

    /// What the local store has, for whoever holds it already.
    pub(super) fn inspect_held(&self, key: Digest, declared: Declared<'_>) -> Result<Found, StoreError> {
        self.inspect_with(key, declared, &|file| self.problem(file))
    }

    /// The same for whoever only looks: not even what was read is remembered.
    fn inspect_only(&self, key: Digest, declared: Declared<'_>) -> Result<Found, StoreError> {
        self.inspect_with(key, declared, &|file| self.problem_told_by(file, &|path| self.digest_unremembered(path)))
    }

    /// The same, with another way to tell what is wrong with an object.
    pub(super) fn inspect_with(
        &self,
        key: Digest,
        declared: Declared<'_>,
        problem: &dyn Fn(FileRecord) -> Result<Option<&'static str>, StoreError>,
    ) -> Result<Found, StoreError> {
        let entry = match self.read_entry(key)? {
            None => return Ok(Found::Miss),
            Some(Err(what)) => return Ok(Found::Damaged(Damage::of_entry(what))),
            Some(Ok(entry)) => entry,
        };
        if let Some(name) = entry.lacking(declared) {
            return Ok(Found::Damaged(Damage::of_entry(format!("it lacks the file `{name}`"))));
        }
        let mut damages = Vec::new();
        for (name, file) in &entry.files {
            if let Some(what) = problem(*file)? {
                damages.push((name, what, file.digest));
            }
        }
        let Some((name, what, _)) = damages.first() else { return Ok(Found::Hit(entry)) };
        let objects = damages.iter().map(|(_, _, digest)| *digest).collect();
        Ok(Found::Damaged(Damage { file: name.to_string(), what: (*what).to_owned(), objects }))
    }

    /// The entry under a key, or what is wrong with it; `None` if nothing is there.
    fn read_entry(&self, key: Digest) -> Result<Option<Result<AcEntry, String>>, StoreError> {
        let path = self.entry_path(key);
        match fs::metadata(&path) {
            Ok(there) if expect_regular(there.file_type()).is_err() => {
                return Ok(Some(Err("it is not a file".to_owned())));
            }
            Ok(there) if there.len() > LARGEST_ENTRY => return Ok(Some(Err("it is far too long".to_owned()))),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let dangling = std::fs::symlink_metadata(&path).is_ok();
                return Ok(dangling.then(|| Err("it is a link to nothing".to_owned())));
            }
            Ok(_) | Err(_) => {}
        }
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(AcEntry::parse(key, &bytes))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None), // gone meanwhile
            Err(error) => match damage_of(error) {
                Ok(what) => Ok(Some(Err(what.to_owned()))),
                Err(error) => Err(StoreError::io("read", &path)(error)),
            },
        }
    }

    /// What is wrong with an object; its bytes are read only if they may have changed since the last time.
    ///
    /// # Errors
    /// If that can't be said: the object may be intact and out of reach for now.
    pub(super) fn problem(&self, file: FileRecord) -> Result<Option<&'static str>, StoreError> {
        self.problem_told_by(file, &|path| self.digest_file(path))
    }

    fn problem_told_by(
        &self,
        file: FileRecord,
        digest: &dyn Fn(&Path) -> io::Result<Digest>,
    ) -> Result<Option<&'static str>, StoreError> {
        let path = self.object(file.digest);
        let unread = |error| damage_of(error).map(Some).map_err(StoreError::io("read", &path));
        match fs::metadata(&path) {
            Err(error) => return unread(error),
            Ok(there) if expect_regular(there.file_type()).is_err() => return Ok(Some("it is not a file")),
            Ok(there) if there.len() != file.size => return Ok(Some("its size has changed")),
            Ok(_) => {}
        }
        match digest(&path) {
            Ok(digest) if digest == file.digest => Ok(None),
            Ok(_) => Ok(Some("its bytes have changed")),
            Err(error) => unread(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Produced;

    fn stored(root: &Path) -> (Store, Digest, AcEntry) {
        let store = Store::open(root).unwrap();
        let scratch = store.scratch().unwrap();
        std::fs::create_dir(scratch.output().join("figures")).unwrap();
        std::fs::write(scratch.output().join("figures/01-a.png"), "picture").unwrap();
        std::fs::write(scratch.output().join("a.json"), "{}").unwrap();
        let key = Digest::of(b"key");
        let entry = store.publish(scratch, key, Produced { seconds: 1.5, ..Produced::default() }).unwrap();
        (store, key, entry)
    }

    /// Overwrites a read-only object as a failing disk would.
    fn overwrite(path: &Path, bytes: &str) {
        std::fs::remove_file(path).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    #[test]
    fn what_was_published_is_found_and_can_be_put_into_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let (store, key, entry) = stored(&folder.path().join("store"));
        assert!(entry.files.keys().map(|name| name.as_str()).eq(["a.json", "figures/01-a.png"]));
        assert_eq!(entry.files["figures/01-a.png"], FileRecord { digest: Digest::of(b"picture"), size: 7 });
        assert_eq!(store.lookup(key).unwrap(), Found::Hit(entry.clone()));
        let run = fs::Inside::open(folder.path()).unwrap().make("run").unwrap();
        store.materialise(&entry.files, &run).unwrap();
        assert_eq!(std::fs::read(folder.path().join("run/figures/01-a.png")).unwrap(), b"picture");
        assert_eq!(entry.files_of("figures/").count(), 1);
        assert!(std::fs::metadata(store.object(Digest::of(b"{}"))).unwrap().permissions().readonly());
        assert_eq!(store.lookup(Digest::of(b"other")).unwrap(), Found::Miss);
    }

    #[test]
    fn a_damaged_object_is_moved_aside_and_never_handed_on() {
        for (bytes, what) in [("Picture", "its bytes have changed"), ("pic", "its size has changed")] {
            let folder = tempfile::tempdir().unwrap();
            let (store, key, _) = stored(folder.path());
            overwrite(&store.object(Digest::of(b"picture")), bytes);
            assert!(matches!(store.inspect(key).unwrap(), Found::Damaged(_)));
            let Found::Damaged(damage) = store.lookup(key).unwrap() else { panic!("damage must be found") };
            assert_eq!(damage.to_string(), format!("stored `figures/01-a.png` is damaged: {what}"));
            assert_eq!(store.lookup(key).unwrap(), Found::Miss);
            assert!(!store.object(Digest::of(b"picture")).exists());
            assert_eq!(std::fs::read_dir(folder.path().join("quarantine")).unwrap().count(), 2);
        }
    }

    #[test]
    fn a_lost_object_and_a_cut_entry_are_misses() {
        let folder = tempfile::tempdir().unwrap();
        let (store, key, _) = stored(folder.path());
        std::fs::remove_file(store.object(Digest::of(b"picture"))).unwrap();
        assert!(matches!(store.lookup(key).unwrap(), Found::Damaged(damage) if damage.what == "it is gone"));
        assert_eq!(store.lookup(key).unwrap(), Found::Miss);
        stored(folder.path());
        std::fs::write(store.entry_path(key), "{\"format\": 1").unwrap();
        assert!(matches!(store.lookup(key).unwrap(), Found::Damaged(damage) if damage.file == "entry"));
        assert_eq!(store.lookup(key).unwrap(), Found::Miss);
    }

    #[test]
    fn objects_without_an_entry_are_a_miss_and_publishing_again_heals_a_half_object() {
        let folder = tempfile::tempdir().unwrap();
        let (store, key, _) = stored(folder.path());
        // Killed after the objects and before the entry; one object is cut short as by a lost write.
        std::fs::remove_file(store.entry_path(key)).unwrap();
        overwrite(&store.object(Digest::of(b"picture")), "pict");
        assert_eq!(store.lookup(key).unwrap(), Found::Miss);
        let (_, _, entry) = stored(folder.path());
        assert_eq!(store.lookup(key).unwrap(), Found::Hit(entry));
        assert_eq!(std::fs::read(store.object(Digest::of(b"picture"))).unwrap(), b"picture");
    }

    #[test]
    fn the_first_writer_of_an_entry_wins() {
        let folder = tempfile::tempdir().unwrap();
        let (store, key, first) = stored(folder.path());
        let scratch = store.scratch().unwrap();
        std::fs::write(scratch.output().join("a.json"), "[]").unwrap();
        assert_eq!(store.publish(scratch, key, Produced::default()).unwrap(), first);
    }
}
