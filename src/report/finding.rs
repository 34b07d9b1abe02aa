//! One weakness of an evaluation, or the assurance that it has not got it.

/// One thing that a reader must know before believing a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// A short stable name: `self-matches`, `calibrated-on-training`, ...
    pub name: &'static str,
    /// Whether it makes the figures look better than they are.
    pub flaw: bool,
    /// What was found, as sentences.
    pub text: String,
}

impl Finding {
    pub(super) fn new(name: &'static str, flaw: bool, text: String) -> Self {
        Self { name, flaw, text }
    }
}
