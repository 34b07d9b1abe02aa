//! How the fields of a table are read, and what is said of its unknown keys. What [`params!`](crate::params) expands to
//! calls these.

use serde_json::Value as Json;

use super::bounds::Length;
use super::check::Check;
use super::issue::{Issue, IssueKind, Issues};
use super::node::{Node, Table, Value};
use super::param_contract::{Param, View};
use super::param_expected::{expected, found, written};
use super::param_shape::{Record, Shape, kebab};
use super::source::Place;
use super::suggest::{self, Known};
use super::{misplaced, path};

/// Reads the fields of one table; used by [`params!`](crate::params).
pub struct RecordReader<'a> {
    pub(super) table: &'a Table,
    place: &'a Place,
    path: &'a str,
    /// Fields that an unknown key was probably meant to be: not missing too.
    misspelt: Vec<String>,
}

impl<'a> RecordReader<'a> {
    /// Opens a table and reports its unknown keys; `shape` is the record's own.
    pub fn open(
        node: &'a Node,
        path: &'a str,
        fields: &[&str],
        shape: fn() -> Shape,
        issues: &mut Issues,
    ) -> Option<Self> {
        let Value::Table(table) = &node.value else {
            expected(node, path, "a table", issues);
            return None;
        };
        let names: Vec<String> = fields.iter().map(|field| kebab(field)).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let unknown: Vec<_> = table.iter().filter(|(key, _)| !names.contains(&key.as_str())).collect();
        if unknown.is_empty() {
            return Some(Self { table, place: &node.place, path, misspelt: Vec::new() });
        }
        let shape = shape();
        let known = shape.known();
        let free: Vec<Known<'_>> = known.iter().copied().filter(|known| !table.contains_key(known.name)).collect();
        let mut misspelt = Vec::new();
        for (at, (key, entry)) in unknown.into_iter().enumerate() {
            let what = if path.is_empty() { String::new() } else { format!(" in `{path}`") };
            let issue = Issue::at(&entry.key, path::join(path, key), format!("unknown key `{key}`{what}"));
            if at >= MOST_EXPLAINED {
                issues.push(issue);
                continue;
            }
            let meant = suggest::near(key, &free);
            let (issue, swallowed) = with_swallowed(explained(issue, key, meant, table, &shape), key, table, &shape);
            misspelt.extend(swallowed);
            // Told once that it is misspelt, nobody needs to hear that it is missing.
            misspelt.extend(meant.filter(|name| issue.help == Some(did_you_mean(name))).map(str::to_owned));
            issues.push(issue);
        }
        Some(Self { table, place: &node.place, path, misspelt })
    }

    /// Reads one field, its default if it is left out.
    pub fn field<T: Param>(
        &self,
        field: &str,
        default: Option<T>,
        check: Option<&Check<T>>,
        issues: &mut Issues,
    ) -> Option<T> {
        let name = kebab(field);
        let path = path::join(self.path, &name);
        let Some(entry) = self.table.get(&name) else {
            if default.is_none() && !self.misspelt.contains(&name) {
                let takes = T::shape().words();
                let takes = match check.map(|check| check.expected.as_str()) {
                    None => takes,
                    Some(range) if range.starts_with("a ") || range.starts_with("two ") => range.to_owned(),
                    Some(range) => format!("{takes}, {range}"),
                };
                issues.push(
                    Issue::at(self.place, &path, format!("missing key `{name}`"))
                        .help(format!("`{path}` has no default: set it to {takes}")),
                );
            }
            return default;
        };
        let must_be = |check: &Check<T>, found: String| {
            Issue::at(&entry.node.place, &path, format!("`{path}` must be {}, found {found}", check.expected))
        };
        // A number that its type can't hold is outside the range too, which says more than the type's limits.
        if let (Shape::Integer, Value::Integer(found), Some(check)) = (T::shape(), &entry.node.value, check)
            && T::read(&entry.node, &path, &mut Issues::default()).is_none()
        {
            issues.push(must_be(check, found.to_string()));
            return None;
        }
        if let Some(help) = check.and_then(|check| repeated(&entry.node, &name, T::shape(), check.length)) {
            let message = format!("`{path}` expects a list, found {}", found(&entry.node));
            issues.push(Issue::at(&entry.node.place, &path, message).help(help));
            return None;
        }
        let value = T::read(&entry.node, &path, issues)?;
        if let Some(check) = check.filter(|check| !check.accepts(&value)) {
            let read = match value.write(View::Full) {
                Json::Array(items) => format!("a list of {}", items.len()),
                read => written(&entry.node).unwrap_or_else(|| read.to_string()),
            };
            issues.push(must_be(check, read));
            return None;
        }
        Some(value)
    }
}

/// One number where a list of just so many belongs: `resize = 96`.
fn repeated(node: &Node, name: &str, shape: Shape, length: Length) -> Option<String> {
    let is_list = |shape: &Shape| matches!(shape, Shape::List(_));
    let takes_list = match &shape {
        Shape::AnyOf(shapes) => {
            shapes.iter().any(is_list) && !shapes.iter().any(|one| matches!(one, Shape::Integer | Shape::Number))
        }
        shape => is_list(shape),
    };
    if !takes_list || !matches!(node.value, Value::Integer(_) | Value::Float(_)) {
        return None;
    }
    let count = length.max.filter(|most| length.min == Some(*most) && (2..=4).contains(most))?;
    Some(format!("write `{name} = [{}]`", vec![node.to_json().to_string(); count].join(", ")))
}

/// Unknown keys of one table that are looked up elsewhere: with more of them it is no table of ours, and has no end.
const MOST_EXPLAINED: usize = 100;

/// An unknown key with what is known of it: a near name, a place further inside, else all names.
///
/// `meant`: the near name that the table does not have yet.
fn explained(issue: Issue, key: &str, meant: Option<&str>, table: &Table, shape: &Shape) -> Issue {
    let Shape::Record(record) = shape else { return issue };
    let known = record.known();
    let near_set = || suggest::near(key, &known).map(|name| already_set(name, key, table));
    let is = |name: &&str| {
        known.iter().any(|known| known.name == *name && known.is_called(key)) || suggest::close(name, key)
    };
    let guessed = |issue: Issue| issue.kind(IssueKind::GuessedKey(key.to_owned()));
    let home = || misplaced::home_of(key, record, table).map(str::to_owned);
    if let Some(help) = numbered(key, table, record) {
        return issue.help(help);
    }
    if let Some(name) = misplaced::set_already(key, record, table) {
        return issue.help(already_set(name, key, table));
    }
    let as_path = || {
        let is_path = issue.path != key && is_written(&issue);
        is_path.then(|| misplaced::path_inside(&issue.path, key, record, table))?
    };
    if let Some(help) = misplaced::inside(key, record, table) {
        let help = as_path().unwrap_or(help);
        let issue = issue.help(help);
        return match home() {
            Some(inside) => issue.kind(IssueKind::MisplacedKey { key: key.to_owned(), inside }),
            None => issue,
        };
    }
    if let Some(name) = meant {
        let issue = issue.help(did_you_mean(name));
        return if is(&name) { issue } else { guessed(issue) };
    }
    if let Some(name) = suggest::near(key, &known).filter(|name| suggest::close(name, key)) {
        return issue.help(already_set(name, key, table));
    }
    if let Some(help) = misplaced::near_inside(key, record, table) {
        let help = as_path().unwrap_or(help);
        let issue = issue.help(help);
        return match misplaced::is_named_inside(key, record, table) {
            true => issue.kind(IssueKind::NearKey { key: key.to_owned(), inside: home() }),
            false => guessed(issue),
        };
    }
    match near_set() {
        Some(help) => issue.help(help),
        None => issue.help(suggest::help(key, &known)).kind(IssueKind::UnknownKey(key.to_owned())),
    }
}

/// Keys of this table that follow the header of a wrong one, such as `[train.adamw]`: named in the help, not missing too.
fn with_swallowed(mut issue: Issue, key: &str, table: &Table, shape: &Shape) -> (Issue, Vec<String>) {
    let Shape::Record(record) = shape else { return (issue, Vec::new()) };
    let found = misplaced::swallowed(key, record, table);
    if let (Some(help), false) = (&issue.help, found.is_empty()) {
        let names = suggest::one_of(&found).replace(" or ", " and ");
        issue = Issue { help: None, ..issue.clone() }
            .help(format!("{help}; keys below `[{}]` are read into it: move {names} above it", issue.path));
    }
    (issue, found.into_iter().map(str::to_owned).collect())
}

/// Whether the text has the whole path, as options and sweeps have it.
fn is_written(issue: &Issue) -> bool {
    issue.place.as_ref().is_some_and(|place| place.text().trim_matches(['"', '\'', ' ']) == issue.path)
}

/// Several numbers in one list, where each has a name of its own: `betas = [0.9, 0.999]`.
fn numbered(key: &str, table: &Table, record: &Record) -> Option<String> {
    let Value::Array(items) = &table.get(key)?.node.value else { return None };
    let stem = kebab(key);
    let names: Vec<String> = (1..=items.len()).map(|at| format!("{}-{at}", stem.trim_end_matches('s'))).collect();
    let all = !names.is_empty() && names.iter().all(|name| record.fields.iter().any(|field| field.name == *name));
    let pairs = names.iter().zip(items).map(|(name, item)| format!("{name} = {}", item.to_json()));
    all.then(|| format!("write `{}`", pairs.collect::<Vec<_>>().join(", ")))
}

fn did_you_mean(name: &str) -> String {
    format!("did you mean `{name}`?")
}

/// A name that the table has already: worth saying only where one text says both.
fn already_set(name: &str, key: &str, table: &Table) -> String {
    let source = |key: &str| table.get(key).map(|entry| &entry.key.source.name);
    let too = if source(name) == source(key) { ", which is set already" } else { "" };
    format!("did you mean `{name}`{too}?")
}
