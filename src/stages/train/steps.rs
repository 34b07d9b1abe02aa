//! `steps-per-epoch`: a number of batches, or what the sampler gives in one pass.

use serde_json::Value as Json;

use crate::base::bounds::Bounds;
use crate::base::check::{self, Check};
use crate::base::issue::Issues;
use crate::base::node::Node;
use crate::base::param::{Param, Shape, View};
use crate::stage::ParamIssue;

/// Batches of an epoch where nothing else says it.
const USUAL: usize = 1000;

/// Batches of an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepsPerEpoch {
    count: usize,
    /// Whether the number is written.
    said: bool,
}

impl Default for StepsPerEpoch {
    /// What it is where it is left out.
    fn default() -> Self {
        Self { count: USUAL, said: false }
    }
}

impl StepsPerEpoch {
    /// So many.
    #[must_use]
    pub const fn of(count: usize) -> Self {
        Self { count, said: true }
    }

    pub(super) fn range() -> Check<Self> {
        check::count(1).of(|steps: &Self| &steps.count)
    }

    /// Whether the number is written.
    pub(super) const fn is_said(self) -> bool {
        self.said
    }

    /// How many there are, with a sampler of this many batches a pass.
    pub(super) const fn count(self, steps_per_pass: Option<usize>) -> usize {
        match steps_per_pass {
            Some(pass) if !self.said => pass,
            _ => self.count,
        }
    }

    /// A number that enters no key, because it is what is meant where none is written, can't stand for anything else.
    pub(super) fn problem(self, makes_passes: bool, steps_per_pass: Option<usize>) -> Option<ParamIssue> {
        let other = makes_passes && self.said && self.count == USUAL && steps_per_pass != Some(USUAL);
        let pass = steps_per_pass.map_or_else(String::new, |pass| format!(": {pass} batches"));
        let message = other.then(|| {
            format!(
                "{USUAL} is what `steps-per-epoch` stands for where it is left out, and with this sampler that is one pass{pass}"
            )
        })?;
        Some(ParamIssue::new("steps-per-epoch", message).help("leave it out, or write another number"))
    }
}

impl Param for StepsPerEpoch {
    fn read(node: &Node, path: &str, issues: &mut Issues) -> Option<Self> {
        usize::read(node, path, issues).map(Self::of)
    }

    /// An artifact shows only what is written: what it stands for otherwise is the sampler's.
    fn write(&self, view: View) -> Json {
        if view == View::Portable && !self.said { Json::Null } else { self.count.into() }
    }

    fn shape() -> Shape {
        usize::shape()
    }

    fn bounds() -> Bounds {
        usize::bounds()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pass_is_an_epoch_where_nothing_else_is_written() {
        let (left_out, usual, few) = (StepsPerEpoch::default(), StepsPerEpoch::of(USUAL), StepsPerEpoch::of(7));
        assert_eq!([left_out, usual, few].map(|steps| steps.count(None)), [1000, 1000, 7]);
        assert_eq!([left_out, usual, few].map(|steps| steps.count(Some(15))), [15, 1000, 7]);
        // Both enter a key as nothing, so they must mean the same.
        assert_eq!(left_out.write(View::Full), usual.write(View::Full));
        assert_eq!([left_out, usual, few].map(|steps| steps.problem(true, Some(15)).is_some()), [false, true, false]);
        assert_eq!(usual.problem(true, Some(USUAL)), None);
        assert_eq!(usual.problem(false, None), None);
        assert!(usual.problem(true, None).is_some());
    }
}
