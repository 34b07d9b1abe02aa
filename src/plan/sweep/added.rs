//! A point that somebody has chosen: values as `--set` takes them, typed by their stages and found in the space.

use super::Sweep;
use super::own::Outside;
use super::space::is_inside;
use super::trial::{SetValue, changed};
use crate::Plan;
use simpipe_base::issue::{Issue, Issues};
use simpipe_base::suggest;
use simpipe_spec::Setting;
use simpipe_stage::Catalog;
use simpipe_sweep::Point;

impl Sweep {
    /// The point of the config's own values with others laid over them.
    ///
    /// # Errors
    /// What a stage refuses, a parameter that the sweep does not vary, a value that it does not try: at the option.
    pub fn added(plan: &Plan, settings: &[Setting], catalog: &dyn Catalog) -> Result<Point, Vec<Issue>> {
        let Some(sweep) = &plan.sweep else { return Err(vec![Issue::nowhere("the config has no `[sweep]`")]) };
        let mut issues = Issues::default();
        settings.iter().for_each(|setting| sweep.refuse_fixed(setting, &mut issues));
        issues.finish()?;
        let laid = settings.iter().map(|one| SetValue { path: &one.path, place: &one.place, node: one.node.clone() });
        let laid: Vec<SetValue<'_>> = laid.collect();
        let with = changed(plan, &plan.experiment, &laid, catalog)?;
        let point = sweep.point_of(&|path| with.written(path), &plan.experiment, catalog);
        point.map_err(|outside| vec![said(&outside, settings)])
    }

    /// Refuses a value of what does not vary: its trial would be none of this sweep.
    fn refuse_fixed(&self, setting: &Setting, issues: &mut Issues) {
        let varied: Vec<&str> =
            self.space.dimensions().iter().filter(|one| one.when.is_none()).map(|one| one.path.as_str()).collect();
        if varied.iter().any(|path| setting.path == *path || is_inside(&setting.path, path)) {
            return;
        }
        let message = format!("the sweep does not vary `{}`", setting.path);
        issues.push(Issue::at(&setting.place, &setting.path, message).help(suggest::help(&setting.path, &varied)));
    }
}

/// What is wrong with a value, at the option that gave it.
fn said(outside: &Outside, settings: &[Setting]) -> Issue {
    let Outside { path, value, tries } = outside;
    let value = value.as_ref().map_or_else(|| "nothing".to_owned(), ToString::to_string);
    let of =
        |setting: &&Setting| setting.path == *path || is_inside(&setting.path, path) || is_inside(path, &setting.path);
    match settings.iter().rev().find(of) {
        Some(setting) => {
            let message = format!("the sweep does not try {value} for `{path}`");
            Issue::at(&setting.node.place, path, message).help(format!("it tries {tries}"))
        }
        None => {
            let message =
                format!("`{path}` needs a value too: the config's own, {value}, is not one that the sweep tries");
            Issue::nowhere(message).help(format!("add `--set {path}=..`: it tries {tries}"))
        }
    }
}
