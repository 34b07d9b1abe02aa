//! Asks a stage's `infer` a second time, before it computes: what could only be guessed before anything ran, its inputs
//! now tell.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use petgraph::graph::NodeIndex;

use simpipe_base::file_name::FileName;
use simpipe_plan::Plan;
use simpipe_stage::{Facts, InputFacts, Port, StageError};
use simpipe_store::{AcEntry, Store};

/// The stored result of a node that has one.
pub(super) type Stored<'a> = dyn Fn(NodeIndex) -> Option<AcEntry> + 'a;

/// Facts of nodes that have results, each made when somebody first computes from it: none in a run that finds all.
#[derive(Default)]
pub(super) struct Known(Mutex<BTreeMap<NodeIndex, Facts>>);

impl Known {
    /// Refuses a node whose parameters don't suit its inputs, and warns of what is new about it.
    ///
    /// # Errors
    /// The first problem at its parameter, the others in its words.
    pub(super) fn check(
        &self,
        plan: &Plan,
        node: NodeIndex,
        stored: &Stored<'_>,
        store: &Store,
        on_warning: &dyn Fn(String),
    ) -> Result<(), StageError> {
        let stage = &plan.graph[node].stage;
        let inputs = {
            // Several stages may ask at once: the lock is held so that nobody reads the same files beside another.
            let mut facts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Making { plan, stored, store, facts: &mut facts }.inputs(node)?
        };
        stage.infer(&inputs)?;
        let before = stage.warnings(&planned(plan, node));
        let new = stage.warnings(&inputs).into_iter().filter(|warning| !before.contains(warning));
        new.for_each(|warning| on_warning(warning.message));
        Ok(())
    }
}

/// What was known of a node's inputs when the plan was made.
fn planned(plan: &Plan, node: NodeIndex) -> InputFacts {
    let facts = |(upstream, port): (NodeIndex, &Port)| (port.name.to_owned(), plan.graph[upstream].facts.clone());
    InputFacts(plan.upstream(node).into_iter().map(facts).collect())
}

/// Makes the facts that are still missing.
struct Making<'a> {
    plan: &'a Plan,
    stored: &'a Stored<'a>,
    store: &'a Store,
    facts: &'a mut BTreeMap<NodeIndex, Facts>,
}

impl Making<'_> {
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
        // It has its result: what it would say of its inputs now is of no account. One without inputs has said all, and would
        // only look at outside data again.
        let said = if inputs.0.is_empty() { None } else { planned.stage.infer(&inputs).ok() };
        let facts = said.unwrap_or_else(|| planned.facts.clone());
        let facts = match (self.stored)(node) {
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
