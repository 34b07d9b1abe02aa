//! Object stores as a user meets them: two machines and one bucket, all on loopback.

mod access;
mod damage;
mod network;
mod proxy;
mod server;
mod sharing;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use serde_json::Value as Json;
use simpipe_base::digest::Digest;
use simpipe_store::{CheckpointSet, Found, Produced, RemoteUrl, RemoteUse, Store, StoreError};

use crate::project::{Project, files_below, simpipe};
use proxy::{Fault, Proxy, troubled};
use server::{KEY_ID, S3Server, SECRET, WebServer};

const BUCKET: &str = "s3://bucket/team";

/// A machine: its own root, and the way to an S3 server.
struct Machine {
    project: Project,
    port: u16,
}

/// What a command left: exit code, and everything that it said.
struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Said {
    fn json(&self) -> Json {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}\n{}\n{}", self.out, self.err))
    }

    /// Ids of stages with an outcome.
    fn stages(&self, outcome: &str) -> Vec<String> {
        let json = self.json();
        let stages = json["stages"].as_array().unwrap().iter().filter(|stage| stage["outcome"] == outcome);
        stages.map(|stage| stage["id"].as_str().unwrap().to_owned()).collect()
    }
}

impl Machine {
    fn new(port: u16) -> Self {
        let project = Project::new();
        std::fs::create_dir_all(project.root().join("pipelines")).unwrap();
        std::fs::create_dir_all(project.root().join("configs")).unwrap();
        std::fs::write(project.root().join("pipelines/tiny.toml"), TINY_PIPELINE).unwrap();
        std::fs::write(project.root().join("configs/tiny.toml"), TINY_CONFIG).unwrap();
        Self { project, port }
    }

    fn root(&self) -> &Path {
        self.project.root()
    }

    fn store(&self) -> PathBuf {
        self.root().join("artifacts/store")
    }

    fn say(&self, args: &[&str], environment: &[(&str, &str)]) -> Said {
        let Output { status, stdout, stderr } = self.command(args).envs(environment.iter().copied()).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Said { code: status.code(), out: text(stdout), err: text(stderr) }
    }

    fn command(&self, args: &[&str]) -> Command {
        let root = self.root().to_str().unwrap();
        let mut command = simpipe(args);
        for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
            command.env_remove(name);
        }
        command.args(["--root", root]);
        command.env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{}", self.port));
        command.env("AWS_ACCESS_KEY_ID", KEY_ID).env("AWS_SECRET_ACCESS_KEY", SECRET);
        command
    }

    /// Runs the two-stage config with the bucket behind the local store.
    fn run(&self, more: &[&str], environment: &[(&str, &str)]) -> Said {
        let config = self.root().join("configs/tiny.toml");
        let args = ["run", config.to_str().unwrap(), "--json"];
        self.say(&[&args, more].concat(), environment)
    }

    fn shared(&self) -> Said {
        let said = self.run(&["--store", BUCKET], &[]);
        assert_eq!(said.code, Some(0), "{}\n{}", said.out, said.err);
        said
    }
}

const TINY_PIPELINE: &str = r#"format = 1
[stages.dataset]
stage = "dataset"
[stages.sample]
stage = "sample"
inputs = { dataset = "dataset" }
split = "train"
"#;

const TINY_CONFIG: &str = r#"pipeline = "tiny"
name = "tiny"
seed = 7
device = "cpu"
[dataset]
source = "cifar10-sample"
[sample]
total-examples-per-class = 20
sampler = { multi-shot = { classes-per-batch = 10, examples-per-class = 4 } }
"#;

/// Every file of a machine's store that a result consists of, with its bytes.
fn results(store: &Path) -> Vec<(String, Vec<u8>)> {
    let folders = ["ac", "cas"].map(|folder| store.join(folder));
    let files = folders.iter().flat_map(|folder| files_below(folder).into_iter().map(move |name| folder.join(name)));
    files.map(|path| (path.strip_prefix(store).unwrap().display().to_string(), std::fs::read(&path).unwrap())).collect()
}

fn overwrite(path: &Path, bytes: &[u8]) {
    std::fs::remove_file(path).unwrap();
    std::fs::write(path, bytes).unwrap();
}

fn largest(folder: &Path) -> PathBuf {
    let size = |path: &PathBuf| std::fs::metadata(path).unwrap().len();
    files_below(folder).into_iter().map(|name| folder.join(name)).max_by_key(size).unwrap()
}

/// A store with a folder as its object store, in this process.
fn folder_store(local: &Path, remote: &Path) -> Store {
    let url = RemoteUrl::parse(&format!("file://{}", remote.display())).unwrap();
    Store::open(local).unwrap().with_remote(&url, RemoteUse::Share).unwrap()
}

fn publish(store: &Store, key: Digest, text: &str) -> simpipe_store::AcEntry {
    let scratch = store.scratch().unwrap();
    std::fs::write(scratch.output().join("a.txt"), text).unwrap();
    store.publish(scratch, key, Produced { seconds: 1.0, ..Produced::default() }).unwrap()
}
