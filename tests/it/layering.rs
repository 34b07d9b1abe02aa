//! How the house is built: no arrow points up the layers, none both ways beside them, and what ARCHITECTURE.md says of it holds.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::project::repository;

/// Each layer and those that it may use, as ARCHITECTURE.md lists them: its package names no other, so that the compiler holds it.
const LAYERS: &[(&str, &[&str])] = &[
    ("kernel", &[]),
    ("base", &[]),
    ("picture", &["base"]),
    ("artifact", &["base", "picture"]),
    ("stage", &["base", "artifact"]),
    ("spec", &["base", "stage"]),
    ("data", &["base", "picture", "artifact"]),
    ("nn", &["kernel", "base", "artifact"]),
    ("search", &["kernel", "base", "artifact"]),
    ("metric", &["base"]),
    ("report", &["base", "artifact", "metric"]),
    ("stages", &["kernel", "base", "picture", "artifact", "stage", "data", "nn", "search", "metric", "report"]),
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
pub(crate) fn shipped(path: &Path) -> String {
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

/// The code of every file that ships, by its path below `src/`: no comments, no tests.
fn code() -> &'static [(String, String)] {
    static CODE: OnceLock<Vec<(String, String)>> = OnceLock::new();
    CODE.get_or_init(|| {
        let root = repository().join("src");
        let files = walkdir::WalkDir::new(&root).into_iter().map(|entry| entry.unwrap().into_path());
        let files = files.filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
        let code = |path: PathBuf| {
            let text = shipped(&path);
            let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
            let name = path.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
            (name, lines.collect::<Vec<_>>().join("\n"))
        };
        files.map(code).filter(|(_, code)| !code.is_empty()).collect()
    })
}

/// Files whose code names something, but those whose path begins with one of these.
fn outside(needle: &str, inside: &[&str]) -> Vec<String> {
    let hits =
        code().iter().filter(|(file, code)| code.contains(needle) && !inside.iter().any(|one| file.starts_with(one)));
    hits.map(|(file, _)| file.clone()).collect()
}

#[test]
fn tensors_figures_and_printing_stay_in_their_layer() {
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
    let of_data = |file: &str| file.starts_with("data/") || file.starts_with("stages/");
    let known = |file: &str| readers.iter().any(|reader| file == format!("data/source/{reader}"));
    for (file, code) in code().iter().filter(|(file, _)| of_data(file) && !known(file)) {
        let opens = ["fs::read(", "fs::read_to_string(", "File::open(", "File::options(", "OpenOptions", "mmap"];
        let hits = code.lines().filter(|line| opens.iter().any(|needle| line.contains(needle)));
        wrong.extend(hits.map(|line| format!("{file}: {}", line.trim())));
    }
    assert!(wrong.is_empty(), "sources read through `data/source/reader.rs`:\n{}", wrong.join("\n"));
}

#[test]
fn no_clock_and_no_environment_reach_a_result() {
    // A stage's time limit and its progress, the wish for other instructions, which is part of the key, and measurements.
    let allowed = [
        "stage/ctx.rs",
        "stages/train/display.rs",
        "nn/fit/run.rs",
        "nn/profile.rs",
        "kernel/simd.rs",
        "kernel/half_tiles.rs",
        "data/source/request.rs",
    ];
    let results = [
        "artifact/",
        "stage/",
        "stages/",
        "data/",
        "nn/",
        "search/",
        "metric/",
        "kernel/",
        "report/",
        "plan/",
        "sweep/",
    ];
    for needle in ["SystemTime", "Instant::now", "env::var", "env::current_dir", "hostname"] {
        let found = outside(needle, &allowed);
        let wrong: Vec<_> = found.iter().filter(|file| results.iter().any(|layer| file.starts_with(layer))).collect();
        assert!(wrong.is_empty(), "{needle}: {wrong:?}");
    }
}

#[test]
fn images_of_users_are_decoded_in_one_place() {
    for needle in ["image::codecs::jpeg", "JpegDecoder", "PngDecoder", "load_from_memory", "image::open", "ImageReader"]
    {
        assert_eq!(outside(needle, &["picture/decode", "report/synthetic"]), [""; 0], "{needle}");
    }
}

/// A module by the folders above it, `nn/layer/conv2d`: of a folder it is the `mod.rs`, or the file of its name.
fn module(file: &str) -> &str {
    let name = file.strip_suffix(".rs").unwrap();
    name.strip_suffix("/mod").or_else(|| name.strip_suffix("/lib")).unwrap_or(name)
}

/// The paths that a `use` names, groups taken apart.
fn paths(text: &str) -> Vec<String> {
    let Some((front, group)) = text.split_once('{') else { return vec![text.trim().to_owned()] };
    let (mut items, mut item, mut depth) = (Vec::new(), String::new(), 0);
    for letter in group.rsplit_once('}').map_or("", |(group, _)| group).chars() {
        match letter {
            ',' if depth == 0 => items.push(std::mem::take(&mut item)),
            _ => item.push(letter),
        }
        depth += match letter {
            '{' => 1,
            '}' => -1,
            _ => 0,
        };
    }
    items.push(item);
    items.iter().flat_map(|item| paths(&format!("{}{}", front.trim(), item.trim()))).collect()
}

/// The paths of a source text: those that its `use`s name, and those that it writes out where it needs them.
fn named(code: &str) -> Vec<String> {
    let (mut found, mut rest, mut open) = (Vec::new(), String::new(), None::<String>);
    for line in code.lines() {
        let start = line.trim_start();
        let start = match start.split_once(") ") {
            Some((visibility, rest)) if visibility.starts_with("pub(") => rest,
            _ => start.strip_prefix("pub ").unwrap_or(start),
        };
        if let Some(text) = &mut open {
            text.push_str(line);
        } else if let Some(text) = start.strip_prefix("use ") {
            open = Some(text.to_owned());
        } else {
            rest += line;
            rest.push('\n');
        }
        if let Some(text) = open.take_if(|text| text.contains(';')) {
            found.extend(paths(text.split(';').next().unwrap_or("")));
        }
    }
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    for (at, _) in ["crate::", "super::", "self::"].into_iter().flat_map(|mark| rest.match_indices(mark)) {
        let before = &rest[..at];
        // The rest of a longer path, a path of a macro, and where something may be seen, are none.
        if !before.ends_with(|c: char| is_name(c) || c == ':' || c == '$') && !before.ends_with("(in ") {
            found.push(rest[at..].chars().take_while(|c| is_name(*c) || *c == ':').collect());
        }
    }
    found
}

/// The module that a path leads to, as seen from another: the longest beginning that is one.
fn target(path: &str, from: &str, modules: &BTreeSet<String>) -> Option<String> {
    let path = path.split(" as ").next().unwrap_or(path);
    let mut steps: Vec<&str> = path.split("::").map(str::trim).collect();
    let mut place: Vec<&str> = from.split('/').collect();
    match *steps.first()? {
        "crate" => place.truncate(if ["cli", "library"].contains(&place[0]) { 0 } else { 1 }),
        "super" => {
            while steps.first() == Some(&"super") {
                place.pop();
                steps.remove(0);
            }
            steps.insert(0, "");
        }
        "self" => {}
        _ => return None,
    }
    place.extend(&steps[1..]);
    (1..=place.len()).rev().map(|end| place[..end].join("/")).find(|name| modules.contains(name))
}

#[test]
fn paths_are_read_wherever_they_stand() {
    let code = "pub(super) use a::{b, c::{self, d as e}};\npub use super::f;\nfn g(of: &crate::h::I) { use self::j; super::super::k() }\n\
                pub(in crate::l) struct M;\n$crate::n!();";
    let found = named(code);
    let wanted = ["a::b", "a::c::self", "a::c::d as e", "super::f", "crate::h::I", "super::super::k"];
    assert!(wanted.iter().all(|path| found.iter().any(|one| one == path)), "{found:?}");
    let others = ["crate::l", "crate::n"];
    assert!(!found.iter().any(|path| others.contains(&path.as_str())), "{found:?}");
}

/// Pairs of modules of which neither is inside the other, and each uses the other.
fn circles() -> BTreeSet<[String; 2]> {
    let names: BTreeSet<String> = code().iter().map(|(file, _)| module(file).to_owned()).collect();
    let mut uses = BTreeSet::new();
    for (file, code) in code() {
        let name = module(file);
        for used in named(code).iter().filter_map(|path| target(path, name, &names)) {
            uses.insert((name.to_owned(), used));
        }
    }
    let inside = |one: &str, other: &str| other.strip_prefix(one).is_some_and(|rest| rest.starts_with('/'));
    let both = uses.iter().filter(|(one, other)| one < other && uses.contains(&(other.clone(), one.clone())));
    let both = both.filter(|(one, other)| !inside(one, other) && !inside(other, one));
    both.map(|(one, other)| [one.clone(), other.clone()]).collect()
}

/// Two files that need each other are one thing cut in two: neither is read alone.
#[test]
fn modules_beside_each_other_do_not_use_each_other() {
    let found = circles();
    assert!(found.is_empty(), "each uses the other, so a module below both holds what belongs to both: {found:?}");
}

#[test]
fn the_architecture_is_short_and_every_invariant_has_its_test() {
    let text = std::fs::read_to_string(repository().join("ARCHITECTURE.md")).unwrap();
    let lines = text.lines().count();
    assert!(lines < 150, "ARCHITECTURE.md has {lines} lines");
    let tests: String = ["src", "tests/it"]
        .iter()
        .flat_map(|folder| walkdir::WalkDir::new(repository().join(folder)).into_iter())
        .map(|entry| entry.unwrap().into_path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .map(|path| std::fs::read_to_string(path).unwrap())
        .collect();
    let invariants = text.split("## Invariants").nth(1).and_then(|rest| rest.split("\n## ").next()).unwrap();
    let rows: Vec<&str> = invariants.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
    assert!(rows.len() >= 10, "{rows:?}");
    for row in rows {
        let held_by = row.trim_end_matches('|').rsplit('|').next().unwrap();
        let names: Vec<&str> = held_by.split('`').skip(1).step_by(2).collect();
        assert!(!names.is_empty(), "no test holds: {row}");
        for name in names {
            assert!(tests.contains(&format!("fn {name}(")), "there is no test `{name}`: {row}");
        }
    }
}
