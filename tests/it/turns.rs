//! Tests that kill, measure time or start many programs take turns: beside each other they would find another machine than the
//! one they are about. The others run beside them.

use std::sync::{Mutex, MutexGuard, PoisonError};

static TURN: Mutex<()> = Mutex::new(());

/// Waits for the turn of the test, which is over when the guard is dropped. A test that failed gives it on.
pub(crate) fn turn() -> MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}
