//! The worker threads of a command that computes, started before it begins.

use std::error::Error as _;

use crate::error::Error;

/// Starts rayon's threads. Started on demand, they would panic in the middle of a stage where the system gives none.
///
/// # Errors
///
/// If the system refuses.
pub(super) fn start() -> Result<(), Error> {
    match rayon::ThreadPoolBuilder::new().build_global() {
        Err(error) if error.source().is_some() => Err(Error::Threads(error.to_string())),
        _ => Ok(()), // started, here or before
    }
}
