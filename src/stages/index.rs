//! The stage `index`: embeddings that queries are compared with, ready to be searched.

mod centroids;

use super::embedded::{self, EMBEDDINGS_FILES};
use super::slice::Slice;
use simpipe_artifact::{
    self as artifact, Codes, DatasetInfo, Distance, Embeddings, Graph, IndexInfo, IndexRows, IndexStructure, read_json,
    write_json,
};
use simpipe_base::issue::Issue;
use simpipe_base::param::{Param, View};
use simpipe_base::params;
use simpipe_base::suggest;
use simpipe_search::distance::Rows;
use simpipe_search::{SearchError, Searcher, Structure, recall};
use simpipe_stage::{Ctx, Facts, IndexFacts, InputFacts, Kind, Port, Stage, StageError};

params! {
    /// Chooses the embeddings to index and the distance.
    pub struct Params {
        /// Positions in the sampler's pool; all of them must be embedded.
        #[aka("range", "subset", "positions", "rows")]
        slice: Slice = Slice::All,
        /// How neighbours are found.
        #[aka("index_type", "search_type", "algorithm", "algo", "method")]
        search: Search = Search::Exact,
        /// Indexes a summary instead of every embedding.
        #[aka("reduction", "aggregate")]
        reduce: Option<Reduce> = None,
        /// The distance; default: that of the model's loss. For `cosine`, vectors and queries are scaled to unit length
        /// if they are not.
        #[aka("metric", "distance_metric", "similarity", "dist", "metric_type")]
        distance: Option<Distance> = None,
    }
}

pub use centroids::Reduce;
pub use simpipe_search::Search;

/// The stage.
#[derive(Debug)]
pub struct Index;

impl Stage for Index {
    const NAME: &'static str = "index";
    const SUMMARY: &'static str = "Makes a searchable set of embeddings.";
    // 1: exact search.
    // 2: vectors are scaled to unit length for the cosine distance where they are not.
    const VERSION: u32 = 2;
    const OUTPUT: Kind = Kind::Index;
    const FILES: &'static [&'static str] = &["index.arrow", "index.json"];
    const OPTIONAL_FILES: &'static [&'static str] = &[Graph::FILE, Codes::FILE];
    type Params = Params;

    fn ports(_params: &Params) -> Vec<Port> {
        vec![
            Port::new("dataset", Kind::Dataset, &["dataset.json"]),
            Port::new("embeddings", Kind::Embeddings, EMBEDDINGS_FILES),
        ]
    }

    fn infer(params: &Params, inputs: &InputFacts) -> Result<Facts, Vec<Issue>> {
        let embeddings = inputs.embeddings("embeddings").ok_or_else(Vec::new)?;
        let range = embedded::select(params.slice, embeddings.range.as_ref()).map_err(|issue| vec![issue])?;
        let home = inputs.dataset("dataset").map(|facts| facts.identity.as_str());
        if let Some(issue) = embedded::foreign("embeddings", Some(&embeddings.pool.dataset), home, "dataset") {
            return Err(vec![issue]);
        }
        let distance = params.distance.unwrap_or(embeddings.distance);
        if let Some(issue) = refused(&params.search, distance) {
            return Err(vec![issue]);
        }
        let facts = IndexFacts {
            pool: embeddings.pool.clone(),
            range,
            dim: embeddings.dim,
            distance,
            model_use: embeddings.model_use.clone(),
            class_means: params.reduce.is_some(),
        };
        let misfits = misfits(&params.search, facts.count(), embeddings.dim);
        if misfits.is_empty() { Ok(Facts::Index(facts)) } else { Err(misfits) }
    }

    fn run(params: &Params, ctx: &mut Ctx<'_>) -> Result<(), StageError> {
        let dataset: DatasetInfo = read_json(ctx.input("dataset", "dataset.json"))?;
        let (rows, info) = embedded::read(ctx, "embeddings", params.slice)?;
        // What the length of a vector shows, where it was not known before. Lists beyond the vectors are left out.
        if let Some(misfit) = misfits(&params.search, None, Some(rows.dim)).into_iter().next() {
            return Err(misfit.into());
        }
        let metric = params.distance.unwrap_or(info.distance);
        let indexed = indexed(params.reduce.as_ref(), rows, metric, &dataset)?;
        let rows = indexed.rows;
        let vectors = Rows::checked(&rows.values, rows.dim);
        let search = params.search.of(rows.len(), metric);
        let made = make(&search, vectors, metric, ctx).map_err(|error| embedded::unsearchable(&error))?;
        expect_recall(&search, made.recall)?;
        let index = IndexInfo {
            format: artifact::FORMAT,
            metric,
            search: search.name().to_owned(),
            count: rows.len(),
            dim: rows.dim,
            recall: made.recall,
            structure: made.structure,
            normalized: indexed.normalized,
            class_means_of: indexed.class_means_of,
            model_use: info.model_use,
            classes: dataset.classes,
        };
        let rows = IndexRows {
            example_id: rows.example_id,
            label: rows.label,
            digest: rows.digest,
            vectors: rows.values.into(),
            dim: rows.dim,
            belonging: rows.belonging,
        };
        rows.write(&ctx.output("index.arrow"))?;
        write_json(&ctx.output("index.json"), &index)?;
        if let Some(graph) = made.parts.graph() {
            graph.write(&ctx.output(Graph::FILE))?;
        }
        if let Some(codes) = made.parts.codes() {
            codes.write(&ctx.output(Codes::FILE), index.count, index.dim)?;
        }
        if index.structure.is_some() {
            ctx.metric("neighbours_found", index.recall);
        }
        Ok(())
    }
}

/// Rows that can be compared by the distance.
struct Indexed {
    rows: Embeddings,
    normalized: bool,
    class_means_of: Option<usize>,
}

/// What is indexed of some embeddings.
fn indexed(
    reduce: Option<&Reduce>,
    mut rows: Embeddings,
    metric: Distance,
    dataset: &DatasetInfo,
) -> Result<Indexed, StageError> {
    let Some(Reduce::Centroids) = reduce else {
        let Embeddings { values, dim, example_id, .. } = &mut rows;
        let normalized = embedded::make_searchable("embedding", values, *dim, example_id, metric)?;
        return Ok(Indexed { rows, normalized, class_means_of: None });
    };
    let vectors = embedded::searchable("embedding", &rows.values, rows.dim, &rows.example_id, metric)?;
    let means = centroids::centroids(&rows, vectors.rows(), metric);
    let class = |row: usize| usize::try_from(means.label[row]).ok().and_then(|label| dataset.classes.get(label));
    let who = |row: usize| format!("mean of the class `{}`", class(row).map_or("", String::as_str));
    embedded::searchable_as(who, &means.values, means.dim, metric)?;
    Ok(Indexed { normalized: vectors.scaled(), class_means_of: Some(rows.len()), rows: means })
}

/// Settings that do not fit the vectors, as far as these are known.
fn misfits(search: &Search, vectors: Option<usize>, dim: Option<usize>) -> Vec<Issue> {
    let at = |field: &str| format!("search.{}.{field}", search.name());
    let misfits = search.misfits(vectors, dim).into_iter();
    misfits.map(|(field, what, help)| Issue::of(at(field), what).help(help)).collect()
}

/// A search that does not work with the distance.
fn refused(search: &Search, distance: Distance) -> Option<Issue> {
    let known: Vec<&str> = search.refuses(distance)?.iter().map(|distance| distance.name()).collect();
    let (name, distance) = (search.name(), distance.name());
    let known = suggest::one_of(&known);
    let help = format!("it works with {known}; `search = \"exact\"` works with every distance");
    Some(Issue::of("search", format!("the search `{name}` does not work with the distance `{distance}`")).help(help))
}

/// What a search needs, and how much it finds.
struct Made {
    parts: Structure,
    recall: f64,
    structure: Option<IndexStructure>,
}

/// Makes it; how long that takes, and how long the search for a sample of the vectors, is told as `build` and `search`.
fn make(search: &Search, rows: Rows<'_>, distance: Distance, ctx: &Ctx<'_>) -> Result<Made, SearchError> {
    if *search == Search::Exact {
        return Ok(Made { parts: Structure::nothing(), recall: 1.0, structure: None });
    }
    let stop = || ctx.cancelled();
    let parts = ctx.timed("build", || Structure::new(rows, distance, search, &stop))?;
    let bytes_per_vector = 4 * rows.dim() + parts.bytes_per_vector(rows.dim(), rows.len());
    let structure = IndexStructure { settings: search.write(View::Full), bytes_per_vector, version: search.version() };
    let searcher = Searcher::new(rows, distance, search, &parts).stopped_by(&stop);
    let sample = recall::Sample::of(rows, distance, &stop)?;
    let recall = ctx.timed("search", || sample.share_found(&searcher))?;
    Ok(Made { parts, recall, structure: Some(structure) })
}

/// A search that finds less than is asked of it is no result.
fn expect_recall(search: &Search, recall: f64) -> Result<(), StageError> {
    let Some(least) = search.min_recall().filter(|least| recall < *least) else { return Ok(()) };
    let message = format!(
        "the search `{}` finds a share of {recall:.4} of the {} nearest (measured with up to {} of the indexed vectors), \
         `min-recall` is {least}",
        search.name(),
        recall::NEAREST,
        recall::SAMPLED
    );
    let help = match search {
        Search::Hnsw(_) => "raise `search-width`, `build-width` or `links`, or lower `min-recall`",
        Search::IvfPq(_) => "raise `probes`, `candidates` or `parts`, or lower `min-recall`",
        _ => "raise `candidates`, choose another search, or lower `min-recall`",
    };
    Err(StageError::failed(message).with_help(help))
}
