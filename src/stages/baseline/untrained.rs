//! Networks that nobody has trained on these images: the one with the weights that a seed draws, and one that is frozen.

use super::images::{Maybe, pieces, read, unless_meaningless};
use super::lookup::{Lookup, Values};
use crate::embed::{Used, read_network};
use crate::train::{Train, first_images};
use simpipe_artifact::{Embeddings, IndexInfo, IndexRows, ModelFile, Samples, read_json};
use simpipe_base::param;
use simpipe_base::seed::Seed;
use simpipe_nn::{Batch, Batches, EMBED_BATCH, LayerSpec, Network, device, images_to_start_from, onnx_networks};
use simpipe_search::Vectors;
use simpipe_stage::{Ctx, Stage, StageError};

/// The port of a network that is only loaded.
pub(super) const FROZEN: &str = "frozen";

/// Looks the queries up by the untrained network, used as the trained one is.
pub(super) fn look_up(
    stream: Option<&str>,
    ctx: &Ctx<'_>,
    index: &IndexRows,
    info: &IndexInfo,
    queries: &Embeddings,
    lookup: &Lookup<'_>,
) -> Result<Maybe<Values>, StageError> {
    if !ctx.has_input("model") {
        return Ok(Err("There is no model at the port `model`.".to_owned()));
    }
    let Some(seed) = ctx.seed_of(Train::NAME, stream) else {
        return Ok(Err("The spec has no seed that weights would start from.".to_owned()));
    };
    match start(ctx, seed)? {
        Ok(network) => by_network(&network, ctx, index, info, queries, lookup),
        Err(reason) => Ok(Err(reason)),
    }
}

/// Looks the queries up by the network that is plugged in as it is, used as the trained one is.
pub(super) fn look_up_frozen(
    ctx: &Ctx<'_>,
    index: &IndexRows,
    info: &IndexInfo,
    queries: &Embeddings,
    lookup: &Lookup<'_>,
) -> Result<Maybe<Values>, StageError> {
    let (model, network) = read_network(ctx, FROZEN)?;
    if model.features.is_some() {
        return Ok(Err(format!("The network at the port `{FROZEN}` takes features, and a baseline is given images.")));
    }
    if model.steps > 0 {
        return Ok(Err(format!("The network at the port `{FROZEN}` was trained, so it is not a baseline.")));
    }
    by_network(&network, ctx, index, info, queries, lookup)
}

fn by_network(
    network: &Network,
    ctx: &Ctx<'_>,
    index: &IndexRows,
    info: &IndexInfo,
    queries: &Embeddings,
    lookup: &Lookup<'_>,
) -> Result<Maybe<Values>, StageError> {
    let used = Used::new(network, &info.model_use)?;
    let (rows, dim) = (embed(ctx, network, &used, &index.example_id)?, used.rows().dim());
    let asked = embed(ctx, network, &used, &queries.example_id)?;
    let vectors = |values| Vectors::new(values, dim, info.metric);
    let found =
        vectors(&rows).and_then(|rows| vectors(&asked).and_then(|asked| lookup.of(ctx, &rows, &asked, info.metric)));
    unless_meaningless(found, "The network gives an image no number, or only zeros.")
}

/// The network as its training has it before the first step.
fn start(ctx: &Ctx<'_>, seed: Seed) -> Result<Maybe<Network>, StageError> {
    let device = device::to_device(ctx.backend()).map_err(|e| StageError::failed(e.message).with_help(e.help))?;
    let model: ModelFile = read_json(ctx.input("model", "model.json"))?;
    if model.features.is_some() {
        let reason = "The model takes features of another network, and untrained it is a random mixture of them: plug that network \
                      into `frozen`.";
        return Ok(Err(reason.to_owned()));
    }
    let layers: Vec<LayerSpec> = param::from_json(&model.layers).map_err(|issues| {
        let reason = issues.first().map_or_else(String::new, |issue| issue.message.clone());
        StageError::failed(format!("the layers of the model can't be read: {reason}"))
    })?;
    if onnx_networks(&layers).next().is_some() {
        let reason = "The network begins with an ONNX file, which nobody can draw at random: plug a `train` with `epochs = 0` into \
                      `frozen`.";
        return Ok(Err(reason.to_owned()));
    }
    let network = Network::build(&layers, model.input, seed, &device)
        .map_err(|issues| StageError::failed(issues.first().map_or_else(String::new, |issue| issue.message.clone())))?;
    let mut network = network.with_numerics(device::numerics(ctx.numerics()));
    if let Some(most) = images_to_start_from(&layers) {
        if !ctx.has_input("sampler") {
            let reason = "The network starts from training images: plug the pool that it is trained on into `sampler`.";
            return Ok(Err(reason.to_owned()));
        }
        let first = First::read(ctx, seed, most, model.input)?;
        network.start_from_images(&first);
        ctx.stop_if_cancelled()?;
    }
    Ok(Ok(network))
}

/// The images that layers of a network start from: those that its training draws.
struct First {
    /// As many as the training would draw of them.
    images: Vec<Vec<u8>>,
}

impl First {
    fn read(ctx: &Ctx<'_>, seed: Seed, most: usize, input: [usize; 3]) -> Result<Self, StageError> {
        let pool = Samples::read(ctx.input("sampler", "samples.parquet"))?;
        let drawn = first_images(seed, pool.example_id.len(), most);
        let ids: Vec<u64> = drawn.iter().map(|at| pool.example_id[*at]).collect();
        let mut images = vec![Vec::new(); ids.len()];
        for places in pieces(&ids, input.iter().product()) {
            let wanted: Vec<u64> = places.iter().map(|place| ids[*place]).collect();
            let pixels = read(ctx, &wanted)?;
            if pixels.shape != input {
                let message = format!("the model takes images of the shape {input:?}, found {:?}", pixels.shape);
                return Err(StageError::failed(message));
            }
            places.into_iter().enumerate().for_each(|(at, place)| images[place] = pixels.image(at).into_owned());
        }
        Ok(Self { images })
    }
}

impl Batches for First {
    fn training(&self, _: u64, _: u64) -> Batch {
        Batch::default()
    }

    fn validation(&self, _: u64) -> Option<Batch> {
        None
    }

    /// Fewer are the first of more: each is drawn without looking at how many follow.
    fn first_images(&self, count: usize) -> Vec<u8> {
        self.images.iter().take(count).flatten().copied().collect()
    }
}

/// The rows of some examples, in their order.
fn embed(ctx: &Ctx<'_>, network: &Network, used: &Used, ids: &[u64]) -> Result<Vec<f32>, StageError> {
    let (rows, image) = (used.rows(), network.input().bytes());
    let dim = rows.dim();
    let mut values = vec![0.0; ids.len() * dim];
    for places in pieces(ids, image) {
        let wanted: Vec<u64> = places.iter().map(|place| ids[*place]).collect();
        let pixels = read(ctx, &wanted)?;
        if pixels.input() != network.input() {
            let (takes, found) = (network.input().sides(), pixels.shape);
            return Err(StageError::failed(format!("the model takes images of the shape {takes:?}, found {found:?}")));
        }
        for (batch, places) in pixels.batches(EMBED_BATCH).zip(places.chunks(EMBED_BATCH)) {
            ctx.stop_if_cancelled()?;
            for (row, place) in rows.embed(&batch).chunks_exact(dim).zip(places) {
                values[place * dim..(place + 1) * dim].copy_from_slice(row);
            }
        }
    }
    Ok(values)
}
