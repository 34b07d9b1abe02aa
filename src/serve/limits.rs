//! What a server spends on its clients at most: connections, time, images, memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::problem::Problem;

/// What clients may take.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Connections at once. One more takes the place of the oldest that has nothing to answer.
    pub connections: usize,
    /// How long a request's head may take, and how long a connection may be idle.
    pub head: Duration,
    /// How long a body may take.
    pub body: Duration,
    /// How long a client may take its answer.
    pub answer: Duration,
    /// How long a server that was asked to stop waits for what it has begun.
    pub drain: Duration,
    /// Images of a request.
    pub images: usize,
    /// Images that wait to be answered.
    pub waiting: usize,
    /// Bytes of bodies and pixels in memory.
    pub memory: u64,
}

/// Connections, where the system gives as many files.
const CONNECTIONS: usize = 4096;
/// Files that are not connections.
const OTHER_FILES: usize = 64;
/// Images of a request: no longer list is kept.
pub(super) const IMAGES: usize = 256;
/// Bytes of memory, unless somebody gives more or fewer.
const MEMORY: u64 = 2 << 30;

impl Default for Limits {
    fn default() -> Self {
        let files = std::fs::read_to_string("/proc/self/limits").ok().and_then(|limits| open_files(&limits));
        Self {
            connections: files.map_or(512, |files| files.saturating_sub(OTHER_FILES)).clamp(64, CONNECTIONS),
            head: Duration::from_secs(10),
            body: Duration::from_secs(30),
            answer: Duration::from_secs(30),
            drain: Duration::from_secs(10),
            images: IMAGES,
            waiting: 4096,
            memory: MEMORY,
        }
    }
}

/// The files that a process may have open, from `/proc/self/limits`.
fn open_files(limits: &str) -> Option<usize> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Memory that is shared by all requests.
#[derive(Debug, Clone)]
pub(super) struct Budget {
    taken: Arc<AtomicU64>,
    whole: u64,
}

/// What one request has of it; given back when it is dropped.
#[derive(Debug)]
pub(super) struct Claim {
    budget: Budget,
    bytes: u64,
}

impl Budget {
    pub(super) fn new(whole: u64) -> Self {
        Self { taken: Arc::default(), whole }
    }

    /// Bytes that are taken now.
    pub(super) fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }

    pub(super) const fn whole(&self) -> u64 {
        self.whole
    }

    /// A claim of nothing yet.
    pub(super) fn claim(&self) -> Claim {
        Claim { budget: self.clone(), bytes: 0 }
    }
}

impl Claim {
    /// Takes more; `false` if that is not free, and nothing is taken then.
    pub(super) fn grow(&mut self, bytes: u64) -> bool {
        let room = |taken: u64| taken.checked_add(bytes).filter(|taken| *taken <= self.budget.whole);
        let took = self.budget.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, room).is_ok();
        self.bytes += if took { bytes } else { 0 };
        took
    }

    /// Gives some back.
    pub(super) fn shrink(&mut self, bytes: u64) {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        self.budget.taken.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Gives back all but so much.
    pub(super) fn keep(&mut self, bytes: u64) {
        self.shrink(self.bytes.saturating_sub(bytes));
    }

    /// All of it, for a thread that works on what it is for.
    pub(super) fn lend(&mut self) -> Self {
        let nothing = self.budget.claim();
        std::mem::replace(self, nothing)
    }

    /// What is said where `bytes` more were not free: never, as what it has counts too, or not now.
    pub(super) fn refusal(&self, bytes: u64) -> Problem {
        let (whole, all) = (self.budget.whole, self.bytes.saturating_add(bytes));
        if all > whole {
            Problem::too_large(format!("it takes {all} bytes of memory, and the server has {whole} for all requests"))
        } else {
            Problem::busy("the server has no memory for one more image now: try again")
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.shrink(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_given_out_once_and_comes_back() {
        let budget = Budget::new(100);
        let (mut one, mut other) = (budget.claim(), budget.claim());
        assert!(one.grow(60) && !other.grow(41) && other.grow(40));
        assert_eq!(budget.taken(), 100);
        one.keep(50);
        assert!(other.grow(10) && !other.grow(u64::MAX));
        drop(one);
        assert_eq!(budget.taken(), 50);
        drop(other);
        assert_eq!(budget.taken(), 0);
    }

    #[test]
    fn what_can_never_be_had_is_not_put_off() {
        let budget = Budget::new(100);
        let (mut one, mut other) = (budget.claim(), budget.claim());
        assert!(one.grow(60) && other.grow(40));
        assert!(one.refusal(41).same_kind(&Problem::too_large("")) && one.refusal(40).same_kind(&Problem::busy("")));
        let lent = one.lend();
        assert_eq!(budget.taken(), 100);
        drop(lent);
        assert_eq!((budget.taken(), one.bytes), (40, 0));
    }

    #[test]
    fn files_are_counted_as_linux_says() {
        let limits =
            "Max processes             127    127   processes\nMax open files            1024    524288    files\n";
        assert_eq!(open_files(limits), Some(1024));
        assert_eq!(open_files("Max open files unlimited"), None);
    }
}
