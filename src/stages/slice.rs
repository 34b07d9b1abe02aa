//! `slice = "all"` or `{ begin = 0, size = 200 }`: positions in a sampler's pool, shared by several stages.

use std::ops::Range;

use serde_json::{Value as Json, json};

use simpipe_base::check;
use simpipe_base::issue::{Issue, Issues};
use simpipe_base::node::{Node, Value};
use simpipe_base::param::{self, Param, Shape, View};
use simpipe_base::params;

/// Which positions of a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slice {
    /// Every position (TensorFlow Similarity's `get_slice(0, -1)` drops the last; this does not).
    All,
    /// Some in a row.
    Part {
        /// The first position.
        begin: usize,
        /// How many.
        size: usize,
    },
}

params! {
    /// Positions in a row.
    pub struct Part {
        /// The first position, from 0.
        #[aka("start", "from", "first", "offset")]
        begin: usize = 0 => check::count(0),
        /// How many positions.
        #[aka("length", "count", "end", "limit")]
        size: usize => check::count(1),
    }
}

impl Slice {
    /// The positions in a pool of `count`; `None` while that is unknown.
    ///
    /// # Errors
    /// If the pool is smaller than the slice. `path` is the parameter's path.
    pub fn within(&self, count: Option<usize>, path: &str) -> Result<Option<Range<usize>>, Issue> {
        let Some(count) = count else { return Ok(None) };
        match *self {
            Self::All => Ok(Some(0..count)),
            Self::Part { begin, size } if begin.checked_add(size).is_some_and(|end| end <= count) => {
                Ok(Some(begin..begin + size))
            }
            Self::Part { begin, size } => Err(Issue::of(
                path,
                format!("the slice ends at position {}, but there are {count}", begin.saturating_add(size)),
            )
            .help(format!("choose `begin` and `size` with a sum of at most {count}, or \"all\""))),
        }
    }
}

impl Param for Slice {
    fn read(node: &Node, path: &str, issues: &mut Issues) -> Option<Self> {
        match &node.value {
            Value::String(text) if text == "all" => Some(Self::All),
            Value::Table(_) => {
                Part::read(node, path, issues).map(|part| Self::Part { begin: part.begin, size: part.size })
            }
            _ => {
                let message = format!("`{path}` expects \"all\" or a table, found {}", param::found(node));
                issues.push(Issue::at(&node.place, path, message).help("write \"all\" or { begin = 0, size = 200 }"));
                None
            }
        }
    }

    fn write(&self, _: View) -> Json {
        match self {
            Self::All => json!("all"),
            Self::Part { begin, size } => json!({ "begin": begin, "size": size }),
        }
    }

    fn shape() -> Shape {
        Shape::AnyOf(vec![Shape::Word("all"), Part::shape()])
    }
}
