//! Answers as clients read them: what `simpipe query --json` prints, and of each neighbour by which name it can be deleted.

use serde::Serialize;

use super::collection::Collection;
use simpipe_artifact::FileNames;
use simpipe_stages::ask::{Asker, Found};

/// What is on an image.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Answered {
    /// What the client calls it.
    image: String,
    /// The class, or what no match is called.
    label: String,
    /// Whether the label is believed.
    accepted: bool,
    /// `null` where the index is empty.
    distance: Option<f32>,
    /// `null` where the calibration does not know it.
    probability: Option<f64>,
    /// Nearest first.
    neighbours: Vec<Near>,
}

/// A neighbour.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Near {
    rank: u32,
    /// The example of the run's dataset; `null` of an image that was added.
    example_id: Option<u64>,
    label: String,
    distance: f32,
    /// The file that the example comes from, where it comes from files.
    file: Option<String>,
    /// The image's digest.
    digest: String,
    /// Whether it was added to the run's index.
    added: bool,
    /// Whether it is the mean of a class, and the example the one nearest to that; written only where it is.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    class_mean: bool,
}

/// The answer to an image of a name.
pub(super) fn answered(name: &str, found: &Found, asker: &Asker, index: &Collection, files: &FileNames) -> Answered {
    let answer = &found.answer;
    let believed = answer.verdict.filter(|_| answer.accepted);
    let near = |(near, row): (&simpipe_artifact::Neighbour, &u32)| {
        let (digest, added) = index.image(*row);
        let example_id = (!added).then_some(near.example_id);
        Near {
            rank: near.rank,
            example_id,
            label: index.class(near.label).to_owned(),
            distance: near.distance,
            file: example_id.and_then(|id| files.of(id)).map(str::to_owned),
            digest: digest.to_owned(),
            added,
            class_mean: asker.holds_class_means() && !added,
        }
    };
    Answered {
        image: name.to_owned(),
        label: believed.map_or(asker.unknown(), |verdict| index.class(verdict.label)).to_owned(),
        accepted: answer.accepted,
        distance: answer.verdict.map(|verdict| verdict.distance),
        probability: asker.probability(answer),
        neighbours: answer.neighbours.iter().zip(&found.rows).map(near).collect(),
    }
}
