//! Places that can't be written, real limits of the system, and where the program may write at all.

use std::path::Path;
use std::process::{Command, Output};

use crate::project::{PLAIN_REPORT, Project, repository, simpipe};

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The shipped part of every source file of a folder, by its path below `src/`.
fn sources(folder: &str) -> Vec<(String, String)> {
    let src = repository().join("src");
    let files = walkdir::WalkDir::new(src.join(folder)).into_iter().map(|entry| entry.unwrap().into_path());
    let files = files.filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    files
        .map(|path| (path.strip_prefix(&src).unwrap().display().to_string(), crate::layering::shipped(&path)))
        .collect()
}

/// Whether a line of code changes files by itself.
fn writes(line: &str) -> bool {
    const NEEDLES: [&str; 15] = [
        "std::fs::write(",
        "std::fs::rename(",
        "std::fs::remove_",
        "std::fs::copy(",
        "std::fs::hard_link(",
        "std::fs::create_dir",
        "std::fs::set_permissions(",
        " File::create",
        "fs::File::create",
        "File::options(",
        "OpenOptions",
        ".set_len(",
        ".set_permissions(",
        ".sync_all(",
        "tempfile",
    ];
    // The standard module under a shorter name would hide its calls.
    let renamed = line.contains("use std::fs;") || line.contains("use std::fs::{self") || line.contains("use std::{fs");
    renamed || NEEDLES.iter().any(|needle| line.contains(needle))
}

#[test]
fn every_change_of_a_file_goes_through_the_layer_where_faults_are_injected() {
    let of = |folder: &str| sources(folder).into_iter().filter(|(file, _)| !file.contains("/tests/"));
    let lines = |text: &str| -> Vec<String> {
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//") && writes(line));
        code.map(str::to_owned).collect()
    };
    let wrong: Vec<String> = ["store", "runner"]
        .into_iter()
        .flat_map(of)
        .flat_map(|(file, text)| lines(&text).into_iter().map(move |line| format!("{file}: {}", line.trim())))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let layer = std::fs::read_to_string(repository().join("src/base/fs.rs")).unwrap();
    assert!(lines(&layer).len() >= 5, "the test finds what it seeks: {:?}", lines(&layer));
    assert!(writes("    std::fs::write(&path, bytes)") && !writes("    fs::write(&path, bytes)"));
}

#[test]
fn a_place_that_cannot_be_written_is_a_mistake_of_the_command_line() {
    let project = Project::new();
    let file = project.root().join("file");
    std::fs::write(&file, "").unwrap();
    let inside = file.join("inside").display().to_string();
    let nowhere = project.root().join("no/such/events.jsonl").display().to_string();
    let root = project.root().to_str().unwrap();
    for (args, path) in [
        (vec!["--root", &inside], &inside),
        (vec!["--root", root, "--store", &inside], &inside),
        (vec!["--root", root, "--events", &nowhere], &nowhere),
    ] {
        let args: Vec<&str> = ["run", "configs/smoke.toml"].into_iter().chain(args).collect();
        let output = simpipe(&args).output().unwrap();
        let message = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {message}");
        assert!(message.starts_with("error: can't ") && message.contains(path.as_str()), "{args:?}: {message}");
        assert!(message.contains("help: "), "{args:?}: {message}");
        let json: Vec<&str> = args.into_iter().chain(["--json"]).collect();
        let output = simpipe(&json).output().unwrap();
        let errors: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert!(errors["errors"][0]["help"].is_string(), "{errors}");
    }
}

#[test]
fn a_folder_that_is_no_store_is_left_alone() {
    let project = Project::new();
    let home = project.root().join("home");
    std::fs::create_dir(&home).unwrap();
    std::fs::write(home.join("thesis.tex"), "").unwrap();
    let home_text = home.to_str().unwrap();
    let output = project.output(&["run", "configs/smoke.toml", "--store", home_text]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert!(stderr(&output).starts_with(&format!("error: {home_text} is not empty and is not a store")));
    assert!(stderr(&output).contains("help: choose an empty folder"));
    assert_eq!(std::fs::read_dir(&home).unwrap().count(), 1);

    let newer = project.root().join("newer");
    std::fs::create_dir(&newer).unwrap();
    std::fs::write(newer.join("format"), "2\n").unwrap();
    let output = project.output(&["run", "configs/smoke.toml", "--store", newer.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert!(stderr(&output).contains("has format `2`") && stderr(&output).contains("help: update simpipe"));
    assert_eq!(std::fs::read_dir(&newer).unwrap().count(), 1);
}

/// The smoke run under commands of a shell that set a limit and start it.
fn limited(root: &Path, start: &str) -> Output {
    let script = format!("{start} \"$0\" run configs/smoke.toml --root \"$@\"");
    let mut command = Command::new("sh");
    command.args(["-c", &script, env!("CARGO_BIN_EXE_simpipe")]).arg(root).args(PLAIN_REPORT).current_dir(repository());
    command.env("NO_COLOR", "1").output().unwrap()
}

#[test]
fn a_limit_of_the_system_ends_a_run_and_not_the_store() {
    let project = Project::new();
    let output = limited(project.root(), "trap '' XFSZ; ulimit -f 64; exec");
    let message = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.contains("File too large") && message.contains("help: raise the limit"), "{message}");
    let killed = limited(project.root(), "ulimit -f 64; exec");
    assert_eq!(killed.status.code(), None, "killed by SIGXFSZ: {}", stderr(&killed));
    assert_goes_on(&project);
}

#[test]
fn a_process_that_runs_out_of_memory_ends_and_the_next_run_goes_on() {
    const KILLED: i32 = 128 + 9;
    let project = Project::new();
    let mut ended = 0;
    // In KiB of addresses, from what is hardly enough to begin with to what is enough for all.
    for limit in (100_000..400_000).step_by(10_000) {
        let output = limited(project.root(), &format!("ulimit -v {limit}; exec timeout -s KILL 60"));
        let message = stderr(&output);
        if output.status.success() {
            break;
        }
        assert_ne!(output.status.code(), Some(KILLED), "with {limit} KiB it did not end by itself: {message}");
        ended += usize::from(message.contains("error: out of memory: "));
    }
    assert!(ended > 0, "no run came to its limit at work");
    assert_goes_on(&project);
}

/// The next run gives what it would have given without what was before, and the store is clean.
fn assert_goes_on(project: &Project) {
    let undisturbed = Project::new();
    assert_eq!(project.run(&PLAIN_REPORT).json["metrics"], undisturbed.run(&PLAIN_REPORT).json["metrics"]);
    let objects = project.objects();
    assert!(undisturbed.objects().iter().all(|object| objects.contains(object)), "the same bytes");
    assert_eq!(project.output(&["store", "verify"]).status.code(), Some(0));
    let tmp = project.root().join("artifacts/store/tmp");
    assert_eq!(std::fs::read_dir(tmp).unwrap().count(), 0);
}

#[test]
fn verify_finds_what_the_memo_hides() {
    use std::os::unix::fs::PermissionsExt;
    let project = Project::new();
    let first = project.run(&PLAIN_REPORT);
    std::thread::sleep(std::time::Duration::from_millis(60));
    project.run(&PLAIN_REPORT); // remembers the objects, which have settled
    let files = &first.json["stages"].as_array().unwrap().last().unwrap()["files"];
    let digest = files["report.md"]["digest"].as_str().unwrap();
    let object = project.root().join("artifacts/store/cas").join(&digest[..2]).join(digest);
    let metadata = std::fs::metadata(&object).unwrap();
    std::fs::set_permissions(&object, std::fs::Permissions::from_mode(0o644)).unwrap();
    let mut bytes = std::fs::read(&object).unwrap();
    bytes[0] ^= 1;
    std::fs::write(&object, bytes).unwrap(); // in place: the inode stays
    std::fs::File::options().write(true).open(&object).unwrap().set_modified(metadata.modified().unwrap()).unwrap();
    assert_eq!(project.run(&PLAIN_REPORT).ran(), [""; 0], "nothing is read that looks as it did");
    let verified = project.run(&[PLAIN_REPORT[0], PLAIN_REPORT[1], "--verify"]);
    assert_eq!(verified.ran(), ["report"]);
    assert_eq!(verified.json["stages"].as_array().unwrap().last().unwrap()["reason"]["kind"], "damaged");
    assert_eq!(project.run(&[PLAIN_REPORT[0], PLAIN_REPORT[1], "--verify"]).ran(), [""; 0]);
}
