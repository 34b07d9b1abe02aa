//! The stage `index`: embeddings that queries are compared with, ready to be searched.

use super::embedded::{self, EMBEDDINGS_FILES};
use super::slice::Slice;
use crate::artifact::{self, DatasetInfo, Distance, IndexInfo, IndexRows, read_json, write_json};
use crate::stage::{Ctx, Facts, IndexFacts, InputFacts, Kind, ParamIssue, Port, Stage, StageError};
use crate::{choice, params};

choice! {
    /// How an index is searched.
    pub enum Search {
        /// Every vector is compared: the answer is exact and needs no structure beside the vectors.
        #[aka("flat", "brute_force", "linear", "nmslib", "FlatL2", "IndexFlatL2")]
        "exact" => Exact,
    }
}

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
        Ok(Facts::Index(IndexFacts {
            pool: embeddings.pool.clone(),
            range,
            dim: embeddings.dim,
            distance: params.distance.unwrap_or(embeddings.distance),
            model_use: embeddings.model_use.clone(),
        }))
    }

    fn run(params: &Params, ctx: &mut Ctx<'_>) -> Result<(), StageError> {
        let dataset: DatasetInfo = read_json(ctx.input("dataset", "dataset.json"))?;
        let (rows, info) = embedded::read(ctx, "embeddings", params.slice)?;
        let metric = params.distance.unwrap_or(info.distance);
        let scaled = embedded::searchable("embedding", &rows.values, rows.dim, &rows.example_id, metric)?.into_scaled();
        let index = IndexInfo {
            format: artifact::FORMAT,
            metric,
            search: params.search.name().to_owned(),
            count: rows.len(),
            dim: rows.dim,
            recall: match params.search {
                Search::Exact => 1.0,
            },
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
        Ok(())
    }
}
