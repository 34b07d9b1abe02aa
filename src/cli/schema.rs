//! `simpipe schema`: the JSON Schema of a config, for editors.

mod shapes;

use std::io::Write;

use clap::Args;
use serde_json::{Map, Value as Json, json};

use self::shapes::Writer;
pub(super) use self::shapes::of_shape;
use super::print;
use crate::error::{Error, Exit};
use simpipe_base::param::Param;
use simpipe_spec::{MOST_SEEDS, NUMERICS, SweepParams};
use simpipe_stages::registry;

/// What `numerics` is.
const NUMERICS_ARE: &str = "How tensors are computed. `fast`: in single precision; `exact`: without fast convolution, which rounds more; \
                            `bf16`: products of bfloat16, on processors that have them.";

/// Print the JSON Schema of a config, for taplo and editors.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  simpipe schema > simpipe.schema.json")]
pub(super) struct SchemaArgs {}

pub(super) fn exec(_: &SchemaArgs, out: &mut dyn Write) -> Result<Exit, Error> {
    print::json(&config_schema(), out)?;
    Ok(Exit::Done)
}

/// A table named after a stage kind, or `<kind>-<more>`, has that kind's parameters; a template may use other ids.
fn config_schema() -> Json {
    let catalog = registry::builtin();
    let mut properties = Map::new();
    let mut patterns = Map::new();
    let mut writer = Writer::default();
    for doc in catalog.docs() {
        let mut table = writer.shape(&doc.params);
        // What a stage must be told may stand in the template.
        table.as_object_mut().map(|table| table.remove("required"));
        patterns.insert(format!("^{}-", doc.name), table.clone());
        properties.insert(doc.name.to_owned(), table);
    }
    for (name, description) in [
        ("pipeline", "The template: a file of `pipelines/` without `.toml`, or a built-in one."),
        ("name", "Names the run folder; the file's name if it is left out."),
        ("description", "For people."),
        ("extends", "Another config that this one is laid over, relative to this file."),
    ] {
        properties.insert(name.to_owned(), json!({ "type": "string", "description": description }));
    }
    let seed = json!({ "type": "integer", "minimum": 0, "default": 0, "description": "Of all random numbers." });
    properties.insert("seed".to_owned(), seed);
    let seeds = json!({
        "type": "array", "items": { "type": "integer", "minimum": 0 }, "minItems": 1, "maxItems": MOST_SEEDS,
        "uniqueItems": true, "description": "Of one training each, instead of `seed`: a run gives their mean and spread.",
    });
    properties.insert("seeds".to_owned(), seeds);
    let devices: Vec<&str> = catalog.devices().iter().map(|device| device.name).collect();
    let device = json!({ "enum": devices, "default": "auto", "description": "Where tensors are computed." });
    properties.insert("device".to_owned(), device);
    let numerics = json!({ "enum": NUMERICS, "description": NUMERICS_ARE });
    properties.insert("numerics".to_owned(), numerics);
    properties.insert("sweep".to_owned(), sweep(&mut writer));
    // A template of one's own may call its stages as it likes: tables are let through, values are not.
    let others = json!({ "type": "object", "description": "The parameters of a stage, by its id in the template." });
    writer.finish(json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "simpipe experiment",
        "type": "object",
        "properties": properties,
        "patternProperties": patterns,
        "additionalProperties": others,
    }))
}

/// `[sweep]`: what it must be told may stand in a base, and what a parameter may be is not known here.
fn sweep(writer: &mut Writer) -> Json {
    let mut schema = writer.shape(&SweepParams::shape());
    schema.as_object_mut().map(|table| table.remove("required"));
    let range = json!({
        "type": "object", "description": "All numbers between two, both included.",
        "properties": {
            "low": { "type": "number" }, "high": { "type": "number" },
            "log": { "type": "boolean", "default": false, "description": "Whether factors matter rather than differences." },
        },
        "required": ["low", "high"], "additionalProperties": false,
    });
    let list =
        json!({ "type": "array", "minItems": 1, "description": "Values; inside of one, a number may be a range." });
    if let Some(parameters) = schema.pointer_mut("/properties/parameters") {
        parameters["additionalProperties"] = json!({ "anyOf": [list, range] });
    }
    schema
}
