//! The wish to stop, where no flag is at hand: how an [`io::Error`] says it, and work that it must not cut short.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many pieces of work are left to end by themselves.
static LEFT_TO_END: AtomicUsize = AtomicUsize::new(0);

/// Work that notices the wish to stop by itself, or ends soon, and loses something if it is cut short: a training
/// step with the checkpoint after it, a result on its way to disk. It lasts until the value is dropped.
#[derive(Debug)]
#[must_use]
pub struct LeftToEnd(());

impl LeftToEnd {
    /// Such work begins.
    pub fn begin() -> Self {
        LEFT_TO_END.fetch_add(1, Ordering::SeqCst);
        Self(())
    }

    /// Whether such work is under way.
    #[must_use]
    pub fn any() -> bool {
        LEFT_TO_END.load(Ordering::SeqCst) > 0
    }
}

impl Drop for LeftToEnd {
    fn drop(&mut self) {
        LEFT_TO_END.fetch_sub(1, Ordering::SeqCst);
    }
}

/// What a read gives that the user has cut short. No system call's does: `std` repeats one that a signal has ended.
#[must_use]
pub fn stopped() -> io::Error {
    io::ErrorKind::Interrupted.into()
}

/// Whether an error is [`stopped`].
#[must_use]
pub fn is_stopped(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::Interrupted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_under_way_until_it_is_dropped() {
        let one = LeftToEnd::begin();
        let other = LeftToEnd::begin();
        drop(one);
        assert!(LeftToEnd::any());
        drop(other);
        assert!(is_stopped(&stopped()) && !is_stopped(&io::ErrorKind::NotFound.into()));
    }
}
