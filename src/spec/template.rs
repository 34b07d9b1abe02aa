//! Templates: `pipelines/*.toml`, the shape of a graph and its defaults.

use std::collections::BTreeMap;
use std::path::Path;

use super::keys::{DESCRIPTION, RESERVED};
use super::parse;
use super::{Input, StageSpec};
use simpipe_base::issue::{Issue, Issues};
use simpipe_base::node::{Entry, Node, Table, Value};
use simpipe_base::param::{self, Param};
use simpipe_base::source::{Layer, Place, Source};
use simpipe_base::suggest::{self, Known};

/// Templates compiled into the binary: name and text.
pub const BUILT_IN: &[(&str, &str)] = &[
    ("few-shot", include_str!("../../pipelines/few-shot.toml")),
    ("honest-evaluation", include_str!("../../pipelines/honest-evaluation.toml")),
    ("metric-learning", include_str!("../../pipelines/metric-learning.toml")),
    ("frozen-backbone", include_str!("../../pipelines/frozen-backbone.toml")),
    ("frozen-backbone-held-out", include_str!("../../pipelines/frozen-backbone-held-out.toml")),
    ("metric-learning-held-out", include_str!("../../pipelines/metric-learning-held-out.toml")),
    ("metric-learning-evaluation", include_str!("../../pipelines/metric-learning-evaluation.toml")),
    ("metric-learning-baselines", include_str!("../../pipelines/metric-learning-baselines.toml")),
    ("open-set", include_str!("../../pipelines/open-set.toml")),
    ("selection", include_str!("../../pipelines/selection.toml")),
];

/// The version of the template format.
const FORMAT: i64 = 1;

/// Stages of one template; a graph is searched step by step, and each is read against all that it may say.
const MOST_STAGES: usize = 1000;

/// Reads the template of a name: the project's, else the built-in one.
pub(super) fn load(name: &str, name_place: &Place, project: &Path, issues: &mut Issues) -> Option<Vec<StageSpec>> {
    if !is_name(name) {
        let message = format!("`pipeline` must be the name of a file in `pipelines/`, found `{name}`");
        issues.push(Issue::at(name_place, "pipeline", message).help("leave out the folder and `.toml`"));
        return None;
    }
    let path = project.join("pipelines").join(format!("{name}.toml"));
    let shown = format!("pipelines/{name}.toml");
    if path.is_file() {
        let here = std::env::current_dir().unwrap_or_default();
        let name = path.strip_prefix(&here).or_else(|_| path.strip_prefix(".")).unwrap_or(&path);
        let name = name.display().to_string();
        let (source, table) = parse::read_file(&path, &name, Layer::Template, issues)?;
        return Some(read(&Place::new(&source, 0..0), table, issues));
    }
    if let Some((_, text)) = BUILT_IN.iter().find(|(known, _)| *known == name) {
        let source = Source::of_layer(Layer::Template, format!("{shown} (built in)"), *text, project);
        let table = parse::parse(&source, issues)?;
        return Some(read(&Place::new(&source, 0..0), table, issues));
    }
    let mut known = in_folder(&project.join("pipelines"));
    known.extend(BUILT_IN.iter().map(|(name, _)| (*name).to_owned()));
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    issues.push(
        Issue::at(name_place, "pipeline", format!("there is no pipeline `{name}`")).help(suggest::help(name, &known)),
    );
    None
}

fn in_folder(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.strip_suffix(".toml").map(str::to_owned))
        .collect();
    names.sort();
    names
}

/// Letters, digits, `-`, `_` and `.`, not starting with a point: safe as a file name.
#[must_use]
pub fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 100
        && !name.starts_with(['.', '-'])
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

fn read(start: &Place, mut table: Table, issues: &mut Issues) -> Vec<StageSpec> {
    let format = table.remove("format");
    match format.as_ref().map(|entry| &entry.node) {
        None => issues.push(Issue::at(start, "format", "missing key `format`").help("write `format = 1` first")),
        Some(node) => match i64::read(node, "format", issues) {
            Some(found) if found != FORMAT => {
                let message = format!("this template has format {found}, this version of simpipe reads {FORMAT}");
                issues.push(Issue::at(&node.place, "format", message).help("use a newer simpipe"));
            }
            _ => {}
        },
    }
    let stages = table.remove("stages");
    table.remove("description");
    for (key, entry) in &table {
        let message = format!("unknown key `{key}` in a template");
        let help = suggest::help(key, &[Known::from("format"), DESCRIPTION, Known::from("stages")]);
        issues.push(Issue::at(&entry.key, key, message).help(help));
    }
    let Some(stages) = stages else {
        issues.push(Issue::at(start, "stages", "a template needs `[stages.ID]` tables"));
        return Vec::new();
    };
    let place = stages.key.clone();
    let Value::Table(stages) = stages.node.value else {
        param::expected(&stages.node, "stages", "a table", issues);
        return Vec::new();
    };
    if stages.len() > MOST_STAGES {
        let message = format!("this template has {} stages, at most {MOST_STAGES} are allowed", stages.len());
        issues.push(Issue::at(&place, "stages", message).help("is it the right file?"));
        return Vec::new();
    }
    let mut read: Vec<StageSpec> = stages.into_iter().filter_map(|(id, entry)| read_stage(id, entry, issues)).collect();
    // Tables come sorted by key; people read them in the order of the file.
    read.sort_by_key(|stage| stage.place.span.start);
    read
}

fn read_stage(id: String, entry: Entry, issues: &mut Issues) -> Option<StageSpec> {
    let path = format!("stages.{id}");
    if !is_name(&id) || id.contains('.') {
        let message = format!("`{id}` can't be a stage id");
        issues.push(Issue::at(&entry.key, &path, message).help("use letters, digits, `-` and `_`"));
    } else if RESERVED.contains(&id.as_str()) {
        let message = format!("`{id}` is a key of every config, so it can't be a stage id");
        issues.push(Issue::at(&entry.key, &path, message).help("choose another id"));
    }
    let place = entry.key.clone();
    let Value::Table(mut table) = entry.node.value else {
        param::expected(&entry.node, &path, "a table", issues);
        return None;
    };
    let inputs = table.remove("inputs").map(|inputs| read_inputs(&inputs.node, &path, issues)).unwrap_or_default();
    let Some(kind) = table.remove("stage") else {
        let message = format!("missing key `stage`: what kind of stage is `{id}`?");
        issues.push(Issue::at(&place, &path, message).help("write `stage = \"dataset\"` or another kind"));
        return None;
    };
    let stage = String::read(&kind.node, &format!("{path}.stage"), issues)?;
    let params = Node { value: Value::Table(table), place: place.clone() };
    Some(StageSpec { id, place, stage, stage_place: kind.node.place, inputs, params })
}

fn read_inputs(node: &Node, path: &str, issues: &mut Issues) -> BTreeMap<String, Input> {
    let path = format!("{path}.inputs");
    let Value::Table(table) = &node.value else {
        let message = format!("`{path}` expects a table of ports, found {}", param::found(node));
        issues.push(Issue::at(&node.place, &path, message).help("write `inputs = { PORT = \"STAGE\" }`"));
        return BTreeMap::new();
    };
    let read = table.iter().filter_map(|(port, entry)| {
        let from = String::read(&entry.node, &format!("{path}.{port}"), issues)?;
        let input = Input { from, port_place: entry.key.clone(), place: entry.node.place.clone() };
        Some((port.clone(), input))
    });
    read.collect()
}
