//! `simpipe store pin|unpin|pins`: runs whose results stay whatever gc's policy says.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::Path;

use clap::Args;
use serde_json::json;

use crate::cli::options::PlaceOptions;
use crate::cli::print::{self, Align, Table, shown};
use crate::cli::screen;
use crate::error::{Error, Exit};
use simpipe_runner::sweep::{self, Journal};
use simpipe_runner::{RunError, RunRecord, StageRecord, folders};
use simpipe_store::{Found, Pin, Store, is_tag};

/// Keep a run's results, and give it a name that every command knows.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  simpipe store pin latest --tag paper
  simpipe store pin 20261124T225934
  simpipe show paper")]
pub(super) struct PinArgs {
    /// A run, named as for `show`.
    run: String,
    /// The name [default: the run's id].
    #[arg(long, value_name = "NAME")]
    tag: Option<String>,
    #[command(flatten)]
    place: PlaceOptions,
    /// Print JSON.
    #[arg(long)]
    pub(super) json: bool,
}

/// Allow gc to delete a run's results again.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  simpipe store unpin paper")]
pub(super) struct UnpinArgs {
    /// The tag, or the id of a run that was pinned without one.
    tag: String,
    #[command(flatten)]
    place: PlaceOptions,
    /// Print JSON.
    #[arg(long)]
    pub(super) json: bool,
}

/// List pinned runs.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  simpipe store pins
  simpipe store pins --json")]
pub(super) struct PinsArgs {
    #[command(flatten)]
    place: PlaceOptions,
    /// Print JSON.
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) fn pin(args: &PinArgs, out: &mut dyn Write) -> Result<Exit, Error> {
    pin_as(&args.run, args.tag.as_deref(), &args.place, args.json, out)
}

/// Pins a run as a tag, or as its id.
pub(in crate::cli) fn pin_as(
    run: &str,
    tag: Option<&str>,
    place: &PlaceOptions,
    json: bool,
    out: &mut dyn Write,
) -> Result<Exit, Error> {
    let root = place.root_here()?;
    let store = place.open_local_store(&root)?;
    let found = match folders::find_tagged(&root, &store, run) {
        // A sweep has no record of its own, and stands for the runs of all its trials.
        Err(error @ RunError::NoRun { .. }) => Err(sweep::find(&root, run).map_err(|_| error)?),
        found => Ok(RunRecord::read(&found?)?),
    };
    let run = match &found {
        Ok(record) => record.run.clone(),
        Err(folder) => folder.file_name().unwrap_or_default().to_string_lossy().into_owned(),
    };
    let tag = tag.map_or_else(|| run.clone(), str::to_owned);
    if !is_tag(&tag) {
        let help = "use letters, digits, `-`, `_` and `.`, at most 64, not starting with a dot, and not `latest`";
        return Err(Error::usage(format!("`{tag}` can't be a tag"), help));
    }
    let pin = match &found {
        Ok(record) => pin_of(&store, &root, &tag, record)?,
        Err(folder) => pin_of_sweep(&store, &root, &tag, folder)?,
    };
    store.pin(&pin)?;
    let gone = without_result(&store, &pin)?;
    if json {
        print::json(&json!({ "pinned": pin, "gone": gone }), out)?;
        return Ok(Exit::Done);
    }
    writeln!(out, "pinned {} as `{tag}`: gc keeps its results", shown(&run))?;
    if !gone.is_empty() {
        let word = print::Paint::stderr().yellow("warning:");
        let stages = gone.iter().map(|id| format!("`{id}`")).collect::<Vec<_>>().join(", ");
        let text = format!("the store no longer has the results of {stages}: a run computes them again");
        writeln!(screen::messages(), "{word} {}", shown(text))?;
    }
    Ok(Exit::Done)
}

/// Stages of a pinned run whose results the store no longer has.
fn without_result(store: &Store, pin: &Pin) -> Result<Vec<String>, Error> {
    let mut gone = Vec::new();
    for (id, key) in &pin.keys {
        if !matches!(store.inspect(*key)?, Found::Hit(_)) {
            gone.push(id.clone());
        }
    }
    Ok(gone)
}

/// Everything that the trials of a sweep reached.
fn pin_of_sweep(store: &Store, root: &Path, tag: &str, folder: &Path) -> Result<Pin, Error> {
    let head = Journal::read(folder)?.state.head;
    let journals = store.journaled_runs()?;
    let own = || journals.iter().filter(|journal| journal.start.group.as_ref() == Some(&head.sweep));
    let asked: BTreeSet<_> = own().flat_map(|journal| journal.keys.iter().copied()).collect();
    let mut keys = BTreeMap::new();
    for key in asked {
        // Some were asked for and are of another backend, or of a trial that failed.
        if matches!(store.inspect(key)?, Found::Hit(_)) {
            keys.insert(key.to_string(), key);
        }
    }
    Ok(Pin {
        tag: tag.to_owned(),
        run: head.sweep.clone(),
        name: head.name.clone(),
        root: std::path::absolute(root)?.to_string_lossy().into_owned(),
        dir: folder.strip_prefix(root).unwrap_or(folder).to_string_lossy().into_owned(),
        keys,
        sets: own().flat_map(|journal| journal.sets.keys().copied()).collect(),
    })
}

fn pin_of(store: &Store, root: &Path, tag: &str, record: &RunRecord) -> Result<Pin, Error> {
    let journals = store.journaled_runs()?;
    // A group keeps no result of its own: its runs do.
    let own = journals.iter().filter(|journal| {
        journal.start.run == record.run || journal.start.group.as_ref().is_some_and(|group| *group == record.run)
    });
    let name = |stage: &StageRecord| match stage.seed {
        Some(seed) => format!("{} (seed {seed})", stage.id),
        None => stage.id.clone(),
    };
    Ok(Pin {
        tag: tag.to_owned(),
        run: record.run.clone(),
        name: record.name.clone(),
        root: std::path::absolute(root)?.to_string_lossy().into_owned(),
        dir: record.dir.clone(),
        keys: record.stages.iter().filter_map(|stage| Some((name(stage), stage.key?))).collect(),
        sets: own.flat_map(|journal| journal.sets.keys().copied()).collect(),
    })
}

pub(super) fn unpin(args: &UnpinArgs, out: &mut dyn Write) -> Result<Exit, Error> {
    let store = args.place.open_local_store(&args.place.root_here()?)?;
    remove(&args.tag, &store, args.json, out)
}

/// Removes a pin.
pub(in crate::cli) fn remove(tag: &str, store: &Store, json: bool, out: &mut dyn Write) -> Result<Exit, Error> {
    if !store.unpin(tag)? {
        return Err(Error::usage(format!("nothing is pinned as `{tag}`"), "`simpipe store pins` lists the tags"));
    }
    if json {
        print::json(&json!({ "unpinned": tag }), out)?;
    } else {
        writeln!(out, "unpinned `{}`: gc may remove its results", shown(tag))?;
    }
    Ok(Exit::Done)
}

pub(super) fn list(args: &PinsArgs, out: &mut dyn Write) -> Result<Exit, Error> {
    let pins = args.place.look_at_local_store(&args.place.root_here()?)?.pins()?;
    if args.json {
        print::json(&json!({ "pins": pins }), out)?;
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&[("Tag", Align::Left), ("Run", Align::Left), ("Name", Align::Left)]);
    pins.iter().for_each(|pin| table.row(vec![pin.tag.clone(), pin.run.clone(), pin.name.clone()]));
    table.write(out, &print::plain)?;
    Ok(Exit::Done)
}
