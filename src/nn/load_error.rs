//! Why weights are not those of a network.

/// Why an artifact is no network.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// `model.json` holds layers that this version does not read.
    #[error("the layers of the model can't be read: {0}")]
    Layers(String),
    /// A tensor is not there.
    #[error("the weights have no tensor `{0}`")]
    Missing(String),
    /// A tensor has another shape.
    #[error("the tensor `{name}` has the shape {found:?}, but the layers need {expected:?}")]
    Shape {
        /// Its name.
        name: String,
        /// In the file.
        found: Vec<usize>,
        /// From the layers.
        expected: Vec<usize>,
    },
}
