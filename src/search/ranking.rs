//! The nearest of some rows by their exact distances.

use simpipe_artifact::Distance;

use super::distance::between;
use super::hit::{Hit, Wanted};
use super::marks::Marks;
use super::top_k::{key, position, ranked};
use super::wide::widest;

/// The rows that count for one query.
#[derive(Clone, Copy)]
pub(super) struct Among<'w> {
    pub(super) wanted: &'w Wanted,
    pub(super) gone: &'w Marks,
}

impl Among<'_> {
    /// Whether a row is one of them.
    pub(super) fn counts(self, row: u32) -> bool {
        !self.gone.has(row) && self.wanted.counts(row)
    }
}

/// The `k` nearest of some rows by their exact distances, nearest first, ties by position.
pub(super) fn ranked_hits<'r>(
    distance: Distance,
    query: &[f32],
    rows: Vec<u32>,
    vector: impl Fn(u32) -> &'r [f32],
    k: usize,
) -> Vec<Hit> {
    // One integer a row sorts several times as fast as a pair.
    let exact = |row: u32| ranked(key_of(distance, between(distance, query, vector(row))), row);
    let mut hits: Vec<u64> = widest(|| rows.into_iter().map(exact).collect());
    if k < hits.len() {
        hits.select_nth_unstable(k);
        hits.truncate(k);
    }
    hits.sort_unstable();
    let hit = |ranked: u64| Hit { row: position(ranked), distance: distance_of(distance, key(ranked)) };
    hits.into_iter().map(hit).collect()
}

/// A number that is smaller the nearer, with one zero.
#[inline(always)]
pub(super) fn key_of(distance: Distance, value: f32) -> f32 {
    0.0 + if distance.larger_is_nearer() { -value } else { value }
}

/// The distance of a [key](key_of), with one zero too.
fn distance_of(distance: Distance, key: f32) -> f32 {
    0.0 + if distance.larger_is_nearer() { -key } else { key }
}
