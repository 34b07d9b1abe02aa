//! `--set PATH=VALUE`: a value laid into the merged spec, however deep.

use std::ops::Range;
use std::path::Path;

use simpipe_base::issue::{Issue, Issues};
use simpipe_base::node::{Entry, MOST_NESTED, Node, Table, Value};
use simpipe_base::path::{Step, steps};
use simpipe_base::source::{Layer, Place, Source};
use simpipe_base::suggest;

use super::depth::too_deep;
use super::{Experiment, merge, syntax};

/// One `--set` option.
pub(super) struct Override {
    path: String,
    path_place: Place,
    value: Node,
}

impl Override {
    /// Reads `PATH=VALUE`, the `number`-th option of its kind; VALUE is TOML, else a string.
    pub(super) fn read(option: &str, number: usize, issues: &mut Issues) -> Option<Self> {
        // Relative paths on the command line start from the current folder.
        let source = Source::of_layer(Layer::Set(number), format!("--set {option}"), option, Path::new(""));
        let Some((path, value)) = option.split_once('=').filter(|(path, _)| !steps(path.trim()).is_empty()) else {
            let place = Place::new(&source, 0..option.len());
            issues.push(Issue::at(&place, "", "expected PATH=VALUE").help("write it like `--set train.epochs=5`"));
            return None;
        };
        if path.trim().contains(char::is_whitespace) {
            let place = Place::new(&source, 0..path.len());
            issues.push(Issue::at(&place, "", "a path has no spaces").help("write it like `--set train.epochs=5`"));
            return None;
        }
        let steps = steps(path).len();
        if steps > MOST_NESTED {
            let place = Place::new(&source, 0..path.len());
            issues.push(Issue::at(&place, "", format!("the path has more than {MOST_NESTED} steps")));
            return None;
        }
        let begin = path.len() + 1;
        if let Some((span, message)) = too_deep(value, steps.saturating_sub(1)) {
            let place = Place::new(&source, span.start + begin..span.end + begin);
            issues.push(Issue::at(&place, "", message).help("is it the right value?"));
            return None;
        }
        let node = match toml::de::DeValue::parse(value) {
            Ok(parsed) => shifted(Node::from_toml(&source, &parsed), begin),
            // Who opens a bracket or a quote means TOML.
            Err(error) if value.trim_start().starts_with(['{', '[', '"', '\'']) => {
                let span = error.span().unwrap_or(0..0);
                issues.push(syntax::issue(error.message(), &Place::new(&source, span.start + begin..span.end + begin)));
                return None;
            }
            Err(_) => Node { value: Value::String(value.to_owned()), place: Place::new(&source, begin..option.len()) },
        };
        let path_place = Place::new(&source, 0..path.len());
        Some(Self { path: path.trim().to_owned(), path_place, value: node })
    }

    /// Whether it sets exactly this top-level key.
    pub(super) fn is(&self, key: &str) -> bool {
        self.path == key
    }

    /// Lays the value into the spec.
    pub(super) fn apply(&self, table: &mut Table, issues: &mut Issues) {
        let steps = own_steps(&self.path);
        let Some((Step::Key(first), rest)) = steps.split_first() else { return };
        merge::make_way(table, first);
        let entry = table.entry((*first).to_owned()).or_insert_with(|| self.new_entry());
        entry.key = self.path_place.clone();
        self.set(&mut entry.node, rest, issues);
    }

    fn new_entry(&self) -> Entry {
        Entry { key: self.path_place.clone(), node: Node::empty_table(&self.path_place) }
    }

    fn set(&self, node: &mut Node, rest: &[Step<'_>], issues: &mut Issues) {
        match rest.split_first() {
            None => *node = self.value.clone(),
            Some((Step::Key(key), _)) if matches!(node.value, Value::Array(_)) => {
                let message = format!("`{key}` can't be set in a list");
                issues.push(
                    Issue::at(&self.path_place, &self.path, message)
                        .help("name the item by its number, from 0: `layers[0]`"),
                );
            }
            Some((Step::Key(key), rest)) => {
                if chooses_another(node, key, rest.is_empty()) {
                    *node = Node::empty_table(&self.path_place);
                }
                if let Value::Table(table) = &mut node.value {
                    let entry = table.entry((*key).to_owned()).or_insert_with(|| self.new_entry());
                    entry.key = self.path_place.clone();
                    self.set(&mut entry.node, rest, issues);
                }
            }
            Some((Step::Index(index), rest)) => {
                let found = if let Value::Array(items) = &mut node.value {
                    let count = items.len();
                    items.get_mut(*index).ok_or(format!("there is no item {index}: the list has {count}"))
                } else {
                    Err(format!("there is no list to take item {index} of"))
                };
                match found {
                    Ok(item) => self.set(item, rest, issues),
                    Err(message) => {
                        issues.push(Issue::at(&self.path_place, &self.path, message).help("items are counted from 0"))
                    }
                }
            }
        }
    }
}

/// What an option like `--set` says, for who lays it over something else than the whole spec.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// The path of a parameter.
    pub path: String,
    /// Where that is written.
    pub place: Place,
    /// The value.
    pub node: Node,
}

impl Setting {
    /// Reads `PATH=VALUE`, the `number`-th option of its kind; every problem is an issue.
    pub fn read(option: &str, number: usize, issues: &mut Issues) -> Option<Self> {
        let Override { path, path_place, value } = Override::read(option, number, issues)?;
        Some(Self { path, place: path_place, node: value })
    }
}

/// The steps of a path; what a sweep varies is named by a path, which is one key there, in quotes or not.
fn own_steps(path: &str) -> Vec<Step<'_>> {
    match path.strip_prefix("sweep.parameters.").map(|inner| inner.trim_matches(['"', '\''])) {
        Some(inner) if !inner.is_empty() => vec![Step::Key("sweep"), Step::Key("parameters"), Step::Key(inner)],
        _ => steps(path),
    }
}

/// Lays a value into a tree as `--set` does, at a path that starts there.
pub fn set_inside(node: &mut Node, path: &str, place: &Place, value: Node, issues: &mut Issues) {
    let option = Override { path: path.to_owned(), path_place: place.clone(), value };
    option.set(node, &steps(path), issues);
}

impl Experiment {
    /// Lays a value over a stage's parameter as `--set` does; `place` is where `path` is written. Every problem is an
    /// issue there.
    pub fn set(&mut self, path: &str, place: &Place, value: Node, issues: &mut Issues) {
        let option = Override { path: path.to_owned(), path_place: place.clone(), value };
        let steps = steps(path);
        let Some((Step::Key(first), rest)) = steps.split_first() else {
            issues.push(Issue::at(place, path, "expected the path of a parameter").help("such as \"train.epochs\""));
            return;
        };
        let ids: Vec<String> = self.stages.iter().map(|stage| stage.id.clone()).collect();
        let Some(stage) = self.stages.iter_mut().find(|stage| stage.id == *first) else {
            let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
            let message = format!("there is no stage `{first}`");
            issues.push(Issue::at(place, path, message).help(suggest::help(first, &ids)));
            return;
        };
        if rest.is_empty() {
            let message = format!("`{first}` is a stage, not a parameter of one");
            issues.push(Issue::at(place, path, message).help(format!("name a parameter: `{first}.NAME`")));
            return;
        }
        option.set(&mut stage.params, rest, issues);
    }
}

/// Whether a key goes into something that can't hold it: a bare name, a list, or the other alternative of a
/// choice (a one-key table whose value is a table).
fn chooses_another(node: &Node, key: &str, last: bool) -> bool {
    let Value::Table(table) = &node.value else { return true };
    let other_choice = table.len() == 1
        && table.iter().all(|(name, entry)| name != key && matches!(entry.node.value, Value::Table(_)));
    other_choice && !last
}

/// A tree read from a part of a text, moved to where that part begins.
fn shifted(mut node: Node, by: usize) -> Node {
    shift(&mut node, by);
    node
}

fn shift(node: &mut Node, by: usize) {
    move_place(&mut node.place, by);
    match &mut node.value {
        Value::Array(items) => items.iter_mut().for_each(|item| shift(item, by)),
        Value::Table(table) => table.values_mut().for_each(|entry| {
            move_place(&mut entry.key, by);
            shift(&mut entry.node, by);
        }),
        _ => {}
    }
}

fn move_place(place: &mut Place, by: usize) {
    let Range { start, end } = place.span;
    place.span = start + by..end + by;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> Table {
        let mut issues = Issues::default();
        crate::parse::parse(&Source::new("a.toml", text, Path::new("")), &mut issues).unwrap()
    }

    fn set(text: &str, option: &str) -> Result<Table, String> {
        let (mut table, mut issues) = (table(text), Issues::default());
        if let Some(option) = Override::read(option, 1, &mut issues) {
            option.apply(&mut table, &mut issues);
        }
        issues.finish().map(|()| table).map_err(|issues| issues[0].message.clone())
    }

    fn value(table: &Table, path: &str) -> Value {
        let root =
            Node { value: Value::Table(table.clone()), place: Place::new(&Source::new("", "", Path::new("")), 0..0) };
        root.nearest(path).value.clone()
    }

    #[test]
    fn a_value_reaches_into_lists_and_choices() {
        let text =
            "[train]\nlayers = [\"relu\", { conv2d = { filters = 8, kernel = 3 } }]\nloss = \"multi-similarity\"";
        let table = set(text, "train.layers[1].conv2d.filters=64").unwrap();
        assert_eq!(value(&table, "train.layers[1].conv2d.filters"), Value::Integer(64));
        assert_eq!(value(&table, "train.layers[1].conv2d.kernel"), Value::Integer(3));
        let table = set(text, "train.loss.multi-similarity.alpha=4.0").unwrap();
        assert_eq!(value(&table, "train.loss.multi-similarity.alpha"), Value::Float(4.0));
        let table = set("[t]\nloss = { triplet = { margin = 0.2 } }", "t.loss.circle.gamma=80").unwrap();
        assert!(
            matches!(value(&table, "t.loss"), Value::Table(choice) if choice.len() == 1 && choice.contains_key("circle"))
        );
        assert_eq!(set(text, "train.layers[2]=1").unwrap_err(), "there is no item 2: the list has 2");
    }

    #[test]
    fn a_value_reaches_into_what_is_nested_and_is_bounded() {
        let text = "[train]\nlayers = [\"relu\", { residual = { body = [{ conv2d = { filters = 8 } }] } }]";
        let table = set(text, "train.layers[1].residual.body[0].conv2d.filters=64").unwrap();
        assert_eq!(value(&table, "train.layers[1].residual.body[0].conv2d.filters"), Value::Integer(64));
        let deep = |steps: usize, lists: usize| {
            format!("{}={}1{}", vec!["a"; steps].join("."), "[".repeat(lists), "]".repeat(lists))
        };
        assert!(set("", &deep(64, 0)).is_ok() && set("", &deep(4, 60)).is_ok());
        assert_eq!(set("", &deep(65, 0)).unwrap_err(), "the path has more than 64 steps");
        assert_eq!(set("", &deep(60, 6)).unwrap_err(), "keys, lists or tables are nested too deep: more than 64 steps");
        for (steps, lists) in [(1, 65), (2, 5000)] {
            let error = set("", &deep(steps, lists)).unwrap_err();
            assert_eq!(error, "keys, lists or tables are nested too deep: more than 64 steps");
        }
    }

    #[test]
    fn a_value_that_is_no_toml_is_text() {
        let table = set("", "calibrate.metric=f1").unwrap();
        assert_eq!(value(&table, "calibrate.metric"), Value::String("f1".into()));
        assert!(set("", "train.epochs").unwrap_err().contains("PATH=VALUE"));
    }

    #[test]
    fn a_broken_table_is_no_text_and_a_list_has_no_keys() {
        assert!(set("", "train.loss={ triplet = 1").unwrap_err().contains("inline table"));
        let deep = format!("train.loss={{ {} = 1 }}", vec!["a"; 20_000].join("."));
        assert!(set("", &deep).unwrap_err().contains("nested too deep"));
        let deep = format!("x{}=1", "[0]".repeat(20_000));
        assert_eq!(set("", &deep).unwrap_err(), "the path has more than 64 steps");
        assert_eq!(set("[t]\nl = [1]", "t.l.first=2").unwrap_err(), "`first` can't be set in a list");
    }

    #[test]
    fn the_place_is_the_options_own_text() {
        let table = set("", "train.epochs=many").unwrap();
        let Value::Table(train) = value(&table, "train") else { panic!("a table") };
        assert_eq!(train["epochs"].node.place.snippet(), "  |\n1 | train.epochs=many\n  |              ^^^^");
    }
}
