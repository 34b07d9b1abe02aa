//! How long stages will likely take: what the nearest piece of work took in earlier runs of this root.
//!
//! Nearest is the same kind of stage with the fewest other parameters; then the same id; then the newest. Where the
//! stage says what its work grows with ([`WORK`](simpipe_stage::Stage::WORK)), the seconds are scaled by it.

use std::path::Path;

use serde_json::Value as Json;

use super::{RunRecord, StageRecord, folders};
use simpipe_base::param::View;
use simpipe_plan::{Node, Plan};
use simpipe_stage::DynStage;
use simpipe_store::RunOrder;

/// Records that are read at most, newest first: a forecast must not take longer as runs pile up.
const RECORDS: usize = 12;

/// Work that was done: what [`Estimates`] are told from.
#[derive(Debug, Clone, PartialEq)]
struct Work {
    stage: String,
    id: String,
    params: Json,
    seconds: f64,
}

/// Work that was done in earlier runs, newest first.
#[derive(Debug, Default)]
pub struct Estimates(Vec<Work>);

impl Estimates {
    /// Reads the newest runs of the plan's name, and then the newest of others.
    #[must_use]
    pub fn read(root: &Path, order: &RunOrder, plan: &Plan) -> Self {
        let mut named = folders::of_name(root, &plan.experiment.name, order);
        named.truncate(RECORDS / 2);
        let others: Vec<_> = folders::all(root, order).into_iter().filter(|folder| !named.contains(folder)).collect();
        let records = named.iter().chain(&others).take(RECORDS).filter_map(|folder| RunRecord::read(folder).ok());
        // A group's runs have records of their own.
        let records = records.filter(|record| !record.is_group());
        Self(records.flat_map(|record| record.stages).filter_map(Work::of).collect())
    }

    /// The seconds that a stage will likely take; `None` if no stage of its kind was ever run here.
    #[must_use]
    pub fn seconds(&self, node: &Node) -> Option<f64> {
        let (stage, params) = (&node.stage, node.stage.params(View::Full));
        let alike = self.0.iter().enumerate().filter(|(_, work)| work.stage == stage.name());
        let nearest = alike
            .min_by_key(|(age, work)| (differences(stage.as_ref(), &work.params, &params), work.id != node.id, *age))?;
        Some(scaled(stage.as_ref(), nearest.1, &params))
    }
}

impl Work {
    fn of(record: StageRecord) -> Option<Self> {
        let StageRecord { stage, id, params, seconds, saved_seconds, outcome, .. } = record;
        let seconds = match outcome {
            super::Outcome::Ran => seconds,
            // What the hit's work took when it was done.
            super::Outcome::Hit => saved_seconds,
            super::Outcome::Failed | super::Outcome::Skipped => return None,
        };
        Some(Self { stage, id, params, seconds })
    }
}

/// Parameters that differ, those that the work is scaled by apart.
fn differences(stage: &dyn DynStage, old: &Json, new: &Json) -> usize {
    let (Some(old), Some(new)) = (old.as_object(), new.as_object()) else { return usize::from(old != new) };
    let names = new.keys().chain(old.keys().filter(|name| !new.contains_key(*name)));
    names.filter(|name| !stage.work().contains(&name.as_str()) && old.get(*name) != new.get(*name)).count()
}

/// What the stage's work comes to, as the product of the parameters that it grows with; `None` where one is left out, or there
/// is none.
pub(super) fn units(stage: &dyn DynStage) -> Option<u64> {
    let params = stage.params(View::Full);
    let size = |name: &&str| params.get(name).and_then(Json::as_u64);
    let sizes: Vec<u64> = stage.work().iter().map(size).collect::<Option<_>>()?;
    sizes.into_iter().try_fold(1, u64::checked_mul).filter(|_| !stage.work().is_empty())
}

fn scaled(stage: &dyn DynStage, work: &Work, params: &Json) -> f64 {
    let size = |params: &Json, name: &str| params.get(name).and_then(Json::as_f64);
    let times = |name: &&str| match (size(&work.params, name), size(params, name)) {
        (Some(old), Some(new)) if old > 0.0 && new > 0.0 => Some(new / old),
        (None, None) => Some(1.0), // left out in both: the inputs say it
        _ => None,
    };
    work.seconds * stage.work().iter().map(times).product::<Option<f64>>().unwrap_or(1.0)
}

#[cfg(test)]
mod tests {
    use simpipe_base::issue::Issue;
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use simpipe_base::params;
    use simpipe_stage::{Bound, Ctx, Facts, InputFacts, Kind, Policy, Port, Stage, StageError};

    params! {
        /// Work.
        struct DigParams {
            /// How deep, in spades.
            depth: usize = 1,
            /// What soil.
            soil: String = "sand".to_owned(),
        }
    }

    #[derive(Debug)]
    struct Dig;

    impl Stage for Dig {
        const NAME: &'static str = "dig";
        const SUMMARY: &'static str = "Digs.";
        const VERSION: u32 = 1;
        const OUTPUT: Kind = Kind::Report;
        const FILES: &'static [&'static str] = &["hole"];
        const WORK: &'static [&'static str] = &["depth"];
        type Params = DigParams;

        fn ports(_: &DigParams) -> Vec<Port> {
            Vec::new()
        }
        fn infer(_: &DigParams, _: &InputFacts) -> Result<Facts, Vec<Issue>> {
            Ok(Facts::Report)
        }
        fn run(_: &DigParams, _: &mut Ctx<'_>) -> Result<(), StageError> {
            Ok(())
        }
    }

    fn work(id: &str, depth: usize, soil: &str, seconds: f64) -> Work {
        Work { stage: "dig".into(), id: id.into(), params: json!({ "depth": depth, "soil": soil }), seconds }
    }

    fn node(id: &str, depth: usize, soil: &str) -> Node {
        let stage = Arc::new(Bound::<Dig>(DigParams { depth, soil: soil.into() }));
        Node { id: id.into(), stage, policy: Policy::default(), facts: Facts::Report }
    }

    #[test]
    fn the_nearest_work_counts_and_is_scaled() {
        let estimates =
            Estimates(vec![work("a", 2, "clay", 10.0), work("b", 4, "sand", 8.0), work("a", 1, "sand", 3.0)]);
        assert_eq!(estimates.seconds(&node("a", 4, "clay")), Some(20.0), "the same soil, twice as deep");
        assert_eq!(estimates.seconds(&node("b", 2, "sand")), Some(4.0), "the same id before a newer run");
        assert_eq!(estimates.seconds(&node("c", 4, "sand")), Some(8.0), "the newest of equals");
        assert_eq!(estimates.seconds(&node("a", 0, "clay")), Some(10.0), "nothing to scale by");
        assert_eq!(Estimates::default().seconds(&node("a", 1, "sand")), None);
    }
}
