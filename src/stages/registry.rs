//! The stages as planner and runner see them. Which there are is said in the crate's root.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value as Json;

use simpipe_base::issue::Issues;
use simpipe_base::node::Node;
use simpipe_base::param::{Param, Shape, from_json};
use simpipe_base::suggest::Known;
use simpipe_nn::device;
use simpipe_stage::{BackendChoice, Bound, Catalog, DynStage, NumberDoc, Policy, Stage, StageDoc, StageError, Unable};

use super::kinds::kinds;
use super::notes;
use super::reported;

/// The stages that ship.
#[derive(Debug)]
pub struct Registry;

/// The stages that ship, as planner and runner see them.
#[must_use]
pub fn builtin() -> &'static dyn Catalog {
    &Registry
}

macro_rules! stages {
    ($($stage:ty),* $(,)?) => {
        fn read(stage: &str, table: &Node, path: &str, issues: &mut Issues) -> Option<Arc<dyn DynStage>> {
            $(
                if stage == <$stage as Stage>::NAME {
                    let params = <$stage as Stage>::Params::read(table, path, issues)?;
                    return Some(Arc::new(Bound::<$stage>(params)));
                }
            )*
            None
        }

        /// The files of a result, by the parts of its key; `None` for another version's, which may have had others.
        #[must_use]
        pub fn declared_files(key_parts: &Json) -> Option<&'static [&'static str]> {
            let made_by = |name, version: u32| key_parts["stage"] == name && key_parts["version"] == version;
            $(
                if made_by(<$stage as Stage>::NAME, <$stage as Stage>::VERSION) {
                    return Some(<$stage as Stage>::FILES);
                }
            )*
            None
        }

        fn docs() -> Vec<StageDoc> {
            vec![$(StageDoc {
                name: <$stage as Stage>::NAME,
                version: <$stage as Stage>::VERSION,
                summary: <$stage as Stage>::SUMMARY,
                output: <$stage as Stage>::OUTPUT,
                files: <$stage as Stage>::FILES,
                ports: |json| {
                    from_json::<<$stage as Stage>::Params>(json).map(|params| <$stage as Stage>::ports(&params)).unwrap_or_default()
                },
                params: with_policy(<$stage as Stage>::Params::shape()),
            }),*]
        }
    };
}

every_stage!(stages);

/// A stage's parameters followed by the keys that every stage's table may hold.
fn with_policy(params: Shape) -> Shape {
    match params {
        Shape::Record(mut record) => {
            record.fields.extend(Policy::record().fields);
            Shape::Record(record)
        }
        other => other,
    }
}

impl Catalog for Registry {
    fn stages(&self) -> Vec<&'static str> {
        kinds()
    }

    fn read(&self, stage: &str, table: &Node, path: &str, issues: &mut Issues) -> Option<Arc<dyn DynStage>> {
        read(stage, table, path, issues)
    }

    fn docs(&self) -> Vec<StageDoc> {
        docs()
    }

    fn note(&self, name: &str) -> Option<&'static str> {
        notes::note(name)
    }

    fn number(&self, stage: &dyn DynStage, name: &str) -> Option<NumberDoc> {
        let own = || reported::own(stage.name()).any(|own| own == name);
        // Any stage may define a metric's name; which of them it leaves is another matter.
        let left = match (super::match_::given(stage), stage.name()) {
            (Some(given), _) => given.iter().any(|metric| reported::is_of(metric, name)),
            (None, "evaluate" | "baseline" | "few-shot") => true,
            (None, "calibrate") => name.starts_with("optimal."),
            (None, _) => false,
        };
        let known = (left || own() || !reported::is_metric(name)) && reported::is_defined(stage.name(), name);
        known.then(|| NumberDoc {
            higher_is_better: reported::higher_is_better(name),
            measured_on: reported::measured_on(stage.name(), name),
        })
    }

    fn numbers(&self, stage: &dyn DynStage) -> Vec<String> {
        let mut names = super::match_::given(stage).unwrap_or_default();
        names.extend(reported::own(stage.name()));
        names
    }

    fn devices(&self) -> &'static [Known<'static>] {
        device::DEVICES
    }

    fn backend(&self, device: &str, numerics: Option<&str>) -> Result<BackendChoice, StageError> {
        device::resolve(device, numerics)
            .map(|backends| BackendChoice {
                accepted: backends.accepted.into_iter().map(str::to_owned).collect(),
                compute: backends.compute.to_owned(),
                unable: backends.unable.map(|error| Unable { message: error.message, help: error.help }),
            })
            .map_err(|error| StageError::failed(error.message).with_help(error.help))
    }

    fn hardware(&self, backend: &str) -> BTreeMap<String, String> {
        match backend {
            // Other backends have their own kernels, and no name for them.
            "flex" | "flex-avx2" | "flex-portable" | "flex-amx" => {
                BTreeMap::from([("kernels".to_owned(), simpipe_kernel::instruction_set().to_owned())])
            }
            _ => BTreeMap::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use simpipe_base::param::LazyChoice;
    use simpipe_base::suggest::same;

    /// Names that stand for two of the same table or choice, in every one below a shape.
    fn ambiguous(shape: &Shape, seen: &mut Vec<LazyChoice>, found: &mut Vec<String>) {
        match shape {
            Shape::Record(record) => {
                twice(&record.known(), found);
                record.fields.iter().for_each(|field| ambiguous(&field.shape, seen, found));
            }
            Shape::Choice(choice) if !seen.contains(choice) => {
                seen.push(*choice);
                twice(&choice.known(), found);
                choice.get().params().for_each(|params| ambiguous(params, seen, found));
            }
            Shape::List(inner) | Shape::Map(inner) => ambiguous(inner, seen, found),
            Shape::AnyOf(shapes) => shapes.iter().for_each(|shape| ambiguous(shape, seen, found)),
            _ => {}
        }
    }

    fn twice(known: &[Known<'_>], found: &mut Vec<String>) {
        for (at, one) in known.iter().enumerate() {
            for other in &known[at + 1..] {
                let theirs = one.aka.iter().chain(std::iter::once(&one.name));
                let shared = theirs.filter(|name| same(name, other.name) || other.is_called(name));
                found.extend(shared.map(|name| format!("`{name}` may mean `{}` and `{}`", one.name, other.name)));
            }
        }
    }

    #[test]
    fn what_other_tools_call_a_thing_means_one_thing() {
        let (mut seen, mut found) = (Vec::new(), Vec::new());
        docs().iter().for_each(|doc| ambiguous(&doc.params, &mut seen, &mut found));
        assert!(seen.len() > 20 && seen.iter().any(|choice| choice.name == "LossSpec"), "{seen:?}");
        assert_eq!(found, [""; 0]);
        let known = |name, aka| Known { name, aka };
        twice(&[known("lambda", &["base"]), known("center", &["Base", "centre"]), known("centre", &[])], &mut found);
        assert_eq!(found, ["`base` may mean `lambda` and `center`", "`centre` may mean `center` and `centre`"]);
    }
}
