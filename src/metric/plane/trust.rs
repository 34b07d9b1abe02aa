//! How far a map can be trusted: whether neighbours on it are neighbours.

use rayon::prelude::*;

use super::{PlaneError, Stop, go_on};

/// Points whose neighbours are looked at. Each takes a distance to every other one.
const MOST: usize = 5000;

/// How far the neighbours on a map are neighbours in the embedding.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trustworthiness {
    /// Neighbours of each point that were looked at.
    pub k: usize,
    /// Points whose neighbours were looked at: all of them up to 5,000, else as many in equal steps.
    pub of: usize,
    /// 1 where all of them are among the `k` nearest in the embedding; about 0.5 where they are any others.
    pub value: f64,
}

/// The trustworthiness of a map (Venna and Kaski, 2001): `1 - 2 / (n k (2n - 3k - 1))` times the sum, over the `k` nearest on
/// the map of each of `n` points, of how far each is beyond the `k` nearest in the embedding, in ranks.
///
/// Rows have `dim` numbers, a point each; distances are Euclidean, ties go to the first. `k` is less than half the points:
/// of few points fewer neighbours are looked at; `None` of fewer than three. Of more than 5,000 points the sum is over some of
/// them, among all the others, and `n` before `k` is their number. Ranks are summed as whole numbers, so threads
/// change nothing.
///
/// # Errors
/// If the user asked to stop.
pub fn trustworthiness(
    (values, dim): (&[f32], usize),
    points: &[[f64; 2]],
    k: usize,
    stop: Stop<'_>,
) -> Result<Option<Trustworthiness>, PlaneError> {
    let rows: Vec<&[f32]> = values.chunks_exact(dim.max(1)).collect();
    let count = points.len();
    let k = k.min(count.saturating_sub(1) / 2);
    if k == 0 || rows.len() != count {
        return Ok(None);
    }
    let beyond = |at: usize| {
        go_on(stop)?;
        let on_map = distances(count, |other| square(points[at], points[other]));
        let inside = distances(count, |other| apart(rows[at], rows[other]));
        let found = nearest(&on_map, at, k);
        let ranks = ranks(&inside, at, found);
        Ok(ranks.into_iter().map(|rank| rank.saturating_sub(k) as u64).sum::<u64>())
    };
    let of = count.min(MOST);
    let sums: Result<Vec<u64>, PlaneError> = (0..of).into_par_iter().map(|some| beyond(some * count / of)).collect();
    let (sum, n, near) = (sums?.iter().sum::<u64>() as f64, count as f64, k as f64);
    let value = 1.0 - sum * 2.0 / (of as f64 * near * (2.0 * n - 3.0 * near - 1.0));
    Ok(Some(Trustworthiness { k, of, value }))
}

fn distances(count: usize, of: impl Fn(usize) -> f64) -> Vec<f64> {
    (0..count).map(of).collect()
}

fn square(one: [f64; 2], other: [f64; 2]) -> f64 {
    (one[0] - other[0]).powi(2) + (one[1] - other[1]).powi(2)
}

/// In the wider type: differences of very large numbers have a square in it. Eight sums side by side, in a fixed order.
fn apart(one: &[f32], other: &[f32]) -> f64 {
    let square = |(one, other): (&f32, &f32)| (f64::from(*one) - f64::from(*other)).powi(2);
    let ((ones, last), (others, end)) = (one.as_chunks::<8>(), other.as_chunks::<8>());
    let mut sums = [0.0; 8];
    for (one, other) in ones.iter().zip(others) {
        for (sum, pair) in sums.iter_mut().zip(one.iter().zip(other)) {
            *sum += square(pair);
        }
    }
    sums.into_iter().sum::<f64>() + last.iter().zip(end).map(square).sum::<f64>()
}

/// The order of two points by how far they are; ties go to the first.
fn order(distances: &[f64], one: usize, other: usize) -> std::cmp::Ordering {
    distances[one].total_cmp(&distances[other]).then(one.cmp(&other))
}

/// The ranks from 1 of some of the others of a point, among all of them: one look at each other point, whatever their number.
fn ranks(distances: &[f64], at: usize, mut wanted: Vec<usize>) -> Vec<usize> {
    wanted.sort_by(|one, other| order(distances, *one, *other));
    let Some(farthest) = wanted.last().copied() else { return wanted };
    // Points that are no farther than each of them, but farther than the one before.
    let mut steps = vec![0; wanted.len()];
    for other in (0..distances.len()).filter(|other| *other != at) {
        if order(distances, other, farthest).is_le() {
            steps[wanted.partition_point(|one| order(distances, *one, other).is_lt())] += 1;
        }
    }
    let mut rank = 0;
    steps
        .into_iter()
        .map(|step| {
            rank += step;
            rank
        })
        .collect()
}

/// The `k` nearest others of a point.
fn nearest(distances: &[f64], at: usize, k: usize) -> Vec<usize> {
    let mut others: Vec<usize> = (0..distances.len()).filter(|other| *other != at).collect();
    if k < others.len() {
        others.select_nth_unstable_by(k, |one, other| order(distances, *one, *other));
        others.truncate(k);
    }
    others
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trust(values: &[f32], dim: usize, points: &[[f64; 2]], k: usize) -> Option<Trustworthiness> {
        trustworthiness((values, dim), points, k, &|| false).unwrap()
    }

    #[test]
    fn a_map_of_what_lies_on_a_plane_is_trusted_whole() {
        let values: Vec<f32> = (0..40).map(|at: usize| (at * at % 37) as f32).collect();
        let points: Vec<[f64; 2]> = values.chunks_exact(2).map(|row| [f64::from(row[0]), f64::from(row[1])]).collect();
        assert_eq!(trust(&values, 2, &points, 5), Some(Trustworthiness { k: 5, of: 20, value: 1.0 }));
        // Of 20 points at most 9 neighbours are looked at.
        assert_eq!(trust(&values, 2, &points, 15), Some(Trustworthiness { k: 9, of: 20, value: 1.0 }));
        assert_eq!(trust(&values[..4], 2, &points[..2], 15), None);
        assert_eq!(trust(&[], 0, &[], 15), None);
        assert_eq!(trustworthiness((&values, 2), &points, 5, &|| true), Err(PlaneError::Stopped));
    }

    #[test]
    fn ranks_are_counted_in_one_pass_as_one_by_one() {
        // Many ties: they go to the first.
        let distances: Vec<f64> = (0..60_u32).map(|at| f64::from(at * 7 % 11)).collect();
        for at in [0, 17, 59] {
            let wanted: Vec<usize> = (0..60).filter(|other| *other != at && other % 3 == 1).collect();
            let mut one_by_one: Vec<usize> = wanted
                .iter()
                .map(|of| (0..60).filter(|other| *other != at && order(&distances, *other, *of).is_le()).count())
                .collect();
            one_by_one.sort_unstable();
            assert_eq!(ranks(&distances, at, wanted), one_by_one, "{at}");
        }
        assert_eq!(ranks(&distances, 0, Vec::new()), [0; 0]);
        let row = |from: f32| (0..19_u8).map(|at| from + f32::from(at)).collect::<Vec<f32>>();
        assert_eq!(apart(&row(0.0), &row(2.0)), 19.0 * 4.0);
    }

    #[test]
    fn a_strange_neighbour_costs_its_rank() {
        // On a line 0, 1, 2, 3, 4; on the map 4 lies beside 0, which is its farthest.
        let values = [0.0, 1.0, 2.0, 3.0, 4.0];
        let points = [[0.0, 0.0], [1.0, 0.0], [2.0, 0.0], [3.0, 0.0], [-0.1, 0.0]];
        // Of 0 the nearest is 4, of rank 4: 3 beyond; of 4 it is 0, of rank 4: 3 beyond. 1 and 3 tie or are right.
        let found = trust(&values, 1, &points, 1).unwrap();
        assert_eq!(found.value, 1.0 - 6.0 * 2.0 / (5.0 * (10.0 - 3.0 - 1.0)));
    }
}
