//! The parameters of an entry as rows of a table.

use serde_json::Value as Json;

use super::comment::Comment;
use super::entry::{Entry, Family, toml};
use simpipe_base::param::{Alternative, Field, LazyChoice, Record, Shape};
use simpipe_stage::StageDoc;

/// One parameter.
pub(super) struct Row {
    pub(super) name: String,
    /// What it takes; code stands in backticks.
    pub(super) kind: String,
    pub(super) default: String,
    /// Words that follow "must be"; empty without a limit.
    pub(super) range: String,
    pub(super) meaning: String,
    /// What it may be chosen from, each with its meaning, where no other entry says so.
    pub(super) alternatives: Vec<(String, String)>,
}

/// The rows of a record; those of tables inside it follow with their path.
pub(super) fn rows(record: &Record, families: &[Family], path: &str) -> Vec<Row> {
    rows_inside(record, families, path, &[])
}

/// `inside`: the choices that the record is a part of, which are not listed again where they hold themselves.
fn rows_inside(record: &Record, families: &[Family], path: &str, inside: &[LazyChoice]) -> Vec<Row> {
    record.fields.iter().flat_map(|field| field_rows(field, families, path, inside)).collect()
}

fn field_rows(field: &Field, families: &[Family], path: &str, inside: &[LazyChoice]) -> Vec<Row> {
    let name = format!("{path}{}", field.name);
    let own = choice_in(&field.shape);
    let own = own.filter(|choice| families.iter().all(|family| family.choice != *choice) && !inside.contains(choice));
    let row = Row {
        kind: kind(&field.shape, families),
        default: match &field.default {
            None => "must be given".to_owned(),
            Some(default) => shown_default(default),
        },
        range: field.expected.clone().unwrap_or_default(),
        meaning: Comment::read(field.doc).line(),
        alternatives: own.map(|choice| alternatives(choice, families, inside)).unwrap_or_default(),
        name: name.clone(),
    };
    let inside_list = if matches!(field.shape, Shape::List(_)) { "[]" } else { "" };
    let inner =
        record_in(&field.shape).map(|record| rows_inside(record, families, &format!("{name}{inside_list}."), inside));
    std::iter::once(row).chain(inner.unwrap_or_default()).collect()
}

/// The choice that a field takes, by itself or in lists.
fn choice_in(shape: &Shape) -> Option<LazyChoice> {
    match shape {
        Shape::Choice(choice) => Some(*choice),
        Shape::List(item) => choice_in(item),
        _ => None,
    }
}

/// A default in TOML; of one that would not fit a table's cell only the name or the number of items.
fn shown_default(default: &Json) -> String {
    const WIDEST: usize = 72;
    match (toml(default), default) {
        (None, _) => "may be left out".to_owned(),
        (Some(text), _) if text.chars().count() <= WIDEST => format!("`{text}`"),
        (_, Json::Array(items)) => format!("a list of {}", items.len()),
        (_, Json::Object(choice)) => choice.keys().next().map_or_else(String::new, |name| format!("`\"{name}\"`")),
        (Some(text), _) => format!("`{text}`"),
    }
}

fn alternatives(choice: LazyChoice, families: &[Family], inside: &[LazyChoice]) -> Vec<(String, String)> {
    let inside: Vec<LazyChoice> = inside.iter().copied().chain([choice]).collect();
    let one = |alternative: &Alternative| {
        let mut text = Comment::read(alternative.doc).line();
        if let Some(Shape::Record(record)) = &alternative.params {
            for row in rows_inside(record, families, "", &inside) {
                let range = if row.range.is_empty() { String::new() } else { format!(", {}", row.range) };
                text += &format!(" `{}` ({}, default {}{range}): {}", row.name, row.kind, row.default, row.meaning);
            }
        }
        (format!("`{}`", alternative.name), text)
    };
    choice.alternatives.iter().map(one).collect()
}

/// The table that a value may be, by itself, in a list or beside other forms.
fn record_in(shape: &Shape) -> Option<&Record> {
    match shape {
        Shape::Record(record) => Some(record),
        Shape::List(item) => record_in(item),
        Shape::AnyOf(shapes) => shapes.iter().find_map(record_in),
        _ => None,
    }
}

fn kind(shape: &Shape, families: &[Family]) -> String {
    match shape {
        Shape::Boolean => "boolean".to_owned(),
        Shape::Integer => "integer".to_owned(),
        Shape::Number => "number".to_owned(),
        Shape::String => "text".to_owned(),
        Shape::Path => "path".to_owned(),
        Shape::List(item) => match &**item {
            Shape::Boolean | Shape::Integer | Shape::Number => format!("list of {}s", kind(item, families)),
            Shape::AnyOf(_) => format!("list of ({})", kind(item, families)),
            _ => format!("list of {}", kind(item, families)),
        },
        Shape::Record(record) => {
            let names: Vec<String> = record.fields.iter().map(|field| format!("`{}`", field.name)).collect();
            format!("table of {}", names.join(", "))
        }
        Shape::Map(value) => format!("table of names and {}s", kind(value, families)),
        Shape::Choice(choice) => match families.iter().find(|family| family.choice == *choice) {
            Some(family) => format!("[`{}`](#{})", family.path(), family.path()),
            None => {
                let names: Vec<&str> = choice.alternatives.iter().map(|one| one.name).collect();
                simpipe_base::suggest::one_of(&names)
            }
        },
        Shape::AnyOf(shapes) => shapes.iter().map(|shape| kind(shape, families)).collect::<Vec<_>>().join(" or "),
        Shape::Word(word) => format!("`\"{word}\"`"),
    }
}

/// What a stage reads: a line each port.
pub(super) fn ports(doc: &StageDoc) -> Vec<String> {
    let table = ::toml::from_str::<::toml::Table>(&Entry::of_stage(doc).example).ok();
    let params = table.and_then(|table| serde_json::to_value(table.get(doc.name)?).ok()).unwrap_or_default();
    let port = |port: simpipe_stage::Port| {
        let optional = match port.instead_of {
            Some(other) => format!(" (in place of `{other}`)"),
            None if port.optional => " (optional)".to_owned(),
            None => String::new(),
        };
        let files: Vec<String> = port.files.iter().map(|file| format!("`{file}`")).collect();
        format!("`{}`{optional}: {} ({})", port.name, port.kind.words(), files.join(", "))
    };
    (doc.ports)(&params).into_iter().map(port).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use simpipe_base::param::Param;

    simpipe_base::params! {
        /// Steps one after the other.
        struct Block {
            /// One after the other.
            body: Vec<Step>,
            /// Side by side.
            branches: Vec<Vec<Step>> = Vec::new(),
        }
    }

    simpipe_base::choice! {
        /// A step, which may hold steps.
        enum Step {
            /// Does nothing.
            "rest" => Rest,
            /// Several.
            "block" => Block(Block),
        }
    }

    simpipe_base::params! {
        /// What a stage takes.
        struct Program {
            /// The steps.
            steps: Vec<Step>,
            /// One more.
            last: Step = Step::Rest,
        }
    }

    fn program() -> Record {
        let Shape::Record(record) = Program::shape() else { panic!("a table") };
        record
    }

    #[test]
    fn a_choice_that_holds_itself_is_listed_once() {
        let found = rows(&program(), &[], "");
        assert_eq!(found[0].kind, "list of `rest` or `block`");
        let expected = "Several. `body` (list of `rest` or `block`, default must be given): One after the other. \
                        `branches` (list of list of `rest` or `block`, default `[]`): Side by side.";
        assert_eq!(found[0].alternatives[1], ("`block`".to_owned(), expected.to_owned()));
    }

    #[test]
    fn a_choice_with_entries_of_its_own_is_referred_to_from_inside() {
        let doc = StageDoc {
            name: "run",
            version: 1,
            summary: "Runs.",
            output: simpipe_stage::Kind::Report,
            files: &[],
            ports: |_| Vec::new(),
            params: Program::shape(),
        };
        let families = Family::all(&[doc]);
        assert_eq!(families.iter().map(Family::path).collect::<Vec<_>>(), ["run.steps"]);
        let entries = families[0].entries();
        assert_eq!(entries[1].example, "[run]\nsteps = [{ block = { branches = [] } }]");
        let rows = rows(entries[1].params.as_ref().unwrap(), &families, "");
        let kinds: Vec<&str> = rows.iter().map(|row| row.kind.as_str()).collect();
        assert_eq!(kinds, ["list of [`run.steps`](#run.steps)", "list of list of [`run.steps`](#run.steps)"]);
    }
}
