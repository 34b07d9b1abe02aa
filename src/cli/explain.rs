//! `simpipe explain`: why a stage would run, field by field, back to the cause.

use std::io::Write;

use clap::Args;

use super::options::{ExperimentOptions, PlaceOptions};
use super::{plan, print, words};
use crate::base::suggest;
use crate::error::{Error, Exit};
use crate::plan::ReasonKind;
use crate::runner::status::{Explanation, Forecast, Freshness};
use crate::stages::registry;

/// Explain why a stage would run: every changed field with its old and new value, back to the cause.
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
    let (stage, config) = (&args.stage, args.experiment.config.display());
    if !args.experiment.config.is_file() && (stage.ends_with(".toml") || std::path::Path::new(stage).is_file()) {
        let help = format!("write `simpipe explain {config} {stage}`");
        return Err(Error::usage("the stage comes first, then the config", help));
    }
    let plan = args.experiment.plan()?;
    let root = args.place.root_of(&plan);
    let store = args.place.open_store(&root)?;
    let forecast = Forecast::of(&plan, registry::builtin(), &store, &root)?;
    let Some(explanation) = forecast.explain(&args.stage) else {
        let ids: Vec<&str> = forecast.stages.iter().map(|stage| stage.id.as_str()).collect();
        return Err(Error::usage(format!("there is no stage `{}`", args.stage), suggest::help(&args.stage, &ids)));
    };
    if args.json {
        print::json(&explanation, out)?;
    } else {
        write(&explanation, 0, out)?;
    }
    Ok(Exit::Done)
}

fn write(explanation: &Explanation, depth: usize, out: &mut dyn Write) -> Result<(), Error> {
    let indent = "  ".repeat(depth);
    let key = explanation.key.map_or_else(|| "not known yet".to_owned(), |key| key.to_string());
    writeln!(out, "{indent}{}: {} (key: {key})", explanation.id, plan::word(explanation.status))?;
    if let Some(note) = &explanation.note {
        writeln!(out, "{indent}  {note}")?;
    }
    for reason in &explanation.reasons {
        writeln!(out, "{indent}  {}", words::reason(reason))?;
    }
    let new = explanation.reasons.iter().any(|reason| reason.kind == ReasonKind::NeverRan);
    match &explanation.compared_with {
        Some(run) if explanation.status == Freshness::Stale && !new => {
            writeln!(out, "{indent}  (compared with run {run})")?;
        }
        _ => {}
    }
    explanation.causes.iter().try_for_each(|cause| write(cause, depth + 1, out))
}
