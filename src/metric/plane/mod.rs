//! Embeddings on a plane: two numbers for each row, for pictures and for eyes.
//!
//! All ways give the same bytes for any number of threads and stop within a second of being asked to. UMAP alone draws
//! random numbers, from a seed of its own.

mod pca;
mod trust;
mod tsne;
mod umap;

pub use pca::Pca;
pub use trust::{Trustworthiness, trustworthiness};
pub use tsne::TSne;
pub use umap::Umap;

/// Whether the user wants to stop. Whatever takes long asks several times a second.
pub type Stop<'a> = &'a (dyn Fn() -> bool + Sync);

/// Why there is no map.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlaneError {
    /// The user asked to stop.
    #[error("interrupted")]
    Stopped,
    /// The machine has no thread left.
    #[error("can't start a thread for t-SNE: {0}")]
    Thread(String),
}

/// Goes on unless the user wants to stop.
fn go_on(stop: Stop<'_>) -> Result<(), PlaneError> {
    if stop() { Err(PlaneError::Stopped) } else { Ok(()) }
}

/// The `kept` nearest others of each row of `dim` numbers, the nearest first; by Euclidean distance, ties by position.
///
/// # Errors
/// If the user asked to stop.
pub fn nearest_rows(
    (values, dim): (&[f32], usize),
    kept: usize,
    stop: Stop<'_>,
) -> Result<Vec<Vec<usize>>, PlaneError> {
    let rows: Vec<&[f32]> = values.chunks_exact(dim.max(1)).collect();
    let found = tsne::nearest(&rows, kept, stop)?;
    Ok(found.into_iter().map(|near| near.into_iter().map(|one| one.index).collect()).collect())
}

/// How rows become points.
#[derive(Debug, Clone, PartialEq)]
pub enum Way {
    /// Principal components.
    Pca,
    /// t-SNE, started from the principal components.
    TSne(TSne),
    /// UMAP, started from the principal components.
    Umap(Umap),
}

/// Rows as points.
#[derive(Debug, Clone, PartialEq)]
pub struct Placed {
    /// The rows that have a place: those that hold nothing but numbers, in their order.
    pub kept: Vec<usize>,
    /// A point for each of them.
    pub points: Vec<[f64; 2]>,
    /// The share of the variance that each of the two principal components explains.
    pub explained: [f64; 2],
}

/// Places rows of `dim` numbers each. A row with what is no number has no place among the others.
///
/// # Errors
/// If the user asked to stop, or a thread can't be started.
pub fn place(values: &[f32], dim: usize, way: &Way, stop: Stop<'_>) -> Result<Placed, PlaneError> {
    let count = values.len().checked_div(dim).unwrap_or(0);
    let row = |row: usize| &values[row * dim..(row + 1) * dim];
    let kept: Vec<usize> = (0..count).filter(|&at| row(at).iter().all(|value| value.is_finite())).collect();
    let values: Vec<f32> = kept.iter().flat_map(|&at| row(at)).copied().collect();
    let pca = Pca::fit(&values, dim, stop)?;
    let explained = pca.explained;
    let points = match way {
        Way::Pca => pca.points,
        Way::TSne(tsne) => tsne.fit(&values, dim, &pca, stop)?,
        Way::Umap(umap) => umap.fit(&values, dim, &pca, stop)?,
    };
    Ok(Placed { kept, points, explained })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three far groups of rows, `count` in all, with some spread inside each.
    pub(super) fn groups(count: usize, dim: usize) -> Vec<f32> {
        (0..count * dim)
            .map(|at| {
                let (row, column) = (at / dim, at % dim);
                let noise = ((row * 31 + column * 17) % 23) as f32 / 230.0;
                noise + if column == row % 3 { 4.0 } else { 0.0 }
            })
            .collect()
    }

    #[test]
    fn rows_without_numbers_have_no_place_and_move_no_other() {
        let whole: Vec<f32> = (0..20 * 3).map(|at| (at * at % 17) as f32).collect();
        let mut broken = whole.clone();
        broken.splice(6..6, [f32::NAN, 1.0, 2.0]);
        broken.extend([0.0, f32::INFINITY, 0.0]);
        for way in [Way::Pca, Way::TSne(TSne::default()), Way::Umap(Umap::default())] {
            let (one, other) =
                (place(&whole, 3, &way, &|| false).unwrap(), place(&broken, 3, &way, &|| false).unwrap());
            assert_eq!((&one.points, one.explained), (&other.points, other.explained));
            assert_eq!(other.kept, (0..22).filter(|row| ![2, 21].contains(row)).collect::<Vec<_>>());
            assert_eq!(place(&whole, 3, &way, &|| true), Err(PlaneError::Stopped));
        }
        assert!(place(&[], 0, &Way::Pca, &|| false).unwrap().points.is_empty());
    }
}
