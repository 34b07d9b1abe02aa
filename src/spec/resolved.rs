//! The way back from a run's record: its resolved spec as an experiment that runs again, without any file of the project.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde_json::Value as Json;

use super::{ACCEPTED, Experiment, Input, MOST_SEEDS, StageSpec, is_name};
use simpipe_base::issue::Issue;
use simpipe_base::node::{Entry, Node, Table, Value};
use simpipe_base::param::node_from_json;
use simpipe_base::source::{Place, Source};

/// What a resolved spec lacks, in words.
type Missing = String;

/// The experiment that a resolved spec is of.
///
/// `spec` is what the plan gave, or the spec of a group's record; `ids` are its
/// stages in their order; `source` is how messages call it, and the folder that its relative paths start from.
///
/// # Errors
/// What is wrong with it. Parameters are not read yet.
pub fn from_resolved(spec: &Json, ids: &[&str], source: &Arc<Source>) -> Result<Experiment, Vec<Issue>> {
    let place = Place::new(source, 0..0);
    read(spec, ids, &place).map_err(|missing| {
        let message = format!("the resolved spec can't be used: {missing}");
        vec![Issue::at(&place, "spec", message).help("it should be as simpipe wrote it: was it changed?")]
    })
}

fn read(spec: &Json, ids: &[&str], place: &Place) -> Result<Experiment, Missing> {
    let name = text(spec, "name")?;
    if !is_name(&name) {
        return Err(format!("`name` names a folder, so it can't be `{name}`"));
    }
    let stages = spec["stages"].as_object().ok_or("it has no `stages`")?;
    let unlisted = stages.keys().find(|id| !ids.contains(&id.as_str()));
    if let Some(id) = unlisted {
        return Err(format!("the run has no stage `{id}`"));
    }
    let stages = ids.iter().map(|id| stage(id, stages.get(*id).ok_or(format!("it has no stage `{id}`"))?, place));
    let seeds = seeds(spec)?;
    Ok(Experiment {
        name,
        description: text(spec, "description")?,
        seed: match seeds.first() {
            Some(seed) => *seed,
            None => spec["seed"].as_u64().ok_or("it has no `seed`")?,
        },
        seeds,
        device: text(spec, "device")?,
        device_place: place.clone(),
        numerics: spec["numerics"].as_str().map(str::to_owned),
        numerics_place: place.clone(),
        pipeline: text(spec, "pipeline")?,
        config: Path::new(&place.source.name).to_path_buf(),
        project: place.source.dir.clone(),
        header: header(spec, place),
        // A run is one experiment, whatever varied it.
        sweep: None,
        stages: stages.collect::<Result<_, Missing>>()?,
        issues: Vec::new(),
    })
}

/// What stands beside the stages, as a config would write it.
fn header(spec: &Json, place: &Place) -> Table {
    let said = ACCEPTED.iter().filter_map(|key| Some((*key, spec.get(key)?)));
    let said = said.filter(|(_, value)| !value.is_null() && *value != "");
    said.map(|(key, value)| (key.to_owned(), Entry { key: place.clone(), node: node_from_json(value, place) }))
        .collect()
}

fn text(spec: &Json, key: &str) -> Result<String, Missing> {
    spec[key].as_str().map(str::to_owned).ok_or_else(|| format!("it has no `{key}`"))
}

/// The seeds of a group; none where it is a single run.
fn seeds(spec: &Json) -> Result<Vec<u64>, Missing> {
    let Some(seeds) = spec.get("seeds") else { return Ok(Vec::new()) };
    let seeds: Option<Vec<u64>> = seeds.as_array().and_then(|all| all.iter().map(Json::as_u64).collect());
    seeds
        .filter(|seeds| (1..=MOST_SEEDS).contains(&seeds.len()))
        .ok_or_else(|| "its `seeds` are not a list of seeds".to_owned())
}

fn stage(id: &str, spec: &Json, place: &Place) -> Result<StageSpec, Missing> {
    let kind = spec["stage"].as_str().ok_or_else(|| format!("`{id}` has no `stage`"))?;
    let params = spec["params"].as_object().ok_or_else(|| format!("`{id}` has no `params`"))?;
    let inputs = spec["inputs"].as_object().ok_or_else(|| format!("`{id}` has no `inputs`"))?;
    let input = |(port, from): (&String, &Json)| {
        let from = from.as_str().ok_or_else(|| format!("the input `{port}` of `{id}` is not a stage"))?;
        Ok((port.clone(), Input { from: from.to_owned(), port_place: place.clone(), place: place.clone() }))
    };
    // How it is treated while it runs stands in the same table.
    let policy = spec["policy"].as_object().into_iter().flatten();
    let table = params.iter().chain(policy).map(|(key, value)| (key.clone(), value.clone())).collect();
    let params = node_from_json(&Json::Object(table), place);
    Ok(StageSpec {
        id: id.to_owned(),
        place: place.clone(),
        stage: kind.to_owned(),
        stage_place: place.clone(),
        inputs: inputs.iter().map(input).collect::<Result<BTreeMap<_, _>, Missing>>()?,
        params,
    })
}

/// Puts a text in the place of another one at a path of a stage's parameters; nothing where there is no text.
pub fn replace_text(params: &mut Node, path: &str, text: &str) {
    use simpipe_base::path::{Step, steps};
    let mut node = params;
    for step in steps(path) {
        let next = match (&mut node.value, step) {
            (Value::Table(table), Step::Key(key)) => table.get_mut(key).map(|entry| &mut entry.node),
            (Value::Array(items), Step::Index(index)) => items.get_mut(index),
            _ => None,
        };
        let Some(next) = next else { return };
        node = next;
    }
    if let Value::String(written) = &mut node.value {
        text.clone_into(written);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn source() -> Arc<Source> {
        Source::new("run.json", "", Path::new("/data"))
    }

    fn spec() -> Json {
        json!({
            "pipeline": "small", "name": "mine", "description": "", "seed": u64::MAX, "device": "cpu",
            "stages": {
                "b": { "stage": "embed", "inputs": { "model": "a" }, "params": {}, "policy": { "retries": 2 } },
                "a": { "stage": "train", "inputs": {}, "params": { "file": { "x": { "path": "../p" } }, "rates": [0.5, 1.0] } },
            },
        })
    }

    #[test]
    fn a_resolved_spec_is_an_experiment_again() {
        let mut experiment = from_resolved(&spec(), &["a", "b"], &source()).unwrap();
        assert_eq!((experiment.seed, experiment.device.as_str()), (u64::MAX, "cpu"));
        let header: Vec<&str> = experiment.header.keys().map(String::as_str).collect();
        assert_eq!(header, ["device", "name", "pipeline", "seed"]);
        let ids: Vec<&str> = experiment.stages.iter().map(|stage| stage.id.as_str()).collect();
        assert_eq!((ids, experiment.stages[1].inputs["model"].from.as_str()), (vec!["a", "b"], "a"));
        assert_eq!(experiment.stages[1].params.nearest("retries").value, Value::Integer(2));
        let params = &mut experiment.stages[0].params;
        assert_eq!(params.nearest("rates[1]").value, Value::Float(1.0));
        replace_text(params, "file.x.path", "/elsewhere");
        replace_text(params, "file.y.path", "nowhere");
        assert_eq!(params.nearest("file.x.path").string(), Some("/elsewhere"));
    }

    #[test]
    fn seeds_take_the_place_of_the_seed() {
        let mut spec = spec();
        spec.as_object_mut().unwrap().remove("seed");
        spec["seeds"] = json!([3, 1]);
        let experiment = from_resolved(&spec, &["a", "b"], &source()).unwrap();
        assert_eq!((experiment.seed, experiment.seeds), (3, vec![3, 1]));
    }

    #[test]
    fn what_is_no_resolved_spec_is_said() {
        let said = |change: &dyn Fn(&mut Json), ids: &[&str]| {
            let mut spec = spec();
            change(&mut spec);
            from_resolved(&spec, ids, &source()).unwrap_err().remove(0).message
        };
        let both = ["a", "b"];
        for (change, ids, expected) in [
            ((&|spec: &mut Json| spec["name"] = json!("../x")) as &dyn Fn(&mut Json), &both[..], "it can't be `../x`"),
            (&|spec: &mut Json| *spec = json!(3), &both, "it has no `name`"),
            (&|spec: &mut Json| spec["seeds"] = json!(["x"]), &both, "its `seeds` are not a list of seeds"),
            (&|spec: &mut Json| spec["stages"]["a"]["params"] = json!([]), &both, "`a` has no `params`"),
            (&|_: &mut Json| (), &["a"], "the run has no stage `b`"),
            (&|_: &mut Json| (), &["a", "b", "c"], "it has no stage `c`"),
        ] {
            let said = said(change, ids);
            assert!(said.ends_with(expected), "{said}");
        }
    }
}
