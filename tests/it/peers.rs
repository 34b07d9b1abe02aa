//! Programs that tests ask: Python with what it needs (`tests/peers/requirements.txt`) and a browser, where they are there.

use std::path::PathBuf;
use std::process::Command;

/// Where skipped halves of tests leave a file each: Cargo shows nothing of a test that passes, so `.ci/run` counts these.
fn skipped(test: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("skipped").join(test)
}

/// Counts a half of a test that can't run here, with the reason.
pub(crate) fn skip(test: &str, reason: &str) {
    let file = skipped(test);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, format!("{reason}\n")).unwrap();
    eprintln!("{test}: skipped a half: {reason}");
}

/// `python3` with these modules; `None` where one is missing, which is counted. Under `CI=true` that is a failure, for they are
/// all in the file of requirements.
pub(crate) fn python(test: &str, modules: &[&str]) -> Option<Command> {
    let missing = |module: &&&str| {
        let found = Command::new("python3").args(["-c", &format!("import {module}")]).output();
        !found.is_ok_and(|output| output.status.success())
    };
    let Some(module) = modules.iter().find(missing) else {
        is_there(test);
        return Some(Command::new("python3"));
    };
    let reason = format!("no python3 with {module}; `pip install -r tests/peers/requirements.txt` has it");
    assert!(!asked_for(), "{test}: {reason}");
    skip(test, &reason);
    None
}

/// Whether nothing may be missing that can be had: under `CI=true`.
pub(crate) fn asked_for() -> bool {
    std::env::var("CI").as_deref() == Ok("true")
}

/// Whether a program is there and ends well.
pub(crate) fn answers(program: &str, args: &[&str]) -> bool {
    Command::new(program).args(args).output().is_ok_and(|output| output.status.success())
}

/// Forgets that an earlier run skipped a half.
pub(crate) fn is_there(test: &str) {
    let _ = std::fs::remove_file(skipped(test));
}

/// Whether a program of a Debian package of its name is there; if not, that is counted. Under `CI=true` it is a failure where
/// the package can be had.
pub(crate) fn program(test: &str, name: &str) -> bool {
    if answers(name, &["--version"]) {
        is_there(test);
        return true;
    }
    let reason = format!("no {name}; `apt-get install {name}` has it");
    assert!(!asked_for() || !answers("apt-cache", &["show", name]), "{test}: {reason}");
    skip(test, &reason);
    false
}
