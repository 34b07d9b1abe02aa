//! `simpipe explain`: why a stage would run, field by field, back to the cause.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;

use super::options::{ExperimentOptions, PlaceOptions};
use super::print::{self, Paint, shown};
use super::{plan, screen, seeds, words};
use crate::error::{Error, Exit};
use simpipe_base::suggest;
use simpipe_plan::ReasonKind;
use simpipe_runner::status::{Explanation, Forecast, Freshness};
use simpipe_stages::registry;

/// Explain why a stage would run: every changed field, old and new, back to the cause.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  simpipe explain train configs/cifar10.toml
  simpipe explain report configs/cifar10.toml --set train.epochs=5")]
pub(super) struct ExplainArgs {
    /// The stage's id.
    stage: String,
    #[command(flatten)]
    experiment: ExperimentOptions,
    #[command(flatten)]
    place: PlaceOptions,
    /// Print JSON.
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) fn exec(args: &ExplainArgs, out: &mut dyn Write) -> Result<Exit, Error> {
    let (stage, experiment) = in_order(args)?;
    let plan = experiment.plan()?;
    let root = args.place.root_of(&plan);
    let store = args.place.open_store_to_read(&root)?;
    let Some(node) = plan.find(&stage) else {
        let ids: Vec<&str> = plan.order.iter().map(|node| plan.graph[*node].id.as_str()).collect();
        return Err(Error::usage(format!("there is no stage `{stage}`"), suggest::help(&stage, &ids)));
    };
    let hangs = !plan.experiment.seeds.is_empty() && plan.hanging_on_seed().contains(&node);
    let mut explained: Option<Explained> = None;
    for member in seeds::members(&plan) {
        let forecast = Forecast::of(&member, registry::builtin(), &store, &root)?;
        let seed = hangs.then_some(member.experiment.seed);
        let Some(explanation) = forecast.explain(&stage) else { continue };
        let stale = explanation.status != Freshness::Fresh;
        if explained.is_none() || stale {
            explained = Some(Explained { seed, explanation });
        }
        if stale || !hangs {
            break;
        }
    }
    print::store_warnings(&store)?;
    let Some(Explained { seed, explanation }) = &explained else { return Ok(Exit::Done) };
    if args.json {
        print::json(&explained, out)?;
    } else {
        let others = plan.experiment.seeds.len() > 1;
        if let Some(seed) = seed.filter(|_| others) {
            writeln!(out, "seed {seed}, the first of those that it would run for (`--set seed=N` for another):")?;
        }
        write(explanation, 0, out)?;
    }
    Ok(Exit::Done)
}

/// An explanation, and of which of several seeds it is.
#[derive(serde::Serialize)]
struct Explained {
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<u64>,
    #[serde(flatten)]
    explanation: Explanation,
}

/// The stage and the experiment, also where a user has written them the other way round.
fn in_order(args: &ExplainArgs) -> Result<(String, ExperimentOptions), Error> {
    let (stage, config) = (args.stage.clone(), args.experiment.config.clone());
    let overlays = args.experiment.overlays.clone();
    let swapped = PathBuf::from(&stage).is_file() && !config.is_file();
    if !swapped {
        return Ok((stage, ExperimentOptions { config, overlays }));
    }
    let id = config.to_string_lossy().into_owned();
    let command = shown(format!("`simpipe explain {id} {stage}`"));
    writeln!(
        screen::messages(),
        "{} the stage comes first: interpreted as {command}",
        Paint::stderr().yellow("hint:")
    )?;
    Ok((id, ExperimentOptions { config: stage.into(), overlays }))
}

fn write(explanation: &Explanation, depth: usize, out: &mut dyn Write) -> Result<(), Error> {
    let (indent, paint) = ("  ".repeat(depth), Paint::stdout());
    let status = plan::word(explanation.status);
    let status = if explanation.status == Freshness::Fresh { paint.green(status) } else { paint.yellow(status) };
    let key = explanation.key.map_or_else(|| "known once its inputs are".to_owned(), |key| key.short());
    writeln!(out, "{indent}{}: {status} (key: {key})", paint.bold(&shown(&explanation.id)))?;
    if let Some(note) = &explanation.note {
        writeln!(out, "{indent}  {}", shown(note))?;
    }
    let (chain, cause) = chain(explanation);
    if !chain.is_empty() {
        writeln!(out, "{indent}  waits for {}:", shown(chain.join(" <- ")))?;
        return write(cause, depth + 1, out);
    }
    for reason in &explanation.reasons {
        writeln!(out, "{indent}  - {}", shown(words::reason(reason)))?;
    }
    if explanation.status == Freshness::Fresh && explanation.reasons.is_empty() {
        writeln!(out, "{indent}  its result is stored, and nothing has changed")?;
    }
    let new = explanation.reasons.iter().any(|reason| reason.kind == ReasonKind::NeverRan);
    match &explanation.compared_with {
        Some(run) if !explanation.reasons.is_empty() && explanation.status == Freshness::Stale && !new => {
            writeln!(out, "{indent}  {}", paint.dim(&shown(format!("(compared with run {run})"))))?;
        }
        _ => {}
    }
    explanation.causes.iter().try_for_each(|cause| write(cause, depth + 1, out))
}

/// The stages between one that only waits and the one that will run for a reason of its own, which comes last.
fn chain(explanation: &Explanation) -> (Vec<&str>, &Explanation) {
    let (mut passed, mut last) = (Vec::new(), explanation);
    while let (Freshness::MaybeStale, [reason], [cause]) = (last.status, &*last.reasons, &*last.causes) {
        if reason.kind != ReasonKind::Upstream {
            break;
        }
        passed.push(cause.id.as_str());
        last = cause;
    }
    (passed, last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use simpipe_plan::Reason;

    fn explanation(id: &str, status: Freshness, reason: Reason, causes: Vec<Explanation>) -> Explanation {
        let (id, reasons) = (id.to_owned(), vec![reason]);
        Explanation { id, status, key: None, reasons, note: None, compared_with: None, causes }
    }

    #[test]
    fn stages_that_only_wait_are_one_line() {
        let changed = Reason::changed(ReasonKind::ParamChanged, "a.size", Some(1.into()), Some(2.into()));
        let a = explanation("a", Freshness::Stale, changed, Vec::new());
        let b = explanation("b", Freshness::MaybeStale, Reason::upstream("a"), vec![a]);
        let c = explanation("c", Freshness::MaybeStale, Reason::upstream("b"), vec![b]);
        let mut out = Vec::new();
        write(&c, 0, &mut out).unwrap();
        let expected = "c: maybe stale (key: known once its inputs are)
  waits for b <- a:
  a: stale (key: known once its inputs are)
    - `a.size` changed: 1 -> 2
";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
