//! `simpipe config show`: the merged spec as TOML, and which layer set each value.

use std::io::Write;

use clap::{Args, Subcommand};
use serde_json::{Map, Value as Json, json};

use super::merged::{is_default, merged, resolved};
use super::options::{ExperimentOptions, experiment_of};
use super::print::{self, Paint};
use super::toml_text::{self, Origins};
use crate::error::{Error, Exit};
use simpipe_base::node::{Node, Value};
use simpipe_base::path;

/// Show merged configs.
#[derive(Debug, Args)]
pub(super) struct ConfigArgs {
    #[command(subcommand)]
    command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    Show(ShowArgs),
}

/// Print the merged spec as TOML: template, `extends` bases, config and options in one. Saved in the config's folder and
/// run, it gives the same keys.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  simpipe config show configs/cifar10-evaluation.toml
  simpipe config show configs/cifar10.toml --set train.epochs=5 --origins
  simpipe config show configs/cifar10.toml --resolved --json")]
struct ShowArgs {
    #[command(flatten)]
    experiment: ExperimentOptions,
    /// Include every default.
    #[arg(long)]
    resolved: bool,
    /// Say after each value which layer set it, and where.
    #[arg(long)]
    origins: bool,
    /// Print JSON: the spec, and the origin of each value.
    #[arg(long)]
    json: bool,
}

impl ConfigArgs {
    pub(super) const fn json(&self) -> bool {
        let ConfigCommand::Show(args) = &self.command;
        args.json
    }
}

pub(super) fn exec(args: &ConfigArgs, out: &mut dyn Write) -> Result<Exit, Error> {
    let ConfigCommand::Show(args) = &args.command;
    let merged = if args.resolved {
        resolved(args.experiment.plan()?)
    } else {
        let experiment = experiment_of(&args.experiment.config, &args.experiment.overlays)?;
        if !experiment.issues.is_empty() {
            return Err(Error::Spec(experiment.issues));
        }
        merged(&experiment)
    };
    if args.json {
        let mut origins = Map::new();
        merged.iter().for_each(|entry| list_origins(&entry.key, &entry.node, &mut origins));
        let spec: Map<String, Json> = merged.iter().map(|entry| (entry.key.clone(), entry.node.to_json())).collect();
        let config = args.experiment.config.to_string_lossy();
        print::json(&json!({ "config": config, "spec": spec, "origins": origins }), out)?;
    } else {
        let origins = if args.origins { Origins::Shown } else { Origins::Hidden };
        let paint = Paint::stdout();
        write!(out, "{}", toml_text::document(&merged, origins, &|comment| paint.dim(comment)))?;
    }
    Ok(Exit::Done)
}

/// The origin of every value of a tree, by its path.
fn list_origins(at: &str, node: &Node, origins: &mut Map<String, Json>) {
    match &node.value {
        Value::Table(table) => {
            table.iter().for_each(|(key, entry)| list_origins(&path::join(at, key), &entry.node, origins));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| list_origins(&path::at(at, index), item, origins));
        }
        _ => {
            let origin = if is_default(&node.place) {
                json!({ "layer": "default" })
            } else {
                let (line, column) = node.place.line_column();
                let source = &node.place.source;
                json!({ "layer": source.layer.to_string(), "file": source.name, "line": line, "column": column })
            };
            origins.insert(at.to_owned(), origin);
        }
    }
}
