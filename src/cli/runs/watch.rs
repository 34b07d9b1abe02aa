//! `simpipe runs --watch`: the list whenever it changes.

use std::io::Write;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::RunsArgs;
use crate::cli::{screen, signal};
use crate::error::{Error, Exit};

/// How often it is looked whether anything has changed.
const EVERY: Duration = Duration::from_millis(1000);
/// How soon a signal is seen.
const POLL: Duration = Duration::from_millis(50);

pub(super) fn exec(args: &RunsArgs, out: &mut dyn Write) -> Result<Exit, Error> {
    let wish = signal::wish();
    let mut before: Option<Vec<u8>> = None;
    while !wish.load(Ordering::Relaxed) {
        let mut now = Vec::new();
        super::write(args, super::read(args)?, &mut now)?;
        if before.as_ref() != Some(&now) {
            // On paper each list follows the one before; a terminal shows one.
            if before.is_some() && !screen::clear()? {
                writeln!(out)?;
            }
            out.write_all(&now)?;
            out.flush()?;
            before = Some(now);
        }
        let mut waited = Duration::ZERO;
        while waited < EVERY && !wish.load(Ordering::Relaxed) {
            std::thread::sleep(POLL);
            waited += POLL;
        }
    }
    Ok(Exit::Interrupted)
}
