//! The part of a confusion matrix that a picture shows.

use std::collections::{BTreeMap, BTreeSet};

use crate::report::ReportData;

/// Classes up to which all are shown.
const ALL: usize = 100;
/// Classes that are shown of more than [`ALL`]: few enough for numbers in the cells.
pub(super) const SOME: usize = 30;

/// Rows of counts by true class. Columns are the classes shown, then other classes where some are left out, then no
/// match.
pub(super) struct Grid {
    /// Rows by true class: their labels, in order.
    pub(super) labels: Vec<i32>,
    /// The names of the rows.
    pub(super) names: Vec<String>,
    /// The labels of the columns that are classes, in order.
    pub(super) classes: Vec<i32>,
    /// The names of all columns.
    pub(super) columns: Vec<String>,
    /// Counts, row after row.
    pub(super) rows: Vec<Vec<u64>>,
    /// Classes that queries have or are given, also those left out.
    pub(super) of: usize,
    /// Queries, also of classes left out.
    pub(super) queries: u64,
    /// Queries that are given their own class.
    pub(super) right: u64,
    /// Queries without a match.
    pub(super) unknown: u64,
}

/// How much there is to see of a class: wrong matches that it takes part in, then queries.
type Interest = (u64, u64);

impl Grid {
    /// Rows are the classes that queries have, columns these and what queries are taken for; of more than [`ALL`] only
    /// those with most wrong matches, ties by queries, then by label.
    pub(super) fn of(data: &ReportData) -> Self {
        let mut interests: BTreeMap<i32, Interest> = BTreeMap::new();
        let (mut queries, mut right, mut unknown) = (0, 0, 0);
        for cell in data.confusion.0.iter().filter(|cell| cell.count > 0) {
            queries += cell.count;
            interests.entry(cell.label).or_default().1 += cell.count;
            match cell.predicted {
                None => unknown += cell.count,
                Some(label) if label == cell.label => right += cell.count,
                Some(label) => {
                    interests.entry(cell.label).or_default().0 += cell.count;
                    interests.entry(label).or_default().0 += cell.count;
                }
            }
        }
        let of = interests.len();
        let classes = shown(interests);
        let asked: BTreeSet<i32> =
            data.confusion.0.iter().filter(|cell| cell.count > 0).map(|cell| cell.label).collect();
        let labels: Vec<i32> = classes.iter().copied().filter(|label| asked.contains(label)).collect();
        let name = |label: &i32| data.class(*label).to_owned();
        let others = (classes.len() < of).then(|| "other classes".to_owned());
        let columns: Vec<String> =
            classes.iter().map(name).chain(others).chain([data.unknown().to_owned()]).collect();
        let names = labels.iter().map(name).collect();
        let mut grid = Self { rows: Vec::new(), labels, names, classes, columns, of, queries, right, unknown };
        grid.fill(data);
        grid
    }

    fn fill(&mut self, data: &ReportData) {
        self.rows = vec![vec![0; self.columns.len()]; self.labels.len()];
        for cell in &data.confusion.0 {
            let Ok(row) = self.labels.binary_search(&cell.label) else { continue };
            let column = match cell.predicted {
                // Where no class is left out there is no other column for one.
                Some(label) => self.classes.binary_search(&label).unwrap_or(self.classes.len()),
                None => self.columns.len() - 1,
            };
            self.rows[row][column] += cell.count;
        }
    }

    /// Whether classes are left out.
    pub(super) fn is_part(&self) -> bool {
        self.classes.len() < self.of
    }

    /// For each row what its counts are shares of: its sum, or the largest count of all rows.
    pub(super) fn scales(&self, normalize: bool) -> Vec<u64> {
        let largest = self.largest();
        self.rows.iter().map(|row| if normalize { row.iter().sum() } else { largest }).collect()
    }

    /// The largest count.
    pub(super) fn largest(&self) -> u64 {
        self.rows.iter().flatten().copied().max().unwrap_or(0)
    }
}

/// The labels of the classes to show, in order.
fn shown(interests: BTreeMap<i32, Interest>) -> Vec<i32> {
    let mut ranked: Vec<(i32, Interest)> = interests.into_iter().collect();
    if ranked.len() > ALL {
        // Stable, so that equal classes stay in the order of labels.
        ranked.sort_by(|one, other| other.1.cmp(&one.1));
        ranked.truncate(SOME);
    }
    let mut labels: Vec<i32> = ranked.into_iter().map(|(label, _)| label).collect();
    labels.sort_unstable();
    labels
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::{Confusion, ConfusionCell};
    use crate::report::synthetic;

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
        assert_eq!((grid.names.as_slice(), grid.labels.as_slice()), (["Class 3", "Class 9"].map(str::to_owned).as_slice(), [3, 9].as_slice()));
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
        assert_eq!((grid.of, grid.classes.len(), grid.is_part()), (200, SOME, true));
        for label in [5, 7, 150, 151, 180, 199, 0, 1] {
            assert!(grid.classes.contains(&label), "{label} is not among {:?}", grid.classes);
        }
        assert!(grid.classes.is_sorted() && !grid.classes.contains(&100));
        assert_eq!((grid.queries, grid.right, grid.unknown), (414, 400, 9));
        let row = grid.labels.binary_search(&150).unwrap();
        assert_eq!(grid.rows[row].iter().sum::<u64>(), 6);
        assert_eq!(grid.columns[SOME..], ["other classes", "Unknown"]);
    }

    #[test]
    fn predictions_left_out_count_as_other_classes() {
        let mut cells: Vec<(i32, Option<i32>, u64)> = (0..300).map(|label| (label, Some(label + 300), 1)).collect();
        cells.extend((0..40).map(|label| (label, Some(label), 1)));
        let grid = grid(&cells);
        assert_eq!((grid.of, grid.labels.len()), (600, SOME));
        // The classes 0..30 have one wrong match each, as all have, and most queries.
        assert!(grid.rows.iter().all(|row| row[SOME] == 1 && row[SOME + 1] == 0), "{:?}", grid.rows);
    }
}
