//! No spec makes the program panic, and no error is without a place.
//!
//! `PROPTEST_CASES=100000 cargo test --test it fuzz` is the longer version.

use proptest::prelude::*;
use simpipe::base::issue::Issue;
use simpipe::plan::Plan;
use simpipe::spec::{LoadOptions, Overlay, load};
use simpipe::stages::registry::builtin;

use crate::project::repository;

fn check(text: &[u8], set: Vec<String>) -> Result<(), Vec<Issue>> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spec.toml");
    std::fs::write(&path, text).unwrap();
    let options = LoadOptions {
        overlays: set.into_iter().map(Overlay::Set).collect(),
        project: Some(repository().to_path_buf()),
    };
    load(&path, &options).and_then(|experiment| Plan::build(experiment, builtin())).map(|_| ())
}

fn assert_placed(result: Result<(), Vec<Issue>>) {
    for issue in result.err().unwrap_or_default() {
        assert!(issue.place.is_some(), "{issue:?}");
        assert!(!issue.message.is_empty() && !issue.render().is_empty());
    }
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
];

proptest! {
    #![proptest_config(ProptestConfig { cases: std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(400), ..ProptestConfig::default() })]

    #[test]
    fn a_damaged_spec_never_panics(
        which in 0usize..2,
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0usize..12, prop::sample::select(PIECES)), 1..5),
    ) {
        let name = ["configs/smoke.toml", "configs/cifar10.toml"][which];
        let mut text = std::fs::read_to_string(repository().join(name)).unwrap().into_bytes();
        for (at, cut, piece) in edits {
            let start = at.index(text.len());
            let end = (start + cut).min(text.len());
            text.splice(start..end, piece.bytes());
        }
        assert_placed(check(&text, Vec::new()));
    }

    #[test]
    fn any_text_is_refused_or_read(text in "\\PC{0,200}") {
        assert_placed(check(text.as_bytes(), Vec::new()));
    }

    #[test]
    fn any_bytes_are_refused_or_read(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        assert_placed(check(&bytes, Vec::new()));
    }

    #[test]
    fn any_option_is_refused_or_read(
        path in prop::sample::select(vec!["train.epochs", "train.layers[1].conv2d.filters", "sample.class-list", "x", "", "[3]",
            "train.loss.multi-similarity.alpha", "dataset", "report.figures[0]", "index.slice.size", "seed", "pipeline", "train..a"]),
        value in prop_oneof![Just(String::new()), prop::sample::select(PIECES).prop_map(str::to_owned), "\\PC{0,20}"],
    ) {
        let smoke = std::fs::read(repository().join("configs/smoke.toml")).unwrap();
        assert_placed(check(&smoke, vec![format!("{path}={value}")]));
    }
}
