//! The `simpipe` binary.
fn main() {}
