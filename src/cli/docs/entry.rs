//! What the reference has an entry for, gathered from the declarations that read specs: every stage, and every
//! alternative of a choice that a stage's table offers.

use serde_json::{Value as Json, json};

use super::comment::Comment;
use simpipe_artifact::ModelSummary;
use simpipe_base::param::{Alternative, LazyChoice, Record, Shape};
use simpipe_nn as nn;
use simpipe_stage::{Policy, StageDoc};

/// Alternatives of one choice: layers, losses, figures, ..
#[derive(Debug, Clone)]
pub(super) struct Family {
    /// The stage whose table offers it.
    pub(super) stage: &'static str,
    /// The key in that table.
    pub(super) key: String,
    /// Whether the key takes a list.
    pub(super) list: bool,
    pub(super) choice: LazyChoice,
}

/// Whose parameters those are that every stage takes.
pub(super) const EVERY_STAGE: &str = "every stage";

/// One entry.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) name: String,
    /// What it is for, its formula and paper.
    pub(super) comment: Comment,
    pub(super) params: Option<Record>,
    /// A piece of a config that `check` accepts.
    pub(super) example: String,
    /// What the network's other layers see of it, computed.
    pub(super) shapes: Vec<String>,
}

impl Family {
    /// `train.loss`.
    pub(super) fn path(&self) -> String {
        format!("{}.{}", self.stage, self.key)
    }

    /// Every family that the stages offer, each once: where two keys offer the same, the first one counts.
    pub(super) fn all(docs: &[StageDoc]) -> Vec<Self> {
        let mut families: Vec<Self> = Vec::new();
        for doc in docs {
            let Shape::Record(record) = &doc.params else { continue };
            for field in &record.fields {
                let Some((choice, list)) = choice_of(&field.shape) else { continue };
                if families.iter().all(|family| family.choice != choice) {
                    families.push(Self { stage: doc.name, key: field.name.clone(), list, choice });
                }
            }
        }
        families
    }

    pub(super) fn entries(&self) -> Vec<Entry> {
        self.choice.alternatives.iter().map(|alternative| self.entry(alternative)).collect()
    }

    fn entry(&self, alternative: &Alternative) -> Entry {
        let mut comment = Comment::read(alternative.doc);
        let params = match &alternative.params {
            Some(Shape::Record(record)) => Some(record.clone()),
            _ => None,
        };
        if let Some(record) = &params {
            let inner = Comment::read(record.doc);
            comment.paragraphs = without_repeats(comment.paragraphs.into_iter().chain(inner.paragraphs).collect());
            comment.shapes = comment.shapes.or(inner.shapes);
            comment.example = comment.example.or(inner.example);
        }
        let value = comment.example.clone().unwrap_or_else(|| by_defaults(alternative.name, params.as_ref()));
        let shapes = if self.path() == "train.layers" { layer_shapes(&value) } else { Vec::new() };
        let value = if self.list { format!("[{value}]") } else { value };
        let example = format!("[{}]\n{} = {value}", self.stage, self.key);
        Entry { name: alternative.name.to_owned(), comment, params, example, shapes }
    }
}

impl Entry {
    /// What every stage takes beside its own parameters: no entry of its own repeats it.
    pub(super) fn of_every_stage() -> Self {
        let record = Policy::record();
        let comment = Comment::read(record.doc);
        let example = "[train]\ntimeout = \"8h\"\nretries = 2".to_owned();
        Self { name: EVERY_STAGE.to_owned(), comment, params: Some(record), example, shapes: Vec::new() }
    }

    /// The entry of a stage.
    pub(super) fn of_stage(doc: &StageDoc) -> Self {
        let Shape::Record(record) = &doc.params else {
            unreachable!("a stage's parameters are declared with `params!`, which makes a record")
        };
        let mut comment = Comment::read(record.doc);
        let said = std::iter::once(doc.summary.to_owned()).chain(comment.paragraphs).collect();
        comment.paragraphs = without_repeats(said);
        let example = comment.example.clone().unwrap_or_else(|| {
            let fields = record.fields.iter().filter_map(|field| Some((&field.name, toml(field.default.as_ref()?)?)));
            fields.fold(format!("[{}]", doc.name), |text, (name, value)| format!("{text}\n{name} = {value}"))
        });
        let mut own = record.clone();
        own.fields.retain(|field| !Policy::KEYS.contains(&field.name.as_str()));
        Self { name: doc.name.to_owned(), comment, params: Some(own), example, shapes: Vec::new() }
    }

    /// For programs; `family` is empty for a stage.
    pub(super) fn json(&self, family: &str) -> Json {
        json!({
            "name": self.name, "family": family, "purpose": self.comment.paragraphs, "shapes": self.comment.shapes,
            "example": self.example,
        })
    }
}

/// Leaves out what another paragraph says too: a summary is often the beginning of the whole.
fn without_repeats(paragraphs: Vec<String>) -> Vec<String> {
    let says = |one: &str, other: &str| one.contains(other.trim_end_matches('.'));
    let mut kept: Vec<String> = Vec::new();
    for paragraph in paragraphs {
        if kept.iter().any(|said| says(said, &paragraph)) {
            continue;
        }
        kept.retain(|said| !says(&paragraph, said));
        kept.push(paragraph);
    }
    kept
}

/// The choice that a field takes, by itself or in a list.
pub(super) fn choice_of(shape: &Shape) -> Option<(LazyChoice, bool)> {
    match shape {
        Shape::Choice(choice) => Some((*choice, false)),
        Shape::List(item) => match &**item {
            Shape::Choice(choice) => Some((*choice, true)),
            _ => None,
        },
        _ => None,
    }
}

/// An alternative with every parameter at its default.
fn by_defaults(name: &str, params: Option<&Record>) -> String {
    let fields = params.into_iter().flat_map(|record| &record.fields);
    let given: Vec<String> =
        fields.filter_map(|field| Some(format!("{} = {}", field.name, toml(field.default.as_ref()?)?))).collect();
    if given.is_empty() { format!("\"{name}\"") } else { format!("{{ {name} = {{ {} }} }}", given.join(", ")) }
}

/// A value as TOML writes it in a line; `None` for what TOML has no word for.
pub(super) fn toml(value: &Json) -> Option<String> {
    Some(match value {
        Json::Null => return None,
        Json::Bool(_) => value.to_string(),
        // JSON and TOML agree on numbers, but for a float's point.
        Json::Number(number) => number.to_string(),
        Json::String(text) => toml::Value::from(text.as_str()).to_string(),
        Json::Array(items) => format!("[{}]", items.iter().filter_map(toml).collect::<Vec<_>>().join(", ")),
        Json::Object(fields) if fields.is_empty() => "{}".to_owned(),
        Json::Object(fields) => {
            let fields = fields.iter().filter_map(|(name, value)| Some(format!("{name} = {}", toml(value)?)));
            format!("{{ {} }}", fields.collect::<Vec<_>>().join(", "))
        }
    })
}

/// What a layer makes of a common map and of a vector.
fn layer_shapes(example: &str) -> Vec<String> {
    let layer = toml::from_str::<toml::Table>(&format!("layer = {example}"))
        .ok()
        .and_then(|table| serde_json::to_value(table.get("layer")?).ok())
        .and_then(|json| simpipe_base::param::from_json::<nn::LayerSpec>(&json).ok());
    let Some(layer) = layer else { return Vec::new() };
    let flatten = nn::LayerSpec::Flatten(nn::layer::Flatten {});
    let (map, vector) = ([32, 32, 3], [1, 1, 64]);
    // Behind the layer itself comes `flatten` or nothing, before it what is inside it.
    let of_map =
        nn::infer_shapes(map, &[layer.clone(), flatten.clone()]).ok().map(|summary| (map.to_vec(), summary, 2));
    let of_vector = nn::infer_shapes(vector, &[flatten, layer]).ok().map(|summary| (vec![64], summary, 1));
    let words = |shape: &[usize]| format!("`{shape:?}`");
    let line = |(input, summary, from_last): (Vec<usize>, ModelSummary, usize)| {
        let output = words(&summary.layers[summary.layers.len() - from_last].output);
        let parameters = match summary.parameters {
            0 => String::new(),
            count => format!(", {} parameters", super::super::print::thousands(count)),
        };
        format!("{} becomes {output}{parameters}", words(&input))
    };
    [of_map, of_vector].into_iter().flatten().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_as_toml() {
        let value = json!({ "a": [1, 2.5, "x\"y"], "b": null, "c": {}, "d": { "e": true } });
        let text = toml(&value).unwrap();
        assert_eq!(text, "{ a = [1, 2.5, 'x\"y'], c = {}, d = { e = true } }");
        assert!(toml::from_str::<toml::Table>(&format!("v = {text}")).is_ok());
    }

    #[test]
    fn what_was_said_is_not_repeated() {
        let paragraphs = ["A square.", "A square: four sides.", "Four sides.", "Red."].map(str::to_owned).to_vec();
        assert_eq!(without_repeats(paragraphs), ["A square: four sides.", "Four sides.", "Red."]);
    }

    #[test]
    fn a_layers_shapes_are_computed() {
        let shapes = layer_shapes("{ conv2d = { filters = 8, kernel = 3 } }");
        assert_eq!(shapes, ["`[32, 32, 3]` becomes `[30, 30, 8]`, 224 parameters"]);
        assert_eq!(layer_shapes("\"relu\"").len(), 2);
        // Of a layer that holds layers, all of it.
        assert_eq!(layer_shapes("\"resnet18\""), ["`[32, 32, 3]` becomes `[512]`, 11,186,112 parameters"]);
    }
}
