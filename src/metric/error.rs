//! What can't be measured.

use std::fmt;

/// Why a measurement is refused. What is merely undefined (a mean of nothing) is `None` instead.
#[derive(Debug, Clone, PartialEq)]
pub enum MetricError {
    /// A number is NaN, or an infinity where only finite numbers have a meaning.
    NotFinite {
        /// What holds it, such as "embedding".
        what: &'static str,
        /// The position of the row or score.
        row: usize,
    },
    /// The caller wants to stop.
    Stopped,
    /// Two things that belong together have different lengths.
    Lengths {
        /// What is counted first.
        one: &'static str,
        /// How many.
        ones: usize,
        /// What is counted second.
        other: &'static str,
        /// How many.
        others: usize,
    },
    /// A number is out of its range.
    Range {
        /// What it is called.
        what: &'static str,
        /// What it must be.
        expected: String,
    },
    /// A position that there is no row for.
    Position {
        /// What it points at.
        what: &'static str,
        /// The position.
        position: usize,
        /// How many rows there are.
        rows: usize,
    },
}

impl fmt::Display for MetricError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFinite { what, row } => write!(f, "the {what} at position {row} is not finite"),
            Self::Stopped => write!(f, "interrupted"),
            Self::Lengths { one, ones, other, others } => write!(f, "{ones} {one} do not fit {others} {other}"),
            Self::Range { what, expected } => write!(f, "{what} must be {expected}"),
            Self::Position { what, position, rows } => write!(f, "there is no {what} {position} among {rows}"),
        }
    }
}

impl std::error::Error for MetricError {}
