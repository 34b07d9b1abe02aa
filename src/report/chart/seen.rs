//! What of numbers can be seen: an axis that is none, points that leave the picture, lines of more points than pixels.

use std::ops::Range;

/// The largest number that an axis shows: the difference of two of them is a number too.
const LARGEST: f64 = 1e300;
/// The shortest axis, as a share of its numbers: ticks closer together than this can't be told apart.
const SHORTEST: f64 = 1e-9;
/// Points of a line for each column of pixels beyond which only some of those that share one are drawn.
const A_COLUMN: usize = 4;

/// A range that can be drawn whatever the data: both ends are numbers, and apart.
pub(crate) fn drawable(range: Range<f64>) -> Range<f64> {
    if range.start.is_nan() || range.end.is_nan() || range.start > range.end {
        return 0.0..1.0;
    }
    let (low, high) = (range.start.clamp(-LARGEST, LARGEST), range.end.clamp(-LARGEST, LARGEST));
    let least = low.abs().max(high.abs()).max(1e-6) * SHORTEST;
    if high - low >= least { low..high } else { low - least..high + least }
}

/// What lies far outside of an axis, where it leaves the picture: pixels are counted in whole numbers, which end.
pub(super) fn near(value: f64, axis: &Range<f64>) -> f64 {
    let room = axis.end - axis.start;
    value.clamp(axis.start - room, axis.end + room)
}

/// What can be seen of a line: of the points that share a column of pixels the first, the lowest, the highest and the last, so
/// that every pixel is as dark as with all of them (Jugel et al., 2014, M4). A line that goes to and fro is cut into as many
/// pieces of its points instead.
pub(super) fn thinned(points: &[(f64, f64)], columns: usize, axis: &Range<f64>) -> Vec<(f64, f64)> {
    let columns = columns.max(1);
    if points.len() <= A_COLUMN * columns {
        return points.to_vec();
    }
    let forth = points.is_sorted_by(|one, other| one.0 <= other.0);
    let pieces: Vec<&[(f64, f64)]> = if forth || points.is_sorted_by(|one, other| one.0 >= other.0) {
        let column = |x: f64| ((near(x, axis) - axis.start) / (axis.end - axis.start) * columns as f64).floor();
        points.chunk_by(|one, other| column(one.0) == column(other.0)).collect()
    } else {
        points.chunks(points.len().div_ceil(columns)).collect()
    };
    pieces.into_iter().flat_map(seen).collect()
}

/// The first, the lowest, the highest and the last of some points, in their order, each once.
fn seen(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let at = |pick: fn(&f64, &f64) -> bool| {
        (1..points.len()).fold(0, |best, at| if pick(&points[at].1, &points[best].1) { at } else { best })
    };
    let mut places = vec![0, at(f64::lt), at(f64::gt), points.len().saturating_sub(1)];
    places.sort_unstable();
    places.dedup();
    places.into_iter().filter_map(|at| points.get(at).copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_range_can_be_drawn() {
        let extremes =
            [f64::NAN, f64::NEG_INFINITY, f64::MIN, -1e20, -1.0, -5e-324, 0.0, 1e-300, 1.0, 1e308, f64::INFINITY];
        for start in extremes {
            for end in extremes {
                let range = drawable(start..end);
                let span = range.end - range.start;
                assert!(span.is_finite() && span > 0.0, "{start} to {end}: {range:?}");
                assert!(range.start + span / 16.0 > range.start, "{start} to {end}: {range:?}");
            }
        }
        assert_eq!(drawable(-0.05..1.05), -0.05..1.05);
    }

    #[test]
    fn a_long_line_keeps_what_is_seen_of_it() {
        // 128 columns of 1,024 points: whole powers of two, so that none lies beside its column.
        let mut points: Vec<(f64, f64)> = (0..131_072).map(|at| (f64::from(at), f64::from(at % 7))).collect();
        (points[12_345].1, points[77_777].1) = (-50.0, 50.0);
        let axis = 0.0..131_072.0;
        let kept = thinned(&points, 128, &axis);
        assert!(
            kept.len() <= 512 && kept.contains(&points[12_345]) && kept.contains(&points[77_777]),
            "{}",
            kept.len()
        );
        assert!(kept.is_sorted_by(|one, other| one.0 < other.0));
        // Each column begins and ends where it does in the whole line.
        for column in 0..128 {
            let ends = [points[1024 * column], points[1024 * column + 1023]];
            assert!(ends.iter().all(|end| kept.contains(end)), "{column}");
        }
        assert_eq!(thinned(&points[..512], 128, &axis), points[..512]);
        // Points that crowd at one end are not thinned elsewhere.
        let crowded: Vec<(f64, f64)> = (0..1000).map(|at| (f64::from(0.max(at - 900)), f64::from(at % 3))).collect();
        assert!(thinned(&crowded, 128, &(0.0..128.0)).ends_with(&crowded[901..]));
        let (low, high) = (points[12_345], points[77_777]);
        points.reverse();
        let kept = thinned(&points, 128, &axis);
        assert!(kept.len() <= 512 && kept.contains(&low) && kept.contains(&high), "{}", kept.len());
        // To and fro: no column has it, but its ends are there.
        let circle: Vec<(f64, f64)> = (0..5000).map(|at| (f64::from(at).cos(), f64::from(at).sin())).collect();
        let kept = thinned(&circle, 100, &(-1.0..1.0));
        assert!(kept.len() <= 400 && kept.first() == circle.first() && kept.last() == circle.last());
    }
}
