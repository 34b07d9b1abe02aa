//! Signs of life: the files of what this process holds get the time of now every few seconds, for those who can't see
//! the process itself.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::time::Duration;

use super::fs;

/// How often.
const EVERY: Duration = Duration::from_secs(3);

/// Whoever is silent for longer has lost its network or its life; a machine that is very busy has not.
pub(super) const SILENT: Duration = Duration::from_secs(30);

/// What this process holds, and how often: where locks do nothing, two threads can hold the same.
static HELD: Mutex<BTreeMap<PathBuf, usize>> = Mutex::new(BTreeMap::new());

/// Keeps the signs of a file coming until it is dropped.
#[derive(Debug)]
pub(super) struct Signs {
    path: PathBuf,
}

impl Signs {
    /// Of a file that is there, and was just made or changed.
    pub(super) fn of(path: &Path) -> Self {
        static THREAD: Once = Once::new();
        let path = resolved(path);
        *held().entry(path.clone()).or_default() += 1;
        THREAD.call_once(|| {
            // Without it other machines take this process for dead after a while; it works all the same.
            drop(std::thread::Builder::new().name("signs".to_owned()).stack_size(1 << 16).spawn(give));
        });
        Self { path }
    }
}

impl Drop for Signs {
    fn drop(&mut self) {
        let mut held = held();
        if let Some(count) = held.get_mut(&self.path) {
            *count -= 1;
            if *count == 0 {
                held.remove(&self.path);
            }
        }
    }
}

fn held() -> MutexGuard<'static, BTreeMap<PathBuf, usize>> {
    HELD.lock().unwrap_or_else(PoisonError::into_inner)
}

/// By whichever path somebody has come to it.
fn resolved(path: &Path) -> PathBuf {
    let folder = path.parent().and_then(|folder| folder.canonicalize().ok());
    folder.zip(path.file_name()).map_or_else(|| path.to_path_buf(), |(folder, name)| folder.join(name))
}

fn give() {
    loop {
        std::thread::sleep(EVERY);
        let paths: Vec<PathBuf> = held().keys().cloned().collect();
        paths.iter().for_each(|path| drop(fs::touch(path)));
    }
}

/// Whether this process holds it.
pub(super) fn shows(path: &Path) -> bool {
    held().contains_key(&resolved(path))
}
