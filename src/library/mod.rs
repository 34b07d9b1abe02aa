//! What a program that embeds simpipe is given: an experiment, a run, its index and its encoder. The same layers as under the
//! command line, behind a small face: everything here is told of in `docs/guides/library.md`.

mod encoder;
mod error;
mod event;
mod experiment;
mod index;
pub(crate) mod lineage;
mod pictures;
mod run;
pub(crate) mod stored;

pub use encoder::Encoder;
pub use error::Error;
pub use event::Event;
pub use experiment::Experiment;
pub(crate) use experiment::plan_experiment;
pub use index::{Answer, Index, Neighbour};
pub use run::Run;
