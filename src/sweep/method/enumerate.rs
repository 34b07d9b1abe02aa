//! All points of a finite space, one after another.

use super::super::history::History;
use super::super::space::{Point, Space};

/// More points are not looked through.
const MOST: u64 = 100_000;

/// Visits the points in the order of the lists, the last dimension fastest; stops when `visit` says so.
pub(super) fn each(space: &Space, visit: &mut dyn FnMut(&Point) -> bool) -> bool {
    let mut digits = vec![0u64; space.dimensions().len()];
    loop {
        let point = space.point(|at, domain| domain.nth(digits[at]));
        if visit(&point) {
            return true;
        }
        if !next(space, &point, &mut digits) {
            return false;
        }
    }
}

/// Counts up, leaving out what does not apply; `false` after the last.
fn next(space: &Space, point: &Point, digits: &mut [u64]) -> bool {
    for at in (0..digits.len()).rev() {
        let count = space.dimensions()[at].domain.count().unwrap_or(1);
        if point.0[at].is_some() && digits[at] + 1 < count {
            digits[at] += 1;
            return true;
        }
        digits[at] = 0;
    }
    false
}

/// The first point that was not tried, however many there are.
pub(super) fn first(space: &Space, history: &History) -> Option<Point> {
    let mut found = None;
    each(space, &mut |point| {
        let fresh = !history.holds(point);
        if fresh {
            found = Some(point.clone());
        }
        fresh
    });
    found
}

/// The same of a finite space that is small enough to look through.
pub(super) fn first_untried(space: &Space, history: &History) -> Option<Point> {
    space.count().filter(|count| *count <= MOST)?;
    first(space, history)
}

/// Whether every point of a finite space was tried; spaces too large to look through are not.
pub(super) fn all_tried(space: &Space, history: &History) -> bool {
    space.count().is_some_and(|count| count <= MOST) && first_untried(space, history).is_none()
}

#[cfg(test)]
mod tests {
    use super::super::super::space::tests::dimension;
    use super::super::super::space::{Condition, Dimension, Domain, Value};
    use super::*;

    #[test]
    fn what_does_not_apply_is_not_multiplied() {
        let space = Space::new(vec![
            dimension("loss", Domain::Choice { items: 2 }),
            Dimension {
                when: Some(Condition { dimension: 0, item: 1 }),
                ..dimension("k", Domain::Integer { low: 5, high: 6, log: false })
            },
            dimension("size", Domain::Choice { items: 2 }),
        ]);
        let mut seen = Vec::new();
        each(&space, &mut |point| {
            seen.push(point.clone());
            false
        });
        let (item, whole) = (|item| Some(Value::Item(item)), |whole| Some(Value::Integer(whole)));
        let expected = [
            [item(0), None, item(0)],
            [item(0), None, item(1)],
            [item(1), whole(5), item(0)],
            [item(1), whole(5), item(1)],
            [item(1), whole(6), item(0)],
            [item(1), whole(6), item(1)],
        ];
        assert_eq!(seen, expected.map(|values| Point(values.to_vec())));
        assert_eq!(space.count(), Some(6));
    }
}
