//! The DAG of an experiment: stages with their parameters read, ports checked, facts inferred.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::EdgeRef;
use serde_json::{Value as Json, json};

use super::{KeyParts, Sweep};
use simpipe_base::digest::Digest;
use simpipe_base::issue::Issue;
use simpipe_base::param::{Param, View};
use simpipe_base::seed::Seed;
use simpipe_base::source::Place;
use simpipe_spec::Experiment;
use simpipe_stage::{DynStage, Facts, Policy, Port, SourceDigest};

/// A stage in a plan.
#[derive(Debug, Clone)]
pub struct Node {
    /// The id in the template.
    pub id: String,
    /// Its kind with its parameters.
    pub stage: Arc<dyn DynStage>,
    /// How it is treated while it runs; never in a key.
    pub policy: Policy,
    /// What is known of its output.
    pub facts: Facts,
}

/// A plug: the upstream stage's files that a port reads.
#[derive(Debug, Clone)]
pub struct Edge {
    /// The downstream port.
    pub port: Port,
}

/// An experiment ready to run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// What it was made from.
    pub experiment: Experiment,
    /// Stages; an edge leads from the producer to the consumer.
    pub graph: DiGraph<Node, Edge>,
    /// Every stage after those it reads from; ties in the template's order.
    pub order: Vec<NodeIndex>,
    /// The whole resolved spec with every default but without paths: what an artifact may show.
    pub portable: Json,
    /// What is allowed but probably not meant.
    pub warnings: Vec<Issue>,
    /// What a sweep over it varies, typed by what the stages take.
    pub sweep: Option<Arc<Sweep>>,
}

impl Plan {
    /// What is known of a stage that reads no other, if it is the same here: it hangs on outside data alone.
    pub(super) fn facts_of(&self, id: &str, stage: &dyn DynStage) -> Option<Facts> {
        let node = &self.graph[self.find(id)?];
        let params = |stage: &dyn DynStage| stage.params(View::Located);
        let same = node.stage.name() == stage.name() && params(node.stage.as_ref()) == params(stage);
        same.then(|| node.facts.clone())
    }

    /// The whole resolved spec with every default, as JSON.
    #[must_use]
    pub fn resolved(&self, view: View) -> Json {
        let stage = |node: &NodeIndex| {
            let Node { id, stage, policy, .. } = &self.graph[*node];
            let inputs: BTreeMap<&str, &str> = self
                .upstream(*node)
                .into_iter()
                .map(|(from, port)| (port.name, self.graph[from].id.as_str()))
                .collect();
            let mut value = json!({ "stage": stage.name(), "inputs": inputs, "params": stage.params(view) });
            if view == View::Full && *policy != Policy::default() {
                value["policy"] = policy.write(View::Full);
            }
            (id.clone(), value)
        };
        let Experiment { name, description, seed, device, numerics, pipeline, .. } = &self.experiment;
        let stages: serde_json::Map<String, Json> = self.order.iter().map(stage).collect();
        let mut spec = json!({
            "pipeline": pipeline, "name": name, "description": description, "seed": seed, "device": device,
            "stages": stages,
        });
        if let Some(numerics) = numerics {
            spec["numerics"] = numerics.as_str().into();
        }
        spec
    }

    /// The same plan at one of its seeds.
    #[must_use]
    pub fn at_seed(&self, seed: u64) -> Self {
        let mut plan = self.clone();
        plan.experiment.seed = seed;
        plan.portable = plan.resolved(View::Portable);
        plan
    }

    /// The stages whose results may differ from seed to seed: those that draw random numbers or show the seed, and all that
    /// read from them.
    #[must_use]
    pub fn hanging_on_seed(&self) -> BTreeSet<NodeIndex> {
        let mut hanging = BTreeSet::new();
        for node in &self.order {
            let stage = &self.graph[*node].stage;
            let above = self.upstream(*node).into_iter().any(|(from, _)| hanging.contains(&from));
            if above || stage.seeded() || stage.shows_spec() {
                hanging.insert(*node);
            }
        }
        hanging
    }

    /// Upstream stages of a node with the port that each is plugged into, by port name.
    #[must_use]
    pub fn upstream(&self, node: NodeIndex) -> Vec<(NodeIndex, &Port)> {
        let edges = self.graph.edges_directed(node, petgraph::Direction::Incoming);
        let mut upstream: Vec<_> = edges.map(|edge| (edge.source(), &edge.weight().port)).collect();
        upstream.sort_by_key(|(_, port)| port.name);
        upstream
    }

    /// The node of an id.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<NodeIndex> {
        self.order.iter().copied().find(|node| self.graph[*node].id == id)
    }

    /// Where a parameter of a node is written, or the nearest thing around it that is.
    #[must_use]
    pub fn place_of(&self, node: NodeIndex, path: &str) -> Option<&Place> {
        let id = &self.graph[node].id;
        let spec = self.experiment.stages.iter().find(|spec| spec.id == *id)?;
        Some(&spec.params.nearest(path).place)
    }

    /// The seed of a stage.
    #[must_use]
    pub fn seed(&self, node: NodeIndex) -> Seed {
        let stage = &self.graph[node].stage;
        Seed::of_stage(self.experiment.seed, stage.name(), stage.stream())
    }

    /// What decides a stage's result, once its inputs are known.
    ///
    /// `inputs`: digests by port, then by file, of the files that each port reads. `backend`: `flex/f32` and the like.
    #[must_use]
    pub fn key_parts(
        &self,
        node: NodeIndex,
        inputs: BTreeMap<String, BTreeMap<String, Digest>>,
        sources: Vec<SourceDigest>,
        backend: &str,
    ) -> KeyParts {
        let stage = &self.graph[node].stage;
        let tensor = stage.tensor();
        KeyParts {
            format: super::key::FORMAT,
            stage: stage.name().to_owned(),
            version: stage.version(),
            params: stage.params(View::Key),
            seed: stage.seeded().then_some(self.experiment.seed),
            backend: tensor.then(|| backend.to_owned()),
            numerics: self.experiment.numerics.clone().filter(|_| tensor),
            inputs,
            sources: sources.into_iter().map(|source| (source.name, source.digest)).collect(),
            spec: stage.shows_spec().then(|| self.portable.clone()),
        }
    }
}
