//! How many triplets of each anchor a loss is made of.

use serde_json::{Value as Json, json};

use simpipe_base::issue::{Issue, Issues};
use simpipe_base::node::{Node, Value};
use simpipe_base::param::{self, Param, Shape, View};

/// `"all"`, or a number from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PerAnchor {
    /// Every combination of its positives with its negatives.
    All,
    /// So many, drawn with repetition at each step of the training. A validation takes all.
    Drawn(u32),
}

const EXPECTED: &str = "write \"all\" or a number from 1 to 65536";

impl PerAnchor {
    /// The number; `None` for all.
    pub(super) const fn count(self) -> Option<usize> {
        match self {
            Self::All => None,
            Self::Drawn(count) => Some(count as usize),
        }
    }
}

impl Param for PerAnchor {
    fn read(node: &Node, path: &str, issues: &mut Issues) -> Option<Self> {
        match &node.value {
            Value::String(text) if text == "all" => return Some(Self::All),
            Value::Integer(count @ 1..=65_536) => return u32::try_from(*count).ok().map(Self::Drawn),
            _ => {}
        }
        let message = format!("`{path}` expects \"all\" or a number from 1 to 65536, found {}", param::found(node));
        issues.push(Issue::at(&node.place, path, message).help(EXPECTED));
        None
    }

    fn write(&self, _: View) -> Json {
        match self {
            Self::All => json!("all"),
            Self::Drawn(count) => json!(count),
        }
    }

    fn shape() -> Shape {
        Shape::AnyOf(vec![Shape::Word("all"), Shape::Integer])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_all_or_a_number() {
        for (written, expected) in [(json!("all"), PerAnchor::All), (json!(3), PerAnchor::Drawn(3))] {
            let read: PerAnchor = param::from_json(&written).unwrap();
            assert_eq!((read, read.write(View::Full)), (expected, written));
        }
        for wrong in [json!(0), json!(-1), json!("some"), json!(1.5), json!(65_537)] {
            assert!(param::from_json::<PerAnchor>(&wrong).is_err(), "{wrong}");
        }
    }
}
