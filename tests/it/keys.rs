//! No key of a shipped config and no default changes without a version: both are held by golden files.
//!
//! `BLESS=1 cargo test --test it keys` writes them anew, but never over a change that needs a version first.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};
use simpipe_base::digest::Digest;
use simpipe_base::node::{Node, Value};
use simpipe_base::param::{LazyChoice, Record, Shape};
use simpipe_plan::Plan;
use simpipe_spec::{LoadOptions, load};
use simpipe_stage::Policy;
use simpipe_stages::registry::builtin;

use crate::project::repository;

/// What the golden file of this name holds is what there is now, and nothing of it changed that may not.
fn hold(name: &str, now: &Json, refused: fn(&Json, &Json) -> Vec<String>) {
    let path = repository().join("tests/fixtures/keys").join(name);
    let held: Json =
        std::fs::read_to_string(&path).map_or_else(|_| json!({}), |text| serde_json::from_str(&text).unwrap());
    let wrong = refused(&held, now);
    assert!(
        wrong.is_empty(),
        "raise the `VERSION` of the stage or the `#[version]` of the alternative:\n{}",
        wrong.join("\n")
    );
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, format!("{}\n", serde_json::to_string_pretty(now).unwrap())).unwrap();
    } else {
        assert!(held == *now, "{} is out of date: BLESS=1 cargo test --test it keys", path.display());
    }
}

fn entries(json: &Json) -> impl Iterator<Item = (&String, &Json)> {
    json.as_object().into_iter().flatten()
}

/// `triplet (version 2)` is `triplet` of that version in a key.
fn version_of(name: &str) -> Option<(&str, u32)> {
    let (name, version) = name.strip_suffix(')')?.split_once(" (version ")?;
    Some((name, version.parse().ok()?))
}

/// The versions that a part of a key names, in order.
fn versions(json: &Json) -> Vec<String> {
    let one = |name: &String| version_of(name).map(|_| name.clone());
    match json {
        Json::String(text) => one(text).into_iter().collect(),
        Json::Array(items) => items.iter().flat_map(versions).collect(),
        Json::Object(fields) => {
            fields.iter().flat_map(|(name, value)| one(name).into_iter().chain(versions(value))).collect()
        }
        Json::Null | Json::Bool(_) | Json::Number(_) => Vec::new(),
    }
}

/// A part of a key without the versions of its alternatives.
fn unmarked(json: &Json) -> Json {
    let bare = |name: &str| version_of(name).map_or(name, |(name, _)| name).to_owned();
    match json {
        Json::String(text) => bare(text).into(),
        Json::Array(items) => items.iter().map(unmarked).collect(),
        Json::Object(fields) => fields.iter().map(|(name, value)| (bare(name), unmarked(value))).collect(),
        Json::Null | Json::Bool(_) | Json::Number(_) => json.clone(),
    }
}

/// A tree as somebody wrote it.
fn written(node: &Node) -> Json {
    match &node.value {
        Value::String(text) | Value::Datetime(text) => json!(text),
        Value::Integer(integer) => json!(integer),
        Value::Float(float) => json!(float.to_string()),
        Value::Boolean(boolean) => json!(boolean),
        Value::Array(items) => items.iter().map(written).collect(),
        Value::Table(table) => table.iter().map(|(key, entry)| (key.clone(), written(&entry.node))).collect(),
    }
}

/// Every stage of a config: what decides its key beside the content of its inputs.
fn keys_of(config: &str) -> Json {
    let experiment = load(&repository().join(config), &LoadOptions::default()).unwrap();
    let plan = Plan::build(experiment, builtin()).unwrap();
    let empty = Digest::of(b"");
    let key = |node| {
        // What a stage leaves only where it has something to say is in no key where it hasn't.
        let mut inputs: BTreeMap<String, BTreeMap<String, Digest>> = BTreeMap::new();
        for (from, port) in plan.upstream(node) {
            let left = plan.graph[from].stage.optional_files();
            let files = port.files.iter().filter(|file| !left.contains(file));
            inputs.insert(port.name.to_owned(), files.map(|file| ((*file).to_owned(), empty)).collect());
        }
        let ports: Vec<String> = inputs.keys().cloned().collect();
        let mut parts = plan.key_parts(node, inputs, Vec::new(), "flex/f32");
        // The report shows every parameter with its default, new ones too; here it counts what it is made with.
        parts.spec = None;
        let spec = plan.experiment.stages.iter().find(|spec| spec.id == plan.graph[node].id).unwrap();
        let value = json!({
            "stage": parts.stage, "version": parts.version, "params": parts.params, "key": parts.key().to_string(),
            "written": written(&spec.params), "ports": ports,
        });
        (spec.id.clone(), value)
    };
    plan.order.iter().map(|node| key(*node)).collect::<Map<String, Json>>().into()
}

/// Keys that are others although config and versions are the same.
fn changed_keys(held: &Json, now: &Json) -> Vec<String> {
    let mut wrong = Vec::new();
    for (config, stages) in entries(now) {
        for (id, new) in entries(stages) {
            let Some(old) = held.get(config).and_then(|stages| stages.get(id)) else { continue };
            let same = |part: &str| old[part] == new[part];
            let other_versions = !same("version") || versions(&old["params"]) != versions(&new["params"]);
            // A template that plugs in more makes it another experiment.
            if !same("key") && same("written") && same("ports") && !other_versions {
                wrong.push(format!("the key of `{id}` in {config} changed:\n  {}\n  {}", old["params"], new["params"]));
            }
        }
    }
    wrong
}

#[test]
fn the_keys_of_shipped_configs_stay() {
    let mut configs: Vec<String> = std::fs::read_dir(repository().join("configs"))
        .unwrap()
        .map(|entry| format!("configs/{}", entry.unwrap().file_name().into_string().unwrap()))
        .filter(|name| name.ends_with(".toml"))
        .collect();
    configs.sort();
    let now: Map<String, Json> = configs.into_iter().map(|config| (config.clone(), keys_of(&config))).collect();
    assert!(now.len() > 3);
    hold("configs.json", &now.into(), changed_keys);
}

/// Adds the defaults of a record that can enter a key, by path; those of tables inside it with theirs.
fn defaults(record: &Record, path: &str, found: &mut Map<String, Json>) {
    for field in &record.fields {
        let name = format!("{path}{}", field.name);
        let value = match (&field.default, &field.key_default) {
            (None, _) => json!("must be given"),
            (Some(full), Some(key)) if key.is_null() && !full.is_null() => continue, // never in a key
            (Some(_), key) => json!({ "default": key.as_ref().map(unmarked) }),
        };
        found.insert(name.clone(), value);
        inner_defaults(&field.shape, &name, found);
    }
}

fn inner_defaults(shape: &Shape, name: &str, found: &mut Map<String, Json>) {
    match shape {
        Shape::Record(record) => defaults(record, &format!("{name}."), found),
        Shape::List(inner) | Shape::Map(inner) => inner_defaults(inner, name, found),
        Shape::AnyOf(shapes) => shapes.iter().for_each(|shape| inner_defaults(shape, name, found)),
        _ => {}
    }
}

/// Adds every alternative of every choice below a shape.
fn alternatives(shape: &Shape, seen: &mut Vec<LazyChoice>, found: &mut Map<String, Json>) {
    match shape {
        Shape::Choice(choice) if !seen.contains(choice) => {
            let twins = seen.iter().filter(|other| other.name == choice.name).count();
            seen.push(*choice);
            let family = if twins == 0 { choice.name.to_owned() } else { format!("{}{}", choice.name, twins + 1) };
            for one in &choice.alternatives {
                assert!(one.version > 0, "versions of `{}` start at 1", one.name);
                let mut fields = Map::new();
                one.params.iter().for_each(|params| inner_defaults(params, "", &mut fields));
                let fields: Map<String, Json> =
                    fields.into_iter().map(|(name, value)| (name.trim_start_matches('.').to_owned(), value)).collect();
                found.insert(format!("{family} {}", one.name), json!({ "version": one.version, "fields": fields }));
            }
            choice.params().for_each(|params| alternatives(params, seen, found));
        }
        Shape::Record(record) => record.fields.iter().for_each(|field| alternatives(&field.shape, seen, found)),
        Shape::List(inner) | Shape::Map(inner) => alternatives(inner, seen, found),
        Shape::AnyOf(shapes) => shapes.iter().for_each(|shape| alternatives(shape, seen, found)),
        _ => {}
    }
}

/// Defaults that are others although the version is the same.
fn changed_defaults(held: &Json, now: &Json) -> Vec<String> {
    let mut wrong = Vec::new();
    for (name, new) in entries(now) {
        let Some(old) = held.get(name).filter(|old| old["version"] == new["version"]) else { continue };
        for (field, default) in entries(&new["fields"]) {
            let before = &old["fields"][field.as_str()];
            if before.is_object() && default.is_object() && before != default {
                wrong.push(format!("the default of `{field}` of `{name}` changed: {before} -> {default}"));
            }
        }
    }
    wrong
}

#[test]
fn a_default_changes_only_with_a_version() {
    let (mut now, mut seen) = (Map::new(), Vec::new());
    let policy: Vec<String> = Policy::record().fields.into_iter().map(|field| field.name).collect();
    for doc in builtin().docs() {
        let Shape::Record(record) = &doc.params else { panic!("a stage takes a table") };
        let mut fields = Map::new();
        defaults(record, "", &mut fields);
        fields.retain(|name, _| !policy.contains(name)); // how a stage is treated changes no result
        now.insert(format!("stage {}", doc.name), json!({ "version": doc.version, "fields": fields }));
        alternatives(&doc.params, &mut seen, &mut now);
    }
    assert!(now.len() > 50, "{}", now.len());
    hold("defaults.json", &now.into(), changed_defaults);
}

#[test]
fn what_needs_a_version_is_refused() {
    let key = |version: u32, params: Json, key: &str, written: &str| json!({ "c": { "train": { "version": version, "params": params, "key": key, "written": written } } });
    let held = key(1, json!({ "loss": "a" }), "1", "w");
    for (now, refused) in [
        (key(1, json!({ "loss": "b" }), "2", "w"), true),
        (key(1, json!({ "loss": "a" }), "2", "w"), true),
        (key(1, json!({}), "2", "w"), true),
        (key(1, json!({ "loss": "a (version 2)" }), "2", "w"), false),
        (key(1, json!({ "loss": "a", "other": ["b (version 2)"] }), "2", "w"), false),
        (key(2, json!({ "loss": "b" }), "2", "w"), false),
        (key(1, json!({ "loss": "b" }), "2", "another config"), false),
        (held.clone(), false),
    ] {
        assert_eq!(!changed_keys(&held, &now).is_empty(), refused, "{now}");
    }
    let default = |version: u32, default: Json| json!({ "A b": { "version": version, "fields": { "x": { "default": default } } } });
    let held = default(1, json!(3));
    for (now, refused) in [
        (default(1, json!(4)), true),
        (default(1, json!(null)), true),
        (default(1, json!({ "c": { "y": 1 } })), true),
        (default(2, json!(4)), false),
        (default(1, json!(3)), false),
        (json!({ "A b": { "version": 1, "fields": { "x": "must be given", "new": { "default": 5 } } } }), false),
    ] {
        assert_eq!(!changed_defaults(&held, &now).is_empty(), refused, "{now}");
    }
    // An alternative that is the default somewhere and gets a new version is no other default.
    assert_eq!(
        unmarked(&json!({ "a (version 2)": { "b": ["c (version 13)", "recall@1"] } })),
        json!({ "a": { "b": ["c", "recall@1"] } })
    );
}
