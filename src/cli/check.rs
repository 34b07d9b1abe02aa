//! `simpipe check`: everything that can be known of specs before anything runs.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Map, Value as Json, json};

use super::options::{OverlayOptions, PlaceOptions, plan_of, refuse_unable};
use super::print::{self, Align, Paint, Table, shown, thousands};
use super::screen;
use crate::error::{Error, Exit};
use simpipe_artifact::{GroupSummary, ModelSummary};
use simpipe_base::issue::Issue;
use simpipe_plan::Plan;
use simpipe_stage::Facts;

/// Check configs: report every problem at once, and show the layers of each model.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  simpipe check configs/cifar10.toml
  simpipe check configs/*.toml
  simpipe check configs/cifar10.toml --set train.epochs=5 --json
  simpipe check configs/cifar10.toml --set-file laptop.toml --all")]
pub(super) struct CheckArgs {
    /// Configs to check.
    #[arg(required = true)]
    configs: Vec<PathBuf>,
    #[command(flatten)]
    overlays: OverlayOptions,
    /// Show every error, not only the first ten per config.
    #[arg(long)]
    all: bool,
    /// Accepted like everywhere; checking reads results only where this machine can't compute what is asked for.
    #[command(flatten)]
    place: PlaceOptions,
    /// Print JSON.
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) fn exec(args: &CheckArgs, out: &mut dyn Write) -> Result<Exit, Error> {
    let results: Vec<_> = args.configs.iter().map(|config| checked(config, args)).collect();
    if args.json {
        write_json(args, &results, out)?
    } else {
        write_text(args, &results, out)?
    }
    Ok(worst(results.iter().filter_map(|result| result.as_ref().err())))
}

/// The plan of a config, on a machine that can run it or need not.
fn checked(config: &Path, args: &CheckArgs) -> Result<Plan, Error> {
    let plan = plan_of(config, &args.overlays)?;
    let root = args.place.root_of(&plan);
    refuse_unable(&plan, &root, || args.place.open_store_to_read(&root))?;
    Ok(plan)
}

/// A wrong spec outweighs missing data, wherever it stands in the list.
fn worst<'a>(errors: impl Iterator<Item = &'a Error>) -> Exit {
    let exits: Vec<Exit> = errors.map(Error::exit).collect();
    let first = exits.iter().find(|exit| **exit != Exit::DataUnavailable).or(exits.first());
    first.copied().unwrap_or(Exit::Done)
}

/// Models by the id of the stage that trains them, where their layers are known.
fn models(plan: &Plan) -> BTreeMap<&str, &ModelSummary> {
    let model = |node: petgraph::graph::NodeIndex| match &plan.graph[node].facts {
        Facts::Model(facts) => Some((plan.graph[node].id.as_str(), facts.summary.as_ref()?)),
        _ => None,
    };
    plan.order.iter().filter_map(|node| model(*node)).collect()
}

/// One config gives the object of the contract; several give a list of such objects beside all errors.
fn write_json(args: &CheckArgs, results: &[Result<Plan, Error>], out: &mut dyn Write) -> Result<(), Error> {
    let one = |result: &Result<Plan, Error>| match result {
        Ok(plan) => {
            let warnings: Vec<_> = plan.warnings.iter().map(Issue::record).collect();
            json!({ "ok": true, "models": models(plan), "warnings": warnings })
        }
        Err(error) => json!({ "ok": false, "errors": error.records() }),
    };
    if let [result] = results {
        return Ok(print::json(&one(result), out)?);
    }
    let errors: Vec<_> = results.iter().filter_map(|result| Some(result.as_ref().err()?.records())).flatten().collect();
    let mut object = Map::from_iter([("ok".to_owned(), Json::Bool(errors.is_empty()))]);
    if !errors.is_empty() {
        object.insert("errors".to_owned(), json!(errors));
    }
    let files: BTreeMap<_, _> =
        args.configs.iter().map(|config| config.to_string_lossy()).zip(results.iter().map(one)).collect();
    object.insert("files".to_owned(), json!(files));
    Ok(print::json(&object, out)?)
}

fn write_text(args: &CheckArgs, results: &[Result<Plan, Error>], out: &mut dyn Write) -> Result<(), Error> {
    let (paint, mut err) = (Paint::stdout(), screen::messages());
    for (config, result) in args.configs.iter().zip(results) {
        match result {
            Ok(plan) => {
                let seeds = match plan.experiment.seeds.len() {
                    0 => String::new(),
                    1 => ", 1 seed".to_owned(),
                    count => format!(", {count} seeds"),
                };
                let (config, ok, stages) = (shown(config.display()), paint.green("ok"), plan.order.len());
                let sweep = plan
                    .sweep
                    .as_ref()
                    .map_or_else(String::new, |sweep| format!(", a sweep of {} trials", sweep.trials));
                writeln!(out, "{config}: {ok} ({stages} stages{seeds}{sweep})")?;
                print::warnings(&plan.warnings, &mut err)?;
                for (id, summary) in models(plan) {
                    write_model(id, summary, out)?;
                }
            }
            Err(error) if args.all => print::all_errors(error, &mut err)?,
            Err(error) => print::errors(error, &mut err)?,
        }
    }
    Ok(())
}

/// As Keras' `summary()`.
fn write_model(id: &str, model: &ModelSummary, out: &mut dyn Write) -> Result<(), Error> {
    writeln!(out, "\nModel of `{}`", shown(id))?;
    let mut table = Table::new(&[("Layer", Align::Left), ("Output shape", Align::Left), ("Param #", Align::Right)]);
    for layer in &model.layers {
        let shape: Vec<String> = layer.output.iter().map(ToString::to_string).collect();
        table.row(vec![layer.name.clone(), format!("({})", shape.join(", ")), thousands(layer.parameters)]);
    }
    table.write(out, &print::plain)?;
    let fixed = model.parameters.saturating_sub(model.trainable);
    writeln!(out, "Total params: {}", thousands(model.parameters))?;
    writeln!(out, "Trainable params: {}", thousands(model.trainable))?;
    writeln!(out, "Non-trainable params: {}", thousands(fixed))?;
    model.groups.iter().try_for_each(|group| write_group(group, out))
}

/// A group of parameters, with the first of their paths.
fn write_group(group: &GroupSummary, out: &mut dyn Write) -> Result<(), Error> {
    const SHOWN: usize = 4;
    let mut paths: Vec<&str> = group.parameters.iter().take(SHOWN).map(String::as_str).collect();
    if group.parameters.len() > SHOWN {
        paths.push("..");
    }
    let (count, plural) = (group.parameters.len(), if group.parameters.len() == 1 { "" } else { "s" });
    let (pattern, training) = (shown(&group.pattern), &group.training);
    Ok(writeln!(out, "Group `{pattern}` ({training}): {count} parameter{plural}: {}", paths.join(", "))?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use simpipe_artifact::LayerSummary;

    #[test]
    fn a_model_is_shown_as_keras_shows_it() {
        let layer = |name: &str, output: &[usize], parameters| LayerSummary {
            name: name.to_owned(),
            path: String::new(),
            input: Vec::new(),
            output: output.to_vec(),
            parameters,
        };
        let layers = vec![layer("conv2d", &[30, 30, 64], 1792), layer("batch-norm", &[30, 30, 64], 256)];
        let mut out = Vec::new();
        let paths = |count: usize| (0..count).map(|at| format!("layers.{at}")).collect();
        let group = |pattern: &str, training: &str, count| GroupSummary {
            pattern: pattern.to_owned(),
            training: training.to_owned(),
            parameters: paths(count),
        };
        let groups = vec![group("layers.0", "frozen", 1), group("layers", "sgd", 5)];
        let model = ModelSummary { parameters: 2048, trainable: 1920, layers, groups, dim: 64 };
        write_model("train", &model, &mut out).unwrap();
        let expected = "
Model of `train`
Layer       Output shape  Param #
conv2d      (30, 30, 64)    1,792
batch-norm  (30, 30, 64)      256
Total params: 2,048
Trainable params: 1,920
Non-trainable params: 128
Group `layers.0` (frozen): 1 parameter: layers.0
Group `layers` (sgd): 5 parameters: layers.0, layers.1, layers.2, layers.3, ..
";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
