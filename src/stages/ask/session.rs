//! Many questions to one index that changes: the search is prepared once, rows are added beside it and taken away. Every
//! answer is made by the same function as that of a single question.

use std::sync::Arc;

use super::{Asker, EmbeddingRows, embedded, pixels_of};
use simpipe_artifact::Image;
use simpipe_search::beside::{gathered, merged};
use simpipe_search::knn::{Hit, Wanted};
use simpipe_search::{Answer, Beside, Searcher, Vectors};
use simpipe_stage::StageError;

/// An index that is ready to be asked again and again.
pub struct Session<'a> {
    asker: &'a Asker,
    /// The network made ready, which takes as long as some images do.
    embedder: EmbeddingRows<'a>,
    searcher: Searcher<'a>,
}

/// An answer, with the position of each neighbour: in the index, or behind its rows among those that were added.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// What [`Asker::ask`] answers.
    pub answer: Answer,
    /// A position for each of the answer's neighbours.
    pub rows: Vec<u32>,
}

/// Rows of its own image that an image may not find: of the index, of what was added.
type Excluded = (Arc<[u32]>, Arc<[u32]>);

impl Asker {
    /// Prepares the search for many questions.
    #[must_use]
    pub fn session(&self) -> Session<'_> {
        Session {
            asker: self,
            embedder: self.used.rows(),
            searcher: self.searched.among(self.vectors(), self.distance),
        }
    }
}

impl Session<'_> {
    /// The answers to images of the network's shape; `kept`: how many neighbours each is told.
    ///
    /// # Errors
    /// As [`Asker::ask`].
    pub fn ask(
        &self,
        images: &[Image],
        names: &[String],
        kept: &[usize],
        beside: &Beside,
    ) -> Result<Vec<Found>, StageError> {
        let excluded = self.excluded(images, beside);
        self.asker.answered(&self.embedder, images, &|| false, &|values, which| {
            let names: Vec<&str> = which.iter().map(|at| names.get(*at).map_or("", String::as_str)).collect();
            let kept: Vec<usize> = which.iter().map(|at| kept.get(*at).copied().unwrap_or(0)).collect();
            let excluded: Vec<Excluded> = which.iter().map(|at| excluded[*at].clone()).collect();
            self.look_up(values, &names, &kept, &excluded, beside)
        })
    }

    /// The embeddings of images as they are searched, each computed as the stages do it.
    ///
    /// # Errors
    /// If one can't be searched: it is not finite, or all zeros where directions are compared.
    pub fn vectors(&self, images: &[Image], names: &[String]) -> Result<Vec<Vec<f32>>, StageError> {
        let values = self.embedder.embed(&pixels_of(images, self.asker.input())?);
        let who = |row: usize| format!("embedding of `{}`", names.get(row).map_or("", String::as_str));
        let ready = embedded::searchable_as(who, &values, self.embedder.dim(), self.asker.distance)?;
        let ready = ready.rows();
        Ok((0..ready.len()).map(|row| ready.row(row).to_vec()).collect())
    }

    /// The embeddings of images as the network gives them, to the last bits but the very last.
    ///
    /// # Errors
    /// If an image has another shape.
    pub fn embeddings(&self, images: &[Image]) -> Result<Vec<Vec<f32>>, StageError> {
        let values = self.embedder.embed_few(&pixels_of(images, self.asker.input())?);
        Ok(values.chunks(self.embedder.dim().max(1)).map(<[f32]>::to_vec).collect())
    }

    fn excluded(&self, images: &[Image], beside: &Beside) -> Vec<Excluded> {
        if !self.asker.params.leave_one_out {
            return vec![Excluded::default(); images.len()];
        }
        let added = |image: &Image| beside.added.find(&image.digest().to_string()).into_iter().collect();
        images.iter().zip(self.asker.excluded(images)).map(|(image, own)| (own, added(image))).collect()
    }

    fn look_up(
        &self,
        values: &[f32],
        names: &[&str],
        kept: &[usize],
        excluded: &[Excluded],
        beside: &Beside,
    ) -> Result<Vec<(Found, bool)>, StageError> {
        let Asker { index, judge, distance, .. } = self.asker;
        let who = |row: usize| format!("embedding of `{}`", names.get(row).copied().unwrap_or_default());
        let asked = embedded::searchable_as(who, values, self.embedder.dim(), *distance)?;
        let deep: Vec<usize> = kept.iter().map(|kept| judge.depth(*kept).saturating_add(1)).collect();
        let wanted = |of: fn(&Excluded) -> &Arc<[u32]>| -> Vec<Wanted> {
            deep.iter().zip(excluded).map(|(&k, both)| Wanted { k, excluded: of(both).clone() }).collect()
        };
        let unsearchable = |error| embedded::unsearchable(&error);
        let near_added = beside.added.nearest(asked.rows(), &wanted(|both| &both.1)).map_err(unsearchable)?;
        let rows = self.asker.vectors();
        let first = u32::try_from(index.label.len()).unwrap_or(u32::MAX);
        let answer = |query: usize, hits: &[Hit]| {
            let added = near_added.get(query).map_or(&[][..], Vec::as_slice);
            let hits = merged(hits, added, first, *distance, deep[query]);
            // Positions of a few rows alone, so that what judges a query sees one index.
            let (few, near) = gathered(&hits, index, rows, &beside.added);
            let answer = judge.answer(&few, &near, kept[query]);
            let few = Vectors::new(&few.vectors, few.dim, *distance);
            let settled = few.is_ok_and(|few| judge.is_settled(&few.rows(), asked.rows().row(query), &near, &answer));
            let rows = hits.iter().take(answer.neighbours.len()).map(|hit| hit.row).collect();
            (Found { answer, rows }, settled)
        };
        self.searcher.map_living(asked.rows(), &wanted(|both| &both.0), &beside.gone, answer).map_err(unsearchable)
    }
}
