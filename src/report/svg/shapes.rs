//! The outlines of the marks of points, each written down once in a drawing and used by its name.

use super::put;
use crate::mark::Mark;
use crate::theme::Shape;

/// The name of a shape at a size in the `position`th drawing of a page.
pub(super) fn id(shape: Shape, radius: f64, position: usize) -> String {
    format!("s{position}-{}-{}", shape as usize, (radius * 10.0).round())
}

/// Every shape that is used, at its size, once.
pub(super) fn defined(out: &mut String, marks: &[Mark], position: usize) {
    let mut used: Vec<(String, Shape, f64)> = Vec::new();
    for mark in marks {
        if let Mark::Marker { shape, radius, .. } = mark {
            let id = id(*shape, *radius, position);
            if used.iter().all(|(known, ..)| *known != id) {
                used.push((id, *shape, *radius));
            }
        }
    }
    if used.is_empty() {
        return;
    }
    out.push_str("<defs>");
    for (id, shape, radius) in used {
        let rule = fill_rule(shape);
        put(
            out,
            format_args!(
                "<path id=\"{id}\" fill-rule=\"{rule}\" fill-opacity=\".9\" d=\"{}\"/>",
                outline(shape, radius)
            ),
        );
    }
    out.push_str("</defs>");
}

/// What two triangles cover is covered; what two circles or squares cover is a hole.
pub(crate) fn fill_rule(shape: Shape) -> &'static str {
    if shape == Shape::Star { "nonzero" } else { "evenodd" }
}

/// The outline of a shape round the origin, as [`Shape::contains`] has it.
pub(crate) fn outline(shape: Shape, radius: f64) -> String {
    let polygon = |corners: &[(f64, f64)]| {
        let words = corners.iter().map(|(x, y)| format!("{:.2} {:.2}", x * radius, y * radius));
        format!("M{}Z", words.collect::<Vec<_>>().join("L"))
    };
    let circle = |part: f64| {
        let r = part * radius;
        format!("M{:.2} 0A{r:.2} {r:.2} 0 1 0 {r:.2} 0A{r:.2} {r:.2} 0 1 0 {:.2} 0Z", -r, -r)
    };
    let square = |part: f64| polygon(&[(-part, -part), (part, -part), (part, part), (-part, part)]);
    let up = [(0.0, -1.0), (0.952, 0.7), (-0.952, 0.7)];
    // Turned and not mirrored: corners keep their order, so that pieces which overlap add up.
    let turned =
        |corners: [(f64, f64); 3], sign: f64, down: f64| polygon(&corners.map(|(x, y)| (sign * x, sign * y + down)));
    match shape {
        Shape::Disc => circle(0.95),
        Shape::Ring => circle(1.0) + &circle(0.55),
        Shape::Square => square(0.82),
        Shape::Frame => square(0.88) + &square(0.48),
        Shape::Diamond => polygon(&[(0.0, -1.1), (1.1, 0.0), (0.0, 1.1), (-1.1, 0.0)]),
        Shape::Up => turned(up, 1.0, 0.0),
        Shape::Down => turned(up, -1.0, 0.0),
        Shape::Plus => polygon(&arms(&[(0.3, -1.0), (0.3, -0.3), (1.0, -0.3)])),
        Shape::Cross => polygon(&arms(&[(0.0, -0.42), (0.43, -0.85), (0.85, -0.85), (0.85, -0.43)])),
        // Two triangles, each a piece of its own: what both cover is covered.
        Shape::Star => turned(up, 1.0, -0.05) + &turned(up, -1.0, 0.05),
    }
}

/// The corners of a quarter, turned by four right angles.
fn arms(quarter: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut all = Vec::new();
    let mut corners = quarter.to_vec();
    for _ in 0..4 {
        all.extend(&corners);
        corners = corners.iter().map(|(x, y)| (-y, *x)).collect();
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outlines_are_those_of_the_shapes() {
        // The corners of a cross lie on its edge: a little inside is inside.
        for (x, y) in arms(&[(0.0, -0.42), (0.43, -0.85), (0.85, -0.85), (0.85, -0.43)]) {
            assert!(Shape::Cross.contains(x * 0.98, y * 0.98) && !Shape::Cross.contains(x * 1.05, y * 1.05), "{x} {y}");
        }
        assert_eq!(arms(&[(0.3, -1.0), (0.3, -0.3), (1.0, -0.3)]).len(), 12);
    }
}
