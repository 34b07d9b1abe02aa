//! Rows of embedded pools as `index`, `calibrate` and `match` select and check them. Searches nothing itself.

use std::ops::Range;

use super::slice::Slice;
use crate::artifact::{Embeddings, EmbeddingsInfo, IndexInfo, IndexRows, read_json};
use crate::search::SearchError;
use crate::search::distance::Rows;
use crate::stage::{Ctx, ParamIssue, StageError};

/// Files that a port of embeddings reads.
pub(super) const EMBEDDINGS_FILES: &[&str] = &["embeddings.parquet", EmbeddingsInfo::FILE];
/// Files that a port of an index reads.
pub(super) const INDEX_FILES: &[&str] = &["index.arrow", "index.json"];

/// The pool positions that a slice selects of those embedded; `None` while these are unknown.
pub(super) fn select(slice: Slice, embedded: Option<&Range<usize>>) -> Result<Option<Range<usize>>, ParamIssue> {
    let Some(embedded) = embedded else { return Ok(None) };
    let range = match slice {
        Slice::All => embedded.clone(),
        Slice::Part { begin, size } => begin..begin.saturating_add(size),
    };
    if embedded.start <= range.start && range.end <= embedded.end {
        return Ok(Some(range));
    }
    let (first, last) = (embedded.start, embedded.end);
    let message = format!("positions {}..{} are not all embedded: {first}..{last} are", range.start, range.end);
    Err(ParamIssue::new("slice", message)
        .help(format!("choose `begin` from {first} and `begin + size` up to {last}, or \"all\"")))
}

/// Reads the rows that a slice selects through a port.
pub(super) fn read(ctx: &Ctx<'_>, port: &str, slice: Slice) -> Result<(Embeddings, EmbeddingsInfo), StageError> {
    let info: EmbeddingsInfo = read_json(ctx.input(port, EmbeddingsInfo::FILE))?;
    let path = ctx.input(port, "embeddings.parquet");
    let embeddings = Embeddings::read(path)?;
    let begin = usize::try_from(info.begin).map_err(|_| StageError::failed("a position is beyond this machine"))?;
    let in_order = embeddings.position.iter().copied().eq((info.begin..).take(info.count));
    if embeddings.len() != info.count || !in_order {
        let message =
            format!("`{}` and `{}` of port `{port}` do not belong together", path.display(), EmbeddingsInfo::FILE);
        return Err(StageError::failed(message));
    }
    let range = select(slice, Some(&(begin..begin + info.count))).map_err(StageError::from)?.unwrap_or_default();
    let rows = embeddings.slice(range.start - begin..range.end - begin);
    if rows.is_empty() {
        return Err(StageError::failed(format!("there are no embeddings at port `{port}`")));
    }
    Ok((rows, info))
}

/// Reads an index through the port `index`.
pub(super) fn read_index(ctx: &Ctx<'_>) -> Result<(IndexRows, IndexInfo), StageError> {
    Ok((IndexRows::read(ctx.input("index", "index.arrow"))?, read_json(ctx.input("index", "index.json"))?))
}

/// Vectors that can be searched; `what` names them in the error.
pub(super) fn searchable<'a>(
    what: &str,
    values: &'a [f32],
    dim: usize,
    example_ids: &[u64],
) -> Result<Rows<'a>, StageError> {
    Rows::new(values, dim).map_err(|error| match error {
        SearchError::NotFinite { position } => {
            let id = example_ids.get(position).copied().unwrap_or_default();
            StageError::failed(format!("the {what} of example {id} holds a number that is not finite"))
                .with_help("the training has probably diverged: try a smaller learning rate")
        }
        other => unsearchable(&other),
    })
}

/// For `map_err`.
pub(super) fn unsearchable(error: &SearchError) -> StageError {
    StageError::failed(error.to_string())
}

/// Embeddings of different lengths can't be compared.
pub(super) fn check_dims(index: Option<usize>, queries: Option<usize>) -> Option<ParamIssue> {
    let (index, queries) = index.zip(queries)?;
    (index != queries).then(|| {
        ParamIssue::new("", format!("queries have {queries} numbers each, the vectors of the index {index}"))
            .help("embed both with the same model")
    })
}

/// More neighbours wanted than there are vectors.
pub(super) fn check_neighbours(path: &str, wanted: usize, indexed: Option<usize>) -> Option<ParamIssue> {
    let indexed = indexed.filter(|indexed| wanted > *indexed)?;
    Some(
        ParamIssue::new(path, format!("{wanted} neighbours are wanted, but the index holds {indexed} vectors"))
            .help(format!("choose at most {indexed}, or a larger index")),
    )
}
