//! Why a stage is stale, in the words of the spec: the difference between two [`KeyParts`].

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::KeyParts;
use simpipe_base::path;

/// What kind of change it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReasonKind {
    /// No run of this name has this stage.
    NeverRan,
    /// A parameter or the seed differs.
    ParamChanged,
    /// A source or an upstream file differs.
    InputChanged,
    /// The implementation is another.
    VersionChanged,
    /// Backend, float type or `numerics` differ.
    NumericsChanged,
    /// The stored result is damaged or gone.
    Damaged,
    /// An upstream stage will run first.
    Upstream,
}

/// Why a stage is stale.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reason {
    /// The kind of change.
    pub kind: ReasonKind,
    /// The spec path that changed, such as `train.optimizer.adam.learning-rate`, or the file or source.
    pub path: Option<String>,
    /// The value before.
    pub old: Option<Json>,
    /// The value now.
    pub new: Option<Json>,
    /// The upstream stage that it comes from.
    pub upstream: Option<String>,
}

impl Reason {
    /// A reason that needs no more words.
    #[must_use]
    pub const fn new(kind: ReasonKind) -> Self {
        Self { kind, path: None, old: None, new: None, upstream: None }
    }

    /// A value that changed.
    #[must_use]
    pub fn changed(kind: ReasonKind, path: impl Into<String>, old: Option<Json>, new: Option<Json>) -> Self {
        Self { kind, path: Some(path.into()), old, new, upstream: None }
    }

    /// An upstream stage that is stale itself.
    #[must_use]
    pub fn upstream(id: impl Into<String>) -> Self {
        Self { upstream: Some(id.into()), ..Self::new(ReasonKind::Upstream) }
    }
}

/// A stage as it was or is: its key's parts and its parameters with every default spelled out.
///
/// Keys leave defaults out; a person wants to read `f1 -> precision`, not `nothing -> precision`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// What made the key.
    pub parts: KeyParts,
    /// The parameters in [`View::Full`](simpipe_base::param::View::Full).
    pub params: Json,
}

/// Every difference between what a stage was and what it is now; empty if the keys are equal.
///
/// `id` is the stage's id; `upstream` gives the id of the stage plugged into a port.
#[must_use]
pub fn reasons(id: &str, old: &Snapshot, new: &Snapshot, upstream: &dyn Fn(&str) -> Option<String>) -> Vec<Reason> {
    let (before, now) = (&old.parts, &new.parts);
    let mut found = Vec::new();
    if before.stage != now.stage {
        let (old, new) = (Json::from(before.stage.as_str()), Json::from(now.stage.as_str()));
        found.push(Reason::changed(ReasonKind::ParamChanged, path::join(id, "stage"), Some(old), Some(new)));
        return found;
    }
    if before.version != now.version || before.format != now.format {
        let (old, new) = (Some(before.version.into()), Some(now.version.into()));
        found.push(Reason::changed(ReasonKind::VersionChanged, id, old, new));
    }
    if before.params != now.params {
        compare_params(id, old, new, &mut found);
    }
    if before.seed != now.seed {
        found.push(Reason::changed(ReasonKind::ParamChanged, "seed", json(before.seed), json(now.seed)));
    }
    for (name, old, new) in [("device", &before.backend, &now.backend), ("numerics", &before.numerics, &now.numerics)] {
        if old != new {
            found.push(Reason::changed(ReasonKind::NumericsChanged, name, json(old.clone()), json(new.clone())));
        }
    }
    compare_inputs(before, now, upstream, &mut found);
    if let (Some(old), Some(new)) = (&before.spec, &now.spec) {
        compare_specs(old, new, &mut found);
    }
    if found.is_empty() && before != now {
        // A change that no rule above names must still be said.
        found.push(Reason::changed(
            ReasonKind::ParamChanged,
            id,
            Some(before.params.clone()),
            Some(now.params.clone()),
        ));
    }
    found
}

/// Parameters whose part of the key differs, told from their full values: one that never enters a key is no reason.
///
/// Where the full values are equal an alternative has another version: only its part of the key tells.
fn compare_params(id: &str, old: &Snapshot, new: &Snapshot, found: &mut Vec<Reason>) {
    let known = found.len();
    compare_full_params(id, old, new, found);
    let (Json::Object(before), Json::Object(now)) = (&old.parts.params, &new.parts.params) else { return };
    if found.len() > known {
        return;
    }
    let names: std::collections::BTreeSet<&String> = before.keys().chain(now.keys()).collect();
    for name in names {
        match (before.get(name), now.get(name)) {
            (Some(old), Some(new)) => compare(&path::join(id, name), old, new, found),
            (old, new) => {
                let at = path::join(id, name);
                found.push(Reason::changed(ReasonKind::VersionChanged, at, old.cloned(), new.cloned()));
            }
        }
    }
    found[known..].iter_mut().for_each(|reason| reason.kind = ReasonKind::VersionChanged);
}

fn compare_full_params(id: &str, old: &Snapshot, new: &Snapshot, found: &mut Vec<Reason>) {
    let keyed = |params: &Json| -> Json {
        let Json::Object(fields) = params else { return params.clone() };
        let changed = |name: &String| old.parts.params.get(name) != new.parts.params.get(name);
        fields.iter().filter(|(name, _)| changed(name)).map(|(name, value)| (name.clone(), value.clone())).collect()
    };
    compare(id, &keyed(&old.params), &keyed(&new.params), found);
}

fn json<T: Into<Json>>(value: Option<T>) -> Option<Json> {
    value.map(Into::into)
}

fn compare_inputs(
    before: &KeyParts,
    now: &KeyParts,
    upstream: &dyn Fn(&str) -> Option<String>,
    found: &mut Vec<Reason>,
) {
    let empty = std::collections::BTreeMap::new();
    let ports: std::collections::BTreeSet<&String> = before.inputs.keys().chain(now.inputs.keys()).collect();
    for port in ports {
        let (old, new) = (before.inputs.get(port).unwrap_or(&empty), now.inputs.get(port).unwrap_or(&empty));
        let files: std::collections::BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        for file in files.into_iter().filter(|file| old.get(*file) != new.get(*file)) {
            let digest = |digest: Option<&simpipe_base::digest::Digest>| digest.map(|digest| digest.short().into());
            let (old, new) = (digest(old.get(file)), digest(new.get(file)));
            let reason = Reason::changed(ReasonKind::InputChanged, file.as_str(), old, new);
            found.push(Reason { upstream: upstream(port), ..reason });
        }
    }
    let sources: std::collections::BTreeSet<&String> = before.sources.keys().chain(now.sources.keys()).collect();
    for source in sources.into_iter().filter(|source| before.sources.get(*source) != now.sources.get(*source)) {
        let digest = |parts: &KeyParts| parts.sources.get(source).map(|digest| digest.short().into());
        found.push(Reason::changed(ReasonKind::InputChanged, source.as_str(), digest(before), digest(now)));
    }
}

/// Every leaf that differs between two resolved specs.
#[must_use]
pub fn of_specs(old: &Json, new: &Json) -> Vec<Reason> {
    let mut found = Vec::new();
    compare_specs(old, new, &mut found);
    found
}

/// Differences of two resolved specs, as spec paths: `stages.train.params.epochs` is `train.epochs` to its writer.
fn compare_specs(old: &Json, new: &Json, found: &mut Vec<Reason>) {
    let mut raw = Vec::new();
    compare("", old, new, &mut raw);
    found.extend(raw.into_iter().map(|mut reason| {
        reason.path = reason.path.map(|path| match path.strip_prefix("stages.") {
            Some(path) => path.replacen(".params", "", 1),
            None => path,
        });
        reason
    }));
}

/// Adds a reason for every leaf that differs.
fn compare(at: &str, old: &Json, new: &Json, found: &mut Vec<Reason>) {
    leaves(at, Some(old), Some(new), &mut |path, old, new| {
        found.push(Reason::changed(ReasonKind::ParamChanged, path, old.cloned(), new.cloned()));
    });
}

/// Says every leaf that differs between two values, by its path, with what each of them has there.
///
/// Tables without a common key are one leaf: another alternative of a choice is one difference, whatever its parameters. So
/// are plain lists of other lengths. A list of tables is compared between what both begin and end with, so that one more
/// item is one difference.
pub fn leaves(at: &str, old: Option<&Json>, new: Option<&Json>, say: &mut Say<'_>) {
    match (old, new) {
        (old, new) if old == new => {}
        (Some(Json::Object(before)), Some(Json::Object(now))) if before.keys().any(|key| now.contains_key(key)) => {
            let keys: std::collections::BTreeSet<&String> = before.keys().chain(now.keys()).collect();
            keys.into_iter().for_each(|key| leaves(&path::join(at, key), before.get(key), now.get(key), say));
        }
        (Some(Json::Array(before)), Some(Json::Array(now)))
            if before.len() == now.len() || before.iter().chain(now).any(Json::is_object) =>
        {
            let first = before.iter().zip(now).take_while(|(old, new)| old == new).count();
            let left = before.len().min(now.len()) - first;
            let ends = before.iter().rev().zip(now.iter().rev());
            let last = ends.take(left).take_while(|(old, new)| old == new).count();
            let (before, now) = (&before[..before.len() - last], &now[..now.len() - last]);
            for index in first..before.len().max(now.len()) {
                leaves(&path::at(at, index), before.get(index), now.get(index), say);
            }
        }
        (old, new) => say(at, old, new),
    }
}

/// Takes a path and what stands there before and after.
pub type Say<'a> = dyn FnMut(&str, Option<&Json>, Option<&Json>) + 'a;

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn snapshot(params: Json) -> Snapshot {
        let parts = KeyParts {
            format: 1,
            stage: "train".into(),
            version: 1,
            params: params.clone(),
            seed: Some(1),
            backend: Some("flex/f32".into()),
            numerics: None,
            inputs: std::collections::BTreeMap::new(),
            sources: std::collections::BTreeMap::new(),
            spec: None,
        };
        Snapshot { parts, params }
    }

    fn paths(old: Json, new: Json) -> Vec<String> {
        let none = |_: &str| None;
        reasons("train", &snapshot(old), &snapshot(new), &none).into_iter().filter_map(|reason| reason.path).collect()
    }

    #[test]
    fn a_nested_value_is_named_by_its_spec_path() {
        let adam = |rate: f64| json!({ "optimizer": { "adam": { "learning-rate": rate } }, "epochs": 3 });
        assert_eq!(paths(adam(0.002), adam(0.001)), ["train.optimizer.adam.learning-rate"]);
    }

    #[test]
    fn another_choice_is_one_change_and_a_list_item_has_its_index() {
        let old = json!({ "loss": { "triplet": { "margin": 0.2 } }, "layers": ["a", { "b": { "size": 1 } }] });
        let new = json!({ "loss": { "circle": { "gamma": 80 } }, "layers": ["a", { "b": { "size": 2 } }] });
        assert_eq!(paths(old, new), ["train.layers[1].b.size", "train.loss"]);
    }

    #[test]
    fn an_item_that_came_or_went_is_one_change() {
        let layers = |layers: Json| json!({ "layers": layers, "sizes": [1, 2] });
        let long = json!(["a", { "b": { "size": 1 } }, "c", { "d": { "size": 1 } }]);
        assert_eq!(paths(layers(long.clone()), layers(json!(["a", "c", { "d": { "size": 1 } }]))), ["train.layers[1]"]);
        assert_eq!(paths(layers(json!([{ "b": { "size": 1 } }])), layers(json!([]))), ["train.layers[0]"]);
        let other = layers(json!(["a", { "b": { "size": 2 } }, "e", "c", { "d": { "size": 1 } }]));
        assert_eq!(paths(layers(long), other), ["train.layers[1].b.size", "train.layers[2]"]);
        // Of a plain list of another length nobody knows which item became which.
        assert_eq!(paths(json!({ "sizes": [1, 2] }), json!({ "sizes": [1, 2, 3] })), ["train.sizes"]);
        assert_eq!(paths(json!({ "sizes": [1, 2] }), json!({ "sizes": [1, 3] })), ["train.sizes[1]"]);
    }

    #[test]
    fn a_parameter_that_enters_no_key_is_no_reason() {
        let (mut old, mut new) = (snapshot(json!({ "epochs": 1 })), snapshot(json!({ "epochs": 2 })));
        old.params["checkpoint-every-steps"] = 10.into();
        new.params["checkpoint-every-steps"] = 20.into();
        let found = reasons("train", &old, &new, &|_| None);
        assert_eq!(found.iter().map(|reason| reason.path.as_deref()).collect::<Vec<_>>(), [Some("train.epochs")]);
    }

    #[test]
    fn another_version_of_an_alternative_is_told_at_its_path() {
        for (before, now, path, new_value) in [
            (json!({}), json!({ "loss": "triplet (version 2)" }), "train.loss", json!("triplet (version 2)")),
            (
                json!({ "loss": "triplet", "x": 1 }),
                json!({ "loss": "triplet (version 2)", "x": 1 }),
                "train.loss",
                json!("triplet (version 2)"),
            ),
            (
                json!({ "layers": ["a", "b"] }),
                json!({ "layers": ["a", "b (version 3)"] }),
                "train.layers[1]",
                json!("b (version 3)"),
            ),
        ] {
            let full = json!({ "loss": { "triplet": { "margin": 0.2 } }, "layers": ["a", "b"] });
            let of = |key: &Json| Snapshot { params: full.clone(), ..snapshot(key.clone()) };
            let found = reasons("train", &of(&before), &of(&now), &|_| None);
            assert_eq!(found.len(), 1);
            assert_eq!((found[0].kind, found[0].path.as_deref()), (ReasonKind::VersionChanged, Some(path)));
            assert_eq!(found[0].new.as_ref(), Some(&new_value));
        }
    }

    #[test]
    fn equal_snapshots_have_no_reason_and_a_seed_has_its_name() {
        let (old, mut new) = (snapshot(json!({})), snapshot(json!({})));
        assert!(reasons("train", &old, &new, &|_| None).is_empty());
        new.parts.seed = Some(2);
        assert_eq!(reasons("train", &old, &new, &|_| None)[0].path.as_deref(), Some("seed"));
    }
}
