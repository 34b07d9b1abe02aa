//! Claims: names that only one process can take, with the owner inside. A claim is taken by a hard link, which either
//! makes the name or finds it taken, on every file system that has links; no lock is held meanwhile. Whether its owner
//! still works is told as for all that the store keeps an [`Owner`] of; who can't see him judges by how long he is silent
//! and by what he has written beside.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::owner::{Life, Owner};
use super::signs::{SILENT, Signs};
use super::{Store, StoreError, fs};

/// A name that this process has taken; until it is dropped others see that it is worked on.
#[derive(Debug)]
pub struct Claim {
    path: PathBuf,
    _signs: Signs,
}

impl Claim {
    /// Takes the name away again, for claims that say nothing once they are over.
    pub fn forget(self) {
        drop(fs::remove_file(&self.path));
    }
}

/// Who has taken a name, as far as it can be told from here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    /// Nobody, or somebody who is gone.
    Nobody,
    /// A process of this machine that is alive.
    Here,
    /// A process of another machine.
    Elsewhere {
        /// How long ago it gave its last sign of life.
        silent: Duration,
        /// What it has written down.
        note: String,
    },
}

/// Gives a file of these bytes a name in a folder, durably; `false` if the name is taken. What has the name is then whole
/// and durable too.
///
/// # Errors
/// If the folder can't be written.
pub fn put_name(folder: &Path, name: &str, bytes: &[u8]) -> Result<bool, StoreError> {
    fs::create_dirs_synced(folder)?;
    let draft = folder.join(format!(".{}.draft", fs::unique_name()));
    fs::write_synced(&draft, bytes)?;
    let placed = fs::put_if_absent(&draft, &folder.join(name));
    drop(fs::remove_file(&draft));
    let placed = placed?;
    fs::sync_dir(folder)?;
    Ok(placed)
}

impl Store {
    /// Takes a name in a folder, with a note for who finds it taken; `None` if somebody has it, alive or not.
    ///
    /// # Errors
    /// If the folder can't be written.
    pub fn claim_name(&self, folder: &Path, name: &str, note: &str) -> Result<Option<Claim>, StoreError> {
        let path = folder.join(name);
        fs::create_dirs_synced(folder)?; // its signs are told by where it really is
        let signs = Signs::of(&path); // before the name is there: nobody may take this process for one that has stopped
        let placed = put_name(folder, name, format!("{}\n{note}", Owner::text()).as_bytes())?;
        Ok(placed.then_some(Claim { path, _signs: signs }))
    }

    /// Whether who has taken a name still works on what it stands for; not if nobody has.
    #[must_use]
    pub fn is_claimed(&self, path: &Path) -> bool {
        match self.holder(path) {
            Holder::Nobody => false,
            Holder::Here => true,
            Holder::Elsewhere { silent, .. } => silent < SILENT,
        }
    }

    /// Who has taken a name.
    #[must_use]
    pub fn holder(&self, path: &Path) -> Holder {
        let text = fs::read(path).ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
        let (owner, note) = text.split_once('\n').unwrap_or((&text, ""));
        let Ok(owner) = owner.parse::<Owner>() else { return Holder::Nobody };
        match self.life_of(Some(&owner), path, Duration::MAX) {
            Life::Dead => Holder::Nobody,
            Life::Alive => Holder::Here,
            Life::Elsewhere => Holder::Elsewhere { silent: self.silent_for(path), note: note.to_owned() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_taken_once_and_free_for_nobody_after() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store")).unwrap();
        let claims = folder.path().join("claims");
        let taken = std::sync::atomic::AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for number in 0..20 {
                        if let Some(claim) = store.claim_name(&claims, &number.to_string(), "").unwrap() {
                            taken.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                            assert!(store.is_claimed(&claims.join(number.to_string())));
                            drop(claim);
                        }
                    }
                });
            }
        });
        assert_eq!(taken.into_inner(), 20);
        let left = std::fs::read_dir(&claims).unwrap().count();
        assert_eq!(left, 20, "no draft stays");
        let claimed = |number: usize| store.is_claimed(&claims.join(number.to_string()));
        assert!(!(0..20).any(claimed), "their owner has stopped");
    }

    #[test]
    fn a_dead_processes_claim_is_told_from_a_living_ones() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store")).unwrap();
        let path = folder.path().join("claim");
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let start = Owner::start_of(child.id()).unwrap();
        let here = Owner::here().unwrap().to_string();
        let realm = here.rsplit('-').next().unwrap();
        std::fs::write(&path, format!("{}-{start}-{realm}", child.id())).unwrap();
        assert!(store.is_claimed(&path));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!store.is_claimed(&path));
        assert!(!store.is_claimed(&folder.path().join("none")));
        let claim = store.claim_name(folder.path(), "over", "").unwrap().unwrap();
        claim.forget();
        assert!(!folder.path().join("over").exists());
    }

    #[test]
    fn of_another_machines_claim_its_note_and_its_silence_are_known() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store")).unwrap();
        let claims = folder.path().join("claims");
        let path = claims.join("0-0");
        let claim = std::thread::scope(|scope| {
            let far = scope.spawn(|| {
                super::super::pretend_elsewhere();
                let claim = store.claim_name(&claims, "0-0", "job 7_0\n").unwrap().unwrap();
                assert_eq!(store.holder(&path), Holder::Here, "to itself it is here");
                claim
            });
            far.join().unwrap()
        });
        let Holder::Elsewhere { silent, note } = store.holder(&path) else { panic!("it is far away") };
        assert!(silent < Duration::from_secs(20) && note == "job 7_0\n", "{silent:?} {note}");
        assert!(store.is_claimed(&path));
        drop(claim); // no signs come any more
        let long_ago = std::time::SystemTime::now() - Duration::from_secs(40);
        std::fs::File::options().write(true).open(&path).unwrap().set_modified(long_ago).unwrap();
        let Holder::Elsewhere { silent, .. } = store.holder(&path) else { panic!("it is far away") };
        assert!((38..100).contains(&silent.as_secs()) && !store.is_claimed(&path), "{silent:?}");
    }
}
