//! Object stores as a user meets them: two machines and one bucket, all on loopback.

mod proxy;
mod server;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use serde_json::Value as Json;
use simpipe::base::digest::Digest;
use simpipe::store::{CheckpointShelf, Found, Produced, RemoteUrl, RemoteUse, Store, StoreError};

use crate::project::{Project, simpipe};
use proxy::{Fault, Proxy, troubled};
use server::{KEY_ID, S3Server, SECRET, WebServer, files_below};

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

#[test]
fn what_one_machine_computed_another_fetches_and_a_rerun_asks_for_nothing() {
    let server = S3Server::start(true);
    let proxy = Proxy::start(server.port(), |_, _| Fault::Pass);
    let [first, second] = [Machine::new(proxy.port()), Machine::new(proxy.port())];
    assert_eq!(first.shared().stages("ran"), ["dataset", "sample"]);
    assert_eq!(std::fs::read_to_string(server.path("team/format")).unwrap(), "1\n");
    assert!(server.names("team/tmp").is_empty(), "the probe goes away");

    // A forecast looks at entries only.
    proxy.take_requests();
    let config = second.root().join("configs/tiny.toml");
    let plan = second.say(&["plan", config.to_str().unwrap(), "--json", "--store", BUCKET], &[]);
    let fresh: Vec<Json> = plan.json()["stages"].as_array().unwrap().iter().map(|s| s["status"].clone()).collect();
    assert_eq!(fresh, ["fresh", "fresh"], "{}", plan.err);
    assert!(proxy.take_requests().iter().all(|request| request.starts_with("GET") && !request.contains("/cas/")));
    assert!(files_below(&second.store().join("cas")).is_empty());

    let timed = |run: &dyn Fn() -> Said| {
        let started = std::time::Instant::now();
        (run(), started.elapsed())
    };
    let (fetched, cold_time) = timed(&|| second.shared());
    assert_eq!(fetched.stages("hit"), ["dataset", "sample"]);
    assert_eq!(results(&first.store()), results(&second.store()));
    let cold = proxy.take_requests();
    let copy = second.root().join(fetched.json()["dir"].as_str().unwrap()).join("sample/samples.parquet");
    assert!(copy.is_file());

    let (warm, warm_time) = timed(&|| second.shared());
    assert_eq!(warm.stages("hit"), ["dataset", "sample"]);
    assert_eq!(proxy.take_requests(), [""; 0], "hits of the local store need no request");
    let (_, local_time) = timed(&|| second.run(&[], &[]));
    eprintln!("2 hits, cold: {} requests, {cold_time:?}; warm: 0 requests, {warm_time:?}", cold.len());
    eprintln!("the same without an object store: {local_time:?}");
}

#[test]
fn the_whole_smoke_experiment_is_shared() {
    let server = S3Server::start(true);
    let proxy = Proxy::start(server.port(), |_, _| Fault::Pass);
    let [first, second] = [Machine::new(proxy.port()), Machine::new(proxy.port())];
    let smoke = ["run", "configs/smoke.toml", "--json", "--store", BUCKET, "--set", "train.steps-per-epoch=2"];
    let shorter = ["--set", "report.figures=[\"confusion-matrix\"]"];
    let computed = first.say(&[&smoke[..], &shorter].concat(), &[]);
    assert_eq!(computed.stages("ran").len(), 10, "{}", computed.err);
    let sending = proxy.take_requests().len();
    let started = std::time::Instant::now();
    let fetched = second.say(&[&smoke[..], &shorter].concat(), &[]);
    assert_eq!(fetched.stages("hit").len(), 10, "{}", fetched.err);
    let (fetching, took) = (proxy.take_requests().len(), started.elapsed());
    eprintln!("10 stages: {sending} requests to send them, {fetching} to fetch them in {took:?}");
    assert_eq!(computed.json()["metrics"], fetched.json()["metrics"]);
    let objects = |machine: &Machine| files_below(&machine.store().join("ac")).len();
    assert!(objects(&first) > objects(&second), "checkpoints are not fetched for a hit");
}

#[test]
fn offline_results_are_pushed_and_pulled() {
    let server = S3Server::start(true);
    let [first, second] = [Machine::new(server.port()), Machine::new(server.port())];
    assert_eq!(first.run(&[], &[]).code, Some(0));
    let push = |args: &[&str]| first.say(&[&["store", "push", "--store", BUCKET, "--json"], args].concat(), &[]);
    let dry = push(&["--all", "--dry-run"]).json();
    assert_eq!((&dry["entries"], &dry["dry_run"]), (&2.into(), &true.into()), "{dry}");
    assert!(server.names("team").is_empty(), "a dry run leaves nothing");
    let run = push(&["latest"]).json();
    assert_eq!((&run["entries"], &run["skipped_entries"]), (&2.into(), &0.into()));
    assert_eq!((&run["objects"], &run["bytes"]), (&dry["objects"], &dry["bytes"]));
    let again = push(&["--all"]).json();
    assert_eq!((&again["entries"], &again["skipped_entries"], &again["objects"]), (&0.into(), &2.into(), &0.into()));

    let pull = |args: &[&str]| second.say(&[&["store", "pull", "--store", BUCKET, "--json"], args].concat(), &[]);
    assert_eq!(pull(&["--all", "--dry-run"]).json()["bytes"], dry["bytes"]);
    assert_eq!(pull(&["--all"]).json()["entries"], 2);
    assert_eq!(pull(&["--all"]).json()["skipped_entries"], 2);
    assert_eq!(results(&first.store()), results(&second.store()));
    assert_eq!(second.run(&[], &[]).stages("hit"), ["dataset", "sample"]);
    assert_eq!(second.say(&["store", "push", "--all"], &[]).code, Some(2), "a URL is needed");
}

#[test]
fn machines_that_race_end_with_the_same_bytes() {
    let server = S3Server::start(true);
    let proxy = Proxy::start(server.port(), |_, _| Fault::Pass);
    let machines = [0, 1].map(|_| Machine::new(proxy.port()));
    std::thread::scope(|scope| machines.iter().for_each(|machine| drop(scope.spawn(|| machine.shared()))));
    let [first, second] = machines.map(|machine| results(&machine.store()));
    assert_eq!(first, second, "entries too: they hold who computed them, and when");
    assert_eq!(first.iter().filter(|(name, _)| name.starts_with("ac/")).count(), 2);
}

/// A store with a folder as its object store, in this process.
fn folder_store(local: &Path, remote: &Path) -> Store {
    let url = RemoteUrl::parse(&format!("file://{}", remote.display())).unwrap();
    Store::open(local).unwrap().with_remote(&url, RemoteUse::Share).unwrap()
}

fn publish(store: &Store, key: Digest, text: &str) -> simpipe::store::AcEntry {
    let scratch = store.scratch().unwrap();
    std::fs::write(scratch.output().join("a.txt"), text).unwrap();
    store.publish(scratch, key, Produced { seconds: 1.0, ..Produced::default() }).unwrap()
}

#[test]
fn the_first_writers_result_replaces_a_later_one_everywhere() {
    let folder = tempfile::tempdir().unwrap();
    let [a, b] = ["a", "b"].map(|name| folder_store(&folder.path().join(name), &folder.path().join("remote")));
    let key = Digest::of(b"key");
    assert_eq!(b.lookup(key).unwrap(), Found::Miss);
    let first = publish(&a, key, "first");
    assert_eq!(publish(&b, key, "second"), first, "the other machine's result comes back");
    assert_eq!(Store::open(&folder.path().join("b")).unwrap().lookup(key).unwrap(), Found::Hit(first));
    assert_eq!(std::fs::read(b.object(Digest::of(b"first"))).unwrap(), b"first");
    assert_eq!((a.take_warnings(), b.take_warnings()), (Vec::new(), Vec::new()));
}

#[test]
fn an_entry_whose_objects_are_gone_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let [a, b] = ["a", "b"].map(|name| folder_store(&folder.path().join(name), &folder.path().join("remote")));
    let key = Digest::of(b"key");
    let lost = publish(&a, key, "first").files["a.txt"].digest.to_string();
    std::fs::remove_file(folder.path().join("remote/cas").join(&lost[..2]).join(&lost)).unwrap();
    assert_eq!(b.lookup(key).unwrap(), Found::Miss);
    assert!(b.take_warnings()[0].contains("stored `a.txt` in file://"));
    let second = publish(&b, key, "second");
    let c = folder_store(&folder.path().join("c"), &folder.path().join("remote"));
    assert_eq!(c.lookup(key).unwrap(), Found::Hit(second));
}

#[test]
fn damage_on_one_side_is_healed_from_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let [a, b] = ["a", "b"].map(|name| folder_store(&folder.path().join(name), &folder.path().join("remote")));
    let key = Digest::of(b"key");
    let entry = publish(&a, key, "text");
    overwrite(&a.object(Digest::of(b"text")), b"test");
    assert_eq!(a.lookup(key).unwrap(), Found::Hit(entry.clone()), "fetched again");
    let warning = a.take_warnings().concat();
    assert!(warning.contains("its bytes have changed") && warning.contains("fetched again from file://"), "{warning}");
    assert_eq!(std::fs::read(a.object(Digest::of(b"text"))).unwrap(), b"text");

    let there = folder.path().join(format!("remote/ac/{key}.json"));
    overwrite(&there, b"{\"format\": 1,");
    assert_eq!(b.lookup(key).unwrap(), Found::Miss);
    assert!(b.take_warnings()[0].starts_with("stored `entry` in file://"));
    let again = publish(&b, key, "text");
    assert_eq!(
        folder_store(&folder.path().join("c"), &folder.path().join("remote")).lookup(key).unwrap(),
        Found::Hit(again)
    );
}

#[test]
fn an_entry_that_reaches_out_of_its_folder_is_not_taken() {
    let folder = tempfile::tempdir().unwrap();
    let open = |name: &str| folder_store(&folder.path().join(name), &folder.path().join("remote"));
    let key = Digest::of(b"key");
    publish(&open("a"), key, "text");
    let path = folder.path().join(format!("remote/ac/{key}.json"));
    let good: Json = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    for name in ["../../escape.txt", "/tmp/escape.txt", "parts/../../escape.txt", ""] {
        let mut bad = good.clone();
        let file = bad["files"]["a.txt"].take();
        bad["files"] = serde_json::json!({ name: file });
        bad.as_object_mut().unwrap().remove("seal");
        bad["seal"] = Digest::of_json(&bad).to_string().into();
        overwrite(&path, bad.to_string().as_bytes());
        let b = open("b");
        assert_eq!(b.lookup(key).unwrap(), Found::Miss, "{name}");
        assert!(b.take_warnings()[0].starts_with("stored `entry` in file://"), "{name}");
    }
    assert_eq!(publish(&open("b"), key, "text").files.keys().collect::<Vec<_>>(), ["a.txt"]);
    assert!(matches!(open("c").lookup(key).unwrap(), Found::Hit(_)), "it was replaced");
}

#[test]
fn a_training_goes_on_on_another_machine() {
    let folder = tempfile::tempdir().unwrap();
    let [a, b] = ["a", "b"].map(|name| folder_store(&folder.path().join(name), &folder.path().join("remote")));
    let parts = serde_json::json!({ "params": 1 });
    let shelf = CheckpointShelf::new(&a, parts.clone());
    for step in [5, 10, 15] {
        shelf.save(step, format!("state {step}").as_bytes()).unwrap();
    }
    let marks = || {
        let mut names = files_below(&folder.path().join("remote/checkpoints"));
        names.iter_mut().for_each(|name| *name = name.rsplit('/').next().unwrap().to_owned());
        names
    };
    assert_eq!(marks(), ["10", "15"], "what is pruned here is pruned there");
    assert_eq!(files_below(&folder.path().join("remote/cas")).len(), 2);
    let other = CheckpointShelf::new(&b, parts);
    assert_eq!(other.latest(u64::MAX), Some((15, b"state 15".to_vec())));
    other.save(20, b"state 20").unwrap();
    assert_eq!(marks(), ["15", "20"]);
    assert_eq!(shelf.latest(u64::MAX), Some((20, b"state 20".to_vec())));
}

#[test]
fn a_server_without_put_if_absent_is_refused_for_sharing_and_can_be_read() {
    let server = S3Server::start(false);
    let honest = Machine::new(server.port());
    let unsigned = [("AWS_SKIP_SIGNATURE", "true")];
    assert_eq!(honest.run(&["--store", BUCKET], &unsigned).code, Some(0));
    let proxy = Proxy::start(server.port(), |_, _| Fault::StripCondition);
    let machine = Machine::new(proxy.port());
    let refused = machine.run(&["--store", BUCKET], &unsigned).json()["errors"][0].clone();
    let text = |field: &str| refused[field].as_str().unwrap().to_owned();
    assert!(text("message").contains("can't be shared") && text("message").contains("If-None-Match"), "{refused}");
    assert!(text("help").contains("--store-read-only"), "{refused}");
    assert!(server.names("team/tmp").is_empty());
    let before = server.names("team");
    let read = machine.run(&["--store", BUCKET, "--store-read-only", "--set", "seed=8"], &unsigned);
    assert_eq!((read.stages("hit"), read.stages("ran")), (vec!["dataset".to_owned()], vec!["sample".to_owned()]));
    assert_eq!(server.names("team"), before, "nothing was sent");
}

#[test]
fn who_may_only_read_reads_and_is_told_once() {
    let server = S3Server::start(true);
    Machine::new(server.port()).shared();
    let no = Fault::Status("403 Forbidden");
    let proxy = Proxy::start(server.port(), move |_, line| if line.starts_with("PUT") { no } else { Fault::Pass });
    let machine = Machine::new(proxy.port());
    let said = machine.run(&["--store", BUCKET, "--set", "sample.total-examples-per-class=10"], &[]);
    assert_eq!((said.stages("hit"), said.stages("ran")), (vec!["dataset".to_owned()], vec!["sample".to_owned()]));
    assert_eq!(said.err.matches("read-only").count(), 1, "{}", said.err);
    let push = machine.say(&["store", "push", "--all", "--store", BUCKET], &[]);
    assert_eq!(push.code, Some(4));
    assert!(push.err.contains("nothing can be sent") && push.err.contains("403 Forbidden"), "{}", push.err);
}

#[test]
fn a_damaged_object_is_never_used_and_healed() {
    let server = S3Server::start(true);
    let [first, second, third] = [0, 1, 2].map(|_| Machine::new(server.port()));
    first.shared();
    let object = largest(&server.path("team/cas"));
    let good = std::fs::read(&object).unwrap();
    let mut bad = good.clone();
    let middle = bad.len() / 2;
    bad[middle] ^= 1;
    overwrite(&object, &bad);
    let said = second.shared();
    assert_eq!((said.stages("ran"), said.stages("hit")), (vec!["dataset".to_owned()], vec!["sample".to_owned()]));
    assert!(
        said.err.contains("warning: dataset: stored `examples.parquet` in s3://bucket/team is damaged"),
        "{}",
        said.err
    );
    assert_eq!(std::fs::read(&object).unwrap(), good, "the right bytes are there again");
    assert_eq!(third.shared().stages("hit").len(), 2);
    assert_eq!(results(&first.store()), results(&third.store()));
}

#[test]
fn verify_reads_the_bucket_and_moves_damage_aside() {
    let server = S3Server::start(true);
    let machine = Machine::new(server.port());
    machine.shared();
    let verify = || machine.say(&["store", "verify", "--store", BUCKET, "--json"], &[]);
    let clean = verify();
    assert_eq!((clean.code, &clean.json()["entries"]), (Some(0), &2.into()), "{}", clean.err);
    let object = largest(&server.path("team/cas"));
    let mut bytes = std::fs::read(&object).unwrap();
    bytes[0] ^= 1;
    overwrite(&object, &bytes);
    let looked = machine.say(&["store", "verify", "--store", BUCKET, "--store-read-only"], &[]);
    assert!(looked.code == Some(3) && looked.out.contains("damaged, left where it is: "), "{}", looked.out);
    assert!(server.names("team/quarantine").is_empty());
    let damaged = verify();
    assert_eq!(damaged.code, Some(3));
    assert_eq!(damaged.json()["damaged_objects"][0], object.file_name().unwrap().to_str().unwrap());
    assert_eq!(damaged.json()["dropped_entries"].as_array().unwrap().len(), 1);
    assert_eq!(server.names("team/quarantine").len(), 2);
    assert_eq!(verify().code, Some(0), "the next verify is clean");
}

#[test]
fn a_secret_is_nowhere() {
    let server = S3Server::start(true);
    let machine = Machine::new(server.port());
    let events = machine.root().join("events.jsonl");
    let mut said = vec![machine.run(&["--store", BUCKET, "-vv", "--events", events.to_str().unwrap()], &[])];
    // A wrong key: the server says no, and real ones repeat a part of what they were given.
    let wrong = [("AWS_SECRET_ACCESS_KEY", "sEcReT-0f-tHe-tEsT-wrong")];
    let fresh = Machine::new(server.port());
    said.push(fresh.run(&["--store", BUCKET, "-vv"], &wrong));
    assert_eq!(said[1].code, Some(4), "{}", said[1].out);
    let with_user = "http://user:sEcReT-0f-tHe-tEsT-pass@127.0.0.1:1";
    said.push(fresh.run(&["--store", BUCKET], &[("AWS_ENDPOINT_URL", with_user), ("SIMPIPE_STORE_RETRY", "0.1")]));
    let in_url = format!("s3://{KEY_ID}:{SECRET}@bucket/team");
    said.push(fresh.run(&["--store", &in_url], &[]));
    assert_eq!(said[3].code, Some(2));
    assert!(said[3].out.contains("credentials in the environment"), "{}", said[3].out);
    for said in &said {
        assert!(!said.out.contains("sEcReT-0f-tHe-tEsT") && !said.err.contains("sEcReT-0f-tHe-tEsT"), "{}", said.err);
    }
    let holds = |path: &Path| {
        let bytes = std::fs::read(path).unwrap();
        bytes.windows(18).any(|window| window == b"sEcReT-0f-tHe-tEsT")
    };
    for folder in [machine.root(), fresh.root(), &server.path("")] {
        let files = files_below(folder);
        let found: Vec<&String> = files.iter().filter(|name| holds(&folder.join(name))).collect();
        assert!(found.is_empty(), "{found:?}");
    }
    assert!(files_below(machine.root()).len() > 10);
}

#[test]
fn a_web_server_is_read_from() {
    let server = S3Server::start(true);
    Machine::new(server.port()).shared();
    let web = WebServer::start(server.path("team"));
    let url = format!("http://127.0.0.1:{}", web.port());
    let machine = Machine::new(1);
    let read = machine.run(&["--store", &url, "--set", "seed=8"], &[]);
    assert_eq!((read.stages("hit"), read.stages("ran")), (vec!["dataset".to_owned()], vec!["sample".to_owned()]));
    assert_eq!(read.err.matches("read-only").count(), 1, "{}", read.err);
    let pulled = Machine::new(1).say(&["store", "pull", "--all", "--store", &url, "--json"], &[]);
    assert_eq!(pulled.code, Some(4));
    assert!(pulled.out.contains("no list") && pulled.out.contains("name the runs to pull"), "{}", pulled.out);
    let nothing = machine.run(&["--store", &format!("{url}/nowhere")], &[]);
    assert_eq!(nothing.code, Some(4));
    assert!(nothing.out.contains("no file `format`"), "{}", nothing.out);
}

#[test]
fn what_is_not_there_is_said_with_the_endpoint_and_ends_with_four() {
    let server = S3Server::start(true);
    let machine = Machine::new(server.port());
    for command in ["run", "plan"] {
        let config = machine.root().join("configs/tiny.toml");
        let said = machine.say(&[command, config.to_str().unwrap(), "--store", "s3://nowhere/team"], &[]);
        assert_eq!(said.code, Some(4), "{}", said.err);
        let endpoint = format!("s3://nowhere/team at http://127.0.0.1:{}: the bucket does not exist", server.port());
        assert!(said.err.contains(&endpoint) && said.err.contains("help: "), "{}", said.err);
    }
    let silent = Machine { project: Project::new(), port: 1 };
    let started = std::time::Instant::now();
    let said = silent.say(&["store", "pull", "--all", "--store", BUCKET], &[("SIMPIPE_STORE_RETRY", "0.3")]);
    assert_eq!(said.code, Some(4), "{}", said.err);
    assert!(said.err.contains("http://127.0.0.1:1") && said.err.contains("no connection"), "{}", said.err);
    assert!(started.elapsed() < Duration::from_secs(5));
    overwrite_format(&server);
    let said = machine.run(&["--store", BUCKET], &[]);
    assert!(said.out.contains("has format `2`, this simpipe knows format 1"), "{}", said.out);
}

fn overwrite_format(server: &S3Server) {
    std::fs::create_dir_all(server.path("team")).unwrap();
    std::fs::write(server.path("team/format"), "2\n").unwrap();
}

/// `FAULT_SEEDS=50 cargo test --test it a_bad_network` is the longer version.
#[test]
fn a_bad_network_changes_no_result() {
    let seeds: u64 = std::env::var("FAULT_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(2);
    let server = S3Server::start(true);
    let reference = Machine::new(1);
    assert_eq!(reference.run(&[], &[]).code, Some(0));
    let objects = |machine: &Machine| files_below(&machine.store().join("cas"));
    let patience = [("SIMPIPE_STORE_TIMEOUT", "1"), ("SIMPIPE_STORE_RETRY", "30")];
    for seed in 1..=seeds {
        let proxy = Proxy::start(server.port(), troubled(seed));
        let bucket = format!("{BUCKET}-{seed}");
        for expected in ["ran", "hit"] {
            let machine = Machine::new(proxy.port());
            let said = machine.run(&["--store", &bucket], &patience);
            assert_eq!(said.code, Some(0), "{}", said.err);
            let requests = proxy.take_requests().join("\n");
            assert!(!said.err.contains("warning"), "seed {seed}: {}\n{requests}", said.err);
            assert_eq!(said.stages(expected).len(), 2, "seed {seed}: {}\n{requests}", said.err);
            assert_eq!(objects(&machine), objects(&reference));
        }
        assert!(proxy.faults() > 3, "seed {seed} made trouble {} times", proxy.faults());
    }
}

#[test]
fn a_server_that_goes_away_costs_a_warning_and_no_result() {
    let server = S3Server::start(true);
    // It dies after the first contact and the first look.
    let proxy = Proxy::start(server.port(), |number, _| if number < 8 { Fault::Pass } else { Fault::Drop });
    let machine = Machine::new(proxy.port());
    let said = machine.run(&["--store", BUCKET], &[("SIMPIPE_STORE_RETRY", "0.5")]);
    assert_eq!((said.code, said.stages("ran").len()), (Some(0), 2), "{}", said.err);
    assert_eq!(said.err.matches("`simpipe store push` sends them later").count(), 1, "{}", said.err);
    let later = Machine { port: server.port(), ..machine };
    let push = later.say(&["store", "push", "--store", BUCKET, "--json", "latest"], &[]);
    assert_eq!(push.code, Some(0), "{}", push.err);
    assert_eq!(Machine::new(server.port()).shared().stages("hit").len(), 2);
}

#[test]
fn an_interrupt_ends_a_transfer_that_hangs() {
    let server = S3Server::start(true);
    let hanging = Fault::Delay(Duration::from_secs(20));
    let hangs =
        move |_, line: &str| if line.starts_with("PUT") && line.contains("/cas/") { hanging } else { Fault::Pass };
    let proxy = Proxy::start(server.port(), hangs);
    let machine = Machine::new(proxy.port());
    let config = machine.root().join("configs/tiny.toml");
    let mut command = machine.command(&["run", config.to_str().unwrap(), "--store", BUCKET]);
    let child = command.stderr(std::process::Stdio::piped()).stdout(std::process::Stdio::null()).spawn().unwrap();
    while proxy.faults() == 0 {
        std::thread::sleep(Duration::from_millis(10));
    }
    let started = std::time::Instant::now();
    assert!(std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{err}");
    assert!(started.elapsed() < Duration::from_secs(5), "it took {:?}", started.elapsed());
    assert!(err.contains("stopped before everything was sent"), "{err}");
    assert_eq!(machine.run(&[], &[]).stages("hit"), ["dataset"], "what was computed is kept");
}

#[test]
fn large_objects_go_in_parts() {
    let server = S3Server::start(true);
    let proxy = Proxy::start(server.port(), |_, _| Fault::Pass);
    let [first, second] = [Machine::new(proxy.port()), Machine::new(proxy.port())];
    let (local, key) = (Store::open(&first.store()).unwrap(), Digest::of(b"large"));
    let text: String = (0..3_000_000).map(|number| format!("{number:07}")).collect();
    let entry = publish(&local, key, &text);
    let push = first.say(&["store", "push", "--all", "--store", BUCKET, "--json"], &[]);
    assert_eq!(push.json()["bytes"], text.len(), "{}", push.err);
    let parts = proxy.take_requests().iter().filter(|request| request.contains("partNumber=")).count();
    assert_eq!(parts, text.len().div_ceil(8 << 20));
    assert_eq!(second.say(&["store", "pull", "--all", "--store", BUCKET], &[]).code, Some(0));
    assert_eq!(Store::open(&second.store()).unwrap().lookup(key).unwrap(), Found::Hit(entry));

    // An object that is damaged here is not sent.
    let object = local.object(Digest::of(text.as_bytes()));
    overwrite(&object, text.replace("0000001", "1000000").as_bytes());
    let push = first.say(&["store", "push", "--all", "--store", "s3://bucket/other", "--json"], &[]);
    assert_eq!((push.code, &push.json()["damaged"][0]), (Some(3), &key.to_string().into()), "{}", push.err);
    assert!(server.names("other/cas").is_empty());
}

#[test]
fn a_folder_that_is_not_mounted_is_not_made_up() {
    let folder = tempfile::tempdir().unwrap();
    let url = RemoteUrl::parse(&format!("file://{}/share/store", folder.path().display())).unwrap();
    let local = || Store::open(&folder.path().join("local")).unwrap();
    let error = local().with_remote(&url, RemoteUse::Share).unwrap_err();
    assert!(matches!(&error, StoreError::Remote(_)) && error.to_string().contains("no such folder"), "{error}");
    std::fs::create_dir(folder.path().join("share")).unwrap();
    assert!(local().with_remote(&url, RemoteUse::Read).is_err());
    assert!(local().with_remote(&url, RemoteUse::Share).is_ok());
    assert!(Store::open(&folder.path().join("share/store")).is_ok(), "the layout is that of a local store");
}
