//! `simpipe sweep`: many trainings of one experiment, each with other values.

mod add;
mod hire;
mod look;
mod report;
mod run;
mod seen;
mod view;
mod watch;

use std::io::Write;

use clap::{Args, Subcommand};

use crate::error::{Error, Exit};

/// Try many values of an experiment's parameters and find the best.
#[derive(Debug, Args)]
pub(super) struct SweepArgs {
    #[command(subcommand)]
    command: SweepCommand,
}

#[derive(Debug, Subcommand)]
enum SweepCommand {
    Run(run::RunArgs),
    Resume(run::ResumeArgs),
    #[command(hide = true)]
    Work(run::WorkArgs),
    Status(look::StatusArgs),
    Stop(look::StopArgs),
    Best(look::BestArgs),
    Add(add::AddArgs),
    Table(look::TableArgs),
    Report(report::ReportArgs),
}

impl SweepArgs {
    pub(super) const fn json(&self) -> bool {
        match &self.command {
            SweepCommand::Run(args) => args.how.json,
            SweepCommand::Resume(args) => args.how.json,
            SweepCommand::Work(_) => false,
            SweepCommand::Status(args) => args.which.json,
            SweepCommand::Stop(args) => args.which.json,
            SweepCommand::Best(args) => args.which.json,
            SweepCommand::Add(args) => args.which.json,
            SweepCommand::Table(args) => args.which.json,
            SweepCommand::Report(args) => args.which.json,
        }
    }
}

pub(super) fn exec(args: &SweepArgs, out: &mut dyn Write) -> Result<Exit, Error> {
    match &args.command {
        SweepCommand::Run(args) => run::run(args, out),
        SweepCommand::Resume(args) => run::resume(args, out),
        SweepCommand::Work(args) => run::work(args, out),
        SweepCommand::Status(args) => look::status(args, out),
        SweepCommand::Stop(args) => look::stop(args, out),
        SweepCommand::Best(args) => look::best(args, out),
        SweepCommand::Add(args) => add::exec(args, out),
        SweepCommand::Table(args) => look::table(args, out),
        SweepCommand::Report(args) => report::report(args, out),
    }
}
