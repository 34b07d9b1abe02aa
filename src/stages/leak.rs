//! The guard of `match`, `evaluate` and `few-shot`: queries that are in the index, among the images that the model was
//! trained on, or among those that the thresholds were found with. Such queries are refused, or counted and told of where
//! that is allowed.

use std::ops::Range;
use std::sync::Arc;

use super::embedded;
use simpipe_artifact::{Embeddings, ImageSet, IndexRows};
use simpipe_base::issue::Issue;
use simpipe_stage::{CalibrationFacts, Ctx, EmbeddingsFacts, IndexFacts, StageError};

/// The count of queries that the model was trained on.
const OVERLAP_TRAINING: &str = "overlap.training";
/// Pairs that a message shows.
const SHOWN: usize = 3;

/// What queries must not be part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Where {
    Index,
    Training,
    Calibration,
}

impl Where {
    /// Behind "3 queries are", or "1 query is".
    const fn words(self, one: bool) -> &'static str {
        match (self, one) {
            (Self::Index, true) => "also in the index and would match itself",
            (Self::Index, false) => "also in the index and would match themselves",
            (Self::Training, true) => "an image that the model was trained on",
            (Self::Training, false) => "images that the model was trained on",
            (Self::Calibration, true) => "an image that the thresholds were found with",
            (Self::Calibration, false) => "images that the thresholds were found with",
        }
    }

    /// Behind "example 7".
    const fn of(self) -> &'static str {
        match self {
            Self::Index => "of the index",
            Self::Training => "of the training pool",
            Self::Calibration => "of the calibration",
        }
    }

    const fn help(self) -> &'static str {
        match self {
            Self::Index => {
                "choose a `slice` that is not in the index, or set `leave-one-out = true`; `allow-overlap = true` lets \
                 each match itself, and the report says so"
            }
            Self::Training => {
                "use images of another split, or remove the copies from the folder; `allow-overlap = true` looks them \
                 up anyway, and the report says so"
            }
            Self::Calibration => {
                "calibrate with other images, or choose another `slice`; `allow-overlap = true` looks them up anyway, \
                 and the report says so"
            }
        }
    }

    fn issue(self, count: usize, pairs: &str) -> Issue {
        let queries = if count == 1 { "1 query is".to_owned() } else { format!("{count} queries are") };
        Issue::of("slice", format!("{queries} {}{pairs}", self.words(count == 1))).help(self.help())
    }
}

/// What the facts already tell: pools that are the same, whatever their bytes will be.
pub(super) fn known(
    index: usize,
    queries: Option<&EmbeddingsFacts>,
    calibration: Option<&CalibrationFacts>,
    asked: Option<&Range<usize>>,
    leave_one_out: bool,
) -> Vec<Issue> {
    let mut issues = Vec::new();
    if index > 0 && !leave_one_out {
        issues.push(Where::Index.issue(index, ""));
    }
    let Some((queries, asked)) = queries.zip(asked) else { return issues };
    if queries.seen_in_training && !asked.is_empty() {
        issues.push(Where::Training.issue(asked.len(), ""));
    }
    let used = calibration.and_then(|calibration| calibration.queries.as_ref());
    let shared = used
        .filter(|(pool, _)| *pool == queries.pool.identity)
        .map_or(0, |(_, used)| used.end.min(asked.end).saturating_sub(used.start.max(asked.start)));
    if shared > 0 {
        issues.push(Where::Calibration.issue(shared, ""));
    }
    issues
}

/// All examples of a pool that the model was trained on, where these may not be.
pub(super) fn known_training(count: usize) -> Option<Issue> {
    (count > 0).then(|| Where::Training.issue(count, ""))
}

/// Examples that are asked without an index, and that the model was trained on: refused, or counted and told of.
pub(super) fn of_training(ctx: &mut Ctx<'_>, port: &str, asked: &Embeddings, allowed: bool) -> Result<(), StageError> {
    let trained = ImageSet::read(ctx.input(port, ImageSet::TRAINED_ON))?;
    let pairs: Vec<(usize, u64)> =
        asked.digest.iter().enumerate().filter_map(|(at, digest)| Some((at, trained.example(digest)?))).collect();
    let found = Elsewhere { place: Where::Training, pairs };
    match found.pairs.len() {
        0 => {}
        _ if !allowed => return Err(found.issue(asked).into()),
        count => {
            ctx.warn(format!("{count} of {} examples are {}", asked.len(), found.place.words(false)));
            ctx.metric(OVERLAP_TRAINING, count as f64);
        }
    }
    Ok(())
}

/// Queries with the example that each is elsewhere, by their positions among the queries.
struct Elsewhere {
    place: Where,
    pairs: Vec<(usize, u64)>,
}

/// What queries are part of, by the bytes of their images.
pub(super) struct Leaks {
    found: Vec<Elsewhere>,
    queries: usize,
}

impl Leaks {
    /// `same` are each query's own rows in the index, where it may find them.
    pub(super) fn find(
        ctx: &Ctx<'_>,
        index: &IndexRows,
        queries: &Embeddings,
        same: &[Arc<[u32]>],
    ) -> Result<Self, StageError> {
        let trained = ImageSet::read(ctx.input("queries", ImageSet::TRAINED_ON))?;
        let calibrated = match ctx.has_input("calibration") {
            true => ImageSet::read(ctx.input("calibration", ImageSet::CALIBRATED_ON))?,
            false => ImageSet::default(),
        };
        let indexed = |at: usize| same.get(at)?.first().map(|row| index.example_id[*row as usize]);
        let pairs = |example: &dyn Fn(usize) -> Option<u64>| -> Vec<(usize, u64)> {
            (0..queries.len()).filter_map(|at| Some((at, example(at)?))).collect()
        };
        let found = vec![
            Elsewhere { place: Where::Index, pairs: pairs(&indexed) },
            Elsewhere { place: Where::Training, pairs: pairs(&|at| trained.example(&queries.digest[at])) },
            Elsewhere { place: Where::Calibration, pairs: pairs(&|at| calibrated.example(&queries.digest[at])) },
        ];
        Ok(Self { found, queries: queries.len() })
    }

    /// Refuses them, or warns of each kind where they are allowed.
    pub(super) fn judge(&self, ctx: &Ctx<'_>, queries: &Embeddings, allowed: bool) -> Result<(), StageError> {
        let issues: Vec<Issue> = self.some().map(|found| found.issue(queries)).collect();
        if !issues.is_empty() && !allowed {
            return Err(issues.into());
        }
        let all = self.queries;
        let rest = match self.tainted().contains(&false) {
            true => "see the metrics `disjoint.*`",
            false => "no other queries are left",
        };
        for found in self.some() {
            let (count, words) = (
                found.pairs.len(),
                match found.place {
                    Where::Index => "in the index and match themselves",
                    other => other.words(false),
                },
            );
            ctx.warn(format!("{count} of {all} queries are {words}: {rest}"));
        }
        Ok(())
    }

    fn some(&self) -> impl Iterator<Item = &Elsewhere> {
        self.found.iter().filter(|found| !found.pairs.is_empty())
    }

    /// Which queries are part of anything.
    pub(super) fn tainted(&self) -> Vec<bool> {
        let mut tainted = vec![false; self.queries];
        self.found.iter().flat_map(|found| &found.pairs).for_each(|(at, _)| tainted[*at] = true);
        tainted
    }

    /// How many there are of each kind: in the index always, in the others where there are some.
    #[expect(clippy::cast_precision_loss, reason = "counts of queries are far below 2^52")]
    pub(super) fn metrics(&self) -> impl Iterator<Item = (String, f64)> {
        self.found.iter().filter_map(|found| {
            let name = match found.place {
                Where::Index => "overlap",
                Where::Training => OVERLAP_TRAINING,
                Where::Calibration => "overlap.calibration",
            };
            let count = found.pairs.len();
            (count > 0 || found.place == Where::Index).then(|| (name.to_owned(), count as f64))
        })
    }
}

impl Elsewhere {
    fn issue(&self, queries: &Embeddings) -> Issue {
        let of = self.place.of();
        let pair = |(at, id): &(usize, u64)| format!("query {} is example {id} {of}", queries.example_id[*at]);
        let mut pairs: Vec<String> = self.pairs.iter().take(SHOWN).map(pair).collect();
        if self.pairs.len() > SHOWN {
            pairs.push("..".to_owned());
        }
        self.place.issue(self.pairs.len(), &format!(" ({})", pairs.join(", ")))
    }
}

/// The queries that the index holds too, as far as the facts tell.
pub(super) fn shared(
    index: Option<&IndexFacts>,
    queries: Option<&EmbeddingsFacts>,
    asked: Option<&Range<usize>>,
) -> usize {
    match (index, queries, asked) {
        (Some(index), Some(queries), Some(asked)) => embedded::shared(index, queries, asked),
        _ => 0,
    }
}
