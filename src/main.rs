//! The `simpipe` binary: see [`simpipe::cli`].

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: simpipe::cli::Allocator = simpipe::cli::Allocator;

fn main() -> ExitCode {
    simpipe::cli::main()
}
