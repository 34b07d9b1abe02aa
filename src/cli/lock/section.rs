//! What a lock says of one config, and how what is here differs from it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value as Json, json};

use super::file::{PARAMS, SEAL};
use crate::cli::words;
use simpipe_base::issue::Issue;
use simpipe_base::node::Node;
use simpipe_base::param::View;
use simpipe_plan::{Key, KeyParts, Plan, Snapshot, diff};

/// What is known of a stage.
#[derive(Debug, Clone)]
pub(super) struct Known {
    /// Its own part of what decides its result: the digests of upstream files stand in its key alone.
    pub(super) parts: KeyParts,
    /// Its keys by seed, as far as they are known; of a stage that no seed changes, one under no seed.
    pub(super) keys: BTreeMap<Option<u64>, Key>,
}

/// The section of a plan. No path, no clock: the same on every machine.
pub(super) fn section(plan: &Plan, known: &BTreeMap<String, Known>) -> Json {
    let mut section = header(plan);
    for node in &plan.order {
        let id = &plan.graph[*node].id;
        let Some(known) = known.get(id) else { continue };
        let inputs = plan.upstream(*node).into_iter();
        let inputs: BTreeMap<&str, &str> =
            inputs.map(|(from, port)| (port.name, plan.graph[from].id.as_str())).collect();
        section.insert(id.clone(), stage(known, &inputs));
    }
    Json::Object(section)
}

/// What is said beside the stages.
fn header(plan: &Plan) -> Map<String, Json> {
    let mut header = match plan.resolved(View::Portable) {
        Json::Object(fields) => fields,
        _ => Map::new(),
    };
    header.remove("stages");
    if !plan.experiment.seeds.is_empty() {
        header.remove("seed");
        header.insert("seeds".to_owned(), plan.experiment.seeds.clone().into());
    }
    header
}

fn stage(known: &Known, inputs: &BTreeMap<&str, &str>) -> Json {
    let parts = &known.parts;
    let mut stage = json!({ "stage": parts.stage, "version": parts.version, PARAMS: parts.params });
    if let Some(backend) = &parts.backend {
        stage["backend"] = backend.as_str().into();
    }
    if !inputs.is_empty() {
        stage["inputs"] = json!(inputs);
    }
    if !parts.sources.is_empty() {
        stage["sources"] = json!(parts.sources);
    }
    for (seed, key) in &known.keys {
        match seed {
            None => stage["key"] = json!(key),
            Some(seed) => stage["keys"][seed.to_string()] = json!(key),
        }
    }
    stage
}

/// How what is here differs from what is locked, each difference at its line of the lock.
pub(super) fn differences(locked: &Node, here: &Json) -> Vec<Issue> {
    // Through TOML's values, as the lock went.
    let here = simpipe_base::param::node_from_json(here, &locked.place).to_json();
    let old = locked.to_json();
    let names = |json: &Json| json.as_object().into_iter().flatten().map(|(key, _)| key.clone()).collect::<Vec<_>>();
    let all: BTreeSet<String> = names(&old).into_iter().chain(names(&here)).filter(|name| name != SEAL).collect();
    let (mut issues, mut keys) = (Vec::new(), Vec::new());
    for name in &all {
        let at = locked.nearest(name);
        match (old.get(name), here.get(name)) {
            (Some(old), Some(new)) if old.is_object() && new.is_object() => {
                issues.extend(of_stage(name, at, old, new));
                keys.extend(of_keys(name, at, old, new));
            }
            (Some(old), None) if old.is_object() => {
                issues.push(Issue::at(
                    &at.place,
                    name,
                    format!("the stage `{name}` is locked, and is not in the pipeline"),
                ));
            }
            (None, Some(new)) if new.is_object() => {
                issues.push(Issue::at(&locked.place, name, format!("the stage `{name}` is not in the lock")));
            }
            (old, new) if old != new => {
                let word = |value: Option<&Json>| value.map_or_else(|| "not set".to_owned(), Json::to_string);
                let message = format!("`{name}` is not as locked: {} -> {}", word(old), word(new));
                issues.push(Issue::at(&at.place, name, message));
            }
            _ => {}
        }
    }
    // Another key says something new only where all that it is made of here is the same.
    if issues.is_empty() { keys } else { issues }
}

/// What a stage is made of, in the words of the spec.
fn of_stage(id: &str, at: &Node, old: &Json, new: &Json) -> Vec<Issue> {
    let (Some(before), Some(now)) = (snapshot(old, new), snapshot(new, old)) else {
        return vec![Issue::at(&at.place, id, format!("the lock of the stage `{id}` can't be read"))];
    };
    let mut issues = Vec::new();
    for mut reason in diff::reasons(id, &before, &now, &|_| None) {
        reason.old = reason.old.filter(|value| !value.is_null());
        reason.new = reason.new.filter(|value| !value.is_null());
        let inside =
            reason.path.as_deref().and_then(|path| path.strip_prefix(id)).map(|path| path.trim_start_matches('.'));
        let place = match (&reason.path, inside) {
            (_, Some(inside)) if !inside.is_empty() => at.nearest(PARAMS).nearest(inside),
            (Some(path), None) if path == "device" => at.nearest("backend"),
            (Some(source), None) => at.nearest("sources").nearest(source),
            _ => at.nearest("version"),
        };
        let message = format!("the stage `{id}` is not as locked: {}", words::reason(&reason));
        issues.push(Issue::at(&place.place, id, message));
    }
    if old.get("inputs") != new.get("inputs") {
        let word = |stage: &Json| stage.get("inputs").map_or_else(|| "nothing".to_owned(), Json::to_string);
        let message = format!("the stage `{id}` is not as locked: it reads {} -> {}", word(old), word(new));
        issues.push(Issue::at(&at.nearest("inputs").place, id, message));
    }
    issues
}

/// Keys that are known here and are others. One that is not known yet is compared when the run is over.
fn of_keys(id: &str, at: &Node, old: &Json, new: &Json) -> Vec<Issue> {
    let seeds = new["keys"].as_object().into_iter().flatten();
    let keys = seeds.map(|(seed, key)| (Some(seed), key)).chain(new.get("key").map(|key| (None, key)));
    // A stage of one key at every seed is locked once.
    let other = keys.filter(|(seed, key)| {
        let of_seed = seed.and_then(|seed| old["keys"].get(seed)).or_else(|| old.get("key"));
        let one = || old["keys"].as_object().is_some_and(|all| all.values().all(|other| other == *key));
        of_seed != Some(*key) && (seed.is_some() || !one())
    });
    let issue = |(seed, _): (Option<&String>, &Json)| {
        let of = seed.map_or_else(String::new, |seed| format!(" at the seed {seed}"));
        let message =
            format!("the stage `{id}`{of} reads other bytes than were locked: what it reads from left others");
        Issue::at(&at.nearest(if seed.is_some() { "keys" } else { "key" }).place, id, message)
    };
    other.map(issue).collect()
}

/// The part of a lock that a stage's own words can be made of. Parameters that only the other one has are at their default
/// here, which is `null`.
fn snapshot(stage: &Json, other: &Json) -> Option<Snapshot> {
    let mut params = stage.get(PARAMS).cloned().unwrap_or_else(|| json!({}));
    for name in other.get(PARAMS).and_then(Json::as_object).into_iter().flatten().map(|(name, _)| name) {
        if params.get(name).is_none() {
            params[name] = Json::Null;
        }
    }
    let mut parts = json!({
        "format": 1, "stage": stage.get("stage")?, "version": stage.get("version")?, "params": params, "inputs": {},
    });
    for (from, to) in [("backend", "backend"), ("sources", "sources")] {
        if let Some(value) = stage.get(from) {
            parts[to] = value.clone();
        }
    }
    Some(Snapshot { parts: serde_json::from_value(parts).ok()?, params })
}

#[cfg(test)]
mod tests {
    use super::*;
    use simpipe_base::digest::Digest;
    use simpipe_base::param::node_from_json;
    use simpipe_base::source::{Place, Source};

    fn locked() -> Json {
        json!({
            "seed": 7, "description": "",
            "dataset": {
                "stage": "dataset", "version": 2, "key": "1", "sources": { "images": Digest::of(b"a") },
                "params": { "source": "x" },
            },
            "train": {
                "stage": "train", "version": 3, "key": "2", "backend": "flex/f32", "inputs": { "samples": "dataset" },
                "params": { "epochs": 2, "optimizer": { "adam": { "learning-rate": 0.1 } } },
            },
        })
    }

    fn messages(change: impl Fn(&mut Json)) -> Vec<String> {
        let mut here = locked();
        change(&mut here);
        let place = Place::new(&Source::new("simpipe.lock", "", std::path::Path::new("")), 0..0);
        let issues = differences(&node_from_json(&locked(), &place), &here);
        issues.into_iter().map(|issue| issue.message).collect()
    }

    #[test]
    fn a_difference_is_told_in_the_words_of_the_spec() {
        assert_eq!(messages(|_| ()), [""; 0]);
        let said = messages(|here| here["train"]["params"]["optimizer"]["adam"]["learning-rate"] = 0.2.into());
        let expected = "the stage `train` is not as locked: `train.optimizer.adam.learning-rate` changed: 0.1 -> 0.2";
        assert_eq!(said, [expected]);
        let said = messages(|here| here["train"]["params"]["clip-norm"] = 1.0.into());
        assert_eq!(said, ["the stage `train` is not as locked: `train.clip-norm` changed: default -> 1.0"]);
        let said = messages(|here| drop(here["train"]["params"].as_object_mut().unwrap().remove("epochs")));
        assert_eq!(said, ["the stage `train` is not as locked: `train.epochs` changed: 2 -> default"]);
        let said = messages(|here| here["dataset"]["sources"]["images"] = json!(Digest::of(b"b")));
        assert_eq!(said, ["the stage `dataset` is not as locked: source `images` changed"]);
        let said = messages(|here| here["train"]["version"] = 4.into());
        assert_eq!(said, ["the stage `train` is not as locked: the implementation changed: version 3 -> 4"]);
        let said = messages(|here| here["train"]["backend"] = "cuda/f32".into());
        assert_eq!(said, ["the stage `train` is not as locked: `device` changed: \"flex/f32\" -> \"cuda/f32\""]);
        assert_eq!(messages(|here| here["seed"] = 8.into()), ["`seed` is not as locked: 7 -> 8"]);
        let said = messages(|here| here["train"]["inputs"]["samples"] = "other".into());
        assert!(said[0].contains("it reads {\"samples\":\"dataset\"} -> {\"samples\":\"other\"}"), "{said:?}");
    }

    #[test]
    fn stages_come_and_go_and_a_key_counts_only_where_nothing_else_differs() {
        let said = messages(|here| drop(here.as_object_mut().unwrap().remove("train")));
        assert_eq!(said, ["the stage `train` is locked, and is not in the pipeline"]);
        let said = messages(|here| here["index"] = json!({ "stage": "index", "version": 1, "params": {} }));
        assert_eq!(said, ["the stage `index` is not in the lock"]);
        let said = messages(|here| here["train"]["key"] = "3".into());
        assert_eq!(said.len(), 1);
        assert!(said[0].contains("`train` reads other bytes than were locked"), "{said:?}");
        let said = messages(|here| {
            here["train"]["key"] = "3".into();
            here["seed"] = 8.into();
        });
        assert_eq!(said, ["`seed` is not as locked: 7 -> 8"]);
        let said = messages(|here| drop(here["train"].as_object_mut().unwrap().remove("key")));
        assert_eq!(said, [""; 0], "not known yet");
    }
}
