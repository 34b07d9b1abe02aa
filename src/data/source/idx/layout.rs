//! What an idx file must look like, gzipped and unpacked.

use std::io::Read;
use std::path::Path;

use flate2::read::MultiGzDecoder;

use crate::DataError;

pub(super) fn gunzip(path: &Path, bytes: &[u8], expected: usize) -> Result<Vec<u8>, DataError> {
    let unreadable = |error| DataError::malformed(path, format!("not a whole gzip file: {error}"));
    read_at_most(MultiGzDecoder::new(bytes), expected).map_err(unreadable)
}

/// One byte more than expected is enough to tell that there is too much.
fn read_at_most(from: impl Read, expected: usize) -> std::io::Result<Vec<u8>> {
    let mut content = Vec::with_capacity(expected);
    from.take(expected as u64 + 1).read_to_end(&mut content)?;
    Ok(content)
}

/// Checks magic number, dimensions and length.
pub(super) fn expect_layout(path: &Path, content: &[u8], header: &[u32], expected: usize) -> Result<(), DataError> {
    let wanted: Vec<u8> = header.iter().flat_map(|number| number.to_be_bytes()).collect();
    if !content.starts_with(&wanted) {
        let found: Vec<u32> = content
            .chunks_exact(4)
            .take(header.len())
            .map(|bytes| u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
            .collect();
        let reason = format!("not the idx header that is expected: {header:?} (magic number, sizes), found {found:?}");
        return Err(DataError::malformed(path, reason));
    }
    match content.len() {
        length if length == expected => Ok(()),
        length if length > expected => Err(DataError::malformed(path, format!("longer than {expected} bytes"))),
        length => Err(DataError::malformed(path, format!("cut short: {length} of {expected} bytes"))),
    }
}
