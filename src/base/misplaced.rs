//! Where a key belongs that stands at the wrong place: inside a choice, a list or a nested table of the same stage.

use super::node::{Table, Value};
use super::param::{Alternative, Field, Record, Shape};
use super::suggest::{self, Known};

/// What to do about a key that is not known in a table of this record, if the very key belongs further inside. What other
/// tools call a parameter of the record itself is that parameter, and nothing inside another one.
#[must_use]
pub fn inside(key: &str, record: &Record, table: &Table) -> Option<String> {
    let own = record
        .fields
        .iter()
        .find(|field| !table.contains_key(&field.name) && Known { name: &field.name, aka: field.aka }.is_called(key));
    let homes = all(record, table);
    let is_meant = |home: &&Home<'_>| home.name == key && own.is_none_or(|own| own.name == home.field);
    let first = table.get(key).and_then(|entry| entry.node.table()?.keys().next()).map(String::as_str);
    homes.iter().find(is_meant).map(|home| home.words_with(first))
}

/// The parameter that the table has already and that other tools call by this name, unless something inside it is called so.
#[must_use]
pub fn set_already<'a>(key: &str, record: &'a Record, table: &Table) -> Option<&'a str> {
    let called = |name: &str, aka: &[&str]| Known { name, aka }.is_called(key);
    let set = record.fields.iter().filter(|field| table.contains_key(&field.name) && called(&field.name, field.aka));
    let named_inside = |field: &Field| {
        let is =
            |home: &Home<'_>| home.name != field.name && (suggest::same(home.name, key) || called(home.name, home.aka));
        homes(&field.name, &field.shape).iter().any(is)
    };
    set.into_iter().find(|field| !named_inside(field)).map(|field| field.name.as_str())
}

/// The same for a key that is only near one that belongs further inside.
#[must_use]
pub fn near_inside(key: &str, record: &Record, table: &Table) -> Option<String> {
    let homes = all(record, table);
    let known: Vec<Known<'_>> = homes.iter().map(|home| Known { name: home.name, aka: home.aka }).collect();
    suggest::position(key, &known).map(|at| homes[at].words())
}

/// Whether something further inside has this very name, but for separators and case, or is called so by other tools.
#[must_use]
pub fn is_named_inside(key: &str, record: &Record, table: &Table) -> bool {
    let is = |home: &Home<'_>| Known { name: home.name, aka: home.aka }.is_called(key) || suggest::same(home.name, key);
    all(record, table).iter().any(is)
}

/// What to do about a parameter that stands where the name of an alternative should.
#[must_use]
pub fn inside_choice(key: &str, choice: &Shape) -> Option<String> {
    let homes = homes("", choice);
    let home = homes.iter().find(|home| home.name == key && home.alternative != Some(key))?;
    let alternative = home.alternative?;
    Some(format!("`{key}` belongs inside `{alternative}`: write {{ {alternative} = {{ {key} = .. }} }}"))
}

/// Every name inside a record; those of the alternative that is written come before those that are only possible.
fn all<'a>(record: &'a Record, table: &Table) -> Vec<Home<'a>> {
    let written = |field: &str, name: &str| match table.get(field).map(|entry| &entry.node.value) {
        Some(Value::String(chosen)) => chosen == name,
        Some(Value::Table(chosen)) => chosen.contains_key(name),
        _ => false,
    };
    let mut found: Vec<Home<'_>> = record.fields.iter().flat_map(|field| homes(&field.name, &field.shape)).collect();
    found.sort_by_key(|home| !written(home.field, home.alternative.unwrap_or_default()));
    found
}

/// A name that is known inside a field.
struct Home<'a> {
    field: &'a str,
    in_list: bool,
    alternative: Option<&'a str>,
    /// The parameter, or the alternative itself.
    name: &'a str,
    aka: &'a [&'a str],
    /// A parameter of the alternative that has no default: its bare name is refused.
    needed: Option<&'a str>,
}

impl<'a> Home<'a> {
    const fn of(field: &'a str, alternative: Option<&'a str>, Known { name, aka }: Known<'a>) -> Self {
        Self { field, in_list: false, alternative, name, aka, needed: None }
    }

    fn words(&self) -> String {
        self.words_with(None)
    }

    /// `first`: the first parameter of the table that is written under the name.
    fn words_with(&self, first: Option<&str>) -> String {
        let Self { field, name, .. } = self;
        let listed = |value: String| if self.in_list { format!("[{value}]") } else { value };
        match (self.alternative, first.or(self.needed)) {
            (Some(alternative), Some(first)) if alternative == *name => {
                let value = listed(format!("{{ {name} = {{ {first} = .. }} }}"));
                format!("`{name}` is a choice of `{field}`: write `{field} = {value}`")
            }
            (Some(alternative), None) if alternative == *name => {
                format!("`{name}` is a choice of `{field}`: write `{field} = {}`", listed(format!("\"{name}\"")))
            }
            (Some(alternative), _) => {
                let value = listed(format!("{{ {alternative} = {{ {name} = .. }} }}"));
                format!("`{name}` belongs inside `{alternative}`: write `{field} = {value}`")
            }
            (None, _) => {
                let value = listed(format!("{{ {name} = .. }}"));
                format!("`{name}` belongs inside `{field}`: write `{field} = {value}`")
            }
        }
    }
}

/// Every name inside one field.
fn homes<'a>(field: &'a str, shape: &'a Shape) -> Vec<Home<'a>> {
    match shape {
        Shape::Record(record) => {
            let home = |known: Known<'a>| Home::of(field, None, known);
            record.known().into_iter().map(home).collect()
        }
        Shape::Choice(choice) => choice.alternatives.iter().flat_map(|one| of_alternative(field, one)).collect(),
        Shape::List(item) => homes(field, item).into_iter().map(|home| Home { in_list: true, ..home }).collect(),
        Shape::AnyOf(shapes) => shapes.iter().flat_map(|shape| homes(field, shape)).collect(),
        _ => Vec::new(),
    }
}

fn of_alternative<'a>(field: &'a str, alternative: &'a Alternative) -> Vec<Home<'a>> {
    let home = |known: Known<'a>| Home::of(field, Some(alternative.name), known);
    let mut homes = vec![home(Known { name: alternative.name, aka: alternative.aka })];
    if let Some(Shape::Record(record)) = &alternative.params {
        homes[0].needed = record.fields.iter().find(|field| field.default.is_none()).map(|field| field.name.as_str());
        homes.extend(record.known().into_iter().map(home));
    }
    homes
}
