//! A training that takes features which another network has made, in place of images.

use super::TrainParams;
use crate::cached::{PORT, of_other_split};
use crate::embedded::foreign;
use simpipe_base::issue::Issue;
use simpipe_nn::Input;
use simpipe_stage::{EmbeddingsFacts, InputFacts, SamplesFacts};

/// The port of the features that are validated on, where they are not among the others.
pub(super) const VALIDATION: &str = "validation-embeddings";

/// What goes into the first layer, where that is known.
pub(super) fn input(inputs: &InputFacts, samples: &SamplesFacts) -> Option<Input> {
    match inputs.embeddings(PORT) {
        Some(features) => features.dim.map(Input::Vector),
        None => samples.image.map(Input::Image),
    }
}

/// Whether features are plugged in.
pub(super) fn are_taken(inputs: &InputFacts) -> bool {
    inputs.embeddings(PORT).is_some()
}

/// What can't be where features are taken.
pub(super) fn problems(params: &TrainParams, inputs: &InputFacts) -> Vec<Issue> {
    let Some(features) = inputs.embeddings(PORT) else {
        let alone = inputs.embeddings(VALIDATION).map(|_| {
            let message = format!("validation uses features, but training uses images: `{PORT}` is empty");
            Issue::of("", message).help(format!("leave out `{VALIDATION}` in the template, or connect `{PORT}`"))
        });
        return alone.into_iter().collect();
    };
    let images = [changes_images(params), several_views(params)];
    images.into_iter().flatten().chain(misplugged(inputs, features)).collect()
}

/// Features stay as they are.
fn changes_images(params: &TrainParams) -> Option<Issue> {
    (!params.augment.is_empty()).then(|| {
        let message = "augmentation changes images, but the training takes features made from them earlier";
        let help = "leave out `augment`, or train backbone and head together: connect `dataset` instead of \
                    `embeddings` and put the backbone in `layers`";
        Issue::of("augment", message).help(help)
    })
}

fn several_views(params: &TrainParams) -> Option<Issue> {
    (params.views > 1).then(|| {
        let message = format!("the {} views of an example would all be the same features", params.views);
        let help = "leave out `views`, or connect `dataset` instead of `embeddings`: views are made by augmenting \
                    images";
        Issue::of("views", message).help(help)
    })
}

/// Features of other examples, or of another network.
fn misplugged(inputs: &InputFacts, features: &EmbeddingsFacts) -> Vec<Issue> {
    let mut issues = Vec::new();
    let pool = |port, what: &'static str| inputs.samples(port).map(|pool| (pool, what));
    let validated = inputs.embeddings(VALIDATION).map_or((features, PORT), |own| (own, VALIDATION));
    let pairs = [
        (pool("sampler", "training examples"), (features, PORT)),
        (pool("validation", "validation examples"), validated),
    ];
    for (pool, (features, port)) in pairs {
        let Some((pool, what)) = pool else { continue };
        issues.extend(foreign(what, Some(&pool.dataset), Some(&features.pool.dataset), port));
        issues.extend(of_other_split(what, &pool.split, features, port));
    }
    let other = inputs.embeddings(VALIDATION).filter(|other| {
        let lengths = other.dim.zip(features.dim).is_some_and(|(one, other)| one != other);
        lengths || other.model_use.as_ref().zip(features.model_use.as_ref()).is_some_and(|(one, other)| one != other)
    });
    issues.extend(other.map(|_| {
        let message = format!("the features at `{VALIDATION}` were not made like those at `{PORT}`");
        Issue::of("", message).help("give both stages the same model and the same parameters")
    }));
    issues
}
