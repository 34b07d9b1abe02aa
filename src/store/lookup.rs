//! Reading results: every object is checked before it is handed on.

use std::io::ErrorKind;

use super::{AcEntry, FileRecord, Store, StoreError, fs, scratch};
use crate::base::digest::Digest;

/// What Linux says of bytes that a disk has lost: `EIO`, `EBADMSG`, `EUCLEAN`. A folder that is forbidden or too many
/// open files are not among them.
const BAD_DISK: [i32; 3] = [5, 74, 117];

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
    pub what: &'static str,
    /// Objects to move aside.
    objects: Vec<Digest>,
}

impl std::fmt::Display for Damage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "stored `{}` is damaged: {}", self.file, self.what)
    }
}

impl Store {
    /// The result under a key, fetched from the object store if only that has it intact; a damaged one is moved to
    /// `quarantine/`, so that the next lookup is a miss.
    ///
    /// # Errors
    /// If the file system refuses.
    pub fn lookup(&self, key: Digest) -> Result<Found, StoreError> {
        let hold = self.share_if_writable()?;
        let found = self.lookup_held(key)?;
        drop(hold); // a transfer may take its time
        if !matches!(found, Found::Hit(_))
            && let Some(entry) = self.fetch_from_remote(key)?
        {
            if let Found::Damaged(damage) = &found {
                self.warn_of_fetched(damage);
            }
            return Ok(Found::Hit(entry));
        }
        Ok(found)
    }

    /// What the local store has, for whoever holds it already.
    pub(super) fn lookup_held(&self, key: Digest) -> Result<Found, StoreError> {
        let found = self.inspect_held(key)?;
        if let Found::Damaged(damage) = &found {
            self.quarantine_entry(key)?;
            damage.objects.iter().try_for_each(|digest| self.quarantine_object(*digest))?;
        }
        Ok(found)
    }

    /// The result under a key; changes nothing, and waits for nobody.
    ///
    /// # Errors
    /// If the file system refuses.
    pub fn inspect(&self, key: Digest) -> Result<Found, StoreError> {
        loop {
            let found = self.inspect_held(key)?;
            // Gc and whoever finds damage take the entry away before its objects: then it is a miss.
            let Found::Damaged(damage) = found else { return Ok(found) };
            let again = self.inspect_held(key)?;
            if again == Found::Damaged(damage) || !matches!(again, Found::Damaged(_)) {
                return Ok(again);
            }
        }
    }

    fn inspect_held(&self, key: Digest) -> Result<Found, StoreError> {
        let path = self.entry_path(key);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Found::Miss),
            Err(error) => return Err(StoreError::io("read", &path)(error)),
        };
        let Some(entry) = AcEntry::parse(key, &bytes) else {
            let damage = Damage { file: "entry".to_owned(), what: "it is not readable", objects: Vec::new() };
            return Ok(Found::Damaged(damage));
        };
        let mut damages = Vec::new();
        for (name, file) in &entry.files {
            if let Some(what) = self.problem(*file)? {
                damages.push((name, what, file.digest));
            }
        }
        let Some((name, what, _)) = damages.first() else { return Ok(Found::Hit(entry)) };
        let objects = damages.iter().map(|(_, _, digest)| *digest).collect();
        Ok(Found::Damaged(Damage { file: (*name).clone(), what, objects }))
    }

    /// What is wrong with an object; its bytes are read only if they may have changed since the last time.
    ///
    /// # Errors
    /// If that can't be said: the object may be intact and out of reach for now.
    pub(super) fn problem(&self, file: FileRecord) -> Result<Option<&'static str>, StoreError> {
        let path = self.object(file.digest);
        let unread = |error: std::io::Error| match error.kind() {
            ErrorKind::NotFound => Ok(Some("it is gone")),
            _ if error.raw_os_error().is_some_and(|code| BAD_DISK.contains(&code)) => Ok(Some("it can't be read")),
            _ => Err(StoreError::io("read", &path)(error)),
        };
        match fs::metadata(&path) {
            Err(error) => return unread(error),
            Ok(metadata) if metadata.len() != file.size => return Ok(Some("its size has changed")),
            Ok(_) => {}
        }
        match self.digest_file(&path) {
            Ok(digest) if digest == file.digest => Ok(None),
            Ok(_) => Ok(Some("its bytes have changed")),
            Err(error) => unread(error),
        }
    }

    /// Moves an object aside, if it is there.
    pub(super) fn quarantine_object(&self, digest: Digest) -> Result<(), StoreError> {
        let object = self.object(digest);
        self.forget(&object);
        self.quarantine(&object, &digest.to_string())
    }

    /// Moves an entry aside, if it is there.
    pub(super) fn quarantine_entry(&self, key: Digest) -> Result<(), StoreError> {
        self.quarantine(&self.entry_path(key), &format!("{key}.json"))
    }

    pub(super) fn quarantine(&self, path: &std::path::Path, name: &str) -> Result<(), StoreError> {
        if !path.exists() {
            return Ok(()); // somebody else was first
        }
        fs::rename(path, &self.folder("quarantine").join(format!("{name}.{}", scratch::unique_name())))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::store::Produced;

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
        assert_eq!(entry.files.keys().collect::<Vec<_>>(), ["a.json", "figures/01-a.png"]);
        assert_eq!(entry.files["figures/01-a.png"], FileRecord { digest: Digest::of(b"picture"), size: 7 });
        assert_eq!(store.lookup(key).unwrap(), Found::Hit(entry.clone()));
        store.materialise(&entry.files, &folder.path().join("run")).unwrap();
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
