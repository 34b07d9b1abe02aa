//! A walk through one layer of a graph.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::{Mutex, PoisonError};

use simpipe_artifact::Graph;
use simpipe_kernel::fetch;

use super::super::rough::Rough;
use super::super::top_k::position;

/// What a walk needs room for, kept for the next one.
#[derive(Debug, Default)]
pub(crate) struct Room {
    seen: Seen,
    /// Vectors that are seen for the first time, how near they are, and both as one number.
    fresh: Vec<u32>,
    keys: Vec<f32>,
    found: Vec<u64>,
    open: BinaryHeap<Reverse<u64>>,
}

/// Which vectors a walk has seen, without clearing a list of all of them for each walk. A byte each, so that those of a million
/// stay in the second-level cache.
#[derive(Debug, Default)]
struct Seen {
    stamps: Vec<u8>,
    now: u8,
}

impl Seen {
    fn begin(&mut self, count: usize) {
        if self.now == u8::MAX {
            self.stamps.clear();
            self.now = 0;
        }
        // No longer than the graph: a link may lead beyond it.
        self.stamps.resize(count, 0);
        self.now += 1;
    }

    /// Whether a vector is seen for the first time.
    #[inline]
    fn first(&mut self, row: u32) -> bool {
        // A link may lead nowhere.
        let Some(stamp) = self.stamps.get_mut(row as usize) else { return false };
        let first = *stamp != self.now;
        *stamp = self.now;
        first
    }

    /// Those of some links that are seen for the first time, without a jump for each: nothing tells which they are.
    #[inline]
    fn gather(&mut self, links: &[u32], fresh: &mut Vec<u32>) {
        fresh.resize(links.len(), 0);
        let mut count = 0;
        for &row in links {
            if row == Graph::NONE {
                break;
            }
            fresh[count] = row;
            count += usize::from(self.first(row));
        }
        fresh.truncate(count);
    }
}

/// Such rooms, taken and given back by threads.
#[derive(Debug, Default)]
pub(crate) struct Pool(Mutex<Vec<Room>>);

impl Pool {
    /// Lends one.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut Room) -> T) -> T {
        let lock = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = lock().pop();
        let mut room = taken.unwrap_or_default();
        let done = work(&mut room);
        lock().push(room);
        done
    }
}

/// How near some vectors are, each with its position.
pub(super) fn nearest_of(rough: &Rough<'_>, query: &[f32], rows: &[u32]) -> Vec<u64> {
    let mut found = Vec::with_capacity(rows.len());
    rough.to(query, rows, &mut Vec::new(), &mut found);
    found
}

/// The `width` nearest vectors to a query that count and that a walk from some others finds, nearest first; each with how near
/// it is. Those that don't count are walked over. `places` has a vector's links, and nothing behind them.
pub(super) fn beam<'g>(
    places: impl Fn(u32) -> &'g [u32],
    counts: impl Fn(u32) -> bool,
    (rough, query): (&Rough<'_>, &[f32]),
    from: &[u64],
    width: usize,
    room: &mut Room,
) -> Vec<u64> {
    let Room { seen, fresh, keys, found, open } = room;
    seen.begin(rough.len());
    open.clear();
    // No more are found than there are, whatever is asked for.
    let width = width.min(rough.len());
    let mut nearest: BinaryHeap<u64> = BinaryHeap::with_capacity(width + 1);
    for &start in from {
        if seen.first(position(start)) {
            open.push(Reverse(start));
            if counts(position(start)) {
                nearest.push(start);
            }
        }
    }
    while nearest.len() > width {
        nearest.pop();
    }
    while let Some(Reverse(next)) = open.pop() {
        if nearest.len() >= width && nearest.peek().is_some_and(|farthest| next > *farthest) {
            break;
        }
        seen.gather(places(position(next)), fresh);
        found.clear();
        rough.to(query, fresh, keys, found);
        for &ranked in found.iter() {
            let full = nearest.len() >= width;
            if full && nearest.peek().is_some_and(|farthest| ranked >= *farthest) {
                continue;
            }
            // Most of these are walked on from.
            fetch(places(position(ranked)));
            open.push(Reverse(ranked));
            if !counts(position(ranked)) {
                continue;
            }
            if !full {
                nearest.push(ranked);
            } else if let Some(mut farthest) = nearest.peek_mut() {
                *farthest = ranked;
            }
        }
    }
    nearest.into_sorted_vec()
}
