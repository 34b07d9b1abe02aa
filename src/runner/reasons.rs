//! Why a stage has to run, against the last run of the same name.

use petgraph::graph::NodeIndex;

use super::History;
use crate::plan::{KeyParts, Plan, Reason, ReasonKind, diff};
use crate::store::Damage;

/// Every reason; at least one, for the caller has found no usable result under `parts`.
pub(super) fn of_miss(
    plan: &Plan,
    node: NodeIndex,
    parts: &KeyParts,
    history: &History,
    damage: Option<&Damage>,
) -> Vec<Reason> {
    let Some(old) = history.parts_of(&plan.graph[node].id) else {
        return vec![damage.map_or_else(|| bare(ReasonKind::NeverRan), damaged)];
    };
    let mut reasons = changes(plan, node, old, parts);
    if reasons.is_empty() {
        // The same key as in the last run, whose result was there then.
        reasons.push(damage.map_or_else(|| bare(ReasonKind::Damaged), damaged));
    }
    reasons
}

/// What differs between two keys of a node.
pub(super) fn changes(plan: &Plan, node: NodeIndex, old: &KeyParts, new: &KeyParts) -> Vec<Reason> {
    let upstream = |port: &str| {
        let plugged = plan.upstream(node).into_iter().find(|(_, upstream)| upstream.name == port)?;
        Some(plan.graph[plugged.0].id.clone())
    };
    diff::reasons(&plan.graph[node].id, old, new, &upstream)
}

pub(super) fn bare(kind: ReasonKind) -> Reason {
    Reason { kind, path: None, old: None, new: None, upstream: None }
}

fn damaged(damage: &Damage) -> Reason {
    Reason { path: Some(damage.file.clone()), ..bare(ReasonKind::Damaged) }
}

pub(super) fn upstream(id: &str) -> Reason {
    Reason { upstream: Some(id.to_owned()), ..bare(ReasonKind::Upstream) }
}
