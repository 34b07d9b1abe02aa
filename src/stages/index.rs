//! The stage `index`: embeddings that queries are compared with, ready to be searched.

use super::embedded::{self, EMBEDDINGS_FILES};
use super::slice::Slice;
use crate::artifact::{
    self, DatasetInfo, Distance, Graph, IndexInfo, IndexRows, IndexStructure, read_json, write_json,
};
use crate::base::param::{Param, View};
use crate::base::suggest;
use crate::params;
use crate::search::distance::Rows;
use crate::search::{GraphSearch, SearchError, Searcher, hnsw, recall, searcher};
use crate::stage::{Ctx, Facts, IndexFacts, InputFacts, Kind, ParamIssue, Port, Stage, StageError};

params! {
    /// Which embeddings are indexed, and how near is measured.
    pub struct Params {
        /// Positions in the sampler's pool; all of them must be embedded.
        #[aka("range", "subset", "positions", "rows")]
        slice: Slice = Slice::All,
        /// How neighbours are found.
        #[aka("index_type", "search_type", "algorithm", "algo", "method")]
        search: Search = Search::Exact,
        /// How near is measured; the distance of the model's loss if it is left out. For `cosine`, vectors that are not of
        /// unit length are scaled to it, and so are the queries.
        #[aka("metric", "distance_metric", "similarity", "dist", "metric_type")]
        distance: Option<Distance> = None,
    }
}

pub use crate::search::Search;

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
    const OPTIONAL_FILES: &'static [&'static str] = &[Graph::FILE];
    type Params = Params;

    fn ports(_params: &Params) -> Vec<Port> {
        vec![
            Port::new("dataset", Kind::Dataset, &["dataset.json"]),
            Port::new("embeddings", Kind::Embeddings, EMBEDDINGS_FILES),
        ]
    }

    fn infer(params: &Params, inputs: &InputFacts) -> Result<Facts, Vec<ParamIssue>> {
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
        Ok(Facts::Index(IndexFacts {
            pool: embeddings.pool.clone(),
            range,
            dim: embeddings.dim,
            distance,
            model_use: embeddings.model_use.clone(),
        }))
    }

    fn run(params: &Params, ctx: &mut Ctx<'_>) -> Result<(), StageError> {
        let dataset: DatasetInfo = read_json(ctx.input("dataset", "dataset.json"))?;
        let (rows, info) = embedded::read(ctx, "embeddings", params.slice)?;
        let metric = params.distance.unwrap_or(info.distance);
        let vectors = embedded::searchable("embedding", &rows.values, rows.dim, &rows.example_id, metric)?;
        let search = params.search.of(rows.len(), metric);
        let stop = || ctx.cancelled();
        let made = make(&search, vectors.rows(), metric, &stop).map_err(|error| embedded::unsearchable(&error))?;
        let scaled = vectors.into_scaled();
        expect_recall(&search, made.recall)?;
        let index = IndexInfo {
            format: artifact::FORMAT,
            metric,
            search: search.name().to_owned(),
            count: rows.len(),
            dim: rows.dim,
            recall: made.recall,
            structure: made.structure,
            normalized: scaled.is_some(),
            model_use: info.model_use,
            classes: dataset.classes,
        };
        let rows = IndexRows {
            example_id: rows.example_id,
            label: rows.label,
            digest: rows.digest,
            vectors: scaled.unwrap_or(rows.values),
            dim: rows.dim,
            belonging: rows.belonging,
        };
        rows.write(&ctx.output("index.arrow"))?;
        write_json(&ctx.output("index.json"), &index)?;
        if let Some(graph) = made.graph {
            graph.write(&ctx.output(Graph::FILE))?;
        }
        if index.structure.is_some() {
            ctx.metric("neighbours_found", index.recall);
        }
        Ok(())
    }
}

/// A search that does not work with the distance.
fn refused(search: &Search, distance: Distance) -> Option<ParamIssue> {
    let known: Vec<&str> = search.refuses(distance)?.iter().map(|distance| distance.name()).collect();
    let (name, distance) = (search.name(), distance.name());
    let known = suggest::one_of(&known);
    let help = format!("it works with {known}; `search = \"exact\"` works with every distance");
    Some(
        ParamIssue::new("search", format!("the search `{name}` does not work with the distance `{distance}`"))
            .help(help),
    )
}

/// What a search needs, and how much it finds.
struct Made {
    graph: Option<Graph>,
    recall: f64,
    structure: Option<IndexStructure>,
}

fn make(
    search: &Search,
    rows: Rows<'_>,
    distance: Distance,
    stop: &(dyn Fn() -> bool + Sync),
) -> Result<Made, SearchError> {
    if *search == Search::Exact {
        return Ok(Made { graph: None, recall: 1.0, structure: None });
    }
    let graph = match search {
        Search::Hnsw(params) => Some(hnsw::graph(rows, distance, params, stop)?),
        _ => None,
    };
    let structure = IndexStructure {
        settings: search.write(View::Full),
        bytes_per_vector: searcher::bytes_per_vector(search, rows.dim(), rows.len(), graph.as_ref()),
    };
    let walked = graph.clone().map(GraphSearch::new);
    let searcher = Searcher::new(rows, distance, search, walked.as_ref()).stopped_by(stop);
    let recall = recall::recall(rows, distance, &searcher, stop)?;
    Ok(Made { graph, recall, structure: Some(structure) })
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
        Search::Hnsw(_) => "raise `search-width`, `build-width` or `links`, or ask for less",
        _ => "raise `candidates`, take another search, or ask for less",
    };
    Err(StageError::failed(message).with_help(help))
}
