//! Places by digest, on shelves that copies share until one of them changes what stands on one.

use std::collections::BTreeMap;
use std::sync::Arc;

/// Shelves: as many as a byte tells apart.
const SHELVES: usize = 256;

/// Places by digest.
#[derive(Debug, Clone)]
pub(super) struct Shelves {
    shelves: Vec<Arc<BTreeMap<String, u32>>>,
    len: usize,
}

impl Default for Shelves {
    fn default() -> Self {
        Self { shelves: vec![Arc::default(); SHELVES], len: 0 }
    }
}

impl Shelves {
    /// How many stand there.
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    pub(super) fn get(&self, digest: &str) -> Option<u32> {
        self.shelves[shelf(digest)].get(digest).copied()
    }

    pub(super) fn set(&mut self, digest: &str, place: u32) {
        let before = Arc::make_mut(&mut self.shelves[shelf(digest)]).insert(digest.to_owned(), place);
        self.len += usize::from(before.is_none());
    }

    pub(super) fn remove(&mut self, digest: &str) -> Option<u32> {
        self.get(digest)?;
        self.len -= 1;
        Arc::make_mut(&mut self.shelves[shelf(digest)]).remove(digest)
    }
}

/// A mixture of all bytes: digests are hexadecimal, so no one of them tells many shelves apart.
fn shelf(digest: &str) -> usize {
    digest.bytes().fold(0_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into())) % SHELVES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_does_not_see_what_comes_and_goes() {
        let mut shelves = Shelves::default();
        (0..1000).for_each(|number| shelves.set(&format!("{number:064x}"), number));
        let before = shelves.clone();
        assert_eq!(
            (shelves.remove(&format!("{:064x}", 7)), shelves.remove("none"), shelves.len()),
            (Some(7), None, 999)
        );
        shelves.set(&format!("{:064x}", 8), 5);
        assert_eq!((before.get(&format!("{:064x}", 7)), before.get(&format!("{:064x}", 8))), (Some(7), Some(8)));
        assert_eq!((shelves.get(&format!("{:064x}", 8)), shelves.len(), before.len()), (Some(5), 999, 1000));
        assert!(shelves.shelves.iter().filter(|shelf| !shelf.is_empty()).count() > 200);
    }
}
