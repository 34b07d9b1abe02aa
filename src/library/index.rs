//! Answers about images that are in no dataset.

use std::path::Path;

use super::pictures::{self, Pictures};
use super::stored::{Files, StoredMatch};
use super::{Error, Run};
use simpipe_data::asked::Decoding;
use simpipe_stages::ask::{self, Asker};

/// What a run knows: its network, its index and its threshold. Answers are those of `simpipe query`.
///
/// ```no_run
/// # fn main() -> Result<(), simpipe::Error> {
/// let index = simpipe::Run::open("latest")?.index()?;
/// for answer in index.query_files(&["photo.jpg"])? {
///     let nearest = answer.neighbours.first().map(|near| (near.label.as_str(), near.distance));
///     println!("{} of {} vectors: {nearest:?}", answer.label, index.len());
/// }
/// # Ok(())
/// # }
/// ```
pub struct Index {
    asker: Asker,
    decoding: Decoding,
    files: Files,
}

/// What is on a picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The class, or what the run calls an unknown image.
    pub label: String,
    /// Whether the class is believed.
    pub accepted: bool,
    /// How far the class is, also where it is not believed; `None` if the index is empty.
    pub distance: Option<f32>,
    /// How probable it is that the class is right, where the calibration knows.
    pub probability: Option<f64>,
    /// The nearest indexed images, nearest first.
    pub neighbours: Vec<Neighbour>,
}

/// An indexed image.
#[derive(Debug, Clone, PartialEq)]
pub struct Neighbour {
    /// From 1.
    pub rank: u32,
    /// Its number in the dataset.
    pub example_id: u64,
    /// Its class.
    pub label: String,
    /// How far it is, by the index's distance.
    pub distance: f32,
    /// The file that it is from, where the dataset has files.
    pub file: Option<String>,
}

impl Index {
    pub(super) fn of(run: &Run, wanted: Option<&str>) -> Result<Self, Error> {
        let stored = StoredMatch::find(run.record(), wanted, run.store(), false)?;
        let asker = Asker::open(stored.files(ask::Reading::ForSearch)?)?;
        let decoding = Decoding::like(&stored.source, asker.input());
        let files = stored.file_names()?;
        Ok(Self { asker, decoding, files })
    }

    /// Indexed images.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.asker.indexed()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The answers to image files, in their order: JPEG, PNG, WebP, GIF, BMP or TIFF.
    ///
    /// # Errors
    /// If any of them can't be read; all of those are told.
    pub fn query_files<P: AsRef<Path>>(&self, files: &[P]) -> Result<Vec<Answer>, Error> {
        self.query(&pictures::of_files(&self.decoding, files)?)
    }

    /// The same of the bytes of image files.
    ///
    /// # Errors
    /// As [`Index::query_files`].
    pub fn query_bytes<B: AsRef<[u8]>>(&self, files: &[B]) -> Result<Vec<Answer>, Error> {
        self.query(&pictures::of_bytes(&self.decoding, files)?)
    }

    fn query(&self, pictures: &Pictures) -> Result<Vec<Answer>, Error> {
        let answers = self.asker.ask(&pictures.images, &pictures.names, &|| false)?;
        Ok(answers.iter().map(|answer| self.told(answer)).collect())
    }

    fn told(&self, answer: &ask::Answer) -> Answer {
        let neighbour = |near: &simpipe_artifact::Neighbour| Neighbour {
            rank: near.rank,
            example_id: near.example_id,
            label: self.asker.class(near.label).to_owned(),
            distance: near.distance,
            file: self.files.of(near.example_id).map(str::to_owned),
        };
        Answer {
            label: self.asker.label(answer).to_owned(),
            accepted: answer.accepted,
            distance: answer.verdict.map(|verdict| verdict.distance),
            probability: self.asker.probability(answer),
            neighbours: answer.neighbours.iter().map(neighbour).collect(),
        }
    }
}
