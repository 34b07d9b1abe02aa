//! The numbers that trials are compared by, against those that the graph's stages leave.

use serde::{Deserialize, Serialize};

use super::Drafted;
use simpipe_base::issue::{Issue, Issues};
use simpipe_base::source::Place;
use simpipe_base::suggest;
use simpipe_spec::{Direction, Experiment, SweepParams};
use simpipe_stage::{Catalog, DynStage, Facts, NumberDoc};

/// A number that trials are compared by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Goal {
    /// As `STAGE.NAME`.
    pub metric: String,
    /// Whether more is better.
    pub maximize: bool,
}

impl Goal {
    /// The word of a spec.
    #[must_use]
    pub const fn direction(&self) -> &'static str {
        if self.maximize { "maximize" } else { "minimize" }
    }

    /// The value as methods take it: less is better.
    #[must_use]
    pub const fn cost(&self, value: f64) -> f64 {
        if self.maximize { -value } else { value }
    }
}

/// Limits that a trial must keep to be chosen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bound {
    /// As `STAGE.NAME`.
    pub metric: String,
    /// The least value.
    pub min: Option<f64>,
    /// The largest value.
    pub max: Option<f64>,
}

impl Bound {
    /// How far a value lies outside; 0 within.
    #[must_use]
    pub fn excess(&self, value: f64) -> f64 {
        let below = self.min.map_or(0.0, |min| min - value);
        let above = self.max.map_or(0.0, |max| value - max);
        below.max(above).max(0.0)
    }
}

/// Goals and bounds of a sweep; every wrong one is an issue at its line.
pub(super) fn read(
    params: &SweepParams,
    experiment: &Experiment,
    catalog: &dyn Catalog,
    drafted: Drafted<'_>,
    issues: &mut Issues,
) -> (Vec<Goal>, Vec<Bound>) {
    let reader = Reader { experiment, catalog, drafted };
    let objectives = &params.objective.0;
    let mut goals = Vec::new();
    for one in objectives {
        let Some(number) = reader.number(&one.metric, &one.place, issues) else { continue };
        let said = one.direction.as_ref().or(params.direction.as_ref());
        let known = number.and_then(|number| number.higher_is_better);
        let Some(maximize) = said.map(|direction| *direction == Direction::Maximize).or(known) else {
            let message = format!("it is not known whether a higher or lower `{}` is better", one.metric);
            issues.push(Issue::at(&one.place, "sweep.direction", message).help("write `direction = \"maximize\"`"));
            continue;
        };
        goals.push(Goal { metric: one.metric.clone(), maximize });
    }
    if params.direction.is_some() && objectives.iter().any(|one| one.direction.is_some()) {
        let place = experiment.header.get("sweep").and_then(|entry| entry.node.table()?.get("direction"));
        if let Some(entry) = place {
            let message = "`direction` is for a single objective: in a table, each objective has its own";
            issues.push(Issue::at(&entry.key, "sweep.direction", message).help("leave it out"));
        }
    }
    let bounds = params.constraints.0.iter().filter_map(|one| {
        reader.number(&one.metric, &one.place, issues)?;
        let (min, max) = (one.limits.min, one.limits.max);
        if min.is_none() && max.is_none() || min.zip(max).is_some_and(|(min, max)| min > max) {
            let message = format!("these limits allow no value of `{}`, or every value", one.metric);
            issues.push(Issue::at(&one.place, "sweep.constraints", message).help("write `{ min = 0.8 }`"));
        }
        Some(Bound { metric: one.metric.clone(), min, max })
    });
    let bounds = bounds.collect();
    (goals, bounds)
}

struct Reader<'a> {
    experiment: &'a Experiment,
    catalog: &'a dyn Catalog,
    drafted: Drafted<'a>,
}

impl Reader<'_> {
    /// What is known of a metric, which may be nothing where its stage has problems of its own; `None` after an issue.
    #[expect(clippy::option_option, reason = "wrong, and right but not known, are not the same")]
    fn number(&self, metric: &str, place: &Place, issues: &mut Issues) -> Option<Option<NumberDoc>> {
        let mut wrong = |message: String, help: String| {
            issues.push(Issue::at(place, "sweep.objective", message).help(help));
            None
        };
        let ids: Vec<&str> = self.experiment.stages.iter().map(|stage| stage.id.as_str()).collect();
        let Some((id, name)) = metric.split_once('.') else {
            let help = self.with_stage(metric).unwrap_or_else(|| "such as \"match.map@r\"".to_owned());
            return wrong(format!("`{metric}` does not name a stage: write a metric as STAGE.NAME"), help);
        };
        if !ids.contains(&id) {
            return wrong(format!("there is no stage `{id}` for `{metric}`"), suggest::help(id, &ids));
        }
        let Some((stage, facts)) = (self.drafted)(id) else { return Some(None) };
        if let Some(number) = self.known(stage.as_ref(), facts.as_ref(), name) {
            return Some(Some(number));
        }
        let names = self.names(stage.as_ref(), facts.as_ref());
        let names: Vec<String> = names.iter().map(|name| format!("{id}.{name}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let help = if names.is_empty() { format!("`{id}` produces no numbers") } else { suggest::help(metric, &names) };
        wrong(format!("the graph does not produce `{metric}`"), help)
    }

    fn known(&self, stage: &dyn DynStage, facts: Option<&Facts>, name: &str) -> Option<NumberDoc> {
        let number = self.catalog.number(stage, name)?;
        let Some(Facts::Evaluation(facts)) = facts else { return Some(number) };
        let own = self.catalog.numbers(stage);
        let is_of = |known: &String| name.split('.').any(|part| part == known) || name == known;
        (own.iter().any(is_of) || facts.metrics.iter().any(is_of)).then_some(number)
    }

    fn names(&self, stage: &dyn DynStage, facts: Option<&Facts>) -> Vec<String> {
        let mut names = if let Some(Facts::Evaluation(facts)) = facts { facts.metrics.clone() } else { Vec::new() };
        names.extend(self.catalog.numbers(stage));
        names
    }

    /// The stages that leave a number of this bare name.
    fn with_stage(&self, name: &str) -> Option<String> {
        let stages = self.experiment.stages.iter();
        let found = stages.filter_map(|spec| {
            let (stage, facts) = (self.drafted)(&spec.id)?;
            self.known(stage.as_ref(), facts.as_ref(), name)?;
            Some(format!("{}.{name}", spec.id))
        });
        let found: Vec<String> = found.collect();
        let found: Vec<&str> = found.iter().map(String::as_str).collect();
        (!found.is_empty()).then(|| format!("write {}", suggest::one_of(&found)))
    }
}
