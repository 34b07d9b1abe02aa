//! Nearest neighbours, labels from neighbours, and distance thresholds.
//!
//! [`vectors`] are rows ready for a distance, [`distance`] defines how near two of them are, [`knn`] finds the nearest
//! exactly, [`matcher`] turns neighbours into a label, [`calibration`] finds the thresholds below which labels are believed,
//! [`isotonic`] how probable a label is at each distance, [`judge`] answers a query by all of these, [`near_copies`] finds
//! images that show the same. Knows no stage and no file.

pub mod calibration;
mod calibration_metric;
pub mod distance;
mod error;
pub mod isotonic;
pub mod judge;
pub mod knn;
pub mod matcher;
pub mod near_copies;
pub mod overlap;
pub mod reference;
mod scores;
mod sortable;
mod top_k;
pub mod vectors;
mod wide;

pub use calibration::{Counting, Curve, Judged};
pub use calibration_metric::{CalibrationMetric, Counts, Population};
pub use error::SearchError;
pub use isotonic::Isotonic;
pub use judge::{Answer, Judge};
pub use knn::{ExactSearch, Hit};
pub use matcher::{Matcher, Verdict};
pub use vectors::Vectors;
