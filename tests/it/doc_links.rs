//! Every link between the Markdown pages of the project leads to a file, and to a heading of it if it names one.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::project::repository;

/// The pages that people read: those beside Cargo.toml and all below `docs`.
fn pages() -> Vec<PathBuf> {
    let root = std::fs::read_dir(repository()).unwrap().map(|item| item.unwrap().path());
    let docs = walkdir::WalkDir::new(repository().join("docs")).into_iter().map(|item| item.unwrap().into_path());
    root.chain(docs).filter(|path| path.extension().is_some_and(|extension| extension == "md")).collect()
}

/// A page without its blocks of code.
fn prose(text: &str) -> String {
    text.split("```").step_by(2).collect()
}

/// What stands between `](` and `)` and is not an address on the web.
fn links(text: &str) -> Vec<String> {
    let inside = |rest: &str| rest.split_once(')').map(|(link, _)| link.to_owned());
    let links = prose(text).split("](").skip(1).filter_map(inside).collect::<Vec<_>>();
    links.into_iter().filter(|link| !link.contains("://")).collect()
}

/// A heading as code hosts make an anchor of it.
fn anchor(heading: &str) -> String {
    let lower = heading.to_lowercase();
    let kept = lower.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// The anchors of a page: its headings, and what it names by hand.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = prose(text)
        .lines()
        .filter(|line| line.starts_with('#'))
        .map(|line| anchor(line.trim_start_matches('#').trim()))
        .collect::<Vec<_>>();
    let named = text.split("<a id=\"").skip(1).filter_map(|rest| rest.split_once('"')).map(|(name, _)| name.to_owned());
    headings.into_iter().chain(named).collect()
}

/// The words in backticks of a text.
fn words(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// The rows of a page's tables by their cells, heads among them.
fn rows(text: &str) -> Vec<Vec<&str>> {
    let lines = text.lines().filter(|line| line.starts_with("| "));
    lines.map(|line| line.trim_matches('|').split('|').map(str::trim).collect()).collect()
}

/// The paths that `a/{b,c}.rs` stands for.
fn written_out(path: &str) -> Vec<String> {
    match path.split_once('{').and_then(|(front, rest)| Some((front, rest.split_once('}')?))) {
        Some((front, (names, end))) => names.split(',').map(|name| format!("{front}{name}{end}")).collect(),
        None => vec![path.to_owned()],
    }
}

/// What is wrong with a link of a page.
fn broken(page: &Path, link: &str) -> Option<String> {
    let (path, place) = link.split_once('#').map_or((link, None), |(path, place)| (path, Some(place)));
    let target = if path.is_empty() { page.to_owned() } else { page.parent().unwrap().join(path) };
    if !target.exists() {
        return Some(format!("{}: {link} does not exist", page.display()));
    }
    let place = place.filter(|_| target.extension().is_some_and(|extension| extension == "md"))?;
    let missing = !anchors(&std::fs::read_to_string(&target).unwrap()).contains(place);
    missing.then(|| format!("{}: {link} has no such heading", page.display()))
}

#[test]
fn every_link_leads_somewhere() {
    let pages = pages();
    let mut looked_at = 0;
    let mut wrong = Vec::new();
    for page in &pages {
        let text = std::fs::read_to_string(page).unwrap();
        let links = links(&text);
        looked_at += links.len();
        wrong.extend(links.iter().filter_map(|link| broken(page, link)));
    }
    assert!(pages.len() > 25 && looked_at > 150, "{} pages, {looked_at} links", pages.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_wrong_link_is_found() {
    let page = repository().join("README.md");
    assert_eq!(links("[a](b.md#c) `x` [d](https://e.org)\n```\n[f](g)\n```\n"), ["b.md#c"]);
    assert!(broken(&page, "docs/nowhere.md").is_some() && broken(&page, "docs/README.md#nowhere").is_some());
    assert_eq!((broken(&page, "docs/README.md#guides"), anchor("How do I `sweep`?")), (None, "how-do-i-sweep".into()));
}

#[test]
fn what_is_written_by_hand_is_where_the_page_says() {
    let text = std::fs::read_to_string(repository().join("docs/concepts/dependencies.md")).unwrap();
    let (_, by_hand) = text.split_once("## Written by hand").unwrap();
    let places: Vec<String> =
        rows(by_hand).iter().skip(1).flat_map(|row| words(row[1])).flat_map(written_out).collect();
    assert!(places.len() > 30, "{places:?}");
    let source = repository().join("src");
    let is_there = |path: &str| source.join(path).exists() || source.join(format!("{path}.rs")).exists();
    let missing: Vec<&String> = places.iter().filter(|path| !is_there(path.trim_end_matches("/*"))).collect();
    assert!(missing.is_empty(), "docs/concepts/dependencies.md names what is not below `src`: {missing:?}");
}

#[test]
fn results_of_benches_are_there_or_a_script_writes_them() {
    let folder = repository().join("benches/results");
    let text = std::fs::read_to_string(folder.join("README.md")).unwrap();
    let listed = rows(&text);
    assert!(listed.len() > 3, "{listed:?}");
    for row in listed.iter().skip(1) {
        for name in words(row[0]).into_iter().filter(|name| !folder.join(name).exists()) {
            let place = format!("benches/results/{}", name.split_once('/').map_or(name, |(inner, _)| inner));
            let commands = words(row[2]);
            let scripts = commands.iter().filter_map(|command| command.split_whitespace().next());
            let mut texts = scripts.filter_map(|script| std::fs::read_to_string(repository().join(script)).ok());
            assert!(texts.any(|text| text.contains(&place)), "nothing writes {place} of `{name}`");
        }
    }
}
