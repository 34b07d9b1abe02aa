//! What a user asks of listed runs: `evaluate.map@r>0.4`, `tag=paper`, `date>=2026-08`, `train.loss~softmax`.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::ListedRun;
use simpipe_base::suggest::{self, Known};

/// A field that some run has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Field {
    /// Of the run itself.
    Own(Own),
    /// A metric, as `<stage id>.<name>`.
    Metric(String),
    /// A field of its config, by its dotted path.
    Config(String),
}

/// Fields of a run itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Own {
    /// Its id.
    Run,
    /// The experiment's name.
    Name,
    /// How it ended.
    State,
    /// What it is pinned as.
    Tag,
    /// What is noted of it.
    Note,
    /// When it began.
    Started,
    /// Its seed.
    Seed,
    /// How long it took.
    Seconds,
    /// The file of its config.
    Config,
    /// The group that it is a run of.
    Group,
    /// Stages that ran.
    Ran,
    /// Stages whose result was there.
    Hits,
}

const OWN: [(Known<'static>, Own); 12] = [
    (known("run", &["id"]), Own::Run),
    (known("name", &["experiment"]), Own::Name),
    (known("state", &["status"]), Own::State),
    (known("tag", &["tags", "pin"]), Own::Tag),
    (known("note", &["notes", "comment"]), Own::Note),
    (known("date", &["started", "time", "begin"]), Own::Started),
    (known("seed", &["random_state"]), Own::Seed),
    (known("seconds", &["took", "duration"]), Own::Seconds),
    (known("config", &["file"]), Own::Config),
    (known("group", &[]), Own::Group),
    (known("ran", &[]), Own::Ran),
    (known("hits", &["cached"]), Own::Hits),
];

const fn known(name: &'static str, aka: &'static [&'static str]) -> Known<'static> {
    Known { name, aka }
}

/// Nothing has this field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownField {
    /// As it was asked for.
    pub name: String,
    /// What was meant, or what there is.
    pub help: String,
}

impl UnknownField {
    /// `there` are the fields of the runs beside their own.
    pub(super) fn new(name: &str, there: BTreeSet<&str>) -> Self {
        let all: Vec<Known<'_>> =
            OWN.iter().map(|(known, _)| *known).chain(there.into_iter().map(Known::from)).collect();
        Self { name: name.to_owned(), help: suggest::help(name, &all) }
    }
}

impl Own {
    /// The field of a name; `date` is `started` in JSON and in tables.
    pub(super) fn named(name: &str) -> Option<Self> {
        let name = if name == "started" { "date" } else { name };
        OWN.iter().find(|(known, _)| known.name == name).map(|(_, own)| *own)
    }

    /// Whether its values are numbers.
    const fn is_number(self) -> bool {
        matches!(self, Self::Seed | Self::Seconds | Self::Ran | Self::Hits)
    }

    pub(super) fn of(self, run: &ListedRun) -> Option<Json> {
        let brief = &run.brief;
        match self {
            Self::Run => Some(brief.run.as_str().into()),
            Self::Name => Some(brief.name.as_str().into()),
            Self::State => Some(brief.state.word().into()),
            Self::Tag => (!run.tags.is_empty()).then(|| run.tags.clone().into()),
            Self::Note => brief.note.as_deref().map(Json::from),
            Self::Started => Some(brief.started.as_str().into()),
            Self::Seed => brief.seed.map(Json::from),
            Self::Seconds => brief.seconds.map(Json::from),
            Self::Config => Some(brief.config.as_str().into()),
            Self::Group => brief.group.as_deref().map(Json::from),
            Self::Ran => Some(brief.ran.into()),
            Self::Hits => Some(brief.hits.into()),
        }
    }
}

impl Field {
    /// Whether its values are numbers in every run that has it.
    #[must_use]
    pub fn is_number(&self) -> bool {
        match self {
            Self::Own(own) => own.is_number(),
            Self::Metric(_) => true,
            Self::Config(_) => false,
        }
    }
}

/// How a value must stand to the one that is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equal,
    Unequal,
    Less,
    AtMost,
    More,
    AtLeast,
    Contains,
}

/// Longer ones first: `<=` begins with `<`.
const OPERATORS: [(&str, Operator); 8] = [
    ("!=", Operator::Unequal),
    ("<=", Operator::AtMost),
    (">=", Operator::AtLeast),
    ("==", Operator::Equal),
    ("=", Operator::Equal),
    ("<", Operator::Less),
    (">", Operator::More),
    ("~", Operator::Contains),
];

/// A field, an operator and a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// The field's name.
    pub field: String,
    /// The value.
    pub wanted: String,
    operator: Operator,
}

impl Condition {
    /// Reads `FIELD OPERATOR VALUE`; `None` if it is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let at = text.find(['!', '<', '>', '=', '~'])?;
        let (symbol, operator) = OPERATORS.iter().find(|(symbol, _)| text[at..].starts_with(symbol))?;
        let (field, wanted) = (text[..at].trim(), text[at + symbol.len()..].trim());
        let wanted = wanted.strip_prefix('"').and_then(|inner| inner.strip_suffix('"')).unwrap_or(wanted);
        let found = Self { field: field.to_owned(), wanted: wanted.to_owned(), operator: *operator };
        (!field.is_empty()).then_some(found)
    }

    /// Whether the value can be compared with those of the field.
    #[must_use]
    pub fn suits(&self, field: &Field) -> bool {
        !field.is_number() || self.operator == Operator::Contains || self.wanted.parse::<f64>().is_ok()
    }

    /// Whether it holds of what a run has in the field. A run without a value is unequal to all, and nothing else.
    #[must_use]
    pub fn holds(&self, field: &Field, value: Option<&Json>) -> bool {
        match value {
            None => self.operator == Operator::Unequal,
            Some(Json::Array(items)) if self.operator == Operator::Unequal => {
                items.iter().all(|item| self.holds_of(item, false))
            }
            Some(Json::Array(items)) => items.iter().any(|item| self.holds_of(item, false)),
            Some(value) => self.holds_of(value, *field == Field::Own(Own::Started)),
        }
    }

    fn holds_of(&self, value: &Json, is_date: bool) -> bool {
        let text = text(value);
        // A day holds all its times: a date is compared as far as it is written.
        let text = if is_date { text.get(..self.wanted.len()).unwrap_or(&text) } else { text.as_str() };
        if self.operator == Operator::Contains {
            return text.contains(&self.wanted);
        }
        let ordering = match (value.as_f64(), self.wanted.parse::<f64>()) {
            (Some(value), Ok(wanted)) => value.partial_cmp(&wanted),
            (Some(_), Err(_)) if !matches!(self.operator, Operator::Equal | Operator::Unequal) => None,
            _ => Some(text.cmp(self.wanted.as_str())),
        };
        ordering.is_some_and(|ordering| match self.operator {
            Operator::Equal => ordering.is_eq(),
            Operator::Unequal => ordering.is_ne(),
            Operator::Less => ordering.is_lt(),
            Operator::AtMost => ordering.is_le(),
            Operator::More => ordering.is_gt(),
            Operator::AtLeast => ordering.is_ge(),
            Operator::Contains => false,
        })
    }
}

/// A value as text: a string as it is.
fn text(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Sorts by what things have, the least first or last; those without a value last in both.
pub(super) fn sort<T>(things: &mut [T], value: impl Fn(&T) -> Option<Json>, reverse: bool) {
    things.sort_by_cached_key(|thing| {
        let value = value(thing);
        Place { missing: value.is_none(), value, reverse }
    });
}

/// Where a value comes in an order.
struct Place {
    missing: bool,
    value: Option<Json>,
    reverse: bool,
}

impl Ord for Place {
    fn cmp(&self, other: &Self) -> Ordering {
        let values = match (&self.value, &other.value) {
            (Some(one), Some(other)) => match (one.as_f64(), other.as_f64()) {
                (Some(one), Some(other)) => one.total_cmp(&other),
                (Some(_), None) => Ordering::Less, // numbers before words
                (None, Some(_)) => Ordering::Greater,
                (None, None) => text(one).cmp(&text(other)),
            },
            _ => Ordering::Equal,
        };
        self.missing.cmp(&other.missing).then(if self.reverse { values.reverse() } else { values })
    }
}

impl PartialOrd for Place {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Place {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Place {}

#[cfg(test)]
#[path = "filter_tests.rs"]
mod tests;
