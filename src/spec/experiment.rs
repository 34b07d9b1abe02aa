//! The resolved experiment: template, base configs, config and options merged, every value with its place.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::SweepParams;
use simpipe_base::issue::Issue;
use simpipe_base::node::{Node, Table};
use simpipe_base::source::Place;

/// One experiment, merged but not yet typed.
#[derive(Debug, Clone)]
pub struct Experiment {
    /// Names the run folder.
    pub name: String,
    /// For people.
    pub description: String,
    /// Of all random numbers. Where there are `seeds`, the first of them, or the one of this member of the group.
    pub seed: u64,
    /// The seeds of one training each; none where the experiment is a single run.
    pub seeds: Vec<u64>,
    /// `auto`, `cpu`, `ndarray`, `cuda` or `vulkan`.
    pub device: String,
    /// Where the device was written.
    pub device_place: Place,
    /// Another way to compute than the fastest in single precision, which then enters keys: `exact` or `bf16`.
    pub numerics: Option<String>,
    /// Where that was written.
    pub numerics_place: Place,
    /// What a sweep over it varies, and how; `simpipe run` runs the experiment as it is.
    pub sweep: Option<SweepParams>,
    /// The template's name.
    pub pipeline: String,
    /// The config as the user named it.
    pub config: PathBuf,
    /// The project's folder.
    pub project: PathBuf,
    /// All that is written beside the stages' tables: `pipeline`, `name`, `seed` and the like.
    pub header: Table,
    /// In the template's order.
    pub stages: Vec<StageSpec>,
    /// Problems found while loading: `plan` reports them together with its own.
    pub issues: Vec<Issue>,
}

/// One stage of an experiment.
#[derive(Debug, Clone)]
pub struct StageSpec {
    /// The id in the template.
    pub id: String,
    /// Where the template declares it.
    pub place: Place,
    /// The kind.
    pub stage: String,
    /// Where the kind is written.
    pub stage_place: Place,
    /// What is plugged into which port.
    pub inputs: BTreeMap<String, Input>,
    /// Its merged table of parameters.
    pub params: Node,
}

/// A plug.
#[derive(Debug, Clone)]
pub struct Input {
    /// The upstream stage's id.
    pub from: String,
    /// Where the port's name is written.
    pub port_place: Place,
    /// Where the id is written.
    pub place: Place,
}
