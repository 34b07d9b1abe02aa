//! Rows of embedded pools as `index`, `calibrate` and `match` select and check them. Searches nothing itself.

use std::ops::Range;
use std::path::Path;

use super::slice::Slice;
use simpipe_artifact::{
    Codes, Distance, Embeddings, EmbeddingsInfo, Graph, ImageSet, IndexInfo, IndexRows, ModelUse, read_json,
};
use simpipe_base::issue::Issue;
use simpipe_base::param;
use simpipe_search::distance::Rows;
use simpipe_search::vectors::make_comparable;
use simpipe_search::{Search, SearchError, Searcher, Structure, Vectors};
use simpipe_stage::{Ctx, EmbeddingsFacts, IndexFacts, StageError};

/// Files that a port of embeddings reads.
pub(super) const EMBEDDINGS_FILES: &[&str] = &["embeddings.parquet", EmbeddingsInfo::FILE];
/// Files that a port of queries reads: also which of them the model was trained on.
pub(super) const QUERY_FILES: &[&str] = &["embeddings.parquet", EmbeddingsInfo::FILE, ImageSet::TRAINED_ON];
/// Files that a port of an index reads; the last two are there only where the search needs them.
pub(super) const INDEX_FILES: &[&str] = &["index.arrow", "index.json", Graph::FILE, Codes::FILE];

/// The pool positions that a slice selects of those embedded; `None` while these are unknown.
pub(super) fn select(slice: Slice, embedded: Option<&Range<usize>>) -> Result<Option<Range<usize>>, Issue> {
    let Some(embedded) = embedded else { return Ok(None) };
    let range = match slice {
        Slice::All => embedded.clone(),
        Slice::Part { begin, size } => begin..begin.saturating_add(size),
    };
    if embedded.start <= range.start && range.end <= embedded.end {
        return Ok(Some(range));
    }
    let (first, last) = (embedded.start, embedded.end);
    let message =
        format!("`slice` selects positions {}..{}, but only {first}..{last} were embedded", range.start, range.end);
    Err(Issue::of("slice", message)
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
    let whole = range == (begin..begin + info.count);
    let rows = if whole { embeddings } else { embeddings.slice(range.start - begin..range.end - begin) };
    if rows.is_empty() {
        return Err(StageError::failed(format!("there are no embeddings at port `{port}`")));
    }
    Ok((rows, info))
}

/// Reads an index through the port `index`, for whoever compares a query with every row of it.
pub(super) fn read_index(ctx: &Ctx<'_>) -> Result<(IndexRows, IndexInfo), StageError> {
    let files = IndexFiles::at(ctx);
    let (info, _) = files.read_info()?;
    let rows = IndexRows::read(files.rows)?;
    expect_same(&rows, &info, files.rows)?;
    Ok((rows, info))
}

/// How an index is searched, with what that needs.
pub(super) struct Searched {
    search: Search,
    structure: Structure,
}

impl Searched {
    /// Whether every row is compared.
    pub(super) fn is_exact(&self) -> bool {
        self.search == Search::Exact
    }

    /// The method.
    pub(super) const fn search(&self) -> &Search {
        &self.search
    }

    /// The search among the index's rows.
    pub(super) fn among<'a>(&'a self, rows: Rows<'a>, distance: Distance) -> Searcher<'a> {
        Searcher::new(rows, distance, &self.search, &self.structure)
    }

    /// The same for a few queries.
    pub(super) fn for_few<'a>(&'a self, rows: Rows<'a>, distance: Distance) -> Searcher<'a> {
        Searcher::for_few(rows, distance, &self.search, &self.structure)
    }
}

/// Reads an index through the port `index`, for whoever searches it as its spec says.
pub(super) fn read_searched(ctx: &Ctx<'_>) -> Result<(IndexRows, IndexInfo, Searched), StageError> {
    let files = IndexFiles::at(ctx);
    let (info, search) = files.read_info()?;
    let rows = IndexRows::read(files.rows)?;
    expect_same(&rows, &info, files.rows)?;
    let searched = files.searched(&info, search)?;
    Ok((rows, info, searched))
}

/// Where the files of an index are.
#[derive(Debug, Clone, Copy)]
pub(super) struct IndexFiles<'a> {
    pub(super) info: &'a Path,
    pub(super) rows: &'a Path,
    pub(super) graph: &'a Path,
    pub(super) codes: &'a Path,
}

impl<'a> IndexFiles<'a> {
    fn at(ctx: &'a Ctx<'_>) -> Self {
        let [info, rows, graph, codes] =
            ["index.json", "index.arrow", Graph::FILE, Codes::FILE].map(|file| ctx.input("index", file));
        Self { info, rows, graph, codes }
    }

    /// Opens the index by mapping, without the digests of its rows and what they belong to: nothing is read whole but
    /// `index.json`.
    pub(super) fn open(self) -> Result<(IndexRows, IndexInfo, Searched), StageError> {
        let (info, search) = self.read_info()?;
        let rows = IndexRows::read_for_search(self.rows)?;
        expect_same(&rows, &info, self.rows)?;
        let searched = self.searched(&info, search)?;
        Ok((rows, info, searched))
    }

    /// Reads every byte that a search may, and checks it.
    pub(super) fn check(self) -> Result<(), StageError> {
        let (info, search) = self.read_info()?;
        let rows = IndexRows::read(self.rows)?;
        expect_same(&rows, &info, self.rows)?;
        let made = self.searched(&info, search)?.structure;
        made.graph().map_or(Ok(()), |graph| graph.check(self.graph))?;
        made.codes().map_or(Ok(()), |codes| codes.check(self.codes))?;
        searchable("indexed vector", &rows.vectors, rows.dim, &rows.example_id, info.metric)?;
        Ok(())
    }

    fn read_info(self) -> Result<(IndexInfo, Search), StageError> {
        let info: IndexInfo = read_json(self.info)?;
        let settings =
            info.structure.as_ref().map_or_else(|| info.search.as_str().into(), |made| made.settings.clone());
        match param::from_json::<Search>(&settings) {
            Ok(search) if search != Search::Auto => Ok((info, search)),
            _ => {
                let message = format!("the index uses the search `{}`, which this version does not know", info.search);
                Err(StageError::failed(message)
                    .with_help("use the version of simpipe that made it, or make the index again"))
            }
        }
    }

    fn searched(self, info: &IndexInfo, search: Search) -> Result<Searched, StageError> {
        let (count, dim) = (info.count, info.dim);
        let structure = match search {
            Search::Exact | Search::Auto => Structure::nothing(),
            Search::Hnsw(_) => Structure::of_graph(Graph::open(self.graph, count)?),
            Search::IvfPq(_) | Search::Int8(_) | Search::Binary(_) => {
                let codes = Codes::open(self.codes, count, dim)?;
                expect_codes_of(&search, &codes, self.codes)?;
                Structure::of_codes(codes, info.metric, count, dim)
            }
        };
        Ok(Searched { search, structure })
    }
}

/// Codes of another search: every vector would be compared, whatever the index is said to be searched by.
fn expect_codes_of(search: &Search, codes: &Codes, path: &Path) -> Result<(), StageError> {
    let fit = matches!(
        (search, codes),
        (Search::IvfPq(_), Codes::Products(_))
            | (Search::Int8(_), Codes::Bytes(_))
            | (Search::Binary(_), Codes::Bits(_))
    );
    if fit {
        return Ok(());
    }
    let message = format!("{} has the codes of a search other than `{}`", path.display(), search.name());
    Err(StageError::failed(message).with_help("they belong to two indexes: run the experiment again"))
}

/// A table of another index.
fn expect_same(rows: &IndexRows, info: &IndexInfo, path: &Path) -> Result<(), StageError> {
    let (count, dim) = (rows.label.len(), rows.dim);
    if count == info.count && (dim == info.dim || count == 0) {
        return Ok(());
    }
    let (path, counted, long) = (path.display(), info.count, info.dim);
    let message = format!("{path} has {count} vectors of {dim} dimensions, index.json says {counted} of {long}");
    Err(StageError::failed(message).with_help("they belong to two indexes: run the experiment again"))
}

/// Vectors that can be searched by a distance; `what` names them in the error.
pub(super) fn searchable<'a>(
    what: &str,
    values: &'a [f32],
    dim: usize,
    example_ids: &[u64],
    distance: Distance,
) -> Result<Vectors<'a>, StageError> {
    let id = |row: usize| example_ids.get(row).copied().unwrap_or_default();
    searchable_as(|row| format!("{what} of example {} (row {row})", id(row)), values, dim, distance)
}

/// Scales vectors in place if the distance asks for that; says whether any was scaled.
pub(super) fn make_searchable(
    what: &str,
    values: &mut [f32],
    dim: usize,
    example_ids: &[u64],
    distance: Distance,
) -> Result<bool, StageError> {
    let id = |row: usize| example_ids.get(row).copied().unwrap_or_default();
    let who = |row: usize| format!("{what} of example {} (row {row})", id(row));
    make_comparable(values, dim, distance).map_err(|error| not_searchable(who, error))
}

/// Vectors that a distance can compare; `who` names a row in the error.
pub(super) fn searchable_as(
    who: impl Fn(usize) -> String,
    values: &[f32],
    dim: usize,
    distance: Distance,
) -> Result<Vectors<'_>, StageError> {
    Vectors::new(values, dim, distance).map_err(|error| not_searchable(who, error))
}

fn not_searchable(who: impl Fn(usize) -> String, error: SearchError) -> StageError {
    match error {
        SearchError::NotFinite { position } => {
            StageError::failed(format!("the {} contains a number that is not finite", who(position)))
                .with_help("the training has probably diverged: try a lower `learning-rate`")
        }
        SearchError::Zero { position } => {
            let message = format!("the {} is all zeros: it has no cosine distance to anything", who(position));
            StageError::failed(message).with_help(
                "check the image and the last layers; `distance = \"euclidean\"` of the index can compare such rows",
            )
        }
        other => unsearchable(&other),
    }
}

/// For `map_err`.
pub(super) fn unsearchable(error: &SearchError) -> StageError {
    if *error == SearchError::Stopped { StageError::Interrupted } else { StageError::failed(error.to_string()) }
}

/// Embeddings of different lengths can't be compared.
pub(super) fn check_dims(index: Option<usize>, queries: Option<usize>) -> Option<Issue> {
    let (index, queries) = index.zip(queries)?;
    (index != queries).then(|| {
        Issue::of("", format!("the queries have {queries} dimensions, the index has {index}"))
            .help("embed both with the same model")
    })
}

/// Embeddings that are made of other views or layers can't be compared; what is not known yet may be alike.
pub(super) fn check_uses(index: Option<&IndexFacts>, queries: Option<&EmbeddingsFacts>) -> Option<Issue> {
    let (index, queries): (&ModelUse, &ModelUse) = (index?.model_use.as_ref()?, queries?.model_use.as_ref()?);
    (index != queries).then(|| {
        let message = format!("the index was embedded by {}, the queries by {}", index.words(), queries.words());
        Issue::of("", message).help("give both `embed` stages the same `views`, `layer`, `layers` and `normalize`")
    })
}

/// Labels are numbers into a list of classes: two lists make other classes of them.
pub(super) fn check_classes(index: Option<&IndexFacts>, queries: Option<&EmbeddingsFacts>) -> Option<Issue> {
    let (index, queries) = (index?.pool.classes.as_ref()?, queries?.pool.classes.as_ref()?);
    (index != queries).then(|| {
        let differ =
            index.iter().zip(queries).position(|(one, other)| one != other).unwrap_or(index.len().min(queries.len()));
        let name = |classes: &[String]| classes.get(differ).map_or("no class", String::as_str).to_owned();
        let (one, other) = (name(index), name(queries));
        let message = format!("label {differ} is `{one}` in the index and `{other}` among the queries");
        Issue::of("", message).help("index and queries need datasets of the same classes in the same order")
    })
}

/// No query is left out of a mean that it is part of.
pub(super) fn check_left_out(index: Option<&IndexFacts>, leave_one_out: bool) -> Option<Issue> {
    index.filter(|index| leave_one_out && index.class_means).map(|_| {
        let message = "the index holds class means, and a query can't be left out of them";
        Issue::of("leave-one-out", message)
            .help("index other images than the queries, or all vectors: leave `reduce` out of `[index]`")
    })
}

/// Nor is it known what a mean belongs to.
pub(super) fn check_excluded(index: Option<&IndexFacts>, excludes: bool) -> Option<Issue> {
    index.filter(|index| excludes && index.class_means).map(|_| {
        let message = "the index holds class means, which have no group and no source";
        Issue::of("exclude", message).help("leave out `exclude`, or index all vectors: leave `reduce` out of `[index]`")
    })
}

/// More neighbours wanted than there are vectors; `left_out` of them are the query itself.
pub(super) fn check_neighbours(path: &str, wanted: usize, indexed: Option<usize>, left_out: usize) -> Option<Issue> {
    let indexed = indexed?;
    let others = indexed.saturating_sub(left_out);
    if wanted <= others {
        return None;
    }
    let held = match left_out {
        0 => format!("the index holds {indexed} vectors"),
        _ => format!("the index holds {indexed} vectors, and a query leaves itself out"),
    };
    let help = match others {
        0 => "make the index larger".to_owned(),
        others => format!("choose at most {others}, or a larger index"),
    };
    Some(Issue::of(path, format!("{wanted} neighbours are asked for, but {held}")).help(help))
}

/// `what` is drawn from another dataset than the one whose images would be shown or compared; nothing while one of them is
/// not known. `port` is where that one is plugged.
pub(super) fn foreign(what: &str, of: Option<&str>, plugged: Option<&str>, port: &str) -> Option<Issue> {
    let (of, plugged) = (of.filter(|text| !text.is_empty())?, plugged.filter(|text| !text.is_empty())?);
    (of != plugged).then(|| {
        let message = format!("the {what} come from a dataset other than that at the port `{port}`");
        Issue::of("", message).help(format!("connect the dataset of the {what} to `{port}` in the template"))
    })
}

/// How many of the positions asked are indexed too.
pub(super) fn shared(index: &IndexFacts, queries: &EmbeddingsFacts, asked: &Range<usize>) -> usize {
    let indexed = index.range.as_ref().filter(|_| index.pool.identity == queries.pool.identity);
    indexed.map_or(0, |indexed| indexed.end.min(asked.end).saturating_sub(indexed.start.max(asked.start)))
}
