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
//! | [`spec`] | TOML to a merged experiment whose values know their lines | base, stage |
//! | [`data`] | sources of images, splits, samplers, augmenters | base, artifact |
//! | [`nn`] | layers, losses, optimisers, training, devices | base, artifact |
//! | [`search`] | distances, nearest neighbours, calibration, near copies | base, artifact |
//! | [`metric`] | figures of merit and their intervals | base |
//! | [`report`] | tables to pictures and pages | base, artifact, metric |
//! | [`stages`] | one stage a file | all above but spec |
//! | [`sweep`] | which points of a space of parameters are tried | base |
//! | [`plan`] | the graph, keys, why a key changed, what a sweep varies | base, artifact, stage, spec, sweep |
//! | [`store`] | content-addressed results | base |
//! | [`runner`] | runs what is stale, sweeps | base, artifact, metric, stage, sweep, store, plan |
//! | [`compare`] | what differs between runs, and how sure that is | base, artifact, metric, stages, plan, store, runner |
//! | [`cli`] | one command a file | everything |

pub mod artifact;
pub mod base;
pub mod cli;
pub mod compare;
pub mod data;
pub mod error;
pub mod metric;
pub mod nn;
pub mod plan;
pub mod report;
pub mod runner;
pub mod search;
pub mod serve;
pub mod spec;
pub mod stage;
pub mod stages;
pub mod store;
pub mod sweep;
