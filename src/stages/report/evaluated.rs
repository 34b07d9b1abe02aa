//! Evaluations and matches that are plugged in beside the matches which the figures show.

use std::collections::BTreeSet;

use simpipe_artifact::{Confusion, Evaluation, MatchInfo, PerClass, PerQuery, read_json};
use simpipe_report::{Evaluated, FurtherMatches, plugged_at};
use simpipe_stage::{Ctx, Kind, Port, StageError};

/// Ports of evaluations, in the order of the page. The names are what the shipped graphs have there; any evaluation fits any.
const EVALUATIONS: [&str; 4] = ["evaluation", "evaluation-test", "evaluation-seen", "evaluation-unseen"];
/// Ports of further matches.
const MATCHES: [&str; 2] = ["matches-train", "matches-test"];

const EVALUATION_FILES: &[&str] = &[Evaluation::FILE, PerQuery::FILE, PerClass::FILE];
const MATCH_FILES: &[&str] = &[CONFUSION, METRICS, MatchInfo::FILE];
const CONFUSION: &str = "confusion.parquet";
const METRICS: &str = "metrics.json";

/// The optional ports.
pub(super) fn ports() -> impl Iterator<Item = Port> {
    let evaluations = EVALUATIONS.map(|name| Port::new(name, Kind::Evaluation, EVALUATION_FILES).optional());
    let matches = MATCHES.map(|name| Port::new(name, Kind::Matches, MATCH_FILES).optional());
    evaluations.into_iter().chain(matches)
}

/// What is plugged in, in the order of the ports.
pub(super) fn evaluations(ctx: &Ctx<'_>) -> Result<Vec<Evaluated>, StageError> {
    let read = |port: &str| {
        Ok(Evaluated {
            stage: plugged_at(ctx.spec(), port),
            evaluation: read_json(ctx.input(port, Evaluation::FILE))?,
            queries: PerQuery::read_metrics(ctx.input(port, PerQuery::FILE))?,
            classes: PerClass::read(ctx.input(port, PerClass::FILE))?,
        })
    };
    EVALUATIONS.into_iter().filter(|port| ctx.has_input(port)).map(read).collect()
}

/// The same of matches.
pub(super) fn further_matches(ctx: &Ctx<'_>) -> Result<Vec<FurtherMatches>, StageError> {
    let read = |port: &str| {
        let path = ctx.input(port, CONFUSION);
        let classes: BTreeSet<String> = Confusion::classes(path)?.into_iter().collect();
        Ok(FurtherMatches {
            stage: plugged_at(ctx.spec(), port),
            queries: Confusion::read(path)?.0.iter().map(|cell| cell.count).sum(),
            classes,
            metrics: read_json(ctx.input(port, METRICS))?,
            info: read_json(ctx.input(port, MatchInfo::FILE))?,
        })
    };
    MATCHES.into_iter().filter(|port| ctx.has_input(port)).map(read).collect()
}
