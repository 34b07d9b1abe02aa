//! One binary for all tests of the whole program: each further one would link burn again.

mod cli;
mod determinism;
mod fuzz;
mod layering;
mod project;
mod python;
mod registry;
mod reruns;
mod schemas;
mod spec_errors;
