//! The index as it is now: what the run left, what was added since, what was deleted.

mod of_run;

use std::sync::{Arc, PoisonError, RwLock};

use simpipe_artifact::{Distance, IndexRows};
use simpipe_search::{AddedRow, Beside, Search, SearchError};

use self::of_run::OfRun;
use super::log::Change;

/// The index that all share: as it is now, and never while somebody computes.
pub(super) type Served = Arc<RwLock<Arc<Collection>>>;

/// The index as it is now.
pub(super) fn now(index: &RwLock<Arc<Collection>>) -> Arc<Collection> {
    index.read().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Has everybody who asks from now on see another.
pub(super) fn show(index: &RwLock<Arc<Collection>>, next: Collection) {
    let before = std::mem::replace(&mut *index.write().unwrap_or_else(PoisonError::into_inner), Arc::new(next));
    // Whoever asks does not wait until its memory is given back.
    drop(before);
}

/// What is searched, by image and by class. Whoever answers keeps the one that he began with, and a change is made in a copy,
/// which shares the memory of all that stays as it is. What it holds and what it finds hang on the changes that were made and
/// their order alone.
#[derive(Debug, Clone)]
pub(super) struct Collection {
    /// Class names by label; those from `known` on are not the run's.
    classes: Arc<Vec<String>>,
    known: usize,
    run: Arc<OfRun>,
    beside: Beside,
}

/// How an index is searched, and the length of its vectors.
#[derive(Debug, Clone, Copy)]
pub(super) struct Searching<'a> {
    pub(super) dim: usize,
    pub(super) distance: Distance,
    pub(super) search: &'a Search,
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
    pub(super) fn new(rows: &IndexRows, classes: &[String], searching: Searching<'_>) -> Self {
        let Searching { dim, distance, search } = searching;
        Self {
            classes: Arc::new(classes.to_vec()),
            known: classes.len(),
            run: Arc::new(OfRun::new(rows)),
            beside: Beside::nothing(dim, distance, search),
        }
    }

    /// What the run left, without any change.
    pub(super) fn unchanged(&self) -> Self {
        let beside = Beside { added: self.beside.added.emptied(), gone: simpipe_search::Marks::default() };
        let classes = Arc::new(self.classes[..self.known].to_vec());
        Self { classes, known: self.known, run: self.run.clone(), beside }
    }

    /// What is searched beside the run's index.
    pub(super) const fn beside(&self) -> &Beside {
        &self.beside
    }

    /// Vectors of the run that are left, and added ones.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.run.len() - self.beside.gone.len(), self.beside.added.len())
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
        match self.run.digest(row) {
            Some(digest) => (digest, false),
            None => {
                let place = row - u32::try_from(self.run.len()).unwrap_or(u32::MAX).min(row);
                (self.beside.added.row(place).map_or("", |row| row.digest.as_str()), true)
            }
        }
    }

    /// Whether an image can be found, and as what.
    pub(super) fn known(&self, digest: &str) -> Known {
        let of_run = self.living(digest).into_iter().map(|row| self.run.label(row));
        let added = self.beside.added.find(digest).and_then(|place| self.beside.added.row(place));
        let labels = of_run.chain(added.map(|row| row.label));
        let mut classes: Vec<String> = labels.map(|label| self.class(label).to_owned()).collect();
        classes.dedup();
        if classes.is_empty() { Known::No } else { Known::As(classes) }
    }

    /// How many vectors an image has.
    pub(super) fn copies(&self, digest: &str) -> usize {
        self.living(digest).len() + usize::from(self.beside.added.find(digest).is_some())
    }

    /// The run's rows of an image that are not gone.
    fn living(&self, digest: &str) -> Vec<u32> {
        self.run.rows(digest).iter().copied().filter(|row| !self.beside.gone.has(*row)).collect()
    }

    /// Makes a change. What is there already is not added again, what is not there not deleted.
    ///
    /// # Errors
    /// If a vector is none that can be searched here; nothing is changed then.
    pub(super) fn apply(&mut self, change: &Change) -> Result<(), SearchError> {
        match change {
            Change::Add { digest, class, vector } if self.known(digest) == Known::No => self.add(digest, class, vector),
            Change::Add { .. } => Ok(()),
            Change::Delete { digest } => {
                self.beside.gone.extend(self.living(digest));
                self.beside.added.remove(digest);
                Ok(())
            }
        }
    }

    fn add(&mut self, digest: &str, class: &str, vector: &[f32]) -> Result<(), SearchError> {
        let known = self.classes.iter().position(|known| known == class);
        let label = i32::try_from(known.unwrap_or(self.classes.len())).unwrap_or(i32::MAX);
        self.beside.added.add(AddedRow { label, digest: digest.to_owned() }, vector)?;
        if known.is_none() {
            Arc::make_mut(&mut self.classes).push(class.to_owned());
        }
        Ok(())
    }

    /// The fewest changes that make this of what the run left.
    pub(super) fn changes(&self) -> Vec<Change> {
        let mut gone: Vec<&str> = self.beside.gone.iter().filter_map(|row| self.run.digest(row)).collect();
        gone.sort_unstable();
        gone.dedup();
        let deleted = gone.into_iter().map(|digest| Change::Delete { digest: digest.to_owned() });
        let added = &self.beside.added;
        let of_place = |place: u32| {
            let AddedRow { label, digest } = added.row(place)?;
            let (digest, class) = (digest.clone(), self.class(*label).to_owned());
            Some(Change::Add { digest, class, vector: added.vector(place).to_vec() })
        };
        deleted.chain(added.living().into_iter().filter_map(of_place)).collect()
    }

    /// Classes that the run does not know.
    pub(super) fn new_classes(&self) -> usize {
        self.classes.len() - self.known
    }
}

#[cfg(test)]
mod tests;
