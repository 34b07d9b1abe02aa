//! The stage `baseline`: what needs no training, measured on the same queries and the same index as the embedding.

mod images;
mod lookup;
mod untrained;

use std::collections::BTreeMap;

use self::images::Shown;
use self::lookup::{Lookup, METRICS, Values};
use self::untrained::FROZEN;
use super::embedded::{self, EMBEDDINGS_FILES, INDEX_FILES};
use super::exclude::{Exclude, Excluded, missing_column};
use super::slice::Slice;
use simpipe_artifact::{
    self as artifact, BaselineFile, DatasetInfo, Embeddings, Estimate, Gain, IMAGES, IndexRows, read_json, write_json,
};
use simpipe_base::check;
use simpipe_base::issue::Issue;
use simpipe_base::params;
use simpipe_data::sampler::draw;
use simpipe_metric::Average;
use simpipe_metric::statistics::{Bootstrap, Column, Interval};
use simpipe_search::overlap;
use simpipe_stage::{Ctx, Facts, InputFacts, Kind, Port, Progress, Stage, StageError};

params! {
    /// Looks up queries in an index as `match` does, by the embedding and by methods without training. A training is
    /// only worth something if it beats all of these. A query that is in the index never finds itself, nor a copy of
    /// its image.
    ///
    /// `chance` is the expected value of an index in random order; `largest-class` gives every query the class that the index
    /// has most of (`recall@1` only); `raw-pixels` is the euclidean distance of the images as they are, `mean-centred-pixels`
    /// the cosine distance of the images less the mean image of the index; `untrained` is the network at the port `model` with
    /// the weights that the seed draws for it; `frozen` is the network at the port of that name as it is, such as a `train`
    /// stage with `initial-weights` and `epochs = 0`: what a training that starts from a file starts from.
    ///
    /// Every figure is a mean over queries with a 95 % bootstrap interval, classes resampled before their queries. If
    /// the embedding does not beat the best baseline by more than the interval of the difference on the same queries,
    /// the stage warns.
    ///
    /// # Example
    ///
    /// ```toml
    /// [baseline]
    /// slice = { begin = 60, size = 100 }
    /// ```
    pub struct Params {
        /// Positions in the queries' pool; all must be embedded. Choose those of the evaluation to compare with.
        #[aka("range", "subset", "positions", "rows")]
        slice: Slice = Slice::All,
        /// Largest number of queries. If there are more, all baselines and the embedding use a sample drawn by the
        /// seed.
        #[aka("max_samples", "limit", "num_queries", "subsample")]
        max_queries: usize = 10_000 => check::between(1, 20_000),
        /// Further indexed images that a query ignores, in addition to itself; set it as in the `evaluate` to compare
        /// with.
        #[aka("ignore", "filter", "exclude_same")]
        exclude: Option<Exclude> = None,
        /// The `stream` of the stage that trained the model, if it has one: the untrained network starts from it.
        model_stream: Option<String> = None,
        /// Any text. A different one gives different random draws with the same seed.
        #[aka("random_state", "random_seed")]
        stream: Option<String> = None,
    }
}

/// The stage.
#[derive(Debug)]
pub struct Baseline;

impl Stage for Baseline {
    const NAME: &'static str = "baseline";
    const SUMMARY: &'static str = "Measures baselines without training on the queries and the index of an embedding.";
    // 1: the first. 2: images are read from files of their splits. 3: the untrained network is embedded as `embed` does.
    // 4: why a trained network is not a baseline is said in other words.
    const VERSION: u32 = 4;
    const OUTPUT: Kind = Kind::Baseline;
    const FILES: &'static [&'static str] = &[BaselineFile::FILE];
    const SEEDED: bool = true;
    const TENSOR: bool = true;
    type Params = Params;

    fn ports(_: &Params) -> Vec<Port> {
        vec![
            Port::new("dataset", Kind::Dataset, &[IMAGES, "dataset.json"]),
            Port::new("index", Kind::Index, INDEX_FILES),
            Port::new("queries", Kind::Embeddings, EMBEDDINGS_FILES),
            Port::new("model", Kind::Model, &["model.json"]).optional(),
            Port::new("sampler", Kind::Samples, &["samples.parquet"]).optional(),
            Port::new(FROZEN, Kind::Model, &["model.json", "model.safetensors"]).optional(),
        ]
    }

    fn infer(params: &Params, inputs: &InputFacts) -> Result<Facts, Vec<Issue>> {
        let (index, queries) = (inputs.index("index"), inputs.embeddings("queries"));
        let mut issues: Vec<Issue> =
            embedded::select(params.slice, queries.and_then(|facts| facts.range.as_ref())).err().into_iter().collect();
        issues.extend(embedded::check_classes(index, queries));
        issues.extend(embedded::check_uses(index, queries));
        issues.extend(embedded::check_dims(index.and_then(|facts| facts.dim), queries.and_then(|facts| facts.dim)));
        let pools = index.map(|index| &index.pool).into_iter().chain(queries.map(|queries| &queries.pool));
        issues.extend(missing_column(params.exclude.as_ref(), pools));
        if index.is_some_and(|index| index.class_means) {
            let message = "the index holds class means, which have no pixels to compare and no image to embed";
            let help = "connect an index of all vectors (without `reduce`) to `index`";
            issues.push(Issue::of("", message).help(help));
        }
        if issues.is_empty() { Ok(Facts::Baseline) } else { Err(issues) }
    }

    fn stream(params: &Params) -> Option<&str> {
        params.stream.as_deref()
    }

    fn run(params: &Params, ctx: &mut Ctx<'_>) -> Result<(), StageError> {
        let (index, info) = embedded::read_index(ctx)?;
        let (queries, _) = embedded::read(ctx, "queries", params.slice)?;
        let of_queries = queries.len();
        let queries = sample(queries, params.max_queries, ctx);
        let same = overlap::same_examples(&index, &queries.example_id, &queries.digest);
        let in_index = same.iter().filter(|rows| !rows.is_empty()).count();
        let excluded = Excluded::of(params.exclude.as_ref(), same, &index, &queries)?;
        excluded.tell(ctx);
        let lookup = Lookup::new(&index, &queries, excluded.rows);
        let mut found = FoundBaselines::default();
        let embedding = lookup.of_embedding(ctx, &index, &queries, info.metric)?;
        found.insert("chance", lookup.chance());
        found.insert("largest-class", lookup.largest_class());
        pixels(ctx, &index, &queries, &lookup, &mut found)?;
        say(ctx, "untrained");
        match untrained::look_up(params.model_stream.as_deref(), ctx, &index, &info, &queries, &lookup)? {
            Ok(values) => found.insert("untrained", values),
            Err(reason) => found.skip("untrained", reason),
        }
        if ctx.has_input(FROZEN) {
            say(ctx, FROZEN);
            match untrained::look_up_frozen(ctx, &index, &info, &queries, &lookup)? {
                Ok(values) => found.insert(FROZEN, values),
                Err(reason) => found.skip(FROZEN, reason),
            }
        }
        let bootstrap = Bootstrap::new(ctx.seed());
        let judged = Judged { bootstrap, labels: &queries.label };
        let file = BaselineFile {
            format: artifact::FORMAT,
            queries: queries.len(),
            of_queries,
            in_index,
            excluded: excluded.info,
            lone: lookup.lone(),
            indexed: index.label.len(),
            distance: info.metric,
            gain: judged.gain(&embedding, &found.values)?,
            embedding: judged.estimates(&embedding)?,
            baselines: found
                .values
                .iter()
                .map(|(name, values)| {
                    ctx.stop_if_cancelled()?;
                    Ok(((*name).to_owned(), judged.estimates(values)?))
                })
                .collect::<Result<_, StageError>>()?,
            skipped: found.skipped,
        };
        warn(ctx, &file);
        leave_metrics(ctx, &file);
        Ok(write_json(&ctx.output(BaselineFile::FILE), &file)?)
    }
}

/// Baselines by name, and why others are not there.
#[derive(Default)]
struct FoundBaselines {
    values: BTreeMap<&'static str, Values>,
    skipped: BTreeMap<String, String>,
}

impl FoundBaselines {
    fn insert(&mut self, name: &'static str, values: Values) {
        self.values.insert(name, values);
    }

    fn skip(&mut self, name: &str, reason: String) {
        self.skipped.insert(name.to_owned(), reason);
    }
}

fn say(ctx: &Ctx<'_>, what: &str) {
    ctx.progress(Progress { done: 0, total: None, unit: "baselines", message: what.to_owned() });
}

/// The queries, or as many of them as may be, drawn by the seed and in their order.
fn sample(queries: Embeddings, most: usize, ctx: &Ctx<'_>) -> Embeddings {
    if queries.len() <= most {
        return queries;
    }
    let mut drawn = draw::distinct(&mut ctx.seed().rng("queries", &[]), queries.len(), most);
    drawn.sort_unstable();
    let text = |column: &[String]| drawn.iter().map(|at| column[*at].clone()).collect::<Vec<String>>();
    Embeddings {
        position: drawn.iter().map(|at| queries.position[*at]).collect(),
        example_id: drawn.iter().map(|at| queries.example_id[*at]).collect(),
        label: drawn.iter().map(|at| queries.label[*at]).collect(),
        split: text(&queries.split),
        digest: text(&queries.digest),
        values: drawn.iter().flat_map(|at| queries.row(*at)).copied().collect(),
        dim: queries.dim,
        belonging: queries.belonging.pick(drawn.iter().copied()),
    }
}

/// Both baselines of pixels.
fn pixels(
    ctx: &Ctx<'_>,
    index: &IndexRows,
    queries: &Embeddings,
    lookup: &Lookup<'_>,
    found: &mut FoundBaselines,
) -> Result<(), StageError> {
    let names = ["raw-pixels", "mean-centred-pixels"];
    let dataset: DatasetInfo = read_json(ctx.input("dataset", "dataset.json"))?;
    let mut images = match Shown::read(ctx, &dataset, &index.example_id, &queries.example_id)? {
        Ok(images) => images,
        Err(reason) => {
            names.iter().for_each(|name| found.skip(name, reason.clone()));
            return Ok(());
        }
    };
    say(ctx, names[0]);
    match images.raw(ctx, lookup)? {
        Ok(values) => found.insert(names[0], values),
        Err(reason) => found.skip(names[0], reason),
    }
    say(ctx, names[1]);
    images.centre();
    match images.centred(ctx, lookup)? {
        Ok(values) => found.insert(names[1], values),
        Err(reason) => found.skip(names[1], reason),
    }
    Ok(())
}

/// Makes figures of values.
struct Judged<'a> {
    bootstrap: Bootstrap,
    labels: &'a [i32],
}

fn estimate(interval: &Interval) -> Estimate {
    Estimate { value: interval.value, low: Some(interval.low), high: Some(interval.high) }
}

impl Judged<'_> {
    /// By metric: the mean over queries with its interval.
    fn estimates(&self, values: &Values) -> Result<BTreeMap<String, Estimate>, StageError> {
        let columns: Vec<Column<'_>> =
            values.iter().map(|(_, values)| Column { values, average: Average::Micro }).collect();
        let means = self.bootstrap.means(self.labels, &columns);
        let means = means.map_err(|error| StageError::failed(error.to_string()))?;
        let named = values.iter().zip(means);
        Ok(named.filter_map(|((metric, _), mean)| Some((metric.name(), estimate(&mean?)))).collect())
    }

    /// By metric: the embedding against the baseline with the largest mean.
    fn gain(
        &self,
        embedding: &Values,
        baselines: &BTreeMap<&'static str, Values>,
    ) -> Result<BTreeMap<String, Gain>, StageError> {
        let mut gain = BTreeMap::new();
        for metric in METRICS {
            let of = |values: &'_ Values| values.iter().position(|(other, _)| *other == metric);
            let mean = |values: &[Option<f64>]| Average::Micro.of(values, self.labels);
            let rivals = baselines.iter().filter_map(|(name, values)| {
                let values = &values[of(values)?].1;
                Some((*name, values, mean(values)?))
            });
            let best = rivals.reduce(|best, next| if next.2 > best.2 { next } else { best });
            let (Some((over, rival, _)), Some(at)) = (best, of(embedding)) else { continue };
            let difference = self.bootstrap.paired(self.labels, &embedding[at].1, rival, Average::Micro);
            let difference = difference.map_err(|error| StageError::failed(error.to_string()))?;
            if let Some(difference) = difference {
                let better = difference.interval.low > 0.0;
                let difference = estimate(&difference.interval);
                gain.insert(metric.name(), Gain { over: over.to_owned(), difference, better });
            }
        }
        Ok(gain)
    }
}

/// Says where the training was for nothing.
fn warn(ctx: &Ctx<'_>, file: &BaselineFile) {
    for (metric, gain) in file.gain.iter().filter(|(_, gain)| !gain.better) {
        let value = |figures: &BTreeMap<String, Estimate>| figures.get(metric).map_or(0.0, |figure| figure.value);
        let rival = file.baselines.get(&gain.over).map_or(0.0, value);
        let ends = [gain.difference.low, gain.difference.high].map(|end| end.unwrap_or(gain.difference.value));
        ctx.warn(format!(
            "{metric} of the embedding, {:.4}, is not better than that of `{}`, {rival:.4}, by more than chance would have it: \
             the difference of the same {} queries is between {:.4} and {:.4}",
            value(&file.embedding),
            gain.over,
            file.queries,
            ends[0],
            ends[1]
        ));
    }
}

fn leave_metrics(ctx: &mut Ctx<'_>, file: &BaselineFile) {
    let all = file.baselines.iter().map(|(name, figures)| (name.as_str(), figures));
    for (name, figures) in all.chain([("embedding", &file.embedding)]) {
        let name = name.replace('-', "_");
        for (metric, Estimate { value, low, high }) in figures {
            ctx.metric(format!("{name}.{metric}"), *value);
            for (end, value) in [("low", low), ("high", high)] {
                value.iter().for_each(|value| ctx.metric(format!("{name}.{metric}.{end}"), *value));
            }
        }
    }
    ctx.metric("queries", file.queries as f64);
}
