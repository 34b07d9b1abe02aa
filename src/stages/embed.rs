//! The stage `embed`: a trained network's embeddings of a part of a sampler's pool.

mod earlier;
mod features;
mod rows;
mod taps;
#[cfg(test)]
mod tests;
mod used;

use std::ops::Range;
use std::path::Path;

use self::earlier::EarlierRows;
use self::features::Given;
pub(super) use self::features::features_of;
pub use self::rows::EmbedView;
pub(super) use self::rows::Rows;
use self::taps::{Tap, taps};
pub(super) use self::used::Used;
pub use self::used::use_of;
use super::cached;
use super::embedded::foreign;
use super::slice::Slice;
use simpipe_artifact::{
    self as artifact, Embeddings, EmbeddingsInfo, IMAGES, ImageSet, MadeBy, ModelFile, ModelName, ModelSummary,
    ModelUse, Samples, Weights, read_json, write_json,
};
use simpipe_base::check;
use simpipe_base::issue::Issue;
use simpipe_base::param::{Param, View};
use simpipe_base::params;
use simpipe_data::loader;
use simpipe_nn::{EMBED_BATCH, Network, Pixels, device};
use simpipe_stage::{Ctx, EmbeddingsFacts, Facts, InputFacts, Kind, Port, Progress, Stage, StageError};

params! {
    /// Embeds a part of a sampler's pool.
    ///
    /// Index and queries must be embedded in the same way: with the same `views`, `layer`, `layers` and `normalize`.
    ///
    /// A model that was trained on features takes `embeddings` instead of `dataset`: those that it was trained on, or
    /// others made in the same way. It can also take images, if the model that turns them into features is connected to
    /// `backbone`.
    ///
    /// # Example
    ///
    /// ```toml
    /// [embed]
    /// views = ["identity", "flip"]
    /// ```
    pub struct EmbedParams {
        /// Which positions of the pool.
        #[aka("range", "subset", "positions", "rows")]
        slice: Slice = Slice::All,
        /// The versions of each image to embed, in any order. A row is their mean, scaled to unit length if the layers
        /// give unit length.
        #[aka("tta", "test_time_augmentation", "augment", "test_views")]
        views: Vec<EmbedView> = vec![EmbedView::Identity] => check::not_empty(),
        /// The layer whose output is the embedding, instead of the last one: its name in the table of `simpipe check`,
        /// such as "global-max-pool", or its path, such as "layers.5".
        #[aka("features", "tap", "output_layer", "embedding_layer", "feature_layer")]
        layer: Option<String> = None,
        /// Several such layers, whose outputs are concatenated.
        #[aka("concat", "features_of", "output_layers")]
        layers: Vec<String> = Vec::new(),
        /// Whether to scale rows to unit length; with several `layers`, first each and then the whole.
        #[aka("l2_normalize", "normalise", "unit_length")]
        normalize: bool = false,
    }
}

/// Embeds images.
#[derive(Debug)]
pub struct Embed;

/// The port of the model that makes the features which another takes.
const BACKBONE: &str = "backbone";
const POOL: &str = "samples.parquet";
const MODEL: &[&str] = &["model.safetensors", "model.json", ImageSet::TRAINED_ON];

impl Stage for Embed {
    const NAME: &'static str = "embed";
    const SUMMARY: &'static str = "Embeds a part of a sampler's pool with a trained network.";
    // 1 - first version
    // 2 - batch normalisations are folded into convolutions: the last bits differ
    // 3 - so is a relu behind a batch normalisation
    // 4 - which images the model was trained on is told by their digests, also those of another dataset
    // 5 - images are read from files of their splits; group, source and category of images are handed on
    // 6 - convolutions of each channel, attention, matrices and pools by kernels of our own; which model made them is told; what
    //     images belong to is read from the pool: what other splits hold is not read
    const VERSION: u32 = 6;
    const OUTPUT: Kind = Kind::Embeddings;
    const FILES: &'static [&'static str] = &["embeddings.parquet", EmbeddingsInfo::FILE, ImageSet::TRAINED_ON];
    const TAKES_OVER: Option<&'static [&'static str]> = Some(&["dataset", "sampler"]);
    const TENSOR: bool = true;
    type Params = EmbedParams;

    fn ports(_: &EmbedParams) -> Vec<Port> {
        vec![
            Port::new("dataset", Kind::Dataset, &[IMAGES]).splits_of(&["sampler"]),
            Port::new(cached::PORT, Kind::Embeddings, features::FILES).instead_of("dataset"),
            Port::new("sampler", Kind::Samples, &[POOL]),
            Port::new("model", Kind::Model, MODEL),
            Port::new(BACKBONE, Kind::Model, MODEL).optional(),
        ]
    }

    fn infer(params: &EmbedParams, inputs: &InputFacts) -> Result<Facts, Vec<Issue>> {
        let pool = inputs.samples("sampler").cloned().unwrap_or_default();
        let range = params.slice.within(pool.count, "slice").map_err(|issue| vec![issue])?;
        params.views_differ()?;
        let home = inputs.dataset("dataset").map(|facts| facts.identity.as_str());
        if let Some(issue) = foreign("examples", Some(&pool.dataset), home, "dataset") {
            return Err(vec![issue]);
        }
        let Some(model) = inputs.model("model") else {
            return Err(vec![Issue::of("", "the port `model` has no model")]);
        };
        let issues = features::problems(params, inputs, model, &pool);
        if !issues.is_empty() {
            return Err(issues);
        }
        let taps = params.taps(model.summary.as_ref())?;
        let dim = match &taps {
            Some(taps) => Some(taps.iter().map(|tap| tap.dim).sum()),
            // Which layer is the last is not known yet.
            None => model.dim.filter(|_| params.named().is_empty()),
        };
        Ok(Facts::Embeddings(EmbeddingsFacts {
            range,
            dim,
            distance: model.distance,
            // The last layer is the last layer, whatever it is.
            model_use: taps.or_else(|| params.named().is_empty().then(Vec::new)).map(|taps| params.model_use(&taps)),
            seen_in_training: features::are_seen(inputs, model, &pool),
            pool,
        }))
    }

    /// The mean of views is the same in any order.
    fn key_params(params: &EmbedParams) -> serde_json::Value {
        EmbedParams { views: params.views_in_order(), ..params.clone() }.write(View::Key)
    }

    fn run(params: &EmbedParams, ctx: &mut Ctx<'_>) -> Result<(), StageError> {
        let samples = Samples::read(ctx.input("sampler", POOL))?;
        let range = positions(params, samples.label.len())?;
        let ids = &samples.example_id[range.clone()];
        let (model, network) = read_network(ctx, "model")?;
        let given = Given::read(ctx, &model, &samples, range.clone())?;
        let taps = params.taps(Some(network.summary())).map_err(first)?.unwrap_or_default();
        let networks = tapped(&network, &taps)?;
        let views = params.views_in_order();
        let rows = Rows::new(&networks, &views, params.normalize).behind(given.backbone.as_ref().map(Used::rows));
        let earlier = EarlierRows::read(ctx.earlier(), &given.pixels, rows.dim());
        let missing = earlier.missing();
        tracing::info!(embedded = missing.len(), taken_over = ids.len() - missing.len(), "images");
        let values = earlier.filled(&missing, embed(ctx, &rows, &given.pixels, ids, &missing)?);
        let digest: Vec<String> = (0..ids.len()).map(|at| given.pixels.digest(at)).collect();
        let seen = ImageSet::read(ctx.input("model", ImageSet::TRAINED_ON))?.with(given.seen).among(&digest);
        let embeddings = Embeddings {
            position: range.clone().map(|position| position as u64).collect(),
            example_id: ids.to_vec(),
            label: samples.label[range.clone()].to_vec(),
            split: vec![samples.split.clone(); ids.len()],
            digest,
            values,
            dim: rows.dim(),
            belonging: samples.belonging.slice(&range),
        };
        let info = EmbeddingsInfo {
            format: artifact::FORMAT,
            distance: model.distance,
            dim: embeddings.dim,
            count: embeddings.len(),
            begin: embeddings.position.first().copied().unwrap_or(0),
            seen_in_training: !seen.is_empty(),
            model_use: params.model_use(&taps),
            made_by: Some(MadeBy { of: model_name(ctx, "model")?, image: model.input }),
        };
        embeddings.write(&ctx.output("embeddings.parquet"))?;
        seen.write(&ctx.output(ImageSet::TRAINED_ON))?;
        write_json(&ctx.output(EmbeddingsInfo::FILE), &info)?;
        Ok(())
    }
}

impl EmbedParams {
    /// The views in the order of their choice: a sum of numbers that are rounded depends on it, and nobody should.
    fn views_in_order(&self) -> Vec<EmbedView> {
        let mut views = self.views.clone();
        views.sort_by_key(|view| EmbedView::NAMES.iter().position(|name| *name == view.name()));
        views
    }

    /// A view that is there twice would count twice.
    fn views_differ(&self) -> Result<(), Vec<Issue>> {
        let twice = (1..self.views.len()).filter(|&at| self.views[..at].contains(&self.views[at]));
        let issue = |at: usize| {
            let message = format!("`{}` is repeated", self.views[at].name());
            Issue::of(format!("views[{at}]"), message).help("leave it out: each view counts once")
        };
        let issues: Vec<Issue> = twice.map(issue).collect();
        if issues.is_empty() { Ok(()) } else { Err(issues) }
    }

    /// The layers that are named, with their parameters' paths.
    fn named(&self) -> Vec<(String, &str)> {
        let list = self.layers.iter().enumerate().map(|(at, name)| (format!("layers[{at}]"), name.as_str()));
        self.layer.iter().map(|name| ("layer".to_owned(), name.as_str())).chain(list).collect()
    }

    /// The layers whose outputs are taken: the last one where none is named. `None` while the layers are not known.
    fn taps(&self, summary: Option<&ModelSummary>) -> Result<Option<Vec<Tap>>, Vec<Issue>> {
        if self.layer.is_some() && !self.layers.is_empty() {
            let issue = Issue::of("layers", "`layer` and `layers` both name the layer to use");
            return Err(vec![issue.help("use one of them")]);
        }
        summary.map(|summary| taps(&self.named(), &summary.layers)).transpose()
    }

    /// What a row is made of.
    fn model_use(&self, taps: &[Tap]) -> ModelUse {
        let layers = match taps {
            [tap] if tap.is_last => Vec::new(),
            taps => taps.iter().map(|tap| tap.path.clone()).collect(),
        };
        let views = self.views_in_order().iter().map(|view| view.name().to_owned()).collect();
        ModelUse { views, layers, normalize: self.normalize }
    }
}

/// The networks that end with the layers to take.
fn tapped(network: &Network, taps: &[Tap]) -> Result<Vec<Network>, StageError> {
    let up_to = |tap: &Tap| {
        network.up_to(tap.place + 1).map_err(|issues| {
            StageError::failed(issues.first().map_or_else(String::new, |issue| issue.message.clone()))
        })
    };
    taps.iter().map(up_to).collect()
}

/// The first problem of a stage that is under way.
fn first(issues: Vec<Issue>) -> StageError {
    issues.into_iter().next().map_or_else(|| StageError::failed("the layer can't be used"), StageError::from)
}

/// The slice's positions, now that the pool's size is known.
fn positions(params: &EmbedParams, count: usize) -> Result<Range<usize>, StageError> {
    Ok(params.slice.within(Some(count), "slice")?.expect("the count is known"))
}

/// The network of a stage `train` at a port, with its weights.
pub(crate) fn read_network(ctx: &Ctx<'_>, port: &str) -> Result<(ModelFile, Network), StageError> {
    let files = [ctx.input(port, "model.json"), ctx.input(port, "model.safetensors")];
    load_network(files, ctx.backend(), ctx.numerics())
}

/// What the model of a stage `train` at a port is called.
fn model_name(ctx: &Ctx<'_>, port: &str) -> Result<ModelName, StageError> {
    Ok(ModelName::of_files(ctx.input(port, "model.json"), ctx.input(port, "model.safetensors"))?)
}

/// The network of `model.json` and `model.safetensors`, on a backend.
pub(crate) fn load_network(
    [model, weights]: [&Path; 2],
    backend: &str,
    numerics: Option<&str>,
) -> Result<(ModelFile, Network), StageError> {
    let device = device::to_device(backend).map_err(|e| StageError::failed(e.message).with_help(e.help))?;
    let model: ModelFile = read_json(model)?;
    let weights = Weights::read(weights)?;
    let network = Network::load(&model, &weights, &device);
    let network = network.map(|network| network.with_numerics(device::numerics(numerics)));
    network.map(|network| (model, network)).map_err(|error| StageError::failed(error.to_string()))
}

fn read_pixels(ctx: &Ctx<'_>, ids: &[u64], input: [usize; 3]) -> Result<Pixels, StageError> {
    let pixels = Pixels::read(ctx.input("dataset", IMAGES), ids);
    let pixels = pixels.map_err(|error| StageError::failed(error.to_string()))?;
    if pixels.shape != input {
        let message = format!("the model takes images of the shape {input:?}, found {:?}", pixels.shape);
        return Err(StageError::failed(message).with_help("train the model on images of this shape"));
    }
    Ok(pixels)
}

/// Embeds the images at some places batch by batch; a number that is none is an error here, not a surprise in the index.
fn embed(
    ctx: &Ctx<'_>,
    rows: &Rows<'_>,
    pixels: &Pixels,
    ids: &[u64],
    places: &[usize],
) -> Result<Vec<f32>, StageError> {
    let mut values = Vec::with_capacity(places.len() * rows.dim());
    let batch = (EMBED_BATCH * pixels.image_size()).saturating_add(pixels.decoding_memory());
    let threads = loader::threads_within(loader::suitable_threads(), batch);
    let chunks: Vec<&[usize]> = places.chunks(EMBED_BATCH).collect();
    let make = |number: u64| {
        let chunk = usize::try_from(number).ok().and_then(|at| chunks.get(at));
        chunk.map_or_else(Vec::new, |chunk| pixels.stack(chunk.iter().copied()))
    };
    loader::ahead(threads, chunks.len() as u64, &make, |batches| {
        for (number, chunk) in (0..).zip(&chunks) {
            ctx.stop_if_cancelled()?;
            let embedded = rows.embed(&batches.take(number));
            for (row, place) in embedded.chunks(rows.dim()).zip(*chunk) {
                if row.iter().any(|value| !value.is_finite()) {
                    let message = format!("the embedding of example {} is not finite", ids[*place]);
                    let help = "the training has probably diverged: try a lower `learning-rate`";
                    return Err(StageError::failed(message).with_help(help));
                }
            }
            values.extend(embedded);
            let done = (values.len() / rows.dim()) as u64;
            ctx.progress(Progress { done, total: Some(places.len() as u64), unit: "images", message: String::new() });
        }
        Ok(())
    })?;
    Ok(values)
}
