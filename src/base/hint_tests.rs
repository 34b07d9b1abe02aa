//! What is said of values that are written as other tools have them.

use serde_json::{Value as Json, json};

use super::check;
use super::issue::IssueKind;
use super::param::{Param, from_json};
use crate::{choice, params};

params! {
    /// Two rates, a size and a loss.
    struct Settings {
        /// The first.
        rate_1: f64 = 0.1,
        /// The second.
        rate_2: f64 = 0.2,
        /// Height and width.
        size: Vec<u32> = vec![1, 1] => check::height_and_width(100),
        /// A loss.
        loss: Loss = Loss::Plain,
    }
}

params! {
    /// Several losses.
    struct Sum {
        /// All of them.
        terms: Vec<Term>,
    }
}

params! {
    /// A loss in a sum.
    struct Term {
        /// What it is multiplied by.
        weight: f64 = 1.0,
        /// The loss.
        loss: Loss,
    }
}

params! {
    /// A loss of one parameter.
    struct Scaled {
        /// The scale.
        scale: f64,
    }
}

choice! {
    /// A loss.
    enum Loss {
        /// Without parameters.
        "plain" => Plain,
        /// With one.
        "scaled" => Scaled(Scaled),
        /// Several.
        "sum" => Sum(Sum),
    }
}

choice! {
    /// A choice of nothing that holds it.
    enum Other {
        /// One.
        "one" => One,
        /// Another.
        "two" => Two,
    }
}

fn help<T: Param>(json: &Json) -> String {
    let issues = from_json::<T>(json).map(|_| ()).unwrap_err();
    assert_eq!(issues.len(), 1, "{issues:?}");
    issues[0].help.clone().unwrap_or_default()
}

#[test]
fn what_other_tools_write_in_one_is_written_as_it_is_here() {
    for (json, expected) in [
        (json!({ "rates": [0.5, 0.25] }), "write `rate-1 = 0.5, rate-2 = 0.25`"),
        (json!({ "size": 96 }), "write `size = [96, 96]`"),
        (json!({ "loss": { "scaled": 3 } }), "write { scaled = { scale = 3 } }"),
        (
            json!({ "loss": ["plain", "scaled"] }),
            "write { sum = { terms = [{ loss = \"plain\" }, { loss = \"scaled\" }] } }",
        ),
        (json!({ "loss": ["plain", { "scaled": {} }] }), "write { sum = { terms = [{ loss = .. }, ..] } }"),
        (json!({ "loss": ["plain"] }), "write one name, without brackets"),
    ] {
        assert_eq!(help::<Settings>(&json), expected, "{json}");
    }
    assert_eq!(help::<Other>(&json!(["one", "two"])), "write one name, without brackets");
    assert_eq!(help::<Vec<Other>>(&json!(["one", ["two"]])), "remove the inner brackets");
    // A list of another length has no such names.
    assert!(help::<Settings>(&json!({ "rates": [0.5, 0.25, 0.1] })).contains("did you mean"));
}

#[test]
fn a_key_of_another_place_is_told_with_what_it_belongs_inside_of() {
    let kind = |json: &Json| from_json::<Settings>(json).map(|_| ()).unwrap_err().remove(0).kind;
    let (key, inside) = ("scale".to_owned(), "scaled".to_owned());
    assert_eq!(kind(&json!({ "scale": 2.0 })), IssueKind::MisplacedKey { key, inside });
    let (key, inside) = ("SCALE".to_owned(), Some("scaled".to_owned()));
    assert_eq!(kind(&json!({ "SCALE": 2.0 })), IssueKind::NearKey { key, inside });
    // A choice itself belongs inside of nothing.
    assert_eq!(kind(&json!({ "scaled": { "scale": 2.0 } })), IssueKind::Wrong);
}
