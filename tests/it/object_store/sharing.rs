//! Two machines share what they compute, and a training goes on on the other one.

use super::*;

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
fn a_training_goes_on_on_another_machine() {
    let folder = tempfile::tempdir().unwrap();
    let [a, b] = ["a", "b"].map(|name| folder_store(&folder.path().join(name), &folder.path().join("remote")));
    let parts = serde_json::json!({ "params": 1 });
    let set = CheckpointSet::new(&a, parts.clone());
    for step in [5, 10, 15] {
        set.save(step, format!("state {step}").as_bytes()).unwrap();
    }
    let marks = || {
        let mut names = files_below(&folder.path().join("remote/checkpoints"));
        names.iter_mut().for_each(|name| *name = name.rsplit('/').next().unwrap().to_owned());
        names
    };
    assert_eq!(marks(), ["10", "15"], "what is pruned here is pruned there");
    assert_eq!(files_below(&folder.path().join("remote/cas")).len(), 2);
    let other = CheckpointSet::new(&b, parts);
    assert_eq!(other.latest(u64::MAX), Some((15, b"state 15".to_vec())));
    other.save(20, b"state 20").unwrap();
    assert_eq!(marks(), ["15", "20"]);
    assert_eq!(set.latest(u64::MAX), Some((20, b"state 20".to_vec())));
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
