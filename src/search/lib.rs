//! Nearest neighbours, labels from neighbours, and distance thresholds.
//!
//! [`vectors`] are rows ready for a distance, [`distance`] defines how near two of them are, [`knn`] finds the nearest
//! exactly, [`searcher`] by the [`method`] of an index (a graph, lists, codes of few bits), [`recall`] says how much of what is near
//! that finds, [`matcher`] turns neighbours into a label, [`calibration`] finds the thresholds below which labels are
//! believed, [`isotonic`] how probable a label is at each distance, [`judge`] answers a query by all of these,
//! [`near_copies`] finds images that show the same. Knows no stage and no file.

mod added;
pub mod beside;
pub mod calibration;
mod calibration_metric;
mod codes;
pub mod distance;
mod drawn;
mod error;
mod hit;
pub mod hnsw;
pub mod isotonic;
mod ivf_pq;
pub mod judge;
pub mod knn;
mod marks;
pub mod matcher;
pub mod method;
pub mod near_copies;
pub mod overlap;
mod pieces;
mod ranking;
pub mod recall;
pub mod reference;
mod rough;
mod scores;
pub mod searcher;
mod shelves;
mod sortable;
mod top_k;
pub mod vectors;
mod wide;

pub use added::{Added, AddedRow};
pub use beside::Beside;
pub use calibration::{Counting, Curve, Judged};
pub use calibration_metric::{CalibrationMetric, Counts, Population};
pub use error::SearchError;
pub use hnsw::living::LivingGraph;
pub use isotonic::Isotonic;
pub use judge::{Answer, Judge};
pub use knn::{ExactSearch, Hit};
pub use marks::Marks;
pub use matcher::{Matcher, Verdict};
pub use method::Search;
pub use searcher::{Searcher, Structure};
pub use vectors::Vectors;
