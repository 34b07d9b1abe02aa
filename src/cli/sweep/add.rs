//! `simpipe sweep add`: a point that somebody has chosen.

use std::io::Write;

use clap::Args;
use serde_json::json;

use super::run::plan_again;
use super::seen::WhichOptions;
use super::view;
use crate::cli::print::{self, shown};
use crate::error::{Error, Exit};
use simpipe_base::issue::Issues;
use simpipe_plan::Sweep;
use simpipe_runner::sweep::{self, Journal};
use simpipe_spec::Setting;
use simpipe_stages::registry;

/// Add a point of your own, which is tried next.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  simpipe sweep add --set train.optimizer.adam.learning-rate=0.003
  simpipe sweep add sweep-losses --set 'train.loss={ triplet = { margin = 0.3 } }' --json")]
pub(super) struct AddArgs {
    #[command(flatten)]
    pub(super) which: WhichOptions,
    /// A value for a parameter that the sweep varies; all others are the config's own.
    #[arg(long = "set", value_name = "PATH=VALUE", required = true)]
    settings: Vec<String>,
}

pub(super) fn exec(args: &AddArgs, out: &mut dyn Write) -> Result<Exit, Error> {
    let root = args.which.place.root_here()?;
    let folder = sweep::find(&root, &args.which.sweep)?;
    let head = Journal::read(&folder)?.state.head;
    let plan = plan_again(&head)?;
    let mut issues = Issues::default();
    let numbered = args.settings.iter().zip(1..);
    let settings: Vec<Setting> =
        numbered.filter_map(|(option, number)| Setting::read(option, number, &mut issues)).collect();
    issues.finish().map_err(Error::Spec)?;
    let point = Sweep::added(&plan, &settings, registry::builtin()).map_err(Error::Spec)?;
    let trial = sweep::add(&plan, &folder, &point)?;
    let parameters = plan.sweep.as_ref().map(|sweep| sweep.parameters(&point)).unwrap_or_default();
    let under_way = sweep::is_under_way(args.which.place.existing_store(&root)?.as_ref(), &folder);
    if args.which.json {
        let added = json!({ "sweep": head.sweep, "trial": trial, "parameters": parameters, "running": under_way });
        print::json(&added, out)?;
        return Ok(Exit::Done);
    }
    writeln!(out, "sweep {}: trial {trial} is queued: {}", shown(&head.sweep), shown(view::values(&parameters)))?;
    let next = if under_way { "it is tried next" } else { "`simpipe sweep resume` takes it first" };
    writeln!(out, "{next}")?;
    Ok(Exit::Done)
}
