//! simpipe: a declarative pipeline runner for image metric learning.
//!
//! One TOML spec becomes a graph of cached stages: dataset, sample, train, embed, index, calibrate, match, evaluate, report. The
//! program `simpipe` is one way to it; this is the other, for programs in Rust:
//!
//! - [`Experiment`]: a config that is checked and run;
//! - [`Run`]: what a run has left: its numbers, its encoder, its index;
//! - [`Encoder`]: embeddings of images from files or bytes;
//! - [`Index`]: what is on an image, by the run's index and threshold.
//!
//! `docs/guides/library.md` begins with a whole program. What else the crate has is the program's own, may change at any time, and is
//! described in `ARCHITECTURE.md`.

/// The program that the guide begins with is compiled with the examples here.
#[cfg(doctest)]
#[doc = include_str!("../docs/guides/library.md")]
struct Guide;

#[doc(hidden)]
pub mod cli;
#[doc(hidden)]
pub mod error;
mod library;

pub use library::{Answer, Encoder, Error, Event, Experiment, Index, Neighbour, Run};
