//! `simpipe report`: the page of a run, made again from what its stages have left, or one about several runs.

mod comparison;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::Args;
use serde_json::json;

use super::options::PlaceOptions;
use super::print::{self, shown};
use super::run_page::{self, KIND, Lost, PAGE};
use super::sink;
use crate::error::{Error, Exit};
use simpipe_base::file_name::FileName;
use simpipe_base::fs::create_dirs;
use simpipe_base::interrupt::LeftToEnd;
use simpipe_report::{ReportError, RunBlock, split, with_run};
use simpipe_runner::{RunRecord, StageRecord};
use simpipe_store::Store;

/// Make the page of a run again: its report, with machine, command, stages and times of the run; of several runs one page
/// that holds each against the first. Neither config nor data is needed any more.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  simpipe report latest
  simpipe report cifar10 --out page --open
  simpipe report paper --out paper --json
  simpipe report paper --split public
  simpipe report triplet softmax proxy-anchor --out comparison")]
pub(super) struct ReportArgs {
    /// A run as `show` takes it: its id, the start of one, its folder, an experiment's name, a tag or `latest`. The first of
    /// several is the one that the others are held against.
    #[arg(required = true, value_name = "RUN")]
    runs: Vec<String>,
    /// The folder of the page, and of all files of the report beside it; files of these names in it are replaced [default:
    /// the page alone, into the run's folder; of several runs `comparison`].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// The same, for viewers that allow no style sheet, script or picture inside a page, as those of build servers: they lie
    /// beside it as files, and there is no script.
    #[arg(long, value_name = "DIR", conflicts_with = "out")]
    split: Option<PathBuf>,
    /// Show the page in the browser.
    #[arg(long)]
    open: bool,
    #[command(flatten)]
    place: PlaceOptions,
    /// Print JSON.
    #[arg(long)]
    pub(super) json: bool,
}

const HELP: &str = "choose a writable folder: `--out DIR`";

impl ReportArgs {
    /// The folder that is asked for.
    fn folder(&self) -> Option<&Path> {
        self.out.as_deref().or(self.split.as_deref())
    }

    /// Takes a page that was written apart, if that is asked for.
    fn split(&self, path: &Path) -> Result<(), Error> {
        if self.split.is_some() { take_apart(path) } else { Ok(()) }
    }
}

/// Writes a page again, with its style sheet and its pictures as files beside it and without its script.
pub(super) fn take_apart(path: &Path) -> Result<(), Error> {
    let text = std::fs::read_to_string(path)?;
    let apart = split(&text).ok_or_else(|| {
        let message = format!("{} can't be split: an older simpipe made it", shown(path.display()));
        Error::usage(message, "leave out `--split`, or run the experiment again")
    })?;
    let folder = path.parent().unwrap_or(Path::new(""));
    for (file, bytes) in &apart.files {
        put(&folder.join(file), bytes)?;
    }
    put(path, apart.page.as_bytes())
}

/// A page that was written.
struct Written {
    run: String,
    path: PathBuf,
    /// Whether what it is made of is not what the stage left.
    damaged: bool,
}

pub(super) fn exec(args: &ReportArgs, out: &mut dyn Write) -> Result<Exit, Error> {
    let [run] = args.runs.as_slice() else { return comparison::exec(args, out) };
    let root = args.place.root_here()?;
    let folder = args.place.run_folder(&root, run)?;
    let record = RunRecord::read(&folder)?;
    let store = args.place.open_store_to_read(&root)?;
    let mut pages = Vec::new();
    if record.is_group() {
        let page = comparison::of_group(args, run)?;
        let block = run_page::block(&record, &root, &folder, run_page::looks(&root, &store));
        let path = run_page::place(args.folder().unwrap_or(&folder), KIND);
        put(&path, with_run(&page, &block).unwrap_or(page).as_bytes())?;
        pages.push(Written { run: record.run.clone(), path, damaged: false });
        for run in &record.seeds {
            let folder = root.join(&run.dir);
            // One whose folder is gone has no page; its numbers are on that of the group.
            if !folder.exists() {
                continue;
            }
            let record = RunRecord::read(&folder)?;
            let out = args.folder().map(|out| out.join(format!("seed-{}", run.seed)));
            pages.extend(write(&record, &root, &folder, &store, out.as_deref())?);
        }
    } else {
        pages = write(&record, &root, &folder, &store, args.folder())?;
    }
    pages.iter().try_for_each(|page| args.split(&page.path))?;
    print::store_warnings(&store)?;
    tell(args, &record, &pages, out)?;
    if let (true, Some(page)) = (args.open, pages.first()) {
        open(&page.path)?;
    }
    Ok(if pages.iter().any(|page| page.damaged) { Exit::Damaged } else { Exit::Done })
}

fn tell(args: &ReportArgs, record: &RunRecord, pages: &[Written], out: &mut dyn Write) -> Result<(), Error> {
    if args.json {
        let page =
            |page: &Written| json!({ "run": page.run, "file": page.path.to_string_lossy(), "damaged": page.damaged });
        let report = json!({ "run": record.run, "pages": pages.iter().map(page).collect::<Vec<_>>() });
        return Ok(print::json(&report, out)?);
    }
    pages.iter().try_for_each(|page| writeln!(out, "report: {}", shown(page.path.display())))?;
    Ok(())
}

/// A run whose pages are made.
struct Source<'a> {
    record: &'a RunRecord,
    /// The run's folder.
    folder: &'a Path,
    store: &'a Store,
    block: RunBlock,
    /// Where the pages go, if not into the run's folder.
    out: Option<&'a Path>,
}

/// Writes the pages of a run into its folder, or into another one together with the other files of the report.
fn write(
    record: &RunRecord,
    root: &Path,
    folder: &Path,
    store: &Store,
    out: Option<&Path>,
) -> Result<Vec<Written>, Error> {
    let block = run_page::block(record, root, folder, run_page::looks(root, store));
    let source = Source { record, folder, store, block, out };
    let _writing = LeftToEnd::begin();
    let reports: Vec<&StageRecord> = record.stages.iter().filter(|stage| stage.stage == KIND).collect();
    if reports.is_empty() {
        let why = "The experiment has no stage `report`, so there are no figures: here are the numbers of its stages.";
        return Ok(vec![source.plain(why, KIND, false)?]);
    }
    let target =
        |stage: &StageRecord| out.map(|out| if reports.len() == 1 { out.to_path_buf() } else { out.join(&stage.id) });
    reports.iter().map(|stage| source.page(stage, target(stage).as_deref())).collect()
}

impl Source<'_> {
    /// The page of a stage, or one that says why there is none.
    fn page(&self, stage: &StageRecord, target: Option<&Path>) -> Result<Written, Error> {
        if !stage.outcome.done() {
            return self.plain(&run_page::why_none(self.record, stage), &stage.id, false);
        }
        let at_first = run_page::file(stage, PAGE, self.folder, self.store).err();
        if let Some(key) = stage.key {
            // What only the object store has comes here, and what is damaged is taken out of the store.
            drop(self.store.lookup(key)?);
        }
        let page = run_page::file(stage, PAGE, self.folder, self.store);
        let page = page.map_err(|lost| if at_first == Some(Lost::Damaged) { Lost::Damaged } else { lost });
        let page = page.and_then(|bytes| String::from_utf8(bytes).map_err(|_| Lost::Damaged));
        let page = match page.and_then(|page| with_run(&page, &self.block).ok_or(Lost::Damaged)) {
            Ok(page) => page,
            Err(Lost::Damaged) => {
                let why = format!("Of the stage `{}` {}. {}.", stage.id, Lost::Damaged.words(), self.again());
                return self.plain(&why, &stage.id, true);
            }
            Err(lost) => return Err(self.missing(stage, PAGE, lost)),
        };
        let path = match target {
            Some(target) => {
                self.copy_all(stage, target)?;
                target.join(PAGE)
            }
            None => run_page::place(self.folder, &stage.id),
        };
        put(&path, page.as_bytes())?;
        Ok(Written { run: self.record.run.clone(), path, damaged: false })
    }

    /// A page of the run's numbers alone.
    fn plain(&self, why: &str, id: &str, damaged: bool) -> Result<Written, Error> {
        let page = run_page::without(self.record, why, &self.block);
        let path = run_page::place(self.out.unwrap_or(self.folder), id);
        put(&path, page.as_bytes())?;
        Ok(Written { run: self.record.run.clone(), path, damaged })
    }

    /// Every other file of the report, beside the page.
    fn copy_all(&self, stage: &StageRecord, target: &Path) -> Result<(), Error> {
        for name in stage.files.keys().map(FileName::as_str).filter(|name| *name != PAGE) {
            let bytes = run_page::file(stage, name, self.folder, self.store);
            put(&target.join(name), &bytes.map_err(|lost| self.missing(stage, name, lost))?)?;
        }
        Ok(())
    }

    /// How to have a report that is lost.
    fn again(&self) -> String {
        let RunRecord { config, run, .. } = self.record;
        format!("`simpipe run {config}` computes what is missing; `simpipe show {run}` has the numbers")
    }

    fn missing(&self, stage: &StageRecord, name: &str, lost: Lost) -> Error {
        let lost = lost.words().replacen("the page", &format!("`{name}`"), 1);
        Error::usage(format!("`{}` of {}: {lost}", stage.id, self.record.run), self.again())
    }
}

fn put(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        create_dirs(folder).map_err(|error| sink::unwritable(folder, &error, HELP))?;
    }
    sink::write(path, bytes).map_err(|error| sink::unwritable(path, &error, HELP))
}

fn undrawn(error: ReportError) -> Error {
    match error {
        ReportError::Io { path, source } => sink::unwritable(&path, &source, HELP),
        other => Error::Output(io::Error::other(other.to_string())),
    }
}

/// Hands the page to the system's own program for such files.
fn open(page: &Path) -> Result<(), Error> {
    let program = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let page = std::path::absolute(page)?;
    let quiet =
        Command::new(program).arg(&page).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    match quiet {
        Ok(status) if status.success() => Ok(()),
        _ => {
            let message = format!("`{program}` can't show {}", shown(page.display()));
            Err(Error::usage(message, "open the file in a browser yourself, and leave out `--open`"))
        }
    }
}
