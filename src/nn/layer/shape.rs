//! Shapes between layers.

use simpipe_base::issue::Issue;

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

    /// The shape that a row of a [`ModelSummary`](simpipe_artifact::ModelSummary) names.
    ///
    /// # Panics
    /// If it is of no layer.
    #[must_use]
    pub fn of_row(sides: &[usize]) -> Self {
        match *sides {
            [features] => Self::Vector(features),
            [tokens, width] => Self::Tokens([tokens, width]),
            [height, width, channels] => Self::Image([height, width, channels]),
            _ => unreachable!("no layer gives {sides:?}"),
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
        words(&self.to_vec())
    }

    /// The sides, for a layer that needs an image.
    pub(super) fn image(&self, layer: &str) -> Result<[usize; 3], Issue> {
        match self {
            Self::Image(sides) => Ok(*sides),
            Self::Vector(features) => {
                let message = format!("`{layer}` needs a map of height x width x channels, found {features} features");
                Err(Issue::of("", message).help("put it before the layer that gives a vector"))
            }
            Self::Tokens([tokens, width]) => {
                let message = format!(
                    "`{layer}` needs a map of height x width x channels, found {tokens} tokens of {width} dimensions"
                );
                Err(Issue::of("", message).help("put it before \"patch-embed\""))
            }
        }
    }

    /// Tokens and their width, for a layer that needs tokens.
    pub(super) fn tokens(&self, layer: &str) -> Result<[usize; 2], Issue> {
        match self {
            Self::Tokens(sides) => Ok(*sides),
            Self::Image(_) | Self::Vector(_) => {
                let message = format!("`{layer}` needs tokens, found {}", self.words());
                Err(Issue::of("", message).help("put \"patch-embed\" before it, which turns an image into tokens"))
            }
        }
    }

    /// The length, for a layer that needs a vector.
    pub(super) fn vector(&self, layer: &str) -> Result<usize, Issue> {
        match self {
            Self::Vector(features) => Ok(*features),
            Self::Tokens([tokens, width]) => {
                let message = format!("`{layer}` needs a vector, found {tokens} tokens of {width} dimensions");
                Err(Issue::of("", message).help("put \"token-pool\" before it"))
            }
            Self::Image(_) => {
                let message = format!("`{layer}` needs a vector, found a map of {}", self.words());
                let help = "put \"global-max-pool\", \"global-avg-pool\" or \"flatten\" before it";
                Err(Issue::of("", message).help(help))
            }
        }
    }
}

/// The sides of a shape in words: `4 x 4 x 8`.
pub(super) fn words(sides: &[usize]) -> String {
    sides.iter().map(ToString::to_string).collect::<Vec<_>>().join(" x ")
}
