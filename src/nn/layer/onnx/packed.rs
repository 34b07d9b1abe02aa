//! A file as numbers: three bytes each, which is what a number of 32 bits holds exactly and what no rounding, averaging of equal
//! values or file of tensors changes.

/// Numbers that so many bytes become.
pub(super) const fn numbers(bytes: usize) -> usize {
    bytes.div_ceil(3)
}

/// The bytes as whole numbers below 2^24, the first byte lowest; the last is filled up with zeros.
#[expect(clippy::cast_precision_loss, reason = "whole numbers below 2^24 are exact")]
pub(super) fn pack(bytes: &[u8]) -> Vec<f32> {
    let whole = |three: &[u8]| three.iter().rev().fold(0_u32, |sum, byte| (sum << 8) | u32::from(*byte));
    bytes.chunks(3).map(|three| whole(three) as f32).collect()
}

/// The first `bytes` bytes that [`pack`] made these numbers of; anything, where it did not.
#[cfg(any(test, feature = "onnx"))]
pub(super) fn unpack(numbers: &[f32], bytes: usize) -> Vec<u8> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole numbers below 2^24")]
    let three = |number: &f32| {
        let [low, middle, high, _] = (*number as u32).to_le_bytes();
        [low, middle, high]
    };
    let mut all: Vec<u8> = numbers.iter().flat_map(three).collect();
    all.truncate(bytes);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back() {
        for length in [0, 1, 2, 3, 4, 5, 300] {
            let bytes: Vec<u8> = (0..length).map(|at: usize| u8::try_from(255 - at * 7 % 256).unwrap()).collect();
            let packed = pack(&bytes);
            assert_eq!(packed.len(), numbers(length));
            assert_eq!(unpack(&packed, length), bytes);
        }
        assert_eq!(pack(&[1, 2, 3, 255]), [197_121.0, 255.0]);
        assert_eq!(pack(&[255; 3]), [16_777_215.0]);
    }
}
