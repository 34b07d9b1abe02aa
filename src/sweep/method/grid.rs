//! Every combination, in the order of the spec.

use super::super::history::History;
use super::super::space::{Point, Space};
use super::enumerate;

/// The first combination that was not tried. A range of real numbers stands for its lower end; who reads a spec refuses it.
pub(super) fn ask(space: &Space, history: &History) -> Option<Point> {
    let mut found = None;
    enumerate::each(space, &mut |point| {
        let fresh = !history.holds(point);
        if fresh {
            found = Some(point.clone());
        }
        fresh
    });
    found
}
