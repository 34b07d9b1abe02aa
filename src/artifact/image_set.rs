//! `trained-on.parquet` and `calibrated-on.parquet`: the images that a step has used, so that later ones can tell a leak.

use std::collections::BTreeMap;
use std::path::Path;

use super::ArtifactError;
use super::table::{Column, Columns, write_parquet};

/// Images by their digests, each with the first example that shows it.
///
/// The digest is what an image is across datasets; an example's number means another image in each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageSet(pub BTreeMap<String, u64>);

impl ImageSet {
    /// The file of the images that a model was trained on; of embeddings, the part of those images that are among them.
    pub const TRAINED_ON: &'static str = "trained-on.parquet";
    /// The file of the images that thresholds were found with.
    pub const CALIBRATED_ON: &'static str = "calibrated-on.parquet";

    /// The images of some examples. An empty digest says nothing, and is left out.
    pub fn of<'a>(examples: impl IntoIterator<Item = (u64, &'a str)>) -> Self {
        let mut images: BTreeMap<String, u64> = BTreeMap::new();
        for (id, digest) in examples.into_iter().filter(|(_, digest)| !digest.is_empty()) {
            match images.get_mut(digest) {
                Some(first) => *first = id.min(*first),
                None => drop(images.insert(digest.to_owned(), id)),
            }
        }
        Self(images)
    }

    /// The example that shows an image, if it is among these.
    #[must_use]
    pub fn example(&self, digest: &str) -> Option<u64> {
        self.0.get(digest).copied()
    }

    /// Whether an image is among these.
    #[must_use]
    pub fn holds(&self, digest: &str) -> bool {
        self.0.contains_key(digest)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// These and those of another set; of one that is in both, the example that it has here.
    #[must_use]
    pub fn with(mut self, other: Self) -> Self {
        for (digest, example) in other.0 {
            self.0.entry(digest).or_insert(example);
        }
        self
    }

    /// Those of these that are among `digests`, with the examples that they have here.
    #[must_use]
    pub fn among(&self, digests: &[String]) -> Self {
        let known = |digest: &String| Some((digest.clone(), self.example(digest)?));
        Self(digests.iter().filter_map(known).collect())
    }

    /// Writes the table, in the order of digests.
    ///
    /// # Errors
    /// If the file can't be written.
    pub fn write(&self, path: &Path) -> Result<(), ArtifactError> {
        let digests: Vec<&String> = self.0.keys().collect();
        let ids: Vec<u64> = self.0.values().copied().collect();
        write_parquet(path, vec![Column::text("digest", &digests), Column::u64("example_id", &ids)])
    }

    /// Reads the table.
    ///
    /// # Errors
    /// If the file can't be read.
    pub fn read(path: &Path) -> Result<Self, ArtifactError> {
        let columns = Columns::read_parquet(path, None)?;
        Ok(Self(columns.text("digest")?.into_iter().zip(columns.u64("example_id")?).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_its_digest_and_has_its_first_example() {
        let set = ImageSet::of([(7, "b"), (3, "a"), (5, "b"), (1, "")]);
        assert_eq!((set.example("a"), set.example("b"), set.holds("")), (Some(3), Some(5), false));
        let asked = ["b", "x", "b"].map(str::to_owned);
        assert_eq!(set.among(&asked), ImageSet::of([(5, "b")]));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(ImageSet::TRAINED_ON);
        let both = set.clone().with(ImageSet::of([(9, "b"), (2, "c")]));
        assert_eq!(both, ImageSet::of([(3, "a"), (5, "b"), (2, "c")]));
        for set in [set, ImageSet::default()] {
            set.write(&path).unwrap();
            assert_eq!(ImageSet::read(&path).unwrap(), set);
        }
    }
}
