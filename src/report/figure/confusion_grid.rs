//! The part of a confusion matrix that a picture shows.

use std::collections::{BTreeMap, BTreeSet};

use simpipe_artifact::ConfusionCell;

use crate::ReportData;

/// Classes up to which all are shown.
const ALL: usize = 100;
/// Rows that are shown of more classes than [`ALL`]: few enough for numbers in the cells.
const ROWS: usize = 30;
/// Columns beside those of the rows' own classes: what the rows are taken for most.
const FURTHER: usize = 8;

/// Rows of counts by true class. Columns are the classes shown, then other classes where some are left out, then no
/// match.
#[derive(Debug, Clone)]
pub(crate) struct Grid {
    /// The labels of the rows, in order.
    pub(crate) labels: Vec<i32>,
    /// The names of the rows.
    pub(crate) names: Vec<String>,
    /// The labels of the columns that are classes, in order.
    pub(crate) classes: Vec<i32>,
    /// The names of all columns.
    pub(crate) columns: Vec<String>,
    /// Counts, row after row.
    pub(crate) rows: Vec<Vec<u64>>,
    /// Classes that queries have or are taken for, also those left out.
    pub(crate) of: usize,
    /// Queries, also of classes left out.
    pub(crate) queries: u64,
    /// Queries that are given their own class.
    pub(crate) right: u64,
    /// Queries without a match.
    pub(crate) unknown: u64,
}

impl Grid {
    /// Rows are the classes that queries have, columns these and what queries are taken for. Where they are more than
    /// [`ALL`], only the rows with most wrong matches are shown, ties by queries, then by label.
    pub(crate) fn of(data: &ReportData) -> Self {
        let cells: Vec<&ConfusionCell> = data.confusion.0.iter().filter(|cell| cell.count > 0).collect();
        let count = |test: fn(&ConfusionCell) -> bool| {
            cells.iter().filter(|cell| test(cell)).map(|cell| cell.count).sum::<u64>()
        };
        let everything: BTreeSet<i32> =
            cells.iter().flat_map(|cell| [Some(cell.label), cell.predicted]).flatten().collect();
        let (labels, classes) = if everything.len() > ALL {
            most_confused(&cells)
        } else {
            (cells.iter().map(|cell| cell.label).collect(), everything.clone())
        };
        let name = |label: &i32| data.class(*label).to_owned();
        let others = (classes.len() < everything.len()).then(|| "other classes".to_owned());
        let columns: Vec<String> = classes.iter().map(name).chain(others).chain([data.unknown().to_owned()]).collect();
        let mut grid = Self {
            names: labels.iter().map(name).collect(),
            rows: vec![vec![0; columns.len()]; labels.len()],
            labels: labels.into_iter().collect(),
            classes: classes.into_iter().collect(),
            columns,
            of: everything.len(),
            queries: count(|_| true),
            right: count(|cell| cell.predicted == Some(cell.label)),
            unknown: count(|cell| cell.predicted.is_none()),
        };
        grid.fill(&cells);
        grid
    }

    fn fill(&mut self, cells: &[&ConfusionCell]) {
        for cell in cells {
            if let Some((row, column)) = self.cell(cell.label, cell.predicted) {
                self.rows[row][column] += cell.count;
            }
        }
    }

    /// The row and the column of a query; `None` where its class is left out.
    pub(crate) fn cell(&self, label: i32, predicted: Option<i32>) -> Option<(usize, usize)> {
        let row = self.labels.binary_search(&label).ok()?;
        let column = match predicted {
            // Where no class is left out there is no other column for one.
            Some(label) => self.classes.binary_search(&label).unwrap_or(self.classes.len()),
            None => self.columns.len() - 1,
        };
        Some((row, column))
    }

    /// Whether classes are left out.
    pub(crate) fn is_part(&self) -> bool {
        self.classes.len() < self.of
    }

    /// For each row what its counts are shares of: its sum, or the largest count of all rows.
    pub(crate) fn scales(&self, normalize: bool) -> Vec<u64> {
        let largest = self.largest();
        self.rows.iter().map(|row| if normalize { row.iter().sum() } else { largest }).collect()
    }

    /// The largest count.
    pub(crate) fn largest(&self) -> u64 {
        self.rows.iter().flatten().copied().max().unwrap_or(0)
    }
}

/// The rows with most wrong matches, and their columns.
fn most_confused(cells: &[&ConfusionCell]) -> (BTreeSet<i32>, BTreeSet<i32>) {
    let wrong = |cell: &ConfusionCell| cell.predicted.is_some_and(|predicted| predicted != cell.label);
    let mut interests: BTreeMap<i32, (u64, u64)> = BTreeMap::new();
    for cell in cells {
        let (confused, queries) = interests.entry(cell.label).or_default();
        *confused += if wrong(cell) { cell.count } else { 0 };
        *queries += cell.count;
    }
    let labels = first(interests, ROWS);
    let mut taken_for: BTreeMap<i32, u64> = BTreeMap::new();
    for cell in cells.iter().filter(|cell| labels.contains(&cell.label)) {
        if let Some(predicted) = cell.predicted.filter(|predicted| !labels.contains(predicted)) {
            *taken_for.entry(predicted).or_default() += cell.count;
        }
    }
    let further = first(taken_for, FURTHER);
    let classes = labels.union(&further).copied().collect();
    (labels, classes)
}

/// The labels with the largest values; ties by label.
fn first<T: Ord>(values: BTreeMap<i32, T>, count: usize) -> BTreeSet<i32> {
    let mut ranked: Vec<(i32, T)> = values.into_iter().collect();
    // Stable: equal values stay in the order of their labels.
    ranked.sort_by(|one, other| other.1.cmp(&one.1));
    ranked.into_iter().take(count).map(|(label, _)| label).collect()
}

#[cfg(test)]
mod tests {
    use simpipe_artifact::{Confusion, ConfusionCell};

    use super::*;
    use crate::synthetic;

    fn grid(cells: &[(i32, Option<i32>, u64)]) -> Grid {
        let mut data = synthetic::small();
        data.dataset.classes = (0..1000).map(|label| format!("Class {label}")).collect();
        let cell = |&(label, predicted, count)| ConfusionCell { label, predicted, count };
        data.confusion = Confusion(cells.iter().map(cell).collect());
        Grid::of(&data)
    }

    #[test]
    fn rows_are_classes_of_queries_and_columns_also_what_they_are_taken_for() {
        let grid = grid(&[(3, Some(3), 5), (3, Some(700), 2), (9, None, 1), (8, Some(3), 0)]);
        assert_eq!((&grid.names[..], &grid.labels[..]), (&["Class 3", "Class 9"].map(str::to_owned)[..], &[3, 9][..]));
        assert_eq!(grid.columns, ["Class 3", "Class 9", "Class 700", "Unknown"]);
        assert_eq!(grid.rows, [[5, 0, 2, 0], [0, 0, 0, 1]]);
        assert_eq!((grid.queries, grid.right, grid.unknown, grid.is_part()), (8, 5, 1, false));
        assert_eq!((grid.scales(true), grid.scales(false)), (vec![7, 1], vec![5, 5]));
    }

    #[test]
    fn of_many_classes_those_with_most_wrong_matches_are_shown() {
        // Each of 200 classes has two right queries; 150 is taken for 7 thrice, 5 for 151 once; 199 has most queries.
        let mut cells: Vec<(i32, Option<i32>, u64)> = (0..200).map(|label| (label, Some(label), 2)).collect();
        cells.extend([(150, Some(7), 3), (5, Some(151), 1), (199, None, 9), (150, Some(180), 1)]);
        let grid = grid(&cells);
        assert_eq!((grid.of, grid.labels.len(), grid.is_part()), (200, ROWS, true));
        assert!([150, 5, 199, 0, 1, 26].iter().all(|label| grid.labels.contains(label)), "{:?}", grid.labels);
        assert!(grid.labels.is_sorted() && !grid.labels.contains(&28) && grid.classes.is_sorted());
        // 7 is a row by itself; 151 and 180 are what rows are taken for.
        assert_eq!(grid.classes.len(), ROWS + 2);
        assert_eq!((grid.queries, grid.right, grid.unknown), (414, 400, 9));
        let row = &grid.rows[grid.labels.binary_search(&150).unwrap()];
        assert_eq!((row.iter().sum::<u64>(), row[grid.classes.len()]), (6, 0));
        assert_eq!(grid.columns[ROWS + 2..], ["other classes", "Unknown"]);
    }

    #[test]
    fn queries_of_classes_that_the_index_lacks_are_shown_too() {
        // 300 classes, each taken for another one that has no queries, the first ten of which attract twice as much.
        let cells: Vec<_> = (0..300).flat_map(|at| [(at, Some(500 + at), 1), (at, Some(800 + at % 10), 1)]).collect();
        let grid = grid(&cells);
        assert_eq!((grid.of, grid.labels.len(), grid.classes.len()), (610, ROWS, ROWS + FURTHER));
        assert_eq!(grid.labels, (0..30).collect::<Vec<_>>());
        assert_eq!(grid.classes[ROWS..], [800, 801, 802, 803, 804, 805, 806, 807]);
        assert!(grid.rows.iter().all(|row| row.iter().sum::<u64>() == 2), "{:?}", grid.rows);
        assert_eq!(grid.rows[0][ROWS..], [1, 0, 0, 0, 0, 0, 0, 0, 1, 0]);
        assert_eq!(grid.rows[8][ROWS..], [0, 0, 0, 0, 0, 0, 0, 0, 2, 0]);
    }
}
