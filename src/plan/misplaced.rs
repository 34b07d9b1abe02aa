//! Keys that stand in the wrong stage, or outside of any: whoever knows all stages can say where they belong.

use simpipe_base::issue::{Issue, IssueKind, Issues};
use simpipe_base::node::Table;
use simpipe_base::param::{Record, Shape};
use simpipe_base::source::Layer;
use simpipe_base::{misplaced, path, suggest};
use simpipe_spec::{ACCEPTED, Experiment, StageSpec, top_level_called};
use simpipe_stage::{Catalog, StageDoc};

/// Stages named in one message.
const NAMED: usize = 3;

/// Replaces the help of unknown keys that another stage knows, and of names that only other tools have.
pub(super) fn explain(experiment: &Experiment, catalog: &dyn Catalog, issues: &mut Issues) {
    for issue in &mut issues.0 {
        let name = match &issue.kind {
            IssueKind::UnknownKey(name) | IssueKind::GuessedKey(name) | IssueKind::UnknownName(name) => {
                Some(name.as_str())
            }
            _ => of_another_sampler(issue, experiment),
        };
        if let Some(note) = name.and_then(|name| catalog.note(name)) {
            issue.help = Some(note.to_owned());
            issue.kind = IssueKind::Wrong;
        }
    }
    if !issues.0.iter().any(|issue| key_of(issue).is_some()) {
        return; // the reference is not made for nothing
    }
    let docs = catalog.docs();
    for issue in &mut issues.0 {
        if let Some(help) = home(issue, experiment, &docs) {
            issue.help = Some(help);
        }
    }
}

/// A key of `sample` that only a sampler has which is not the chosen one: what it means for the others is more.
fn of_another_sampler<'a>(issue: &'a Issue, experiment: &Experiment) -> Option<&'a str> {
    let (IssueKind::MisplacedKey { key, inside } | IssueKind::NearKey { key, inside: Some(inside) }) = &issue.kind
    else {
        return None;
    };
    let is_own = |stage: &&StageSpec| stage.stage == "sample" && issue.path == path::join(&stage.id, key);
    let stage = experiment.stages.iter().find(is_own)?;
    let sampler = stage.params.table().and_then(|table| table.get("sampler")).map(|entry| &entry.node);
    let chosen = sampler.and_then(|node| node.string().or_else(|| node.table()?.keys().next().map(String::as_str)));
    (chosen != Some(inside.as_str())).then_some(key.as_str())
}

/// The key that is not known where it stands.
const fn key_of(issue: &Issue) -> Option<&String> {
    match &issue.kind {
        IssueKind::UnknownKey(key) | IssueKind::NearKey { key, .. } | IssueKind::GuessedKey(key) => Some(key),
        _ => None,
    }
}

/// Further inside a stage its own reader has said what there is to say, but for a parameter of the stage itself.
fn further_out(issue: &Issue, key: &str, experiment: &Experiment, docs: &[StageDoc]) -> Option<String> {
    let is_inside = |stage: &&StageSpec| issue.path.strip_prefix(&stage.id).is_some_and(|rest| rest.starts_with('.'));
    let stage = experiment.stages.iter().find(is_inside).filter(|_| matches!(issue.kind, IssueKind::UnknownKey(_)))?;
    let Shape::Record(record) = &docs.iter().find(|doc| doc.name == stage.stage)?.params else { return None };
    let id = &stage.id;
    let is_own = record.fields.iter().any(|field| field.name == key);
    is_own.then(|| format!("`{key}` is a parameter of `{id}`: move it to `[{id}]`"))
}

fn home(issue: &Issue, experiment: &Experiment, docs: &[StageDoc]) -> Option<String> {
    let key = key_of(issue)?;
    let owner = experiment.stages.iter().find(|stage| issue.path == path::join(&stage.id, key));
    if owner.is_none() && issue.path != *key {
        return further_out(issue, key, experiment, docs);
    }
    if owner.is_some() && ACCEPTED.contains(&key.as_str()) {
        return Some(format!("`{key}` belongs at the top of the file, above the first `[table]`"));
    }
    if matches!(issue.kind, IssueKind::NearKey { .. }) {
        return None;
    }
    if let Some(name) = top_level_called(key).filter(|_| owner.is_some()) {
        return Some(format!("did you mean `{name}`? It belongs at the top of the file, above the first `[table]`"));
    }
    let others = || experiment.stages.iter().filter(|stage| owner.is_none_or(|owner| owner.stage != stage.stage));
    let record = |kind: &str| match docs.iter().find(|doc| doc.name == kind).map(|doc| &doc.params) {
        Some(Shape::Record(record)) => Some(record),
        _ => None,
    };
    let knows = |kind: &str| {
        let known = record(kind)?.known();
        let same = known.iter().find(|known| known.name == key).map(|known| known.name);
        same.or_else(|| suggest::near(key, &known))
    };
    let homes: Vec<(&str, &str)> =
        others().filter_map(|stage| Some((stage.id.as_str(), knows(&stage.stage)?))).collect();
    let by_option = issue.place.as_ref().is_some_and(|place| matches!(place.source.layer, Layer::Set(_)));
    let instead = |id: &str, name: &str| {
        if by_option { format!("set `{id}.{name}` instead") } else { format!("write it under `[{id}]`") }
    };
    let exact: Vec<&str> = homes.iter().filter(|(_, name)| name == key).map(|(id, _)| *id).collect();
    if let Some(first) = exact.first() {
        let ids = suggest::one_of(&exact[..exact.len().min(NAMED)]).replace(" or ", " and ");
        return Some(format!("`{key}` is a parameter of {ids}: {}", instead(first, key)));
    }
    if matches!(issue.kind, IssueKind::GuessedKey(_)) {
        return None; // what its own stage has is the better guess
    }
    // A guess is worth telling where only one stage has it.
    if let [(id, name)] = homes.as_slice() {
        return Some(format!("did you mean `{name}` of `{id}`? {}", instead(id, name)));
    }
    let further_inside = |look: fn(&str, &Record, &Table) -> Option<String>| {
        let look = |stage: &StageSpec| {
            let home = look(key, record(&stage.stage)?, stage.params.table()?)?;
            Some(format!("{home} below `[{}]`", stage.id))
        };
        others().find_map(look)
    };
    // The very key of a late stage is meant before one that is only like a key of an early stage.
    further_inside(misplaced::inside).or_else(|| further_inside(misplaced::near_inside))
}
