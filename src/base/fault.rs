//! Faults on demand for tests: every operation of [`fs`](super::fs) below a folder can be watched, refused, cut in
//! half, or be the last one of a process.
//!
//! Keyed by folder, so that tests which run side by side don't meet, whatever threads they use. Not in shipped code.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::fs::verb::Verb;

/// No space left on the device.
pub const ENOSPC: i32 = 28;
/// Input/output error.
pub const EIO: i32 = 5;
/// Read-only file system.
pub const EROFS: i32 = 30;
/// Another disk.
const EXDEV: i32 = 18;
/// Permission denied.
pub const EACCES: i32 = 13;
/// No locks available.
pub const ENOLCK: i32 = 37;

/// What goes wrong; the number is that of the operation, from 0, among those that the fault can hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing: operations are only recorded.
    Nothing,
    /// One change is refused with an error of the system.
    Refuse(usize, i32),
    /// One read is refused.
    RefuseRead(usize, i32),
    /// One write lands by half, then the disk is full for it.
    Tear(usize),
    /// The disk is full from here on: names can be taken away and given, bytes can't be written.
    Full(usize),
    /// The process dies before the operation: it and all later ones come to nothing, cleaning up too.
    Die(usize),
    /// The process dies in the middle of a write.
    DieTorn(usize),
    /// Every change is refused from the first on.
    ReadOnly,
    /// The folder is on another disk: nothing is renamed or linked into it or out of it.
    OtherDisk,
    /// Every byte, file and folder is refused with an error of the system; names can be taken away and moved.
    NoRoom(i32),
    /// Every lock is refused with an error of the system.
    NoLocks(i32),
    /// Every lock is given to everybody.
    IdleLocks,
}

/// One recorded operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Op {
    /// What it does.
    pub verb: Verb,
    /// To what.
    pub path: PathBuf,
    /// The other name, where there is one; else the same.
    pub to: PathBuf,
    /// What a link gives a second name to: it may be gone when the trace is read.
    pub linked: Vec<u8>,
}

#[derive(Debug)]
struct State {
    root: PathBuf,
    fault: Fault,
    count: AtomicUsize,
    dead: AtomicBool,
    hit: Mutex<Option<Op>>,
    trace: Mutex<Vec<Op>>,
}

/// Faults below a folder for as long as this lives.
#[derive(Debug)]
pub struct Faults(Arc<State>);

static ACTIVE: RwLock<Vec<Arc<State>>> = RwLock::new(Vec::new());

impl Faults {
    /// Lets `fault` happen to operations below `root`.
    pub fn below(root: &Path, fault: Fault) -> Self {
        let state = Arc::new(State {
            root: root.to_path_buf(),
            fault,
            count: AtomicUsize::new(0),
            dead: AtomicBool::new(false),
            hit: Mutex::default(),
            trace: Mutex::default(),
        });
        ACTIVE.write().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&state));
        Self(state)
    }

    /// The operation that was hit first; `None` while there were too few.
    pub fn hit(&self) -> Option<Op> {
        self.0.hit.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// All operations so far, in order.
    pub fn trace(&self) -> Vec<Op> {
        self.0.trace.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Faults {
    fn drop(&mut self) {
        ACTIVE.write().unwrap_or_else(PoisonError::into_inner).retain(|state| !Arc::ptr_eq(state, &self.0));
    }
}

/// Asked by every operation but writes of bytes.
pub(super) fn before(verb: Verb, path: &Path, to: &Path) -> io::Result<()> {
    meet(verb, path, to, &mut || {
        let bytes = std::fs::read(path)?;
        std::fs::write(to, &bytes[..bytes.len() / 2])
    })
}

/// Asked by every write of bytes.
pub(super) fn before_write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    meet(Verb::Write, path, path, &mut || {
        std::fs::File::options().append(true).open(path)?.write_all(&bytes[..bytes.len() / 2])
    })
}

/// What becomes of a lock, where a fault decides that.
pub(super) fn locked_by_fault(path: &Path) -> Option<io::Result<bool>> {
    let active = ACTIVE.read().unwrap_or_else(PoisonError::into_inner);
    active.iter().filter(|state| path.starts_with(&state.root)).find_map(|state| match state.fault {
        Fault::NoLocks(error) => Some(Err(io::Error::from_raw_os_error(error))),
        Fault::IdleLocks => Some(Ok(true)),
        _ => None,
    })
}

fn meet(verb: Verb, path: &Path, to: &Path, write_half: &mut dyn FnMut() -> io::Result<()>) -> io::Result<()> {
    let active = ACTIVE.read().unwrap_or_else(PoisonError::into_inner);
    let leaves = |state: &State| state.fault == Fault::OtherDisk && path.starts_with(&state.root);
    let states: Vec<_> = active.iter().filter(|state| to.starts_with(&state.root) || leaves(state)).cloned().collect();
    drop(active);
    states.iter().try_for_each(|state| {
        let linked = if verb == Verb::Link { std::fs::read(path).unwrap_or_default() } else { Vec::new() };
        state.meet(Op { verb, path: path.into(), to: to.into(), linked }, write_half)
    })
}

impl State {
    fn meet(&self, op: Op, write_half: &mut dyn FnMut() -> io::Result<()>) -> io::Result<()> {
        if self.dead.load(Ordering::SeqCst) {
            return Err(io::Error::other("this process is dead"));
        }
        self.trace.lock().unwrap_or_else(PoisonError::into_inner).push(op.clone());
        let fills = matches!(op.verb, Verb::Write | Verb::Copy);
        let counted = match self.fault {
            Fault::Nothing | Fault::NoLocks(_) | Fault::IdleLocks => false,
            Fault::OtherDisk => {
                let crosses = op.path.starts_with(&self.root) != op.to.starts_with(&self.root);
                matches!(op.verb, Verb::Rename | Verb::Link) && crosses
            }
            Fault::RefuseRead(..) => op.verb == Verb::Read,
            Fault::Tear(_) | Fault::DieTorn(_) => fills,
            Fault::Refuse(..) | Fault::Full(_) | Fault::Die(_) | Fault::ReadOnly | Fault::NoRoom(_) => {
                op.verb != Verb::Read
            }
        };
        if !counted {
            return Ok(());
        }
        let at = self.count.fetch_add(1, Ordering::SeqCst);
        let hit = |error: i32| {
            self.hit.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(op.clone());
            Err(io::Error::from_raw_os_error(error))
        };
        match self.fault {
            Fault::Refuse(target, error) | Fault::RefuseRead(target, error) if at == target => hit(error),
            Fault::ReadOnly => hit(EROFS),
            Fault::OtherDisk => hit(EXDEV),
            Fault::Full(from) if at >= from && (fills || matches!(op.verb, Verb::CreateDir | Verb::Create)) => {
                hit(ENOSPC)
            }
            Fault::NoRoom(error) if fills || matches!(op.verb, Verb::CreateDir | Verb::Create) || makes_lock(&op) => {
                hit(error)
            }
            Fault::Tear(target) if at == target => {
                write_half()?;
                hit(ENOSPC)
            }
            Fault::Die(target) if at == target => {
                self.dead.store(true, Ordering::SeqCst);
                hit(EIO)
            }
            Fault::DieTorn(target) if at == target => {
                self.dead.store(true, Ordering::SeqCst);
                write_half()?;
                hit(EIO)
            }
            _ => Ok(()),
        }
    }
}

/// One that is there is only opened.
fn makes_lock(op: &Op) -> bool {
    op.verb == Verb::Lock && !op.path.exists()
}

#[cfg(test)]
mod tests {
    use super::super::fs;
    use super::*;

    #[test]
    fn a_fault_hits_its_operation_below_its_folder_and_no_other() {
        let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let faults = Faults::below(here.path(), Fault::Refuse(1, ENOSPC));
        let folder = here.path().join("a");
        fs::create_dir(&folder).unwrap();
        fs::create_dir(&there.path().join("a")).unwrap();
        assert_eq!(fs::remove_dir(&folder).unwrap_err().raw_os_error(), Some(ENOSPC));
        fs::remove_dir(&folder).unwrap();
        assert_eq!(faults.hit().unwrap().verb, Verb::RemoveDir);
        assert_eq!(faults.trace().len(), 3);
        drop(faults);
        fs::create_dir(&folder).unwrap();
    }

    #[test]
    fn half_of_a_torn_write_lands_and_a_dead_process_does_nothing_more() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("file");
        let faults = Faults::below(root.path(), Fault::DieTorn(0));
        let mut file = fs::NewFile::create(&path).unwrap();
        file.write(b"12345678").unwrap_err();
        fs::remove_file(&path).unwrap_err();
        drop(faults);
        assert_eq!(fs::read(&path).unwrap(), b"1234");
    }
}
