//! What of the classes becomes one split: a share, or the classes themselves.

use serde_json::{Value as Json, json};

use crate::sampler::{ClassRef, Written};
use simpipe_base::issue::{Issue, Issues};
use simpipe_base::node::{Node, Value};
use simpipe_base::param::{self, Param, Shape, View};

const EXPECTED: &str = "write a share such as 0.2, a list such as [\"Cat\", 5, \"7..=9\"], or \"0..=99\" for labels";

/// Classes that form a split.
#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    /// This share of all classes, rounded up.
    Share(f64),
    /// These.
    Listed(Vec<ClassRef>),
}

impl Part {
    /// The classes, where they are listed.
    pub(super) fn listed(&self) -> &[ClassRef] {
        match self {
            Self::Share(_) => &[],
            Self::Listed(list) => list,
        }
    }

    /// The share, where it is one.
    pub(super) const fn share(&self) -> Option<f64> {
        match self {
            Self::Share(share) => Some(*share),
            Self::Listed(_) => None,
        }
    }

    /// Whether any class is wanted.
    pub(super) fn is_wanted(&self) -> bool {
        !matches!(self, Self::Share(share) if *share == 0.0)
    }
}

impl Param for Part {
    fn read(node: &Node, path: &str, issues: &mut Issues) -> Option<Self> {
        let mut refuse = |message: String| {
            issues.push(Issue::at(&node.place, path, message).help(EXPECTED));
            None
        };
        match &node.value {
            Value::Integer(_) | Value::Float(_) => {
                let share = f64::read(node, path, issues)?;
                if (0.0..1.0).contains(&share) {
                    return Some(Self::Share(share));
                }
                let message = format!("`{path}` must be a share of at least 0 and below 1, found {share}");
                issues.push(Issue::at(&node.place, path, message).help(EXPECTED));
                None
            }
            Value::Array(items) if items.is_empty() => refuse(format!("`{path}` must name at least one class")),
            Value::Array(_) => Vec::read(node, path, issues).map(Self::Listed),
            Value::Table(_) => ClassRef::read(node, path, issues).map(|class| Self::Listed(vec![class])),
            Value::String(_) => {
                let class = ClassRef::read(node, path, issues)?;
                if matches!(class.written, Written::Range(..)) {
                    return Some(Self::Listed(vec![class]));
                }
                let message = format!("`{path}` expects a share or a list of classes, found {}", param::found(node));
                issues.push(Issue::at(&node.place, path, message).help(EXPECTED));
                None
            }
            _ => refuse(format!("`{path}` expects a share or a list of classes, found {}", param::found(node))),
        }
    }

    fn write(&self, view: View) -> Json {
        match self {
            Self::Share(share) => json!(share),
            Self::Listed(list) => list.write(view),
        }
    }

    fn shape() -> Shape {
        Shape::AnyOf(vec![Shape::Number, Vec::<ClassRef>::shape(), ClassRef::shape()])
    }
}
