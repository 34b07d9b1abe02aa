//! Re-ranking: better neighbours from the neighbours that a search found. Pure functions of rows and positions; which
//! distance found the neighbours does not matter.

pub mod diffusion;
pub mod k_reciprocal;
mod neighbours;
pub mod query_expansion;

#[cfg(test)]
mod tests;

pub use diffusion::Diffusion;
pub use k_reciprocal::KReciprocal;
pub use neighbours::Neighbours;
pub use query_expansion::{Expansion, expanded};
