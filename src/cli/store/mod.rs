//! `simpipe store`: looks after the store. One command a file.

mod verify;

use std::io::Write;

use clap::{Args, Subcommand};

use crate::error::{Error, Exit};

/// Look after the store.
#[derive(Debug, Args)]
pub(super) struct StoreArgs {
    #[command(subcommand)]
    command: StoreCommand,
}

#[derive(Debug, Subcommand)]
enum StoreCommand {
    Verify(verify::VerifyArgs),
}

impl StoreArgs {
    /// Whether output is for a program.
    pub(super) const fn json(&self) -> bool {
        match &self.command {
            StoreCommand::Verify(args) => args.json,
        }
    }
}

pub(super) fn exec(args: &StoreArgs, out: &mut dyn Write) -> Result<Exit, Error> {
    match &args.command {
        StoreCommand::Verify(args) => verify::exec(args, out),
    }
}
