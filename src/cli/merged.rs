//! The merged spec as it is written down: every value at its place, in the order of its declaration, with its origin.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::print;
use simpipe_base::node::{Entry, Node, Table, Value};
use simpipe_base::param::{self, Param, Record, Shape, View};
use simpipe_base::source::{Layer, Place, Source};
use simpipe_spec::{ACCEPTED, Experiment, SweepParams};
use simpipe_stages::registry;

/// A top-level entry in the order to be written.
pub(super) struct Top {
    pub(super) key: String,
    pub(super) node: Node,
    /// For tables: the keys in the order to be written.
    pub(super) order: Vec<String>,
}

/// The merged spec as it is written: what somebody has left out is not there.
pub(super) fn merged(experiment: &Experiment) -> Vec<Top> {
    let folder = folder_of(experiment);
    let docs = registry::builtin().docs();
    let stage = |spec: &simpipe_spec::StageSpec| {
        let doc = docs.iter().find(|doc| doc.name == spec.stage);
        let mut node = spec.params.clone();
        let Some(Shape::Record(record)) = doc.map(|doc| &doc.params) else {
            return Top { key: spec.id.clone(), node, order: Vec::new() };
        };
        rebase(&mut node, &Shape::Record(record.clone()), &folder);
        Top { key: spec.id.clone(), order: order_of(record), node }
    };
    header(experiment).chain(experiment.stages.iter().map(stage)).collect()
}

/// The merged spec with every default.
pub(super) fn resolved(plan: simpipe_plan::Plan) -> Vec<Top> {
    let experiment = &plan.experiment;
    let folder = folder_of(experiment);
    let docs = registry::builtin().docs();
    let defaults = default_place();
    let mut tops: Vec<Top> = header(experiment).collect();
    for (key, value) in [("seed", json!(experiment.seed)), ("device", json!(experiment.device))] {
        let said = experiment.header.contains_key(key) || key == "seed" && !experiment.seeds.is_empty();
        if !said {
            tops.push(Top { key: key.to_owned(), node: param::node_from_json(&value, &defaults), order: Vec::new() });
        }
    }
    if let (Some(sweep), Some(top)) = (&experiment.sweep, tops.iter_mut().find(|top| top.key == "sweep")) {
        top.node = over(param::node_from_json(&sweep.write(View::Full), &defaults), &top.node);
        if let Shape::Record(record) = SweepParams::shape() {
            top.order = order_of(&record);
        }
    }
    for spec in &experiment.stages {
        let Some(node) = plan.find(&spec.id) else { continue };
        let Node { value: Value::Table(mut full), .. } =
            param::node_from_json(&plan.graph[node].stage.params(View::Full), &defaults)
        else {
            continue;
        };
        // How it is treated while it runs stands in the same table.
        let policy = param::node_from_json(&plan.graph[node].policy.write(View::Full), &defaults);
        full.extend(policy.table().cloned().unwrap_or_default());
        let full = Node { value: Value::Table(full), place: defaults.clone() };
        let mut written = spec.params.clone();
        let doc = docs.iter().find(|doc| doc.name == spec.stage);
        let Some(Shape::Record(record)) = doc.map(|doc| &doc.params) else { continue };
        rebase(&mut written, &Shape::Record(record.clone()), &folder);
        tops.push(Top { key: spec.id.clone(), node: over(full, &written), order: order_of(record) });
    }
    tops
}

fn order_of(record: &Record) -> Vec<String> {
    record.fields.iter().map(|field| field.name.clone()).collect()
}

/// What stands beside the stages; the name always, for a file of another name would be called after that.
fn header(experiment: &Experiment) -> impl Iterator<Item = Top> {
    let name = Node { value: Value::String(experiment.name.clone()), place: default_place() };
    ACCEPTED.iter().filter_map(move |key| {
        let node = experiment.header.get(*key).map(|entry| entry.node.clone());
        let node = node.or_else(|| (*key == "name").then(|| name.clone()))?;
        Some(Top { key: (*key).to_owned(), node, order: Vec::new() })
    })
}

/// The place of values that nobody wrote.
fn default_place() -> Place {
    Place::new(&Source::new("", "", Path::new("")), 0..0)
}

/// Whether nobody wrote the value.
pub(super) fn is_default(place: &Place) -> bool {
    place.source.name.is_empty()
}

/// The full tree with the places of what is written; what is written wins where both are values.
fn over(full: Node, written: &Node) -> Node {
    let value = match (full.value, &written.value) {
        (Value::Table(full), Value::Table(written)) => Value::Table(
            full.into_iter().map(|(key, entry)| (key.clone(), over_entry(entry, written.get(&key)))).collect(),
        ),
        (Value::Array(full), Value::Array(written)) if full.len() == written.len() => {
            Value::Array(full.into_iter().zip(written).map(|(full, written)| over(full, written)).collect())
        }
        // A choice by its bare name, or a value: the full form is what it means, paths are as they are written.
        (Value::String(_), Value::String(_)) => written.value.clone(),
        (full, _) => full,
    };
    Node { value, place: written.place.clone() }
}

fn over_entry(full: Entry, written: Option<&Entry>) -> Entry {
    match written {
        Some(written) => Entry { key: written.key.clone(), node: over(full.node, &written.node) },
        None => full,
    }
}

/// The folder that relative paths of the printed spec start from.
fn folder_of(experiment: &Experiment) -> PathBuf {
    experiment.config.parent().unwrap_or(Path::new("")).to_path_buf()
}

/// Rewrites relative paths that start from another folder than the config's: it is the config that they end up in.
fn rebase(node: &mut Node, shape: &Shape, folder: &Path) {
    match (&mut node.value, shape) {
        (Value::String(written), Shape::Path) if node.place.source.dir != folder => {
            let resolved = node.place.source.dir.join(&*written);
            *written = relative(&resolved, folder);
        }
        (Value::Table(table), Shape::Record(record)) => {
            for field in &record.fields {
                table.entry(field.name.clone()).and_modify(|entry| rebase(&mut entry.node, &field.shape, folder));
            }
        }
        (Value::Table(table), Shape::Choice(choice)) => {
            for (name, params) in choice.alternatives.iter().filter_map(|one| Some((one.name, one.params.as_ref()?))) {
                table.entry(name.to_owned()).and_modify(|entry| rebase(&mut entry.node, params, folder));
            }
        }
        (Value::Array(items), Shape::List(item)) => items.iter_mut().for_each(|node| rebase(node, item, folder)),
        _ => {}
    }
}

/// A path from a folder, with `..` where it leads out of it.
fn relative(path: &Path, folder: &Path) -> String {
    let (Ok(path), Ok(folder)) = (std::path::absolute(path), std::path::absolute(folder)) else {
        return path.display().to_string();
    };
    let (path, folder): (Vec<_>, Vec<_>) = (path.components().collect(), folder.components().collect());
    let shared = path.iter().zip(&folder).take_while(|(one, other)| one == other).count();
    let up = std::iter::repeat_n(std::path::Component::ParentDir, folder.len() - shared);
    let relative: PathBuf = up.chain(path[shared..].iter().copied()).collect();
    relative.display().to_string()
}

/// Where a value comes from, as a comment says it: on one line, whatever a file is called.
pub(super) fn origin(place: &Place) -> String {
    if is_default(place) {
        return "default".to_owned();
    }
    let (line, _) = place.line_column();
    let file = print::shown(&place.source.name);
    match place.source.layer {
        Layer::Config | Layer::Base => format!("{file}:{line}"),
        Layer::Template => format!("template {file}:{line}"),
        layer @ Layer::SetFile(_) => format!("{layer}, {file}:{line}"),
        layer @ Layer::Set(_) => layer.to_string(),
    }
}

/// The keys of a table: those of `order` first.
pub(super) fn ordered<'a>(table: &'a Table, order: &[String]) -> Vec<(&'a String, &'a Entry)> {
    let mut keys: Vec<(&String, &Entry)> = table.iter().collect();
    keys.sort_by_key(|(key, _)| order.iter().position(|known| known == *key).unwrap_or(usize::MAX));
    keys
}
