//! How long trials are trained, where only some are trained the whole way: the same training with fewer epochs under the
//! schedule of all of them, so that a longer one goes on from a shorter one's checkpoint, to the bit.

use super::Drafted;
use simpipe_base::issue::{Issue, Issues};
use simpipe_base::node::{Node, Value};
use simpipe_base::param::View;
use simpipe_base::source::Place;
use simpipe_spec::{Asha, Experiment, MethodName, Screen, SweepParams};
use simpipe_sweep::Rungs;

/// The kind of stage that has epochs.
const TRAIN: &str = "train";

/// Who is trained further, and what that is in the spec.
#[derive(Debug, Clone)]
pub struct TrainedFurther {
    /// The lengths and who goes on.
    pub rungs: Rungs,
    /// The id of the stage that trains.
    stage: String,
    /// Where its method is written.
    place: Place,
    /// Epochs of the whole way, and those that the schedule is made for.
    whole: u64,
}

/// The rungs of a method that has some.
pub(super) fn read(
    params: &SweepParams,
    experiment: &Experiment,
    drafted: Drafted<'_>,
    sweep: &Place,
    issues: &mut Issues,
) -> Option<TrainedFurther> {
    if !matches!(params.method, MethodName::Asha(_) | MethodName::Screen(_)) {
        return None;
    }
    let name = params.method.name();
    let written = experiment.header.get("sweep").and_then(|entry| entry.node.table()?.get("method"));
    let place = written.map_or(sweep, |entry| &entry.node.place);
    let mut wrong = |message: String, help: &str| {
        issues.push(Issue::at(place, "sweep.method", message).help(help));
        None
    };
    let trains: Vec<&str> =
        experiment.stages.iter().filter(|stage| stage.stage == TRAIN).map(|stage| stage.id.as_str()).collect();
    let [id] = trains.as_slice() else {
        let message = format!("`{name}` needs one stage that trains, and the graph has {}", trains.len());
        return wrong(message, "choose another method, such as \"auto\"");
    };
    if params.objective.0.len() > 1 {
        return wrong(
            format!("`{name}` compares trials by one objective"),
            "name one, and write others as `constraints`",
        );
    }
    let fixed = [format!("{id}.epochs"), format!("{id}.schedule-epochs")];
    if let Some(varied) = params.parameters.0.iter().find(|parameter| fixed.contains(&parameter.path)) {
        let message = format!("`{name}` decides how long trials are, but `{}` varies", varied.path);
        return wrong(message, "leave one of them out");
    }
    let (stage, _) = drafted(id)?;
    let own = stage.params(View::Full);
    let epochs = own["epochs"].as_u64()?;
    let most = u32::try_from(epochs).ok()?;
    let rungs = match &params.method {
        MethodName::Asha(Asha { min_epochs, factor }) => Rungs::halving(*min_epochs, *factor, most),
        MethodName::Screen(Screen { epochs: first, keep }) => Rungs::screening(*first, *keep as usize, most),
        _ => return None,
    };
    if rungs.lengths().len() < 2 {
        let message =
            format!("`{name}` begins with as many epochs as `{id}` has, so no trial would be trained further");
        return wrong(message, "raise `epochs` of the stage");
    }
    let whole = own["schedule-epochs"].as_u64().unwrap_or(epochs);
    Some(TrainedFurther { rungs, stage: (*id).to_owned(), place: place.clone(), whole })
}

impl TrainedFurther {
    /// Epochs of a rung.
    #[must_use]
    pub fn epochs(&self, rung: usize) -> u32 {
        self.rungs.lengths()[rung.min(self.rungs.lengths().len() - 1)]
    }

    /// What a rung lays over the config.
    pub(super) fn laid(&self, rung: usize) -> [(String, Node); 2] {
        let number = |value: u64| Node {
            value: Value::Integer(i64::try_from(value).unwrap_or(i64::MAX)),
            place: self.place.clone(),
        };
        let at = |key: &str| format!("{}.{key}", self.stage);
        [(at("epochs"), number(self.epochs(rung).into())), (at("schedule-epochs"), number(self.whole))]
    }
}
