//! The page in a real browser: pictures are dropped on it, with names that it must not obey.

use super::client::{Head, Serving};
use crate::peers;
use crate::project::repository;
use crate::query::Asked;

#[test]
fn pictures_are_dropped_on_the_page_in_a_browser() {
    let test = "the server's page in a browser";
    let asked = Asked::new(&[]);
    let serving = Serving::start(&asked.project, &["--writable"], true);
    let page = serving.ask("GET", "/", Head::default(), b"");
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'; script-src 'sha256-") && !policy.contains("unsafe"), "{policy}");
    let Some(mut python) = peers::python(test, &["json"]) else { return };
    if !peers::program(test, "chromium") {
        return;
    }
    let out = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("browser/seen");
    std::fs::create_dir_all(&out).unwrap();
    python.arg(repository().join("tests/browser/serving.py")).arg(format!("http://{}/", serving.at));
    let expected = asked.project.json(&["query", "latest", &asked.path(0), "--json"], 0)[0]["label"].clone();
    python.args(["--token", super::TOKEN, "--picture", &asked.path(0), "--label", expected.as_str().unwrap()]);
    let output = python.arg("--out").arg(out).output().unwrap();
    let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}\n{errors}");
}
