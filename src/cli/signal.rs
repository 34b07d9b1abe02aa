//! Ctrl-C, SIGTERM and SIGHUP: the first is acknowledged and asks the command to stop, the second ends it at once.
//! The same signal again within a moment is not a second one: `timeout` and a terminal that closes send theirs twice.
//!
//! A command that can stop takes the [`wish`] and looks at it in its loops. What has not ended after [`PATIENCE`], for
//! it waits in the system or in a library that can't be asked, is ended as by a kill, which the store survives; only
//! what is [left to end](LeftToEnd) is waited for. A command that has not taken the flag has nothing to put in order
//! and ends at once.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook::low_level::{exit, pipe};

use super::print::Paint;
use super::screen;
use crate::error::Exit;
use simpipe_base::interrupt::LeftToEnd;

/// The same signal twice within this time is one wish.
const TOGETHER: Duration = Duration::from_millis(100);

/// How long a command has to end after it was asked to.
const PATIENCE: Duration = Duration::from_millis(600);

/// How long a line may take to be printed: long on a machine that is busy, short before a terminal that stands still.
const SPEECH: Duration = Duration::from_millis(600);

/// How often it is looked whether work that is left to end has ended.
const POLL: Duration = Duration::from_millis(20);

static WISH: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);
static TAKEN: AtomicBool = AtomicBool::new(false);
/// Whether the first signal was acknowledged.
static SAID: AtomicBool = AtomicBool::new(false);

/// Prints a line on standard error, above the bars if there are any.
type Speak = Arc<dyn Fn(&str) + Send + Sync>;
static SPEAK: Mutex<Option<Speak>> = Mutex::new(None);

/// A flag that the first signal sets. Who takes it looks at it several times a second.
pub(super) fn wish() -> Arc<AtomicBool> {
    TAKEN.store(true, Ordering::SeqCst);
    Arc::clone(&WISH)
}

/// Whether a signal has come.
pub(super) fn came() -> bool {
    WISH.load(Ordering::SeqCst)
}

/// Waits until a signal that has come is acknowledged: a command may end faster than that is said.
pub(super) fn acknowledged() {
    let began = Instant::now();
    while came() && !SAID.load(Ordering::SeqCst) && began.elapsed() < TOGETHER + SPEECH {
        sleep(POLL);
    }
}

/// From here on lines about signals are printed by `speak`, which knows of bars on the terminal.
pub(super) fn speak_through(speak: impl Fn(&str) + Send + Sync + 'static) {
    *SPEAK.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(speak));
}

/// Begins to listen for signals, until the program ends.
pub(super) fn listen() -> io::Result<()> {
    let code = i32::from(Exit::Interrupted.code());
    let (receiver, sender) = UnixStream::pair()?;
    let signals: Vec<i32> = [SIGINT, SIGTERM].into_iter().chain((!is_ignored(SIGHUP)).then_some(SIGHUP)).collect();
    // Whether the next of each would be the second signal.
    let second: Vec<Arc<AtomicBool>> = signals.iter().map(|_| Arc::default()).collect();
    for (at, &signal) in signals.iter().enumerate() {
        // In the handler itself, so that nothing can hold it up; and first, so that it does not see its own signal.
        flag::register_conditional_shutdown(signal, code, Arc::clone(&second[at]))?;
        flag::register(signal, Arc::clone(&WISH))?;
        pipe::register(signal, sender.try_clone()?)?;
        for (_, other) in second.iter().enumerate().filter(|(other, _)| *other != at) {
            flag::register(signal, Arc::clone(other))?;
        }
        // Two may be handled at one time by two threads: each marks the other and then looks again.
        flag::register_conditional_shutdown(signal, code, Arc::clone(&second[at]))?;
    }
    let attending = second.clone();
    let attend = move || attend(receiver, &attending);
    if std::thread::Builder::new().name("signals".to_owned()).stack_size(1 << 18).spawn(attend).is_err() {
        // No acknowledgement then, but who looks at the flag stops, and the second signal still ends the program.
        for (signal, second) in signals.iter().zip(second) {
            flag::register(*signal, second)?;
        }
    }
    Ok(())
}

/// Waits for the first signal, and sees to it that the program ends.
fn attend(mut signals: UnixStream, second: &[Arc<AtomicBool>]) {
    if signals.read_exact(&mut [0]).is_err() {
        return;
    }
    while !TAKEN.load(Ordering::SeqCst) {
        if !LeftToEnd::any() {
            end(true);
        }
        sleep(POLL);
    }
    let mut waiting = Instant::now();
    sleep(TOGETHER);
    second.iter().for_each(|second| second.store(true, Ordering::SeqCst));
    let heard = speak("interrupted: stopping; a second signal ends it at once".to_owned());
    SAID.store(true, Ordering::SeqCst);
    while waiting.elapsed() < PATIENCE {
        sleep(POLL);
        if LeftToEnd::any() {
            waiting = Instant::now();
        }
    }
    end(heard);
}

/// Ends the program where it stands, with a word if that can be `heard`.
fn end(heard: bool) -> ! {
    if heard {
        speak(format!("{} interrupted", Paint::stderr().red("error:")));
    }
    // No destructors: a thread in the middle of something must not see them run.
    exit(i32::from(Exit::Interrupted.code()))
}

/// Prints a line, but does not wait long for a terminal that stands still or a pipe that nobody empties; whether it was
/// printed.
fn speak(line: String) -> bool {
    let (sender, spoken) = channel::<()>();
    let print = move || {
        let through = SPEAK.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match through {
            Some(through) => through(&line),
            None => drop(writeln!(screen::messages(), "{line}")),
        }
        drop(sender);
    };
    // The other end goes away once it was printed.
    std::thread::Builder::new().spawn(print).is_ok()
        && spoken.recv_timeout(SPEECH) == Err(RecvTimeoutError::Disconnected)
}

/// Whether a signal was ignored when the program began, as `nohup` does with SIGHUP: that is to stay so. Background
/// jobs of a script ignore SIGINT without anybody's wish, so that one is always heard.
///
/// Only Linux tells without a system call that is unsafe here; elsewhere the signal keeps the meaning that it has.
fn is_ignored(signal: i32) -> bool {
    std::fs::read_to_string("/proc/self/status").ok().and_then(|status| ignored(&status, signal)).unwrap_or(true)
}

/// The same, from `/proc/self/status`: a mask of signals in hexadecimal.
fn ignored(status: &str, signal: i32) -> Option<bool> {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
    let mask = u64::from_str_radix(mask.trim(), 16).ok()?;
    Some(mask >> (signal - 1) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignored_signals_are_read_from_their_mask() {
        let status = |mask: &str| format!("Name:\tsimpipe\nSigBlk:\tffff\nSigIgn:\t{mask}\nSigCgt:\tffff\n");
        assert_eq!(ignored(&status("0000000000000001"), SIGHUP), Some(true));
        assert_eq!(ignored(&status("0000000000001000"), SIGHUP), Some(false), "SIGPIPE alone");
        assert_eq!(ignored(&status("0000000000004003"), SIGTERM), Some(true));
        assert_eq!(ignored("", SIGHUP), None);
    }
}
