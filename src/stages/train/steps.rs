//! `steps-per-epoch`: a number of batches, or what the sampler gives in one pass.

use serde_json::Value as Json;

use simpipe_base::bounds::Bounds;
use simpipe_base::check::{self, Check};
use simpipe_base::issue::Issues;
use simpipe_base::node::Node;
use simpipe_base::param::{Param, Shape, View};

/// Batches of an epoch where nothing else says it.
const USUAL: usize = 1000;

/// Batches of an epoch; `None` where no number is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StepsPerEpoch(Option<usize>);

impl StepsPerEpoch {
    /// So many.
    #[must_use]
    pub const fn of(count: usize) -> Self {
        Self(Some(count))
    }

    pub(super) fn range() -> Check<Self> {
        check::count(1).optional().of(|steps: &Self| &steps.0)
    }

    /// Whether the number is written.
    pub(super) const fn is_said(self) -> bool {
        self.0.is_some()
    }

    /// How many there are, with a sampler of this many batches a pass.
    pub(super) const fn count(self, steps_per_pass: Option<usize>) -> usize {
        match (self.0, steps_per_pass) {
            (Some(count), _) | (None, Some(count)) => count,
            (None, None) => USUAL,
        }
    }
}

impl Param for StepsPerEpoch {
    fn read(node: &Node, path: &str, issues: &mut Issues) -> Option<Self> {
        usize::read(node, path, issues).map(Self::of)
    }

    /// What it stands for where nothing is written is the sampler's; as the default of a key it is what it always was.
    fn write(&self, view: View) -> Json {
        match (self.0, view) {
            (Some(count), _) => count.into(),
            (None, View::Key) => USUAL.into(),
            (None, _) => Json::Null,
        }
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
    use serde_json::json;

    use super::*;
    use simpipe_base::param::write_field;

    #[test]
    fn a_pass_is_an_epoch_where_nothing_else_is_written() {
        let (left_out, usual, few) = (StepsPerEpoch::default(), StepsPerEpoch::of(USUAL), StepsPerEpoch::of(7));
        assert_eq!([left_out, usual, few].map(|steps| steps.count(None)), [1000, 1000, 7]);
        assert_eq!([left_out, usual, few].map(|steps| steps.count(Some(15))), [15, 1000, 7]);
    }

    #[test]
    fn every_number_that_is_written_is_in_the_key() {
        let key = |steps: StepsPerEpoch| {
            let mut object = serde_json::Map::new();
            write_field(&mut object, "steps_per_epoch", &steps, Some(&StepsPerEpoch::default()), View::Key, false);
            Json::Object(object)
        };
        assert_eq!(key(StepsPerEpoch::default()), json!({}));
        assert_eq!(key(StepsPerEpoch::of(USUAL)), json!({ "steps-per-epoch": 1000 }));
        assert_eq!(key(StepsPerEpoch::of(7)), json!({ "steps-per-epoch": 7 }));
    }
}
