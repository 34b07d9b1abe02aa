//! No spec makes the program panic or hang, and no error is without a place.
//!
//! `PROPTEST_CASES=100000 cargo test --test it fuzz` is the longer run: that many cases of each property.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use proptest::sample::{Index, select};
use simpipe_base::issue::Issue;
use simpipe_base::visible::is_hidden;
use simpipe_plan::Plan;
use simpipe_spec::{LoadOptions, Overlay, load};
use simpipe_stages::registry::builtin;

use crate::project::repository;

/// Far above what any case takes, far below what a person waits.
const LONGEST: Duration = Duration::from_secs(5);

fn check(text: &[u8], set: Vec<String>) -> Result<(), Vec<Issue>> {
    // One folder a thread: cases follow each other.
    thread_local! {
        static FOLDER: tempfile::TempDir = tempfile::tempdir().unwrap();
    }
    FOLDER.with(|folder| {
        let path = folder.path().join("spec.toml");
        std::fs::write(&path, text).unwrap();
        let overlays = set.into_iter().map(Overlay::Set).collect();
        let options = LoadOptions { overlays, project: Some(repository().to_path_buf()) };
        load(&path, &options).and_then(|experiment| Plan::build(experiment, builtin())).map(|_| ())
    })
}

fn assert_placed(text: &[u8], set: Vec<String>) {
    let started = Instant::now();
    for issue in check(text, set).err().unwrap_or_default() {
        let place = issue.place.as_ref().unwrap_or_else(|| panic!("{issue:?}"));
        let (line, column) = place.line_column();
        assert!(line > 0 && column > 0);
        let shown = issue.render();
        assert!(!issue.message.is_empty() && !shown.is_empty());
        // A tab stands below a tab; nothing else that a terminal obeys is shown.
        assert!(!shown.contains(|c| !matches!(c, '\n' | '\t') && is_hidden(c)), "{shown:?}");
    }
    let elapsed = started.elapsed();
    assert!(elapsed < LONGEST, "{elapsed:?}");
}

fn shipped(which: usize) -> &'static str {
    [
        include_str!("../../configs/smoke.toml"),
        include_str!("../../configs/cifar10.toml"),
        include_str!("../../docs/examples/configs/two-indexes.toml"),
    ][which]
}

/// Words and signs that a person's mistake may leave anywhere.
const PIECES: &[&str] = &[
    "\"",
    "'",
    "[",
    "]",
    "{",
    "}",
    "=",
    ",",
    "\n",
    "#",
    "[train]\n",
    "-1",
    "0",
    "1e400",
    "nan",
    "inf",
    "true",
    "\"all\"",
    "9223372036854775807",
    "99999999999999999999",
    "1979-05-27",
    "é",
    "\u{1f980}",
    "\\",
    "\t",
    "\r\n",
    "{}",
    "[]",
    "\"\"",
    "layers",
    "epochs = 1.5\n",
    "extends = \"spec.toml\"\n",
    "{ begin = 18446744073709551615, size = 1 }",
    "100000000000",
    "[[index]]\n",
    "\u{feff}",
    "\u{0}",
    "a.b.c",
    "0..=4",
    "\"0..=9223372036854775807\"",
    "-9223372036854775808",
    "18446744073709551616",
    "\u{1b}[31m",
    "\u{1b}]0;title\u{7}",
    "\u{9b}2J",
    "\u{7f}",
    "\u{85}",
    "\u{200b}",
    "\u{2028}",
    "\u{202e}",
    "\"\\u001b[2J\"",
    "日本",
    "{ a.b.c = { d.e.f = [[0]] } }",
];

/// Values that are TOML and mean no good anywhere.
const VALUES: &[&str] = &[
    "-1",
    "0",
    "1",
    "2",
    "9223372036854775807",
    "-9223372036854775808",
    "0.0",
    "-0.0",
    "1e-300",
    "1e300",
    "nan",
    "inf",
    "-inf",
    "true",
    "false",
    "\"\"",
    "\"all\"",
    "\"cosine\"",
    "\"é\"",
    "\"0..=4\"",
    "\"4..=0\"",
    "1979-05-27T07:32:00Z",
    "[]",
    "[[]]",
    "[0]",
    "[\"a\", \"a\"]",
    "{}",
    "{ a = {} }",
    "{ begin = 0, size = 9223372036854775807 }",
    "{ begin = 9223372036854775807, size = 9223372036854775807 }",
    "{ multi-shot = { classes-per-batch = 1 } }",
    "{ conv2d = { filters = 65536, kernel = 4096 } }",
    "[\"flatten\"]",
    "[{ dense = { units = 65536 } }]",
    "{ majority-vote = { k = 9223372036854775807 } }",
    "[9223372036854775807, \"0..=3\"]",
    "18446744073709551615",
    "1e308",
    "-1e308",
    "5e-324",
    "\"\\u001b[31m\\u0000\\u202e\"",
    "[[[[[[[[0]]]]]]]]",
    "{ a.b.c.d.e.f = {} }",
];

/// One mistake of a person or a program, by lines and words.
#[derive(Debug, Clone)]
enum Mistake {
    DeleteLine(Index),
    RepeatLine(Index, Index),
    SwapLines(Index, Index),
    SwapWords(Index, Index),
    ReplaceValue(Index, &'static str),
    DropLetter(Index),
    SwapLetters(Index),
    FlipByte(Index, u8),
    Insert(Index, usize, &'static str),
    Deepen(Index, usize, usize),
}

/// What nests once more each time it is repeated, and what ends that.
const DEEPER: &[(&str, &str)] = &[
    ("[", "]"),
    ("{ a = ", " }"),
    ("a.", "b"),
    ("\"\\\"\".", "b"),
    ("{ a.b.c.d.e.f.g.h = ", " }"),
    ("[{ a = ", "}]"),
    ("[[", "]]"),
    ("[0]", ""),
];

fn nested(kind: usize, times: usize) -> String {
    let (open, close) = DEEPER[kind % DEEPER.len()];
    format!("{}1{}", open.repeat(times), close.repeat(times))
}

fn mistake() -> impl Strategy<Value = Mistake> {
    let at = any::<Index>;
    prop_oneof![
        at().prop_map(Mistake::DeleteLine),
        (at(), at()).prop_map(|(from, to)| Mistake::RepeatLine(from, to)),
        (at(), at()).prop_map(|(one, other)| Mistake::SwapLines(one, other)),
        (at(), at()).prop_map(|(one, other)| Mistake::SwapWords(one, other)),
        (at(), select(VALUES)).prop_map(|(at, value)| Mistake::ReplaceValue(at, value)),
        at().prop_map(Mistake::DropLetter),
        at().prop_map(Mistake::SwapLetters),
        (at(), any::<u8>()).prop_map(|(at, byte)| Mistake::FlipByte(at, byte)),
        (at(), 0_usize..12, select(PIECES)).prop_map(|(at, cut, piece)| Mistake::Insert(at, cut, piece)),
        (at(), any::<usize>(), 1_usize..20_000).prop_map(|(at, kind, times)| Mistake::Deepen(at, kind, times)),
    ]
}

fn by_lines(text: &[u8], change: impl FnOnce(&mut Vec<String>)) -> Vec<u8> {
    let mut lines: Vec<String> = String::from_utf8_lossy(text).split_inclusive('\n').map(str::to_owned).collect();
    if !lines.is_empty() {
        change(&mut lines);
    }
    lines.concat().into_bytes()
}

fn make(mistake: &Mistake, text: Vec<u8>) -> Vec<u8> {
    let mut bytes = text;
    if bytes.len() < 2 {
        return bytes;
    }
    match mistake {
        Mistake::DeleteLine(at) => return by_lines(&bytes, |lines| drop(lines.remove(at.index(lines.len())))),
        Mistake::RepeatLine(from, to) => {
            return by_lines(&bytes, |lines| {
                let (count, line) = (lines.len(), lines[from.index(lines.len())].clone());
                lines.insert(to.index(count), line);
            });
        }
        Mistake::SwapLines(one, other) => {
            return by_lines(&bytes, |lines| {
                let count = lines.len();
                lines.swap(one.index(count), other.index(count));
            });
        }
        Mistake::SwapWords(one, other) => {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            let mut words: Vec<&str> = text.split_inclusive([' ', '\n', ',']).collect();
            let count = words.len();
            words.swap(one.index(count), other.index(count));
            return words.concat().into_bytes();
        }
        Mistake::ReplaceValue(at, value) => {
            return by_lines(&bytes, |lines| {
                let assigning: Vec<usize> = (0..lines.len()).filter(|line| lines[*line].contains(" = ")).collect();
                if let Some(line) = assigning.get(at.index(assigning.len().max(1))) {
                    let key = lines[*line].split(" = ").next().unwrap_or_default();
                    lines[*line] = format!("{key} = {value}\n");
                }
            });
        }
        Mistake::DropLetter(at) => drop(bytes.remove(at.index(bytes.len()))),
        Mistake::SwapLetters(at) => {
            let at = at.index(bytes.len() - 1);
            bytes.swap(at, at + 1);
        }
        Mistake::FlipByte(at, byte) => {
            let at = at.index(bytes.len());
            bytes[at] ^= byte;
        }
        Mistake::Insert(at, cut, piece) => {
            let start = at.index(bytes.len());
            let end = (start + cut).min(bytes.len());
            bytes.splice(start..end, piece.bytes());
        }
        Mistake::Deepen(at, kind, times) => {
            return by_lines(&bytes, |lines| {
                let line = at.index(lines.len());
                let key = lines[line].split(" = ").next().unwrap_or_default().trim_end().to_owned();
                lines[line] = format!("{key} = {}\n", nested(*kind, *times));
            });
        }
    }
    bytes
}

/// A few thousand in all: seconds.
fn config() -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(600);
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_damaged_spec_never_panics(which in 0_usize..3, mistakes in prop::collection::vec(mistake(), 1..5)) {
        let text = mistakes.iter().fold(shipped(which).as_bytes().to_vec(), |text, mistake| make(mistake, text));
        assert_placed(&text, Vec::new());
    }

    #[test]
    fn any_text_is_refused_or_read(text in "\\PC{0,200}") {
        assert_placed(text.as_bytes(), Vec::new());
    }

    #[test]
    fn any_bytes_are_refused_or_read(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        assert_placed(&bytes, Vec::new());
    }

    #[test]
    fn any_options_are_refused_or_read(
        options in prop::collection::vec((
            select(vec!["train.epochs", "train.layers[1].conv2d.filters", "train.layers", "train.layers[4]", "sample.class-list",
                "x", "", "[3]", "train.loss.multi-similarity.alpha", "train.loss", "dataset", "dataset.source", "report.figures[0]",
                "report.figures[2].neighbours.slice", "index.slice.size", "index.slice", "match.slice", "match.neighbours",
                "calibrate.targets", "calibrate.matcher", "embed-validation.slice", "sample.sampler.multi-shot.classes-per-batch",
                "sample.total-examples-per-class", "seed", "pipeline", "train..a", "name", "device", "match.unknown-label"]),
            prop_oneof![Just(String::new()), (any::<usize>(), 1_usize..20_000).prop_map(|(kind, times)| nested(kind, times)), select(VALUES).prop_map(str::to_owned), select(PIECES).prop_map(str::to_owned), "\\PC{0,20}"],
        ), 1..4),
    ) {
        let options = options.into_iter().map(|(path, value)| format!("{path}={value}")).collect();
        assert_placed(shipped(0).as_bytes(), options);
    }
}
