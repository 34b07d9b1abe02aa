//! A list of layers under work, and what the tensors of each are called where its weights were trained.

use crate::layer::{Activation, BatchNorm, Conv2d, Fan, He, Init, LayerSpec, Padding, Residual, Symmetric};

/// Names by scheme of a layer: what a file has in place of its place in the tree, `4.body.0`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Called {
    /// The place in the tree and the names, one by scheme.
    pub(crate) names: Vec<(String, Vec<String>)>,
}

impl Called {
    /// A tensor's name by scheme `scheme`; as it is where no layer has a name.
    pub(crate) fn name(&self, tree: &str, scheme: usize) -> String {
        let inside = |place: &str| {
            let rest = tree.strip_prefix(place)?;
            (rest.is_empty() || rest.starts_with('.')).then_some(rest)
        };
        // The longest place, for a layer may be named beside the list that it stands in.
        let found = self.names.iter().filter_map(|(place, names)| Some((place, names.get(scheme)?, inside(place)?)));
        let found = found.max_by_key(|(place, ..)| place.len());
        found.map_or_else(|| tree.to_owned(), |(_, name, rest)| format!("{name}{rest}"))
    }
}

/// Layers one behind the other.
#[derive(Debug, Default)]
pub(super) struct Stack {
    /// What places in it begin with: ``, or `4.body.`.
    at: String,
    pub(super) layers: Vec<LayerSpec>,
    pub(super) called: Called,
}

impl Stack {
    /// A layer whose tensors are called so, scheme by scheme; none for a layer without any.
    pub(super) fn push(&mut self, layer: LayerSpec, names: &[String]) {
        if !names.is_empty() {
            self.called.names.push((format!("{}{}", self.at, self.layers.len()), names.to_vec()));
        }
        self.layers.push(layer);
    }

    /// The last layer's part of this name, such as `fc1`.
    pub(super) fn part(&mut self, part: &str, names: &[String]) {
        let place = format!("{}{}.{part}", self.at, self.layers.len().saturating_sub(1));
        self.called.names.push((place, names.to_vec()));
    }

    /// The body of a residual that is pushed next.
    pub(super) fn body(&self) -> Self {
        Self { at: format!("{}{}.body.", self.at, self.layers.len()), ..Self::default() }
    }

    /// The sum of a [`body`](Self::body) and what goes into it.
    pub(super) fn residual(&mut self, body: Self) {
        self.called.names.extend(body.called.names);
        let (shortcut, activation) = (Vec::new(), Activation::None);
        self.layers.push(LayerSpec::Residual(Residual { body: body.layers, shortcut, activation }));
    }

    /// The layers of a body as they are, where nothing is added to them.
    pub(super) fn extend(&mut self, body: Self) {
        let begin = self.layers.len();
        for (place, names) in body.called.names {
            let inner = &place[body.at.len()..];
            let digits = inner.find('.').unwrap_or(inner.len());
            let (number, rest) = inner.split_at(digits);
            let number = begin + number.parse::<usize>().unwrap_or_default();
            self.called.names.push((format!("{}{number}{rest}", self.at), names));
        }
        self.layers.extend(body.layers);
    }
}

/// A convolution without bias, padded as TensorFlow or as torch pads.
pub(super) fn convolution(filters: usize, kernel: usize, stride: usize, groups: usize, same: bool) -> LayerSpec {
    let padding = match (kernel, same) {
        (1, _) => Padding::Valid,
        (_, true) => Padding::Same,
        (_, false) => Padding::Symmetric(Symmetric { pixels: kernel / 2 }),
    };
    LayerSpec::Conv2d(Conv2d {
        filters,
        kernel,
        stride,
        padding,
        dilation: 1,
        groups,
        bias: false,
        init: Init::HeNormal(He { fan: Fan::Out }),
        activation: Activation::None,
    })
}

/// A batch normalisation with torch's momentum, of which 0.1 enters.
pub(super) fn normalisation(epsilon: f64) -> LayerSpec {
    LayerSpec::BatchNorm(BatchNorm { momentum: 0.9, epsilon, scale: true, bias: true })
}
