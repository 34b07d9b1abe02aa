//! `simpipe completions`: scripts for shells, and manual pages.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, Command, CommandFactory, ValueEnum};
use clap_complete::{Generator, Shell};
use clap_mangen::Man;

use super::{Cli, sink};
use crate::error::{Error, Exit};
use simpipe_base::fs::create_dirs;

/// Print a completion script for a shell, or write those of all shells and the manual pages of all commands.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  simpipe completions bash > ~/.local/share/bash-completion/completions/simpipe
  simpipe completions zsh > ~/.zfunc/_simpipe
  simpipe completions --out target/docs && man target/docs/man/simpipe-run.1")]
pub(super) struct CompletionsArgs {
    /// The shell.
    #[arg(required_unless_present = "out", conflicts_with = "out")]
    shell: Option<Shell>,
    /// Write the scripts of all shells into DIR/completions, and the manual pages into DIR/man.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

const NAME: &str = "simpipe";

pub(super) fn exec(args: &CompletionsArgs, out: &mut dyn Write) -> Result<Exit, Error> {
    if let Some(shell) = args.shell {
        out.write_all(&script(shell))?;
    }
    if let Some(folder) = &args.out {
        write_all(folder)?;
    }
    Ok(Exit::Done)
}

/// The script, made before it is written: where a pipe is broken the generator panics.
fn script(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), NAME, &mut script);
    script
}

fn write_all(folder: &Path) -> Result<(), Error> {
    let scripts = Shell::value_variants().iter().map(|shell| (shell.file_name(NAME), script(*shell)));
    write_into(&folder.join("completions"), scripts.collect())?;
    let mut program = Cli::command().disable_help_subcommand(true);
    program.build();
    let mut pages = Vec::new();
    add_pages(program, &mut pages)?;
    write_into(&folder.join("man"), pages)
}

/// The page of a command and those of the commands inside it.
fn add_pages(command: Command, pages: &mut Vec<(String, Vec<u8>)>) -> Result<(), Error> {
    for inner in command.get_subcommands().filter(|inner| !inner.is_hide_set()) {
        add_pages(inner.clone(), pages)?;
    }
    let (page, mut text) = (Man::new(command), Vec::new());
    page.render(&mut text)?;
    pages.push((page.get_filename(), text));
    Ok(())
}

fn write_into(folder: &Path, files: Vec<(String, Vec<u8>)>) -> Result<(), Error> {
    const HELP: &str = "name a folder that can be written";
    create_dirs(folder).map_err(|error| sink::unwritable(folder, &error, HELP))?;
    for (name, bytes) in files {
        let path = folder.join(name);
        sink::write(&path, &bytes).map_err(|error| sink::unwritable(&path, &error, HELP))?;
    }
    Ok(())
}
