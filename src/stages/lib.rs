//! The stages: one a file, with its parameters, ports, facts and work. One is added by its `mod` and its line in the list here.

/// Hands every stage to a macro, in the order in which the reference has them.
macro_rules! every_stage {
    ($make:ident) => {
        $make![
            crate::dataset::Dataset,
            crate::sample::Sample,
            crate::train::Train,
            crate::embed::Embed,
            crate::index::Index,
            crate::calibrate::Calibrate,
            crate::match_::Match,
            crate::near_copies::NearCopiesStage,
            crate::evaluate::Evaluate,
            crate::few_shot::FewShot,
            crate::baseline::Baseline,
            crate::project::Project,
            crate::report::Report,
        ];
    };
}

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
mod kinds;
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
