//! Ctrl-C and SIGTERM: the first asks a run to stop at the next safe point, the second ends the program at once.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use crate::error::Exit;

/// A flag that the first signal sets.
pub(super) fn cancel_flag() -> std::io::Result<Arc<AtomicBool>> {
    let cancel = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // In this order: the shutdown looks at the flag before this signal sets it.
        flag::register_conditional_shutdown(signal, i32::from(Exit::Interrupted.code()), Arc::clone(&cancel))?;
        flag::register(signal, Arc::clone(&cancel))?;
    }
    Ok(cancel)
}
