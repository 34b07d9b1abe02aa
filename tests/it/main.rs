//! One binary for all tests of the whole program: each further one would link burn again.

#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "a test that can't go on fails")]

mod batches;
mod classes;
mod cli;
mod compare;
mod concurrency;
mod config_layers;
mod determinism;
mod doctor;
mod eval_golden;
mod evaluate;
mod export_run;
mod facts;
mod faults;
mod from_other_libraries;
mod fuzz;
mod graph;
mod init;
mod interrupt;
mod keys;
mod kills;
mod layering;
mod leaks;
mod lock;
mod object_store;
mod outputs;
mod own_pipeline;
mod peers;
mod plan;
mod project;
mod python;
mod recomputed;
mod reference;
mod registry;
mod reproduce;
mod reruns;
mod schemas;
mod seeds;
mod sources;
mod spec_errors;
mod splits;
mod store;
mod sweeps;
mod terminal;
mod waits;
