//! The stage `train`: a network from a spec, trained on the batches of a sampler.
//!
//! Owns the way from artifacts to batches and back to artifacts; the loop itself is [`nn::fit`].

mod display;
mod feed;
#[cfg(test)]
mod tests;

use serde_json::Value as Json;

use self::display::{Display, recent_mean};
use self::feed::Feed;
use crate::artifact::{History, HistoryRow, ModelFile, write_json};
use crate::base::check;
use crate::base::issue::Issues;
use crate::base::node::Node;
use crate::base::param::{self, Param, Shape, View};
use crate::nn::{
    self, FitError, FitEvent, FitSettings, FitState, LayerIssue, LayerSpec, LossSpec, Network, Optimizer, device,
};
use crate::params;
use crate::stage::{
    Ctx, Facts, InputFacts, Kind, LayerSummary, ModelFacts, ModelSummary, ParamIssue, Port, SamplesFacts, Stage,
    StageError,
};

params! {
    /// Trains a network to embed images so that examples of a class are near each other.
    pub struct TrainParams {
        /// Passes of `steps-per-epoch` steps; 0 keeps the network as it starts, a baseline.
        epochs: usize = 1,
        /// Batches of an epoch.
        steps_per_epoch: usize = 1000 => check::at_least(1),
        /// Validation batches after each epoch, where there is a `validation` input.
        validation_steps: usize = 50,
        /// How gradients change weights.
        optimizer: Optimizer = Optimizer::Adam(param::defaults()),
        /// What is minimised; the index follows its distance.
        loss: LossSpec = LossSpec::MultiSimilarity(param::defaults()),
        /// The network, from pixels of 0 to 255 to an embedding.
        layers: Vec<LayerSpec> => check::not_empty(),
        /// Another stream of random numbers at the same seed.
        stream: Option<String> = None,
        /// A checkpoint every so many steps beside those at the ends of epochs; 0 for none.
        checkpoint_every_steps: CheckpointSteps = CheckpointSteps(1000),
    }
}

/// A number of steps that never enters a key: how often progress is saved changes no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckpointSteps(pub usize);

impl Param for CheckpointSteps {
    fn read(node: &Node, path: &str, issues: &mut Issues) -> Option<Self> {
        usize::read(node, path, issues).map(Self)
    }

    fn write(&self, view: View) -> Json {
        if view == View::Key { Json::Null } else { self.0.write(view) }
    }

    fn shape() -> Shape {
        usize::shape()
    }
}

/// Trains a network.
#[derive(Debug)]
pub struct Train;

const DATASET: &str = "examples.parquet";
const POOL: &str = "samples.parquet";
const RECIPE: &str = "sampler.json";

impl Stage for Train {
    const NAME: &'static str = "train";
    const SUMMARY: &'static str = "Trains a network on the batches of a sampler.";
    // 1 - first version
    // 2 - convolution and batch normalisation as one operation: the last bits differ
    const VERSION: u32 = 2;
    const OUTPUT: Kind = Kind::Model;
    const FILES: &'static [&'static str] = &["model.safetensors", "model.json", "history.parquet"];
    const SEEDED: bool = true;
    const TENSOR: bool = true;
    type Params = TrainParams;

    fn ports(_: &TrainParams) -> Vec<Port> {
        vec![
            Port::new("dataset", Kind::Dataset, &[DATASET]),
            Port::new("sampler", Kind::Samples, &[POOL, RECIPE]),
            Port::new("validation", Kind::Samples, &[POOL, RECIPE]).optional(),
        ]
    }

    fn infer(params: &TrainParams, inputs: &InputFacts) -> Result<Facts, Vec<ParamIssue>> {
        let samples = inputs.samples("sampler").cloned().unwrap_or_default();
        let summary = match samples.image {
            Some(image) => Some(nn::infer_shapes(image, &params.layers).map_err(param_issues)?),
            None => None,
        };
        let problems =
            [cannot_learn(params, summary.as_ref()), lacks_pairs(params, inputs.samples("sampler")), too_long(params)];
        let problems: Vec<ParamIssue> = problems.into_iter().flatten().collect();
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Facts::Model(ModelFacts {
            dim: summary.as_ref().map(|summary| summary.dim),
            distance: params.loss.distance(),
            // A network that makes no step has seen nothing.
            trained_on: if params.epochs == 0 { String::new() } else { samples.identity },
            summary: summary.as_ref().map(stage_summary),
        }))
    }

    fn stream(params: &TrainParams) -> Option<&str> {
        params.stream.as_deref()
    }

    fn resume_params(params: &TrainParams) -> Option<Json> {
        let mut json = params.write(View::Key);
        if let Some(fields) = json.as_object_mut() {
            // No schedule depends on the number of epochs, so a longer training goes on from a shorter one.
            fields.remove("epochs");
        }
        Some(json)
    }

    fn run(params: &TrainParams, ctx: &mut Ctx<'_>) -> Result<(), StageError> {
        let device = device::to_device(ctx.backend()).map_err(|e| StageError::failed(e.message).with_help(e.help))?;
        let feed = Feed::read(ctx)?;
        let network = Network::build(&params.layers, feed.training.pixels.shape, ctx.seed(), &device);
        let mut network = network.map_err(layers_error)?.with_numerics(device::numerics(ctx.numerics()));
        let state = start(params, ctx, &network);
        let state = train(params, ctx, &mut network, &feed, state)?;
        write(params, ctx, &network, &feed, &state)?;
        leave_metrics(ctx, &network, &state);
        Ok(())
    }
}

/// A network without weights can be embedded with, not trained.
fn cannot_learn(params: &TrainParams, summary: Option<&nn::layer::ModelSummary>) -> Option<ParamIssue> {
    summary.filter(|summary| summary.trainable == 0 && params.epochs > 0)?;
    Some(
        ParamIssue::new("layers", "these layers have no weights to train")
            .help("set `epochs = 0` to use them as a baseline, or add a layer such as `metric-embedding`"),
    )
}

/// Steps are counted in 64 bits; nobody trains a billion of them.
fn too_long(params: &TrainParams) -> Option<ParamIssue> {
    const MOST: usize = 1_000_000_000;
    let steps = params.epochs.checked_mul(params.steps_per_epoch);
    steps
        .is_none_or(|steps| steps > MOST)
        .then(|| ParamIssue::new("epochs", format!("`epochs` times `steps-per-epoch` must be at most {MOST}")))
}

/// Losses of this kind compare pairs of one class and of two: a batch must hold both.
fn lacks_pairs(params: &TrainParams, samples: Option<&SamplesFacts>) -> Option<ParamIssue> {
    let samples = samples.filter(|samples| params.epochs > 0 && samples.classes_per_batch > 0)?;
    let (what, key) = match (samples.classes_per_batch, samples.examples_per_class) {
        (1, _) => ("negative pairs, but its batches hold one class", "classes-per-batch"),
        (_, 1) => ("positive pairs, but its batches hold one example of each class", "examples-per-class"),
        _ => return None,
    };
    let message = format!("`{}` needs {what}", params.loss.name());
    Some(ParamIssue::new("loss", message).help(format!("set `{key}` of the sampler to at least 2")))
}

/// The layers' problems as the stage's.
fn param_issues(issues: Vec<LayerIssue>) -> Vec<ParamIssue> {
    let issue = |issue: LayerIssue| ParamIssue { path: issue.path, message: issue.message, help: issue.help };
    issues.into_iter().map(issue).collect()
}

/// The layers' first problem, for images whose shape was not known before.
fn layers_error(issues: Vec<LayerIssue>) -> StageError {
    param_issues(issues).swap_remove(0).into()
}

fn stage_summary(summary: &nn::layer::ModelSummary) -> ModelSummary {
    let row = |row: &nn::layer::LayerSummary| LayerSummary {
        name: row.name.clone(),
        output: row.output.to_vec(),
        parameters: row.parameters,
    };
    ModelSummary {
        parameters: summary.parameters,
        trainable: summary.trainable,
        layers: summary.layers.iter().map(row).collect(),
    }
}

/// The last checkpoint, or a network that was never trained.
fn start(params: &TrainParams, ctx: &Ctx<'_>, network: &Network) -> FitState {
    let limit = params.epochs as u64 * params.steps_per_epoch as u64;
    let fresh = FitState::start(network);
    let Some((step, bytes)) = ctx.checkpoints().and_then(|checkpoints| checkpoints.latest(limit)) else { return fresh };
    match FitState::from_bytes(&bytes) {
        Ok(state) if state.steps() == step && state.fits(&fresh) => state,
        Ok(_) => {
            ctx.warn(format!("the checkpoint of step {step} is of another network: training starts over"));
            fresh
        }
        Err(error) => {
            ctx.warn(format!("the checkpoint of step {step} can't be used, training starts over: {error}"));
            fresh
        }
    }
}

fn train(
    params: &TrainParams,
    ctx: &Ctx<'_>,
    network: &mut Network,
    feed: &Feed,
    state: FitState,
) -> Result<FitState, StageError> {
    let settings = FitSettings {
        epochs: params.epochs as u64,
        steps_per_epoch: params.steps_per_epoch as u64,
        validation_steps: params.validation_steps as u64,
        optimizer: &params.optimizer,
        loss: &params.loss,
        seed: ctx.seed(),
        checkpoint_every: params.checkpoint_every_steps.0 as u64,
    };
    let batch_size = feed.training.batch(0, 0).labels.len();
    let mut display = Display::new(&settings, batch_size, &state);
    let mut on_event = |event: FitEvent| match event {
        FitEvent::Checkpoint(state) => {
            if let Some(checkpoints) = ctx.checkpoints() {
                checkpoints.save(state.steps(), &state.to_bytes());
            }
        }
        event => ctx.progress(display.progress(&event)),
    };
    let cancelled = || ctx.stop_if_cancelled().is_err();
    let (made, last) = (state.steps(), settings.epochs * settings.steps_per_epoch);
    let fitted = feed.ahead(made, last, settings.steps_per_epoch, |batches| {
        nn::fit(network, state, &settings, batches, &mut on_event, &cancelled)
    });
    fitted.map_err(|error| match error {
        FitError::Interrupted => StageError::Interrupted,
        other => {
            let help = other.help();
            let error = StageError::failed(other.to_string());
            help.into_iter().fold(error, StageError::with_help)
        }
    })
}

fn write(
    params: &TrainParams,
    ctx: &Ctx<'_>,
    network: &Network,
    feed: &Feed,
    state: &FitState,
) -> Result<(), StageError> {
    let summary = stage_summary(network.summary());
    let model = ModelFile {
        format: 1,
        input: network.input(),
        dim: network.dim(),
        distance: params.loss.distance(),
        layers: params.layers.write(View::Full),
        summary: serde_json::to_value(summary).map_err(|error| StageError::failed(error.to_string()))?,
        steps: state.steps(),
        trained_on: if state.steps() == 0 { Vec::new() } else { ModelFile::ranges(&feed.training.example_ids) },
    };
    network.to_weights().write(&ctx.output("model.safetensors"))?;
    write_json(&ctx.output("model.json"), &model)?;
    history(params, state).write(&ctx.output("history.parquet"))?;
    Ok(())
}

fn history(params: &TrainParams, state: &FitState) -> History {
    let learning_rate = params.optimizer.learning_rate();
    let row = |(made, loss): (usize, &f32)| {
        let (epoch, step) = (made / params.steps_per_epoch, made + 1);
        let ends = step.is_multiple_of(params.steps_per_epoch);
        let val_loss = state.val_losses.get(epoch).filter(|_| ends).map(|&loss| f64::from(loss));
        let epoch = u32::try_from(epoch + 1).unwrap_or(u32::MAX);
        HistoryRow { epoch, step: step as u64, loss: f64::from(*loss), val_loss, learning_rate }
    };
    History(state.losses.iter().enumerate().map(row).collect())
}

fn leave_metrics(ctx: &mut Ctx<'_>, network: &Network, state: &FitState) {
    if let Some(loss) = recent_mean(&state.losses) {
        ctx.metric("loss", loss);
    }
    if let Some(&loss) = state.val_losses.last() {
        ctx.metric("val_loss", f64::from(loss));
    }
    ctx.metric("parameters", network.summary().parameters as f64);
}
