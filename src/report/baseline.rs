//! What the embedding is compared with: chance and raw pixels, on the same queries and the same index.

use std::collections::BTreeMap;

use simpipe_artifact::MatchRow;

use super::raw::{RawPixels, raw_pixels};
use super::{ReportData, ReportError, Stop};

/// The embedding beside what needs no training.
#[derive(Debug, Clone, PartialEq)]
pub struct Baselines {
    /// Queries that all rows are about: those with a neighbour that is not themselves.
    pub queries: usize,
    /// The share of them that the embedding's nearest other image has the class of.
    pub embedding: Option<f64>,
    /// The same for raw pixels.
    pub raw_pixels: RawPixels,
    /// The share of the largest class: what always guessing it would give.
    pub chance: Option<f64>,
    /// One over the number of classes among them.
    pub uniform: Option<f64>,
}

/// The share of the largest class among labels, and one over the number of classes; `None` if there are none.
#[must_use]
pub fn chance(labels: impl IntoIterator<Item = i32>) -> Option<(f64, f64)> {
    let mut counts: BTreeMap<i32, usize> = BTreeMap::new();
    for label in labels {
        *counts.entry(label).or_default() += 1;
    }
    let largest = *counts.values().max()?;
    let all: usize = counts.values().sum();
    Some((largest as f64 / all as f64, 1.0 / counts.len() as f64))
}

/// The queries that have a neighbour other than themselves, each with whether the nearest such has its class.
///
/// `match` keeps a few neighbours of each query: one whose kept neighbours are all itself is left out, here and in
/// the baselines, so that all are about the same queries.
#[must_use]
pub fn lookup_without_self(data: &ReportData) -> Vec<(&MatchRow, bool)> {
    let overlap = data.overlap();
    let of = |row| overlap.nearest_other(row).map(|neighbour| (row, neighbour.label == row.label));
    data.matches.0.iter().filter_map(of).collect()
}

impl Baselines {
    /// Computes all of them; `data` must hold the images of queries and index.
    ///
    /// # Errors
    /// If the user asked to stop.
    pub fn of(data: &ReportData, stop: Stop<'_>) -> Result<Self, ReportError> {
        let looked_up = lookup_without_self(data);
        let queries: Vec<&MatchRow> = looked_up.iter().map(|(row, _)| *row).collect();
        let right = looked_up.iter().filter(|(_, right)| *right).count();
        let chance = chance(queries.iter().map(|row| row.label));
        Ok(Self {
            queries: queries.len(),
            embedding: (!queries.is_empty()).then(|| right as f64 / queries.len() as f64),
            raw_pixels: raw_pixels(data, &queries, stop)?,
            chance: chance.map(|(largest, _)| largest),
            uniform: chance.map(|(_, uniform)| uniform),
        })
    }

    /// The numbers by name, for `metrics.json`.
    #[must_use]
    pub fn numbers(&self) -> BTreeMap<String, f64> {
        let raw = if let RawPixels::Accuracy(accuracy) = self.raw_pixels { Some(accuracy) } else { None };
        let all = [
            ("embedding", self.embedding),
            ("raw_pixels", raw),
            ("chance", self.chance),
            ("uniform", self.uniform),
            ("queries", Some(self.queries as f64)),
        ];
        all.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic;

    #[test]
    fn chance_is_the_largest_class() {
        assert_eq!(chance([0, 0, 0, 2]), Some((0.75, 0.5)));
        assert_eq!(chance([]), None);
    }

    #[test]
    fn self_matches_are_skipped() {
        let mut data = synthetic::small();
        data.matches.0.truncate(1);
        let row = &mut data.matches.0[0];
        row.label = 3;
        row.neighbours.truncate(2);
        row.neighbours[0].example_id = row.query_id;
        row.neighbours[0].label = 3;
        row.neighbours[1].example_id = row.query_id + 1000;
        row.neighbours[1].label = 5;
        assert_eq!(lookup_without_self(&data).iter().map(|(_, right)| *right).collect::<Vec<_>>(), [false]);
        data.matches.0[0].neighbours.truncate(1);
        assert!(lookup_without_self(&data).is_empty());
        let baselines = Baselines::of(&data, &|| false).unwrap();
        assert_eq!((baselines.queries, baselines.embedding, baselines.chance), (0, None, None));
    }
}
