//! `ro-crate-metadata.json`: a run in the words of RO-Crate 1.1 and the profile Process Run Crate 0.5.
//!
//! A pure function of the run's record and of its files' digests. One action is the whole run: its objects are the parameters
//! and the data, its results files and figures. Each stage is an action too, whose objects are the files that it read: that
//! is the lineage of every file.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

/// Where the terms are defined.
const CONTEXT: [&str; 2] = ["https://w3id.org/ro/crate/1.1/context", "https://w3id.org/ro/terms/workflow-run/context"];
const CRATE: &str = "https://w3id.org/ro/crate/1.1";
const PROFILE: &str = "https://w3id.org/ro/wfrun/process/0.5";
const PROGRAM: &str = "#simpipe";

/// A file of the crate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CrateFile {
    /// Below the crate's root, with `/`.
    pub(super) path: String,
    pub(super) bytes: u64,
    /// In hexadecimal.
    pub(super) sha256: String,
    /// The digest that the run's record has, in hexadecimal; `None` of the record itself.
    pub(super) blake3: Option<String>,
    /// The position in the record of the stage that left it.
    pub(super) stage: Option<usize>,
}

/// The metadata of a run's record with these files.
pub(super) fn metadata(record: &Json, files: &[CrateFile]) -> Json {
    let stages = record["stages"].as_array().cloned().unwrap_or_default();
    let mut graph = vec![
        json!({
            "@id": "ro-crate-metadata.json", "@type": "CreativeWork", "about": id("./"), "conformsTo": id(CRATE),
        }),
        root(record, files, &stages),
        json!({ "@id": PROFILE, "@type": "CreativeWork", "name": "Process Run Crate", "version": "0.5" }),
        json!({
            "@id": "#license", "@type": "CreativeWork", "name": "no licence is stated",
            "description": "The run's record states no licence of its data and results: ask who made it.",
        }),
        json!({
            "@id": PROGRAM, "@type": "SoftwareApplication", "name": "simpipe",
            "description": "A declarative pipeline runner for image metric learning",
            "softwareVersion": text(&record["versions"]["simpipe"]),
        }),
    ];
    graph.extend(files.iter().map(file));
    let (parameters, sources) = (parameters(&stages), sources(&stages));
    let metrics = metrics(record);
    graph.push(run_action(record, files, [&parameters, &sources], &metrics));
    graph.extend(programs(&stages));
    graph.extend(stages.iter().enumerate().map(|(at, stage)| stage_action(at, stage, files, &parameters)));
    graph.extend(parameters.into_iter().chain(sources).chain(metrics));
    json!({ "@context": CONTEXT, "@graph": graph })
}

fn id(id: impl AsRef<str>) -> Json {
    json!({ "@id": id.as_ref() })
}

fn ids<'a>(entities: impl IntoIterator<Item = &'a Json>) -> Vec<Json> {
    entities.into_iter().map(|entity| id(text(&entity["@id"]))).collect()
}

fn text(json: &Json) -> &str {
    json.as_str().unwrap_or_default()
}

fn title(record: &Json) -> String {
    format!("{} {}", text(&record["name"]), text(&record["run"]))
}

fn root(record: &Json, files: &[CrateFile], stages: &[Json]) -> Json {
    let said = text(&record["spec"]["description"]);
    let description =
        if said.is_empty() { format!("A run of the experiment {}", text(&record["name"])) } else { said.to_owned() };
    let actions = std::iter::once(id("#run")).chain((0..stages.len()).map(|at| id(action_id(at, &stages[at]))));
    json!({
        "@id": "./", "@type": "Dataset", "name": title(record), "description": description,
        "datePublished": text(&record["finished"]), "license": id("#license"), "conformsTo": [id(PROFILE)],
        "hasPart": files.iter().map(|file| id(file_id(file))).collect::<Vec<_>>(),
        "mentions": actions.collect::<Vec<_>>(),
    })
}

/// The path as a part of a URL.
fn file_id(file: &CrateFile) -> String {
    escaped(&file.path)
}

/// Percent-encodes what may not stand in the path or the fragment of a URL.
fn escaped(text: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~/@:".contains(byte);
    let of = |byte: u8| if plain(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(of).collect()
}

fn file(file: &CrateFile) -> Json {
    let mut entity = json!({
        "@id": file_id(file), "@type": "File", "name": file.path, "contentSize": file.bytes.to_string(),
        "sha256": file.sha256, "encodingFormat": media_type(&file.path),
    });
    match &file.blake3 {
        Some(digest) => entity["identifier"] = format!("blake3:{digest}").into(),
        None => entity["description"] = "The run's record: `simpipe reproduce run.json` makes the run again.".into(),
    }
    entity
}

fn media_type(path: &str) -> &'static str {
    match path.rsplit('.').next() {
        Some("json") => "application/json",
        Some("parquet") => "application/vnd.apache.parquet",
        Some("arrow") => "application/vnd.apache.arrow.file",
        Some("png") => "image/png",
        Some("md") => "text/markdown",
        Some("html") => "text/html",
        Some("csv") => "text/csv",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    }
}

/// A stage as it is called in the crate: those of several seeds are told apart.
fn label(stage: &Json) -> String {
    let seed = stage["seed"].as_u64().map_or_else(String::new, |seed| format!(" at seed {seed}"));
    format!("{}{seed}", text(&stage["id"]))
}

fn action_id(at: usize, stage: &Json) -> String {
    format!("#stage-{}-{}", at + 1, escaped(text(&stage["id"])))
}

/// The parameters of all stages, every default included, one entity for each of a stage's table.
fn parameters(stages: &[Json]) -> Vec<Json> {
    let mut entities: BTreeMap<String, Json> = BTreeMap::new();
    for stage in stages {
        for (name, value) in stage["params"].as_object().into_iter().flatten() {
            let name = format!("{}.{name}", text(&stage["id"]));
            let entity = property(&format!("#param/{}", escaped(&name)), &name, value);
            entities.insert(name, entity);
        }
    }
    entities.into_values().collect()
}

fn property(at: &str, name: &str, value: &Json) -> Json {
    let value = if value.is_object() || value.is_array() { Json::from(value.to_string()) } else { value.clone() };
    json!({ "@id": at, "@type": "PropertyValue", "name": name, "value": value })
}

/// Data from outside, by its digests: its bytes are not in the crate.
fn sources(stages: &[Json]) -> Vec<Json> {
    let mut entities: BTreeMap<String, Json> = BTreeMap::new();
    for stage in stages {
        for (name, digest) in stage["key_parts"]["sources"].as_object().into_iter().flatten() {
            let name = format!("{}.{name}", text(&stage["id"]));
            let mut entity = property(&format!("#source/{}", escaped(&name)), &name, digest);
            entity["propertyID"] = "BLAKE3".into();
            entity["description"] = "Digest of data that the run read from outside".into();
            entities.insert(name, entity);
        }
    }
    entities.into_values().collect()
}

fn metrics(record: &Json) -> Vec<Json> {
    let metrics = record["metrics"].as_object().into_iter().flatten();
    metrics.map(|(name, value)| property(&format!("#metric/{}", escaped(name)), name, value)).collect()
}

fn run_action(record: &Json, files: &[CrateFile], read: [&[Json]; 2], metrics: &[Json]) -> Json {
    let ok = record["ok"].as_bool() == Some(true);
    let results = files.iter().filter(|file| file.stage.is_some()).map(|file| id(file_id(file)));
    let mut description = format!("Run of {}", text(&record["config"]));
    if let Some(commit) = record["git"]["commit"].as_str() {
        let dirty = if record["git"]["dirty"].as_bool() == Some(true) { ", with changes" } else { "" };
        description += &format!(" at the git commit {commit}{dirty}");
    }
    let mut action = json!({
        "@id": "#run", "@type": "CreateAction", "name": title(record), "description": description,
        "startTime": text(&record["started"]), "endTime": text(&record["finished"]), "instrument": id(PROGRAM),
        "object": ids(read.into_iter().flatten()), "result": results.chain(ids(metrics)).collect::<Vec<_>>(),
    });
    let failure =
        record["stages"].as_array().into_iter().flatten().find_map(|stage| stage["failure"]["message"].as_str());
    status(&mut action, ok, failure);
    action
}

fn status(action: &mut Json, ok: bool, failure: Option<&str>) {
    let word = if ok { "CompletedActionStatus" } else { "FailedActionStatus" };
    action["actionStatus"] = id(format!("http://schema.org/{word}"));
    if let Some(failure) = failure.filter(|_| !ok) {
        action["error"] = failure.into();
    }
}

/// The kinds of stages, each in its version.
fn programs(stages: &[Json]) -> Vec<Json> {
    let mut entities = BTreeMap::new();
    for stage in stages {
        let kind = text(&stage["stage"]);
        let mut entity = json!({
            "@id": format!("{PROGRAM}-{}", escaped(kind)), "@type": "SoftwareApplication", "name": format!("simpipe {kind}"),
            "isPartOf": id(PROGRAM),
        });
        if let Some(version) = stage["key_parts"]["version"].as_u64() {
            entity["softwareVersion"] = version.to_string().into();
        }
        entities.insert(kind.to_owned(), entity);
    }
    entities.into_values().collect()
}

fn stage_action(at: usize, stage: &Json, files: &[CrateFile], parameters: &[Json]) -> Json {
    let of_digest = |digest: &Json| files.iter().find(|file| file.blake3.as_deref() == digest.as_str());
    let ports = stage["key_parts"]["inputs"].as_object().into_iter().flatten();
    let digests = ports.flat_map(|(_, files)| files.as_object().into_iter().flatten().map(|(_, digest)| digest));
    // The same file may be read through two ports.
    let inputs: BTreeMap<String, Json> =
        digests.filter_map(of_digest).map(|file| (file.path.clone(), id(file_id(file)))).collect();
    let own = format!("{}.", text(&stage["id"]));
    let own = parameters.iter().filter(|one| text(&one["name"]).starts_with(&own));
    let results: Vec<Json> = files.iter().filter(|file| file.stage == Some(at)).map(|file| id(file_id(file))).collect();
    let mut action = json!({
        "@id": action_id(at, stage), "@type": "CreateAction", "name": label(stage),
        "description": format!("{}, key {}", outcome(stage), text(&stage["key"])),
        "instrument": id(format!("{PROGRAM}-{}", escaped(text(&stage["stage"])))),
        "object": inputs.into_values().chain(ids(own)).collect::<Vec<_>>(),
    });
    if let (Json::Object(fields), false) = (&mut action, results.is_empty()) {
        fields.insert("result".to_owned(), results.into());
    }
    let ok = matches!(text(&stage["outcome"]), "hit" | "ran");
    status(&mut action, ok, stage["failure"]["message"].as_str());
    action
}

fn outcome(stage: &Json) -> String {
    let seconds = |key: &str| stage[key].as_f64().unwrap_or_default();
    match text(&stage["outcome"]) {
        "hit" => format!("Taken from the store; computing it took {:.3} s", seconds("saved_seconds")),
        "ran" => format!("Computed in {:.3} s", seconds("seconds")),
        other => format!("It {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn record() -> Json {
        json!({
            "run": "20260801T120000.000Z-0a1b2c", "name": "small", "ok": true, "config": "configs/small.toml",
            "started": "2026-08-01T12:00:00.000Z", "finished": "2026-08-01T12:00:03.500Z",
            "versions": { "simpipe": "0.1.0" }, "spec": { "description": "" }, "metrics": { "train.recall@1": 0.5 },
            "git": { "commit": "c".repeat(40), "dirty": true },
            "stages": [
                {
                    "id": "dataset", "stage": "dataset", "outcome": "hit", "key": "aa", "seconds": 0.1, "saved_seconds": 2.0,
                    "key_parts": { "version": 2, "sources": { "images": "dd" }, "inputs": {} }, "params": { "source": "x" },
                },
                {
                    "id": "train", "stage": "train", "outcome": "ran", "key": "bb", "seconds": 3.0, "seed": 7,
                    "key_parts": { "version": 3, "inputs": { "dataset": { "examples.parquet": "11" } } },
                    "params": { "epochs": 2, "layers": ["flatten"] },
                },
            ],
        })
    }

    pub(super) fn files() -> Vec<CrateFile> {
        let file = |path: &str, blake3: Option<&str>, stage| CrateFile {
            path: path.to_owned(),
            bytes: 3,
            sha256: "ef".repeat(32),
            blake3: blake3.map(str::to_owned),
            stage,
        };
        vec![
            file("dataset/examples.parquet", Some("11"), Some(0)),
            file("seed-7/train/model 1.safetensors", Some("22"), Some(1)),
            file("run.json", None, None),
        ]
    }

    fn entity<'a>(metadata: &'a Json, id: &str) -> &'a Json {
        let graph = metadata["@graph"].as_array().unwrap();
        graph.iter().find(|entity| entity["@id"] == id).unwrap_or_else(|| panic!("no {id}"))
    }

    #[test]
    fn every_reference_leads_to_an_entity_and_lineage_goes_from_file_to_file() {
        let metadata = metadata(&record(), &files());
        let graph = metadata["@graph"].as_array().unwrap();
        let known: Vec<&str> = graph.iter().map(|entity| text(&entity["@id"])).collect();
        let mut sorted = known.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted.len(), known.len(), "every id once: {known:?}");
        fn references<'a>(json: &'a Json, found: &mut Vec<&'a str>) {
            match json {
                Json::Object(fields) if fields.len() == 1 && fields.contains_key("@id") => {
                    found.push(text(&fields["@id"]))
                }
                Json::Object(fields) => fields.values().for_each(|value| references(value, found)),
                Json::Array(items) => items.iter().for_each(|item| references(item, found)),
                _ => {}
            }
        }
        let mut found = Vec::new();
        references(&metadata["@graph"], &mut found);
        let outside = |id: &&&str| !id.starts_with("http://schema.org/") && **id != CRATE;
        let lost: Vec<_> = found.iter().filter(outside).filter(|id| !known.contains(id)).collect();
        assert!(lost.is_empty() && found.len() > 20, "{lost:?}");

        let train = entity(&metadata, "#stage-2-train");
        assert_eq!(train["object"][0]["@id"], "dataset/examples.parquet");
        assert_eq!(train["result"][0]["@id"], "seed-7/train/model%201.safetensors");
        assert_eq!(
            (&train["name"], &train["instrument"]["@id"]),
            (&"train at seed 7".into(), &"#simpipe-train".into())
        );
        assert_eq!(entity(&metadata, "#param/train.layers")["value"], "[\"flatten\"]");
        assert_eq!(entity(&metadata, "#metric/train.recall@1")["value"], 0.5);
        let run = entity(&metadata, "#run");
        assert_eq!((&run["startTime"], &run["endTime"]), (&record()["started"], &record()["finished"]));
        assert_eq!(run["actionStatus"]["@id"], "http://schema.org/CompletedActionStatus");
    }

    #[test]
    fn a_run_that_failed_says_why() {
        let mut record = record();
        record["ok"] = false.into();
        record["stages"][1]["outcome"] = "failed".into();
        record["stages"][1]["failure"] = json!({ "message": "no room" });
        let metadata = metadata(&record, &files()[..1]);
        for action in ["#run", "#stage-2-train"] {
            let action = entity(&metadata, action);
            assert_eq!(
                (&action["error"], &action["actionStatus"]["@id"]),
                (&"no room".into(), &"http://schema.org/FailedActionStatus".into())
            );
        }
        assert!(entity(&metadata, "#stage-2-train")["result"].is_null());
    }
}
