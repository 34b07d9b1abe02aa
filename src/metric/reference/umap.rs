//! UMAP held against umap-learn by how trustworthy its maps are: maps of two programs are never the same.

use crate::plane::{Umap, Way, place, trustworthiness};
use simpipe_base::golden::{Array, Case, CaseError, Comparison, field, number, value};

/// The map that the case brings judged as scikit-learn judged it, and ours of the same rows judged beside it.
pub(super) fn umap(case: &Case, to: &mut Comparison) -> Result<(), CaseError> {
    let (rows, map) = (Array::read(field(&case.input, "rows")?, 2)?, Array::read(field(&case.input, "map")?, 2)?);
    let (dim, k) = (rows.shape[1], value(&case.params, "k")?);
    if map.shape[1] != 2 || map.shape[0] != rows.shape[0] {
        return Err(CaseError::malformed("`map` has no two numbers for each row"));
    }
    let trust = |points: &[[f64; 2]]| match trustworthiness((&rows.values, dim), points, k, &|| false) {
        Ok(Some(found)) if found.k == k => Ok(found.value),
        _ => Err(CaseError::malformed("`k` is not less than half the rows")),
    };
    let expected = number(field(&case.expected, "trustworthiness")?)?;
    let theirs: Vec<[f64; 2]> = map.values.chunks_exact(2).map(|at| [f64::from(at[0]), f64::from(at[1])]).collect();
    to.value("trustworthiness of the map given", trust(&theirs)?, expected);
    let way = Umap {
        neighbours: value(&case.params, "n_neighbors")?,
        min_dist: number(field(&case.params, "min_dist")?)?,
        ..Umap::default()
    };
    let placed = place(&rows.values, dim, &Way::Umap(way), &|| false);
    let placed = placed.map_err(|error| CaseError::malformed(error.to_string()))?;
    to.value("trustworthiness", trust(&placed.points)?, expected);
    Ok(())
}
