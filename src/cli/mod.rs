//! The command line: one file a command; each parses, calls the library and prints. The only layer that prints.

mod allocator;
mod check;
mod compare;
mod completions;
mod config;
mod diff;
mod docs;
mod doctor;
mod eval_golden;
mod event_sink;
mod explain;
mod export;
mod graph;
mod init;
mod lock;
mod logging;
mod merged;
mod note;
mod options;
mod page;
mod plan;
mod print;
mod profile;
mod progress;
mod query;
mod report;
mod reporter;
mod reproduce;
mod run;
mod run_page;
mod runs;
mod schema;
mod screen;
mod seeds;
mod serve;
mod show;
mod show_file;
mod show_sources;
mod signal;
mod sink;
mod store;
mod sweep;
mod tag;
mod threads;
mod tile;
mod toml_text;
mod usage;
mod words;

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::error::{Error, Exit};

pub use allocator::Allocator;

/// A declarative pipeline runner for image metric learning.
#[derive(Debug, Parser)]
#[command(name = "simpipe", version, max_term_width = 100)]
#[command(
    after_help = "Exit codes: 0 done (also if a reader of the output stops early); 1 a stage failed, or output could \
                  not be written; 2 usage or spec error; 3 store damaged; 4 data unavailable; 130 interrupted."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Init(init::InitArgs),
    Run(run::RunArgs),
    Plan(plan::PlanArgs),
    Explain(explain::ExplainArgs),
    Check(check::CheckArgs),
    Graph(graph::GraphArgs),
    Config(config::ConfigArgs),
    Sweep(sweep::SweepArgs),
    Query(query::QueryArgs),
    Serve(serve::ServeArgs),
    Show(show::ShowArgs),
    Report(report::ReportArgs),
    Runs(runs::RunsArgs),
    Diff(diff::DiffArgs),
    Compare(compare::CompareArgs),
    Tag(tag::TagArgs),
    Note(note::NoteArgs),
    Reproduce(reproduce::ReproduceArgs),
    Export(export::ExportArgs),
    Schema(schema::SchemaArgs),
    Docs(docs::DocsArgs),
    Store(store::StoreArgs),
    Doctor(doctor::DoctorArgs),
    EvalGolden(eval_golden::EvalGoldenArgs),
    Completions(completions::CompletionsArgs),
}

impl Command {
    /// Whether output is for a program.
    fn json(&self) -> bool {
        match self {
            Self::Run(args) => args.json,
            Self::Plan(args) => args.json,
            Self::Explain(args) => args.json,
            Self::Check(args) => args.json,
            Self::Config(args) => args.json(),
            Self::Sweep(args) => args.json(),
            Self::Query(args) => args.json,
            Self::Serve(args) => args.json,
            Self::Show(args) => args.json,
            Self::Report(args) => args.json,
            Self::Runs(args) => args.json(),
            Self::Diff(args) => args.json,
            Self::Compare(args) => args.json,
            Self::Tag(args) => args.json,
            Self::Note(args) => args.json,
            Self::Reproduce(args) => args.json,
            Self::Export(args) => args.json,
            Self::Docs(args) => args.json,
            Self::Store(args) => args.json(),
            Self::Doctor(args) => args.json,
            Self::EvalGolden(args) => args.json,
            Self::Init(args) => args.json,
            Self::Graph(_) | Self::Schema(_) | Self::Completions(_) => false,
        }
    }

    fn exec(&self, out: &mut dyn Write) -> Result<Exit, Error> {
        match self {
            Self::Init(args) => init::exec(args, out),
            Self::Run(args) => run::exec(args, out),
            Self::Plan(args) => plan::exec(args, out),
            Self::Explain(args) => explain::exec(args, out),
            Self::Check(args) => check::exec(args, out),
            Self::Graph(args) => graph::exec(args, out),
            Self::Config(args) => config::exec(args, out),
            Self::Sweep(args) => sweep::exec(args, out),
            Self::Query(args) => query::exec(args, out),
            Self::Serve(args) => serve::exec(args, out),
            Self::Show(args) => show::exec(args, out),
            Self::Report(args) => report::exec(args, out),
            Self::Runs(args) => runs::exec(args, out),
            Self::Diff(args) => diff::exec(args, out),
            Self::Compare(args) => compare::exec(args, out),
            Self::Tag(args) => tag::exec(args, out),
            Self::Note(args) => note::exec(args, out),
            Self::Reproduce(args) => reproduce::exec(args, out),
            Self::Export(args) => export::exec(args, out),
            Self::Schema(args) => schema::exec(args, out),
            Self::Docs(args) => docs::exec(args, out),
            Self::Store(args) => store::exec(args, out),
            Self::Doctor(args) => doctor::exec(args, out),
            Self::EvalGolden(args) => eval_golden::exec(args, out),
            Self::Completions(args) => completions::exec(args, out),
        }
    }
}

/// Does what the command line asks for.
#[must_use]
pub fn main() -> ExitCode {
    // Without it signals end the program as they end any other.
    drop(signal::listen());
    // Not locked: with `--events -` the workers of a run write to standard output too.
    let (mut out, mut err) = (screen::output(), screen::messages());
    ExitCode::from(run_command(std::env::args_os().collect(), &mut out, &mut err).code())
}

/// The program with its streams given, so that tests can read them.
fn run_command(args: Vec<OsString>, out: &mut dyn Write, err: &mut dyn Write) -> Exit {
    let asks_json = args.iter().any(|arg| arg == "--json");
    let cli = match Cli::try_parse_from(&args) {
        Ok(cli) => cli,
        Err(error) => return refuse(error, &args, asks_json, out, err),
    };
    let result = cli.command.exec(out).and_then(|exit| Ok(out.flush().map(|()| exit)?));
    signal::acknowledged();
    match result {
        Ok(exit) => exit,
        Err(error) => {
            // Whatever else went wrong then: the reader of a pipe that was stopped too, a terminal that closed.
            let exit = if signal::came() { Exit::Interrupted } else { error.exit() };
            if exit != Exit::Done {
                // That output can't be written is no output.
                tell(&error, cli.command.json() && !matches!(error, Error::Output(_)), out, err);
            }
            exit
        }
    }
}

/// Writes an error for whom it is for; for a person too where the program's output takes none.
fn tell(error: &Error, json: bool, out: &mut dyn Write, err: &mut dyn Write) {
    let told = if json { print::errors_json(error, out).and_then(|()| out.flush()) } else { print::errors(error, err) };
    if let (true, Err(unwritten)) = (json, told) {
        // Nothing is left to do if even this can't be written.
        drop(print::errors(error, err).and_then(|()| print::errors(&Error::Output(unwritten), err)));
    }
}

/// What clap has to say: help and version are no errors.
fn refuse(error: clap::Error, args: &[OsString], json: bool, out: &mut dyn Write, err: &mut dyn Write) -> Exit {
    if !error.use_stderr() {
        return match write!(out, "{}", rendered(&error, &io::stdout())).and_then(|()| out.flush()) {
            Ok(()) => Exit::Done,
            Err(error) => {
                drop(print::errors(&Error::Output(error), err));
                Exit::Failed
            }
        };
    }
    let (error, tip) = usage::with_tip(echoing_escapes(error, args), args);
    if json {
        let text = error.render().to_string();
        // Up to the empty line before its help and usage: what is missing stands in lines of its own.
        let lines: Vec<&str> = text.lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
        let message = lines.join(" ").trim_start_matches("error: ").to_owned();
        tell(&Error::usage(message, tip.unwrap_or_else(|| "see `simpipe --help`".to_owned())), true, out, err);
    } else {
        drop(write!(err, "{}", rendered(&error, &io::stderr())));
    }
    Exit::Usage
}

/// The same error over arguments whose hidden characters are escaped: clap repeats arguments, and takes colours out of
/// them together with its own.
fn echoing_escapes(error: clap::Error, args: &[OsString]) -> clap::Error {
    let shown = |arg: &OsString| arg.to_str().map_or_else(|| arg.clone(), |text| print::shown(text).into());
    let shown: Vec<OsString> = args.iter().map(shown).collect();
    if shown == args { error } else { Cli::try_parse_from(shown).err().unwrap_or(error) }
}

/// A message of clap's, in colour where the stream shows them.
fn rendered(error: &clap::Error, stream: &impl io::IsTerminal) -> String {
    let text = error.render();
    if screen::shows_colours(stream) { text.ansi().to_string() } else { text.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn simpipe(args: &[&str]) -> (Exit, String, String) {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let args = std::iter::once("simpipe").chain(args.iter().copied()).map(OsString::from).collect();
        let exit = run_command(args, &mut out, &mut err);
        (exit, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
    }

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_has_examples() {
        use clap::CommandFactory;
        for command in Cli::command().get_subcommands() {
            let leaves: Vec<_> = command.get_subcommands().collect();
            for leaf in if leaves.is_empty() { vec![command] } else { leaves } {
                let help = leaf.get_after_help().map(ToString::to_string).unwrap_or_default();
                assert!(help.contains("Examples:") && help.contains("simpipe "), "{}", leaf.get_name());
            }
        }
    }

    #[test]
    fn a_wrong_option_is_a_usage_error_in_json_too() {
        let (exit, out, _) = simpipe(&["plan", "a.toml", "--json", "--nonsense"]);
        let json: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!(exit, Exit::Usage);
        assert!(json["errors"][0]["message"].as_str().unwrap().contains("--nonsense"));
    }

    #[test]
    fn a_store_by_a_url_that_is_none_is_refused_with_words() {
        let (exit, _, err) = simpipe(&["store", "verify", "--store", "s4://bucket/store"]);
        assert_eq!(exit, Exit::Usage);
        assert!(err.contains("begins with `s4://`") && err.contains("help: expected `s3://`, "), "{err}");
    }

    #[test]
    fn numbers_of_results_are_defined() {
        let (exit, out, _) = simpipe(&["docs", "match.lone"]);
        assert!(exit == Exit::Done && out.contains("no other example in the index"), "{out}");
        for name in ["calibrate.optimal.f1", "recall@5", "train.loss", "match-test.achieved.low", "lone"] {
            assert_eq!(simpipe(&["docs", name]).0, Exit::Done, "{name}");
        }
        for (name, help) in [
            ("match.lonne", "did you mean `match.lone`?"),
            ("recal@5", "did you mean `recall@5`?"),
            ("lr", "did you mean `learning-rate`?"),
            ("MaxPooling2D", "did you mean `max-pool`?"),
            ("batch size", "`classes-per-batch` x `examples-per-class`"),
        ] {
            let (exit, _, err) = simpipe(&["docs", name]);
            assert!(exit == Exit::Usage && err.contains(help), "{err}");
        }
        let (_, out, _) = simpipe(&["docs", "match.lone", "--json"]);
        let json: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!(json["metrics"][0]["name"], "match.lone");
    }

    #[test]
    fn no_runs_is_an_empty_list() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().to_str().unwrap();
        let (exit, out, _) = simpipe(&["runs", "--root", root, "--json"]);
        assert_eq!((exit, out.trim()), (Exit::Done, "{\n  \"runs\": []\n}"));
        let (exit, out, _) = simpipe(&["show", "latest", "--root", root, "--json"]);
        assert_eq!(exit, Exit::Usage);
        assert!(out.contains("no run `latest`") && out.contains("there is none yet"), "{out}");
    }

    #[test]
    fn a_damaged_store_ends_with_three_once() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().to_str().unwrap();
        let verify = || simpipe(&["store", "verify", "--store", root, "--json"]);
        assert_eq!(verify().0, Exit::Usage, "there is no store yet");
        simpipe_store::Store::open(folder.path()).unwrap();
        assert_eq!(verify().0, Exit::Done);
        let shard = folder.path().join("cas/ab");
        std::fs::create_dir_all(&shard).unwrap();
        std::fs::write(shard.join("ab".repeat(32)), "other bytes").unwrap();
        let (exit, out, _) = verify();
        assert_eq!(exit, Exit::Damaged);
        assert!(out.contains(&"ab".repeat(32)));
        assert_eq!(verify().0, Exit::Done);
    }
}
