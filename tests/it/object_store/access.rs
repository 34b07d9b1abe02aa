//! Servers that allow less, say no, or are not there; and what is never said.

use super::*;
use crate::turns::turn;

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
    let _turn = turn();
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
