//! Groups of parameters as `check` shows them.

use super::TrainParams;
use simpipe_artifact::{GroupSummary, ModelSummary};
use simpipe_nn::Group;
use simpipe_nn::groups::{Declaration, Grouping};

/// The layer table with the groups; what a group freezes is not trainable.
pub(super) fn summary(params: &TrainParams, summary: &ModelSummary, all: Option<&[Declaration]>) -> ModelSummary {
    let mut summary = summary.clone();
    let (Some(all), Ok(grouping)) = (all, Grouping::new(&params.groups)) else { return summary };
    for (at, group) in params.groups.iter().enumerate() {
        let members: Vec<&Declaration> = all.iter().filter(|one| grouping.of(&one.path) == Some(at)).collect();
        if group.freeze {
            let frozen = members.iter().filter(|one| one.trainable && one.path.starts_with("layers."));
            summary.trainable = summary.trainable.saturating_sub(frozen.map(|one| one.size).sum());
        }
        summary.groups.push(GroupSummary {
            pattern: group.r#match.clone(),
            training: training(group),
            parameters: members.into_iter().map(|one| one.path.clone()).collect(),
        });
    }
    summary
}

/// How a group is trained: `adamw, learning rate x 0.1, up to step 300`.
fn training(group: &Group) -> String {
    if group.freeze {
        return "frozen".to_owned();
    }
    let mut words: Vec<String> = group.optimizer.iter().map(|optimizer| optimizer.name().to_owned()).collect();
    if group.has_own_rate() {
        words.push(format!("learning rate x {}", group.learning_rate_factor));
    }
    words.extend(group.until_step.map(|step| format!("up to step {step}")));
    if words.is_empty() { "as the rest".to_owned() } else { words.join(", ") }
}
