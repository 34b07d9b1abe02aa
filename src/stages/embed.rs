//! The stage `embed`: a trained network's embeddings of a part of a sampler's pool.

use std::ops::Range;

use super::slice::Slice;
use crate::artifact::{self, Embeddings, EmbeddingsInfo, Examples, ModelFile, Samples, Weights, read_json, write_json};
use crate::nn::{EMBED_BATCH, Network, Pixels, device};
use crate::params;
use crate::stage::{Ctx, EmbeddingsFacts, Facts, InputFacts, Kind, ParamIssue, Port, Progress, Stage, StageError};

params! {
    /// Embeds a part of a sampler's pool.
    pub struct EmbedParams {
        /// Which positions of the pool.
        #[aka("range", "subset", "positions", "rows")]
        slice: Slice = Slice::All,
    }
}

/// Embeds images.
#[derive(Debug)]
pub struct Embed;

const DATASET: &str = "examples.parquet";
const POOL: &str = "samples.parquet";

impl Stage for Embed {
    const NAME: &'static str = "embed";
    const SUMMARY: &'static str = "Embeds a part of a sampler's pool with a trained network.";
    // 1 - first version
    // 2 - batch normalisations are folded into convolutions: the last bits differ
    // 3 - so is a relu behind a batch normalisation
    const VERSION: u32 = 3;
    const OUTPUT: Kind = Kind::Embeddings;
    const FILES: &'static [&'static str] = &["embeddings.parquet", EmbeddingsInfo::FILE];
    const TENSOR: bool = true;
    type Params = EmbedParams;

    fn ports(_: &EmbedParams) -> Vec<Port> {
        vec![
            Port::new("dataset", Kind::Dataset, &[DATASET]),
            Port::new("sampler", Kind::Samples, &[POOL]),
            Port::new("model", Kind::Model, &["model.safetensors", "model.json"]),
        ]
    }

    fn infer(params: &EmbedParams, inputs: &InputFacts) -> Result<Facts, Vec<ParamIssue>> {
        let pool = inputs.samples("sampler").cloned().unwrap_or_default();
        let range = params.slice.within(pool.count, "slice").map_err(|issue| vec![issue])?;
        let Some(model) = inputs.model("model") else {
            return Err(vec![ParamIssue::new("", "the port `model` has no model")]);
        };
        Ok(Facts::Embeddings(EmbeddingsFacts {
            range,
            dim: model.dim,
            distance: model.distance,
            seen_in_training: !model.trained_on.is_empty() && pool.identity == model.trained_on,
            pool,
        }))
    }

    fn run(params: &EmbedParams, ctx: &mut Ctx<'_>) -> Result<(), StageError> {
        let samples = Samples::read(ctx.input("sampler", POOL))?;
        let range = positions(params, samples.label.len())?;
        let ids = &samples.example_id[range.clone()];
        let (model, network) = read_network(ctx)?;
        let pixels = read_pixels(ctx, ids, network.input())?;
        let values = embed(ctx, &network, &pixels, ids)?;
        let examples = Examples::read(ctx.input("dataset", DATASET))?;
        let (split, digest) = (of(&examples.split, ids)?, of(&examples.digest, ids)?);
        let embeddings = Embeddings {
            position: range.clone().map(|position| position as u64).collect(),
            example_id: ids.to_vec(),
            label: samples.label[range].to_vec(),
            split,
            digest,
            values,
            dim: network.dim(),
        };
        let info = EmbeddingsInfo {
            format: artifact::FORMAT,
            distance: model.distance,
            dim: embeddings.dim,
            count: embeddings.len(),
            begin: embeddings.position.first().copied().unwrap_or(0),
            seen_in_training: ids.iter().any(|id| model.has_seen(*id)),
        };
        embeddings.write(&ctx.output("embeddings.parquet"))?;
        write_json(&ctx.output(EmbeddingsInfo::FILE), &info)?;
        Ok(())
    }
}

/// The slice's positions, now that the pool's size is known.
fn positions(params: &EmbedParams, count: usize) -> Result<Range<usize>, StageError> {
    Ok(params.slice.within(Some(count), "slice")?.expect("the count is known"))
}

/// A column of the dataset, for some examples.
fn of(column: &[String], ids: &[u64]) -> Result<Vec<String>, StageError> {
    let value = |id: &u64| {
        let found = usize::try_from(*id).ok().and_then(|row| column.get(row)).cloned();
        found.ok_or_else(|| StageError::failed(format!("the dataset has no example {id}")))
    };
    ids.iter().map(value).collect()
}

fn read_network(ctx: &Ctx<'_>) -> Result<(ModelFile, Network), StageError> {
    let device = device::to_device(ctx.backend()).map_err(|e| StageError::failed(e.message).with_help(e.help))?;
    let model: ModelFile = read_json(ctx.input("model", "model.json"))?;
    let weights = Weights::read(ctx.input("model", "model.safetensors"))?;
    let network = Network::load(&model, &weights, &device);
    let network = network.map(|network| network.with_numerics(device::numerics(ctx.numerics())));
    network.map(|network| (model, network)).map_err(|error| StageError::failed(error.to_string()))
}

fn read_pixels(ctx: &Ctx<'_>, ids: &[u64], input: [usize; 3]) -> Result<Pixels, StageError> {
    let pixels = Pixels::read(ctx.input("dataset", DATASET), ids);
    let pixels = pixels.map_err(|error| StageError::failed(error.to_string()))?;
    if pixels.shape != input {
        let message = format!("the model takes images of the shape {input:?}, found {:?}", pixels.shape);
        return Err(StageError::failed(message).with_help("train the model on images of this shape"));
    }
    Ok(pixels)
}

/// Embeds batch by batch; a number that is none is an error here, not a surprise in the index.
fn embed(ctx: &Ctx<'_>, network: &Network, pixels: &Pixels, ids: &[u64]) -> Result<Vec<f32>, StageError> {
    let embedder = network.embedder();
    let mut values = Vec::with_capacity(ids.len() * network.dim());
    for (batch, batch_ids) in pixels.bytes.chunks(EMBED_BATCH * pixels.image_size()).zip(ids.chunks(EMBED_BATCH)) {
        ctx.stop_if_cancelled()?;
        let embedded = embedder.embed(batch);
        for (row, id) in embedded.chunks(network.dim()).zip(batch_ids) {
            if row.iter().any(|value| !value.is_finite()) {
                let message = format!("the embedding of example {id} is not finite");
                let help = "the model's weights are likely broken: train it with a lower `learning-rate`";
                return Err(StageError::failed(message).with_help(help));
            }
        }
        values.extend(embedded);
        let done = (values.len() / network.dim()) as u64;
        ctx.progress(Progress { done, total: Some(ids.len() as u64), unit: "images", message: String::new() });
    }
    Ok(values)
}
