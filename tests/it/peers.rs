//! Python and what it needs to ask other programs for the same figures (`tests/peers/requirements.txt`), where it is there.

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
        // What an earlier run left.
        let _ = std::fs::remove_file(skipped(test));
        return Some(Command::new("python3"));
    };
    let reason = format!("no python3 with {module}; `pip install -r tests/peers/requirements.txt` has it");
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{test}: {reason}");
    skip(test, &reason);
    None
}
