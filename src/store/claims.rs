//! Claims: names that only one process can take, with the owner inside. A claim is taken by a hard link, which either
//! makes the name or finds it taken, on every file system that has links; no lock is held meanwhile. Whether its owner
//! still works is told as for all that the store keeps an [`Owner`] of.

use std::path::{Path, PathBuf};

use super::owner::{Life, Owner};
use super::signs::{SILENT, Signs};
use super::{Store, StoreError, fs, scratch};

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

impl Store {
    /// Takes a name in a folder; `None` if somebody has it, alive or not.
    ///
    /// # Errors
    /// If the folder can't be written.
    pub fn claim_name(&self, folder: &Path, name: &str) -> Result<Option<Claim>, StoreError> {
        fs::create_dirs_synced(folder)?;
        let path = folder.join(name);
        let draft = folder.join(format!(".{}.draft", scratch::unique_name()));
        fs::write_synced(&draft, Owner::text().as_bytes())?;
        let signs = Signs::of(&path); // before the name is there: nobody may take this process for one that has stopped
        let placed = fs::put_if_absent(&draft, &path);
        drop(fs::remove_file(&draft));
        if placed? {
            fs::sync_dir(folder)?;
            return Ok(Some(Claim { path, _signs: signs }));
        }
        Ok(None)
    }

    /// Whether who has taken a name still works on what it stands for; not if nobody has.
    #[must_use]
    pub fn is_claimed(&self, path: &Path) -> bool {
        let owner = fs::read(path).ok().and_then(|bytes| String::from_utf8(bytes).ok()?.parse::<Owner>().ok());
        owner.is_some_and(|owner| self.life_of(Some(&owner), path, SILENT) != Life::Dead)
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
                        if let Some(claim) = store.claim_name(&claims, &number.to_string()).unwrap() {
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
        let claim = store.claim_name(folder.path(), "over").unwrap().unwrap();
        claim.forget();
        assert!(!folder.path().join("over").exists());
    }
}
