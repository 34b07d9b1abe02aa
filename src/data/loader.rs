//! Batches made ahead of whoever takes them, on threads of their own.
//!
//! Items are numbered in the order in which they will be taken. Each is a pure function of its number, so nothing depends
//! on when it is made or by which thread; only so many are made ahead, so memory is bounded. The threads are none of
//! rayon's: those compute.

use std::any::Any;
use std::collections::BTreeMap;
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// How many cores have one loader thread: augmenters take far less time than the network.
const CORES_A_THREAD: usize = 4;
/// More threads than these have nothing to do.
const MOST_THREADS: usize = 8;
/// Items that each thread may be ahead, the one that it works on included.
const AHEAD: u64 = 2;

/// As many threads as suit this machine.
#[must_use]
pub fn suitable_threads() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    cores.div_ceil(CORES_A_THREAD).min(MOST_THREADS)
}

/// Bytes of items made ahead.
const MOST_BYTES: usize = 512 << 20;

/// As many of these threads as may be ahead with items of so many bytes; one always may.
#[must_use]
pub fn threads_within(threads: usize, item_bytes: usize) -> usize {
    let items = MOST_BYTES / item_bytes.max(1);
    threads.min(items / usize::try_from(AHEAD).unwrap_or(1)).max(threads.min(1))
}

/// An item, or the panic that came instead.
type Made<T> = Result<T, Box<dyn Any + Send>>;

struct Shared<T> {
    state: Mutex<State<T>>,
    end: u64,
    /// How far the first item that nobody works on may be from the first that is not taken.
    ahead: u64,
    /// Told when there is room for more, or nobody wants more.
    room: Condvar,
    /// Told when an item was made.
    ready: Condvar,
}

struct State<T> {
    /// The first item that nobody works on yet.
    next: u64,
    /// The first item that is not taken yet.
    first: u64,
    made: BTreeMap<u64, Made<T>>,
    /// Threads that make items.
    threads: usize,
    stopped: bool,
}

impl<T> Shared<T> {
    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An item to make, once there is room for it; `None` if there is nothing left to do.
    fn start(&self) -> Option<u64> {
        let mut state = self.state();
        loop {
            if state.stopped || state.next >= self.end {
                return None;
            }
            if state.next < state.first.saturating_add(self.ahead) {
                state.next += 1;
                return Some(state.next - 1);
            }
            state = self.room.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn finish(&self, item: u64, made: Made<T>) {
        let mut state = self.state();
        if item >= state.first {
            state.made.insert(item, made);
        }
        self.ready.notify_all();
    }

    fn stop(&self) {
        self.state().stopped = true;
        self.room.notify_all();
    }
}

/// Stops the threads however their user ends.
struct StopAtEnd<'a, T>(&'a Shared<T>);

impl<T> Drop for StopAtEnd<'_, T> {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// Where items are taken from.
pub struct Loader<'a, T> {
    shared: &'a Shared<T>,
    make: &'a (dyn Fn(u64) -> T + Sync),
}

impl<T> std::fmt::Debug for Loader<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Loader").field("next", &self.expected()).finish()
    }
}

impl<T> Loader<'_, T> {
    /// The number of the item that is expected to be taken next.
    #[must_use]
    pub fn expected(&self) -> u64 {
        self.shared.state().first
    }

    /// Takes an item. Those before it will not be taken any more; one that is before those already taken, or beyond the
    /// end, is made here and now.
    ///
    /// # Panics
    /// If making it did.
    #[must_use]
    pub fn take(&self, item: u64) -> T {
        let mut state = self.shared.state();
        if item < state.first || item >= self.shared.end || state.threads == 0 {
            drop(state);
            return (self.make)(item);
        }
        state.first = item;
        state.next = state.next.max(item);
        state.made.retain(|made, _| *made >= item);
        self.shared.room.notify_all();
        let made = loop {
            if let Some(made) = state.made.remove(&item) {
                break made;
            }
            state = self.shared.ready.wait(state).unwrap_or_else(PoisonError::into_inner);
        };
        state.first = item + 1;
        self.shared.room.notify_all();
        drop(state);
        made.unwrap_or_else(|panic| resume_unwind(panic))
    }
}

/// Runs `work` with a [`Loader`] of the items `0..end`, which so many threads make ahead. The threads end with `work`,
/// wherever that stops.
///
/// # Panics
/// If `work` does, or if making an item does that is taken.
pub fn ahead<T: Send, R>(
    threads: usize,
    end: u64,
    make: &(dyn Fn(u64) -> T + Sync),
    work: impl FnOnce(&Loader<'_, T>) -> R,
) -> R {
    let state = State { next: 0, first: 0, made: BTreeMap::new(), threads: 0, stopped: false };
    let (state, ahead) = (Mutex::new(state), AHEAD * threads as u64);
    let shared = Shared { state, end, ahead, room: Condvar::new(), ready: Condvar::new() };
    std::thread::scope(|scope| {
        let _stop = StopAtEnd(&shared);
        let run = || {
            while let Some(item) = shared.start() {
                shared.finish(item, catch_unwind(AssertUnwindSafe(|| make(item))));
            }
        };
        for thread in 0..threads {
            let builder = std::thread::Builder::new().name(format!("loader-{thread}"));
            if let Err(error) = builder.spawn_scoped(scope, run) {
                tracing::warn!("{thread} threads make batches ahead, for there is no other: {error}");
                break;
            }
            shared.state().threads += 1;
        }
        work(&Loader { shared: &shared, make })
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

    use super::*;

    #[test]
    fn items_come_in_order_whatever_the_number_of_threads() {
        for threads in [0, 1, 2, 5] {
            let taken: Vec<u64> =
                ahead(threads, 100, &|item| item * item, |loader| (0..100).map(|item| loader.take(item)).collect());
            assert_eq!(taken, (0..100).map(|item| item * item).collect::<Vec<_>>());
        }
    }

    #[test]
    fn items_may_be_left_out_and_taken_out_of_turn() {
        for threads in [0, 1, 3] {
            ahead(threads, 1000, &|item| item, |loader| {
                for item in [0, 1, 5, 2, 6, 400, 399, 401, 999, 1000, 5000, 7] {
                    assert_eq!(loader.take(item), item);
                }
            });
        }
    }

    #[test]
    fn few_items_are_made_ahead_and_none_behind_the_end() {
        let (made, taken) = (AtomicU64::new(0), AtomicU64::new(0));
        let make = |item: u64| {
            // One more may be on its way to be counted as taken.
            assert!(item < taken.load(SeqCst) + 2 * 3 + 1, "{item}");
            made.fetch_add(1, SeqCst);
        };
        ahead(3, 50, &make, |loader| {
            for item in 0..40 {
                let () = loader.take(item);
                taken.store(item + 1, SeqCst);
            }
        });
        assert!((40..=46).contains(&made.into_inner()));
    }

    #[test]
    fn large_items_are_made_by_fewer_threads() {
        assert_eq!(
            [(8, 1000), (8, 0), (8, 64 << 20), (8, 1 << 40), (0, 1)].map(|(t, bytes)| threads_within(t, bytes)),
            [8, 8, 4, 1, 0]
        );
    }

    #[test]
    fn work_that_stops_early_leaves_no_thread_behind() {
        assert_eq!(ahead(2, u64::MAX, &|item| item, |loader| loader.take(0)), 0);
        assert_eq!(ahead(2, u64::MAX, &|item| item, |_| 7), 7);
        let panic = catch_unwind(|| ahead(2, 1000, &|item| item, |_| -> () { panic!("the work fails") }));
        assert!(panic.is_err());
    }

    #[test]
    fn a_panic_is_passed_on_where_its_item_is_taken() {
        let make = |item: u64| {
            assert!(item != 3, "no such luck");
            item
        };
        for threads in [0, 1, 4] {
            let seen = AtomicU64::new(0);
            let panic = catch_unwind(AssertUnwindSafe(|| {
                ahead(threads, 9, &make, |loader| {
                    for item in 0..9 {
                        seen.fetch_add(loader.take(item), SeqCst);
                    }
                });
            }));
            let panic = panic.unwrap_err();
            assert_eq!(panic.downcast_ref::<&str>(), Some(&"no such luck"));
            assert_eq!(seen.into_inner(), 3, "those before it were taken");
            // An item that is left out may panic at will.
            assert_eq!(ahead(threads, 9, &make, |loader| loader.take(2) + loader.take(4)), 6);
        }
    }
}
