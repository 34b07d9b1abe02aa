//! Numbers that look random but hang on a position alone: no seed, and the same on every machine.

/// A number that looks random (splitmix64: Steele et al., 2014).
pub(super) const fn mixed(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ number >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ number >> 31
}

/// All positions up to `count`, in an order that looks random.
pub(super) fn order(count: usize) -> Vec<u32> {
    let mut order: Vec<u32> = (0..u32::try_from(count).unwrap_or(u32::MAX)).collect();
    order.sort_unstable_by_key(|row| (mixed(u64::from(*row)), *row));
    order
}

/// Some of the positions up to `of`, or all if there are no more.
pub(super) fn sample(of: usize, count: usize) -> Vec<u32> {
    let mut order = order(of);
    order.truncate(count);
    order
}

/// Numbers from -1 to 1, for tests.
#[cfg(test)]
pub(super) fn numbers(count: usize) -> Vec<f32> {
    (0..count as u64).map(|at| (mixed(at) >> 40) as f32 / (1_u32 << 23) as f32 - 1.0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_holds_each_position_once() {
        let found = order(1000);
        let mut sorted = found.clone();
        sorted.sort_unstable();
        assert!(sorted.iter().copied().eq(0..1000) && found != sorted);
        assert_eq!((sample(1000, 3), sample(2, 3).len(), mixed(0)), (found[..3].to_vec(), 2, 0xe220_a839_7b1d_cdaf));
    }
}
