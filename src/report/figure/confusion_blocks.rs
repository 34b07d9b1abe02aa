//! A confusion matrix of more classes than can be shown, in blocks of as many classes each, and its worst pairs.

use std::collections::BTreeSet;

use simpipe_artifact::ConfusionCell;

use crate::ReportData;

/// Blocks along a side at most.
const SIDE: usize = 50;
/// Pairs that are kept.
const PAIRS: usize = 200;

/// The whole matrix in blocks: neighbouring classes, in the order of their labels, are counted together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Blocks {
    /// Classes of a block; of the last one perhaps fewer.
    pub(crate) size: usize,
    /// What each block is called: its first class and its last.
    pub(crate) names: Vec<String>,
    /// Counts, row after row; the last column is no match.
    pub(crate) rows: Vec<Vec<u64>>,
    /// Of the queries on the diagonal, those that are given their own class and not another of the block.
    pub(crate) right: Vec<u64>,
    /// The most frequent mistakes, of all classes.
    pub(crate) pairs: Vec<Pair>,
    /// Mistakes that there are, each pair counted once.
    pub(crate) pairs_of: usize,
}

/// A class and what its queries are taken for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pair {
    /// The block of either; that of no match is one more than there are.
    pub(crate) at: (usize, usize),
    pub(crate) names: (String, String),
    pub(crate) count: u64,
    /// Queries of the class.
    pub(crate) of: u64,
}

impl Blocks {
    /// Of all classes that queries have or are taken for.
    pub(super) fn of(data: &ReportData, cells: &[&ConfusionCell], classes: &BTreeSet<i32>) -> Self {
        let labels: Vec<i32> = classes.iter().copied().collect();
        let size = labels.len().div_ceil(SIDE).max(1);
        let count = labels.len().div_ceil(size);
        let block = |label: &i32| labels.binary_search(label).map_or(0, |at| at / size);
        let mut blocks = Self {
            size,
            names: labels.chunks(size).map(|some| name(data, some)).collect(),
            rows: vec![vec![0; count + 1]; count],
            right: vec![0; count],
            pairs: Vec::new(),
            pairs_of: 0,
        };
        let mut queries = vec![0_u64; labels.len()];
        for cell in cells {
            let row = block(&cell.label);
            blocks.rows[row][cell.predicted.as_ref().map_or(count, block)] += cell.count;
            blocks.right[row] += if cell.predicted == Some(cell.label) { cell.count } else { 0 };
            if let Ok(at) = labels.binary_search(&cell.label) {
                queries[at] += cell.count;
            }
        }
        let mut wrong: Vec<&&ConfusionCell> =
            cells.iter().filter(|cell| cell.predicted.is_some_and(|predicted| predicted != cell.label)).collect();
        wrong.sort_by_key(|cell| (std::cmp::Reverse(cell.count), cell.label, cell.predicted));
        blocks.pairs_of = wrong.len();
        let pair = |cell: &&&ConfusionCell| Pair {
            at: (block(&cell.label), cell.predicted.as_ref().map_or(count, block)),
            names: (
                data.class(cell.label).to_owned(),
                cell.predicted.map_or(data.unknown(), |predicted| data.class(predicted)).to_owned(),
            ),
            count: cell.count,
            of: labels.binary_search(&cell.label).map_or(0, |at| queries[at]),
        };
        blocks.pairs = wrong.iter().take(PAIRS).map(pair).collect();
        blocks
    }
}

fn name(data: &ReportData, labels: &[i32]) -> String {
    match labels {
        [] => String::new(),
        [one] => data.class(*one).to_owned(),
        [first, .., last] => format!("{} … {}", data.class(*first), data.class(*last)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic;

    #[test]
    fn blocks_hold_every_query_and_pairs_are_of_all_classes() {
        let mut data = synthetic::small();
        data.dataset.classes = (0..230).map(|label| format!("Class {label}")).collect();
        let mut cells: Vec<ConfusionCell> =
            (0..230).map(|label| ConfusionCell { label, predicted: Some(label), count: 2 }).collect();
        cells.push(ConfusionCell { label: 7, predicted: Some(229), count: 5 });
        cells.push(ConfusionCell { label: 8, predicted: Some(9), count: 3 });
        cells.push(ConfusionCell { label: 229, predicted: None, count: 4 });
        let classes: BTreeSet<i32> = (0..230).collect();
        let blocks = Blocks::of(&data, &cells.iter().collect::<Vec<_>>(), &classes);
        // 230 in 50 blocks are 5 each, which makes 46.
        assert_eq!((blocks.size, blocks.names.len(), blocks.rows[0].len()), (5, 46, 47));
        assert_eq!(blocks.names[1], "Class 5 … Class 9");
        assert_eq!(blocks.rows.iter().flatten().sum::<u64>(), 460 + 12);
        assert_eq!((blocks.rows[1][45], blocks.rows[1][1], blocks.right[1], blocks.rows[45][46]), (5, 13, 10, 4));
        let found: Vec<(&str, &str, u64, u64)> =
            blocks.pairs.iter().map(|pair| (&*pair.names.0, &*pair.names.1, pair.count, pair.of)).collect();
        assert_eq!(found, [("Class 7", "Class 229", 5, 7), ("Class 8", "Class 9", 3, 5)]);
        assert_eq!((blocks.pairs[0].at, blocks.pairs_of), ((1, 45), 2));
    }
}
