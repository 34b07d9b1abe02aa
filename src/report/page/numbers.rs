//! The table behind a chart: what is drawn, as numbers. Of many some are shown, and the caption says how many.

use std::collections::BTreeMap;

use super::html::{shown, table};
use crate::ReportData;
use crate::cells::words;
use crate::chart::number;
use crate::figure::body::{Body, HeatMap, Lines, Scatter, Series};
use crate::figure::{Blocks, Pair};

/// Rows of a table at most.
const MOST: usize = 40;
/// Curves in one table: more columns can't be read.
const COLUMNS: usize = 12;

/// A table with a name.
pub(super) struct Table {
    pub(super) name: String,
    header: Vec<String>,
    rows: Vec<Vec<String>>,
    /// Rows, shown or not.
    of: usize,
    /// What a row is, many of them.
    unit: &'static str,
}

impl Table {
    pub(super) fn html(&self) -> String {
        let caption = format!("{}: {}", self.name, shown(self.rows.len(), self.of, self.unit));
        table(&caption, &self.header, &self.rows)
    }
}

/// The tables of a figure; images have none, for their words are beside them.
pub(super) fn tables(data: &ReportData, body: &Body) -> Vec<Table> {
    match body {
        Body::Lines(lines) => curves(lines),
        Body::Bars(bars) => curves(&bars.told()),
        Body::Scatter(map) => vec![classes(data, map)],
        Body::HeatMap(map) => vec![map.blocks.as_ref().map_or_else(|| pairs(map), worst_pairs)],
        Body::Gallery(_) | Body::Absent => Vec::new(),
    }
}

/// Places in `0..count`: all, or some in equal steps with the first and the last.
fn some(count: usize) -> Vec<usize> {
    if count <= MOST {
        return (0..count).collect();
    }
    (0..MOST).map(|at| at * (count - 1) / (MOST - 1)).collect()
}

/// A number as it is read in a table: with four digits that say something, and as many behind the point.
fn cell(value: f64) -> String {
    let size = value.abs();
    if value.is_finite() && (value.fract() == 0.0 || size >= 1e6) {
        return number(value, 0);
    }
    if value.is_finite() && size < 1e-3 {
        return format!("{value:.3e}").replace('-', "−");
    }
    number(
        value,
        if size < 1e-2 {
            6
        } else if size < 1e-1 {
            5
        } else {
            4
        },
    )
}

/// Curves that share their places stand in one table, or in several where they are many.
pub(super) fn curves(lines: &Lines) -> Vec<Table> {
    let mut groups: Vec<Vec<&Series>> = Vec::new();
    for series in lines.series.iter().filter(|series| series.listed && !series.points.is_empty()) {
        let same = |group: &&mut Vec<&Series>| places(group[0]).eq(places(series));
        match groups.iter_mut().filter(|group| group.len() < COLUMNS).find(same) {
            Some(group) => group.push(series),
            None => groups.push(vec![series]),
        }
    }
    let table = |group: &Vec<&Series>| {
        let names = group.iter().map(|series| series.name.clone());
        let row = |at: usize| {
            let values = group.iter().map(|series| cell(series.points[at].1));
            std::iter::once(cell(group[0].points[at].0)).chain(values).collect()
        };
        let of = group[0].points.len();
        Table {
            name: names.clone().collect::<Vec<_>>().join(", "),
            header: std::iter::once(lines.x.title.clone()).chain(names).collect(),
            rows: some(of).into_iter().map(row).collect(),
            of,
            unit: "points",
        }
    };
    groups.iter().map(table).collect()
}

/// Where the points of a curve are along the first axis.
fn places(series: &Series) -> impl Iterator<Item = u64> + '_ {
    series.points.iter().map(|point| point.0.to_bits())
}

/// Where the points of each class lie, the largest classes first.
fn classes(data: &ReportData, map: &Scatter) -> Table {
    let mut sums: BTreeMap<i32, (usize, f64, f64)> = BTreeMap::new();
    for (label, point) in map.labels.iter().zip(&map.points) {
        let (count, x, y) = sums.entry(*label).or_default();
        (*count, *x, *y) = (*count + 1, *x + point[0], *y + point[1]);
    }
    let mut ranked: Vec<(i32, (usize, f64, f64))> = sums.into_iter().collect();
    ranked.sort_by_key(|(_, (count, ..))| std::cmp::Reverse(*count)); // stable
    let row = |(label, (count, x, y)): &(i32, (usize, f64, f64))| {
        let points = *count as f64;
        words([data.class(*label), &number(points, 0), &cell(x / points), &cell(y / points)])
    };
    Table {
        name: "classes".to_owned(),
        header: words([
            "Class",
            "Points",
            &format!("Mean of {}", map.titles[0]),
            &format!("Mean of {}", map.titles[1]),
        ]),
        rows: ranked.iter().take(MOST).map(row).collect(),
        of: ranked.len(),
        unit: "classes",
    }
}

/// Pairs of a class and what it is taken for, mistakes first, then by count.
fn pairs(map: &HeatMap) -> Table {
    let grid = &map.grid;
    let mut pairs: Vec<(bool, u64, usize, usize)> = Vec::new();
    for (row, counts) in grid.rows.iter().enumerate() {
        let right = |column: usize| grid.classes.get(column) == Some(&grid.labels[row]);
        let there = counts.iter().enumerate().filter(|(_, count)| **count > 0);
        pairs.extend(there.map(|(column, count)| (right(column), *count, row, column)));
    }
    pairs.sort_by(|one, other| one.0.cmp(&other.0).then(other.1.cmp(&one.1)).then(one.2.cmp(&other.2)));
    let row = |(right, count, row, column): &(bool, u64, usize, usize)| {
        let share = *count as f64 / grid.rows[*row].iter().sum::<u64>() as f64;
        words([
            &grid.names[*row],
            &grid.columns[*column],
            if *right { "✓" } else { "✗" },
            &number(*count as f64, 0),
            &format!("{:.1} %", share * 100.0),
        ])
    };
    Table {
        name: "pairs of classes, mistakes first".to_owned(),
        header: words(["True class", "Predicted", "Right", "Queries", "Share of the class"]),
        rows: pairs.iter().take(MOST).map(row).collect(),
        of: pairs.len(),
        unit: "pairs",
    }
}

/// The most frequent mistakes of all classes, where the matrix shows some.
fn worst_pairs(blocks: &Blocks) -> Table {
    let row = |pair: &Pair| {
        words([
            &pair.names.0,
            &pair.names.1,
            &number(pair.count as f64, 0),
            &format!("{:.1} %", pair.count as f64 / pair.of.max(1) as f64 * 100.0),
        ])
    };
    Table {
        name: "the most frequent mistakes of all classes".to_owned(),
        header: words(["True class", "Predicted", "Queries", "Share of the class"]),
        rows: blocks.pairs.iter().take(MOST).map(row).collect(),
        of: blocks.pairs_of,
        unit: "pairs",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figure::body::{Axis, Room};

    #[test]
    fn of_many_points_some_are_shown_with_both_ends() {
        assert_eq!(some(3), [0, 1, 2]);
        let places = some(100_000);
        assert_eq!((places.len(), places[0], places[MOST - 1]), (MOST, 0, 99_999));
        assert!(places.is_sorted_by(|one, other| one < other));
        let cells = [12_000.0, 0.25, 0.001_37, 0.0484, 1e-5, f64::NAN, -3.0].map(cell);
        assert_eq!(cells, ["12,000", "0.2500", "0.001370", "0.04840", "1.000e−5", "NaN", "−3"]);
    }

    #[test]
    fn curves_of_the_same_places_share_tables_that_can_be_read() {
        let series = |name: &str, places: &[f64]| {
            let points = places.iter().map(|at| (*at, 2.0 * at)).collect();
            Series::new(name, points, crate::theme::INK, 1.0)
        };
        let axis = |title: &str| Axis { title: title.to_owned(), range: 0.0..9.0, digits: 1 };
        let alike = (0..=COLUMNS).map(|at| series(&format!("run {at}"), &[1.0, 2.0]));
        let lines = Lines {
            room: Room { size: (100, 100), above: 0.0, right: 0.0, legend: 0.0 },
            x: axis("x"),
            y: axis("y"),
            rules: Vec::new(),
            series: alike.chain([series("other", &[1.0, 3.0]), series("helping", &[1.0, 2.0]).unlisted()]).collect(),
            empty: None,
        };
        let found = curves(&lines);
        let columns: Vec<usize> = found.iter().map(|table| table.header.len()).collect();
        assert_eq!(columns, [COLUMNS + 1, 2, 2]);
        assert_eq!((found[2].name.as_str(), &found[2].rows[1]), ("other", &words(["3", "6"])));
    }
}
