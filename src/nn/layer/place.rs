//! Where a layer stands in the tree: the path of its weights, its place in the spec, and the numbers of its random streams.

/// A layer, or the list that layers stand in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// `layers.3.residual.body.0.conv2d`: what its weights' names begin with.
    path: String,
    /// `layers[3].residual.body[0]`: where it is written; a problem's own path begins with the layer's name.
    spec: String,
    /// Every number on the way: what its random streams are made of. Of a layer in the outermost list one number.
    numbers: Vec<u64>,
}

impl Place {
    /// The outermost list.
    pub(crate) fn root() -> Self {
        Self { path: "layers".to_owned(), spec: "layers".to_owned(), numbers: Vec::new() }
    }

    /// The loss, of this kind. No layer has its number.
    pub(crate) fn loss(kind: &str) -> Self {
        Self { path: format!("loss.{kind}"), spec: "loss".to_owned(), numbers: vec![u64::MAX] }
    }

    /// A loss inside this one, at this name and number there: `loss.sum.terms.0.triplet`.
    pub(crate) fn inner(&self, name: &str, number: u64, kind: &str) -> Self {
        Self {
            path: format!("{}.{name}.{kind}", self.path),
            spec: self.spec.clone(),
            numbers: self.numbers.iter().copied().chain([number]).collect(),
        }
    }

    /// Layer `at` of this list, of this kind.
    pub(crate) fn layer(&self, at: usize, kind: &str) -> Self {
        Self {
            path: format!("{}.{at}.{kind}", self.path),
            spec: format!("{}[{at}]", self.spec),
            numbers: self.numbers.iter().copied().chain([at as u64]).collect(),
        }
    }

    /// A list of layers inside this layer.
    pub(crate) fn list(&self, list: &List<'_>) -> Self {
        Self {
            path: format!("{}.{}", self.path, list.path),
            spec: format!("{}.{}", self.spec, list.spec),
            numbers: self.numbers.iter().copied().chain([list.number]).collect(),
        }
    }

    /// The name of one of its weights.
    pub(crate) fn weight(&self, name: &str) -> String {
        format!("{}.{name}", self.path)
    }

    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    pub(crate) fn spec(&self) -> &str {
        &self.spec
    }

    pub(crate) fn numbers(&self) -> &[u64] {
        &self.numbers
    }
}

/// A list of layers inside a layer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct List<'a> {
    /// What the weights' names have for it: `body`, or `1.body` in the second round of a repetition.
    pub(crate) path: &'a str,
    /// Where it is written, from the layer on: `residual.body`, `concat.branches[0]`.
    pub(crate) spec: &'a str,
    /// Its number among the layer's lists.
    pub(crate) number: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nested_layer_is_named_by_every_step() {
        let residual = Place::root().layer(3, "residual");
        let body = residual.list(&List { path: "body", spec: "residual.body", number: 0 });
        let conv = body.layer(0, "conv2d");
        assert_eq!(conv.weight("weight"), "layers.3.residual.body.0.conv2d.weight");
        assert_eq!(conv.spec(), "layers[3].residual.body[0]");
        assert_eq!(conv.numbers(), [3, 0, 0]);
        assert_eq!(Place::root().layer(3, "conv2d").numbers(), [3]);
    }
}
