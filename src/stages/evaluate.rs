//! The stage `evaluate`: how good a search is, with intervals. It needs no calibration.

mod apart;
mod asked;
mod checks;
mod figures;
mod lookup;
mod pairs;
mod rerank;
mod tables;

use self::asked::{Groups, Wish};
use self::lookup::Lookup;
use self::rerank::Rerank;
use super::embedded::{self, EMBEDDINGS_FILES, INDEX_FILES};
use super::match_::overlap_issue;
use super::slice::Slice;
use crate::artifact::{
    self, BootstrapInfo, Embeddings, Evaluation, EvaluationCounts, IndexRows, PerClass, PerQuery, write_json,
};
use crate::base::check;
use crate::base::param::{Param, View, defaults};
use crate::base::seed::Seed;
use crate::metric::statistics::Bootstrap;
use crate::search::overlap;
use crate::stage::{Ctx, EvaluationFacts, Facts, InputFacts, Kind, ParamIssue, Port, Stage, StageError};
use crate::{choice, metric, params};

choice! {
    /// What a query weighs in a mean over queries.
    pub enum Average {
        /// All the same: a class weighs as much as it has queries.
        #[aka("samples", "weighted", "per_query")]
        "micro" => Micro,
        /// Each class the same: the mean over classes of the means of each class's queries.
        #[aka("per_class", "class", "balanced")]
        "macro" => Macro,
    }
}

choice! {
    /// Which other indexed images a query does not look at, because they show the very thing that it shows.
    pub enum Exclude {
        /// Those of its group, such as other photos of one animal in one minute.
        #[aka("same_id", "same_object", "groups")]
        "same-group" => SameGroup,
        /// Those of its source, such as those of its camera.
        #[aka("same_camera", "same_cam", "cross_camera")]
        "same-source" => SameSource,
    }
}

choice! {
    /// What figures are told apart by, beside the classes.
    pub enum Breakdown {
        /// The category of a class, such as the kind of a product.
        #[aka("super_class", "superclass", "coarse", "supercategory")]
        "category" => Category,
    }
}

params! {
    /// How intervals are computed: the percentile bootstrap (Efron, 1979) over classes and queries.
    pub struct Resampled {
        /// Resampled figures; 2,000 settle the ends of a 95 % interval to about a twentieth of its width.
        #[aka("n_resamples", "samples", "repetitions", "n_boot", "iterations")]
        draws: usize = 2000 => check::between(10, 100_000),
        /// The share of resampled figures within the interval.
        #[aka("confidence", "confidence_level", "coverage")]
        level: f64 = 0.95 => check::inside(0.0, 1.0),
    }
}

params! {
    /// How good the search is: queries are looked up in an index, and every figure comes with an interval.
    ///
    /// # Example
    ///
    /// ```toml
    /// [evaluate]
    /// metrics = ["recall@1", "map@r", "map@r/macro", "roc-auc", "nmi", "hubness@10"]
    /// ```
    pub struct Params {
        /// The figures, each `NAME`, `NAME@K` or `NAME@PERCENT`.
        ///
        /// Of ranked neighbours: `recall@K`, `precision@K`, `map@r`, `map`, `map@K`, `map-clip-at-r@K`, `r-precision`, `mrr`,
        /// `mrr@K`, `ndcg@K`, `true-ndcg@K`; with `/macro` or `/micro` behind them whatever `average` says. Of pairs of a
        /// query and an indexed image: `roc-auc`, `average-precision`, `eer`, `tpr@1fpr`, `fpr@95tpr`, `frr@1far`. Of queries
        /// whose class the index may lack: `auroc`, `dir@1far`, `oscr`. Of who finds whom: `hubness@K`, `antihubs@K`. Of the
        /// queries' embeddings: `nmi`, `ami`, `ari` (of k-means with as many clusters as classes), `alignment`,
        /// `uniformity`, `effective-rank`, `silhouette`.
        #[aka("scores", "figures", "measures", "metric")]
        metrics: Vec<Wish> = Wish::usual() => check::not_empty(),
        /// Positions in the queries' pool; all of them must be embedded.
        #[aka("range", "subset", "positions", "rows")]
        slice: Slice = Slice::All,
        /// Whether queries that are in the index are left out of their own neighbours, copies of the image included: how
        /// retrieval benchmarks look a test set up in itself.
        #[aka("loo", "exclude_self", "ignore_self", "embeddings_come_from_same_source")]
        leave_one_out: bool = false,
        /// Whether queries may be in the index, where they find themselves at distance 0: flattering, and said so.
        allow_overlap: bool = false,
        /// What a query weighs in the means over queries.
        average: Average = Average::Micro,
        /// Which other indexed images a query does not look at; for data that has the column.
        #[aka("ignore", "filter", "exclude_same")]
        exclude: Option<Exclude> = None,
        /// What figures are told apart by, beside the classes; for data that has the column.
        #[aka("by", "group_by", "stratify")]
        breakdown: Option<Breakdown> = None,
        /// How neighbours are ranked anew from each other's neighbours; figures of ranked neighbours are then given before
        /// and after it.
        #[aka("re_ranking", "reranking", "rerank_method")]
        rerank: Option<Rerank> = None,
        /// Pairs of one class, and as many of two classes, that pair metrics look at: all where there are no more, else
        /// drawn at random.
        #[aka("n_pairs", "max_pairs", "num_pairs")]
        pairs: usize = 100_000 => check::between(1, 10_000_000),
        /// How intervals are computed.
        #[aka("confidence", "confidence_interval", "interval", "resampling")]
        bootstrap: Resampled = defaults(),
        /// Any text: another one gives other random draws at the same seed.
        #[aka("seed", "random_state", "random_seed")]
        stream: Option<String> = None,
    }
}

/// The stage.
#[derive(Debug)]
pub struct Evaluate;

impl Stage for Evaluate {
    const NAME: &'static str = "evaluate";
    const SUMMARY: &'static str = "Measures how good a search is, and how sure that is.";
    // 1: the first.
    const VERSION: u32 = 1;
    const OUTPUT: Kind = Kind::Evaluation;
    const FILES: &'static [&'static str] = &[Evaluation::FILE, PerQuery::FILE, PerClass::FILE];
    const SEEDED: bool = true;
    type Params = Params;

    fn ports(_params: &Params) -> Vec<Port> {
        vec![Port::new("index", Kind::Index, INDEX_FILES), Port::new("queries", Kind::Embeddings, EMBEDDINGS_FILES)]
    }

    fn infer(params: &Params, inputs: &InputFacts) -> Result<Facts, Vec<ParamIssue>> {
        let issues = checks::issues(params, inputs.index("index"), inputs.embeddings("queries"));
        if !issues.is_empty() {
            return Err(issues);
        }
        Ok(Facts::Evaluation(EvaluationFacts { metrics: asked::names(params) }))
    }

    fn warnings(_: &Params, inputs: &InputFacts) -> Vec<ParamIssue> {
        let trained_on = inputs.embeddings("queries").is_some_and(|queries| queries.seen_in_training);
        let message = "the queries are examples that the model is trained on: the figures say nothing of new images";
        let help = "plug an `embed` of another `sample` stage into `queries`";
        trained_on.then(|| ParamIssue::new("", message).help(help)).into_iter().collect()
    }

    fn stream(params: &Params) -> Option<&str> {
        params.stream.as_deref()
    }

    fn run(params: &Params, ctx: &mut Ctx<'_>) -> Result<(), StageError> {
        let (index, info) = embedded::read_index(ctx)?;
        let (queries, _) = embedded::read(ctx, "queries", params.slice)?;
        let groups = Groups::of(params, ctx.seed())?;
        let stop = || ctx.cancelled();
        let same = overlap::same_examples(&index, &queries.example_id, &queries.digest);
        refuse_overlap(params, ctx, same.iter().filter(|rows| !rows.is_empty()).count(), queries.len())?;
        let lookup = Lookup::new(&index, &queries, info.metric, same, params.leave_one_out, &stop)?;
        checks::of_data(&groups, &lookup)?;
        let found = lookup.find(lookup.asked(), &groups.columns, groups.keep(params.rerank.as_ref()))?;
        ctx.stop_if_cancelled()?;
        let again = params.rerank.as_ref().map(|by| rerank::values(by, &lookup, &groups.columns, &found));
        let again = again.transpose()?;
        let measured = figures::measure(params, ctx, &groups, &lookup, &found, again.as_deref())?;

        let evaluation = Evaluation {
            format: artifact::FORMAT,
            distance: info.metric,
            average: params.average.name().to_owned(),
            leave_one_out: params.leave_one_out,
            allow_overlap: params.allow_overlap,
            counts: counts(&index, &queries, &lookup),
            bootstrap: BootstrapInfo {
                draws: params.bootstrap.draws,
                level: params.bootstrap.level,
                seed: ctx.seed().to_hex(),
            },
            order: groups.order.iter().filter(|name| measured.metrics.contains_key(*name)).cloned().collect(),
            metrics: measured.metrics,
            undefined: measured.undefined,
            disjoint: measured.disjoint,
            pairs: measured.pairs,
            clustering: measured.clustering,
            rerank: measured.rerank.map(|mut reranked| {
                reranked.method = params.rerank.write(View::Full);
                reranked
            }),
        };
        let columns = tables::columns(&groups.columns, &found, again.as_deref());
        tables::per_query(&index, &queries, &lookup, &found, &columns).write(&ctx.output(PerQuery::FILE))?;
        let classes = tables::per_class(&info.classes, &index, &lookup, &params.bootstrap(ctx.seed()), &columns)?;
        classes.write(&ctx.output(PerClass::FILE))?;
        write_json(&ctx.output(Evaluation::FILE), &evaluation)?;
        for (name, value) in headline(&evaluation) {
            ctx.metric(name, value);
        }
        Ok(())
    }
}

impl Params {
    const fn bootstrap(&self, seed: Seed) -> Bootstrap {
        Bootstrap { draws: self.bootstrap.draws, level: self.bootstrap.level, seed }
    }
}

impl Average {
    const fn of_metric(&self) -> metric::Average {
        match self {
            Self::Micro => metric::Average::Micro,
            Self::Macro => metric::Average::Macro,
        }
    }
}

/// Queries that find themselves are refused, or said so.
fn refuse_overlap(params: &Params, ctx: &Ctx<'_>, shared: usize, all: usize) -> Result<(), StageError> {
    if shared == 0 || params.leave_one_out {
        return Ok(());
    }
    if !params.allow_overlap {
        return Err(overlap_issue(shared).into());
    }
    ctx.warn(format!("{shared} of {all} queries are in the index and find themselves: see the metrics `disjoint.*`"));
    Ok(())
}

fn counts(index: &IndexRows, queries: &Embeddings, lookup: &Lookup<'_>) -> EvaluationCounts {
    let classes = |labels: &[i32]| labels.iter().collect::<std::collections::BTreeSet<_>>().len();
    EvaluationCounts {
        queries: queries.len(),
        lone: lookup.relevant.iter().filter(|relevant| **relevant == 0).count(),
        classes: classes(&queries.label),
        indexed: index.label.len(),
        indexed_classes: classes(&index.label),
        overlap: lookup.same.iter().filter(|rows| !rows.is_empty()).count(),
    }
}

/// What a run's metrics hold of it.
#[expect(clippy::cast_precision_loss, reason = "counts of queries are far below 2^52")]
fn headline(evaluation: &Evaluation) -> Vec<(String, f64)> {
    let counts = &evaluation.counts;
    let mut numbers = vec![
        ("queries".to_owned(), counts.queries as f64),
        ("lone".to_owned(), counts.lone as f64),
        ("overlap".to_owned(), counts.overlap as f64),
    ];
    let mut add = |prefix: &str, figures: &std::collections::BTreeMap<String, artifact::Figure>| {
        for (name, figure) in figures {
            numbers.push((format!("{prefix}{name}"), figure.value));
            numbers.extend(figure.low.map(|low| (format!("{prefix}{name}.low"), low)));
            numbers.extend(figure.high.map(|high| (format!("{prefix}{name}.high"), high)));
        }
    };
    add("", &evaluation.metrics);
    add("disjoint.", &evaluation.disjoint);
    if let Some(reranked) = &evaluation.rerank {
        add("reranked.", &reranked.metrics);
        add("gain.", &reranked.gains);
    }
    numbers
}
