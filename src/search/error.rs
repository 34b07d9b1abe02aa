//! Vectors that can't be searched.

/// Why a set of vectors can't be searched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SearchError {
    /// A vector holds NaN or an infinity: no order of distances exists.
    #[error("the vector at position {position} holds a number that is not finite")]
    NotFinite {
        /// Its row.
        position: usize,
    },
    /// A vector is all zeros: it has no direction that the cosine distance could compare.
    #[error("the vector at position {position} is all zeros, so it has no direction")]
    Zero {
        /// Its row.
        position: usize,
    },
    /// The numbers are not a whole number of rows.
    #[error("{numbers} numbers are not a whole number of vectors of length {dim}")]
    Ragged {
        /// How many there are.
        numbers: usize,
        /// Length of a vector.
        dim: usize,
    },
    /// The caller wants to stop.
    #[error("interrupted")]
    Stopped,
    /// Queries and rows have different lengths.
    #[error("queries have {queries} numbers each, the indexed vectors {rows}")]
    Dimension {
        /// Length of a query.
        queries: usize,
        /// Length of an indexed vector.
        rows: usize,
    },
}
