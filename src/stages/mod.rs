//! The stages: one a file, with its parameters, ports, facts and work. [`registry`] lists them.

pub mod registry;
