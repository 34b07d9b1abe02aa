//! One binary for all tests of the whole program: each further one would link burn again.

#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "a test that can't go on fails")]

mod cli;
mod concurrency;
mod determinism;
mod faults;
mod fuzz;
mod kills;
mod layering;
mod project;
mod python;
mod registry;
mod reruns;
mod schemas;
mod spec_errors;
