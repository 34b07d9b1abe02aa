//! Where a key belongs that stands at the wrong place: inside a choice, a list or a nested table of the same stage.

use super::node::{Table, Value};
use super::param_shape::{Alternative, Field, Record, Shape};
use super::suggest::{self, Known};

/// What to do about a key that is not known in a table of this record, if the very key belongs further inside. What other
/// tools call a parameter of the record itself is that parameter, and nothing inside another one.
#[must_use]
pub fn inside(key: &str, record: &Record, table: &Table) -> Option<String> {
    let home = exact(key, record, table)?;
    let written = table.get(key).and_then(|entry| entry.node.table());
    Some(home.words_with(written.and_then(|written| home.first_known(written))))
}

/// The alternative or the table that [`inside`], or else [`near_inside`], sends a key into; `None` where the key is meant as
/// an alternative itself.
#[must_use]
pub fn home_of<'a>(key: &str, record: &'a Record, table: &Table) -> Option<&'a str> {
    let home = exact(key, record, table).or_else(|| near(key, record, table))?;
    match home.alternative {
        Some(alternative) if alternative == home.name => None,
        Some(alternative) => Some(alternative),
        None => Some(home.field),
    }
}

/// The place further inside that a key has as its very name.
fn exact<'a>(key: &str, record: &'a Record, table: &Table) -> Option<Home<'a>> {
    let own = record
        .fields
        .iter()
        .find(|field| !table.contains_key(&field.name) && Known { name: &field.name, aka: field.aka }.is_called(key));
    let entry = table.get(key);
    let is_meant = |home: &Home<'_>| {
        home.name == key
            && own.is_none_or(|own| own.name == home.field)
            && entry.is_none_or(|entry| home.may_be(&entry.node.value))
    };
    all(record, table).into_iter().find(is_meant)
}

/// The place further inside whose name is like a key.
fn near<'a>(key: &str, record: &'a Record, table: &Table) -> Option<Home<'a>> {
    let mut homes = all(record, table);
    let known: Vec<Known<'_>> = homes.iter().map(Home::known).collect();
    suggest::position(key, &known).map(|at| homes.swap_remove(at))
}

/// Keys of the record that stand in the table under an unknown key, a choice that can't take them: those that follow the
/// header of such a table are read into it.
#[must_use]
pub fn swallowed<'a>(key: &str, record: &'a Record, table: &Table) -> Vec<&'a str> {
    let Some(inner) = table.get(key).and_then(|entry| entry.node.table()) else { return Vec::new() };
    let homes = all(record, table);
    let Some(home) = homes.iter().find(|home| home.name == key && home.alternative == Some(key)) else {
        return Vec::new();
    };
    let own = home.params().iter().map(|field| field.name.as_str()).collect::<Vec<_>>();
    let is_outer = |name: &&str| inner.contains_key(*name) && !table.contains_key(*name) && !own.contains(name);
    record.fields.iter().map(|field| field.name.as_str()).filter(is_outer).collect()
}

/// The same for a key that is written as a path, such as `train.lr`: the whole path of what is meant.
#[must_use]
pub fn path_inside(path: &str, key: &str, record: &Record, table: &Table) -> Option<String> {
    let mut homes = all(record, table);
    if let Some(entry) = table.get(key) {
        homes.retain(|home| home.may_be(&entry.node.value));
    }
    let known: Vec<Known<'_>> = homes.iter().map(Home::known).collect();
    let home = homes.iter().find(|home| home.name == key).or_else(|| homes.get(suggest::position(key, &known)?))?;
    let stage = path.strip_suffix(key)?;
    let inside = match home.alternative {
        Some(alternative) if alternative == home.name => return None,
        Some(alternative) => format!("{}.{alternative}", home.field),
        None => home.field.to_owned(),
    };
    (!home.in_list).then(|| format!("write `{stage}{inside}.{}`", home.name))
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
    near(key, record, table).map(|home| home.words())
}

/// Whether something further inside has this very name, but for separators and case, or is called so by other tools.
#[must_use]
pub fn is_named_inside(key: &str, record: &Record, table: &Table) -> bool {
    let is = |home: &Home<'_>| home.known().is_called(key) || suggest::same(home.name, key);
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
    /// What may stand there: of an alternative its parameters.
    shape: Option<&'a Shape>,
}

impl<'a> Home<'a> {
    fn of(field: &'a str, alternative: Option<&'a str>, inner: &'a Field) -> Self {
        let Field { name, aka, shape, .. } = inner;
        Self { field, in_list: false, alternative, name, aka, shape: Some(shape) }
    }

    const fn known(&self) -> Known<'a> {
        Known { name: self.name, aka: self.aka }
    }

    /// Whether the value may be meant for it: a flag takes no number.
    fn may_be(&self, value: &Value) -> bool {
        !matches!(self.shape, Some(Shape::Boolean)) || matches!(value, Value::Boolean(_))
    }

    /// The parameters of an alternative.
    fn params(&self) -> &'a [Field] {
        if let Some(Shape::Record(record)) = self.shape { &record.fields } else { &[] }
    }

    /// A parameter that has no default: the bare name of the alternative is refused.
    fn needed(&self) -> Option<&'a str> {
        self.params().iter().find(|field| field.default.is_none()).map(|field| field.name.as_str())
    }

    /// The first key of a table that is a parameter of the alternative, or is what other tools call one.
    fn first_known(&self, written: &Table) -> Option<&'a str> {
        let meant = |key: &String| {
            let is = |field: &&Field| {
                suggest::same(&field.name, key) || Known { name: &field.name, aka: field.aka }.is_called(key)
            };
            self.params().iter().find(is).map(|field| field.name.as_str())
        };
        written.keys().find_map(meant)
    }

    fn words(&self) -> String {
        self.words_with(None)
    }

    /// `first`: a parameter in the table that is written under the name.
    fn words_with(&self, first: Option<&str>) -> String {
        let Self { field, name, .. } = self;
        let listed = |value: String| if self.in_list { format!("[{value}]") } else { value };
        match (self.alternative, first.or_else(|| self.needed())) {
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
        Shape::Record(record) => record.fields.iter().map(|inner| Home::of(field, None, inner)).collect(),
        Shape::Choice(choice) => choice.alternatives.iter().flat_map(|one| of_alternative(field, one)).collect(),
        Shape::List(item) => homes(field, item).into_iter().map(|home| Home { in_list: true, ..home }).collect(),
        Shape::AnyOf(shapes) => shapes.iter().flat_map(|shape| homes(field, shape)).collect(),
        _ => Vec::new(),
    }
}

fn of_alternative<'a>(field: &'a str, alternative: &'a Alternative) -> Vec<Home<'a>> {
    let Alternative { name, aka, params, .. } = alternative;
    let own = Home { field, in_list: false, alternative: Some(name), name, aka, shape: params.as_ref() };
    let params = own.params().iter().map(|inner| Home::of(field, Some(name), inner)).collect::<Vec<_>>();
    std::iter::once(own).chain(params).collect()
}
