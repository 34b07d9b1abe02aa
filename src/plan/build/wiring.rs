//! How stages are plugged into each other: ports against what stages give, circles refused, an order to run in.

use std::collections::BTreeMap;

use petgraph::algo::tarjan_scc;
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::EdgeRef;

use super::Draft;
use crate::graph::Edge;
use simpipe_base::issue::{Issue, Issues};
use simpipe_base::suggest;
use simpipe_spec::{Experiment, Input, StageSpec};
use simpipe_stage::{Kind, Port};

/// Connects a stage's ports; every wrong plug is an issue at the template's line.
pub(super) fn plug(
    experiment: &Experiment,
    spec: &StageSpec,
    node: NodeIndex,
    ports: Vec<Port>,
    draft: &mut Draft,
    issues: &mut Issues,
) {
    let names: Vec<&str> = ports.iter().map(|port| port.name).collect();
    for (name, input) in spec.inputs.iter().filter(|(name, _)| !names.contains(&name.as_str())) {
        let message = format!("`{}` has no port `{name}`", spec.stage);
        let path = format!("stages.{}.inputs.{name}", spec.id);
        issues.push(Issue::at(&input.port_place, path, message).help(suggest::help(name, &names)));
    }
    let instead: Vec<Port> = ports.iter().filter(|port| port.instead_of.is_some()).cloned().collect();
    let other_of = |port: &Port| instead.iter().find(|other| other.instead_of == Some(port.name));
    for port in ports {
        let other = other_of(&port);
        match spec.inputs.get(port.name) {
            Some(input) => {
                if let Some(first) = port.instead_of.filter(|first| spec.inputs.contains_key(*first)) {
                    issues.push(both(spec, input, first, port.name));
                }
                connect(experiment, spec, node, port, input, draft, issues);
            }
            None if port.optional || port.instead_of.is_some() => {}
            None if other.is_some_and(|other| spec.inputs.contains_key(other.name)) => {}
            None => issues.push(lacks(spec, &port, other)),
        }
    }
}

/// Two ports that stand for one.
fn both(spec: &StageSpec, input: &Input, first: &str, second: &str) -> Issue {
    let message = format!("`{}` takes `{first}` or `{second}`, not both", spec.id);
    let path = format!("stages.{}.inputs.{second}", spec.id);
    Issue::at(&input.port_place, path, message).help("leave out one of the two")
}

/// A port that must be plugged, or the one in its place.
fn lacks(spec: &StageSpec, port: &Port, other: Option<&Port>) -> Issue {
    let or = |words: fn(&Port) -> String| {
        let other = other.map_or_else(String::new, |other| format!(" or {}", words(other)));
        format!("{}{other}", words(port))
    };
    let needs = or(|port| format!("{} at its port `{}`", port.kind.words(), port.name));
    let write = or(|port| format!("`inputs = {{ {} = \"ID\" }}`", port.name));
    let message = format!("`{}` needs {needs}", spec.id);
    let help = format!("write {write} with the id of a stage that produces it");
    Issue::at(&spec.place, format!("stages.{}.inputs", spec.id), message).help(help)
}

fn connect(
    experiment: &Experiment,
    spec: &StageSpec,
    node: NodeIndex,
    port: Port,
    input: &Input,
    draft: &mut Draft,
    issues: &mut Issues,
) {
    let path = format!("stages.{}.inputs.{}", spec.id, port.name);
    let Some(at) = experiment.stages.iter().position(|stage| stage.id == input.from) else {
        let ids: Vec<&str> = experiment.stages.iter().map(|stage| stage.id.as_str()).collect();
        let message = format!("`{}` reads `{}`, but no stage has that id", spec.id, input.from);
        issues.push(Issue::at(&input.place, path, message).help(suggest::help(&input.from, &ids)));
        return;
    };
    let from = NodeIndex::new(at);
    if let Some(upstream) = draft[from].as_ref().filter(|upstream| upstream.output() != port.kind) {
        let (wanted, given) = (port.kind.words(), upstream.output().words());
        let (name, id) = (port.name, &spec.id);
        let message = format!("port `{name}` of `{id}` takes {wanted}, but `{}` produces {given}", input.from);
        issues.push(Issue::at(&input.place, path, message).help(givers(experiment, draft, port.kind)));
        return;
    }
    draft.add_edge(from, node, Edge { port });
}

/// The stages that could be plugged in instead.
fn givers(experiment: &Experiment, draft: &Draft, kind: Kind) -> String {
    let gives = |node: &NodeIndex| draft[*node].as_ref().is_some_and(|stage| stage.output() == kind);
    let ids: Vec<&str> =
        draft.node_indices().filter(gives).map(|node| experiment.stages[node.index()].id.as_str()).collect();
    match ids.as_slice() {
        [] => format!("no stage of this template produces {}: add one", kind.words()),
        ids => format!("plug in {}", suggest::one_of(ids)),
    }
}

/// Looks at what the template writes, not at what could be plugged: an input of the wrong kind may close a circle too.
pub(super) fn refuse_cycles(experiment: &Experiment, issues: &mut Issues) {
    let stages = &experiment.stages;
    let at = |id: &str| stages.iter().position(|stage| stage.id == id).map(NodeIndex::new);
    let mut wiring: DiGraph<(), ()> = DiGraph::new();
    let nodes: Vec<NodeIndex> = stages.iter().map(|_| wiring.add_node(())).collect();
    for (to, stage) in nodes.into_iter().zip(stages) {
        for from in stage.inputs.values().filter_map(|input| at(&input.from)) {
            wiring.update_edge(from, to, ());
        }
    }
    for component in tarjan_scc(&wiring) {
        let start = component.iter().copied().min().expect("a component has a node");
        let names = circle(&wiring, &component, start);
        if names.len() < 2 {
            continue;
        }
        let names: Vec<&str> = names.iter().map(|node| stages[node.index()].id.as_str()).collect();
        let spec = &stages[start.index()];
        let message = format!("stages read from each other in a circle: {}", names.join(" -> "));
        let help = "remove one of these inputs: a stage can only read what exists before it runs";
        issues.push(Issue::at(&spec.place, format!("stages.{}.inputs", spec.id), message).help(help));
    }
}

/// A way through a strongly connected component that ends where it begins; only its start if there is none.
fn circle(wiring: &DiGraph<(), ()>, component: &[NodeIndex], start: NodeIndex) -> Vec<NodeIndex> {
    let mut way = vec![start];
    let mut node = start;
    loop {
        let next = wiring
            .edges(node)
            .map(|edge| edge.target())
            .filter(|next| component.contains(next))
            .min_by_key(|next| (way.contains(next), next.index()));
        let Some(next) = next else { return way };
        let seen = way.iter().position(|known| *known == next);
        way.push(next);
        if let Some(seen) = seen {
            way.drain(..seen);
            return way;
        }
        node = next;
    }
}

/// Kahn's algorithm, always taking the first ready stage of the template; `None` if there is a cycle.
pub(super) fn sorted(draft: &Draft) -> Option<Vec<NodeIndex>> {
    let mut missing: BTreeMap<NodeIndex, usize> = draft
        .node_indices()
        .map(|node| (node, draft.edges_directed(node, petgraph::Direction::Incoming).count()))
        .collect();
    let mut order = Vec::with_capacity(missing.len());
    while let Some(node) = missing.iter().find(|(_, count)| **count == 0).map(|(node, _)| *node) {
        missing.remove(&node);
        order.push(node);
        for edge in draft.edges(node) {
            if let Some(count) = missing.get_mut(&edge.target()) {
                *count -= 1;
            }
        }
    }
    missing.is_empty().then_some(order)
}
