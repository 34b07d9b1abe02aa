//! A Sobol sequence with Owen's scrambling (Burley 2020, "Practical Hash-based Owen Scrambling").

use super::super::space::{Point, Space};
use super::random;
use simpipe_base::seed::Seed;

/// The crate's sequences end there.
const LONGEST: u64 = 1 << 16;
const MOST_DIMENSIONS: usize = 256;

/// The point of that number; draws where the sequence or its dimensions end, or where the point was tried before.
pub(super) fn ask(space: &Space, number: u64, attempt: u64, seed: Seed) -> Point {
    if attempt > 0 || number >= LONGEST || space.dimensions().len() > MOST_DIMENSIONS {
        return random::ask(space, number, attempt, seed);
    }
    space.at(&shares(number, space.dimensions().len(), seed.number("sobol")))
}

/// Coordinates in [0, 1) of one point of the sequence that `scramble` chooses.
pub(super) fn shares(number: u64, dimensions: usize, scramble: u64) -> Vec<f64> {
    let share = |dimension| f64::from(sobol_burley::sample(number as u32, dimension as u32, scramble as u32));
    (0..dimensions).map(share).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_sixteenth_of_each_axis_gets_one_of_sixteen_points() {
        for axis in 0..3 {
            let mut seen = [0; 16];
            for number in 0..16 {
                seen[(shares(number, 3, 99)[axis] * 16.0) as usize] += 1;
            }
            assert_eq!(seen, [1; 16]);
        }
    }
}
