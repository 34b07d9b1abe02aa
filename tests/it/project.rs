//! A throw-away root for runs of the real binary on the shipped smoke config.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};

use serde_json::Value as Json;

/// The project's own folder.
pub(crate) fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Makes the smoke run's report cheap, for tests that run it often: drawing is no part of what they look at.
pub(crate) const PLAIN_REPORT: [&str; 2] = ["--set", "report.figures=[\"training-curves\"]"];

/// The binary, run in the project's folder.
pub(crate) fn simpipe(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_simpipe"));
    command.args(args).current_dir(repository()).env_remove("RAYON_NUM_THREADS").env("NO_COLOR", "1");
    command
}

/// Sends a signal, by its name, to a program.
pub(crate) fn signal(child: &Child, name: &str) {
    let pid = child.id().to_string();
    assert!(Command::new("kill").args([&format!("-{name}"), &pid]).status().unwrap().success());
}

/// Paths of all files below a folder, relative to it and in order.
pub(crate) fn files_below(folder: &Path) -> Vec<String> {
    let files = walkdir::WalkDir::new(folder).sort_by_file_name().into_iter().filter_map(Result::ok);
    let files = files.filter(|item| item.file_type().is_file());
    files.map(|item| item.path().strip_prefix(folder).unwrap().to_string_lossy().into_owned()).collect()
}

/// A template of a line a stage, `ID KIND`, with what is plugged into it as `PORT=ID` and its text parameters as `KEY:TEXT`.
pub(crate) fn template(stages: &str) -> String {
    let mut text = "format = 1\n".to_owned();
    for line in stages.lines().filter(|line| !line.is_empty()) {
        let mut words = line.split_whitespace();
        let (id, kind) = (words.next().unwrap(), words.next().unwrap());
        let words: Vec<&str> = words.collect();
        let pairs = |sign: char| {
            let some = words.iter().filter_map(move |word| word.split_once(sign));
            some.map(|(name, value)| format!("{name} = \"{value}\"")).collect::<Vec<_>>()
        };
        text += &format!("[stages.{id}]\nstage = \"{kind}\"\ninputs = {{ {} }}\n", pairs('=').join(", "));
        pairs(':').iter().for_each(|pair| text += &format!("{pair}\n"));
    }
    text
}

/// Writes a graph and a config of one name into a project's folders; gives the config's path.
pub(crate) fn write_pair(root: &Path, name: &str, template: &str, config: &str) -> PathBuf {
    for (folder, text) in [("pipelines", template), ("configs", config)] {
        std::fs::create_dir_all(root.join(folder)).unwrap();
        std::fs::write(root.join(folder).join(format!("{name}.toml")), text).unwrap();
    }
    root.join("configs").join(format!("{name}.toml"))
}

/// An empty root that goes away with the value.
pub(crate) struct Project {
    root: tempfile::TempDir,
}

/// What `run --json` printed.
pub(crate) struct Record {
    pub(crate) json: Json,
}

impl Project {
    pub(crate) fn new() -> Self {
        Self { root: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn root(&self) -> &Path {
        self.root.path()
    }

    /// Runs a command with this root.
    pub(crate) fn output(&self, args: &[&str]) -> Output {
        let root = self.root().to_str().unwrap();
        simpipe(args).args(["--root", root]).output().unwrap()
    }

    /// Runs a command that must end with a code and prints JSON.
    pub(crate) fn json(&self, args: &[&str], code: i32) -> Json {
        let output = self.output(args);
        let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{args:?}\n{stdout}\n{stderr}");
        serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{args:?}: {error}\n{stdout}\n{stderr}"))
    }

    /// Runs `configs/smoke.toml` with further arguments.
    pub(crate) fn run(&self, more: &[&str]) -> Record {
        let args: Vec<&str> = ["run", "configs/smoke.toml", "--json"].iter().chain(more).copied().collect();
        Record { json: self.json(&args, 0) }
    }

    /// Every file of the store's `cas/`, by digest.
    pub(crate) fn objects(&self) -> Vec<String> {
        let cas = self.root().join("artifacts/store/cas");
        let mut names: Vec<String> = walkdir::WalkDir::new(cas)
            .into_iter()
            .map(|entry| entry.unwrap())
            .filter(|entry| entry.file_type().is_file())
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }
}

impl Record {
    /// Ids of the stages with an outcome, in order.
    pub(crate) fn stages(&self, outcome: &str) -> Vec<String> {
        let stages = self.json["stages"].as_array().unwrap();
        let of = stages.iter().filter(|stage| stage["outcome"] == outcome);
        of.map(|stage| stage["id"].as_str().unwrap().to_owned()).collect()
    }

    pub(crate) fn ran(&self) -> Vec<String> {
        self.stages("ran")
    }

    /// The run's folder.
    pub(crate) fn dir(&self, project: &Project) -> PathBuf {
        project.root().join(self.json["dir"].as_str().unwrap())
    }
}
