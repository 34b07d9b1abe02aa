//! Networks and servers that fail half-way.

use super::*;
use crate::project::signal;

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
    signal(&child, "INT");
    let output = child.wait_with_output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{err}");
    assert!(started.elapsed() < Duration::from_secs(5), "it took {:?}", started.elapsed());
    assert!(err.contains("stopped before everything was sent"), "{err}");
    assert_eq!(machine.run(&[], &[]).stages("hit"), ["dataset"], "what was computed is kept");
}
