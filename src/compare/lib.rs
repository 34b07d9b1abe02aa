//! What differs between runs, and how sure that is: of two runs everything, of several against a baseline a verdict.
//!
//! Two single runs are compared over the queries that both were asked, by the paired bootstrap; runs of several seeds by
//! the spread of their means. Where neither can be, that is said, and no verdict is given.

mod changes;
mod diff;
mod figures;
mod flips;
mod headline;
mod measured;
mod pair;
mod queries;
mod report;
mod run;
mod side;
mod verdict;

pub use changes::{FieldChange, field_changes};
pub use diff::{RunDiff, StageChange, StageSide, diff};
pub use figures::{Better, MetricChange};
pub use flips::{Flip, Flips};
pub use measured::Measured;
pub use pair::Unpaired;
pub use queries::{Queries, QueryColumn};
pub use report::{FlippedImages, report};
pub use run::{Run, RunName};
pub use side::Side;
pub use simpipe_artifact::Verdict;
pub use verdict::{Comparison, Judged, RunVerdict, compare, judgeable};

/// The share of intervals that hold the true difference.
pub const LEVEL: f64 = 0.95;
