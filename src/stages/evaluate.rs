//! The stage `evaluate`: how good a search is, with intervals. It needs no calibration.

mod apart;
mod asked;
mod breakdown;
mod checks;
mod figures;
mod lookup;
mod pairs;
mod params;
mod rerank;
mod tables;

use std::sync::Arc;

use self::asked::Groups;
use self::breakdown::{Categories, by_category};
use self::figures::Hubs;
use self::lookup::Lookup;
use super::embedded::{self, INDEX_FILES, QUERY_FILES};
use super::exclude::Excluded;
use super::leak::Leaks;
use simpipe_artifact::{
    self as artifact, BootstrapInfo, Embeddings, Evaluation, EvaluationCounts, Hub, HubsInfo, IndexRows, PerClass,
    PerQuery, write_json,
};
use simpipe_base::issue::Issue;
use simpipe_base::param::{Param, View};
use simpipe_search::overlap;
use simpipe_stage::{Ctx, EvaluationFacts, Facts, InputFacts, Kind, Port, Stage, StageError};

pub use self::asked::Wish;
pub use self::params::{Average, Breakdown, Params, Resampled};
pub use self::rerank::{Expanded, Reciprocal, Rerank};
pub use super::exclude::Exclude;

#[cfg(test)]
pub(super) use self::lookup::tests::{indexed, line};

/// The stage.
#[derive(Debug)]
pub struct Evaluate;

impl Stage for Evaluate {
    const NAME: &'static str = "evaluate";
    const SUMMARY: &'static str = "Measures how good a search is, and how sure that is.";
    // 1: the first.
    // 2: `roc-auc` is summed in whole numbers, so its last digit may differ.
    // 3: `hubs` in `evaluation.json`, where hubness is asked for, and `breakdown`.
    const VERSION: u32 = 3;
    const OUTPUT: Kind = Kind::Evaluation;
    const FILES: &'static [&'static str] = &[Evaluation::FILE, PerQuery::FILE, PerClass::FILE];
    const SEEDED: bool = true;
    type Params = Params;

    fn ports(_params: &Params) -> Vec<Port> {
        vec![Port::new("index", Kind::Index, INDEX_FILES), Port::new("queries", Kind::Embeddings, QUERY_FILES)]
    }

    fn infer(params: &Params, inputs: &InputFacts) -> Result<Facts, Vec<Issue>> {
        let issues = checks::issues(params, inputs.index("index"), inputs.embeddings("queries"));
        if !issues.is_empty() {
            return Err(issues);
        }
        Ok(Facts::Evaluation(EvaluationFacts { metrics: asked::names(params) }))
    }

    /// Where they are not allowed, such queries are refused.
    fn warnings(_: &Params, inputs: &InputFacts) -> Vec<Issue> {
        let trained_on = inputs.embeddings("queries").is_some_and(|queries| queries.seen_in_training);
        let message = "the queries are examples that the model was trained on, so the numbers say nothing about new \
                       images";
        let help = "connect an `embed` of another `sample` stage to `queries`";
        trained_on.then(|| Issue::of("", message).help(help)).into_iter().collect()
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
        let own = if params.leave_one_out { same.clone() } else { vec![Arc::default(); same.len()] };
        let excluded = Excluded::of(params.exclude.as_ref(), own, &index, &queries)?;
        let leaks = Leaks::find(ctx, &index, &queries, &excluded.found_of(&same))?;
        leaks.judge(ctx, &queries, params.allow_overlap)?;
        let lookup = Lookup::new(&index, &queries, info.metric, same, excluded.rows.clone(), &stop)?;
        checks::of_data(&groups, &lookup, excluded.info.as_ref())?;
        excluded.tell(ctx);
        let found = lookup.find(lookup.asked(), &groups.columns, groups.keep(params.rerank.as_ref()))?;
        ctx.stop_if_cancelled()?;
        let again = params.rerank.as_ref().map(|by| rerank::values(by, &lookup, &groups.columns, &found));
        let again = again.transpose()?;
        let measured = figures::measure(params, ctx, &groups, &lookup, &found, again.as_deref(), &leaks.tainted())?;
        let bootstrap = params.bootstrap(ctx.seed());
        let categories = Categories { classes: &info.classes, of_queries: queries.belonging.column(breakdown::COLUMN) };

        let evaluation = Evaluation {
            format: artifact::FORMAT,
            distance: info.metric,
            average: params.average.name().to_owned(),
            leave_one_out: params.leave_one_out,
            allow_overlap: params.allow_overlap,
            counts: counts(&index, &queries, &lookup),
            excluded: excluded.info,
            bootstrap: BootstrapInfo {
                draws: params.bootstrap.draws,
                level: params.bootstrap.level,
                seed: ctx.seed().to_hex(),
            },
            order: groups.order.iter().filter(|name| measured.metrics.contains_key(*name)).cloned().collect(),
            metrics: measured.metrics,
            undefined: measured.undefined,
            disjoint: measured.disjoint,
            breakdown: by_category(params, &bootstrap, &groups, &lookup, &found, &categories)?,
            pairs: measured.pairs,
            clustering: measured.clustering,
            hubs: measured.hubs.map(|found| hubs(&index, found)),
            rerank: measured.rerank.map(|mut reranked| {
                reranked.method = params.rerank.write(View::Full);
                reranked
            }),
        };
        let columns = tables::columns(&groups.columns, &found, again.as_deref());
        tables::per_query(&index, &queries, &lookup, &found, &columns).write(&ctx.output(PerQuery::FILE))?;
        let classes = tables::per_class(&info.classes, &index, &lookup, &bootstrap, &columns)?;
        classes.write(&ctx.output(PerClass::FILE))?;
        write_json(&ctx.output(Evaluation::FILE), &evaluation)?;
        // Copies in the index are counted also where each query leaves its own out.
        let of_training = leaks.metrics().filter(|(name, _)| name != "overlap");
        for (name, value) in headline(&evaluation).into_iter().chain(of_training) {
            ctx.metric(name, value);
        }
        Ok(())
    }
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

fn hubs(index: &IndexRows, found: Hubs) -> HubsInfo {
    let hub =
        |(row, queries): (usize, usize)| Hub { example_id: index.example_id[row], label: index.label[row], queries };
    HubsInfo { neighbours: found.neighbours, top: found.rows.into_iter().map(hub).collect() }
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
        for (name, artifact::Figure { estimate, .. }) in figures {
            numbers.push((format!("{prefix}{name}"), estimate.value));
            numbers.extend(estimate.low.map(|low| (format!("{prefix}{name}.low"), low)));
            numbers.extend(estimate.high.map(|high| (format!("{prefix}{name}.high"), high)));
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
