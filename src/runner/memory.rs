//! How much memory the process has for itself, for people. Linux says it in `/proc`; elsewhere nothing is known.
//!
//! Pages of mapped files are not counted: a dataset larger than memory would look as if it lay there, while the system takes
//! those pages back whenever it needs them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// How often somebody looks: the system keeps no record of the most that there was.
const EVERY: Duration = Duration::from_millis(20);

/// Bytes of anonymous memory now.
#[must_use]
pub fn now() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024) // its units are of 1024 bytes
}

/// Looks at the memory again and again, on a thread of its own, until it is dropped.
pub(super) struct Watch {
    most: Arc<AtomicU64>,
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    /// From here on.
    pub(super) fn begin() -> Self {
        let most = Arc::new(AtomicU64::new(now().unwrap_or(0)));
        let (end, ended) = channel::<()>();
        let seen = Arc::clone(&most);
        let look = move || {
            while ended.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
                seen.fetch_max(now().unwrap_or(0), Ordering::Relaxed);
            }
        };
        // Without a thread only the beginning and the end are seen.
        let thread = std::thread::Builder::new().name("memory".to_owned()).spawn(look).ok();
        Self { most, end: Some(end), thread }
    }

    /// The most bytes of anonymous memory that anybody saw so far; what comes and goes within 20 ms may be missed.
    pub(super) fn most(&self) -> Option<u64> {
        let now = now()?;
        Some(self.most.fetch_max(now, Ordering::Relaxed).max(now))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_large_buffer_is_seen_and_remembered() {
        let watch = Watch::begin();
        let buffer = vec![1_u8; 64 << 20];
        let begun = Instant::now();
        while watch.most.load(Ordering::Relaxed) < 64 << 20 {
            assert!(begun.elapsed() < Duration::from_secs(60), "{:?}, {}", watch.most(), buffer.len());
            std::thread::sleep(EVERY);
        }
        drop(buffer);
        assert!(watch.most().unwrap() >= 64 << 20);
    }
}
