//! One number as bfloat16, the upper half of a float, and back.

/// The nearest bfloat16; what is no number stays none.
pub(crate) const fn rounded(x: f32) -> u16 {
    let bits = x.to_bits();
    if bits & 0x7fff_ffff > 0x7f80_0000 {
        return (bits >> 16) as u16 | 0x40;
    }
    (bits.wrapping_add(0x7fff + ((bits >> 16) & 1)) >> 16) as u16
}

/// The float that a bfloat16 is.
pub(crate) const fn widened(half: u16) -> f32 {
    f32::from_bits((half as u32) << 16)
}
