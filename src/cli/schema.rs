//! `simpipe schema`: the JSON Schema of a config, for editors.

use std::io::Write;

use clap::Args;
use serde_json::{Map, Value as Json, json};

use super::print;
use crate::base::param::{Alternative, Field, Record, Shape};
use crate::error::{Error, Exit};
use crate::spec::NUMERICS;
use crate::stages::registry;

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
    for doc in catalog.docs() {
        let mut table = of_shape(&doc.params);
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
    let device = json!({ "enum": catalog.devices(), "default": "auto", "description": "Where tensors are computed." });
    properties.insert("device".to_owned(), device);
    let numerics = json!({ "enum": NUMERICS, "description": "`exact`: no fast convolution that rounds more." });
    properties.insert("numerics".to_owned(), numerics);
    // A template of one's own may call its stages as it likes: tables are let through, values are not.
    let others = json!({ "type": "object", "description": "The parameters of a stage, by its id in the template." });
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "simpipe experiment",
        "type": "object",
        "properties": properties,
        "patternProperties": patterns,
        "additionalProperties": others,
    })
}

/// The JSON Schema of a shape.
pub(super) fn of_shape(shape: &Shape) -> Json {
    match shape {
        Shape::Boolean => json!({ "type": "boolean" }),
        Shape::Integer => json!({ "type": "integer" }),
        Shape::Number => json!({ "type": "number" }),
        Shape::String | Shape::Path => json!({ "type": "string" }),
        Shape::List(item) => json!({ "type": "array", "items": of_shape(item) }),
        Shape::Record(record) => of_record(record),
        Shape::Map(value) => json!({ "type": "object", "additionalProperties": of_shape(value) }),
        Shape::Choice(choice) => {
            let alternatives: Vec<Json> = choice.alternatives.iter().flat_map(of_alternative).collect();
            json!({ "description": choice.doc.trim(), "anyOf": alternatives })
        }
        Shape::AnyOf(shapes) => json!({ "anyOf": shapes.iter().map(of_shape).collect::<Vec<_>>() }),
        Shape::Word(word) => json!({ "const": word }),
    }
}

fn of_record(record: &Record) -> Json {
    let properties: Map<String, Json> =
        record.fields.iter().map(|field| (field.name.clone(), of_field(field))).collect();
    let required: Vec<&String> =
        record.fields.iter().filter(|field| field.default.is_none()).map(|field| &field.name).collect();
    json!({
        "type": "object", "description": record.doc.trim(), "properties": properties, "required": required,
        "additionalProperties": false,
    })
}

fn of_field(field: &Field) -> Json {
    let mut schema = of_shape(&field.shape);
    if let Json::Object(object) = &mut schema {
        let range = field.expected.as_ref().map_or_else(String::new, |expected| format!(" (must be {expected})"));
        object.insert("description".to_owned(), json!(format!("{}{range}", field.doc.trim())));
        if let Some(default) = field.default.as_ref().filter(|default| !default.is_null()) {
            object.insert("default".to_owned(), default.clone());
        }
    }
    schema
}

/// The bare name, if every parameter has a default, and the one-key table, if there are parameters.
fn of_alternative(alternative: &Alternative) -> Vec<Json> {
    let (name, description) = (alternative.name, alternative.doc.trim());
    // Nothing can be set in an empty table: the name says it all.
    let empty = |params: &Shape| matches!(params, Shape::Record(record) if record.fields.is_empty());
    let table = alternative.params.as_ref().filter(|params| !empty(params)).map(|params| {
        json!({
            "type": "object", "description": description, "properties": { name: of_shape(params) },
            "required": [name], "additionalProperties": false,
        })
    });
    let bare = match &alternative.params {
        Some(Shape::Record(record)) => record.fields.iter().all(|field| field.default.is_some()),
        _ => true,
    };
    let bare = bare.then(|| json!({ "const": name, "description": description }));
    bare.into_iter().chain(table).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_is_a_name_or_a_table() {
        let field = Field {
            name: "size".to_owned(),
            doc: "Side, in pixels.",
            shape: Shape::Integer,
            default: None,
            expected: Some("at least 1".to_owned()),
        };
        let params = Shape::Record(Record { doc: "A pool.", fields: vec![field] });
        let empty = Shape::Record(Record { doc: "Nothing to set.", fields: Vec::new() });
        let alternatives = vec![
            Alternative { name: "max-pool", doc: "The largest.", params: Some(params) },
            Alternative { name: "flatten", doc: "All in a row.", params: None },
            Alternative { name: "relu", doc: "Above 0.", params: Some(empty) },
        ];
        let shape = Shape::Choice(crate::base::param::Choice { doc: "A layer.", alternatives });
        let schema = jsonschema::validator_for(&of_shape(&shape)).unwrap();
        for good in [json!({ "max-pool": { "size": 2 } }), json!("flatten"), json!("relu")] {
            assert!(schema.is_valid(&good), "{good}");
        }
        for bad in [json!("max-pool"), json!({ "max-pool": {} }), json!({ "relu": {} }), json!({ "max-pool": { "sise": 2 } }), json!("flat")] {
            assert!(!schema.is_valid(&bad), "{bad}");
        }
    }
}
