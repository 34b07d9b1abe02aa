//! How a network is used to embed images.

use serde::{Deserialize, Serialize};

/// What an embedding is made of. Vectors can be compared only where all of them were made alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelUse {
    /// The versions of an image whose mean is its embedding, as a spec names them.
    pub views: Vec<String>,
    /// Paths of the layers whose outputs are put one behind the other; empty for the network's own output.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub layers: Vec<String>,
    /// Whether rows are scaled to unit length, whatever the layers give.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub normalize: bool,
}

impl Default for ModelUse {
    /// The network's output for the image as it is.
    fn default() -> Self {
        Self { views: vec![Self::IDENTITY.to_owned()], layers: Vec::new(), normalize: false }
    }
}

impl ModelUse {
    /// The image as it is.
    pub const IDENTITY: &'static str = "identity";

    /// Whether it is the network's output for the image as it is: artifacts say nothing of it then.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }

    /// In words.
    #[must_use]
    pub fn words(&self) -> String {
        let layers = if self.layers.is_empty() { "the last layer".to_owned() } else { self.layers.join(", ") };
        let normalize = if self.normalize { ", scaled to unit length" } else { "" };
        format!("{layers} of {}{normalize}", self.views.join(" and "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_use_is_told_in_words_and_read_back() {
        let plain = ModelUse::default();
        assert!(plain.is_plain());
        assert_eq!(plain.words(), "the last layer of identity");
        let other = ModelUse {
            views: vec!["identity".to_owned(), "flip".to_owned()],
            layers: vec!["layers.5.global-max-pool".to_owned()],
            normalize: true,
        };
        assert_eq!(other.words(), "layers.5.global-max-pool of identity and flip, scaled to unit length");
        for one in [plain, other] {
            let json = serde_json::to_string(&one).unwrap();
            assert_eq!(serde_json::from_str::<ModelUse>(&json).unwrap(), one);
        }
    }
}
