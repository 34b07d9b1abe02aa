//! `simpipe doctor`: looks at the machine, the store and the data, and says what would slow or stop a run.
//!
//! A probe is a function in one of the files beside this one, and a line in [`PROBES`]. Probes change nothing.

mod data;
mod machine;
mod storage;

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use serde_json::json;

use super::options::{OverlayOptions, PlaceOptions, plan_of};
use super::print::{self, Paint, shown};
use crate::error::{Error, Exit};
use simpipe_base::visible;
use simpipe_plan::Plan;
use simpipe_runner::folders;

/// Find problems with the machine, the store or the data before you run.
#[derive(Debug, Args)]
#[command(after_help = "Nothing is changed and nothing is downloaded. Exit code 0 if nothing is bad (warnings are \
                        fine), 1 if something is, 2 if CONFIG has a mistake.

Examples:
  simpipe doctor
  simpipe doctor configs/cifar10.toml
  simpipe doctor configs/cifar10.toml --set dataset.source=fashion-mnist
  simpipe doctor --store /data/simpipe-store --json")]
pub(super) struct DoctorArgs {
    /// A config whose data is checked too.
    config: Option<PathBuf>,
    #[command(flatten)]
    overlays: OverlayOptions,
    #[command(flatten)]
    place: PlaceOptions,
    /// Print JSON.
    #[arg(long)]
    pub(super) json: bool,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Level {
    /// As it should be.
    Ok,
    /// Works, but slowly, or not for long.
    Warn,
    /// A run would fail.
    Bad,
}

/// One line of the result.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Finding {
    level: Level,
    subject: String,
    text: String,
    help: Option<String>,
}

impl Finding {
    fn ok(subject: impl Into<String>, text: impl Into<String>) -> Self {
        Self { level: Level::Ok, subject: subject.into(), text: text.into(), help: None }
    }

    fn warn(subject: impl Into<String>, text: impl Into<String>, help: impl Into<String>) -> Self {
        Self { level: Level::Warn, help: Some(help.into()), ..Self::ok(subject, text) }
    }

    fn bad(subject: impl Into<String>, text: impl Into<String>, help: impl Into<String>) -> Self {
        Self { level: Level::Bad, ..Self::warn(subject, text, help) }
    }
}

/// What probes look at.
struct Environment {
    /// The folder of `artifacts/`.
    root: PathBuf,
    /// The store's folder; it may not exist yet.
    store: PathBuf,
    /// The object store behind it.
    remote: Option<String>,
    /// The experiment, if one was named.
    plan: Option<Plan>,
}

type Probe = fn(&Environment) -> Vec<Finding>;

/// Every probe, by the heading that it stands under.
const PROBES: &[(&str, Probe)] = &[
    ("Program", machine::program),
    ("Machine", machine::processor),
    ("Machine", machine::devices),
    ("Machine", machine::memory),
    ("Store", storage::remote),
    ("Store", storage::disk),
    ("Store", storage::links),
    ("Store", storage::health),
    ("Store", storage::leftovers),
    ("Data", data::builtin),
    ("Data", data::experiment),
];

pub(super) fn exec(args: &DoctorArgs, out: &mut dyn Write) -> Result<Exit, Error> {
    if args.config.is_none() && !args.overlays.0.is_empty() {
        return Err(Error::usage(
            "`--set` and `--set-file` change a config, and none is named",
            "name it: `simpipe doctor CONFIG`",
        ));
    }
    let plan = args.config.as_ref().map(|config| plan_of(config, &args.overlays)).transpose()?;
    let root = match &plan {
        Some(plan) => args.place.root_of(plan),
        None => args.place.root_here()?,
    };
    let remote = args.place.url()?;
    let store = match (&remote, &args.place.store) {
        (None, Some(store)) => store.clone(),
        _ => folders::store_folder(&root), // behind which the object store lies
    };
    let environment = Environment { root, store, remote: remote.map(|url| url.to_string()), plan };
    let found: Vec<(&str, Finding)> = PROBES
        .iter()
        .flat_map(|(heading, probe)| probe(&environment).into_iter().map(move |one| (*heading, one)))
        .collect();
    let worst = found.iter().map(|(_, finding)| finding.level).max().unwrap_or(Level::Ok);
    if args.json {
        let findings: Vec<&Finding> = found.iter().map(|(_, finding)| finding).collect();
        print::json(&json!({ "worst": worst, "findings": findings }), out)?;
    } else {
        write(&found, out)?;
    }
    Ok(if worst == Level::Bad { Exit::Failed } else { Exit::Done })
}

fn write(found: &[(&str, Finding)], out: &mut dyn Write) -> Result<(), Error> {
    let paint = Paint::stdout();
    let subjects = found.iter().map(|(_, finding)| visible::width(&shown(&finding.subject)));
    let room = subjects.max().unwrap_or(0);
    let mut under = "";
    for (heading, Finding { level, subject, text, help }) in found {
        if *heading != under {
            writeln!(out, "{}{}", if under.is_empty() { "" } else { "\n" }, paint.bold(heading))?;
            under = heading;
        }
        let word = match level {
            Level::Ok => paint.green("ok  "),
            Level::Warn => paint.yellow("warn"),
            Level::Bad => paint.red("bad "),
        };
        let subject = shown(subject);
        let pad = " ".repeat(room.saturating_sub(visible::width(&subject)));
        writeln!(out, "  {word}  {subject}{pad}  {}", shown(text))?;
        if let Some(help) = help {
            writeln!(out, "        {:room$}  help: {}", "", shown(help))?;
        }
    }
    let count = |level| found.iter().filter(|(_, finding)| finding.level == level).count();
    let (warn, bad) = (count(Level::Warn), count(Level::Bad));
    writeln!(out, "\n{} ok, {warn} warnings, {bad} bad", count(Level::Ok))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(folder: &std::path::Path) -> Environment {
        Environment { root: folder.to_path_buf(), store: folder.join("artifacts/store"), remote: None, plan: None }
    }

    fn levels(findings: &[Finding]) -> Vec<Level> {
        findings.iter().map(|finding| finding.level).collect()
    }

    #[test]
    fn a_store_that_is_not_there_is_not_made() {
        let folder = tempfile::tempdir().unwrap();
        let environment = environment(folder.path());
        for (_, probe) in PROBES {
            assert!(probe(&environment).iter().all(|finding| finding.level != Level::Bad));
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_is_wrong_with_a_store_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let environment = environment(folder.path());
        simpipe_store::Store::open(&environment.store).unwrap();
        assert_eq!(levels(&storage::health(&environment)), [Level::Ok]);
        assert_eq!(levels(&storage::leftovers(&environment)), [Level::Ok]);
        std::fs::write(environment.store.join("quarantine/abc.json"), "x").unwrap();
        std::fs::create_dir(environment.store.join("tmp/1-abc")).unwrap();
        std::fs::write(environment.store.join("tmp/1-abc.lock"), "1").unwrap();
        let found = storage::leftovers(&environment);
        assert_eq!(levels(&found), [Level::Warn, Level::Warn], "{found:?}");
        assert!(found.iter().all(|finding| finding.text.starts_with("1 ")), "{found:?}");
        std::fs::write(environment.store.join("format"), "99").unwrap();
        assert_eq!(levels(&storage::health(&environment)), [Level::Bad]);
    }

    #[test]
    fn a_bad_finding_has_help_below_it() {
        let found = [("Data", Finding::bad("archive", "gone", "bring it back"))];
        let mut out = Vec::new();
        write(&found, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(
            text,
            "Data\n  bad   archive  gone\n                 help: bring it back\n\n0 ok, 0 warnings, 1 bad\n"
        );
    }
}
