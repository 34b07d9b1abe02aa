//! `simpipe.lock` as a file: one section a config of its folder, TOML in a fixed order, so that git shows what changed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value as Json, json};

use crate::cli::toml_text;
use crate::error::Error;
use simpipe_base::digest::Digest;
use simpipe_base::fs;
use simpipe_base::issue::{Issue, Issues};
use simpipe_base::node::{Node, Table, Value};
use simpipe_base::param::node_from_json;
use simpipe_base::source::{Place, Source};
use simpipe_spec as spec;

/// Version of the file's format.
const FORMAT: i64 = 1;
/// Its name, beside the configs.
pub(super) const NAME: &str = "simpipe.lock";
/// Digest of all else in a section: tells a half-written or edited one.
pub(super) const SEAL: &str = "seal";
/// A stage's parameters stand in a table of their own.
pub(super) const PARAMS: &str = "params";

const HEAD: &str = "\
# Keys and source digests, written by `simpipe run CONFIG --lock`; `simpipe run CONFIG --frozen` refuses what differs.
# Commit it, and do not edit it.
";

/// The sections of a lock by the name of their config.
#[derive(Debug, Default)]
pub(super) struct LockFile(BTreeMap<String, Node>);

/// Where the lock of a config lies, and what its section is called.
pub(super) fn place_of(config: &Path) -> Result<(PathBuf, String), Error> {
    let name = config.file_name().and_then(|name| name.to_str()).filter(|_| config.is_file());
    let name = name.ok_or_else(|| {
        let message = format!("`{}` is not a file that a lock can be next to", config.display());
        Error::usage(message, "name a config in a folder")
    })?;
    Ok((config.with_file_name(NAME), name.to_owned()))
}

impl LockFile {
    /// Reads the file; `None` if it is not there.
    ///
    /// # Errors
    /// If it is no lock, each problem at its line.
    pub(super) fn read(path: &Path) -> Result<Option<Self>, Error> {
        if !path.exists() {
            return Ok(None);
        }
        let mut issues = Issues::default();
        let Some((source, mut table)) = spec::read_toml(path, &mut issues) else {
            issues.finish().map_err(|issues| Error::Spec(issues.into_iter().map(torn).collect()))?;
            return Ok(None);
        };
        let format = table.remove("format").map(|entry| entry.node);
        match format.as_ref().map(|node| &node.value) {
            Some(Value::Integer(FORMAT)) => {}
            Some(Value::Integer(other)) => {
                let message = format!("this lock has format {other}, this program reads format {FORMAT}");
                let start = || Place::new(&source, 0..0);
                let place = format.as_ref().map_or_else(start, |node| node.place.clone());
                return Err(Error::Spec(vec![Issue::at(&place, "format", message).help("use a newer simpipe")]));
            }
            _ => {
                let issue = Issue::at(&Place::new(&source, 0..0), "format", "this is not a lock: it has no `format`");
                return Err(Error::Spec(vec![torn(issue)]));
            }
        }
        Ok(Some(Self(table.into_iter().map(|(name, entry)| (name, entry.node)).collect())))
    }

    /// The section of a config, if it is whole.
    ///
    /// # Errors
    /// If it is not there, or is not what was once written.
    pub(super) fn section(&self, name: &str, path: &Path, config: &Path) -> Result<&Node, Error> {
        let Some(section) = self.0.get(name) else {
            let message = format!("`{}` has nothing of `{name}`", path.display());
            return Err(Error::usage(message, write_it(config)));
        };
        let json = section.to_json();
        if json[SEAL].as_str() != Some(&seal(&json).to_string()) {
            let issue = Issue::at(
                &section.place,
                name,
                format!("the lock of `{name}` is torn: its `{SEAL}` is of other content"),
            );
            return Err(Error::Spec(vec![
                issue.help(format!("restore it from git, or accept the current state: {}", write_it(config))),
            ]));
        }
        Ok(section)
    }

    /// Puts a section in the place of the one of this name.
    pub(super) fn set(&mut self, name: &str, section: &Json) {
        let mut section = section.clone();
        if let Json::Object(fields) = &mut section {
            fields.remove(SEAL);
        }
        // Through TOML's values: what is sealed is what will be read.
        let mut section = node_from_json(&section, &nowhere()).to_json();
        section[SEAL] = seal(&section).to_string().into();
        self.0.insert(name.to_owned(), node_from_json(&section, &nowhere()));
    }

    /// Writes the file, if it is not as it was.
    pub(super) fn write(&self, path: &Path) -> std::io::Result<()> {
        let text = self.text();
        if fs::read(path).is_ok_and(|old| old == text.as_bytes()) {
            return Ok(());
        }
        fs::write_atomic(path, text.as_bytes())
    }

    /// The same sections always give the same text.
    fn text(&self) -> String {
        let mut text = format!("{HEAD}format = {FORMAT}\n");
        for (name, section) in &self.0 {
            let empty = Table::new();
            let tables = section.table().unwrap_or(&empty);
            write_table(&toml_text::key(name), Level::Section, tables, &mut text);
        }
        text
    }
}

/// How deep a table of a section lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    /// What is said of the experiment, and its stages.
    Section,
    /// What is said of a stage, and its parameters.
    Stage,
    /// Parameters, each on a line of its own.
    Params,
}

impl Level {
    /// The level of the tables inside it that have a head of their own.
    fn inside(self, key: &str) -> Option<Self> {
        match self {
            Self::Section => Some(Self::Stage),
            Self::Stage if key == PARAMS => Some(Self::Params),
            Self::Stage | Self::Params => None,
        }
    }
}

fn write_table(head: &str, level: Level, table: &Table, text: &mut String) {
    let inner = |key: &str, node: &Node| level.inside(key).filter(|_| node.table().is_some());
    text.push_str(&format!("\n[{head}]\n"));
    for (key, entry) in table.iter().filter(|(key, entry)| inner(key, &entry.node).is_none()) {
        text.push_str(&toml_text::entry_text(key, &entry.node));
    }
    for (key, entry) in table {
        if let (Some(level), Some(table)) = (inner(key, &entry.node), entry.node.table()) {
            write_table(&format!("{head}.{}", toml_text::key(key)), level, table, text);
        }
    }
}

/// The digest of a section without its seal.
fn seal(section: &Json) -> Digest {
    let mut section = section.clone();
    if let Json::Object(fields) = &mut section {
        fields.remove(SEAL);
    }
    Digest::of_json(&json!({ "format": FORMAT, "section": section }))
}

fn torn(issue: Issue) -> Issue {
    issue.help("restore it from git, or delete it and write it again: `simpipe run CONFIG --lock`")
}

/// What to do where a lock lacks something.
pub(super) fn write_it(config: &Path) -> String {
    format!("`simpipe run {} --lock` writes it", config.display())
}

fn nowhere() -> Place {
    Place::new(&Source::new(NAME, "", Path::new("")), 0..0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(epochs: u64) -> Json {
        json!({
            "seed": 7, "name": "x",
            "train": {
                "stage": "train", "version": 3, "key": "ab", "inputs": { "samples": "sample" },
                "params": { "epochs": epochs, "rate": 1.0, "layers": ["flatten", { "dense": { "units": 3 } }] },
            },
        })
    }

    #[test]
    fn a_lock_is_read_as_it_was_written_whatever_else_is_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let (path, config) = (folder.path().join(NAME), Path::new("configs/a.toml"));
        assert!(LockFile::read(&path).unwrap().is_none());
        let mut lock = LockFile::default();
        lock.set("a.toml", &section(2));
        lock.write(&path).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let expected = "\n[\"a.toml\".train]\ninputs = { samples = \"sample\" }\nkey = \"ab\"\nstage = \"train\"\nversion = 3\n\n\
                        [\"a.toml\".train.params]\nepochs = 2\nlayers = [\n  \"flatten\",\n  { dense = { units = 3 } },\n]\nrate = 1.0\n";
        assert!(text.starts_with(HEAD) && text.ends_with(expected), "{text}");

        let mut lock = LockFile::read(&path).unwrap().unwrap();
        let json = lock.section("a.toml", &path, config).unwrap().to_json();
        assert_eq!((&json["train"], &json["seed"]), (&section(2)["train"], &7.into()));
        assert!(lock.section("b.toml", &path, config).is_err());
        lock.set("b.toml", &section(5));
        lock.write(&path).unwrap();
        let both = std::fs::read_to_string(&path).unwrap();
        assert!(both.starts_with(&text), "the section of another config stays to the byte: {both}");
        let lock = LockFile::read(&path).unwrap().unwrap();
        lock.section("a.toml", &path, config).and_then(|_| lock.section("b.toml", &path, config)).unwrap();
    }

    #[test]
    fn a_torn_lock_is_never_taken_for_a_whole_one() {
        let folder = tempfile::tempdir().unwrap();
        let (path, config) = (folder.path().join(NAME), Path::new("a.toml"));
        let mut lock = LockFile::default();
        lock.set("a.toml", &section(2));
        lock.write(&path).unwrap();
        let whole = std::fs::read_to_string(&path).unwrap();
        let end = whole.trim_end().len();
        for cut in 0..end {
            std::fs::write(&path, &whole[..cut]).unwrap();
            let read = LockFile::read(&path);
            let taken = read.is_ok_and(|lock| lock.is_some_and(|lock| lock.section("a.toml", &path, config).is_ok()));
            assert!(!taken, "cut at {cut} of {end}: {:?}", &whole[..cut]);
        }
        std::fs::write(&path, whole.replace("epochs = 2", "epochs = 3")).unwrap();
        let said = LockFile::read(&path).unwrap().unwrap().section("a.toml", &path, config).unwrap_err();
        assert!(said.to_string().contains("is torn"), "{said}");
        std::fs::write(&path, "format = 2\n").unwrap();
        assert!(LockFile::read(&path).unwrap_err().to_string().contains("has format 2"));
    }
}
