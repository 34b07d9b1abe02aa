//! `simpipe diff`: what differs between two runs, and nothing else.

use std::io::Write;

use clap::Args;

use super::options::PlaceOptions;
use super::print::{self, Align, Table, shown};
use super::{threads, words};
use crate::error::{Error, Exit};
use simpipe_compare::{FieldChange, Flips, Measured, MetricChange, Run, RunDiff, RunName, StageSide, diff};

/// Flipped images that a stage's list shows before the rest is only counted.
const MOST_IMAGES: usize = 20;

/// Show what differs between two runs: configs, stages, metrics and images whose answer flipped.
#[derive(Debug, Args)]
#[command(
    after_help = "A metric's difference has the 95 % interval of the paired bootstrap where both runs asked the same \
queries: `evaluate` and `match` store a value for each. Of runs with several seeds it is that of their means.

Examples:
  simpipe diff baseline latest
  simpipe diff 20261124T225934.120Z-0a1b2c latest --json"
)]
pub(super) struct DiffArgs {
    /// The first run, named as for `show`.
    old: String,
    /// The second run.
    new: String,
    #[command(flatten)]
    place: PlaceOptions,
    /// Print JSON.
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) fn exec(args: &DiffArgs, out: &mut dyn Write) -> Result<Exit, Error> {
    threads::start()?;
    let (old, new) = (measured(&args.place, &args.old)?, measured(&args.place, &args.new)?);
    let found = diff(&old, &new)?;
    if args.json {
        print::json(&found, out)?;
    } else {
        write(&found, out)?;
    }
    Ok(Exit::Done)
}

/// The run that a word means, with the values of its queries.
pub(super) fn measured(place: &PlaceOptions, wanted: &str) -> Result<Measured, Error> {
    let root = place.root_here()?;
    let folder = place.run_folder(&root, wanted)?;
    Ok(Measured::read(Run::read(&folder, place.existing_store(&root)?)?)?)
}

/// A run in a line: its id, its experiment and its seeds.
pub(super) fn named(run: &RunName) -> String {
    let seeds = match run.seeds.as_slice() {
        [] => String::new(),
        [seed] => format!(", seed {seed}"),
        seeds => format!(", {} seeds", seeds.len()),
    };
    shown(format!("{} ({}{seeds})", run.run, run.name))
}

fn write(found: &RunDiff, out: &mut dyn Write) -> Result<(), Error> {
    writeln!(out, "old: {}\nnew: {}", named(&found.old), named(&found.new))?;
    if found.is_empty() {
        writeln!(out, "\nnothing differs")?;
        return Ok(());
    }
    fields("Field", &found.fields, out)?;
    fields("Version", &found.versions, out)?;
    stages(found, out)?;
    metrics(&found.metrics, out)?;
    found.flips.iter().try_for_each(|flips| images(flips, out))
}

fn fields(title: &str, changes: &[FieldChange], out: &mut dyn Write) -> Result<(), Error> {
    if changes.is_empty() {
        return Ok(());
    }
    writeln!(out)?;
    let mut table = Table::new(&[(title, Align::Left), ("Old", Align::Left), ("New", Align::Left)]);
    for FieldChange { path, old, new } in changes {
        let value = |value: Option<&serde_json::Value>| value.map_or_else(|| "-".to_owned(), words::value);
        table.row(vec![path.clone(), value(old.as_ref()), value(new.as_ref())]);
    }
    Ok(table.write(out, &print::plain)?)
}

fn stages(found: &RunDiff, out: &mut dyn Write) -> Result<(), Error> {
    if found.stages.is_empty() {
        return Ok(());
    }
    writeln!(out)?;
    let mut table = Table::new(&[
        ("Stage", Align::Left),
        ("Old key", Align::Left),
        ("New key", Align::Left),
        ("Old work", Align::Right),
        ("New work", Align::Right),
    ]);
    for stage in &found.stages {
        let key = |side: &Option<StageSide>| match side {
            None => "-".to_owned(),
            Some(side) => side.key.map_or_else(|| side.outcome.to_owned(), |key| key.short()),
        };
        let took = |side: &Option<StageSide>| {
            side.as_ref().map_or_else(|| "-".to_owned(), |side| print::seconds(side.seconds))
        };
        let seed = stage.seed.map_or_else(String::new, |seed| format!(", seed {seed}"));
        let (old, new) = (&stage.old, &stage.new);
        table.row(vec![format!("{}{seed}", stage.id), key(old), key(new), took(old), took(new)]);
    }
    Ok(table.write(out, &print::plain)?)
}

/// A number's difference with its interval: `+0.0123 [0.0040, 0.0210]`.
pub(super) fn difference(change: &MetricChange) -> String {
    let ends = change.low.zip(change.high).map_or_else(String::new, |(low, high)| format!(" [{low:+.4}, {high:+.4}]"));
    change.difference.map_or_else(|| "-".to_owned(), |difference| format!("{difference:+.4}{ends}"))
}

/// A number, or a dash for none.
pub(super) fn figure(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), print::number)
}

fn metrics(changes: &[MetricChange], out: &mut dyn Write) -> Result<(), Error> {
    if changes.is_empty() {
        return Ok(());
    }
    writeln!(out)?;
    let mut table = Table::new(&[
        ("Metric", Align::Left),
        ("Old", Align::Right),
        ("New", Align::Right),
        ("Difference [95 %]", Align::Left),
    ]);
    for change in changes {
        table.row(vec![change.name.clone(), figure(change.old), figure(change.new), difference(change)]);
    }
    table.write(out, &print::plain)?;
    if changes.iter().any(|change| change.low.is_some()) {
        writeln!(
            out,
            "\nan interval that contains 0 shows no difference; {} numbers were compared, each on its own",
            changes.len()
        )?;
    }
    let mut told: Vec<&str> = Vec::new();
    for change in changes.iter().filter(|change| change.difference.is_some()) {
        // Where queries can't be paired, the same holds of every number of the stage.
        let why = change.why.as_deref().filter(|why| why.starts_with("the runs asked") && !told.contains(why));
        if let Some(why) = why {
            let stage = change.name.split('.').next().unwrap_or_default();
            writeln!(out, "no interval for `{}`: {}", shown(stage), shown(why))?;
            told.push(why);
        }
    }
    Ok(())
}

fn images(flips: &Flips, out: &mut dyn Write) -> Result<(), Error> {
    let Flips { stage, queries, fixed, broken, images, why } = flips;
    if images.is_empty() {
        return Ok(why.as_ref().map_or(Ok(()), |why| writeln!(out, "\n{}: {}", shown(stage), shown(why)))?);
    }
    writeln!(
        out,
        "\n{}: of {} queries {fixed} became right and {broken} wrong",
        shown(stage),
        print::thousands(*queries)
    )?;
    let files = images.iter().any(|image| image.file.is_some());
    let mut heads = vec![
        ("Query", Align::Right),
        ("Label", Align::Left),
        ("Before", Align::Left),
        ("After", Align::Left),
        ("Became", Align::Left),
    ];
    heads.extend(files.then_some(("File", Align::Left)));
    let mut table = Table::new(&heads);
    for image in images.iter().take(MOST_IMAGES) {
        let answer = |answer: &Option<String>| answer.clone().unwrap_or_else(|| "(none)".to_owned());
        let became = if image.fixed { "right" } else { "wrong" };
        let mut row = vec![
            image.query_id.to_string(),
            image.label.clone(),
            answer(&image.before),
            answer(&image.after),
            became.to_owned(),
        ];
        row.extend(files.then(|| image.file.clone().unwrap_or_default()));
        table.row(row);
    }
    table.write(out, &print::plain)?;
    if images.len() > MOST_IMAGES {
        writeln!(out, "{MOST_IMAGES} of {} shown; `--json` has all", images.len())?;
    }
    Ok(())
}
