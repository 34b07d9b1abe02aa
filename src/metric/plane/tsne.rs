//! t-SNE (van der Maaten, 2014): a map that keeps neighbours near, whatever that does to large distances.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use bhtsne::{Neighbor, tSNE};
use rayon::prelude::*;

use super::{Pca, PlaneError, Stop, go_on};

/// Fewer points than this keep the places that PCA gave them: three neighbours are no neighbourhood.
const FEWEST: usize = 10;
/// Accuracy of the Barnes-Hut approximation.
const THETA: f64 = 0.5;
/// The spread of the first coordinates, as scikit-learn and openTSNE scale a PCA start.
const START: f64 = 1e-4;

/// Numbers beyond this are measured in units of the largest, which changes no neighbour.
const WIDE: f32 = 1e15;

/// How a t-SNE map is made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TSne {
    /// Neighbours that count, in effect; at most a third of the other rows do.
    pub perplexity: f64,
    /// Steps of the descent.
    pub steps: usize,
}

impl Default for TSne {
    /// scikit-learn's values, usual for about a thousand points.
    fn default() -> Self {
        Self { perplexity: 30.0, steps: 1000 }
    }
}

impl TSne {
    /// Places rows of `dim` numbers on a plane, starting from their principal components.
    ///
    /// Neighbours are exact by Euclidean distance (for unit rows the order of the cosine distance), ties by position. The
    /// descent runs in a pool of one thread: its parallel sums would differ in the last bits with the number of threads,
    /// and a thousand steps make those visible.
    ///
    /// # Errors
    /// If the thread can't be started, or the user asked to stop.
    pub fn fit(&self, values: &[f32], dim: usize, start: &Pca, stop: Stop<'_>) -> Result<Vec<[f64; 2]>, PlaneError> {
        fit(self, values, dim, start, stop)
    }
}

fn fit(tsne: &TSne, values: &[f32], dim: usize, start: &Pca, stop: Stop<'_>) -> Result<Vec<[f64; 2]>, PlaneError> {
    let count = start.points.len();
    let spread = (start.points.iter().map(|point| point[0] * point[0]).sum::<f64>() / count.max(1) as f64).sqrt();
    if count < FEWEST || spread == 0.0 {
        return Ok(start.points.clone());
    }
    let perplexity = tsne.perplexity.min((count as f64 - 1.0) / 3.0);
    let kept = ((3.0 * perplexity) as usize).min(count - 1);
    let rows: Vec<&[f32]> = values.chunks_exact(dim).collect();
    let neighbours = nearest(&rows, kept, stop)?;
    let initial: Vec<f64> = start.points.iter().flatten().map(|value| value / spread * START).collect();
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .map_err(|error| PlaneError::Thread(error.to_string()))?;
    let descend = || {
        let mut map: tSNE<'_, f64, &[f32], 2> = tSNE::new(&rows);
        map.perplexity(perplexity).epochs(tsne.steps).initial_embedding(initial);
        map.epoch_callback(|_, _| {
            if stop() {
                resume_unwind(Box::new(Stopped));
            }
        });
        map.barnes_hut_with_neighbors(THETA, &neighbours);
        map.embedding()
    };
    // Nothing that the unwinding leaves half done is looked at again.
    let places = match catch_unwind(AssertUnwindSafe(|| pool.install(descend))) {
        Err(payload) if payload.is::<Stopped>() => return Err(PlaneError::Stopped),
        Err(panic) => resume_unwind(panic),
        Ok(places) => places,
    };
    Ok(places.chunks_exact(2).map(|point| [point[0], point[1]]).collect())
}

/// Carries the wish to stop out of the descent, which has no other way to end early. No panic: nothing is printed.
struct Stopped;

/// The `kept` nearest others of each row, the nearest first.
pub(super) fn nearest(rows: &[&[f32]], kept: usize, stop: Stop<'_>) -> Result<Vec<Vec<Neighbor<f64>>>, PlaneError> {
    // Differences of very large numbers are taken in the wider type: the narrower one has no number for them.
    let largest = rows.iter().flat_map(|row| row.iter()).fold(0.0_f32, |largest, value| largest.max(value.abs()));
    let (wide, unit) = if largest > WIDE { (true, f64::from(largest)) } else { (false, 1.0) };
    let apart = |one: f32, other: f32| {
        if wide { (f64::from(one) - f64::from(other)) / unit } else { f64::from(one - other) }
    };
    let distance = |one: &[f32], other: &[f32]| -> f64 {
        one.iter().zip(other).map(|(one, other)| apart(*one, *other).powi(2)).sum::<f64>().sqrt()
    };
    let of = |at: usize| {
        go_on(stop)?;
        let mut others: Vec<Neighbor<f64>> = (0..rows.len())
            .filter(|&index| index != at)
            .map(|index| Neighbor { index, distance: distance(rows[at], rows[index]) })
            .collect();
        let nearer = |one: &Neighbor<f64>, other: &Neighbor<f64>| {
            one.distance.total_cmp(&other.distance).then(one.index.cmp(&other.index))
        };
        if kept < others.len() {
            others.select_nth_unstable_by(kept, nearer);
            others.truncate(kept);
        }
        others.sort_by(nearer);
        // Each had room for all the others: of 10,000 rows that were gigabytes.
        others.shrink_to_fit();
        Ok(others)
    };
    (0..rows.len()).into_par_iter().map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plane::tests::groups;

    fn place(values: &[f32], dim: usize) -> Vec<[f64; 2]> {
        TSne::default().fit(values, dim, &Pca::fit(values, dim, &|| false).unwrap(), &|| false).unwrap()
    }

    #[test]
    fn threads_change_nothing() {
        let values = groups(60, 5);
        let on = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| place(&values, 5))
        };
        let bits = |points: Vec<[f64; 2]>| points.into_iter().flatten().map(f64::to_bits).collect::<Vec<_>>();
        assert_eq!(bits(on(1)), bits(on(2)));
    }

    #[test]
    fn the_nearest_hold_no_room_for_the_others() {
        let values = groups(200, 5);
        let rows: Vec<&[f32]> = values.chunks_exact(5).collect();
        let found = nearest(&rows, 3, &|| false).unwrap();
        assert!(found.iter().all(|near| near.len() == 3 && near.capacity() < 20));
    }

    #[test]
    fn groups_stay_together() {
        let values = groups(60, 5);
        let points = place(&values, 5);
        let apart = |one: [f64; 2], other: [f64; 2]| (one[0] - other[0]).hypot(one[1] - other[1]);
        for (at, point) in points.iter().enumerate() {
            let others = (0..points.len()).filter(|&other| other != at);
            let nearest =
                others.min_by(|&a, &b| apart(*point, points[a]).total_cmp(&apart(*point, points[b]))).unwrap();
            assert_eq!(nearest % 3, at % 3, "row {at}");
        }
    }

    #[test]
    fn a_few_rows_keep_their_principal_components() {
        let values = groups(4, 5);
        assert_eq!(place(&values, 5), Pca::fit(&values, 5, &|| false).unwrap().points);
        let same = vec![1.0; 40];
        assert_eq!(place(&same, 2), [[0.0; 2]; 20]);
    }

    #[test]
    fn the_descent_ends_soon_after_it_is_asked_to() {
        use std::sync::atomic::{AtomicUsize, Ordering};
        let values = groups(60, 5);
        let pca = Pca::fit(&values, 5, &|| false).unwrap();
        // It is asked for each row, then after each of the epochs.
        for stop_at in [0, 59, 60, 61, 500, 60 + TSne::default().steps - 1] {
            let asked = AtomicUsize::new(0);
            let stop = || asked.fetch_add(1, Ordering::Relaxed) >= stop_at;
            assert_eq!(TSne::default().fit(&values, 5, &pca, &stop), Err(PlaneError::Stopped), "{stop_at}");
            assert!(asked.into_inner() <= stop_at + 60, "{stop_at}");
        }
    }
}
