//! Where the numbers are measured that trials are chosen by: who chooses on the test split fits to it.

use super::Drafted;
use simpipe_artifact::split_name::{TEST, VALIDATION};
use simpipe_base::issue::Issue;
use simpipe_base::source::Place;
use simpipe_spec::Experiment;
use simpipe_stage::{Catalog, Facts};

/// A warning for every objective and limit that is measured on the test split, at its line.
pub(super) fn on_test(experiment: &Experiment, catalog: &dyn Catalog, drafted: Drafted<'_>) -> Vec<Issue> {
    let Some(sweep) = &experiment.sweep else { return Vec::new() };
    let objectives = sweep.objective.0.iter().map(|one| ("sweep.objective", &one.metric, &one.place));
    let limits = sweep.constraints.0.iter().map(|one| ("sweep.constraints", &one.metric, &one.place));
    let is_of_test = |metric: &str| split_of(metric, experiment, catalog, drafted).is_some_and(|split| split == TEST);
    let found = objectives.chain(limits).filter(|(_, metric, _)| is_of_test(metric));
    found.map(|(path, metric, place)| warning(path, metric, place)).collect()
}

/// The split whose examples a number is measured on, where that is known.
fn split_of(metric: &str, experiment: &Experiment, catalog: &dyn Catalog, drafted: Drafted<'_>) -> Option<String> {
    let (id, name) = metric.split_once('.')?;
    let (stage, _) = drafted(id)?;
    let port = catalog.number(stage.as_ref(), name)?.measured_on?;
    let spec = experiment.stages.iter().find(|spec| spec.id == id)?;
    let (_, facts) = drafted(&spec.inputs.get(port)?.from)?;
    match facts? {
        Facts::Samples(pool) => Some(pool.split),
        Facts::Embeddings(rows) => Some(rows.pool.split),
        _ => None,
    }
}

fn warning(path: &str, metric: &str, place: &Place) -> Issue {
    let message = format!(
        "trials are chosen by `{metric}` on the split `{TEST}`, so the figures of the chosen one on `{TEST}` overstate how good \
         it is on new images"
    );
    let help = format!(
        "hold images out of training with `split = {{ images = {{ {VALIDATION} = 0.2, keep = [\"{TEST}\"] }} }}` of the dataset, \
         choose by a number of the split `{VALIDATION}`, as `pipeline = \"selection\"` does, and measure `{TEST}` once, in the \
         end"
    );
    Issue::at(place, path, message).help(help)
}
