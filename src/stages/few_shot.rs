//! The stage `few-shot`: how well classes are told apart from a few examples of each.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;

use super::embedded::{self, QUERY_FILES};
use super::slice::Slice;
use super::{class_groups, leak};
use simpipe_artifact::{
    self as artifact, DatasetInfo, Distance, EpisodeRow, Estimate, FewShotFile, read_json, write_episodes, write_json,
};
use simpipe_base::check::{self, Check};
use simpipe_base::issue::Issue;
use simpipe_base::{choice, params};
use simpipe_metric::episode::{Drawer, Episodes, NearestNeighbour, NearestPrototype, mean_of_episodes};
use simpipe_metric::{EpisodeMetric, MetricError, Space};
use simpipe_stage::{Ctx, DatasetFacts, EmbeddingsFacts, Facts, InputFacts, Kind, Port, Stage, StageError};

choice! {
    /// What the classes of one episode share.
    pub enum By {
        /// Nothing: they are drawn from all classes.
        "class" => Class,
        /// Their group, such as the alphabet of a letter: each episode draws a group, then its classes (Lake, Salakhutdinov
        /// and Tenenbaum, 2015). Needs data whose classes have groups, and the port `dataset`.
        #[aka("within_alphabet", "superclass", "category")]
        "group" => Group,
    }
}

choice! {
    /// How the queries of an episode are labelled.
    pub enum FewShotMethod {
        /// By the nearest mean of the examples shown (Snell, Swersky and Zemel, 2017, arXiv:1703.05175).
        #[aka("prototypical", "protonet", "nearest_centroid", "ncm")]
        "nearest-prototype" => NearestPrototype,
        /// By the nearest of the examples shown.
        #[aka("nearest_neighbor", "matching", "1nn", "knn")]
        "nearest-neighbour" => NearestNeighbour,
    }
}

params! {
    /// N-way K-shot episodes on embeddings. Each episode draws `ways` classes, and from each `shots` examples to show and
    /// `queries` others to ask. Every query is given one of these classes, by squared euclidean distance to what is shown. A
    /// guess is right for 1 / `ways` of them.
    ///
    /// Where the network's distance is cosine, embeddings are scaled to unit length first; prototypes are not scaled again. The
    /// interval of an accuracy is `1.96 s / sqrt(episodes)`, s the standard deviation over episodes, as papers report it; it is
    /// cut at 0 and 1.
    ///
    /// # Example
    ///
    /// ```toml
    /// [few-shot]
    /// ways = 5
    /// shots = 1
    /// queries = 15
    /// methods = ["nearest-prototype", "nearest-neighbour"]
    /// ```
    pub struct Params {
        /// Positions in the pool that examples are drawn from; all of them must be embedded.
        #[aka("range", "subset", "positions", "rows")]
        slice: Slice = Slice::All,
        /// Number of classes per episode.
        #[aka("n_way", "n_ways", "way", "classes_per_episode", "num_classes")]
        ways: usize = 5 => check::between(2, 10_000),
        /// Number of examples of each class that are shown.
        #[aka("k_shot", "n_shot", "shot", "n_support", "support_size")]
        shots: usize = 1 => check::between(1, 10_000),
        /// Number of examples of each class that are queries.
        #[aka("n_query", "query", "n_queries", "q_queries", "query_size")]
        queries: usize = 15 => check::between(1, 10_000),
        /// Number of episodes; more make the interval narrower.
        #[aka("n_episodes", "tasks", "n_tasks", "num_tasks", "iterations")]
        episodes: usize = 1000 => check::between(1, 1_000_000),
        /// What the classes of one episode share.
        by: By = By::Class,
        /// How queries are labelled; `accuracy` is that of the first method.
        #[aka("classifier", "classifiers", "method")]
        methods: Vec<FewShotMethod> = vec![FewShotMethod::NearestPrototype, FewShotMethod::NearestNeighbour] => methods(),
        /// Whether examples may be images that the model was trained on. The results are then flattering, and the
        /// report says so. Images are recognised by their pixels, whatever dataset or split they are in.
        allow_overlap: bool = false,
        /// Any text. A different one gives different random draws with the same seed.
        #[aka("random_state", "random_seed")]
        stream: Option<String> = None,
    }
}

fn methods() -> Check<Vec<FewShotMethod>> {
    let distinct =
        |methods: &[FewShotMethod]| methods.iter().enumerate().all(|(at, method)| !methods[..at].contains(method));
    let test = move |methods: &Vec<FewShotMethod>| !methods.is_empty() && distinct(methods);
    Check::new("a list of at least one method, each once", test).with_length(check::not_empty::<FewShotMethod>().length)
}

/// The rule of the interval, as the file says it.
const INTERVAL: &str = "mean +- 1.96 s / sqrt(episodes), s the standard deviation over episodes, cut at 0 and 1";
const EPISODES: &str = "episodes.parquet";
const SUMMARY_FILE: &str = "few-shot.json";

/// The stage.
#[derive(Debug)]
pub struct FewShot;

impl Stage for FewShot {
    const NAME: &'static str = "few-shot";
    const SUMMARY: &'static str = "Measures how well classes are told apart from a few examples of each.";
    // 1: the first.
    // 2: examples that the model was trained on are refused, or counted where they are allowed.
    const VERSION: u32 = 2;
    const OUTPUT: Kind = Kind::FewShot;
    const FILES: &'static [&'static str] = &[SUMMARY_FILE, EPISODES];
    const SEEDED: bool = true;
    const WORK: &'static [&'static str] = &["episodes"];
    type Params = Params;

    fn ports(_: &Params) -> Vec<Port> {
        vec![
            Port::new("embeddings", Kind::Embeddings, QUERY_FILES),
            Port::new("dataset", Kind::Dataset, &["dataset.json"]).optional(),
        ]
    }

    fn infer(params: &Params, inputs: &InputFacts) -> Result<Facts, Vec<Issue>> {
        let Some(embeddings) = inputs.embeddings("embeddings") else { return Ok(Facts::FewShot) };
        let dataset = inputs.dataset("dataset");
        let mut issues = Vec::new();
        let range = embedded::select(params.slice, embeddings.range.as_ref());
        let range = range.map_err(|issue| issues.push(issue)).unwrap_or_default();
        issues.extend(too_many_ways(params, embeddings));
        if issues.is_empty() {
            let scarce = too_few_of_a_class(params, embeddings, dataset);
            issues.extend(scarce.or_else(|| too_few(params, range.as_ref().map(|range| range.len()))));
        }
        if let Some(range) = range.filter(|_| embeddings.seen_in_training && !params.allow_overlap) {
            issues.extend(leak::known_training(range.len()));
        }
        if params.by == By::Group {
            issues.extend(cannot_group(params, dataset, embeddings));
        }
        if issues.is_empty() { Ok(Facts::FewShot) } else { Err(issues) }
    }

    /// Where they are not allowed, such examples are refused.
    fn warnings(_: &Params, inputs: &InputFacts) -> Vec<Issue> {
        let trained_on = inputs.embeddings("embeddings").is_some_and(|embeddings| embeddings.seen_in_training);
        let message = "episodes are drawn from examples that the model was trained on, so their accuracy says nothing \
                       about new classes or images";
        let help = "connect an `embed` of another `sample` stage to `embeddings`";
        trained_on.then(|| Issue::of("", message).help(help)).into_iter().collect()
    }

    fn stream(params: &Params) -> Option<&str> {
        params.stream.as_deref()
    }

    fn run(params: &Params, ctx: &mut Ctx<'_>) -> Result<(), StageError> {
        let (rows, info) = embedded::read(ctx, "embeddings", params.slice)?;
        leak::of_training(ctx, "embeddings", &rows, params.allow_overlap)?;
        let vectors = embedded::searchable("embedding", &rows.values, rows.dim, &rows.example_id, info.distance)?;
        let scaled = vectors.into_scaled();
        let values = scaled.as_deref().unwrap_or(&rows.values);
        let space = Space::new(values, rows.dim, &rows.label).map_err(|error| StageError::failed(error.to_string()))?;
        let drawer = drawer(params, ctx, &space)?;
        let made = episodes(params, ctx, &space, &drawer)?;
        let file = summary(params, &drawer, info.distance, &made);
        write_episodes(&ctx.output(EPISODES), &made)?;
        write_json(&ctx.output(SUMMARY_FILE), &file)?;
        for (at, method) in params.methods.iter().enumerate() {
            let Some(accuracy) = file.accuracy.get(method.name()) else { continue };
            leave(ctx, &format!("{}.accuracy", method.name().replace('-', "_")), accuracy);
            if at == 0 {
                leave(ctx, "accuracy", accuracy);
            }
        }
        Ok(())
    }
}

/// A metric with its interval.
fn leave(ctx: &mut Ctx<'_>, name: &str, estimate: &Estimate) {
    ctx.metric(name, estimate.value);
    let ends = [("low", estimate.low), ("high", estimate.high)];
    ends.into_iter()
        .for_each(|(end, value)| value.into_iter().for_each(|value| ctx.metric(format!("{name}.{end}"), value)));
}

/// More classes than the pool has.
fn too_many_ways(params: &Params, embeddings: &EmbeddingsFacts) -> Option<Issue> {
    let known = embeddings.pool.labels.as_ref()?.len();
    (params.ways > known).then(|| {
        let message = format!("an episode needs {} classes, but the pool has {known}", params.ways);
        Issue::of("ways", message).help(format!("choose at most {known}, or a pool of more classes"))
    })
}

/// Too few classes that can have enough examples: a pool has at most those of its split.
fn too_few_of_a_class(params: &Params, embeddings: &EmbeddingsFacts, dataset: Option<&DatasetFacts>) -> Option<Issue> {
    let pool = &embeddings.pool;
    let counts = dataset?.splits.as_ref()?.get(&pool.split)?.per_class.as_ref()?;
    let of = |label: &i32| usize::try_from(*label).ok().and_then(|label| counts.get(label)).copied().unwrap_or(0);
    let mut sizes: Vec<usize> = pool.labels.as_ref()?.iter().map(of).collect();
    sizes.sort_unstable_by_key(|size| std::cmp::Reverse(*size));
    let wanted = params.shots + params.queries;
    let possible = *sizes.get(params.ways.checked_sub(1)?)?;
    (possible < wanted).then(|| {
        let enough = sizes.iter().filter(|size| **size >= wanted).count();
        let ways = params.ways;
        let message =
            format!("an episode needs {wanted} examples of each of {ways} classes, but {enough} have that many");
        Issue::of("queries", message).help(match possible.checked_sub(params.shots).filter(|rest| *rest > 0) {
            Some(rest) => format!("choose at most {rest}, fewer `ways`, or a pool with more examples of a class"),
            None => "choose fewer `shots`, fewer `ways`, or a pool with more examples of a class".to_owned(),
        })
    })
}

/// Fewer embeddings than one episode takes.
fn too_few(params: &Params, embedded: Option<usize>) -> Option<Issue> {
    let embedded = embedded?;
    let wanted = params.ways * (params.shots + params.queries);
    (wanted > embedded).then(|| {
        let message = format!("an episode needs {wanted} examples, but there are {embedded}");
        Issue::of("queries", message).help("choose fewer `queries`, `shots` or `ways`, or embed more examples")
    })
}

fn no_groups() -> Issue {
    class_groups::none("by").help("choose \"class\", or a dataset whose classes have groups")
}

/// Why episodes can't stay within a group, as far as it is known.
fn cannot_group(params: &Params, dataset: Option<&DatasetFacts>, embeddings: &EmbeddingsFacts) -> Option<Issue> {
    let Some(dataset) = dataset else {
        let issue = Issue::of("by", "groups come from the class names, but no dataset is connected");
        return Some(issue.help("connect the dataset to the port `dataset` of this stage"));
    };
    let Some(groups) = class_groups::groups(dataset.classes.as_ref()?) else { return Some(no_groups()) };
    let mut sizes: BTreeMap<&str, usize> = BTreeMap::new();
    for label in embeddings.pool.labels.as_ref()? {
        let group = class_groups::of_label(&groups, *label)?;
        *sizes.entry(group).or_default() += 1;
    }
    let largest = sizes.into_values().max()?;
    (largest < params.ways).then(|| {
        let message =
            format!("an episode needs {} classes of one group, but none has more than {largest}", params.ways);
        Issue::of("ways", message).help(format!("choose at most {largest}, or `by = \"class\"`"))
    })
}

/// What episodes are drawn from.
fn drawer(params: &Params, ctx: &Ctx<'_>, space: &Space<'_>) -> Result<Drawer, StageError> {
    let Params { ways, shots, queries, episodes: count, .. } = *params;
    let refused = |error: MetricError| {
        StageError::from(
            Issue::of("ways", error.to_string())
                .help("choose fewer `ways`, `shots` or `queries`, or a pool with more examples of a class"),
        )
    };
    let drawer = Episodes { ways, shots, queries, count, seed: ctx.seed() }.drawer(space.labels(), None);
    let drawer = drawer.map_err(refused)?;
    if params.by == By::Class {
        return Ok(drawer);
    }
    if !ctx.has_input("dataset") {
        return Err(StageError::failed("the port `dataset` has no dataset"));
    }
    let dataset: DatasetInfo = read_json(ctx.input("dataset", "dataset.json"))?;
    let groups = class_groups::groups(&dataset.classes).ok_or_else(no_groups)?;
    drawer.within(|label| class_groups::of_label(&groups, label)).map_err(refused)
}

/// Every episode by every method, in the order of episodes.
fn episodes(params: &Params, ctx: &Ctx<'_>, space: &Space<'_>, drawer: &Drawer) -> Result<Vec<EpisodeRow>, StageError> {
    let one = |number: u64| -> Result<Vec<EpisodeRow>, StageError> {
        ctx.stop_if_cancelled()?;
        let episode = drawer.episode(number);
        let row = |method: &FewShotMethod| {
            let accuracy = method.metric().of_episode(space, &episode)?;
            Some(EpisodeRow { episode: number, method: method.name(), accuracy, classes: episode.ways.clone() })
        };
        Ok(params.methods.iter().filter_map(row).collect())
    };
    let rows = (0..params.episodes as u64).into_par_iter().map(one).collect::<Result<Vec<_>, _>>()?;
    Ok(rows.into_iter().flatten().collect())
}

impl FewShotMethod {
    fn metric(&self) -> &'static dyn EpisodeMetric {
        match self {
            Self::NearestPrototype => &NearestPrototype,
            Self::NearestNeighbour => &NearestNeighbour,
        }
    }
}

fn summary(params: &Params, drawer: &Drawer, distance: Distance, made: &[EpisodeRow]) -> FewShotFile {
    let names: BTreeSet<&str> = params.methods.iter().map(FewShotMethod::name).collect();
    let estimate = |name: &str| {
        let of: Vec<f64> = made.iter().filter(|row| row.method == name).map(|row| row.accuracy).collect();
        let (value, half) = mean_of_episodes(&of)?;
        let end = |sign: f64| half.map(|half| (value + sign * half).clamp(0.0, 1.0));
        Some((name.to_owned(), Estimate { value, low: end(-1.0), high: end(1.0) }))
    };
    FewShotFile {
        format: artifact::FORMAT,
        ways: params.ways,
        shots: params.shots,
        queries: params.queries,
        episodes: params.episodes,
        by: params.by.name().to_owned(),
        classes: drawer.classes(),
        groups: (params.by == By::Group).then(|| drawer.families()),
        unit_length: distance == Distance::Cosine,
        chance: 1.0 / params.ways as f64,
        interval: INTERVAL.to_owned(),
        accuracy: names.into_iter().filter_map(estimate).collect(),
    }
}
