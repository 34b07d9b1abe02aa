//! Answers to images that are in no dataset: the network, the index and the threshold of a stage `match`, and the very way in
//! which it judges. Reads artifacts and writes none.

mod session;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::embed::{Rows as EmbeddingRows, Used, features_of, load_network};
use super::embedded::{self, IndexFiles, Searched};
use super::encode::pixels_of;
use super::match_::{self, Verdicts};
use simpipe_artifact::{Calibration, Distance, Image, IndexRows, ModelUse, read_json};
use simpipe_nn::EMBED_BATCH;
use simpipe_search::distance::Rows;
use simpipe_search::knn::{Hit, Wanted};
use simpipe_search::{Judge, Search, overlap};
use simpipe_stage::StageError;

pub use self::session::{Found, Session};
pub use simpipe_search::Answer;

/// Queries for which preparing the rows takes longer than to compare them with all rows.
const FEW: usize = 8;

/// What is answered to embeddings, given with the places of their images, and of each answer whether it is the same whatever
/// the last bits of the embedding are.
type LookUp<'a, T> = &'a dyn Fn(&[f32], &[usize]) -> Result<Vec<(T, bool)>, StageError>;

/// How much of an index is read when it is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// What a search needs: its vectors where it comes to them.
    ForSearch,
    /// What is known of the indexed images too, such as their digests.
    WithImages,
    /// Every byte that a search may come to, each of which is checked first.
    Verified,
}

/// The artifacts and parameters that answers are made of.
#[derive(Debug, Clone)]
pub struct AskFiles {
    /// `model.json` and `model.safetensors`.
    pub model: [PathBuf; 2],
    /// The same of the models whose features it takes: the nearest first. None of a model of images.
    pub behind: Vec<[PathBuf; 2]>,
    /// `index.json`, `index.arrow` and, where the search needs them, `graph.bin` and `codes.bin`.
    pub index: [PathBuf; 4],
    /// How much of that is read now.
    pub reading: Reading,
    /// `calibration.json`.
    pub calibration: PathBuf,
    /// How the stage `match` judged.
    pub params: match_::Params,
    /// The backend to compute on: `flex`, `ndarray`, `cuda` or `vulkan`.
    pub backend: String,
    /// The spec's `numerics`.
    pub numerics: Option<String>,
}

/// Answers images.
pub struct Asker {
    /// Height, width and channels of an image.
    image: [usize; 3],
    used: Used,
    index: IndexRows,
    classes: Vec<String>,
    model_use: ModelUse,
    distance: Distance,
    searched: Searched,
    judge: Judge,
    params: match_::Params,
    class_means: bool,
}

impl Asker {
    /// Reads what answers are made of.
    ///
    /// # Errors
    /// If a file can't be read, or they don't belong together.
    pub fn open(files: AskFiles) -> Result<Self, StageError> {
        let AskFiles { model, behind, index, reading, calibration, params, backend, numerics } = files;
        let [info, rows, graph, codes] = &index;
        let index_files = IndexFiles { info, rows, graph, codes };
        if reading == Reading::Verified {
            index_files.check()?;
        }
        let (mut index, info, searched) = index_files.open()?;
        if reading == Reading::WithImages || params.leave_one_out {
            index = IndexRows::read(rows)?;
        }
        let calibration: Calibration = read_json(&calibration)?;
        let judge = Verdicts::of(&params, &calibration, info.metric)?.judge;
        let numerics = numerics.as_deref();
        let (model, network) = load_network([&model[0], &model[1]], &backend, numerics)?;
        let behind: Vec<[&Path; 2]> = behind.iter().map(|[model, weights]| [&**model, &**weights]).collect();
        let used = Used::new(&network, &info.model_use)?.behind(features_of(&model, &behind, &backend, numerics)?);
        let dim = used.rows().dim();
        if dim != index.dim && !index.label.is_empty() {
            let message = format!("the model gives {dim} dimensions, the index has {}", index.dim);
            return Err(
                StageError::failed(message).with_help("the index belongs to another model: run the experiment again")
            );
        }
        let class_means = info.class_means_of.is_some();
        let (classes, model_use, distance) = (info.classes, info.model_use, info.metric);
        let image = model.input;
        Ok(Self { image, used, index, classes, model_use, distance, searched, judge, params, class_means })
    }

    /// Height, width and channels of an image.
    #[must_use]
    pub const fn input(&self) -> [usize; 3] {
        self.image
    }

    /// Vectors that are searched.
    #[must_use]
    pub const fn indexed(&self) -> usize {
        self.index.label.len()
    }

    /// What is known of the vectors that are searched; the vectors themselves are not among it.
    #[must_use]
    pub const fn rows(&self) -> &IndexRows {
        &self.index
    }

    /// Numbers in an embedding.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.used.rows().dim()
    }

    /// How near is measured.
    #[must_use]
    pub const fn distance(&self) -> Distance {
        self.distance
    }

    /// How the index is searched.
    #[must_use]
    pub const fn search(&self) -> &Search {
        self.searched.search()
    }

    /// How many neighbours an answer tells of, unless asked for another number.
    #[must_use]
    pub const fn neighbours(&self) -> usize {
        self.params.neighbours
    }

    /// What an embedding is made of.
    #[must_use]
    pub const fn model_use(&self) -> &ModelUse {
        &self.model_use
    }

    /// Class names by label.
    #[must_use]
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// Whether these are means of classes, each under the number of the example that is nearest to it.
    #[must_use]
    pub const fn holds_class_means(&self) -> bool {
        self.class_means
    }

    /// The class of a label.
    #[must_use]
    pub fn class(&self, label: i32) -> &str {
        usize::try_from(label).ok().and_then(|label| self.classes.get(label)).map_or("", String::as_str)
    }

    /// The word for queries without a match.
    #[must_use]
    pub fn unknown(&self) -> &str {
        &self.params.unknown_label
    }

    /// What an answer says: the class of its label, or what no match is called.
    #[must_use]
    pub fn label(&self, answer: &Answer) -> &str {
        let verdict = answer.verdict.filter(|_| answer.accepted);
        verdict.map_or(self.unknown(), |verdict| self.class(verdict.label))
    }

    /// How probable it is that an answer's label is right, where the calibration knows that.
    #[must_use]
    pub fn probability(&self, answer: &Answer) -> Option<f64> {
        self.judge.probability(answer)
    }

    /// The answers to images of the network's shape, in their order; `names` are what errors call them.
    ///
    /// # Errors
    /// If an image has another shape or its embedding can't be compared, or `stop` says so.
    pub fn ask(
        &self,
        images: &[Image],
        names: &[String],
        stop: &(dyn Fn() -> bool + Sync),
    ) -> Result<Vec<Answer>, StageError> {
        let excluded = self.excluded(images);
        self.answered(&self.used.rows(), images, stop, &|values, which| {
            let names: Vec<&str> = which.iter().map(|at| names.get(*at).map_or("", String::as_str)).collect();
            let excluded: Vec<Arc<[u32]>> = which.iter().map(|at| excluded[*at].clone()).collect();
            self.look_up(values, &names, &excluded, stop)
        })
    }

    /// What `look_up` answers to the images.
    fn answered<T>(
        &self,
        rows: &EmbeddingRows<'_>,
        images: &[Image],
        stop: &(dyn Fn() -> bool + Sync),
        look_up: LookUp<'_, T>,
    ) -> Result<Vec<T>, StageError> {
        let pixels = pixels_of(images, self.input())?;
        let size = self.image.iter().product::<usize>().max(1);
        let whole = images.len() - images.len() % EMBED_BATCH;
        let (filled, rest) = pixels.split_at(whole * size);
        let mut values = Vec::with_capacity(images.len() * rows.dim());
        for batch in filled.chunks(EMBED_BATCH * size) {
            if stop() {
                return Err(StageError::Interrupted);
            }
            values.extend(rows.embed(batch));
        }
        // Which candidates a search finds may hang on any bit, as answers of some judges do: these get the bits of the stages at
        // once.
        let bits_count = !self.searched.is_exact() || self.judge.hangs_on_every_bit();
        if !rest.is_empty() {
            values.extend(if bits_count { rows.embed(rest) } else { rows.embed_few(rest) });
        }
        let mut answers = look_up(&values, &(0..images.len()).collect::<Vec<_>>())?;
        // What the last bits could change is computed once more, with the bits of the stages.
        let unsettled: Vec<usize> = (whole..images.len()).filter(|at| !bits_count && !answers[*at].1).collect();
        let again: Vec<u8> = unsettled.iter().flat_map(|at| &pixels[at * size..(at + 1) * size]).copied().collect();
        if !again.is_empty() {
            let again = look_up(&rows.embed(&again), &unsettled)?;
            unsettled.into_iter().zip(again).for_each(|(at, answer)| answers[at] = answer);
        }
        Ok(answers.into_iter().map(|(answer, _)| answer).collect())
    }

    /// The vectors that are searched. The stage that made the index has looked at each of their numbers.
    fn vectors(&self) -> Rows<'_> {
        Rows::checked(&self.index.vectors, self.index.dim)
    }

    /// For each image the indexed rows that it may not find: where queries leave themselves out, those of the same image.
    fn excluded(&self, images: &[Image]) -> Vec<Arc<[u32]>> {
        if !self.params.leave_one_out {
            return vec![Arc::default(); images.len()];
        }
        let digests: Vec<String> = images.iter().map(|image| image.digest().to_string()).collect();
        overlap::same_examples(&self.index, &vec![u64::MAX; images.len()], &digests)
    }

    /// The answers to embeddings, each with whether it is the same whatever their last bits are.
    fn look_up(
        &self,
        values: &[f32],
        names: &[&str],
        excluded: &[Arc<[u32]>],
        stop: &(dyn Fn() -> bool + Sync),
    ) -> Result<Vec<(Answer, bool)>, StageError> {
        let who = |row: usize| format!("embedding of `{}`", names.get(row).copied().unwrap_or_default());
        let asked = embedded::searchable_as(who, values, self.index.dim, self.distance)?;
        let rows = self.vectors();
        let (asked, kept) = (asked.rows(), self.params.neighbours);
        // One more than is needed: the first that could take the last one's place.
        let k = self.judge.depth(kept).saturating_add(1);
        let wanted: Vec<Wanted> = excluded.iter().map(|excluded| Wanted { k, excluded: excluded.clone() }).collect();
        let judge = |query: usize, hits: &[Hit]| {
            let answer = self.judge.answer(&self.index, hits, kept);
            let settled = self.judge.is_settled(&rows, asked.row(query), hits, &answer);
            (answer, settled)
        };
        let few = asked.len() <= FEW;
        let search =
            if few { self.searched.for_few(rows, self.distance) } else { self.searched.among(rows, self.distance) };
        let found = search.stopped_by(stop).map(asked, &wanted, judge);
        found.map_err(|error| embedded::unsearchable(&error))
    }
}
