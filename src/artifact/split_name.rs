//! Names of splits that mean the same in every dataset, and what other tools call them.

use simpipe_base::suggest::{self, Known};

/// What is trained on.
pub const TRAIN: &str = "train";
/// What choices are made on.
pub const VALIDATION: &str = "validation";
/// What is asked once.
pub const TEST: &str = "test";

/// Words for one split, whichever of them a dataset has.
const SAME: [&[&str]; 3] =
    [&[TRAIN, "training"], &[VALIDATION, "val", "valid", "dev", "development"], &[TEST, "testing"]];

/// What to do about a split that is not among those that are there: the one that is meant, or the list of them.
#[must_use]
pub fn help(name: &str, there: &[&str]) -> String {
    let known: Vec<Known<'_>> = there.iter().map(|&one| Known { name: one, aka: words_for(one) }).collect();
    suggest::help(name, &known)
}

/// All words for the split that a name stands for; none of a name that only one dataset has.
fn words_for(name: &str) -> &'static [&'static str] {
    SAME.into_iter().find(|words| words.iter().any(|word| suggest::same(word, name))).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_split_is_found_by_what_other_tools_call_it() {
        let there = ["test", "train", "validation"];
        for (name, meant) in [
            ("val", "validation"),
            ("valid", "validation"),
            ("dev", "validation"),
            ("Training", "train"),
            ("testing", "test"),
            ("validaton", "validation"),
        ] {
            assert_eq!(help(name, &there), format!("did you mean `{meant}`?"));
        }
        assert_eq!(help("validation", &["train", "val"]), "did you mean `val`?", "the dataset's own word for it");
        assert_eq!(help("val", &["test", "train"]), "expected `test` or `train`", "no such split is there");
    }
}
