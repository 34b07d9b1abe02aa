//! How a graph is built: batch by batch, each searched on the graph before it, links merged in order.

use rayon::prelude::*;

use super::super::SearchError;
use super::super::drawn::{mixed, order};
use super::super::method::Hnsw;
use super::super::rough::Rough;
use super::super::top_k::{key, position};
use super::connect::connect;
use super::kept::Kept;
use super::layers::{Growing, Layers, positions};
use super::walk::{Pool, Room, beam};
use simpipe_artifact::Graph;

/// Layers of a vector above the lowest, at most.
const MOST_LAYERS: u8 = 15;
/// The share of all vectors that a batch has at most, as in ParlayANN: the vectors of one don't see each other.
const LARGEST_BATCH: usize = 50;

/// A vector's new links in a layer: each with how near it is.
pub(super) type Linked = (u8, Vec<u64>);

/// Builds the graph.
pub(crate) fn build(rough: &Rough<'_>, params: &Hnsw, stop: &(dyn Fn() -> bool + Sync)) -> Result<Graph, SearchError> {
    let (count, links) = (rough.len(), params.links);
    let levels: Vec<u8> = (0..count).map(|row| level(row, links)).collect();
    let mut order = order(count);
    // The highest comes first, so that every other one finds all its layers.
    let Some(first) = (0..count).max_by_key(|at| (levels[order[*at] as usize], std::cmp::Reverse(*at))) else {
        return Ok(Graph { links, ..Graph::default() });
    };
    order.swap(0, first);
    let mut layers = Growing::unlinked(links, order[0], levels);
    let pool = Pool::default();
    let mut done = 1;
    while done < count {
        let size = done.min((count / LARGEST_BATCH).max(1)).min(count - done);
        let batch = &order[done..done + size];
        // A batch of many takes long: whoever wants to stop is asked for each of it.
        let of_row = |row: &u32, room: &mut Room| match stop() {
            true => Vec::new(),
            false => neighbours(&layers, rough, params, *row, |_| true, room),
        };
        let found: Vec<Vec<Linked>> = batch.par_iter().map(|row| pool.with(|room| of_row(row, room))).collect();
        if stop() {
            return Err(SearchError::Stopped);
        }
        add(&mut layers, rough, batch, &found);
        done += size;
    }
    connect(&mut layers, rough, params.build_width, |_| true);
    Ok(layers.into_graph())
}

/// Where a vector belongs, layer by layer from above, among those that count.
pub(super) fn neighbours<K: Kept>(
    layers: &Layers<K>,
    rough: &Rough<'_>,
    params: &Hnsw,
    row: u32,
    counts: impl Fn(u32) -> bool,
    room: &mut Room,
) -> Vec<Linked> {
    let (query, own) = (rough.row(row), layers.kept.level(row).unwrap_or(0));
    let mut from = layers.descend(rough, query, own, room);
    let mut found = Vec::with_capacity(usize::from(own) + 1);
    for layer in (0..=own.min(layers.top())).rev() {
        let near = beam(|row| layers.places(row, layer), &counts, (rough, query), &from, params.build_width, room);
        if near.is_empty() {
            continue;
        }
        found.push((layer, chosen(rough, &near, params.links, params.links)));
        from = near;
    }
    found
}

/// Up to `most` of some candidates, nearest first: those that are nearer to the vector itself than to any that is chosen
/// already, so that links lead into all directions (Malkov and Yashunin, algorithm 4); if these are fewer than `least`, the
/// nearest of the others too. Of copies of one vector one is chosen before there is room for more: links to nothing but copies
/// lead nowhere.
pub(super) fn chosen(rough: &Rough<'_>, candidates: &[u64], least: usize, most: usize) -> Vec<u64> {
    let (mut chosen, mut rows) = (Vec::with_capacity(most), Vec::with_capacity(most));
    let (mut others, mut copies, mut room) = (Vec::new(), Vec::new(), Vec::new());
    for &candidate in candidates {
        if chosen.len() == most {
            return chosen;
        }
        let row = position(candidate);
        // Copies are equally near, so they stand one behind the other.
        let is_copy = |of: &u64| rough.is_copy(position(*of), row);
        let has_copy = |some: &[u64]| some.iter().rev().take_while(|of| key(**of) == key(candidate)).any(is_copy);
        if has_copy(&chosen) || has_copy(&others) {
            copies.push(candidate);
        } else if rough.is_nearer_to_any(row, key(candidate), &rows, &mut room) {
            others.push(candidate);
        } else {
            chosen.push(candidate);
            rows.push(row);
        }
    }
    let missing = least.saturating_sub(chosen.len());
    chosen.extend(others.into_iter().chain(copies).take(missing));
    chosen.sort_unstable();
    chosen
}

/// Links a batch to the graph, and the graph to the batch.
fn add(layers: &mut Growing, rough: &Rough<'_>, batch: &[u32], found: &[Vec<Linked>]) {
    // Layer and vector that is linked to, how near the new one is, and the new one.
    let mut back: Vec<(u64, u64)> = Vec::new();
    for (&row, found) in batch.iter().zip(found) {
        for (layer, linked) in found {
            layers.link(row, *layer, &positions(linked));
            // The rough distance is the same both ways, to the bit.
            let with =
                |near: u64| (u64::from(*layer) << 32 | u64::from(position(near)), near >> 32 << 32 | u64::from(row));
            back.extend(linked.iter().map(|near| with(*near)));
        }
    }
    back.par_sort_unstable();
    let lists: Vec<&[(u64, u64)]> = back.chunk_by(|one, next| one.0 == next.0).collect();
    let merged: Vec<(u8, u32, Vec<u32>)> = lists.par_iter().map(|list| merged(layers, rough, list)).collect();
    merged.into_iter().for_each(|(layer, row, linked)| layers.link(row, layer, &linked));
}

/// The links of a vector with new ones to a batch.
#[expect(clippy::cast_possible_truncation, reason = "both parts were put in as such")]
fn merged(layers: &Growing, rough: &Rough<'_>, new: &[(u64, u64)]) -> (u8, u32, Vec<u32>) {
    let (layer, row) = ((new[0].0 >> 32) as u8, new[0].0 as u32);
    let mut all = Vec::new();
    rough.to(rough.row(row), layers.linked(row, layer), &mut Vec::new(), &mut all);
    all.extend(new.iter().map(|(_, near)| *near));
    all.sort_unstable();
    if all.len() > layers.most(layer) {
        all = chosen(rough, &all, layers.links, layers.most(layer));
    }
    (layer, row, positions(&all))
}

/// The highest layer of a vector: each has one more with the probability `1 / links`, so that layers thin out as fast as
/// links reach far. Drawn from its position alone.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "limited before")]
#[expect(clippy::cast_precision_loss, reason = "53 bits")]
pub(super) fn level(row: usize, links: usize) -> u8 {
    let drawn = ((mixed(row as u64 ^ 0x6c65_7665_6c73) >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
    // Not `f64::ln`, which is another one on another system.
    let level = -libm::log(drawn) / libm::log(links as f64);
    level.min(f64::from(MOST_LAYERS)) as u8
}
