//! `simpipe store`: looks after the store. One command a file.

mod du;
mod gc;
pub(super) mod pin;
mod pull;
mod push;
mod verify;

use std::io::Write;

use clap::{Args, Subcommand};

use super::threads;
use crate::error::{Error, Exit};

/// Maintain the store.
#[derive(Debug, Args)]
pub(super) struct StoreArgs {
    #[command(subcommand)]
    command: StoreCommand,
}

#[derive(Debug, Subcommand)]
enum StoreCommand {
    Verify(verify::VerifyArgs),
    Gc(gc::GcArgs),
    Du(du::DuArgs),
    Pin(pin::PinArgs),
    Unpin(pin::UnpinArgs),
    Pins(pin::PinsArgs),
    Push(push::PushArgs),
    Pull(pull::PullArgs),
}

impl StoreArgs {
    /// Whether output is for a program.
    pub(super) const fn json(&self) -> bool {
        match &self.command {
            StoreCommand::Verify(args) => args.json,
            StoreCommand::Gc(args) => args.json,
            StoreCommand::Du(args) => args.json,
            StoreCommand::Pin(args) => args.json,
            StoreCommand::Unpin(args) => args.json,
            StoreCommand::Pins(args) => args.json,
            StoreCommand::Push(args) => args.json,
            StoreCommand::Pull(args) => args.json,
        }
    }
}

pub(super) fn exec(args: &StoreArgs, out: &mut dyn Write) -> Result<Exit, Error> {
    threads::start()?;
    match &args.command {
        StoreCommand::Verify(args) => verify::exec(args, out),
        StoreCommand::Gc(args) => gc::exec(args, out),
        StoreCommand::Du(args) => du::exec(args, out),
        StoreCommand::Pin(args) => pin::pin(args, out),
        StoreCommand::Unpin(args) => pin::unpin(args, out),
        StoreCommand::Pins(args) => pin::list(args, out),
        StoreCommand::Push(args) => push::exec(args, out),
        StoreCommand::Pull(args) => pull::exec(args, out),
    }
}
