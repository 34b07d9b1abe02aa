//! No arrow points up the layers.

use std::collections::BTreeSet;

use crate::project::repository;

/// Each layer and those that it may use, as ARCHITECTURE.md lists them. `cli` may use everything.
const LAYERS: &[(&str, &[&str])] = &[
    ("kernel", &[]),
    ("base", &[]),
    ("artifact", &["base"]),
    ("stage", &["base", "artifact"]),
    ("spec", &["base", "stage"]),
    ("data", &["base", "artifact"]),
    ("nn", &["base", "artifact"]),
    ("search", &["base", "artifact"]),
    ("metric", &["base"]),
    ("report", &["base", "artifact", "metric"]),
    ("stages", &["base", "artifact", "stage", "data", "nn", "search", "metric", "report"]),
    ("serve", &["base", "artifact", "data", "nn", "stage", "stages", "search"]),
    ("plan", &["base", "artifact", "stage", "spec", "sweep"]),
    ("store", &["base"]),
    ("sweep", &["base"]),
    ("runner", &["base", "artifact", "metric", "stage", "sweep", "store", "plan"]),
    ("compare", &["base", "artifact", "metric", "stages", "plan", "store", "runner"]),
    ("library", &["base", "artifact", "stage", "spec", "data", "nn", "stages", "plan", "store", "runner", "error"]),
];

/// Layers named after `crate::` or `use crate::{..}` in a source text.
fn used(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let code: String = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        let names: Vec<&str> = match rest.strip_prefix('{') {
            Some(list) => list.split('}').next().unwrap_or("").split(',').collect(),
            None => vec![rest],
        };
        for name in names {
            let name: String = name.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            found.insert(name);
        }
    }
    found
}

/// The source text of a file without its unit tests, which may use anything.
pub(crate) fn shipped(path: &std::path::Path) -> String {
    let in_tests = |part: std::path::Component<'_>| part.as_os_str().to_string_lossy().ends_with("tests");
    let inside = path.strip_prefix(repository().join("src")).unwrap_or(path);
    let is_tests = inside.components().any(in_tests)
        || path.file_stem().is_some_and(|stem| stem.to_string_lossy().ends_with("tests"));
    let text =
        if path.is_file() && !is_tests { std::fs::read_to_string(path).unwrap_or_default() } else { String::new() };
    text.split("#[cfg(test)]\nmod tests {").next().unwrap_or("").to_owned()
}

#[test]
fn a_layer_uses_only_layers_below_it() {
    let names: Vec<&str> = LAYERS.iter().map(|(name, _)| *name).chain(["cli", "error"]).collect();
    let mut wrong = Vec::new();
    for (layer, allowed) in LAYERS {
        let folder = repository().join("src").join(layer);
        assert!(folder.is_dir(), "src/{layer} is a layer");
        for entry in walkdir::WalkDir::new(folder) {
            let entry = entry.unwrap();
            if entry.path().extension().is_none_or(|extension| extension != "rs") {
                continue;
            }
            for name in used(&shipped(entry.path())) {
                if names.contains(&name.as_str()) && name != *layer && !allowed.contains(&name.as_str()) {
                    wrong.push(format!("{} uses {name}", entry.path().display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_folder_of_the_source_is_a_known_layer() {
    for entry in std::fs::read_dir(repository().join("src")).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().to_string_lossy().into_owned();
        let known = name == "cli" || LAYERS.iter().any(|(layer, _)| *layer == name);
        assert!(known || entry.path().is_file(), "src/{name} is in no layer");
    }
}

#[test]
fn tensors_figures_and_printing_stay_in_their_layer() {
    let outside = |needle: &str, inside: &[&str]| {
        let hits = walkdir::WalkDir::new(repository().join("src")).into_iter().filter_map(|entry| {
            let path = entry.unwrap().into_path();
            let shown = path.strip_prefix(repository().join("src")).unwrap().display().to_string();
            let code = shipped(&path).lines().any(|line| line.contains(needle) && !line.trim_start().starts_with("//"));
            (code && !inside.iter().any(|prefix| shown.starts_with(prefix))).then_some(shown)
        });
        hits.collect::<Vec<_>>()
    };
    assert_eq!(outside("burn::", &["nn/", "stages/train.rs", "stages/embed.rs"]), [""; 0]);
    assert_eq!(outside("plotters::", &["report/"]), [""; 0]);
    assert_eq!(outside("println!", &["cli/"]), [""; 0]);
    // What is written there goes through the one place that shows hidden characters by their escapes.
    let streams = ["cli/allocator.rs", "cli/screen.rs", "cli/event_sink.rs", "cli/print.rs", "cli/mod.rs"];
    assert_eq!(outside("io::stdout()", &streams), [""; 0]);
    assert_eq!(outside("io::stderr()", &streams), [""; 0]);
    assert_eq!(outside("process::exit", &["cli/"]), [""; 0]);
}

#[test]
fn what_enters_a_result_from_outside_is_hashed_as_it_is_read() {
    // The readers; checksums of published files, for which no byte is handed on; and a look before there is a spec.
    let readers = ["reader.rs", "published.rs", "download.rs", "image_folder/survey.rs"];
    let mut wrong = Vec::new();
    for layer in ["data", "stages"] {
        for entry in walkdir::WalkDir::new(repository().join("src").join(layer)) {
            let path = entry.unwrap().into_path();
            let text = shipped(&path);
            let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
            let opens = ["fs::read(", "fs::read_to_string(", "File::open(", "File::options(", "OpenOptions", "mmap"];
            let hits = code.filter(|line| opens.iter().any(|needle| line.contains(needle)));
            let known = readers.iter().any(|reader| path.ends_with(format!("data/source/{reader}")));
            wrong.extend(hits.filter(|_| !known).map(|line| format!("{}: {}", path.display(), line.trim())));
        }
    }
    assert!(wrong.is_empty(), "sources read through `data/source/reader.rs`:\n{}", wrong.join("\n"));
}
