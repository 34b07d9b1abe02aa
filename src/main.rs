//! The `simpipe` binary: see [`simpipe::cli`].

use std::process::ExitCode;

/// Keeps freed blocks for the next training step: giving 32 MB maps back to the system and taking them again cost a
/// quarter of a step in page faults.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    simpipe::cli::main()
}
