//! What can be said of a training before it runs: each check is one problem, at the parameter that causes it.

use super::TrainParams;
use super::monitor::{KeepBest, Monitor, Watched};
use simpipe_artifact::ModelSummary;
use simpipe_base::issue::Issue;
use simpipe_data::augment::misfits;
use simpipe_nn::groups::{Declaration, Grouping};
use simpipe_nn::loss::Known;
use simpipe_stage::{InputFacts, SamplesFacts};

/// What is measured on validation images can only be looked at where there are any; `pool` is theirs.
pub(super) fn nothing_to_monitor(params: &TrainParams, pool: Option<&SamplesFacts>) -> Option<Issue> {
    let rule = params.early_stopping.as_ref().map(|rule| ("early-stopping", &rule.metric));
    let best = if let KeepBest::By(watched) = &params.keep_best { Some(("keep-best", watched)) } else { None };
    let instead = "`early-stopping = { metric = \"loss\" }`";
    for (path, watched) in rule.into_iter().chain(best) {
        let name = watched.monitor().name().to_owned();
        let (what, help) = match (watched, pool) {
            (Watched::Loss(Monitor::Loss), _) => continue,
            (Watched::Loss(Monitor::ValLoss), None) => {
                ("validation batches, but the port `validation` is empty", "connect it in the template")
            }
            (Watched::Loss(Monitor::ValLoss), Some(_)) if params.validation_steps == 0 => {
                ("validation batches, but `validation-steps` is 0", "set `validation-steps`")
            }
            (Watched::Metric(_), None) => {
                ("a validation pool, but the port `validation` is empty", "connect it in the template")
            }
            (Watched::Metric(_), Some(pool)) if pool.count.is_some_and(|count| count < 2) => {
                ("at least two images to validate on", "draw more of them")
            }
            (Watched::Metric(_), Some(pool)) if pool.own_classes => (
                "classes of several images, but the sampler makes every image its own",
                "validate with another sampler",
            ),
            (Watched::Loss(Monitor::ValLoss) | Watched::Metric(_), Some(_)) => continue,
        };
        let help = format!("{help}, or look at the training loss: {instead}");
        return Some(Issue::of(path, format!("`{name}` needs {what}")).help(help));
    }
    None
}

/// Slow weights that never move stay as they start, and they are what is kept.
pub(super) fn never_looks_back(params: &TrainParams) -> Option<Issue> {
    let total = params.epochs.checked_mul(params.steps_per_epoch.count(None))?;
    let rule = params.lookahead.as_ref().filter(|rule| params.epochs > 0 && rule.steps > total)?;
    let message = format!(
        "the slow weights move every {} steps, but the training has {total}, so they would never move",
        rule.steps
    );
    Some(Issue::of("lookahead.steps", message).help(format!("set it to at most {total}")))
}

/// A metric that is never measured decides nothing.
pub(super) fn never_validates(params: &TrainParams) -> Option<Issue> {
    let (every, epochs) = (params.validate_every, params.epochs);
    (!params.metrics_of_validation().is_empty() && epochs > 0 && every > epochs).then(|| {
        let message = format!("`validate-every` is {every}, but the training has {epochs} epochs: nothing is measured");
        Issue::of("validate-every", message).help(format!("set it to at most {epochs}"))
    })
}

/// What an optimiser's own parameters contradict.
pub(super) fn optimizer_misfit(params: &TrainParams) -> Option<Issue> {
    let (path, message) = params.optimizer.misfit()?;
    Some(Issue::of(format!("optimizer.{path}"), message))
}

/// Groups that can't be, and parameters that nobody trains; `all` are the training's, where they are known.
pub(super) fn wrong_groups(params: &TrainParams, all: Option<&[Declaration]>) -> Vec<Issue> {
    let grouping = match Grouping::new(&params.groups) {
        Ok(grouping) => grouping,
        Err(issues) => return issues,
    };
    let Some(all) = all else { return Vec::new() };
    let groups = match grouping.over(all) {
        Ok(groups) => groups,
        Err(issues) => return issues,
    };
    let frozen = |group: &Option<usize>| group.is_some_and(|group| params.groups[group].freeze);
    let mut trained = all.iter().zip(&groups).filter(|(one, _)| one.trainable && one.path.starts_with("layers."));
    if params.epochs > 0 && trained.clone().next().is_some() && trained.all(|(_, group)| frozen(group)) {
        let help = "unfreeze something, or set `epochs = 0`";
        return vec![
            Issue::of("groups", "every parameter of the layers is frozen, so nothing would be trained").help(help),
        ];
    }
    Vec::new()
}

/// Pieces of a batch give the whole batch's gradients only where each image goes through the network by itself.
pub(super) fn not_in_pieces(params: &TrainParams, all: Option<&[Declaration]>, layers: &[String]) -> Option<Issue> {
    params.micro_batch.filter(|_| params.epochs > 0)?;
    let grouping = Grouping::new(&params.groups).ok()?;
    let moves = |one: &&Declaration| {
        let still = grouping.of(&one.path).is_some_and(|group| params.groups[group].freeze);
        !one.trainable && one.path.starts_with("layers.") && !still
    };
    let statistic = all.into_iter().flatten().find(moves).map(|one| {
        let layer = one.path.rsplit_once('.').map_or(one.path.as_str(), |(layer, _)| layer);
        format!("`{layer}` uses statistics of the whole batch")
    });
    let draws = || {
        layers
            .iter()
            .find(|name| name.starts_with("dropout"))
            .map(|name| format!("`{name}` draws its numbers for the whole batch"))
    };
    let message = statistic.or_else(draws)?;
    let help = "leave `micro-batch` out, or build the network without that layer (a frozen `batch-norm` is fine)";
    Some(Issue::of("micro-batch", format!("a batch can't be split for these layers: {message}")).help(help))
}

/// A network without weights can be embedded with, not trained.
pub(super) fn cannot_learn(params: &TrainParams, summary: Option<&ModelSummary>) -> Option<Issue> {
    summary.filter(|summary| summary.trainable == 0 && params.epochs > 0)?;
    Some(
        Issue::of("layers", "these layers have no weights to train")
            .help("set `epochs = 0` to use them as a baseline, or add a layer such as `metric-embedding`"),
    )
}

/// Steps are counted in 64 bits; nobody trains, or validates, a billion of them.
pub(super) fn too_long(params: &TrainParams) -> Option<Issue> {
    const MOST: usize = 1_000_000_000;
    let steps = params.steps_per_epoch.count(None);
    let factors = [(steps, "steps-per-epoch"), (params.validation_steps, "validation-steps")];
    let beyond = |steps: usize| params.epochs.checked_mul(steps).is_none_or(|steps| steps > MOST);
    let (_, key) = factors.into_iter().find(|(steps, _)| beyond(*steps))?;
    Some(Issue::of("epochs", format!("`epochs` times `{key}` must be at most {MOST}")))
}

/// A batch must hold what the loss compares.
pub(super) fn lacks_pairs(params: &TrainParams, samples: Option<&SamplesFacts>) -> Option<Issue> {
    let samples = samples.filter(|_| params.epochs > 0)?;
    let needs = params.loss.needs();
    if samples.classes_per_batch == 0 {
        let pairs = needs.positive_pairs || needs.negative_pairs;
        let alone = pairs && samples.makes_passes && samples.examples_per_class.saturating_mul(params.views) == 1;
        let message = format!("`{}` needs pairs, but its batches have one example", params.loss.name());
        let help = "set `batch-size` of the sampler to at least 2";
        return alone.then(|| Issue::of("loss", message).help(help));
    }
    // Another view of an example is another example of its class.
    let examples = samples.examples_per_class.saturating_mul(params.views);
    let (what, key) = match (samples.classes_per_batch, examples) {
        (1, _) if needs.negative_pairs => ("negative pairs, but its batches have one class", "classes-per-batch"),
        (_, 1) if needs.positive_pairs && params.views == 1 => {
            ("positive pairs, but its batches have one example per class", "examples-per-class")
        }
        _ => return None,
    };
    let message = format!("`{}` needs {what}", params.loss.name());
    Some(Issue::of("loss", message).help(format!("set `{key}` of the sampler to at least 2")))
}

/// A loss that has learned something of each class knows nothing of others.
pub(super) fn meets_strangers(
    params: &TrainParams,
    training: Option<&SamplesFacts>,
    validation: Option<&SamplesFacts>,
) -> Option<Issue> {
    let validates = params.epochs > 0 && params.validation_steps > 0 && params.loss.needs().known_classes;
    let (training, validation) = (training?, validation.filter(|_| validates)?);
    let class = if training.own_classes || validation.own_classes {
        "an example that is a class of its own".to_owned()
    } else {
        let (known, validated) = (training.labels.as_ref()?, validation.labels.as_ref()?);
        let stranger = validated.iter().find(|label| known.binary_search(label).is_err())?;
        let class = usize::try_from(*stranger).ok().and_then(|at| validation.classes.as_ref()?.get(at));
        class.map_or_else(|| format!("label {stranger}"), |name| format!("`{name}`"))
    };
    let message =
        format!("`{}` learns the classes of the training only, but {class} is validated on", params.loss.name());
    let help = "validate on trained classes, set `validation-steps = 0`, or choose a loss that compares pairs";
    Some(Issue::of("loss", message).help(help))
}

/// What is wrong with the loss, given the length of an embedding, where it is known.
pub(super) fn loss_problems(params: &TrainParams, dim: Option<usize>, samples: Option<&SamplesFacts>) -> Vec<Issue> {
    if params.epochs == 0 {
        return Vec::new();
    }
    let rows = samples.map(|samples| [samples.classes_per_batch.max(1), samples.examples_per_class, params.views]);
    let rows = rows.and_then(|factors| factors.iter().try_fold(1_usize, |rows, factor| rows.checked_mul(*factor)));
    params.loss.problems(&Known { dim, rows, views: params.views })
}

/// Each augmenter must suit the images.
pub(super) fn does_not_suit_images(params: &TrainParams, image: [usize; 3]) -> Vec<Issue> {
    let issue =
        |(path, misfit): (String, simpipe_data::augment::Misfit)| Issue::of(path, misfit.message).help(misfit.help);
    misfits(&params.augment, image).into_iter().map(issue).collect()
}

/// Without augmenters every view of an example is the same image.
pub(super) fn shows_one_view_twice(params: &TrainParams) -> Option<Issue> {
    (params.views > 1 && params.augment.is_empty()).then(|| {
        Issue::of("views", format!("the {} views of an example would all be the same image", params.views))
            .help("list augmenters: `augment = [\"random-resized-crop\", \"horizontal-flip\"]`, or leave `views` out")
    })
}

/// Where every example is a class of its own, only another view of it is of its class.
pub(super) fn lacks_views(params: &TrainParams, inputs: &InputFacts) -> Option<Issue> {
    let own_classes = |port| inputs.samples(port).is_some_and(|samples| samples.own_classes);
    let validation = Some("validation").filter(|_| params.validation_steps > 0);
    let port = ["sampler"].into_iter().chain(validation).find(|port| own_classes(port))?;
    (params.epochs > 0 && params.views == 1).then(|| {
        let message =
            format!("the sampler at port `{port}` makes every example a class of its own, which needs two views of it");
        Issue::of("views", message).help("set `views = 2` and list augmenters in `augment`")
    })
}

/// A schedule may be longer than the training, not shorter.
pub(super) fn ends_before_its_schedule(params: &TrainParams) -> Option<Issue> {
    let scheduled = params.schedule_epochs.filter(|scheduled| *scheduled < params.epochs)?;
    let message = format!("`schedule-epochs` is {scheduled}, but the training has {} epochs", params.epochs);
    let help = "set it to the number of epochs of the whole training, or leave it out";
    Some(Issue::of("schedule-epochs", message).help(help))
}

/// A schedule must fit into its steps.
pub(super) fn does_not_fit_its_schedule(params: &TrainParams) -> Option<Issue> {
    let total = params.schedule_epochs().checked_mul(params.steps())?;
    let (parameter, message) = params.schedule.as_dyn().misfit(total).filter(|_| params.epochs > 0)?;
    let issue = Issue::of(format!("schedule.{}.{parameter}", params.schedule.name()), message);
    Some(issue.help(format!("`epochs` (or `schedule-epochs`) times `steps-per-epoch` is {total}")))
}

/// A miner chooses for a loss that asks it.
pub(super) fn mines_for_nobody(params: &TrainParams) -> Option<Issue> {
    let miner = params.miner.as_ref().filter(|_| !params.loss.takes_miner())?;
    let message = format!("`{}` finds its examples itself and takes no miner", params.loss.name());
    let help = format!(
        "leave `miner = \"{}\"` out, or choose a loss of pairs or triplets, such as `contrastive`, `triplet-margin` or \
         `multi-similarity-pairs`",
        miner.name()
    );
    Some(Issue::of("miner", message).help(help))
}

/// A miner's parameters must go together.
pub(super) fn does_not_mine(params: &TrainParams) -> Option<Issue> {
    let miner = params.miner.as_ref()?;
    let (parameter, message) = miner.misfit()?;
    Some(Issue::of(format!("miner.{}.{parameter}", miner.name()), message))
}
