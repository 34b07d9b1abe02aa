//! What several benches need.

use std::path::{Path, PathBuf};

/// The folder of the project.
#[must_use]
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}

/// The program that has been built beside this bench.
///
/// # Panics
/// If it has not been: `cargo build --release` first.
#[must_use]
pub fn program() -> PathBuf {
    let this = std::env::current_exe().expect("the path of this program");
    let built = this.ancestors().nth(2).expect("a folder of builds").join("simpipe");
    assert!(built.is_file(), "{} is not there: `cargo build --release` first", built.display());
    built
}
