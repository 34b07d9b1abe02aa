//! `graph.bin`: links between the vectors of an index, in layers.
//!
//! A file of [parts](super::parts) with the name `SIMPGRPH` and the version 2. Its head: the number of vectors, links a vector,
//! the vector that every search starts from, the number of link lists above the lowest layer. Its lists: a byte a vector (its
//! highest layer, 0 the lowest), the lists of the lowest layer (twice `links` places a vector) and those above it (`links`
//! places for each layer of a vector from 1 on), in the order of the vectors, four bytes a place. A place without a link holds
//! `2^32 - 1`.

use std::path::Path;

use arrow::buffer::ScalarBuffer;

use super::ArtifactError;
use super::parts::{Magic, Parts};

const MAGIC: Magic = Magic { bytes: *b"SIMPGRPH", version: 2, what: "graph of an index" };
/// Numbers of its head.
const HEAD: usize = 4;
/// The highest layer that a vector can have.
const HIGHEST: u8 = 15;

/// Links between vectors, in memory of their own or in that of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Graph {
    /// Links of a vector in a layer, at most; twice as many in the lowest.
    pub links: usize,
    /// The vector that every search starts from.
    pub entry: u32,
    /// The highest layer of each vector.
    pub levels: ScalarBuffer<u8>,
    /// Twice `links` places a vector. Only [checked](Self::check) ones surely name vectors that are there.
    pub lowest: ScalarBuffer<u32>,
    /// `links` places for each layer of a vector from 1 on.
    pub upper: ScalarBuffer<u32>,
}

impl Graph {
    /// The file's name.
    pub const FILE: &'static str = "graph.bin";
    /// A place without a link.
    pub const NONE: u32 = u32::MAX;

    /// Bytes of the file.
    #[must_use]
    pub fn bytes(&self) -> usize {
        Parts::bytes(HEAD, &[self.levels.len(), 4 * self.lowest.len(), 4 * self.upper.len()])
    }

    /// Writes the file.
    ///
    /// # Errors
    /// If it can't be written.
    pub fn write(&self, path: &Path) -> Result<(), ArtifactError> {
        let lists = self.upper.len() / self.links.max(1);
        let head = [self.levels.len() as u64, self.links as u64, self.entry.into(), lists as u64];
        Parts::write(path, MAGIC, &head, &[self.levels.inner(), self.lowest.inner(), self.upper.inner()])
    }

    /// Opens the file: its head, its lengths and the layers of its vectors are looked at. Links are read when they are walked.
    ///
    /// # Errors
    /// If it can't be read or is not the graph of so many vectors.
    pub fn open(path: &Path, vectors: usize) -> Result<Self, ArtifactError> {
        let parts = Parts::open(path, MAGIC)?;
        let whole = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let &[count, links, entry, lists] = parts.head.as_slice() else {
            return Err(parts.malformed("its head has another length"));
        };
        let (count, links, lists) = (whole(count), whole(links), whole(lists));
        if count != vectors {
            return Err(parts.malformed(format!("it links {count} vectors, the index has {vectors}")));
        }
        let beyond = || parts.malformed("its lengths are beyond this machine");
        let lowest = links.checked_mul(2).and_then(|links| links.checked_mul(count)).ok_or_else(beyond)?;
        let upper = links.checked_mul(lists).ok_or_else(beyond)?;
        let entry = u32::try_from(entry).unwrap_or(u32::MAX);
        let graph = Self {
            links,
            entry,
            levels: parts.list(0, count)?,
            lowest: parts.list(1, lowest)?,
            upper: parts.list(2, upper)?,
        };
        graph.expect_whole(lists).map_err(|reason| parts.malformed(reason))?;
        Ok(graph)
    }

    /// Whether its lists have the lengths that its vectors say, links aside.
    ///
    /// # Errors
    /// What is wrong.
    pub fn expect_fitting(&self) -> Result<(), &'static str> {
        let lists = self.upper.len().checked_div(self.links).unwrap_or(0);
        let lengths = [2 * self.links as u128 * self.levels.len() as u128, self.links as u128 * lists as u128];
        match lengths == [self.lowest.len() as u128, self.upper.len() as u128] {
            true => self.expect_whole(lists),
            false => Err("its lists have other lengths than its vectors say"),
        }
    }

    fn expect_whole(&self, lists: usize) -> Result<(), &'static str> {
        let count = self.levels.len();
        if count > 0 && self.links == 0 {
            return Err("it has vectors and no places for links");
        }
        if self.levels.iter().any(|level| *level > HIGHEST) || u32::try_from(lists).is_err() {
            return Err("it has more layers than there can be");
        }
        if self.levels.iter().map(|level| usize::from(*level)).sum::<usize>() != lists {
            return Err("it has not the layers that its vectors say");
        }
        if count > 0 && self.entry as usize >= count {
            return Err("it starts from a vector that is not there");
        }
        Ok(())
    }

    /// Reads every link.
    ///
    /// # Errors
    /// If one leads to a vector that is not there; `path` is for the message.
    pub fn check(&self, path: &Path) -> Result<(), ArtifactError> {
        let inside = |link: &u32| *link == Self::NONE || (*link as usize) < self.levels.len();
        match self.lowest.iter().chain(self.upper.iter()).all(inside) {
            true => Ok(()),
            false => Err(ArtifactError::malformed(path, "it links vectors that are not there")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph() -> Graph {
        let none = Graph::NONE;
        Graph {
            links: 1,
            entry: 1,
            levels: vec![0, 2, 0].into(),
            lowest: vec![1, 2, 0, none, 1, none].into(),
            upper: vec![none, none].into(),
        }
    }

    #[test]
    fn a_graph_comes_back_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(Graph::FILE);
        graph().write(&path).unwrap();
        assert_eq!(path.metadata().unwrap().len() as usize, graph().bytes());
        assert_eq!(Graph::open(&path, 3).unwrap(), graph());
        graph().check(&path).unwrap();
        let refused = Graph::open(&path, 4).unwrap_err().to_string();
        assert!(refused.contains("it links 3 vectors, the index has 4"), "{refused}");
        graph().expect_fitting().unwrap();
        let lost = Graph { lowest: vec![1, 2, 0, 3, 1, 9].into(), ..graph() };
        assert!(lost.check(&path).unwrap_err().to_string().contains("links vectors that are not there"));
    }

    #[test]
    fn a_graph_that_nobody_can_walk_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(Graph::FILE);
        let many = vec![Graph::NONE; 16];
        for (bad, says) in [
            (Graph { links: 0, levels: vec![0; 3].into(), ..Graph::default() }, "no places for links"),
            (Graph { levels: vec![0, 16, 0].into(), upper: many.into(), ..graph() }, "more layers than there can be"),
            (Graph { levels: vec![0, 1, 0].into(), ..graph() }, "not the layers"),
            (Graph { entry: 3, ..graph() }, "starts from a vector that is not there"),
        ] {
            bad.write(&path).unwrap();
            let refused = Graph::open(&path, 3).unwrap_err().to_string();
            assert!(refused.contains(says), "{refused}");
            assert!(bad.expect_fitting().unwrap_err().contains(says), "{says}");
        }
        let short = Graph { lowest: vec![1, 2].into(), ..graph() };
        assert_eq!(short.expect_fitting().unwrap_err(), "its lists have other lengths than its vectors say");
    }

    #[test]
    fn no_byte_of_a_file_is_believed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(Graph::FILE);
        graph().write(&path).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        for end in 0..bytes.len() {
            std::fs::write(&path, &bytes[..end]).unwrap();
            assert!(Graph::open(&path, 3).is_err(), "cut short after {end}");
        }
        // The name, the format, the lengths, where to start, layers and links; whatever is changed is refused, found by whoever
        // reads all of it, or harmless.
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 0x40;
            std::fs::write(&path, changed).unwrap();
            let Ok(graph) = Graph::open(&path, 3) else { continue };
            assert!(graph.entry < 3 && graph.links == 1);
            if graph.check(&path).is_ok() {
                assert!(graph.lowest.iter().all(|link| *link == Graph::NONE || *link < 3));
            }
        }
    }
}
