//! Cache keys: what enters one, and what never does.
//!
//! | enters | why |
//! |---|---|
//! | stage kind and `VERSION` | another implementation may give other bytes |
//! | parameters that differ from their default | a new optional field changes no old key |
//! | the version of each chosen alternative, from 2 on | another implementation of that alternative alone |
//! | digests of the upstream files that the ports read | early cutoff: the same bytes stop a change |
//! | digests of sources outside the store | content decides, not the path |
//! | the experiment's seed, where the stage draws | |
//! | backend and float type, where it computes on tensors | results differ in the last digits |
//! | `numerics`, where the spec sets it and the stage computes on tensors | |
//! | the resolved spec, where the stage shows it (report) | |
//!
//! Never: a clock, mtime, absolute path, thread count, host, log level, map order, or the stage's id.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use simpipe_base::digest::Digest;

/// Version of the key's own make-up.
pub const FORMAT: u32 = 1;

/// The digest of [`KeyParts`].
pub type Key = Digest;

/// All that decides a stage's result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeyParts {
    /// [`FORMAT`].
    pub format: u32,
    /// The stage's kind.
    pub stage: String,
    /// Its implementation's version.
    pub version: u32,
    /// Its parameters in [`View::Key`](simpipe_base::param::View::Key).
    pub params: Json,
    /// The experiment's seed, for stages that draw random numbers.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub seed: Option<u64>,
    /// Backend and float type such as `flex/f32`, for stages that compute on tensors.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub backend: Option<String>,
    /// `numerics` of the spec, for stages that compute on tensors.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub numerics: Option<String>,
    /// Digests of upstream files by port and name.
    pub inputs: BTreeMap<String, BTreeMap<String, Digest>>,
    /// Digests of sources outside the store by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub sources: BTreeMap<String, Digest>,
    /// The resolved spec, for stages that show it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub spec: Option<Json>,
}

impl KeyParts {
    /// Whether another result is of the same stage and differs in its sources and in what is at these ports at most.
    #[must_use]
    pub fn differs_only_at(&self, other: &Self, ports: &[&str]) -> bool {
        let rest = |parts: &Self| {
            let mut rest = Self { sources: BTreeMap::new(), ..parts.clone() };
            rest.inputs.retain(|port, _| !ports.contains(&port.as_str()));
            rest
        };
        rest(self) == rest(other)
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> Key {
        Digest::of_json(self)
    }
}
