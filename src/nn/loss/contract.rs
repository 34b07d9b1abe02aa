//! What every loss says of itself, and what those around it are given: a batch's needs, the losses inside another.

use burn::tensor::Tensor;

use super::{Embedded, Known, LossSpec};
use crate::layer::{Cx, WeightSpec};
use crate::ops;
use simpipe_artifact::Distance;
use simpipe_base::issue::Issue;

/// One loss. A new one is a file and a line in [`LossSpec`].
pub(crate) trait Loss: std::fmt::Debug {
    /// The distance that it is about: the index follows it.
    fn distance(&self) -> Distance;

    /// What a batch must hold for it.
    fn needs(&self) -> Needs;

    /// Whether it says what is to be learned; a regulariser alone trains nothing.
    fn is_objective(&self) -> bool {
        true
    }

    /// What is wrong with its parameters and with the losses inside it, their paths from its own parameters on.
    fn problems(&self, _known: &Known) -> Vec<Issue> {
        Vec::new()
    }

    /// The weights that it learns, beside the network's, and the statistics that it keeps.
    fn weights(&self, _target: Target) -> Vec<WeightSpec> {
        Vec::new()
    }

    /// The losses that it is made of, in the order of their numbers.
    fn inner(&self, _target: Target) -> Vec<Inner<'_>> {
        Vec::new()
    }

    /// Whether it is made of the pairs or triplets that a miner chooses, where there is one.
    fn takes_miner(&self) -> bool {
        false
    }

    /// Whether the lengths of embeddings are of no account: it brings them to unit length itself, or does what comes to the
    /// same.
    fn takes_directions(&self) -> bool {
        false
    }

    /// Whether embeddings are to have the lengths that it gives them, so that no layer should take them away.
    fn learns_lengths(&self) -> bool {
        false
    }

    /// Whether it trains a network by itself, and is not meant to go beside another loss.
    fn stands_alone(&self) -> bool {
        self.is_objective()
    }

    /// The loss of a batch, `[1]`: 0 with a gradient of 0 where the batch holds nothing to learn from, never NaN.
    fn forward(&self, batch: &Embedded<'_>, cx: &mut Cx<'_>) -> Tensor<1>;

    /// The losses of the rows, `[batch]`, where the loss is their mean: for looking at, not for training.
    fn rows(&self, _batch: &Embedded<'_>, _cx: &mut Cx<'_>) -> Option<Tensor<1>> {
        None
    }
}

/// What a loss around another says of itself: what the one in its field `loss` does.
macro_rules! like_its_loss {
    () => {
        fn distance(&self) -> simpipe_artifact::Distance {
            self.loss.distance()
        }

        fn takes_directions(&self) -> bool {
            self.loss.takes_directions()
        }

        fn learns_lengths(&self) -> bool {
            self.loss.learns_lengths()
        }

        fn needs(&self) -> $crate::loss::Needs {
            self.loss.needs()
        }

        fn is_objective(&self) -> bool {
            self.loss.as_dyn().is_objective()
        }

        fn stands_alone(&self) -> bool {
            self.loss.as_dyn().stands_alone()
        }
    };
}
pub(super) use like_its_loss;

/// What a batch must hold for a loss.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Needs {
    /// Two examples of one class.
    pub positive_pairs: bool,
    /// Examples of two classes.
    pub negative_pairs: bool,
    /// Classes that were there when training began: the loss has learned something of each.
    pub known_classes: bool,
    /// Two views of every example, augmented apart.
    pub two_views: bool,
}

impl Needs {
    /// Pairs of one class and of two.
    pub(crate) fn pairs() -> Self {
        Self { positive_pairs: true, negative_pairs: true, ..Self::default() }
    }
}

/// The loss of a batch that holds nothing to learn from: 0, with a gradient of 0.
pub(super) fn zero(batch: &Embedded<'_>) -> Tensor<1> {
    ops::sum(batch.embeddings.clone().mul_scalar(0.0))
}

/// A loss inside another.
#[derive(Debug, Clone)]
pub(crate) struct Inner<'a> {
    /// Where it stands in the outer one, unique there: `terms.0`. Its weights' paths have it.
    pub(crate) name: String,
    pub(crate) loss: &'a LossSpec,
    /// What its weights are for.
    pub(crate) target: Target,
}

/// What a loss's weights are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Target {
    /// Length of an embedding.
    pub(crate) dim: usize,
    /// Classes that are trained on.
    pub(crate) classes: usize,
}
