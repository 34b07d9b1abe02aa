//! Shapes of parameters as JSON Schema.

use serde_json::{Map, Value as Json, json};

use simpipe_base::bounds::{Bounds, Limit};
use simpipe_base::param::{Alternative, Field, LazyChoice, Record, Shape};

/// The JSON Schema of a shape, by itself.
pub(in crate::cli) fn of_shape(shape: &Shape) -> Json {
    let mut writer = Writer::default();
    let schema = writer.shape(shape);
    writer.finish(schema)
}

/// Writes shapes as JSON Schema. A choice that holds itself has no end: it is defined once and referred to.
#[derive(Default)]
pub(super) struct Writer {
    defined: Vec<(LazyChoice, Json)>,
}

impl Writer {
    /// The whole schema with the definitions that it refers to.
    pub(super) fn finish(mut self, mut schema: Json) -> Json {
        let definitions = std::mem::take(&mut self.defined);
        let names: Vec<String> = (0..definitions.len()).map(|at| definition_name(&definitions, at)).collect();
        if let (Json::Object(object), false) = (&mut schema, definitions.is_empty()) {
            let definitions: Map<String, Json> = names.into_iter().zip(definitions.into_iter().map(|d| d.1)).collect();
            object.insert("$defs".to_owned(), definitions.into());
        }
        schema
    }

    pub(super) fn shape(&mut self, shape: &Shape) -> Json {
        match shape {
            Shape::Boolean => json!({ "type": "boolean" }),
            Shape::Integer => json!({ "type": "integer" }),
            Shape::Number => json!({ "type": "number" }),
            Shape::String | Shape::Path => json!({ "type": "string" }),
            Shape::List(item) => json!({ "type": "array", "items": self.shape(item) }),
            Shape::Record(record) => self.record(record),
            Shape::Map(value) => json!({ "type": "object", "additionalProperties": self.shape(value) }),
            Shape::Choice(choice) => self.choice(*choice),
            Shape::AnyOf(shapes) => {
                json!({ "anyOf": shapes.iter().map(|shape| self.shape(shape)).collect::<Vec<_>>() })
            }
            Shape::Word(word) => json!({ "const": word }),
        }
    }

    /// Written where it stands, as editors show most of, but for a choice that holds itself.
    fn choice(&mut self, choice: LazyChoice) -> Json {
        if !choice.holds_itself() {
            return self.alternatives(choice);
        }
        let at = self.defined.iter().position(|(known, _)| *known == choice).unwrap_or_else(|| {
            let at = self.defined.len();
            self.defined.push((choice, Json::Null)); // known while its own alternatives are written
            self.defined[at].1 = self.alternatives(choice);
            at
        });
        json!({ "$ref": format!("#/$defs/{}", definition_name(&self.defined, at)) })
    }

    fn alternatives(&mut self, choice: LazyChoice) -> Json {
        let alternatives: Vec<Json> = choice.alternatives.iter().flat_map(|one| self.alternative(one)).collect();
        json!({ "description": choice.doc.trim(), "anyOf": alternatives })
    }

    fn record(&mut self, record: &Record) -> Json {
        let properties: Map<String, Json> =
            record.fields.iter().map(|field| (field.name.clone(), self.field(field))).collect();
        let required: Vec<&String> =
            record.fields.iter().filter(|field| field.default.is_none()).map(|field| &field.name).collect();
        json!({
            "type": "object", "description": record.doc.trim(), "properties": properties, "required": required,
            "additionalProperties": false,
        })
    }

    fn field(&mut self, field: &Field) -> Json {
        let mut schema = self.shape(&field.shape);
        limit(&mut schema, field);
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
    fn alternative(&mut self, alternative: &Alternative) -> Vec<Json> {
        let (name, description) = (alternative.name, alternative.doc.trim());
        let table = alternative.params.as_ref().map(|params| {
            json!({
                "type": "object", "description": description, "properties": { name: self.shape(params) },
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
}

/// Adds the limits of a number, a list's numbers and a list's length.
fn limit(schema: &mut Json, field: &Field) {
    let Json::Object(object) = schema else { return };
    match object.get("type").and_then(Json::as_str) {
        Some("integer" | "number") => object.extend(limits(&field.bounds)),
        Some("array") => {
            let length = [("minItems", field.length.min), ("maxItems", field.length.max)];
            object.extend(length.into_iter().filter_map(|(name, count)| Some((name.to_owned(), count?.into()))));
            let items = object.get_mut("items").and_then(Json::as_object_mut);
            if let Some(items) = items.filter(|items| items.get("type").is_some_and(|kind| kind != "array")) {
                items.extend(limits(&field.bounds));
            }
        }
        _ => {}
    }
}

fn limits(bounds: &Bounds) -> Vec<(String, Json)> {
    let limit = |limit: Option<Limit>, at: &str, beyond: &str| {
        let Limit { value, exclusive } = limit?;
        // Whole numbers are written without a point, as they are in a spec.
        let number = if value.fract() == 0.0 && value.abs() < 1e15 { json!(value as i64) } else { json!(value) };
        Some((if exclusive { beyond } else { at }.to_owned(), number))
    };
    let ends = [limit(bounds.min, "minimum", "exclusiveMinimum"), limit(bounds.max, "maximum", "exclusiveMaximum")];
    ends.into_iter().flatten().collect()
}

/// The name of a definition; of choices of one name, later ones are numbered.
fn definition_name(definitions: &[(LazyChoice, Json)], at: usize) -> String {
    let name = definitions[at].0.name;
    match definitions[..at].iter().filter(|(other, _)| other.name == name).count() {
        0 => name.to_owned(),
        before => format!("{name}{}", before + 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use simpipe_base::param::{Param, from_json};

    simpipe_base::params! {
        /// A pool.
        struct MaxPool {
            /// Side, in pixels.
            size: usize => simpipe_base::check::at_least(1),
        }
    }

    simpipe_base::params! {
        /// Nothing to set.
        struct Relu {}
    }

    simpipe_base::choice! {
        /// A layer.
        enum Layer {
            /// The largest.
            "max-pool" => MaxPool(MaxPool),
            /// All in a row.
            "flatten" => Flatten,
            /// Above 0.
            "relu" => Relu(Relu),
        }
    }

    fn check<T: Param>(good: &[Json], bad: &[Json]) {
        let schema = jsonschema::validator_for(&of_shape(&T::shape())).unwrap();
        for good in good {
            assert!(schema.is_valid(good), "{good}");
            assert!(from_json::<T>(good).is_ok(), "{good}");
        }
        for bad in bad {
            assert!(!schema.is_valid(bad), "{bad}");
            assert!(from_json::<T>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_choice_is_a_name_or_a_table() {
        let good = [json!({ "max-pool": { "size": 2 } }), json!("flatten"), json!("relu"), json!({ "relu": {} })];
        let bad = [
            json!("max-pool"),
            json!({ "max-pool": {} }),
            json!({ "max-pool": { "sise": 2 } }),
            json!("flat"),
            json!({ "relu": { "size": 2 } }),
        ];
        check::<Layer>(&good, &bad);
    }

    /// Another layer of the same name, which lists itself.
    mod nested {
        simpipe_base::params! {
            /// Layers in a row, and others beside them.
            pub(super) struct Block {
                /// In a row.
                body: Vec<Layer>,
                /// Side by side.
                branches: Vec<Vec<Layer>> = Vec::new(),
                /// Another kind.
                last: Option<super::Layer> = None,
            }
        }

        simpipe_base::choice! {
            /// A layer, or several.
            pub(super) enum Layer {
                /// The largest.
                "max-pool" => MaxPool(super::MaxPool),
                /// Several.
                "block" => Block(Block),
                /// One in a box.
                "single" => Single(Box<Single>),
            }
        }

        simpipe_base::params! {
            /// One layer.
            pub(super) struct Single {
                /// The layer.
                of: Layer,
            }
        }
    }

    simpipe_base::params! {
        /// Numbers with limits.
        struct Limited {
            /// Whole.
            count: u32 = 2 => simpipe_base::check::between(1, 9),
            /// Whole, of a type with a limit of its own.
            steps: usize = 0,
            /// Above.
            rate: f64 = 0.5 => simpipe_base::check::positive(),
            /// Below.
            decay: Option<f64> = None => simpipe_base::check::decay().optional(),
            /// Several.
            sizes: Vec<u32> = vec![1] => simpipe_base::check::not_empty(),
        }
    }

    #[test]
    fn limits_reach_the_schema() {
        let good = [json!({}), json!({ "count": 9, "steps": 5, "rate": 1e-9, "decay": 0, "sizes": [3, 0] })];
        let bad = [
            json!({ "count": 0 }),
            json!({ "count": 10 }),
            json!({ "steps": -1 }),
            json!({ "rate": 0.0 }),
            json!({ "decay": 1 }),
            json!({ "sizes": [] }),
            json!({ "sizes": [-1] }),
        ];
        check::<Limited>(&good, &bad);
        let schema = of_shape(&Limited::shape());
        let said = |field: &str| serde_json::to_string(&schema["properties"][field]).unwrap();
        assert!(said("count").contains("\"maximum\":9,\"minimum\":1"), "{}", said("count"));
        assert!(said("rate").contains("\"exclusiveMinimum\":0,"), "{}", said("rate"));
        assert!(said("decay").contains("\"exclusiveMaximum\":1,\"minimum\":0"), "{}", said("decay"));
    }

    #[test]
    fn a_choice_that_holds_itself_is_defined_once() {
        let block = |body: Json| json!({ "block": { "body": [body], "branches": [["relu"], []] } });
        let pool = |size: i64| json!({ "max-pool": { "size": size } });
        let block_of = |body: Json| json!({ "block": { "body": [body], "branches": [[pool(1)], []], "last": "relu" } });
        let single = |of: Json| json!({ "single": { "of": of } });
        let good = [pool(2), block_of(pool(2)), block_of(block_of(single(block_of(single(pool(3))))))];
        let bad = [block(pool(2)), block_of(json!("flatten")), single(block_of(json!({ "max-pool": { "sise": 1 } })))];
        check::<nested::Layer>(&good, &bad);
        let schema = of_shape(&nested::Layer::shape());
        assert_eq!(schema["$ref"], "#/$defs/Layer");
        assert_eq!(schema["$defs"].as_object().unwrap().len(), 1);
        assert!(of_shape(&Layer::shape()).get("$defs").is_none());
    }
}
