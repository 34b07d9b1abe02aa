//! `simpipe sweep status --watch`: how a sweep stands whenever that changes, until it ends.

use std::io::Write;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::seen::Seen;
use super::view;
use crate::cli::{screen, signal};
use crate::error::{Error, Exit};
use simpipe_store::RunState;

/// How often it is looked whether anything has changed.
const EVERY: Duration = Duration::from_millis(1000);
/// How soon a signal is seen.
const POLL: Duration = Duration::from_millis(50);

pub(super) fn exec(mut seen: Seen, out: &mut dyn Write) -> Result<Exit, Error> {
    let (wish, redraws) = (signal::wish(), screen::redraws());
    let mut before = Vec::new();
    while !wish.load(Ordering::Relaxed) {
        let how = seen.look()?;
        let mut now = Vec::new();
        // On paper each change is a line after the last; a terminal shows everything, in the same place.
        if redraws {
            seen.write(how, &mut now)?;
        } else {
            writeln!(now, "{}", view::line(seen.state(), how))?;
        }
        if now != before {
            screen::clear()?;
            out.write_all(&now)?;
            out.flush()?;
            before = now;
        }
        if how != RunState::Running {
            return Ok(Exit::Done);
        }
        let mut waited = Duration::ZERO;
        while waited < EVERY && !wish.load(Ordering::Relaxed) {
            std::thread::sleep(POLL);
            waited += POLL;
        }
    }
    Ok(Exit::Interrupted)
}
