//! A tensor of a file that others made: its name, its type, its sides, and where its numbers lie.

/// A tensor in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorEntry {
    /// Its name.
    pub name: String,
    /// What its numbers are: `F32`.
    pub dtype: String,
    /// Its sides, the slowest first.
    pub shape: Vec<usize>,
    /// Where its bytes lie, behind the head.
    pub(super) range: (usize, usize),
    /// Numbers from one to the next, by side; none where they lie row by row.
    pub(super) strides: Vec<usize>,
}

impl TensorEntry {
    /// Whether its numbers are had as `f32`: they are of a type with a point.
    #[must_use]
    pub fn is_float(&self) -> bool {
        matches!(self.dtype.as_str(), "F32" | "F64" | "F16" | "BF16")
    }
}
