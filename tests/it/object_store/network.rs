//! Networks and servers that fail half-way.

use super::*;
use crate::project::signal;
use crate::turns::turn;

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
    let _turn = turn();
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
    signal(&child, "INT");
    let output = child.wait_with_output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{err}");
    assert!(started.elapsed() < Duration::from_secs(5), "it took {:?}", started.elapsed());
    assert!(err.contains("stopped before everything was sent"), "{err}");
    assert_eq!(machine.run(&[], &[]).stages("hit"), ["dataset"], "what was computed is kept");
}

/// Short patience, so that a server that stands still is given up in no time.
const IMPATIENT: [(&str, &str); 2] = [("SIMPIPE_STORE_TIMEOUT", "0.5"), ("SIMPIPE_STORE_RETRY", "0.6")];

/// What a second machine says of a bucket with results, through a proxy that makes this trouble with some requests.
fn troubled_by(fault: Fault, part: &'static str) -> Said {
    let server = S3Server::start(true);
    Machine::new(server.port()).shared();
    let proxy =
        Proxy::start(
            server.port(),
            move |_, line| {
                if line.starts_with("GET") && line.contains(part) { fault } else { Fault::Pass }
            },
        );
    let said = Machine::new(proxy.port()).run(&["--store", BUCKET], &IMPATIENT);
    assert!(proxy.faults() > 0, "{}", said.err);
    said
}

/// A length that no memory holds, and that no reader may reserve.
const CLAIM: &str = "HTTP/1.1 200 OK\r\ncontent-length: 1125899906842624\r\netag: \"a\"\r\n\
                     last-modified: Thu, 01 Jan 2026 00:00:00 GMT\r\n\r\n{\"format\": 1,";

#[test]
fn what_a_server_claims_is_not_reserved() {
    for part in ["/ac/", "/cas/"] {
        let said = troubled_by(Fault::Say(CLAIM), part);
        assert_eq!((said.code, said.stages("failed").len()), (Some(0), 0), "{part}: {}", said.err);
        assert!(said.err.contains("warning"), "{part}: {}", said.err);
    }
}

#[test]
fn a_server_that_trickles_costs_a_warning_and_no_result() {
    for part in ["/ac/", "/cas/"] {
        let said = troubled_by(Fault::Drip, part);
        assert_eq!((said.code, said.stages("ran").is_empty()), (Some(0), false), "{part}: {}", said.err);
        // Of the tries that follow one that was too slow, any may be too late on a busy machine.
        let given_up = ["the server is too slow: less than 500 bytes in 500ms", "it took too long"];
        assert!(given_up.iter().any(|words| said.err.contains(words)), "{part}: {}", said.err);
    }
}

#[test]
fn small_things_without_end_are_not_kept_in_memory() {
    const CHUNKED: &str = "HTTP/1.1 200 OK\r\netag: \"a\"\r\ncontent-length: 99999999999\r\n\
                           last-modified: Thu, 01 Jan 2026 00:00:00 GMT\r\n\r\n";
    let said = troubled_by(Fault::Endless(CHUNKED), "/ac/");
    assert_eq!((said.code, said.stages("ran").len()), (Some(0), 2), "{}", said.err);
    assert!(said.err.contains("the server sends more than 16 MiB of something small"), "{}", said.err);
    const WHY_NOT: &str = "HTTP/1.1 403 Forbidden\r\ncontent-length: 99999999999\r\n\r\n<Code>No</Code>";
    let said = troubled_by(Fault::Endless(WHY_NOT), "/ac/");
    assert_eq!((said.code, said.stages("ran").len()), (Some(0), 2), "{}", said.err);
}

#[test]
fn a_list_without_end_is_given_up() {
    const PAGE: &str = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n\
        <ListBucketResult><Name>bucket</Name><IsTruncated>true</IsTruncated>\
        <NextContinuationToken>again</NextContinuationToken></ListBucketResult>";
    let server = S3Server::start(true);
    let machine = Machine::new(server.port());
    machine.shared();
    let proxy = Proxy::start(
        server.port(),
        |_, line| {
            if line.contains("list-type=2") { Fault::Say(PAGE) } else { Fault::Pass }
        },
    );
    let other = Machine { port: proxy.port(), ..machine };
    let said = other.say(&["store", "pull", "--store", BUCKET, "--all"], &IMPATIENT);
    assert_eq!(said.code, Some(4), "{}", said.err);
    assert!(said.err.contains("the server's list of names does not end"), "{}", said.err);
}
