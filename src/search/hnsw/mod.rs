//! A graph of near vectors in layers, walked from far to near: Malkov and Yashunin, *Efficient and robust approximate nearest
//! neighbor search using Hierarchical Navigable Small World graphs* (2016).
//!
//! It is built in batches of growing size (ParlayANN, Manohar et al., 2023, arXiv 2305.04359): each vector of a batch looks
//! for its neighbours in the graph as it was before the batch, and links to it are merged in one order. So the graph is the
//! same from any number of threads, and can be cached. At last every vector that no walk could reach is linked to
//! (`connect`).

mod build;
mod connect;
mod kept;
mod layers;
pub mod living;
mod walk;

use super::distance::Rows;
use super::rough::Rough;
use simpipe_artifact::{Distance, Graph};

use build::build;
pub(super) use layers::Fixed;
pub(super) use walk::Pool;

/// The graph of some rows.
///
/// # Errors
/// If it is to stop.
pub fn graph(
    rows: Rows<'_>,
    distance: Distance,
    params: &super::method::Hnsw,
    stop: &(dyn Fn() -> bool + Sync),
) -> Result<Graph, super::SearchError> {
    build(&Rough::new(rows, distance), params, stop)
}

#[cfg(test)]
#[path = "hnsw_tests.rs"]
mod tests;
