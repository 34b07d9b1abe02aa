//! `graph.bin`: links between the vectors of an index, in layers.
//!
//! Eight bytes `SIMPGRPH`, then whole numbers of four bytes, little-endian: the format (1), the number of vectors, links a
//! vector, the vector that every search starts from, the number of link lists above the lowest layer; then a byte a vector
//! (its highest layer, 0 the lowest), the lists of the lowest layer (twice `links` places a vector) and those above it (`links`
//! places for each layer of a vector from 1 on), in the order of the vectors. A place without a link holds `2^32 - 1`.

use std::path::Path;

use super::ArtifactError;
use crate::base::fs::read_regular;

const MAGIC: &[u8; 8] = b"SIMPGRPH";
const VERSION: u32 = 1;
/// Numbers behind the first eight bytes.
const HEAD: usize = 5;

/// Links between vectors.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Graph {
    /// Links of a vector in a layer, at most; twice as many in the lowest.
    pub links: usize,
    /// The vector that every search starts from.
    pub entry: u32,
    /// The highest layer of each vector.
    pub levels: Vec<u8>,
    /// Twice `links` places a vector.
    pub lowest: Vec<u32>,
    /// `links` places for each layer of a vector from 1 on.
    pub upper: Vec<u32>,
}

impl Graph {
    /// The file's name.
    pub const FILE: &'static str = "graph.bin";
    /// A place without a link.
    pub const NONE: u32 = u32::MAX;

    /// Bytes of the file.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        8 + 4 * HEAD + self.levels.len() + 4 * (self.lowest.len() + self.upper.len())
    }

    /// Writes the file.
    ///
    /// # Errors
    /// If it can't be written.
    pub fn write(&self, path: &Path) -> Result<(), ArtifactError> {
        let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
        let lists = self.upper.len() / self.links.max(1);
        let head = [VERSION, number(self.levels.len()), number(self.links), self.entry, number(lists)];
        let mut bytes = Vec::with_capacity(self.bytes());
        bytes.extend_from_slice(MAGIC);
        head.iter().for_each(|number| bytes.extend_from_slice(&number.to_le_bytes()));
        bytes.extend_from_slice(&self.levels);
        self.lowest.iter().chain(&self.upper).for_each(|link| bytes.extend_from_slice(&link.to_le_bytes()));
        std::fs::write(path, bytes).map_err(|error| ArtifactError::io("write", path, error))
    }

    /// Reads the file: every length and every link is looked at.
    ///
    /// # Errors
    /// If it can't be read or is not the graph of so many vectors.
    pub fn read(path: &Path, vectors: usize) -> Result<Self, ArtifactError> {
        let bytes = read_regular(path).map_err(|error| ArtifactError::io("read", path, error))?;
        Self::parse(&bytes, vectors).map_err(|reason| ArtifactError::malformed(path, reason))
    }

    fn parse(bytes: &[u8], vectors: usize) -> Result<Self, String> {
        let rest = bytes.strip_prefix(MAGIC).ok_or("it is no graph of an index")?;
        let (head, rest) = rest.split_at_checked(4 * HEAD).ok_or("it is cut short")?;
        let head = numbers(head);
        let [version, count, links, entry, lists] = head.as_slice() else { return Err("it is cut short".to_owned()) };
        if *version != VERSION {
            return Err(format!("it has format {version}, this program reads format {VERSION}"));
        }
        let (count, links, lists) = (*count as usize, *links as usize, *lists as usize);
        if count != vectors {
            return Err(format!("it links {count} vectors, the index has {vectors}"));
        }
        let places = count.checked_mul(2 * links).zip(lists.checked_mul(links));
        let (lowest, upper) = places.ok_or("its lengths are beyond this machine")?;
        let whole = lowest.checked_add(upper).and_then(|places| places.checked_mul(4)?.checked_add(count));
        if whole != Some(rest.len()) {
            return Err(format!("it has {} bytes behind its head, which do not fit what that says", rest.len()));
        }
        let (levels, places) = rest.split_at(count);
        let (lowest, upper) = places.split_at(4 * lowest);
        let graph =
            Self { links, entry: *entry, levels: levels.to_vec(), lowest: numbers(lowest), upper: numbers(upper) };
        let lists_needed: usize = graph.levels.iter().map(|level| usize::from(*level)).sum();
        let inside = |link: &u32| *link == Self::NONE || (*link as usize) < count;
        if lists_needed != lists || !graph.lowest.iter().chain(&graph.upper).all(inside) {
            return Err("it links vectors that are not there".to_owned());
        }
        if count > 0 && *entry as usize >= count {
            return Err("it starts from a vector that is not there".to_owned());
        }
        Ok(graph)
    }
}

fn numbers(bytes: &[u8]) -> Vec<u32> {
    bytes.chunks_exact(4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph() -> Graph {
        let none = Graph::NONE;
        Graph {
            links: 1,
            entry: 1,
            levels: vec![0, 2, 0],
            lowest: vec![1, 2, 0, none, 1, none],
            upper: vec![none, none],
        }
    }

    #[test]
    fn a_graph_comes_back_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(Graph::FILE);
        graph().write(&path).unwrap();
        assert_eq!(path.metadata().unwrap().len() as usize, graph().bytes());
        assert_eq!(Graph::read(&path, 3).unwrap(), graph());
        let refused = Graph::read(&path, 4).unwrap_err().to_string();
        assert!(refused.contains("it links 3 vectors, the index has 4"), "{refused}");
    }

    #[test]
    fn no_byte_of_a_file_is_believed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(Graph::FILE);
        graph().write(&path).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        for end in 0..bytes.len() {
            assert!(Graph::parse(&bytes[..end], 3).is_err(), "cut short after {end}");
        }
        // The magic, the format, the lengths, where to start, layers and links; whatever is changed is refused or harmless.
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 0x40;
            if let Ok(graph) = Graph::parse(&changed, 3) {
                assert!(graph.lowest.iter().all(|link| *link == Graph::NONE || *link < 3) && graph.entry < 3);
            }
        }
        assert_eq!(Graph::parse(b"SIMPGRPHshort", 3).unwrap_err(), "it is cut short");
    }
}
