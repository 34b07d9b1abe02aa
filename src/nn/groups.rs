//! Groups of parameters, by their paths: each may have its own optimiser and learning rate, and may be frozen.

mod pattern;

pub use pattern::Pattern;

use super::input::Input;
use super::layer::{LayerSpec, Walk};
use super::loss::{LossSpec, Target};
use super::optim::Optimizer;
use super::parameters::{Assigned, declared_by_loss};
use simpipe_base::issue::Issue;
use simpipe_base::params;
use simpipe_base::{check, path};

params! {
    /// Parameters that are trained in another way than the rest.
    ///
    /// Of a batch normalisation that is frozen whole the moving averages stay too, and it normalises by them, as it does
    /// when the training is over.
    ///
    /// # Example
    ///
    /// ```toml
    /// { match = "layers.1.**", learning-rate-factor = 0.1 }
    /// ```
    pub struct Group {
        /// Which parameters, by their paths (`layers.1.conv2d.weight`): segments between dots, `*` for any one segment,
        /// `**` for any number of them. A pattern that ends early matches everything below: `layers.1` matches the
        /// parameters of that layer, not of `layers.10`. A parameter belongs to the first group that matches.
        #[aka("params", "pattern", "path", "name", "parameters")]
        r#match: String,
        /// How their gradients change them; default: the training's `optimizer`.
        optimizer: Option<Optimizer> = None,
        /// A factor for their learning rate.
        #[aka("lr_mult", "lr_factor", "lr_scale", "learning_rate_multiplier")]
        learning_rate_factor: f64 = 1.0 => check::positive(),
        /// The step up to which they are trained; then they are frozen.
        #[aka("freeze_after", "end_step")]
        until_step: Option<usize> = None => check::count(1).optional(),
        /// Whether they are not trained at all.
        #[aka("frozen", "fixed")]
        freeze: bool = false,
    }
}

impl Group {
    /// What matches this pattern stays as it starts.
    #[must_use]
    pub fn frozen(pattern: String) -> Self {
        let (optimizer, until_step) = (None, None);
        Self { r#match: pattern, optimizer, learning_rate_factor: 1.0, until_step, freeze: true }
    }

    /// The steps after which its parameters stay as they are.
    fn until(&self) -> Option<u64> {
        if self.freeze { Some(0) } else { self.until_step.map(|step| step as u64) }
    }

    /// Whether the learning rate is another than its optimiser's.
    #[must_use]
    pub fn has_own_rate(&self) -> bool {
        (self.learning_rate_factor - 1.0).abs() > 0.0
    }

    /// What is wrong with it alone: a path inside its table, and words.
    fn contradiction(&self) -> Option<(String, String)> {
        let useless = |name: &str| Some((name.to_owned(), format!("`{name}` has no effect in a frozen group")));
        if self.freeze && self.until_step.is_some() {
            let message = "`until-step` freezes later, `freeze` from the start: a group has one of them";
            return Some(("until-step".to_owned(), message.to_owned()));
        }
        if self.freeze && self.optimizer.is_some() {
            return useless("optimizer");
        }
        if self.freeze && self.has_own_rate() {
            return useless("learning-rate-factor");
        }
        self.optimizer.as_ref()?.misfit().map(|(path, message)| (format!("optimizer.{path}"), message))
    }
}

/// A parameter that a training has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declaration {
    /// Its path.
    pub path: String,
    /// Numbers in it; of a loss's parameters as many as one class has.
    pub size: usize,
    /// Whether it is trained by gradient, where no group freezes it.
    pub trainable: bool,
}

/// The parameters of a training, network and loss, in the order of their declaration.
///
/// # Errors
/// The problems of the layers.
pub fn declarations(
    input: impl Into<Input>,
    layers: &[LayerSpec],
    loss: &LossSpec,
) -> Result<Vec<Declaration>, Vec<Issue>> {
    let walked = Walk::through(input, layers)?;
    let target = Target { dim: walked.summary.dim, classes: 1 };
    let one = |declared: super::layer::Declared| Declaration {
        size: declared.spec.shape.iter().product(),
        path: declared.path,
        trainable: declared.spec.trainable,
    };
    Ok(walked.weights.into_iter().chain(declared_by_loss(loss, target)).map(one).collect())
}

/// Which group has which parameters.
#[derive(Debug, Clone, Default)]
pub struct Grouping {
    patterns: Vec<Pattern>,
}

impl Grouping {
    /// The groups' patterns.
    ///
    /// # Errors
    /// Those that can't be read, and groups that contradict themselves: at `groups[1].match` and the like.
    pub fn new(groups: &[Group]) -> Result<Self, Vec<Issue>> {
        let (mut patterns, mut issues) = (Vec::new(), Vec::new());
        for (at, group) in groups.iter().enumerate() {
            let place = |inside: &str| path::join(&path::at("groups", at), inside);
            match Pattern::read(&group.r#match) {
                Ok(pattern) => patterns.push(pattern),
                Err(message) => issues.push(issue(place("match"), message, PATTERN_HELP)),
            }
            if let Some((inside, message)) = group.contradiction() {
                issues.push(issue(place(&inside), message, "remove one of the two"));
            }
        }
        if issues.is_empty() { Ok(Self { patterns }) } else { Err(issues) }
    }

    /// The first group that matches.
    #[must_use]
    pub fn of(&self, path: &str) -> Option<usize> {
        self.patterns.iter().position(|pattern| pattern.matches(path))
    }

    /// The group of each of these parameters.
    ///
    /// # Errors
    /// Groups that have none, whether nothing matches or groups before them have it all.
    pub fn over(&self, all: &[Declaration]) -> Result<Vec<Option<usize>>, Vec<Issue>> {
        let groups: Vec<Option<usize>> = all.iter().map(|one| self.of(&one.path)).collect();
        let empty = (0..self.patterns.len()).filter(|at| !groups.contains(&Some(*at)));
        let issues: Vec<Issue> = empty.map(|at| self.nothing_left(at, all)).collect();
        if issues.is_empty() { Ok(groups) } else { Err(issues) }
    }

    fn nothing_left(&self, at: usize, all: &[Declaration]) -> Issue {
        let (place, pattern) = (path::join(&path::at("groups", at), "match"), &self.patterns[at]);
        let matched = all.iter().find(|one| pattern.matches(&one.path)).and_then(|one| self.of(&one.path));
        if let Some(first) = matched {
            let message = format!("earlier groups already have every parameter that `{pattern}` matches");
            let help = format!("put it before `{}`, or remove it", self.patterns[first]);
            return issue(place, message, help);
        }
        const SHOWN: usize = 4;
        let mut shown: Vec<String> = all.iter().take(SHOWN).map(|one| format!("`{}`", one.path)).collect();
        if let Some(more) = all.len().checked_sub(SHOWN).filter(|more| *more > 0) {
            shown.push(format!("{more} more"));
        }
        let help = format!("there are {}; `check` without this group lists the layers", shown.join(", "));
        issue(place, format!("`{pattern}` matches no parameter"), help)
    }
}

fn issue(path: String, message: String, help: impl Into<String>) -> Issue {
    Issue::of(path, message).help(help)
}

const PATTERN_HELP: &str = "write segments separated by dots, such as \"layers.1.**\" or \"layers.*.batch-norm\"";

/// What the group of a path says of it; the groups were checked before.
pub(super) fn assignment<'a>(groups: &'a [Group]) -> impl Fn(&str) -> Option<Assigned> + 'a {
    let grouping = Grouping::new(groups).unwrap_or_default();
    move |path| {
        let group = grouping.of(path)?;
        let Group { learning_rate_factor: rate_factor, .. } = groups[group];
        Some(Assigned { group, rate_factor, until: groups[group].until() })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use simpipe_base::param;

    fn groups(list: serde_json::Value) -> Vec<Group> {
        param::from_json(&list).unwrap()
    }

    fn all() -> Vec<Declaration> {
        let layers: Vec<LayerSpec> = param::from_json(&json!([
            { "conv2d": { "filters": 4, "kernel": 3 } }, "batch-norm", "global-max-pool", { "dense": { "units": 2 } },
        ]))
        .unwrap();
        let loss = param::from_json(&json!("proxy-anchor")).unwrap();
        declarations([8, 8, 3], &layers, &loss).unwrap()
    }

    fn refused(list: serde_json::Value) -> Vec<Issue> {
        Grouping::new(&groups(list)).and_then(|grouping| grouping.over(&all())).unwrap_err()
    }

    #[test]
    fn a_parameter_belongs_to_the_first_group_that_matches() {
        let list = json!([{ "match": "layers.*.batch-norm.gamma" }, { "match": "layers.1" }, { "match": "**.weight" },
            { "match": "loss" }]);
        let found = Grouping::new(&groups(list)).unwrap().over(&all()).unwrap();
        let of: Vec<(String, Option<usize>)> = all().into_iter().map(|one| one.path).zip(found).collect();
        let expected = [
            ("layers.0.conv2d.weight", Some(2)),
            ("layers.0.conv2d.bias", None),
            ("layers.1.batch-norm.gamma", Some(0)),
            ("layers.1.batch-norm.beta", Some(1)),
            ("layers.1.batch-norm.moving_mean", Some(1)),
            ("layers.1.batch-norm.moving_variance", Some(1)),
            ("layers.3.dense.weight", Some(2)),
            ("layers.3.dense.bias", None),
            ("loss.proxy-anchor.proxies", Some(3)),
        ];
        assert_eq!(of, expected.map(|(path, group)| (path.to_owned(), group)));
    }

    #[test]
    fn a_group_without_parameters_is_refused_at_its_place() {
        let issues = refused(json!([{ "match": "layers.0" }, { "match": "layers.7.**" }]));
        assert_eq!((issues.len(), issues[0].path.as_str()), (1, "groups[1].match"));
        assert_eq!(issues[0].message, "`layers.7.**` matches no parameter");
        assert!(issues[0].help.as_ref().unwrap().contains("`layers.0.conv2d.weight`"), "{issues:?}");
        let issues = refused(json!([{ "match": "layers" }, { "match": "layers.1" }]));
        assert_eq!(issues[0].message, "earlier groups already have every parameter that `layers.1` matches");
        assert_eq!(issues[0].help.as_deref(), Some("put it before `layers`, or remove it"));
    }

    #[test]
    fn a_group_that_contradicts_itself_is_refused_at_its_place() {
        for (group, place) in [
            (json!({ "match": "layers", "freeze": true, "until-step": 3 }), "groups[0].until-step"),
            (json!({ "match": "layers", "freeze": true, "optimizer": "sgd" }), "groups[0].optimizer"),
            (
                json!({ "match": "layers", "freeze": true, "learning-rate-factor": 2.0 }),
                "groups[0].learning-rate-factor",
            ),
            (
                json!({ "match": "layers", "optimizer": { "sgd": { "nesterov": true } } }),
                "groups[0].optimizer.sgd.nesterov",
            ),
            (json!({ "match": "layers..1" }), "groups[0].match"),
            (json!({ "match": "layers.*norm" }), "groups[0].match"),
            (json!({ "match": "" }), "groups[0].match"),
        ] {
            let issues = refused(json!([group]));
            assert_eq!((issues.len(), issues[0].path.as_str()), (1, place));
        }
    }

    #[test]
    fn the_keyword_is_a_plain_name_in_a_spec() {
        let issues = param::from_json::<Group>(&json!({ "freeze": true })).unwrap_err();
        assert_eq!(issues[0].message, "missing key `match`");
        assert_eq!(
            param::Param::write(&groups(json!([{ "match": "a" }]))[0], param::View::Key),
            json!({ "match": "a" })
        );
    }
}
