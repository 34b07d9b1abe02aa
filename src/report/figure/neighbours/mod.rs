//! `neighbours`: queries beside the images that the index finds for them.

mod order;
mod picture;

use std::collections::BTreeMap;

use simpipe_artifact::{MatchRow, Neighbour};
use simpipe_base::check;
use simpipe_base::param;
use simpipe_base::{choice, params};

use super::body::{Body, Gallery, Strip, Tile, Tone};
use super::plot::{Part, Plot};
use super::{Figure, count_of};
use crate::canvas::Canvas;
use crate::data::Overlap;
use crate::{ReportData, ReportError, Stop, chart};

params! {
    /// Queries in a row.
    pub struct QueryRange {
        /// The first, from 0.
        #[aka("start", "from", "first", "offset")]
        begin: usize = 0 => check::count(0),
        /// How many.
        size: usize => check::between(1, 200),
    }
}

choice! {
    /// The order of the strips.
    pub enum Order {
        /// By true class, then by position.
        "label" => Label,
        /// By position in the pool.
        "position" => Position,
        /// Wrong labels first, the most certain ones on top; then right ones, the least certain on top. The slice
        /// then counts places in this order over all queries.
        "worst" => Worst,
        /// Right labels first, the most certain ones on top; then wrong ones, the least certain on top. The slice then
        /// counts places in this order over all queries.
        "best" => Best,
        /// By chance, as `seed` draws it. The slice then counts places in this order over all queries.
        "random" => Random,
    }
}

params! {
    /// Queries with their nearest neighbours, one strip each.
    pub struct Neighbours {
        /// Which queries; the first ten if it is left out.
        #[aka("range", "subset", "positions", "rows")]
        slice: Option<QueryRange> = None,
        /// Neighbours of each.
        #[aka("top_k", "n_neighbors", "num_neighbors", "neighbors", "neighbours")]
        k: usize = 5 => check::between(1, 20),
        /// The order of the strips.
        order: Order = Order::Label,
        /// What `random` is drawn from.
        #[aka("random_state")]
        seed: u64 = 0,
    }
}

impl Plot for Neighbours {
    fn needs(&self) -> &'static [&'static str] {
        &["matches"]
    }

    fn part(&self) -> Part {
        Part::Neighbours
    }

    fn images(&self, data: &ReportData) -> Vec<u64> {
        self.asked(data)
    }

    fn build(&self, data: &ReportData, _: Stop<'_>) -> Result<Figure, ReportError> {
        Ok(self.built(data))
    }

    fn paint(&self, figure: &Figure, data: &ReportData, stop: Stop<'_>) -> Result<Canvas, ReportError> {
        self.painted(figure, figure.gallery()?, data, stop)
    }
}

impl Neighbours {
    /// Neighbours that are shown where nothing is said.
    #[must_use]
    pub fn default_k() -> usize {
        param::defaults::<Self>().k
    }

    fn asked(&self, data: &ReportData) -> Vec<u64> {
        let shown = self.queries(data);
        let neighbours = |row: &MatchRow| row.neighbours.iter().take(self.k).map(|n| n.example_id).collect::<Vec<_>>();
        shown.iter().flat_map(|row| std::iter::once(row.query_id).chain(neighbours(row))).collect()
    }

    fn built(&self, data: &ReportData) -> Figure {
        let shown = self.queries(data);
        let order = match self.order {
            Order::Label => "ordered by class",
            Order::Position => "in the order of the pool",
            Order::Worst => "most certain mistakes first",
            Order::Best => "most certain right answers first",
            Order::Random => "drawn by chance",
        };
        let title = match self.order {
            Order::Label | Order::Position => "Nearest neighbours",
            Order::Worst => "Nearest neighbours: the worst queries",
            Order::Best => "Nearest neighbours: the best queries",
            Order::Random => "Nearest neighbours: queries by chance",
        };
        let subtitle = format!(
            "{}, {order}, each with its {} in an index of {}; under an image its class and {} distance; {}",
            count_of(shown.len(), "query", "queries"),
            count_of(self.k, "nearest neighbour", "nearest neighbours"),
            chart::number(data.index_info.count as f64, 0),
            data.calibration.distance_metric.name(),
            data.cutpoint_words()
        );
        let overlap = data.overlap();
        let gallery = Gallery {
            strips: shown.iter().map(|row| self.strip(data, &overlap, row)).collect(),
            of: data.matches.0.len(),
            unit: ("query", "queries"),
            empty: "There are no queries to show.".to_owned(),
        };
        let (right, all) = tally(&shown, self.k);
        let first = shown.iter().filter(|row| row.neighbours.first().is_some_and(|n| n.label == row.label)).count();
        Figure {
            title: title.to_owned(),
            subtitle,
            alt: format!(
                "{} with their neighbours: the nearest has the query's class for {first} of {}, and {right} of all \
                 {all} neighbours shown have it",
                count_of(shown.len(), "query", "queries"),
                shown.len()
            ),
            reading: "A blue frame and ✓ mark a neighbour of the query's class, an orange frame and ✗ one of another."
                .to_owned(),
            numbers: BTreeMap::from([
                ("queries".to_owned(), shown.len() as f64),
                ("right_neighbours".to_owned(), right as f64),
                ("neighbours".to_owned(), all as f64),
            ]),
            body: Body::Gallery(gallery),
        }
    }

    /// A query with what it was given, then its neighbours.
    fn strip(&self, data: &ReportData, overlap: &Overlap<'_>, row: &MatchRow) -> Strip {
        let verdict = match row.predicted {
            Some(label) if row.matched => format!("→ {}", data.class(label)),
            _ => format!("→ {}", data.unknown()),
        };
        let words = vec![(data.class(row.label).to_owned(), Tone::Name), (verdict, Tone::Muted)];
        let query = Tile { id: row.query_id, verdict: None, words };
        let neighbours = row.neighbours.iter().take(self.k).map(|found| neighbour(data, overlap, row, found));
        Strip { tiles: std::iter::once(query).chain(neighbours).collect(), note: None }
    }
}

/// A neighbour with whether it has the query's class, and its distance.
fn neighbour(data: &ReportData, overlap: &Overlap<'_>, row: &MatchRow, found: &Neighbour) -> Tile {
    let right = found.label == row.label;
    let mark = if right { "✓" } else { "✗" };
    let itself = if overlap.is_self(row, found) { ", itself" } else { "" };
    let words = vec![
        (format!("{mark} {}", data.class(found.label)), Tone::of(right)),
        (format!("{}{itself}", chart::short(f64::from(found.distance))), Tone::Plain),
    ];
    Tile { id: found.example_id, verdict: Some(right), words }
}

/// Neighbours of the right class, and all, among those shown.
fn tally(shown: &[&MatchRow], k: usize) -> (usize, usize) {
    let right = |row: &&MatchRow| row.neighbours.iter().take(k).filter(|n| n.label == row.label).count();
    let all = |row: &&MatchRow| row.neighbours.len().min(k);
    (shown.iter().map(right).sum(), shown.iter().map(all).sum())
}
