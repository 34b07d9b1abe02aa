//! How much a forest varies, in all and along each axis alone.

use super::forest::Forest;
use super::tree::{Axis, Side};
use simpipe_base::seed::Seed;

/// Points of the sequence: enough for two digits of a share.
const POINTS: u32 = 4096;
/// The sequence has so many dimensions; further ones begin again with another scrambling.
const MOST_DIMENSIONS: u32 = 256;

/// The variance of a forest over the whole space, from a scrambled Sobol sequence.
pub(super) fn variance(forest: &Forest, axes: &[Axis], seed: Seed) -> f64 {
    let scramble = seed.number("variance of the forest") as u32;
    let coordinate = |number: u32, at: u32, axis: Axis| {
        let scramble = scramble.wrapping_add(at / MOST_DIMENSIONS);
        let share = f64::from(sobol_burley::sample(number, at % MOST_DIMENSIONS, scramble));
        match axis {
            Axis::Ordered => share,
            Axis::Items(items) => (share * items as f64).floor().min(items as f64 - 1.0),
        }
    };
    let value = |number: u32| {
        let place: Vec<f64> = (0..).zip(axes).map(|(at, axis)| coordinate(number, at, *axis)).collect();
        forest.at(&place)
    };
    let values: Vec<f64> = (0..POINTS).map(value).collect();
    let mean = values.iter().sum::<f64>() / f64::from(POINTS);
    values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / f64::from(POINTS)
}

/// The variance of `E[f(x) | x_i]`, exactly: along the axis the mean of a forest is constant between the cuts of its trees.
pub(super) fn main_effect(forest: &Forest, axes: &[Axis], axis: usize) -> f64 {
    let (means, widths) = match axes[axis] {
        Axis::Ordered => along(forest, axes, axis),
        Axis::Items(items) => (of_items(forest, axes, axis, items), vec![1.0 / items.max(1) as f64; items]),
    };
    let mean: f64 = means.iter().zip(&widths).map(|(value, width)| value * width).sum();
    means.iter().zip(&widths).map(|(value, width)| width * (value - mean).powi(2)).sum()
}

/// The share of the space beside an axis that a box takes.
fn beside(sides: &[Side], axis: usize) -> f64 {
    sides.iter().enumerate().filter(|(at, _)| *at != axis).map(|(_, side)| side.share()).product()
}

/// The mean between each two cuts, and how far those are apart.
fn along(forest: &Forest, axes: &[Axis], axis: usize) -> (Vec<f64>, Vec<f64>) {
    let mut cuts: Vec<f64> = forest.trees().flat_map(|tree| tree.cuts(axis)).chain([0.0, 1.0]).collect();
    cuts.sort_by(f64::total_cmp);
    cuts.dedup();
    let position = |at: f64| cuts.partition_point(|cut| *cut < at);
    // What changes at each cut, so that a leaf costs two additions however many cuts it spans.
    let mut steps = vec![0.0; cuts.len()];
    let mut trees = 0.0;
    for tree in forest.trees() {
        trees += 1.0;
        tree.leaves(axes, &mut |sides, value| {
            if let Side::Range(from, to) = sides[axis] {
                let part = value * beside(sides, axis);
                steps[position(from)] += part;
                steps[position(to)] -= part;
            }
        });
    }
    let mut sum = 0.0;
    let mean = |step: &f64| {
        sum += step;
        sum / trees
    };
    let means = steps[..cuts.len() - 1].iter().map(mean).collect();
    (means, cuts.windows(2).map(|pair| pair[1] - pair[0]).collect())
}

/// The mean at each item.
fn of_items(forest: &Forest, axes: &[Axis], axis: usize, items: usize) -> Vec<f64> {
    let (mut sums, mut trees) = (vec![0.0; items], 0.0);
    for tree in forest.trees() {
        trees += 1.0;
        tree.leaves(axes, &mut |sides, value| {
            if let Side::Items(marks) = &sides[axis] {
                let part = value * beside(sides, axis);
                let marked = sums.iter_mut().zip(marks).filter(|(_, mark)| **mark);
                marked.for_each(|(sum, _)| *sum += part);
            }
        });
    }
    sums.iter().map(|sum| sum / trees).collect()
}
