//! Output that can't be written is said and has an exit code; a reader who goes is no error.

use std::fs::File;
use std::os::unix::fs::FileTypeExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::project::{PLAIN_REPORT, Project, repository, simpipe};

fn full() -> File {
    File::options().write(true).open("/dev/full").unwrap()
}

/// A pipe whose reader has gone.
fn deserted() -> Stdio {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer.into()
}

#[test]
fn a_full_disk_under_the_output_is_an_error() {
    for args in [
        vec!["check", "configs/smoke.toml", "--json"],
        vec!["check", "configs/smoke.toml"],
        vec!["plan", "no-such.toml", "--json"],
        vec!["graph", "configs/smoke.toml"],
        vec!["schema"],
        vec!["docs", "--markdown"],
        vec!["completions", "bash"],
        vec!["--help"],
        vec!["--version"],
    ] {
        let output = simpipe(&args).stdout(full()).output().unwrap();
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        let expected = if args.contains(&"no-such.toml") { 2 } else { 1 };
        assert_eq!(output.status.code(), Some(expected), "{args:?}: {message}");
        assert!(message.contains("No space left on device"), "{args:?}: {message}");
    }
}

#[test]
fn a_reader_who_goes_changes_no_exit_code() {
    for (args, code) in [
        (vec!["check", "configs/smoke.toml"], 0),
        (vec!["check", "configs/smoke.toml", "--json"], 0),
        (vec!["check", "no-such.toml", "--json"], 2),
        (vec!["docs", "--markdown"], 0),
        (vec!["--help"], 0),
        (vec!["show", "no-such-run"], 2),
    ] {
        let output = simpipe(&args).stdout(deserted()).output().unwrap();
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{args:?}: {message}");
        assert!(code != 0 || !message.contains("error"), "{args:?}: {message}");
        let status = simpipe(&args).stdout(Stdio::null()).stderr(deserted()).status().unwrap();
        assert_eq!(status.code(), Some(code), "{args:?}, no standard error");
        let status = simpipe(&args).stdout(Stdio::null()).stderr(full()).status().unwrap();
        assert_eq!(status.code(), Some(code), "{args:?}, full standard error");
    }
}

#[test]
fn events_that_are_lost_are_an_error_at_the_end() {
    let project = Project::new();
    let run = |events: &str, more: &[&str]| {
        let args = [&["run", "configs/smoke.toml", "--events", events], &PLAIN_REPORT[..], more].concat();
        let output = project.output(&args);
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned(), output.stdout)
    };
    let (code, said, record) = run("/dev/full", &["--json", "--quiet"]);
    assert_eq!(code, Some(1), "{said}");
    assert_eq!(said.matches("events can no longer be written to `/dev/full`").count(), 1, "{said}");
    assert!(said.contains("error: not all events were written to `/dev/full`: No space left"), "{said}");
    let record: serde_json::Value = serde_json::from_slice(&record).unwrap();
    assert_eq!(record["ok"], true, "the run itself is whole");

    let root = project.root();
    for (events, code) in [(root.join("no/such/folder/file"), 2), (root.to_path_buf(), 2)] {
        let (found, said, _) = run(events.to_str().unwrap(), &[]);
        assert_eq!(found, Some(code), "{said}");
        assert!(said.starts_with("error: can't write `"), "{said}");
    }
    let pipe = root.join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let started = Instant::now();
    let (code, said, _) = run(pipe.to_str().unwrap(), &[]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("nothing reads this pipe"), "{said}");
    assert!(started.elapsed() < Duration::from_secs(60));
}

#[test]
fn a_file_that_is_no_file_is_written_into_and_never_replaced() {
    let output =
        simpipe(&["graph", "configs/smoke.toml", "--output", "/dev/full", "--format", "dot"]).output().unwrap();
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.contains("`/dev/full`"), "{message}");
    assert!(std::fs::metadata("/dev/full").unwrap().file_type().is_char_device());
    let output =
        simpipe(&["graph", "configs/smoke.toml", "--output", "/dev/stdout", "--format", "dot"]).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("digraph"), "{output:?}");
    let output = simpipe(&["init", "--dataset", "mnist", "--output", "/dev/full", "--force"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}

/// Configs by pipe stay possible, devices are refused at once.
#[test]
fn a_config_is_a_file_or_a_pipe() {
    let text = std::fs::read(repository().join("configs/smoke.toml")).unwrap();
    let check = |path: &str, input: Stdio| simpipe(&["check", path]).stdin(input).output().unwrap();
    let (reader, mut writer) = std::io::pipe().unwrap();
    std::io::Write::write_all(&mut writer, &text).unwrap();
    drop(writer);
    let output = check("/dev/stdin", reader.into());
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let output = check("/dev/stdin", File::open(repository().join("configs/smoke.toml")).unwrap().into());
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    for (path, expected) in
        [("/dev/zero", "a device"), ("/dev/urandom", "a device"), ("/", "a folder"), ("/dev/stdin", "a device")]
    {
        let output = check(path, Stdio::null());
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{path}: {message}");
        assert!(message.contains(expected), "{path}: {message}");
        let output =
            simpipe(&["check", "configs/smoke.toml", "--set-file", path]).stdin(Stdio::null()).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{path}: {output:?}");
    }
}

/// Bases below bases end, and so do circles over other names of one file.
#[test]
fn a_chain_of_bases_has_an_end() {
    let folder = tempfile::tempdir().unwrap();
    let chain = |length: usize| {
        let path = |at: usize| folder.path().join(format!("{at}.toml"));
        for at in 0..length {
            std::fs::write(path(at), format!("extends = \"{}.toml\"\n", at + 1)).unwrap();
        }
        std::fs::copy(repository().join("configs/smoke.toml"), path(length)).unwrap();
        let output = simpipe(&["check", path(0).to_str().unwrap()]).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    assert_eq!(chain(32).0, Some(0));
    for length in [33, 3000] {
        let (code, said) = chain(length);
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains("32.toml:1:11: more than 32 bases extend one another"), "{said}");
    }
    std::os::unix::fs::symlink("a.toml", folder.path().join("b.toml")).unwrap();
    std::fs::write(folder.path().join("a.toml"), "extends = \"b.toml\"\n").unwrap();
    let output = simpipe(&["check", folder.path().join("a.toml").to_str().unwrap()]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(2) && said.contains("goes in a circle"), "{said}");
}
