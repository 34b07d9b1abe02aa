//! Answers as a page with their pictures.

use std::collections::BTreeMap;
use std::path::Path;

use super::Answered;
use super::stored::{Files, StoredMatch};
use super::words::{figure, percent};
use crate::cli::sink;
use crate::error::Error;
use simpipe_artifact::Image;
use simpipe_base::interrupt::LeftToEnd;
use simpipe_report::{AnswerCard, AnswerTile, answers};
use simpipe_runner::RunRecord;
use simpipe_stages::ask::Asker;

/// Who was asked.
pub(super) struct Asked<'a> {
    pub(super) record: &'a RunRecord,
    pub(super) stored: &'a StoredMatch<'a>,
    pub(super) asker: &'a Asker,
    pub(super) files: &'a Files,
}

/// Writes the page.
pub(super) fn write(path: &Path, asked: &Asked<'_>, answered: &[Answered]) -> Result<(), Error> {
    let Asked { record, stored, asker, files } = asked;
    let mut ids: Vec<u64> =
        answered.iter().flat_map(|one| &one.answer.neighbours).map(|near| near.example_id).collect();
    ids.sort_unstable();
    ids.dedup();
    let images: BTreeMap<u64, Image> = ids.iter().copied().zip(stored.images(&ids)?).collect();
    let card = |Answered { name, image, answer }: &Answered| {
        let tile = |near: &simpipe_artifact::Neighbour| AnswerTile {
            image: images.get(&near.example_id).cloned(),
            title: asker.class(near.label).to_owned(),
            lines: vec![
                format!("{}: {}", near.rank, figure(near.distance)),
                files.of(near.example_id).map_or_else(|| format!("example {}", near.example_id), str::to_owned),
            ],
        };
        let mut lines = vec![name.clone()];
        lines.extend(answer.verdict.map(|verdict| format!("distance {}", figure(verdict.distance))));
        lines.extend(asker.probability(answer).map(|probability| format!("P(match) {}", percent(probability))));
        AnswerCard {
            accepted: answer.accepted,
            asked: AnswerTile { image: image.clone(), title: asker.label(answer).to_owned(), lines },
            neighbours: answer.neighbours.iter().map(tile).collect(),
        }
    };
    let cards: Vec<AnswerCard> = answered.iter().map(card).collect();
    let accepted = answered.iter().filter(|one| one.answer.accepted).count();
    let pictures = if let [_] = answered { "1 picture".to_owned() } else { format!("{} pictures", answered.len()) };
    let title = format!("{}: what is on {pictures}", record.name);
    let lede = format!(
        "Answered by `{}` of the run {}: {accepted} of {pictures} within its threshold. The index holds {} {}; each row has \
         the picture that was asked about, as the network sees it, and its nearest ones.",
        stored.id,
        record.run,
        asker.indexed(),
        if asker.holds_class_means() { "means of classes, each shown by its nearest image" } else { "images" }
    );
    let page =
        answers(&title, &lede, &cards).map_err(|error| Error::Output(std::io::Error::other(error.to_string())))?;
    let writing = LeftToEnd::begin();
    let help = "choose a file in a writable folder: `--html FILE`";
    sink::write(path, page.as_bytes()).map_err(|error| sink::unwritable(path, &error, help))?;
    drop(writing);
    Ok(())
}
