//! The index as it is now: what the run left, what was added since, what was deleted.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use super::log::Change;
use simpipe_artifact::IndexRows;
use simpipe_search::Beside;

/// The index that all share: as it is now, and never while somebody computes.
pub(super) type Served = Arc<RwLock<Arc<Collection>>>;

/// The index as it is now.
pub(super) fn now(index: &RwLock<Arc<Collection>>) -> Arc<Collection> {
    index.read().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Added rows that are dead before the rest is moved together, at least.
const DEAD: usize = 64;
/// The first example id of what was added: no dataset has as many examples.
const FIRST_ID: u64 = 1 << 63;

/// What is searched, by image and by class. Whoever answers keeps the one that he began with, so a change is made in a copy
/// where somebody does; the run's part is never copied.
#[derive(Debug, Clone)]
pub(super) struct Collection {
    /// Class names by label; those from `known` on are not the run's.
    classes: Vec<String>,
    known: usize,
    run: Arc<OfRun>,
    /// Added rows by digest.
    added: BTreeMap<String, u32>,
    beside: Beside,
}

/// The run's rows: their labels, and by digest their positions.
#[derive(Debug)]
struct OfRun {
    labels: Vec<i32>,
    positions: BTreeMap<String, Vec<u32>>,
    digests: Vec<String>,
}

/// Whether an image is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Known {
    /// It is not.
    No,
    /// With these classes: copies of an image may have several in a run.
    As(Vec<String>),
}

impl Collection {
    /// That of a run.
    pub(super) fn new(rows: &IndexRows, classes: &[String], dim: usize) -> Self {
        let mut positions: BTreeMap<String, Vec<u32>> = BTreeMap::new();
        for (row, digest) in (0..).zip(&rows.digest) {
            positions.entry(digest.clone()).or_default().push(row);
        }
        let added = IndexRows { dim, ..IndexRows::default() };
        Self {
            classes: classes.to_vec(),
            known: classes.len(),
            run: Arc::new(OfRun { labels: rows.label.clone(), positions, digests: rows.digest.clone() }),
            added: BTreeMap::new(),
            beside: Beside { added, ..Beside::default() },
        }
    }

    /// What is searched beside the run's index.
    pub(super) const fn beside(&self) -> &Beside {
        &self.beside
    }

    /// Vectors of the run that are left, and added ones.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.run.labels.len() - self.beside.gone.len(), self.added.len())
    }

    /// Vectors that can be found.
    pub(super) fn len(&self) -> usize {
        let (run, added) = self.counts();
        run + added
    }

    /// Class names by label.
    pub(super) fn classes(&self) -> &[String] {
        &self.classes
    }

    pub(super) fn class(&self, label: i32) -> &str {
        usize::try_from(label).ok().and_then(|label| self.classes.get(label)).map_or("", String::as_str)
    }

    /// The digest of the image at a position, and whether it was added.
    pub(super) fn image(&self, row: u32) -> (&str, bool) {
        let row = row as usize;
        match self.run.digests.get(row) {
            Some(digest) => (digest, false),
            None => (self.beside.added.digest.get(row - self.run.digests.len()).map_or("", String::as_str), true),
        }
    }

    /// Whether an image can be found, and as what.
    pub(super) fn known(&self, digest: &str) -> Known {
        let mut classes: Vec<String> =
            self.living(digest).iter().map(|row| self.class(self.run.labels[*row as usize]).to_owned()).collect();
        let added = self.added.get(digest).map(|row| self.beside.added.label[*row as usize]);
        classes.extend(added.map(|label| self.class(label).to_owned()));
        classes.dedup();
        if classes.is_empty() { Known::No } else { Known::As(classes) }
    }

    /// How many vectors an image has.
    pub(super) fn copies(&self, digest: &str) -> usize {
        self.living(digest).len() + usize::from(self.added.contains_key(digest))
    }

    /// The run's rows of an image that are not gone.
    fn living(&self, digest: &str) -> Vec<u32> {
        let rows = self.run.positions.get(digest).map_or(&[][..], Vec::as_slice);
        rows.iter().copied().filter(|row| self.beside.gone.binary_search(row).is_err()).collect()
    }

    /// Makes a change. What is there already is not added again, what is not there not deleted.
    pub(super) fn apply(&mut self, change: &Change) {
        match change {
            Change::Add { digest, class, vector } if self.known(digest) == Known::No => self.add(digest, class, vector),
            Change::Add { .. } => {}
            Change::Delete { digest } => self.delete(digest),
        }
    }

    fn add(&mut self, digest: &str, class: &str, vector: &[f32]) {
        let label = self.classes.iter().position(|known| known == class).unwrap_or_else(|| {
            self.classes.push(class.to_owned());
            self.classes.len() - 1
        });
        let rows = &mut self.beside.added;
        let row = rows.label.len();
        rows.example_id.push(FIRST_ID + row as u64);
        rows.label.push(i32::try_from(label).unwrap_or(i32::MAX));
        rows.digest.push(digest.to_owned());
        rows.push_vector(vector);
        self.added.insert(digest.to_owned(), u32::try_from(row).unwrap_or(u32::MAX));
    }

    fn delete(&mut self, digest: &str) {
        let living = self.living(digest);
        if !living.is_empty() {
            self.beside.gone = simpipe_search::beside::both(&self.beside.gone, &living);
        }
        if let Some(row) = self.added.remove(digest) {
            self.beside.dead = simpipe_search::beside::both(&self.beside.dead, &[row]);
            if self.beside.dead.len() > DEAD.max(self.added.len() / 8) {
                self.move_together();
            }
        }
    }

    /// Takes the dead out of the added rows; the others stay in their order.
    fn move_together(&mut self) {
        let old = std::mem::take(&mut self.beside.added);
        let dead = std::mem::take(&mut self.beside.dead);
        let mut rows = IndexRows { dim: old.dim, ..IndexRows::default() };
        self.added.clear();
        for at in (0..old.label.len()).filter(|at| dead.binary_search(&(*at as u32)).is_err()) {
            let row = rows.label.len() as u32;
            rows.example_id.push(FIRST_ID + u64::from(row));
            rows.label.push(old.label[at]);
            rows.digest.push(old.digest[at].clone());
            rows.push_vector(&old.vectors[at * old.dim..(at + 1) * old.dim]);
            self.added.insert(old.digest[at].clone(), row);
        }
        self.beside.added = rows;
    }

    /// The fewest changes that make this of what the run left.
    pub(super) fn changes(&self) -> Vec<Change> {
        let mut gone: Vec<&str> = self.beside.gone.iter().map(|row| self.run.digests[*row as usize].as_str()).collect();
        gone.sort_unstable();
        gone.dedup();
        let deleted = gone.into_iter().map(|digest| Change::Delete { digest: digest.to_owned() });
        let rows = &self.beside.added;
        let living = (0..rows.label.len()).filter(|at| self.beside.dead.binary_search(&(*at as u32)).is_err());
        let added = living.map(|at| Change::Add {
            digest: rows.digest[at].clone(),
            class: self.class(rows.label[at]).to_owned(),
            vector: rows.vectors[at * rows.dim..(at + 1) * rows.dim].to_vec(),
        });
        deleted.chain(added).collect()
    }

    /// Classes that the run does not know.
    pub(super) fn new_classes(&self) -> usize {
        self.classes.len() - self.known
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collection() -> Collection {
        let rows = IndexRows {
            example_id: vec![5, 6, 7],
            label: vec![0, 1, 0],
            digest: ["a", "b", "a"].map(str::to_owned).to_vec(),
            dim: 1,
            ..IndexRows::default()
        };
        Collection::new(&rows, &["cat".to_owned(), "dog".to_owned()], 1)
    }

    fn add(digest: &str, class: &str, number: f32) -> Change {
        Change::Add { digest: digest.to_owned(), class: class.to_owned(), vector: vec![number] }
    }

    fn delete(digest: &str) -> Change {
        Change::Delete { digest: digest.to_owned() }
    }

    fn told(collection: &Collection, digest: &str) -> Vec<String> {
        match collection.known(digest) {
            Known::No => Vec::new(),
            Known::As(classes) => classes,
        }
    }

    #[test]
    fn images_come_and_go_with_all_their_copies() {
        let mut index = collection();
        assert_eq!((told(&index, "a"), index.copies("a"), index.len()), (vec!["cat".to_owned()], 2, 3));
        index.apply(&add("c", "bird", 0.5));
        index.apply(&add("c", "fish", 0.7));
        assert_eq!((told(&index, "c"), index.class(2), index.new_classes()), (vec!["bird".to_owned()], "bird", 1));
        index.apply(&delete("a"));
        index.apply(&delete("a"));
        assert_eq!((told(&index, "a").len(), index.counts(), &index.beside().gone[..]), (0, (1, 1), &[0, 2][..]));
        index.apply(&add("a", "dog", 0.1));
        assert_eq!(told(&index, "a"), ["dog"]);
        assert_eq!((index.image(1), index.image(4)), (("b", false), ("a", true)));
        index.apply(&delete("c"));
        assert_eq!((told(&index, "c").len(), index.counts()), (0, (1, 1)));
    }

    #[test]
    fn the_fewest_changes_make_the_same_again() {
        let mut index = collection();
        for at in 0..300_u16 {
            index.apply(&add(&at.to_string(), if at % 2 == 0 { "dog" } else { "bird" }, f32::from(at)));
        }
        index.apply(&delete("a"));
        (0..300).filter(|at| at % 3 != 0).for_each(|at| index.apply(&delete(&at.to_string())));
        assert!(index.beside().dead.len() <= DEAD && index.beside().added.label.len() < 300, "moved together");
        assert_eq!(index.counts(), (1, 100));
        let mut again = collection();
        let changes = index.changes();
        assert_eq!(changes.len(), 101);
        changes.iter().for_each(|change| again.apply(change));
        assert_eq!(again.counts(), index.counts());
        for at in 0..300 {
            assert_eq!(told(&again, &at.to_string()), told(&index, &at.to_string()), "{at}");
        }
        assert_eq!(again.changes(), changes);
    }
}
