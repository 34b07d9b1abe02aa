//! The stage `train`: a network from a spec, trained on the batches of a sampler.
//!
//! Owns the way from artifacts to batches and back to artifacts; the loop itself is [`nn::fit`].

mod backbone;
#[cfg(test)]
mod backbone_tests;
mod checks;
mod display;
mod features;
mod feed;
mod fitting;
mod groups;
mod initial;
#[cfg(test)]
mod initial_tests;
#[cfg(test)]
mod loss_tests;
mod monitor;
mod onnx;
mod order;
mod output;
mod params;
mod resume;
mod retrieval;
mod settings;
mod steps;
#[cfg(test)]
mod tests;
mod unkeyed;
mod warnings;

use serde_json::Value as Json;

use self::checks::{
    cannot_learn, does_not_fit_its_schedule, does_not_mine, does_not_suit_images, ends_before_its_schedule,
    lacks_pairs, lacks_views, loss_problems, meets_strangers, mines_for_nobody, never_looks_back, never_validates,
    not_in_pieces, nothing_to_monitor, optimizer_misfit, shows_one_view_twice, too_long, wrong_groups,
};
use self::feed::Feed;
pub(super) use self::feed::first_images;
use self::fitting::train;
pub use self::initial::{InitialWeights, SafetensorsFile};
pub use self::monitor::{EarlyStopping, KeepBest, Monitor, Watched};
use self::output::{Kept, leave_metrics, write};
pub use self::params::TrainParams;
use self::resume::start;
use self::retrieval::Retrieval;
pub use self::steps::StepsPerEpoch;
pub use self::unkeyed::Unkeyed;
use self::warnings::{does_nothing, goes_alone, large_learning_rate, pixels_as_they_are, unsuitable_lengths};
use super::cached;
use super::embedded::foreign;
use simpipe_artifact::{IMAGES, ImageSet};
use simpipe_base::issue::Issue;
use simpipe_base::param::{Param, View};
use simpipe_metric::RetrievalMetric;
use simpipe_nn::groups::declarations;
use simpipe_nn::{self as nn, FitSettings, Input, Network, Validator, device};
use simpipe_stage::{Ctx, Facts, InputFacts, Kind, ModelFacts, Port, SourceDigest, SourceFinder, Stage, StageError};

/// Trains a network.
#[derive(Debug)]
pub struct Train;

const POOL: &str = "samples.parquet";
const RECIPE: &str = "sampler.json";

impl Stage for Train {
    const NAME: &'static str = "train";
    const SUMMARY: &'static str = "Trains a network on the batches of a sampler.";
    // 1 - first version
    // 2 - convolution and batch normalisation as one operation: the last bits differ
    // 3 - the digests of the images trained on are left too: the weights are the same
    // 4 - images are read from files of their splits: the weights are the same
    // 5 - convolutions of each channel, pools that overlap and means of channels by kernels of our own: the last bits differ;
    //     the history has the distances of each epoch's last batch
    // 6 - sums over maps of more than 4,096 pixels are taken in blocks: their last bits differ, those of smaller maps stay
    const VERSION: u32 = 6;
    const OUTPUT: Kind = Kind::Model;
    const FILES: &'static [&'static str] =
        &["model.safetensors", "model.json", "history.parquet", ImageSet::TRAINED_ON];
    const SEEDED: bool = true;
    const TENSOR: bool = true;
    const WORK: &'static [&'static str] = &["epochs", "steps-per-epoch"];
    type Params = TrainParams;

    fn ports(_: &TrainParams) -> Vec<Port> {
        vec![
            Port::new("dataset", Kind::Dataset, &[IMAGES]).splits_of(&["sampler", "validation"]),
            Port::new(cached::PORT, Kind::Embeddings, cached::FILES).instead_of("dataset"),
            Port::new("sampler", Kind::Samples, &[POOL, RECIPE]),
            Port::new("validation", Kind::Samples, &[POOL, RECIPE]).optional(),
            Port::new(features::VALIDATION, Kind::Embeddings, cached::FILES).optional(),
        ]
    }

    fn infer(written: &TrainParams, inputs: &InputFacts) -> Result<Facts, Vec<Issue>> {
        let samples = inputs.samples("sampler").cloned().unwrap_or_default();
        let input = features::input(inputs, &samples);
        let image = input.and_then(Input::image);
        let params = &onnx::known(written.with_frozen_backbones(), image)?;
        let summary = match input {
            Some(input) => Some(nn::infer_shapes(input, &params.layers)?),
            None => None,
        };
        let timed = params.timed(&samples);
        let all = input.and_then(|input| declarations(input, &params.layers, &params.loss).ok());
        let names: Vec<String> =
            summary.iter().flat_map(|summary| &summary.layers).map(|layer| layer.name.clone()).collect();
        let problems = [
            optimizer_misfit(params),
            cannot_learn(params, summary.as_ref()),
            lacks_pairs(params, inputs.samples("sampler")),
            timed.as_ref().and_then(never_looks_back),
            timed.as_ref().and_then(too_long),
            ends_before_its_schedule(params),
            timed.as_ref().and_then(does_not_fit_its_schedule),
            nothing_to_monitor(params, inputs.samples("validation")),
            never_validates(params),
            not_in_pieces(params, all.as_deref(), &names),
            meets_strangers(params, inputs.samples("sampler"), inputs.samples("validation")),
            mines_for_nobody(params),
            does_not_mine(params),
            shows_one_view_twice(params).filter(|_| !features::are_taken(inputs)),
            lacks_views(params, inputs),
        ];
        let dim = summary.as_ref().map(|summary| summary.dim);
        let mut problems: Vec<Issue> = problems.into_iter().flatten().collect();
        problems.extend(loss_problems(params, dim, inputs.samples("sampler")));
        problems.extend(image.into_iter().flat_map(|image| does_not_suit_images(params, image)));
        problems.extend(backbone::do_not_fit(written, image, all.as_deref()));
        problems.extend(features::problems(params, inputs));
        if problems.is_empty() {
            problems.extend(wrong_groups(params, all.as_deref()));
        }
        problems.extend(of_other_datasets(inputs));
        problems.extend(initial::does_not_fit(params, input));
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Facts::Model(ModelFacts {
            dim,
            distance: params.loss.distance(),
            // A network that makes no step has seen nothing, unless it starts from images.
            trained_on: if params.epochs == 0 && !nn::starts_from_images(&params.layers) {
                String::new()
            } else {
                samples.identity
            },
            summary: summary.as_ref().map(|summary| groups::summary(params, summary, all.as_deref())),
            takes_features: features::are_taken(inputs),
        }))
    }

    fn warnings(params: &TrainParams, inputs: &InputFacts) -> Vec<Issue> {
        let input = inputs.samples("sampler").and_then(|samples| features::input(inputs, samples));
        let image = input.and_then(Input::image);
        let own = [
            does_nothing(params),
            goes_alone(params),
            unsuitable_lengths(params),
            large_learning_rate(params),
            pixels_as_they_are(params, image),
        ];
        let own = own.into_iter().flatten().chain(initial::fits_in_part(params, input));
        own.chain(backbone::left_out(params, image)).chain(backbone::fed_otherwise(params)).collect()
    }

    fn sources(params: &TrainParams, finder: &SourceFinder) -> Result<Vec<SourceDigest>, StageError> {
        let mut sources = initial::source(params, finder)?;
        sources.extend(backbone::sources(params, finder)?);
        sources.extend(onnx::sources(params, finder)?);
        Ok(sources)
    }

    fn source_params(params: &TrainParams) -> Json {
        let (initial, mut networks) = (initial::source_params(params), backbone::source_params(params));
        networks.extend(onnx::source_params(params));
        if networks.is_empty() { initial } else { serde_json::json!([initial, networks]) }
    }

    fn stream(params: &TrainParams) -> Option<&str> {
        params.stream.as_deref()
    }

    fn key_params(params: &TrainParams) -> Json {
        let mut json = params.write(View::Key);
        if let Some(fields) = json.as_object_mut() {
            if params.metrics_of_validation().is_empty() {
                fields.remove("validate-every");
            }
            if !params.schedule.as_dyn().needs_total() {
                fields.remove("schedule-epochs");
            }
        }
        json
    }

    fn resume_params(params: &TrainParams) -> Option<Json> {
        let mut json = Self::key_params(params);
        if let Some(fields) = json.as_object_mut() {
            // A longer training goes on from a shorter one, unless the rates of its first steps depend on its length.
            fields.remove("epochs");
            if params.schedule.as_dyn().needs_total() {
                fields.insert("schedule-epochs".to_owned(), params.schedule_epochs().into());
            }
            // When to stop follows from the figures, which every checkpoint of a training with the same metrics holds.
            fields.remove("early-stopping");
            if !params.metrics_of_validation().is_empty() {
                let names: Vec<String> = params.metrics_of_validation().iter().map(RetrievalMetric::name).collect();
                fields.insert("watched".to_owned(), names.into());
            }
            // The best weights so far can't be had from a checkpoint that does not hold them, or holds those of another
            // figure: such trainings share no checkpoints.
            fields.remove("keep-best");
            if let Some(watched) = params.kept_by() {
                fields.insert(
                    "keep-best".to_owned(),
                    watched.map_or("default".into(), |watched| watched.write(View::Key)),
                );
            }
        }
        Some(json)
    }

    fn run(params: &TrainParams, ctx: &mut Ctx<'_>) -> Result<(), StageError> {
        let device = device::to_device(ctx.backend()).map_err(|e| StageError::failed(e.message).with_help(e.help))?;
        let feed = Feed::read(ctx, params)?;
        let params = params.with_frozen_backbones().with_pass(feed.training.steps_per_pass);
        let (params, files) = onnx::read(params, ctx, feed.training.pixels.input().image())?;
        let params = &params;
        let network = Network::build(&params.layers, feed.training.pixels.input(), ctx.seed(), &device);
        let mut network = network.map_err(layers_error)?.with_numerics(device::numerics(ctx.numerics()));
        let mut pretrained = backbone::read(params, ctx, network.input().sides())?;
        pretrained.0.extend(files.0);
        initial::take(&mut network, &pretrained)?;
        let read = initial::read(params, ctx, network.input())?;
        read.iter().try_for_each(|read| initial::take(&mut network, read))?;
        network.start_from_images(&feed);
        // What the file has for a layer that starts from images counts, and what is in front of it was loaded before.
        read.iter().try_for_each(|read| initial::take(&mut network, read))?;
        ctx.stop_if_cancelled()?;
        let classes = feed.classes();
        let keep_best = params.monitor(feed.validates());
        let early_stopping = params.early_stopping();
        let retrieval = retrieval(params, ctx, &feed)?;
        let settings = FitSettings {
            keep_best: keep_best.as_ref(),
            early_stopping: early_stopping.as_ref(),
            validator: retrieval.as_ref().map(|retrieval| retrieval as &dyn Validator),
            ..params.settings(ctx.seed(), &classes)
        };
        let state = start(params, ctx, &network, &settings);
        ctx.stop_if_cancelled()?; // then the checkpoints may not have been read
        let state = train(params, ctx, &mut network, &feed, state, &settings)?;
        let kept = Kept::of(params, &state, keep_best.as_ref());
        write(params, ctx, &network, &feed, &state, &settings, &kept)?;
        leave_metrics(params, ctx, &network, &state, &kept);
        if let Some(read) = &read {
            ctx.metric("initial_tensors", read.0.len() as f64);
        }
        if !pretrained.0.is_empty() {
            ctx.metric("backbone_tensors", pretrained.0.len() as f64);
        }
        Ok(())
    }
}

/// Pools whose numbers mean other images in the dataset that is plugged in.
fn of_other_datasets(inputs: &InputFacts) -> Vec<Issue> {
    let home = inputs.dataset("dataset").map(|facts| facts.identity.as_str());
    let pool = |port, what| foreign(what, inputs.samples(port).map(|facts| facts.dataset.as_str()), home, "dataset");
    [pool("sampler", "training examples"), pool("validation", "validation examples")].into_iter().flatten().collect()
}

/// Measures the validation pool, where a metric of it is looked at.
fn retrieval<'a>(params: &TrainParams, ctx: &'a Ctx<'a>, feed: &'a Feed) -> Result<Option<Retrieval<'a>>, StageError> {
    let metrics = params.metrics_of_validation();
    let Some(pool) = feed.validation_pool().filter(|_| !metrics.is_empty() && params.epochs > 0) else {
        return Ok(None);
    };
    let stops = params.early_stopping.as_ref().is_some_and(|rule| rule.metric.metric().is_some());
    let path = if stops { "early-stopping.metric" } else { "keep-best" };
    Retrieval::new(ctx, pool, params.loss.distance(), metrics, path).map(Some)
}

/// The layers' first problem, for images whose shape was not known before.
fn layers_error(mut issues: Vec<Issue>) -> StageError {
    issues.swap_remove(0).into()
}
