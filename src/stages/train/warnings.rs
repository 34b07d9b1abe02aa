//! What is said of a training that can be made, and is likely not meant so: each is one warning, at the parameter that
//! causes it.

use super::{KeepBest, TrainParams};
use simpipe_artifact::Distance;
use simpipe_base::issue::Issue;
use simpipe_base::suggest;
use simpipe_nn::{self as nn, LayerSpec};

/// Without a step there is nothing for these parameters to do.
pub(super) fn does_nothing(params: &TrainParams) -> Option<Issue> {
    let set = [
        ("miner", params.miner.is_some()),
        ("augment", !params.augment.is_empty()),
        ("early-stopping", params.early_stopping.is_some()),
        ("keep-best", params.keep_best != KeepBest::No),
        ("clip-norm", params.clip_norm.is_some()),
        ("ema", params.ema.is_some()),
        ("lookahead", params.lookahead.is_some()),
        ("groups", !params.groups.is_empty()),
        ("micro-batch", params.micro_batch.is_some()),
        ("metrics", !params.metrics.is_empty()),
        ("schedule-epochs", params.schedule_epochs.is_some()),
    ];
    let idle: Vec<&str> = set.into_iter().filter(|(_, set)| *set).map(|(name, _)| name).collect();
    let first = *idle.first().filter(|_| params.epochs == 0)?;
    let (verb, them) = if idle.len() == 1 { ("does", "it") } else { ("do", "them") };
    let names = suggest::one_of(&idle).replace(" or ", " and ");
    let message = format!("{names} {verb} nothing: `epochs` is 0, so nothing is trained");
    Some(Issue::of(first, message).help(format!("leave {them} out, or set `epochs`")))
}

/// A loss that is meant to go beside another.
pub(super) fn goes_alone(params: &TrainParams) -> Option<Issue> {
    params.loss.lacks_company().filter(|_| params.epochs > 0)
}

/// Embeddings of lengths that the loss does not expect.
///
/// The cosine distance of a loss is `1 - q.k`, which is one of angles for rows of unit length only. A loss that brings rows
/// to unit length itself needs an index that does so, too: that of the cosine does. A loss that learns by the lengths of
/// rows can't where all have the same.
pub(super) fn unsuitable_lengths(params: &TrainParams) -> Option<Issue> {
    let (name, distance) = (params.loss.name(), params.loss.distance());
    let unit = nn::layer::gives_unit_rows(&params.layers);
    let (message, help) = match (params.loss.learns_lengths(), params.loss.takes_directions()) {
        _ if params.epochs == 0 => return None,
        (true, _) if unit => (
            format!("`{name}` learns from the lengths of embeddings, but these layers give all of them unit length"),
            "make a `dense` layer the last one",
        ),
        (false, true) if !unit && distance != Distance::Cosine => (
            format!(
                "`{name}` compares embeddings at unit length, but the index compares them as these layers give them, by \
                 the distance `{}`",
                distance.name()
            ),
            UNIT_ROWS,
        ),
        (false, false) if !unit && distance == Distance::Cosine => (
            format!(
                "the cosine distance of `{name}` expects embeddings of unit length, which these layers do not give"
            ),
            UNIT_ROWS,
        ),
        _ => return None,
    };
    Some(Issue::of("layers", message).help(help))
}

/// Steps as large as the weights themselves.
const LARGE_RATE: f64 = 1.0;

/// A learning rate of 1 or more: each step is as large as what it changes, and training most often diverges.
pub(super) fn large_learning_rate(params: &TrainParams) -> Option<Issue> {
    let (rule, rate) = (params.optimizer.name(), params.optimizer.learning_rate());
    (params.epochs > 0 && rate >= LARGE_RATE).then(|| {
        let message = format!("a learning rate of {rate} is large: most trainings diverge");
        let help = "common values are 0.0001 to 0.01 for `adam` and its variants, and 0.01 to 0.5 for `sgd` and `muon`";
        Issue::of(format!("optimizer.{rule}"), message).help(help)
    })
}

/// Pixels of 0 to 255 that come to the first weights as they are.
pub(super) fn pixels_as_they_are(params: &TrainParams, image: Option<[usize; 3]>) -> Option<Issue> {
    image.filter(|_| params.epochs > 0)?;
    let unscaled = |layer: &&LayerSpec| {
        !matches!(
            layer.name(),
            "resize" | "max-pool" | "avg-pool" | "global-max-pool" | "global-avg-pool" | "flatten" | "dropout"
        )
    };
    let first = params.layers.iter().find(unscaled)?.name();
    matches!(first, "conv2d" | "dense" | "metric-embedding" | "patch-embed").then(|| {
        let message = format!("`{first}` gets pixels from 0 to 255 unscaled: most trainings learn badly from that");
        Issue::of("layers", message).help("make `\"rescale\"` the first layer: it divides by 255")
    })
}

const UNIT_ROWS: &str =
    "make `metric-embedding` or `l2-normalize` the last layer, or choose another `distance` of the loss";
