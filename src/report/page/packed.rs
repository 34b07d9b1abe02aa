//! Numbers as the page's script reads them: little-endian arrays in base64, which take neither the space nor the time of numbers as
//! text.

use crate::inline::base64;

/// Queries whose verdicts follow the threshold, at most.
pub(super) const QUERIES: usize = 20_000;

/// Numbers with a point.
pub(super) fn floats(values: impl Iterator<Item = f64>) -> String {
    base64(&values.flat_map(|value| (value as f32).to_le_bytes()).collect::<Vec<u8>>())
}

/// Whole numbers; what is too large is the largest.
pub(super) fn counts(values: impl Iterator<Item = u64>) -> String {
    let short = |value: u64| u32::try_from(value).unwrap_or(u32::MAX).to_le_bytes();
    base64(&values.flat_map(short).collect::<Vec<u8>>())
}
