//! Re-ranking held against its papers' formulas.

use crate::rerank::{Diffusion, Expansion, KReciprocal, Neighbours, expanded};
use crate::space::{Space, square};
use simpipe_base::golden::{Array, Case, CaseError, Comparison, field, number, value};

/// Queries and an index, each `[rows, dim]`.
struct Rows {
    queries: Array,
    index: Array,
}

impl Rows {
    fn read(case: &Case) -> Result<Self, CaseError> {
        let read = |name: &str| Array::read(field(&case.input, name)?, 2);
        let (queries, index) = (read("queries")?, read("index")?);
        if queries.shape[1] != index.shape[1] {
            return Err(CaseError::malformed("rows of `queries` and `index` are of different lengths"));
        }
        Ok(Self { queries, index })
    }
}

/// By k-reciprocal neighbours, by expanded queries, or by diffusion: which, its parameters say.
pub(super) fn rerank(case: &Case, to: &mut Comparison) -> Result<(), CaseError> {
    let rows = Rows::read(case)?;
    let given = |name: &str| case.params.get(name).is_some();
    if given("k1") {
        k_reciprocal(case, &rows, to)
    } else if given("gamma") {
        diffusion(case, &rows, to)
    } else if given("k") {
        expansion(case, &rows, to)
    } else {
        Err(CaseError::unknown("a way to rank again"))
    }
}

fn k_reciprocal(case: &Case, rows: &Rows, to: &mut Comparison) -> Result<(), CaseError> {
    let lambda = number(field(&case.params, "lambda")?)?;
    let by = KReciprocal { k1: value(&case.params, "k1")?, k2: value(&case.params, "k2")?, lambda };
    let asked = rows.queries.shape[0];
    let all = [&rows.queries.values[..], &rows.index.values].concat();
    let labels = vec![0; asked + rows.index.shape[0]];
    let space = Space::new(&all, rows.index.shape[1], &labels).map_err(malformed)?;
    let neighbours = Neighbours::of_rows(&space, by.depth());
    let between = |one: usize, other: usize| square(space.row(one), space.row(other));
    let encoded = by.encode(&neighbours, between).map_err(malformed)?;
    let found = (0..asked).flat_map(|row| encoded.distances(&neighbours, row, between).split_off(asked));
    to.list("distances", found, field(&case.expected, "distances")?)
}

fn expansion(case: &Case, rows: &Rows, to: &mut Comparison) -> Result<(), CaseError> {
    let expansion = match case.params.get("alpha").filter(|alpha| !alpha.is_null()) {
        Some(alpha) => Expansion::Alpha(number(alpha)?),
        None => Expansion::Average,
    };
    let labels = vec![0; rows.queries.shape[0].max(rows.index.shape[0])];
    let (queries, index) = (space(&rows.queries, &labels)?, space(&rows.index, &labels)?);
    let nearest: Vec<Vec<u32>> = value(&case.input, "nearest")?;
    let found = expanded(&queries, &index, &nearest, expansion).map_err(malformed)?;
    to.list("queries", found, field(&case.expected, "queries")?)
}

fn diffusion(case: &Case, rows: &Rows, to: &mut Comparison) -> Result<(), CaseError> {
    let of = |name: &str| number(field(&case.params, name)?);
    let by = Diffusion { k: value(&case.params, "neighbours")?, alpha: of("alpha")?, gamma: of("gamma")? };
    let labels = vec![0; rows.index.shape[0]];
    let space = space(&rows.index, &labels)?;
    let neighbours = Neighbours::of_rows(&space, by.k.saturating_add(1));
    let graph = by.graph(&space, &neighbours).map_err(malformed)?;
    let nearest: Vec<Vec<u32>> = value(&case.input, "nearest")?;
    let queries = rows.queries.rows();
    if nearest.len() != queries.len() {
        return Err(CaseError::malformed("one list of neighbours a query"));
    }
    let mut found = Vec::new();
    for (query, nearest) in queries.iter().zip(&nearest) {
        found.extend(graph.scores(query, &space, nearest).map_err(malformed)?);
    }
    to.list("scores", found, field(&case.expected, "scores")?)
}

/// Rows as a space, whose labels don't matter.
fn space<'a>(rows: &'a Array, labels: &'a [i32]) -> Result<Space<'a>, CaseError> {
    Space::new(&rows.values, rows.shape[1], &labels[..rows.shape[0]]).map_err(malformed)
}

fn malformed(error: impl std::fmt::Display) -> CaseError {
    CaseError::malformed(error.to_string())
}
