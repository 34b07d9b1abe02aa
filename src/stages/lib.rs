//! The stages: one a file, with its parameters, ports, facts and work. [`registry`] lists them.

pub mod ask;
pub mod baseline;
mod cached;
pub mod calibrate;
mod class_groups;
pub mod columns;
pub mod dataset;
pub mod direction;
pub mod embed;
mod embedded;
pub mod encode;
pub mod evaluate;
mod exclude;
pub mod few_shot;
pub mod index;
mod leak;
pub mod match_;
pub mod near_copies;
mod notes;
pub mod project;
pub mod registry;
pub mod report;
pub mod reported;
pub mod sample;
#[cfg(test)]
mod search_tests;
pub mod slice;
pub mod train;
