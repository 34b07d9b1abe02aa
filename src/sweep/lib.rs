//! Sweeps: which points of a space of parameters are tried, in which order, and how far each is trained.
//!
//! [`Space`] is what may vary, a [`Point`] one choice of all that applies, [`History`] what was tried and is being tried.
//! A [`Method`] answers the next point as a pure function of space, history, number and seed: the same order of
//! completions gives the same points, whatever machine asks. [`Rungs`] decides who is trained further,
//! [`importance`](importance()) says which dimensions mattered.
//!
//! Owns no spec, no journal and no process. All values are minimised here; who maximises, negates.

mod history;
mod importance;
pub mod method;
mod pareto;
mod rungs;
mod space;

pub use history::{Finished, History};
pub use importance::{Importance, LEAST_TRIALS, NoImportance, importance};
pub use method::Method;
pub use pareto::{front, ranks};
pub use rungs::{Job, RungResult, Rungs};
pub use space::{Condition, Dimension, Domain, Point, Space, Value};
