//! Numbers as whole numbers of the same order, which sort fast.

/// A whole number that sorts as `f32::total_cmp` does.
pub(super) const fn of_f32(value: f32) -> u32 {
    let bits = value.to_bits();
    if bits >> 31 == 1 { !bits } else { bits | 1 << 31 }
}

/// The number that [`of_f32`] was given.
pub(super) const fn to_f32(key: u32) -> f32 {
    f32::from_bits(if key >> 31 == 1 { key & !(1 << 31) } else { !key })
}

/// A number with a mark beside it: sorts by the number first.
pub(super) const fn with_kind(value: f32, kind: u8) -> u64 {
    (of_f32(value) as u64) << 8 | kind as u64
}

/// The key of the number, and the mark.
#[expect(clippy::cast_possible_truncation, reason = "both were put in as such")]
pub(super) const fn parts(packed: u64) -> (u32, u8) {
    ((packed >> 8) as u32, packed as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_that_of_the_numbers() {
        let numbers = [f32::NEG_INFINITY, -3.5, -1e-40, -0.0, 0.0, 1e-40, 0.1, 3.5, f32::MAX, f32::INFINITY];
        assert!(numbers.windows(2).all(|two| of_f32(two[0]) < of_f32(two[1])));
        assert!(numbers.iter().all(|number| to_f32(of_f32(*number)).to_bits() == number.to_bits()));
        assert!(with_kind(0.1, 255) < with_kind(0.2, 0) && with_kind(-0.1, 2) > with_kind(-0.1, 1));
        assert_eq!(parts(with_kind(-7.25, 3)), (of_f32(-7.25), 3));
    }
}
