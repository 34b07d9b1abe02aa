//! `simpipe graph`: draws an experiment's stages as Graphviz DOT, Mermaid or SVG. Plans, but runs nothing.

mod layout;
mod recorded;
mod svg;
mod text;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use petgraph::graph::NodeIndex;

pub(super) use recorded::of_record;

use super::options::{ExperimentOptions, PlaceOptions};
use super::{print, seeds, sink};
use crate::error::{Error, Exit};
use simpipe_plan::Plan;
use simpipe_runner::Outcome;
use simpipe_runner::status::Freshness;

/// Draw the stages of an experiment and what each reads from which other.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  simpipe graph configs/cifar10.toml --output graph.svg
  simpipe graph configs/cifar10.toml --status --output status.svg
  simpipe graph configs/cifar10.toml --format mermaid
  simpipe graph configs/cifar10.toml --format dot | dot -Tpdf > graph.pdf")]
pub(super) struct GraphArgs {
    #[command(flatten)]
    experiment: ExperimentOptions,
    #[command(flatten)]
    place: PlaceOptions,
    /// Output format [default: by the extension of --output, else dot].
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Mark each stage as fresh, stale or maybe stale.
    #[arg(long)]
    status: bool,
    /// Write to a file instead of standard output, which is `-`.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// A language of graphs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Graphviz.
    Dot,
    /// Mermaid, as Markdown pages show it.
    Mermaid,
    /// A picture; needs no other program.
    Svg,
}

/// A stage to draw.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stage {
    id: String,
    kind: String,
    /// What a run would do, if that is wanted.
    status: Option<Freshness>,
    /// What a run did, if that is told.
    did: Option<Did>,
}

/// What a run did with a stage.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Did {
    outcome: Outcome,
    /// The outcome and its time: `ran, 1.2 s`.
    words: String,
}

/// A plug to draw.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Wire {
    /// The producer, by position in [`Diagram::stages`].
    from: usize,
    /// The consumer, always after the producer.
    to: usize,
    /// The consumer's port.
    port: String,
}

/// What is drawn, whatever the format.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Diagram {
    title: String,
    /// Every stage after those it reads from.
    stages: Vec<Stage>,
    /// By consumer, then by port name.
    wires: Vec<Wire>,
}

impl Diagram {
    fn of(plan: &Plan, status: &dyn Fn(&str) -> Option<Freshness>) -> Self {
        let position: BTreeMap<NodeIndex, usize> = plan.order.iter().copied().zip(0..).collect();
        let stage = |node: &NodeIndex| {
            let node = &plan.graph[*node];
            Stage { id: node.id.clone(), kind: node.stage.name().to_owned(), status: status(&node.id), did: None }
        };
        let wires = |node: &NodeIndex| {
            let (to, position) = (position[node], &position);
            let plugs = plan.upstream(*node).into_iter();
            plugs
                .map(move |(from, port)| Wire { from: position[&from], to, port: port.name.to_owned() })
                .collect::<Vec<_>>()
        };
        Self {
            title: plan.experiment.name.clone(),
            stages: plan.order.iter().map(stage).collect(),
            wires: plan.order.iter().flat_map(wires).collect(),
        }
    }
}

/// The status in words; shown beside colour and line style, so that none of them is needed alone.
const fn word(status: Freshness) -> &'static str {
    super::plan::word(status)
}

pub(super) fn exec(args: &GraphArgs, out: &mut dyn Write) -> Result<Exit, Error> {
    let format = format_of(args)?;
    let plan = args.experiment.plan()?;
    let diagram = if args.status {
        let root = args.place.root_of(&plan);
        let store = args.place.open_store_to_read(&root)?;
        let members = seeds::members(&plan);
        let forecasts = seeds::forecasts(&members, &store, &root)?;
        print::store_warnings(&store)?;
        // Of several seeds: whether any of them would run it.
        let status =
            |id: &str| forecasts.iter().filter_map(|forecast| forecast.stage(id)).map(|stage| stage.status).max();
        Diagram::of(&plan, &status)
    } else {
        Diagram::of(&plan, &|_| None)
    };
    let drawn = match format {
        Format::Dot => text::dot(&diagram),
        Format::Mermaid => text::mermaid(&diagram),
        Format::Svg => svg::draw(&diagram),
    };
    match args.output.as_deref().filter(|path| *path != Path::new("-")) {
        None => out.write_all(drawn.as_bytes())?,
        Some(path) => write_file(path, &drawn)?,
    }
    Ok(Exit::Done)
}

fn format_of(args: &GraphArgs) -> Result<Format, Error> {
    if let Some(format) = args.format {
        return Ok(format);
    }
    let Some(path) = args.output.as_deref().filter(|path| *path != Path::new("-")) else { return Ok(Format::Dot) };
    let ending = path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    match ending.as_str() {
        "dot" | "gv" => Ok(Format::Dot),
        "mmd" | "mermaid" | "md" => Ok(Format::Mermaid),
        "svg" => Ok(Format::Svg),
        _ => Err(Error::usage(
            format!("the format is not known from `{}`", path.display()),
            "use the extension `.svg`, `.dot` or `.mmd`, or `--format`",
        )),
    }
}

fn write_file(path: &Path, text: &str) -> Result<(), Error> {
    let _writing = simpipe_base::interrupt::LeftToEnd::begin();
    sink::write(path, text.as_bytes())
        .map_err(|error| sink::unwritable(path, &error, "name a file in a writable folder"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `a -> b -> c` and `a -> c`, with a name that every format has to escape.
    pub(super) fn sample(status: Option<Freshness>) -> Diagram {
        let stage = |id: &str, kind: &str| Stage { id: id.to_owned(), kind: kind.to_owned(), status, did: None };
        let wire = |from, to, port: &str| Wire { from, to, port: port.to_owned() };
        Diagram {
            title: "a \"b\" <c>".to_owned(),
            stages: vec![stage("data", "dataset"), stage("draw", "sample"), stage("end", "train")],
            wires: vec![wire(0, 1, "dataset"), wire(0, 2, "dataset"), wire(1, 2, "sampler")],
        }
    }
}
