//! Pieces of a file with their checksums: `F5 53 56 4C`, the length of the content (`u32`, little-endian), 16 bytes of the BLAKE3
//! digest of length and content, the content. Knows nothing of what that is.

use simpipe_base::digest::Digest;

/// How a frame begins: with a byte that stands in no UTF-8 text.
const MAGIC: [u8; 4] = [0xF5, b'S', b'V', b'L'];
/// Bytes of the digest that a frame carries.
const CHECKSUM: usize = 16;
/// Bytes before a frame's content.
pub(super) const HEAD: usize = MAGIC.len() + 4 + CHECKSUM;

/// The frame of a content.
pub(super) fn framed(content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap_or(u32::MAX);
    let mut frame = Vec::with_capacity(HEAD + content.len());
    frame.extend(MAGIC);
    frame.extend(length.to_le_bytes());
    frame.extend(checksum(length, content));
    frame.extend(content);
    frame
}

/// The content of the whole frame that some bytes begin with; `None` if they begin with none.
pub(super) fn content(bytes: &[u8]) -> Option<&[u8]> {
    let rest = bytes.strip_prefix(&MAGIC)?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let (sum, rest) = rest.split_first_chunk::<CHECKSUM>()?;
    let length = u32::from_le_bytes(*length);
    let content = rest.get(..length as usize)?;
    (checksum(length, content) == *sum).then_some(content)
}

fn checksum(length: u32, content: &[u8]) -> [u8; CHECKSUM] {
    let whole = Digest::of(&[length.to_le_bytes().as_slice(), content].concat());
    std::array::from_fn(|at| whole.as_bytes()[at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_byte_of_a_frame_can_change_unseen() {
        let whole = framed(b"what happened");
        assert_eq!(content(&[&whole[..], b"more"].concat()), Some(&b"what happened"[..]));
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            assert_eq!((content(&changed), content(&whole[..at])), (None, None), "byte {at}");
        }
        assert_eq!(content(&framed(b"")), Some(&b""[..]));
    }
}
