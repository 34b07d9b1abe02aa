//! A network as modules of torch, one inside the other.

/// A module with its name in the list that it stands in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) name: String,
    pub(super) code: Code,
}

/// What makes a module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Code {
    /// One of torch's, or of [`HELPERS`].
    Line(String),
    /// Several, one behind the other.
    List(Vec<Item>),
    Residual {
        body: Vec<Item>,
        shortcut: Vec<Item>,
        activation: String,
    },
    Concat(Vec<Vec<Item>>),
}
