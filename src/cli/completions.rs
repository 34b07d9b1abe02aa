//! `simpipe completions`: scripts for shells.

use std::io::Write;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::Cli;
use crate::error::{Error, Exit};

/// Print a completion script for a shell.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  simpipe completions bash > ~/.local/share/bash-completion/completions/simpipe
  simpipe completions zsh > ~/.zfunc/_simpipe")]
pub(super) struct CompletionsArgs {
    /// The shell.
    shell: Shell,
}

pub(super) fn exec(args: &CompletionsArgs, out: &mut dyn Write) -> Result<Exit, Error> {
    let mut script = Vec::new(); // clap_complete panics where a pipe is broken
    clap_complete::generate(args.shell, &mut Cli::command(), "simpipe", &mut script);
    out.write_all(&script)?;
    Ok(Exit::Done)
}
