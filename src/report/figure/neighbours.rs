//! `neighbours`: queries beside the images that the index finds for them.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use rand_chacha::rand_core::Rng;

use super::body::{Body, Gallery, Strip, Tile, Tone};
use super::plot::{Part, Plot};
use super::{Figure, count_of};
use crate::canvas::{Align, Area, Canvas, Pen};
use crate::data::Overlap;
use crate::error::go_on;
use crate::{ReportData, ReportError, Stop, chart, text, theme};
use simpipe_artifact::{MatchRow, Neighbour};
use simpipe_base::check;
use simpipe_base::param;
use simpipe_base::seed::Seed;
use simpipe_base::{choice, params};

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

const SIDE: f64 = 160.0;
const COLUMN: f64 = SIDE + 34.0;
/// Of a line under an image: what stands beside it begins apart.
const ROOM: f64 = COLUMN - 12.0;
const STRIP: f64 = SIDE + 92.0;
/// Between a query and its neighbours.
const GAP: f64 = 44.0;

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

    /// The queries shown, in order.
    pub fn queries<'a>(&self, data: &'a ReportData) -> Vec<&'a MatchRow> {
        let mut rows: Vec<&MatchRow> = data.matches.0.iter().collect();
        match self.order {
            Order::Worst | Order::Best => rows.sort_by(|one, other| self.by_verdict(data, one, other)),
            Order::Random => shuffle(&mut rows, self.seed),
            Order::Label | Order::Position => {}
        }
        let (begin, size) = self.slice.as_ref().map_or((0, 10), |slice| (slice.begin, slice.size));
        let mut shown: Vec<&MatchRow> = rows.into_iter().skip(begin).take(size).collect();
        if self.order == Order::Label {
            shown.sort_by_key(|row| row.label);
        }
        shown
    }

    /// Queries with the verdict that is asked for first, the most certain of them on top; of the others the least certain.
    fn by_verdict(&self, data: &ReportData, one: &MatchRow, other: &MatchRow) -> Ordering {
        let wanted = |row: &MatchRow| (row.predicted == Some(row.label)) == (self.order == Order::Best);
        let certain = if data.calibration.distance_metric.larger_is_nearer() {
            other.distance.total_cmp(&one.distance)
        } else {
            one.distance.total_cmp(&other.distance)
        };
        wanted(other).cmp(&wanted(one)).then(if wanted(one) { certain } else { certain.reverse() })
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

    fn painted(
        &self,
        figure: &Figure,
        gallery: &Gallery,
        data: &ReportData,
        stop: Stop<'_>,
    ) -> Result<Canvas, ReportError> {
        let strips = &gallery.strips;
        let width = (2.0 * theme::MARGIN + SIDE + GAP + self.k as f64 * COLUMN - (COLUMN - SIDE)).max(900.0);
        let top = Canvas::header_height(width, &figure.title, &figure.subtitle) + 42.0;
        let height = top + strips.len().max(1) as f64 * STRIP + theme::MARGIN / 2.0;
        let mut canvas = Canvas::new(width as u32, height as u32);
        canvas.header(&figure.title, &figure.subtitle);
        self.column_titles(&mut canvas, top - 24.0);
        for (at, strip) in strips.iter().enumerate() {
            go_on(stop)?;
            paint_strip(&mut canvas, data, strip, top + at as f64 * STRIP)?;
        }
        if strips.is_empty() {
            chart::nothing(&mut canvas, Area::new(0.0, top, width, STRIP), &gallery.empty);
        }
        Ok(canvas)
    }

    fn column_titles(&self, canvas: &mut Canvas, y: f64) {
        let pen = Pen::new(theme::LABEL, theme::INK).bold().align(Align::Centre);
        canvas.text("Query", theme::MARGIN + SIDE / 2.0, y, pen);
        let pen = Pen::new(theme::LABEL, theme::MUTED).align(Align::Centre);
        for rank in 0..self.k {
            let name = if rank == 0 { "Nearest".to_owned() } else { ordinal(rank + 1) };
            canvas.text(&name, column(rank) + SIDE / 2.0, y, pen);
        }
    }
}

/// The same order for the same seed and the same number of queries (Fisher and Yates).
fn shuffle(rows: &mut [&MatchRow], seed: u64) {
    let mut rng = Seed::of_stage(seed, "report", Some("neighbours")).rng("order", &[]);
    for at in (1..rows.len()).rev() {
        rows.swap(at, ((u64::from(rng.next_u32()) * (at as u64 + 1)) >> 32) as usize);
    }
}

/// A neighbour with whether it has the query's class, and its distance.
fn neighbour(data: &ReportData, overlap: &Overlap<'_>, row: &MatchRow, found: &Neighbour) -> Tile {
    let right = found.label == row.label;
    let mark = if right { "✓" } else { "✗" };
    let itself = if overlap.is_self(row, found) { ", itself" } else { "" };
    let words = vec![
        (format!("{mark} {}", data.class(found.label)), Tone::of(right)),
        (format!("{:.4}{itself}", found.distance), Tone::Plain),
    ];
    Tile { id: found.example_id, verdict: Some(right), words }
}

fn paint_strip(canvas: &mut Canvas, data: &ReportData, strip: &Strip, y: f64) -> Result<(), ReportError> {
    for (at, tile) in strip.tiles.iter().enumerate() {
        let x = if at == 0 { theme::MARGIN } else { column(at - 1) };
        let area = canvas.image(data.image(tile.id)?, x, y, SIDE);
        if let Some(right) = tile.verdict {
            canvas.frame(area, 5.0, theme::tone(Tone::of(right)));
        }
        for ((words, tone), down) in tile.words.iter().zip([24.0, 50.0]) {
            let pen = Pen::new(theme::LABEL, theme::tone(*tone)).bold().align(Align::Centre);
            let small = Pen::new(theme::SMALL, theme::tone(*tone)).align(Align::Centre);
            let pen = match tone {
                Tone::Name | Tone::Right | Tone::Wrong => pen,
                Tone::Plain | Tone::Muted => small,
            };
            // With its mark a name is cut as without: both of its ends tell it from others.
            let words = text::fit_name(words, pen.size, pen.weight, ROOM);
            canvas.text(&words, x + SIDE / 2.0, y + SIDE + down, pen);
        }
    }
    Ok(())
}

fn column(rank: usize) -> f64 {
    theme::MARGIN + SIDE + GAP + rank as f64 * COLUMN
}

/// `2nd`, `3rd`, `4th`, .., `11th`.
fn ordinal(number: usize) -> String {
    let ending = match (number % 10, number % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{number}{ending}")
}

/// Neighbours of the right class, and all, among those shown.
fn tally(shown: &[&MatchRow], k: usize) -> (usize, usize) {
    let right = |row: &&MatchRow| row.neighbours.iter().take(k).filter(|n| n.label == row.label).count();
    let all = |row: &&MatchRow| row.neighbours.len().min(k);
    (shown.iter().map(right).sum(), shown.iter().map(all).sum())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic;

    #[test]
    fn ranks_are_spelled_as_people_say_them() {
        let spelled: Vec<String> = [1, 2, 3, 4, 11, 12, 21, 112].map(ordinal).to_vec();
        assert_eq!(spelled, ["1st", "2nd", "3rd", "4th", "11th", "12th", "21st", "112th"]);
    }

    #[test]
    fn the_worst_queries_are_certain_mistakes() {
        let mut data = synthetic::small();
        for (row, (predicted, distance)) in
            data.matches.0.iter_mut().zip([(1, 0.1), (0, 0.2), (9, 0.3), (9, 0.05), (0, 0.4)])
        {
            (row.label, row.predicted, row.distance) = (0, Some(predicted), distance);
        }
        data.matches.0.truncate(5);
        let slice = Some(QueryRange { begin: 1, size: 3 });
        let worst = Neighbours { slice, k: 1, order: Order::Worst, seed: 0 };
        let distances: Vec<f32> = worst.queries(&data).iter().map(|row| row.distance).collect();
        assert_eq!(distances, [0.1, 0.3, 0.4]);
        let best = Neighbours { slice: None, k: 1, order: Order::Best, seed: 0 };
        let distances: Vec<f32> = best.queries(&data).iter().map(|row| row.distance).collect();
        assert_eq!(distances, [0.2, 0.4, 0.3, 0.1, 0.05]);
    }

    #[test]
    fn chance_is_the_same_for_the_same_seed_and_leaves_no_query_out() {
        let data = synthetic::with(5, 60, simpipe_artifact::ImageShape { height: 4, width: 4, channels: 1 });
        let drawn = |seed| {
            let slice = Some(QueryRange { begin: 0, size: 60 });
            let order = Neighbours { slice, k: 1, order: Order::Random, seed };
            order.queries(&data).iter().map(|row| row.query_id).collect::<Vec<u64>>()
        };
        let mut all = drawn(0);
        assert_eq!(all, drawn(0));
        assert_ne!(all, drawn(1));
        all.sort_unstable();
        assert_eq!(all, data.matches.0.iter().map(|row| row.query_id).collect::<Vec<u64>>());
    }
}
