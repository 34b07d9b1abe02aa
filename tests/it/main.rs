//! One binary for all tests of the whole program: each further one would link burn again.

#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "a test that can't go on fails")]

mod cli;
mod config_layers;
mod determinism;
mod fuzz;
mod layering;
mod own_pipeline;
mod project;
mod python;
mod registry;
mod reruns;
mod schemas;
mod spec_errors;
