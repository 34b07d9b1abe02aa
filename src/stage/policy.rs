//! How a stage is treated while it runs: the keys that every stage's table may hold beside its own parameters.
//!
//! They change no result, so they never enter a key and are no reason to run again.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value as Json;

use simpipe_base::check::{self, Check};
use simpipe_base::issue::{Issue, Issues};
use simpipe_base::node::{Node, Value};
use simpipe_base::param::{self, Param, Shape, View};
use simpipe_base::params;
use simpipe_base::suggest;

params! {
    /// How a stage is treated while it runs. Every stage's table may hold these keys; they change no result.
    pub struct Policy {
        /// The longest time that one attempt may take, such as `90m` or `1h30m`; unlimited by default. A training keeps
        /// a checkpoint first, so the next run or attempt continues from there.
        timeout: Option<TimeLimit> = None => limits(),
        /// Further attempts after a failure that may be temporary: an error of the file system or the store,
        /// unavailable data, an attempt that took too long.
        retries: u32 = 0 => check::between(0, MOST_RETRIES),
    }
}

/// More tries than this hide a failure that does not go away.
const MOST_RETRIES: u32 = 100;

/// The longest limit: anything beyond is meant as none.
const LONGEST: TimeLimit = TimeLimit(Duration::from_secs(365 * 86_400));

fn limits() -> Check<Option<TimeLimit>> {
    Check::new(format!("between 1s and {LONGEST}"), |limit: &Option<TimeLimit>| {
        limit.is_none_or(|limit| limit.0 >= Duration::from_secs(1) && limit <= LONGEST)
    })
}

/// A length of time as a spec writes it: whole numbers with the units `d`, `h`, `m` and `s`, the larger first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimeLimit(pub Duration);

/// Units and their seconds, the larger first.
const UNITS: [(char, u64); 4] = [('d', 86_400), ('h', 3600), ('m', 60), ('s', 1)];

impl TimeLimit {
    /// Reads `1h30m`; `None` if it is something else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (mut seconds, mut rest, mut units) = (0_u64, text, UNITS.iter());
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit())?;
            let (number, after) = rest.split_at(digits);
            let unit = after.chars().next()?;
            let (_, size) = units.find(|(name, _)| *name == unit)?; // each unit once, and in order
            seconds = number.parse::<u64>().ok()?.checked_mul(*size)?.checked_add(seconds)?;
            rest = &after[unit.len_utf8()..];
        }
        (!text.is_empty()).then_some(Self(Duration::from_secs(seconds)))
    }
}

/// The shortest spelling: `1h30m`, whatever the spec wrote.
impl std::fmt::Display for TimeLimit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut left = self.0.as_secs();
        if left == 0 {
            return f.write_str("0s");
        }
        UNITS.iter().try_for_each(|(unit, size)| {
            let count = left / size;
            left %= size;
            if count > 0 { write!(f, "{count}{unit}") } else { Ok(()) }
        })
    }
}

impl Param for TimeLimit {
    fn read(node: &Node, path: &str, issues: &mut Issues) -> Option<Self> {
        let help = "write integers with units, the larger unit first: `30s`, `15m`, `2h`, `1d`, `1h30m`";
        let Some(text) = node.string() else {
            let message = format!("`{path}` expects a duration in quotes, found {}", node.kind());
            issues.push(Issue::at(&node.place, path, message).help(help));
            return None;
        };
        let read = Self::parse(text);
        if read.is_none() {
            let message = format!("`{path}` expects a duration, found \"{text}\"");
            issues.push(Issue::at(&node.place, path, message).help(help));
        }
        read
    }

    fn write(&self, _: View) -> Json {
        Json::from(self.to_string())
    }

    fn shape() -> Shape {
        Shape::String
    }
}

impl Default for Policy {
    fn default() -> Self {
        param::defaults()
    }
}

impl Policy {
    /// The names of its keys.
    pub const KEYS: [&str; 2] = ["timeout", "retries"];

    /// What every stage's table may hold, for the reference and the JSON Schema.
    ///
    /// # Panics
    /// Never: the policy is a table.
    #[must_use]
    pub fn record() -> param::Record {
        let Shape::Record(record) = Self::shape() else { unreachable!("`params!` declares a table") };
        record
    }

    /// Parts a stage's table into the keys of the policy and the stage's own.
    ///
    /// A key that is neither the policy's nor one of `own` goes where it was probably meant, so that its issue suggests
    /// the right spelling.
    #[must_use]
    pub fn split(table: &Node, own: &[&str]) -> (Node, Node) {
        let Value::Table(entries) = &table.value else { return (Node::empty_table(&table.place), table.clone()) };
        let known: BTreeSet<&str> = own.iter().copied().chain(Self::KEYS).collect();
        let misspelt = |key: &str| {
            let meant = suggest::closest(key, known.iter().copied());
            let slip = |meant: &str| Self::KEYS.contains(&meant) && strsim::osa_distance(key, meant) <= 2;
            !known.contains(key) && !own.is_empty() && meant.is_some_and(slip)
        };
        let ours = |key: &str| Self::KEYS.contains(&key) || misspelt(key);
        let (policy, stage) = entries.clone().into_iter().partition(|(key, _)| ours(key));
        let node = |entries| Node { value: Value::Table(entries), place: table.place.clone() };
        (node(policy), node(stage))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use simpipe_base::node::table_from_toml;
    use simpipe_base::source::{Place, Source};

    fn table(text: &str) -> Node {
        let source = Source::new("a.toml", text, std::path::Path::new(""));
        let parsed = toml::de::DeTable::parse(&source.text).unwrap();
        Node { value: Value::Table(table_from_toml(&source, parsed.get_ref())), place: Place::new(&source, 0..0) }
    }

    fn policy(text: &str) -> Result<Policy, Vec<Issue>> {
        let mut issues = Issues::default();
        let (ours, _) = Policy::split(&table(text), &["epochs", "retrieval"]);
        let policy = Policy::read(&ours, "train", &mut issues);
        issues.finish().map(|()| policy.unwrap())
    }

    #[test]
    fn lengths_of_time_are_read_and_written() {
        for (text, seconds, shown) in [
            ("30s", 30, "30s"),
            ("90m", 5400, "1h30m"),
            ("1h30m", 5400, "1h30m"),
            ("1d", 86_400, "1d"),
            ("2h5s", 7205, "2h5s"),
        ] {
            let limit = policy(&format!("timeout = \"{text}\"")).unwrap().timeout.unwrap();
            assert_eq!((limit.0.as_secs(), limit.to_string().as_str()), (seconds, shown));
        }
        assert_eq!(policy("").unwrap(), Policy { timeout: None, retries: 0 });
    }

    #[test]
    fn what_is_no_length_of_time_is_refused_at_its_place() {
        for text in ["\"\"", "\"90\"", "\"m\"", "\"1m1h\"", "\"1h1h\"", "\"1.5h\"", "\"-1h\"", "\"1 h\"", "90"] {
            let issues = policy(&format!("timeout = {text}")).unwrap_err();
            assert!(issues[0].message.contains("expects a duration"), "{text}: {}", issues[0].message);
            assert_eq!(issues[0].record().column, 11, "{text}");
        }
        let message = |text: &str| policy(text).unwrap_err()[0].message.clone();
        assert_eq!(message("timeout = \"0s\""), "`train.timeout` must be between 1s and 365d, found \"0s\"");
        assert_eq!(message("timeout = \"366d\""), "`train.timeout` must be between 1s and 365d, found \"366d\"");
        assert_eq!(message("timeout = \"99999999999999999999d\"").find("expects"), Some(16));
        assert_eq!(message("retries = 101"), "`train.retries` must be between 0 and 100, found 101");
    }

    #[test]
    fn a_misspelt_key_goes_where_it_was_meant() {
        let (policy, stage) = Policy::split(
            &table("timeuot = 1\nepochs = 1\nretreval = 1\nretries = 1\nx = 1"),
            &["epochs", "retrieval"],
        );
        let keys = |node: &Node| node.table().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(
            (keys(&policy), keys(&stage)),
            (vec!["retries".into(), "timeuot".into()], vec!["epochs".into(), "retreval".into(), "x".into()])
        );
        let mut issues = Issues::default();
        Policy::read(&policy, "train", &mut issues);
        let record = issues.0[0].record();
        assert_eq!((record.line, record.message.as_str()), (1, "unknown key `timeuot` in `train`"));
        assert_eq!(record.help.as_deref(), Some("did you mean `timeout`?"));
    }
}
