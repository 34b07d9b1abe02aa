//! simpipe: a declarative pipeline runner for image metric learning.
//!
//! One TOML spec becomes a graph of cached stages: dataset, sample, train, embed, index, calibrate, match, evaluate, report.
//! A layer may use only the layers named beside it; a test holds that.
//!
//! | layer | owns | may use |
//! |---|---|---|
//! | [`base`] | digests, seeds, spanned values, typed reading of specs | |
//! | [`artifact`] | schema of every file that a stage leaves | base |
//! | [`stage`] | the contract between a stage and who runs it | base, artifact |

pub mod artifact;
pub mod base;
pub mod cli;
pub mod data;
pub mod error;
pub mod metric;
pub mod nn;
pub mod plan;
pub mod report;
pub mod runner;
pub mod search;
pub mod spec;
pub mod stage;
pub mod stages;
pub mod store;
