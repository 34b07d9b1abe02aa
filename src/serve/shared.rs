//! What all handlers share: the run that is served, its index as it is now, and what clients may take.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::body::{self, BodyLimits};
use super::collection::{Collection, Served, now};
use super::engine::Engine;
use super::limits::{Budget, Limits};
use super::metrics::Metrics;
use super::page::Page;
use super::token::Token;
use super::writer::Writer;
use simpipe_base::digest::Digest;
use simpipe_data::asked::Decoding;
use simpipe_stages::ask::Asker;

/// What is served, in words.
#[derive(Debug, Clone)]
pub struct About {
    /// The run's id.
    pub run: String,
    /// The experiment's name.
    pub experiment: String,
    /// The stage `match` whose index and threshold answer.
    pub stage: String,
    /// What the index with its changes is called.
    pub name: String,
    /// The digest of the model's files.
    pub model: Digest,
}

/// What all handlers share.
pub(super) struct Shared {
    pub(super) about: About,
    pub(super) asker: Arc<Asker>,
    pub(super) decoding: Decoding,
    pub(super) engine: Engine,
    pub(super) index: Served,
    /// Who makes changes, or why nobody does.
    pub(super) writer: Result<Writer, String>,
    pub(super) token: Option<Token>,
    pub(super) hosts: Vec<String>,
    pub(super) limits: Limits,
    pub(super) budget: Budget,
    pub(super) metrics: Arc<Metrics>,
    pub(super) page: Page,
    pub(super) stopping: AtomicBool,
}

impl Shared {
    /// The index as it is now.
    pub(super) fn index(&self) -> Arc<Collection> {
        now(&self.index)
    }

    pub(super) fn body_limits(&self) -> BodyLimits {
        let bytes = body::longest(self.decoding.most_bytes()).min(self.limits.memory);
        BodyLimits { bytes, time: self.limits.body }
    }
}
