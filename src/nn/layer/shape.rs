//! Shapes between layers, what is wrong with layers, and the layer table.

/// The shape of one example between two layers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FeatureShape {
    /// Height, width, channels.
    Image([usize; 3]),
    /// Tokens, and numbers of each.
    Tokens([usize; 2]),
    /// Features.
    Vector(usize),
}

impl FeatureShape {
    /// The innermost axis: channels or features.
    #[must_use]
    pub const fn channels(&self) -> usize {
        match self {
            Self::Image([_, _, channels]) => *channels,
            Self::Tokens([_, width]) => *width,
            Self::Vector(features) => *features,
        }
    }

    /// How many numbers an example has.
    #[must_use]
    pub const fn size(&self) -> usize {
        match self {
            Self::Image([height, width, channels]) => *height * *width * *channels,
            Self::Tokens([tokens, width]) => *tokens * *width,
            Self::Vector(features) => *features,
        }
    }

    /// As a list, the way `check --json` shows it.
    #[must_use]
    pub fn to_vec(&self) -> Vec<usize> {
        match self {
            Self::Image(sides) => sides.to_vec(),
            Self::Tokens(sides) => sides.to_vec(),
            Self::Vector(features) => vec![*features],
        }
    }

    pub(super) fn words(&self) -> String {
        self.to_vec().iter().map(ToString::to_string).collect::<Vec<_>>().join(" x ")
    }

    /// The sides, for a layer that needs an image.
    pub(super) fn image(&self, layer: &str) -> Result<[usize; 3], LayerIssue> {
        match self {
            Self::Image(sides) => Ok(*sides),
            Self::Vector(features) => {
                let message = format!("`{layer}` needs a map of height x width x channels, found {features} features");
                Err(LayerIssue::new("", message).help("put it before the layer that makes a vector"))
            }
            Self::Tokens([tokens, width]) => {
                let message = format!(
                    "`{layer}` needs a map of height x width x channels, found {tokens} tokens of {width} numbers"
                );
                Err(LayerIssue::new("", message).help("put it before \"patch-embed\""))
            }
        }
    }

    /// Tokens and their width, for a layer that needs tokens.
    pub(super) fn tokens(&self, layer: &str) -> Result<[usize; 2], LayerIssue> {
        match self {
            Self::Tokens(sides) => Ok(*sides),
            Self::Image(_) | Self::Vector(_) => {
                let message = format!("`{layer}` needs tokens, found {}", self.words());
                Err(LayerIssue::new("", message).help("put \"patch-embed\" before it, which makes tokens of an image"))
            }
        }
    }

    /// The length, for a layer that needs a vector.
    pub(super) fn vector(&self, layer: &str) -> Result<usize, LayerIssue> {
        match self {
            Self::Vector(features) => Ok(*features),
            Self::Tokens([tokens, width]) => {
                let message = format!("`{layer}` needs a vector, found {tokens} tokens of {width} numbers");
                Err(LayerIssue::new("", message).help("put \"token-pool\" before it"))
            }
            Self::Image(_) => {
                let message = format!("`{layer}` needs a vector, found a map of {}", self.words());
                let help = "put \"global-max-pool\", \"global-avg-pool\" or \"flatten\" before it";
                Err(LayerIssue::new("", message).help(help))
            }
        }
    }
}

/// A problem with a tree of layers, or with a loss.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerIssue {
    /// Where in the spec's table: `layers[3].residual.body[0].conv2d.kernel`, `layers[3]` or `layers`. A layer itself gives
    /// the part that begins with its own name, or nothing.
    pub path: String,
    /// What is wrong, with the shapes so far.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl LayerIssue {
    pub(crate) fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: path.into(), message: message.into(), help: None }
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// The layer table, as Keras' `summary()` shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ModelSummary {
    /// All parameters, moving statistics included.
    pub parameters: usize,
    /// Those that training changes by gradient.
    pub trainable: usize,
    /// In order.
    pub layers: Vec<LayerSummary>,
    /// Length of an embedding.
    pub dim: usize,
}

/// One row of a [`ModelSummary`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerSummary {
    /// The layer's kind, with a number from its second use on: `conv2d`, `conv2d-2`.
    pub name: String,
    /// What its weights' names begin with: `layers.3.conv2d`.
    pub path: String,
    /// What goes in.
    pub input: FeatureShape,
    /// What comes out.
    pub output: FeatureShape,
    /// Its parameters.
    pub parameters: usize,
}
