//! No arrow points up the layers.

use std::collections::BTreeSet;

use crate::project::repository;

/// Each layer and those that it may use, as ARCHITECTURE.md lists them: its package names no other, so that the compiler holds it.
const LAYERS: &[(&str, &[&str])] = &[
    ("kernel", &[]),
    ("base", &[]),
    ("artifact", &["base"]),
    ("stage", &["base", "artifact"]),
    ("spec", &["base", "stage"]),
    ("data", &["base", "artifact"]),
    ("nn", &["kernel", "base", "artifact"]),
    ("search", &["kernel", "base", "artifact"]),
    ("metric", &["base"]),
    ("report", &["base", "artifact", "metric"]),
    ("stages", &["kernel", "base", "artifact", "stage", "data", "nn", "search", "metric", "report"]),
    ("serve", &["base", "artifact", "data", "nn", "stage", "stages", "search"]),
    ("plan", &["base", "artifact", "stage", "spec", "sweep"]),
    ("store", &["base"]),
    ("sweep", &["base"]),
    ("runner", &["base", "artifact", "metric", "stage", "sweep", "store", "plan"]),
    ("compare", &["base", "artifact", "metric", "stages", "plan", "store", "runner"]),
];

/// What `library`, a folder of the program's own package, may use.
const LIBRARY: &[&str] =
    &["base", "artifact", "stage", "spec", "data", "nn", "stages", "plan", "store", "runner", "error", "library"];

/// The layers among the dependencies of a package.
fn dependencies(layer: &str) -> Vec<String> {
    let text = std::fs::read_to_string(repository().join("src").join(layer).join("Cargo.toml")).unwrap();
    let manifest: toml::Table = text.parse().unwrap();
    let names = manifest.get("dependencies").and_then(toml::Value::as_table).into_iter().flat_map(toml::Table::keys);
    names.filter_map(|name| name.strip_prefix("simpipe-")).map(str::to_owned).collect()
}

/// Layers and modules named after `simpipe_` or `crate::` in a source text.
fn used(text: &str) -> BTreeSet<String> {
    let code: String = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let after = |mark: &'static str| code.match_indices(mark).map(move |(at, _)| at + mark.len()).collect::<Vec<_>>();
    let name = |at: usize| code[at..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    after("simpipe_").into_iter().chain(after("crate::")).map(name).collect()
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
fn a_package_depends_on_packages_below_it_alone() {
    let mut below = BTreeSet::new();
    for (layer, allowed) in LAYERS {
        below.insert(*layer);
        for name in dependencies(layer) {
            assert!(allowed.contains(&name.as_str()), "simpipe-{layer} depends on simpipe-{name}");
        }
    }
    assert_eq!(below.len(), LAYERS.len(), "each once");
    let mut wrong = Vec::new();
    for entry in walkdir::WalkDir::new(repository().join("src/library")) {
        let entry = entry.unwrap();
        for name in used(&shipped(entry.path())) {
            let is_known = LAYERS.iter().any(|(layer, _)| *layer == name) || name == "cli";
            if is_known && !LIBRARY.contains(&name.as_str()) {
                wrong.push(format!("{} uses {name}", entry.path().display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_architecture_lists_what_each_layer_may_use() {
    let text = std::fs::read_to_string(repository().join("ARCHITECTURE.md")).unwrap();
    for (layer, allowed) in LAYERS.iter().filter(|(layer, _)| *layer != "stages") {
        let row =
            text.lines().find(|line| line.starts_with(&format!("| [`{layer}`]"))).unwrap_or_else(|| panic!("{layer}"));
        let listed = row.trim_end_matches('|').rsplit('|').next().unwrap_or("");
        let listed: BTreeSet<&str> = listed.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
        assert_eq!(listed, allowed.iter().copied().collect(), "{layer}");
    }
}

#[test]
fn every_folder_of_the_source_is_a_known_layer() {
    for entry in std::fs::read_dir(repository().join("src")).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().to_string_lossy().into_owned();
        let known = ["cli", "library"].contains(&name.as_str()) || LAYERS.iter().any(|(layer, _)| *layer == name);
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
