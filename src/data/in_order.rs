//! Work on many files by all cores, results in the order of the files, memory bounded in bytes.
//!
//! A piece of work says how much memory it needs before it takes it ([`Claim::hold`]) and waits until that is free.
//! The first file whose result is not used yet never waits: so something always moves on, and what is held is at most
//! [`BUDGET`] and that one file.

use std::any::Any;
use std::cell::Cell;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Bytes held by files under way and by results that wait for their turn: room for a few large photographs.
pub(super) const BUDGET: u64 = 512 << 20;

/// Bytes that each piece of work may hold unasked: small files need no second look at what is free.
const UNASKED: u64 = 1 << 20;
/// How far a file may be ahead of the first whose result is not used.
const AHEAD: usize = 1024;
/// Results, and bytes in them, that are worth waking their user for.
const WORTH_WAKING: (usize, u64) = (32, 4 << 20);
/// How long a wish to stop, or a few results, may lie unseen.
const LOOK: Duration = Duration::from_millis(50);

/// A result, or the panic that came instead, and the bytes that it holds.
type Outcome<R> = (Result<R, Box<dyn Any + Send>>, u64);

/// Nobody wants the result any longer.
#[derive(Debug)]
pub(super) struct Stopped;

/// Memory that all pieces of work share.
trait Memory {
    /// Waits until `item` may hold so many bytes more.
    fn take(&self, item: usize, bytes: u64) -> Result<(), Stopped>;
    /// Lets others have them.
    fn give_back(&self, bytes: u64);
}

/// What one piece of work holds of the memory.
pub(super) struct Claim<'a> {
    memory: &'a dyn Memory,
    item: usize,
    held: Cell<u64>,
}

impl Claim<'_> {
    /// Waits until it may hold so many bytes in all.
    ///
    /// # Errors
    /// If nobody wants the result any longer.
    pub(super) fn hold(&self, bytes: u64) -> Result<(), Stopped> {
        if let Some(more) = bytes.checked_sub(self.held.get()) {
            self.memory.take(self.item, more)?;
            self.held.set(bytes);
        }
        Ok(())
    }

    /// Holds no more than this any longer, until the result is used.
    pub(super) fn keep(&self, bytes: u64) {
        if let Some(less) = self.held.get().checked_sub(bytes) {
            self.memory.give_back(less);
            self.held.set(bytes);
        }
    }
}

struct Shared<R> {
    state: Mutex<State<R>>,
    /// Number of items.
    count: usize,
    budget: u64,
    /// Told when memory is free, or the first unused result is another.
    room: Condvar,
    /// Told when results should be used.
    ready: Condvar,
}

struct State<R> {
    /// The first item that nobody works on yet.
    next: usize,
    /// The first item whose result was not handed over yet.
    first: usize,
    /// The first item whose result is not used yet.
    unused: usize,
    /// Of the items from `first` on.
    results: VecDeque<Option<Outcome<R>>>,
    /// How many are there, and the bytes that they hold.
    there: (usize, u64),
    held: u64,
    /// Threads that wait for room.
    waiting: usize,
    stopped: bool,
}

impl<R: Send> Memory for Shared<R> {
    fn take(&self, item: usize, bytes: u64) -> Result<(), Stopped> {
        let mut state = self.state();
        while !state.stopped && item != state.unused && state.held.saturating_add(bytes) > self.budget {
            state = self.wait_for_room(state);
        }
        if state.stopped {
            return Err(Stopped);
        }
        state.held = state.held.saturating_add(bytes);
        Ok(())
    }

    fn give_back(&self, bytes: u64) {
        let mut state = self.state();
        state.held = state.held.saturating_sub(bytes);
        self.tell_of_room(&state);
    }
}

impl<R: Send> Shared<R> {
    fn new(count: usize, budget: u64) -> Self {
        let state = State {
            next: 0,
            first: 0,
            unused: 0,
            results: VecDeque::new(),
            there: (0, 0),
            held: 0,
            waiting: 0,
            stopped: false,
        };
        Self { state: Mutex::new(state), count, budget, room: Condvar::new(), ready: Condvar::new() }
    }

    fn state(&self) -> MutexGuard<'_, State<R>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_for_room<'a>(&self, mut state: MutexGuard<'a, State<R>>) -> MutexGuard<'a, State<R>> {
        state.waiting += 1;
        self.ready.notify_one();
        let mut state = self.room.wait(state).unwrap_or_else(PoisonError::into_inner);
        state.waiting -= 1;
        state
    }

    fn tell_of_room(&self, state: &State<R>) {
        if state.waiting > 0 {
            self.room.notify_all();
        }
    }

    /// An item to work on, once there is room for it; none if there is nothing left to do.
    fn start(&self) -> Option<Claim<'_>> {
        let mut state = self.state();
        loop {
            if state.stopped || state.next == self.count {
                return None;
            }
            let ahead = state.next - state.unused;
            if ahead == 0 || (ahead < AHEAD && state.held + UNASKED <= self.budget) {
                break;
            }
            state = self.wait_for_room(state);
        }
        state.held += UNASKED;
        state.next += 1;
        Some(Claim { memory: self, item: state.next - 1, held: Cell::new(UNASKED) })
    }

    fn finish(&self, claim: &Claim<'_>, result: Result<R, Box<dyn Any + Send>>) {
        let bytes = claim.held.get();
        let mut state = self.state();
        let place = claim.item - state.first;
        if state.results.len() <= place {
            state.results.resize_with(place + 1, || None);
        }
        state.results[place] = Some((result, bytes));
        state.there = (state.there.0 + 1, state.there.1 + bytes);
        let done = state.first + state.there.0 == self.count;
        if done || state.waiting > 0 || state.there.0 >= WORTH_WAKING.0 || state.there.1 >= WORTH_WAKING.1 {
            self.ready.notify_one();
        }
    }

    /// The next results in order; none after a while if there are none yet.
    fn results(&self) -> Vec<Outcome<R>> {
        let mut state = self.state();
        if !matches!(state.results.front(), Some(Some(_))) {
            state = self.ready.wait_timeout(state, LOOK).unwrap_or_else(PoisonError::into_inner).0;
        }
        let mut batch = Vec::new();
        while matches!(state.results.front(), Some(Some(_))) {
            batch.extend(state.results.pop_front().flatten());
        }
        state.first += batch.len();
        let bytes: u64 = batch.iter().map(|(_, bytes)| bytes).sum();
        state.there = (state.there.0 - batch.len(), state.there.1 - bytes);
        batch
    }

    /// One more result was used, and lets go of its bytes.
    fn used(&self, bytes: u64) {
        self.state().unused += 1;
        self.give_back(bytes);
    }

    fn stop(&self) {
        self.state().stopped = true;
        self.room.notify_all();
    }
}

/// Stops the threads however their user ends.
struct StopAtEnd<'a, R: Send>(&'a Shared<R>);

impl<R: Send> Drop for StopAtEnd<'_, R> {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// Does `work` on all items and shows the results, in order, to `look`: the number of the item and its result, or
/// nothing where it only has the chance to stop.
///
/// # Errors
/// The first that `look` gives; nothing new is started then.
///
/// # Panics
/// If `work` does.
pub(super) fn in_order<T: Sync, R: Send, E>(
    items: &[T],
    budget: u64,
    work: impl Fn(&T, &Claim<'_>) -> R + Sync,
    mut look: impl FnMut(Option<(usize, R)>) -> Result<(), E>,
) -> Result<(), E> {
    let shared = Shared::new(items.len(), budget);
    let workers = rayon::current_num_threads().min(items.len());
    std::thread::scope(|scope| {
        let _stop = StopAtEnd(&shared);
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some(claim) = shared.start() {
                    let result = catch_unwind(AssertUnwindSafe(|| work(&items[claim.item], &claim)));
                    shared.finish(&claim, result);
                }
            });
        }
        let mut used = 0;
        while used < items.len() {
            for (result, bytes) in shared.results() {
                let result = result.unwrap_or_else(|panic| resume_unwind(panic));
                look(Some((used, result)))?;
                shared.used(bytes);
                used += 1;
            }
            look(None)?;
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

    use super::*;

    /// Bytes held now and at most, as the work itself counts them.
    #[derive(Default)]
    struct Meter(AtomicU64, AtomicU64);

    impl Meter {
        fn add(&self, bytes: u64) {
            self.1.fetch_max(self.0.fetch_add(bytes, SeqCst) + bytes, SeqCst);
        }
    }

    /// Works on items of so many bytes each; gives the most bytes held.
    fn most(sizes: &[u64], budget: u64) -> u64 {
        let meter = Meter::default();
        let mut seen = Vec::new();
        let work = |size: &u64, claim: &Claim<'_>| {
            claim.hold(*size).unwrap();
            meter.add(*size);
            std::thread::yield_now();
            *size
        };
        let look = |result: Option<(usize, u64)>| {
            if let Some((item, size)) = result {
                seen.push((item, size));
                meter.0.fetch_sub(size, SeqCst);
            }
            Ok::<_, Infallible>(())
        };
        let Ok(()) = in_order(sizes, budget, work, look);
        assert_eq!(seen, sizes.iter().copied().enumerate().collect::<Vec<_>>());
        meter.1.into_inner()
    }

    #[test]
    fn results_come_in_order_and_memory_is_bounded() {
        let sizes: Vec<u64> = (0..500).map(|item| (1 + item * 7919 % 13) << 20).collect();
        assert!(most(&sizes, 40 << 20) <= (40 + 13) << 20);
        assert_eq!(most(&[], 1), 0);
        // More than everything: one after the other, and none waits for ever.
        assert!(most(&[900 << 20; 20], 100 << 20) <= 1000 << 20);
        let small = vec![10; 5000];
        assert!(most(&small, 3 << 20) <= 5000 * 10);
    }

    #[test]
    fn whoever_looks_may_stop() {
        let mut looked = 0;
        let stopped = in_order(
            &[1_u8; 10_000],
            BUDGET,
            |item, _| *item,
            |result| {
                looked += usize::from(result.is_some());
                if looked == 3 { Err("enough") } else { Ok(()) }
            },
        );
        assert_eq!((stopped, looked), (Err("enough"), 3));
    }

    #[test]
    #[should_panic(expected = "no such luck")]
    fn a_panic_of_the_work_is_passed_on() {
        let work = |item: &u8, _: &Claim<'_>| assert!(*item < 2, "no such luck");
        let Ok(()) = in_order(&[1, 1, 2, 1], BUDGET, work, |_| Ok::<_, Infallible>(()));
    }
}
