//! Models that take the features of another model: what such a one is given, and the two as one.

use std::ops::Range;
use std::path::Path;

use super::used::Used;
use super::{BACKBONE, EmbedParams, EmbedView, load_network, read_pixels};
use crate::cached::{self, Cached, of_other_split};
use crate::embedded::foreign;
use simpipe_artifact::{EmbeddingsInfo, ImageSet, ModelFile, ModelName, Samples};
use simpipe_base::issue::Issue;
use simpipe_nn::Pixels;
use simpipe_stage::{Ctx, InputFacts, ModelFacts, SamplesFacts, StageError};

/// The files of embeddings that are taken as features.
pub(super) const FILES: &[&str] = &["embeddings.parquet", EmbeddingsInfo::FILE, ImageSet::TRAINED_ON];

/// What a network is given: images or features, and what makes features of images.
pub(super) struct Given {
    pub(super) pixels: Pixels,
    pub(super) backbone: Option<Used>,
    /// Images that what made the features was trained on.
    pub(super) seen: ImageSet,
}

impl Given {
    /// The examples in this range of a pool, for a model.
    pub(super) fn read(
        ctx: &Ctx<'_>,
        model: &ModelFile,
        samples: &Samples,
        range: Range<usize>,
    ) -> Result<Self, StageError> {
        let ids = &samples.example_id[range];
        if ctx.has_input(cached::PORT) {
            return Self::features(ctx, model, ids);
        }
        let (mut backbone, mut seen) = (None, ImageSet::default());
        if ctx.has_input(BACKBONE) {
            let files = [ctx.input(BACKBONE, "model.json"), ctx.input(BACKBONE, "model.safetensors")];
            backbone = features_of(model, &[files], ctx.backend(), ctx.numerics())?;
            seen = ImageSet::read(ctx.input(BACKBONE, ImageSet::TRAINED_ON))?;
        }
        Ok(Self { pixels: read_pixels(ctx, ids, model.input)?, backbone, seen })
    }

    fn features(ctx: &Ctx<'_>, model: &ModelFile, ids: &[u64]) -> Result<Self, StageError> {
        let cached = Cached::read(ctx, cached::PORT)?;
        if model.features.as_ref() != Some(&cached.features()) {
            let message = "the features were not made like those that the model was trained on";
            let help = "connect embeddings of the same model, made with the same parameters, to `embeddings`";
            return Err(StageError::failed(message).with_help(help));
        }
        let seen = ImageSet::read(ctx.input(cached::PORT, ImageSet::TRAINED_ON))?;
        Ok(Self { pixels: cached.pixels(&cached.rows(ids)?), backbone: None, seen })
    }
}

/// What makes the features that a model takes: the models behind it, by their `model.json` and `model.safetensors`, the nearest
/// first. `None` of a model of images.
pub(crate) fn features_of(
    model: &ModelFile,
    behind: &[[&Path; 2]],
    backend: &str,
    numerics: Option<&str>,
) -> Result<Option<Used>, StageError> {
    let Some(features) = &model.features else { return Ok(None) };
    let wanted = short(&features.of);
    let Some((&[file, weights], rest)) = behind.split_first() else {
        return Err(StageError::failed(format!("the model takes features of the model {wanted}, which is not given")));
    };
    let found = ModelName::of_files(file, weights)?;
    if found != features.of {
        let message = format!("the model takes features of the model {wanted}, found {}", short(&found));
        return Err(StageError::failed(message).with_help("give it the model that it was trained behind"));
    }
    let (base, network) = load_network([file, weights], backend, numerics)?;
    let used = Used::new(&network, &features.model_use)?;
    Ok(Some(used.behind(features_of(&base, rest, backend, numerics)?)))
}

/// A model as messages call it: the beginning of its weights' digest.
fn short(name: &ModelName) -> String {
    name.weights.to_string().chars().take(12).collect()
}

/// What is plugged does not go together, or the parameters are about images that there are none of.
pub(super) fn problems(
    params: &EmbedParams,
    inputs: &InputFacts,
    model: &ModelFacts,
    pool: &SamplesFacts,
) -> Vec<Issue> {
    let mut issues = Vec::new();
    let features = inputs.embeddings(cached::PORT);
    let backbone = inputs.model(BACKBONE);
    let whole = |message: &str| Issue::of("", message);
    match (features, model.takes_features) {
        (Some(_), false) => issues.push(
            whole("the model takes images, but features are connected")
                .help("connect `dataset` instead of `embeddings`, or a model that was trained on features to `model`"),
        ),
        (None, true) if backbone.is_none() => issues.push(
            whole("the model takes the features of another model, but images are connected")
                .help("connect these features to `embeddings` instead of `dataset`, or the other model to `backbone`"),
        ),
        _ => {}
    }
    if backbone.is_some() && (features.is_some() || !model.takes_features) {
        let message = "a model at `backbone` turns images into features, but nothing here takes features";
        issues.push(whole(message).help("leave `backbone` out"));
    }
    if let Some(features) = features {
        issues.extend(foreign("examples", Some(&pool.dataset), Some(&features.pool.dataset), cached::PORT));
        issues.extend(of_other_split("examples", &pool.split, features, cached::PORT));
    }
    if model.takes_features {
        issues.extend(of_images(params));
    }
    issues
}

/// Views are of images: features are what they are.
fn of_images(params: &EmbedParams) -> Vec<Issue> {
    let at = params.views.iter().position(|view| *view != EmbedView::Identity);
    let issue = at.map(|at| {
        let message = format!("`{}` is a view of an image, and the model takes features", params.views[at].name());
        let help = "leave it out here, and set `views` of the stage that makes the features";
        Issue::of(format!("views[{at}]"), message).help(help)
    });
    issue.into_iter().collect()
}

/// Whether training has seen the very pool: that of the model, or of what made its features.
pub(super) fn are_seen(inputs: &InputFacts, model: &ModelFacts, pool: &SamplesFacts) -> bool {
    let trained = |model: &ModelFacts| !model.trained_on.is_empty() && pool.identity == model.trained_on;
    trained(model)
        || inputs.model(BACKBONE).is_some_and(trained)
        || inputs
            .embeddings(cached::PORT)
            .is_some_and(|features| features.seen_in_training && features.pool.identity == pool.identity)
}
