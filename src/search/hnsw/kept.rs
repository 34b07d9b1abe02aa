//! Where a graph's links lie: in the memory of a file, in one piece while it is built, or in pieces that copies share.

use arrow::buffer::ScalarBuffer;
use simpipe_artifact::Graph;

use super::super::pieces::Pieces;

/// Links that can be read.
pub(crate) trait Kept {
    /// Vectors.
    fn count(&self) -> usize;
    /// The highest layer of a vector; `None` where it is not there.
    fn level(&self, row: u32) -> Option<u8>;
    /// The lists of upper layers before a vector's own.
    fn before(&self, row: u32) -> u32;
    /// The places of a vector in the lowest layer.
    fn lowest(&self, row: u32, places: usize) -> &[u32];
    /// The places of a list of the upper layers.
    fn upper(&self, list: usize, places: usize) -> &[u32];
}

/// Links that can be changed.
pub(crate) trait Changed: Kept {
    /// The places of a vector in the lowest layer.
    fn lowest_mut(&mut self, row: u32, places: usize) -> &mut [u32];
    /// The places of a list of the upper layers.
    fn upper_mut(&mut self, list: usize, places: usize) -> &mut [u32];
}

/// Vectors that [`Before`] counts lists of at once.
const COUNTED: usize = 64;

/// The lists of upper layers before those of every 64th vector: all of them would take longer to count than an index takes to open.
#[derive(Debug, Clone)]
struct Before(Vec<u32>);

impl Before {
    fn new(levels: &[u8]) -> Self {
        let mut lists = 0_u32;
        let some = levels.chunks(COUNTED).map(|levels| {
            let before = lists;
            lists = lists.wrapping_add(sum(levels));
            before
        });
        Self(some.collect())
    }

    /// The lists before a vector's own.
    fn of(&self, levels: &[u8], row: usize) -> u32 {
        let first = row - row % COUNTED;
        self.0[row / COUNTED].wrapping_add(sum(&levels[first..row]))
    }
}

fn sum(levels: &[u8]) -> u32 {
    levels.iter().map(|level| u32::from(*level)).sum()
}

/// Links in one piece.
#[derive(Debug, Clone)]
pub(crate) struct Whole<N, B> {
    pub(super) levels: B,
    pub(super) lowest: N,
    pub(super) upper: N,
    before: Before,
}

/// Those of a file.
pub(super) type OfFile = Whole<ScalarBuffer<u32>, ScalarBuffer<u8>>;
/// Those of a graph that is built.
pub(super) type OfBuild = Whole<Vec<u32>, Vec<u8>>;

impl<N, B: std::ops::Deref<Target = [u8]>> Whole<N, B> {
    pub(super) fn new(levels: B, lowest: N, upper: N) -> Self {
        Self { before: Before::new(&levels), levels, lowest, upper }
    }
}

impl<N: std::ops::Deref<Target = [u32]>, B: std::ops::Deref<Target = [u8]>> Kept for Whole<N, B> {
    fn count(&self) -> usize {
        self.levels.len()
    }

    #[inline]
    fn level(&self, row: u32) -> Option<u8> {
        self.levels.get(row as usize).copied()
    }

    fn before(&self, row: u32) -> u32 {
        self.before.of(&self.levels, row as usize)
    }

    #[inline]
    fn lowest(&self, row: u32, places: usize) -> &[u32] {
        self.lowest.get(row as usize * places..(row as usize + 1) * places).unwrap_or_default()
    }

    fn upper(&self, list: usize, places: usize) -> &[u32] {
        &self.upper[list * places..(list + 1) * places]
    }
}

impl Changed for OfBuild {
    fn lowest_mut(&mut self, row: u32, places: usize) -> &mut [u32] {
        &mut self.lowest[row as usize * places..(row as usize + 1) * places]
    }

    fn upper_mut(&mut self, list: usize, places: usize) -> &mut [u32] {
        &mut self.upper[list * places..(list + 1) * places]
    }
}

/// Links that share their memory with those of copies.
#[derive(Debug, Clone)]
pub(crate) struct InPieces {
    /// The highest layer of each vector, and the lists before its own.
    places: Pieces<(u8, u32)>,
    lowest: Pieces<u32>,
    upper: Pieces<u32>,
}

impl InPieces {
    /// No vectors of so many links.
    pub(super) fn new(links: usize) -> Self {
        Self { places: Pieces::new(1), lowest: Pieces::new(2 * links), upper: Pieces::new(links) }
    }

    /// The links of a graph.
    pub(super) fn of(graph: &Graph) -> Self {
        let mut lists = 0;
        let place = |level: &u8| {
            lists += u32::from(*level);
            (*level, lists - u32::from(*level))
        };
        let places: Vec<(u8, u32)> = graph.levels.iter().map(place).collect();
        Self {
            places: Pieces::of(1, &places),
            lowest: Pieces::of(2 * graph.links, &graph.lowest),
            upper: Pieces::of(graph.links, &graph.upper),
        }
    }

    /// One more vector without links.
    pub(super) fn push(&mut self, level: u8, links: usize) {
        let lists = u32::try_from(self.upper.len()).unwrap_or(u32::MAX);
        self.places.push(&[(level, lists)]);
        self.lowest.push(&vec![Graph::NONE; 2 * links]);
        (0..level).for_each(|_| self.upper.push(&vec![Graph::NONE; links]));
    }

    /// The highest layer of any vector.
    pub(super) fn highest(&self) -> u8 {
        self.places.iter().map(|place| place[0].0).max().unwrap_or(0)
    }
}

impl Kept for InPieces {
    fn count(&self) -> usize {
        self.places.len()
    }

    #[inline]
    fn level(&self, row: u32) -> Option<u8> {
        ((row as usize) < self.places.len()).then(|| self.places.row(row as usize)[0].0)
    }

    fn before(&self, row: u32) -> u32 {
        self.places.row(row as usize)[0].1
    }

    #[inline]
    fn lowest(&self, row: u32, _places: usize) -> &[u32] {
        if (row as usize) < self.lowest.len() { self.lowest.row(row as usize) } else { &[] }
    }

    fn upper(&self, list: usize, _places: usize) -> &[u32] {
        self.upper.row(list)
    }
}

impl Changed for InPieces {
    fn lowest_mut(&mut self, row: u32, _places: usize) -> &mut [u32] {
        self.lowest.row_mut(row as usize)
    }

    fn upper_mut(&mut self, list: usize, _places: usize) -> &mut [u32] {
        self.upper.row_mut(list)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_counted_the_same_wherever_links_lie() {
        let levels: Vec<u8> = (0..200_u8).map(|row| [0, 0, 2, 0, 1][usize::from(row) % 5]).collect();
        let lists: usize = levels.iter().map(|level| usize::from(*level)).sum();
        let whole = OfBuild::new(levels.clone(), vec![Graph::NONE; 400], (0..lists as u32).collect());
        let graph = Graph {
            links: 1,
            entry: 0,
            levels: whole.levels.clone().into(),
            lowest: whole.lowest.clone().into(),
            upper: whole.upper.clone().into(),
        };
        let pieces = InPieces::of(&graph);
        let mut pushed = InPieces::new(1);
        levels.iter().for_each(|level| pushed.push(*level, 1));
        let mut before = 0;
        for (row, level) in (0..).zip(&levels) {
            assert_eq!([whole.before(row), pieces.before(row), pushed.before(row)], [before; 3], "{row}");
            assert_eq!((whole.level(row), pieces.level(row)), (Some(*level), Some(*level)));
            before += u32::from(*level);
        }
        assert_eq!((whole.level(200), pieces.level(200), pieces.highest()), (None, None, 2));
        assert_eq!((whole.upper(7, 1), pieces.upper(7, 1)), (&[7][..], &[7][..]));
        assert!(whole.lowest(200, 2).is_empty() && pieces.lowest(200, 2).is_empty());
    }
}
