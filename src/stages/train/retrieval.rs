//! Retrieval metrics of the validation pool while a network trains: the same figures that looking the finished network's
//! embeddings up would give.

use std::fmt::{Debug, Formatter};
use std::sync::Arc;

use super::feed::Pool;
use crate::embedded;
use simpipe_artifact::{Distance, IndexRows};
use simpipe_base::issue::Issue;
use simpipe_metric::{Ranked, RetrievalMetric, micro_mean};
use simpipe_nn::{EMBED_BATCH, Network, Unmeasured, Validator};
use simpipe_search::knn::{Hit, Wanted};
use simpipe_search::{ExactSearch, SearchError, overlap};
use simpipe_stage::{Ctx, StageError};

/// Looks every image of a pool up among the others, copies of the image itself left out.
pub(super) struct Retrieval<'a> {
    ctx: &'a Ctx<'a>,
    pool: &'a Pool,
    distance: Distance,
    metrics: Vec<RetrievalMetric>,
    /// Images of the same class that a query can find.
    relevant: Vec<usize>,
    wanted: Vec<Wanted>,
}

impl Debug for Retrieval<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Retrieval")
            .field("metrics", &self.metrics)
            .field("distance", &self.distance)
            .finish_non_exhaustive()
    }
}

impl<'a> Retrieval<'a> {
    /// For `metrics`, which the parameters at `path` ask for.
    ///
    /// # Errors
    /// If no image of the pool has another one to be found.
    pub(super) fn new(
        ctx: &'a Ctx<'a>,
        pool: &'a Pool,
        distance: Distance,
        metrics: Vec<RetrievalMetric>,
        path: &str,
    ) -> Result<Self, StageError> {
        let rows = IndexRows {
            example_id: pool.example_ids.clone(),
            label: pool.labels.clone(),
            digest: (0..pool.pixels.count()).map(|at| pool.pixels.digest(at)).collect(),
            ..IndexRows::default()
        };
        let excluded = overlap::same_examples(&rows, &rows.example_id, &rows.digest);
        let relevant = overlap::relevant(&rows.label, &rows.label, &excluded);
        if relevant.iter().all(|relevant| *relevant == 0) {
            let message = "no image of the validation pool has another image of its class to find";
            let help = "let the sampler of the validation draw at least two examples of a class, or look at `val-loss`";
            return Err(Issue::of(path, message).help(help).into());
        }
        let depth = |(relevant, excluded): (&usize, Arc<[u32]>)| Wanted {
            k: metrics.iter().map(|metric| metric.depth(*relevant)).max().unwrap_or(0),
            excluded,
        };
        let wanted = relevant.iter().zip(excluded).map(depth).collect();
        Ok(Self { ctx, pool, distance, metrics, relevant, wanted })
    }

    /// The pool's embeddings; `None` if the stage was to stop.
    fn embed(&self, network: &Network) -> Option<Vec<f32>> {
        let (embedder, pixels) = (network.embedder(), &self.pool.pixels);
        let mut values = Vec::with_capacity(self.pool.example_ids.len() * network.dim());
        for batch in pixels.batches(EMBED_BATCH) {
            if self.ctx.cancelled() {
                return None;
            }
            values.extend(embedder.embed(&batch));
        }
        Some(values)
    }
}

impl Validator for Retrieval<'_> {
    fn names(&self) -> Vec<String> {
        self.metrics.iter().map(RetrievalMetric::name).collect()
    }

    fn measure(&self, network: &Network) -> Result<Option<Vec<f64>>, Unmeasured> {
        let Some(values) = self.embed(network) else { return Ok(None) };
        let labels = &self.pool.labels;
        let vectors = embedded::searchable("embedding", &values, network.dim(), &self.pool.example_ids, self.distance);
        let vectors = vectors
            .map_err(|error| Unmeasured { message: error.to_string(), help: error.help().map(str::to_owned) })?;
        let judge = |query: usize, hits: &[Hit]| {
            let right: Vec<bool> = hits.iter().map(|hit| labels[hit.row as usize] == labels[query]).collect();
            let ranked = Ranked { hits: &right, relevant: self.relevant[query] };
            self.metrics.iter().map(|metric| metric.of_query(&ranked)).collect::<Vec<Option<f64>>>()
        };
        let stop = || self.ctx.cancelled();
        let search = ExactSearch::new(vectors.rows(), self.distance).stopped_by(&stop);
        let found = match search.map(vectors.rows(), &self.wanted, judge) {
            Ok(found) => found,
            Err(SearchError::Stopped) => return Ok(None),
            Err(error) => return Err(Unmeasured { message: error.to_string(), help: None }),
        };
        let mean = |at: usize| micro_mean(found.iter().map(|values| values[at]));
        Ok(Some((0..self.metrics.len()).map(mean).collect()))
    }
}
