//! The examples of `docs/guides/serving.md`, by curl against a server.

use std::process::Command;

use super::client::{Serving, TOKEN, picture};
use crate::peers;
use crate::project::repository;
use crate::query::Asked;

#[test]
fn every_curl_of_the_page_runs() {
    if !peers::program("curl against the server", "curl") {
        return;
    }
    let page = std::fs::read_to_string(repository().join("docs/guides/serving.md")).unwrap();
    let lines: Vec<&str> = page.lines().filter(|line| line.starts_with("curl ")).collect();
    assert!(lines.len() >= 10, "{lines:?}");
    let asked = Asked::new(&[]);
    let serving = Serving::start(&asked.project, &["--writable"], true);
    let folder = asked.project.root().join("curl");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("photo.png"), picture(1)).unwrap();
    let digest = serving.post("/v1/images?label=heron", "image/png", &picture(1)).json()["images"][0]["digest"].clone();
    for line in lines {
        // The page's server has no token where nothing is changed; this one has.
        let token = if line.contains("Authorization") { "" } else { "-H \"Authorization: Bearer $TOKEN\" " };
        let with_token = line.replacen("curl ", &format!("curl -sS --fail-with-body {token}"), 1);
        let here = with_token.replace("127.0.0.1:8350", &serving.at.to_string());
        let mut shell = Command::new("bash");
        shell.args(["-c", &here]).current_dir(&folder).env("TOKEN", TOKEN).env("DIGEST", digest.as_str().unwrap());
        let output = shell.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success() && !said.is_empty(),
            "{line}\n{said}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        if line.contains("/v1/query") {
            assert!(said.contains("\"neighbours\":[{") && said.contains("\"rank\":1"), "{line}\n{said}");
        }
    }
}
