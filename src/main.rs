//! The `simpipe` binary: see [`simpipe::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    simpipe::cli::main()
}
