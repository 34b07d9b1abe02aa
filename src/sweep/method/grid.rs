//! Every combination, in the order of the spec.

use super::super::history::History;
use super::super::space::{Point, Space};
use super::enumerate;

/// The first combination that was not tried. A range of real numbers stands for its lower end; who reads a spec refuses it.
pub(super) fn ask(space: &Space, history: &History) -> Option<Point> {
    enumerate::first(space, history)
}
