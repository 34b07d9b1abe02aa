//! Asks a stage's `infer` a second time, before it computes: what could only be guessed before anything ran, its inputs
//! now tell.

use std::collections::BTreeMap;

use petgraph::graph::NodeIndex;

use super::inputs::Entries;
use crate::base::file_name::FileName;
use crate::plan::Plan;
use crate::stage::{Facts, InputFacts, Port, StageError};
use crate::store::Store;

/// Refuses a node whose parameters don't suit its inputs, and warns of what is new about it.
///
/// # Errors
/// The first problem at its parameter, the others in its words.
pub(super) fn check(
    plan: &Plan,
    node: NodeIndex,
    entries: &Entries,
    store: &Store,
    on_warning: &dyn Fn(String),
) -> Result<(), StageError> {
    let stage = &plan.graph[node].stage;
    let inputs = Known { plan, entries, store, facts: BTreeMap::new() }.inputs(node)?;
    stage.infer(&inputs)?;
    let before = stage.warnings(&planned(plan, node));
    let new = stage.warnings(&inputs).into_iter().filter(|warning| !before.contains(warning));
    new.for_each(|warning| on_warning(warning.message));
    Ok(())
}

/// What was known of a node's inputs when the plan was made.
fn planned(plan: &Plan, node: NodeIndex) -> InputFacts {
    let facts = |(upstream, port): (NodeIndex, &Port)| (port.name.to_owned(), plan.graph[upstream].facts.clone());
    InputFacts(plan.upstream(node).into_iter().map(facts).collect())
}

/// Facts of nodes that have results, each made once.
struct Known<'a> {
    plan: &'a Plan,
    entries: &'a Entries,
    store: &'a Store,
    facts: BTreeMap<NodeIndex, Facts>,
}

impl Known<'_> {
    fn inputs(&mut self, node: NodeIndex) -> Result<InputFacts, StageError> {
        let mut inputs = InputFacts::default();
        for (upstream, port) in self.plan.upstream(node) {
            inputs.0.insert(port.name.to_owned(), self.of(upstream)?);
        }
        Ok(inputs)
    }

    fn of(&mut self, node: NodeIndex) -> Result<Facts, StageError> {
        if let Some(known) = self.facts.get(&node) {
            return Ok(known.clone());
        }
        let inputs = self.inputs(node)?;
        let planned = &self.plan.graph[node];
        // It has its result: what it would say of its inputs now is of no account.
        let facts = planned.stage.infer(&inputs).unwrap_or_else(|_| planned.facts.clone());
        let facts = match self.entries.get(&node) {
            None => facts,
            Some(entry) => planned.stage.complete(facts, &|name| {
                let file = FileName::try_from(name).ok().and_then(|name| entry.files.get(&name));
                file.map_or_else(Default::default, |file| self.store.object(file.digest))
            })?,
        };
        self.facts.insert(node, facts.clone());
        Ok(facts)
    }
}
