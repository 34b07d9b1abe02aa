//! Loops compiled for the widest vector instructions that this CPU has.

/// Runs `f`, whose loops must be inlined into it, with the instruction set found at run time. Every number is the same
/// as without: only how many are computed at once differs.
#[inline(always)]
pub(super) fn widest<R>(f: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(f)
}
