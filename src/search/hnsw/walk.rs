//! A walk through one layer of a graph.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::{Mutex, PoisonError};

use super::super::rough::Rough;
use super::super::top_k::position;

/// Which vectors a walk has seen, without clearing a list of all of them for each walk.
#[derive(Debug, Default)]
pub(crate) struct Visited {
    stamps: Vec<u32>,
    now: u32,
}

impl Visited {
    fn begin(&mut self, count: usize) {
        if self.now == u32::MAX || self.stamps.len() < count {
            self.stamps = vec![0; count];
            self.now = 0;
        }
        self.now += 1;
    }

    /// Whether a vector is seen for the first time.
    fn first(&mut self, row: u32) -> bool {
        // A link may lead nowhere.
        let Some(stamp) = self.stamps.get_mut(row as usize) else { return false };
        let first = *stamp != self.now;
        *stamp = self.now;
        first
    }
}

/// Such lists, taken and given back by threads.
#[derive(Debug, Default)]
pub(crate) struct Pool(Mutex<Vec<Visited>>);

impl Pool {
    /// Lends one.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut Visited) -> T) -> T {
        let lock = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = lock().pop();
        let mut visited = taken.unwrap_or_default();
        let done = work(&mut visited);
        lock().push(visited);
        done
    }
}

/// The `width` nearest vectors to a query that count and that a walk from some others finds, nearest first; each with how near
/// it is. Those that don't count are walked over.
pub(super) fn beam<'g>(
    linked: impl Fn(u32) -> &'g [u32],
    counts: impl Fn(u32) -> bool,
    rough: &Rough<'_>,
    query: &[f32],
    from: &[u64],
    width: usize,
    visited: &mut Visited,
) -> Vec<u64> {
    visited.begin(rough.len());
    // No more are found than there are, whatever is asked for.
    let width = width.min(rough.len());
    let mut nearest: BinaryHeap<u64> = BinaryHeap::with_capacity(width + 1);
    let mut open: BinaryHeap<Reverse<u64>> = BinaryHeap::new();
    for &start in from {
        if visited.first(position(start)) {
            open.push(Reverse(start));
            if counts(position(start)) {
                nearest.push(start);
            }
        }
    }
    while nearest.len() > width {
        nearest.pop();
    }
    let (mut fresh, mut found, mut room) = (Vec::new(), Vec::new(), Vec::new());
    while let Some(Reverse(next)) = open.pop() {
        if nearest.len() >= width && nearest.peek().is_some_and(|farthest| next > *farthest) {
            break;
        }
        fresh.clear();
        found.clear();
        fresh.extend(linked(position(next)).iter().copied().filter(|row| visited.first(*row)));
        rough.to(query, &fresh, &mut room, &mut found);
        for &ranked in &found {
            if nearest.len() >= width && nearest.peek().is_some_and(|farthest| ranked >= *farthest) {
                continue;
            }
            open.push(Reverse(ranked));
            if counts(position(ranked)) {
                nearest.push(ranked);
                if nearest.len() > width {
                    nearest.pop();
                }
            }
        }
    }
    nearest.into_sorted_vec()
}
