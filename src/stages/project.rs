//! The stage `project`: embeddings on a plane, computed once however often they are drawn.

use serde_json::json;

use super::embedded::{self, EMBEDDINGS_FILES};
use super::slice::Slice;
use simpipe_artifact::{self as artifact, Distance, Projection, ProjectionInfo, write_json};
use simpipe_base::check;
use simpipe_base::issue::Issue;
use simpipe_base::param::{Param, View};
use simpipe_base::{choice, params};
use simpipe_metric::plane::{PlaneError, TSne, Umap, Way, place};
use simpipe_search::vectors;
use simpipe_stage::{Ctx, Facts, InputFacts, Kind, Port, Progress, ProjectionFacts, Stage, StageError};

params! {
    /// Nothing to set: there is one answer.
    pub struct PcaParams {}
}

params! {
    /// t-SNE by Barnes and Hut's approximation (van der Maaten, 2014), started from the principal components: no random
    /// number enters it.
    pub struct TSneParams {
        /// Neighbours that count, in effect; at most a third of the other embeddings do. Small values show small groups.
        perplexity: f64 = 30.0 => check::between(1.0, 1000.0),
        /// Steps of the descent.
        #[aka("n_iter", "max_iter", "iterations", "epochs", "num_iterations")]
        steps: usize = 1000 => check::between(1, 100_000),
    }
}

params! {
    /// UMAP (McInnes, Healy and Melville, 2018), started from the principal components.
    pub struct UmapParams {
        /// Neighbours that count, the embedding itself among them; at most all do. Small values show small groups.
        #[aka("n_neighbors", "neighbors", "k")]
        neighbours: usize = 15 => check::between(2, 500),
        /// How near neighbours come on the map: small values pack groups, large ones spread them.
        #[aka("min_distance")]
        min_dist: f64 = 0.1 => check::between(0.0, 1.0),
        /// Rounds of the descent.
        #[aka("n_epochs", "epochs", "n_iter", "iterations")]
        steps: usize = 500 => check::between(1, 100_000),
        /// What random points are drawn from: another number gives another map of the same neighbours.
        #[aka("random_state")]
        seed: u64 = 0,
    }
}

choice! {
    /// How embeddings become points.
    pub enum ProjectMethod {
        /// Principal components: exact, keeps large distances (Pearson, 1901).
        "pca" => Pca(PcaParams),
        /// t-SNE: keeps neighbours, distances between groups mean little (van der Maaten and Hinton, 2008).
        #[aka("bhtsne")]
        "t-sne" => TSne(TSneParams),
        /// UMAP: keeps neighbours, and what groups are beside each other better than t-SNE.
        "umap" => Umap(UmapParams),
    }
}

params! {
    /// Places embeddings on a plane. A report draws them if the stage is connected to its port `pca`, `t-sne` or
    /// `umap`; a new title or another size of the picture then recomputes nothing.
    ///
    /// # Example
    ///
    /// ```toml
    /// [project]
    /// method = { t-sne = { perplexity = 30.0 } }
    /// count = 1000
    /// ```
    pub struct Params {
        /// How embeddings become points.
        #[aka("algorithm", "reducer", "technique")]
        method: ProjectMethod = ProjectMethod::Pca(PcaParams {}),
        /// Positions in the pool; all of them must be embedded.
        #[aka("range", "subset", "positions", "rows")]
        slice: Slice = Slice::All,
        /// Largest number of embeddings, from the start of the slice.
        #[aka("max_points", "points", "n_samples", "limit")]
        count: usize = 1000 => check::between(1, 20_000),
        /// The distance; default: that of the model's loss. For cosine, embeddings are scaled to unit length first; all
        /// other distances are treated as Euclidean.
        #[aka("metric", "distance_metric")]
        distance: Option<Distance> = None,
    }
}

/// The stage.
#[derive(Debug)]
pub struct Project;

impl Stage for Project {
    const NAME: &'static str = "project";
    const SUMMARY: &'static str = "Places embeddings on a plane by PCA, t-SNE or UMAP.";
    // 1: the first.
    const VERSION: u32 = 1;
    const OUTPUT: Kind = Kind::Projection;
    const FILES: &'static [&'static str] = &[Projection::FILE, ProjectionInfo::FILE];
    const WORK: &'static [&'static str] = &["count"];
    type Params = Params;

    fn ports(_: &Params) -> Vec<Port> {
        vec![Port::new("embeddings", Kind::Embeddings, EMBEDDINGS_FILES)]
    }

    fn infer(params: &Params, inputs: &InputFacts) -> Result<Facts, Vec<Issue>> {
        let embedded = inputs.embeddings("embeddings").and_then(|facts| facts.range.as_ref());
        let range = embedded::select(params.slice, embedded).map_err(|issue| vec![issue])?;
        let method = params.method.name().to_owned();
        Ok(Facts::Projection(ProjectionFacts { method, most: params.count, of: range.map(|range| range.len()) }))
    }

    fn run(params: &Params, ctx: &mut Ctx<'_>) -> Result<(), StageError> {
        let (rows, info) = embedded::read(ctx, "embeddings", params.slice)?;
        let (of, count) = (rows.len(), params.count.min(rows.len()));
        let mut rows = rows.slice(0..count);
        let distance = params.distance.unwrap_or(info.distance);
        if distance == Distance::Cosine {
            vectors::to_unit_length(&mut rows.values, rows.dim);
        }
        ctx.progress(Progress { done: 0, total: None, unit: "embeddings", message: params.method.name().to_owned() });
        let stop = || ctx.cancelled();
        let placed = place(&rows.values, rows.dim, &params.method.way(), &stop).map_err(|error| match error {
            PlaneError::Stopped => StageError::Interrupted,
            PlaneError::Thread(_) => StageError::failed(error.to_string()),
        })?;
        let info = ProjectionInfo {
            format: artifact::FORMAT,
            method: params.method.name().to_owned(),
            parameters: params.method.parameters(),
            count,
            of,
            left_out: count - placed.kept.len(),
            dim: rows.dim,
            distance,
            explained: matches!(params.method, ProjectMethod::Pca(_)).then_some(placed.explained),
        };
        let projection = Projection {
            position: placed.kept.iter().map(|row| rows.position[*row]).collect(),
            example_id: placed.kept.iter().map(|row| rows.example_id[*row]).collect(),
            label: placed.kept.iter().map(|row| rows.label[*row]).collect(),
            point: placed.points,
        };
        projection.write(&ctx.output(Projection::FILE))?;
        write_json(&ctx.output(ProjectionInfo::FILE), &info)?;
        ctx.metric("points", projection.point.len() as f64);
        for (name, share) in ["explained.1", "explained.2"].into_iter().zip(info.explained.into_iter().flatten()) {
            ctx.metric(name, share);
        }
        Ok(())
    }
}

impl ProjectMethod {
    fn way(&self) -> Way {
        match self {
            Self::Pca(_) => Way::Pca,
            Self::TSne(TSneParams { perplexity, steps }) => Way::TSne(TSne { perplexity: *perplexity, steps: *steps }),
            Self::Umap(UmapParams { neighbours, min_dist, steps, seed }) => {
                Way::Umap(Umap { neighbours: *neighbours, min_dist: *min_dist, steps: *steps, seed: *seed })
            }
        }
    }

    /// Every parameter, with its value.
    fn parameters(&self) -> serde_json::Value {
        match self {
            Self::Pca(_) => json!({}),
            Self::TSne(params) => params.write(View::Full),
            Self::Umap(params) => params.write(View::Full),
        }
    }
}
