//! Why a stage has to run, against the last run of the same name.

use petgraph::graph::NodeIndex;

use super::History;
use simpipe_base::param::View;
use simpipe_plan::{KeyParts, Plan, Reason, ReasonKind, Snapshot, diff};
use simpipe_store::Damage;

/// Every reason; at least one, for the caller has found no usable result under `parts`.
pub(super) fn of_miss(
    plan: &Plan,
    node: NodeIndex,
    parts: &KeyParts,
    history: &History,
    damage: Option<&Damage>,
) -> Vec<Reason> {
    let Some(old) = history.snapshot_of(&plan.graph[node].id) else {
        return vec![damage.map_or_else(|| Reason::new(ReasonKind::NeverRan), damaged)];
    };
    let mut reasons = changes(plan, node, &old, parts);
    if reasons.is_empty() {
        // The same key as in the last run, whose result was there then.
        reasons.push(damage.map_or_else(|| Reason::new(ReasonKind::Damaged), damaged));
    }
    reasons
}

/// What differs between a node as it was and under its key of now.
pub(super) fn changes(plan: &Plan, node: NodeIndex, old: &Snapshot, new: &KeyParts) -> Vec<Reason> {
    let upstream = |port: &str| {
        let plugged = plan.upstream(node).into_iter().find(|(_, upstream)| upstream.name == port)?;
        Some(plan.graph[plugged.0].id.clone())
    };
    let new = Snapshot { parts: new.clone(), params: plan.graph[node].stage.params(View::Full) };
    diff::reasons(&plan.graph[node].id, old, &new, &upstream)
}

fn damaged(damage: &Damage) -> Reason {
    Reason { path: Some(damage.file.clone()), ..Reason::new(ReasonKind::Damaged) }
}
