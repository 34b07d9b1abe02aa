//! From an experiment to a [`Plan`]: parameters read, plugs checked, cycles refused, facts inferred; every problem
//! found is reported.

mod wiring;

use std::collections::BTreeMap;
use std::sync::Arc;

use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::EdgeRef;

use self::wiring::{plug, refuse_cycles, sorted};
use super::graph::{Edge, Node, Plan};
use super::{misplaced, sweep};
use simpipe_base::issue::{Issue, Issues};
use simpipe_base::param::{Param, Shape, View};
use simpipe_base::path;
use simpipe_base::source::Layer;
use simpipe_base::suggest;
use simpipe_spec::{Experiment, StageSpec};
use simpipe_stage::{Catalog, DynStage, Facts, InputFacts, Policy, Port};

/// A graph whose stages may have failed to read.
type Draft = DiGraph<Option<Arc<dyn DynStage>>, Edge>;

impl Plan {
    /// Builds and checks the graph.
    ///
    /// # Errors
    /// Every problem found, in the order of the text.
    pub fn build(experiment: Experiment, catalog: &dyn Catalog) -> Result<Self, Vec<Issue>> {
        build(experiment, catalog, None)
    }

    /// The same, where a plan of the same experiment with other values is at hand.
    pub(super) fn build_like(experiment: Experiment, catalog: &dyn Catalog, like: &Self) -> Result<Self, Vec<Issue>> {
        build(experiment, catalog, Some(like))
    }
}

/// `like` is a plan of the same experiment with other values: what it knows of outside data is not looked up again.
fn build(mut experiment: Experiment, catalog: &dyn Catalog, like: Option<&Plan>) -> Result<Plan, Vec<Issue>> {
    let mut issues = Issues(std::mem::take(&mut experiment.issues));
    check_device(&experiment, catalog, &mut issues);
    let read: Vec<_> = experiment.stages.iter().map(|spec| read(spec, catalog, &mut issues)).collect();
    let (stages, policies): (Vec<_>, Vec<_>) = read.into_iter().unzip();
    misplaced::explain(&experiment, catalog, &mut issues);
    let mut draft: Draft = DiGraph::new();
    let nodes: Vec<NodeIndex> = stages.iter().map(|stage| draft.add_node(stage.clone())).collect();
    for (at, spec) in experiment.stages.iter().enumerate() {
        if let Some(stage) = &stages[at] {
            plug(&experiment, spec, nodes[at], stage.ports(), &mut draft, &mut issues);
        }
    }
    refuse_cycles(&experiment, &mut issues);
    let Some(order) = sorted(&draft) else {
        issues.finish()?;
        return Err(vec![Issue::nowhere("the graph has a cycle")]);
    };
    let (facts, mut warnings) = infer(&experiment, &draft, &order, like, &mut issues);
    let draft_of = |id: &str| {
        let node = NodeIndex::new(experiment.stages.iter().position(|stage| stage.id == id)?);
        Some((draft[node].clone()?, facts.get(&node).cloned()))
    };
    let sweep = sweep::read(&experiment, catalog, &draft_of, &mut issues);
    warnings.extend(sweep::warnings(&experiment, catalog, &draft_of));
    issues.finish()?;
    let graph = draft.map(
        |node, stage| Node {
            id: experiment.stages[node.index()].id.clone(),
            stage: Arc::clone(stage.as_ref().expect("a stage that can't be read is an issue")),
            policy: policies[node.index()].clone(),
            facts: facts[&node].clone(),
        },
        |_, edge| edge.clone(),
    );
    let mut plan = Plan { experiment, graph, order, portable: serde_json::Value::Null, warnings, sweep: None };
    plan.portable = plan.resolved(View::Portable);
    if let Some(sweep) = sweep {
        plan.sweep = Some(Arc::new(sweep::settle(sweep, &plan, catalog)?));
    }
    Ok(plan)
}

fn check_device(experiment: &Experiment, catalog: &dyn Catalog, issues: &mut Issues) {
    let (device, known) = (experiment.device.as_str(), catalog.devices());
    if known.iter().all(|known| known.name != device) {
        let message = format!("unknown choice `{device}` for `device`");
        let auto = match suggest::near(device, known) {
            Some("cuda" | "vulkan") => " `auto` takes a GPU if this build and this machine have one",
            _ => "",
        };
        let help = format!("{}{auto}", suggest::help(device, known));
        issues.push(Issue::at(&experiment.device_place, "device", message).help(help));
    }
}

/// A stage's own parameters, and how it is treated while it runs.
pub(super) fn read(
    spec: &StageSpec,
    catalog: &dyn Catalog,
    issues: &mut Issues,
) -> (Option<Arc<dyn DynStage>>, Policy) {
    let known = catalog.stages();
    if !known.contains(&spec.stage.as_str()) {
        let message = format!("there is no stage kind `{}`", spec.stage);
        let path = format!("stages.{}.stage", spec.id);
        issues.push(Issue::at(&spec.stage_place, path, message).help(suggest::help(&spec.stage, &known)));
        return (None, Policy::default());
    }
    let docs = catalog.docs();
    let own: Vec<&str> = match docs.iter().find(|doc| doc.name == spec.stage).map(|doc| &doc.params) {
        Some(Shape::Record(record)) => record.fields.iter().map(|field| field.name.as_str()).collect(),
        _ => Vec::new(),
    };
    let (policy, params) = Policy::split(&spec.params, &own);
    let policy = Policy::read(&policy, &spec.id, issues).unwrap_or_default();
    (catalog.read(&spec.stage, &params, &spec.id, issues), policy)
}

/// Facts of every stage that has its inputs' facts, and all warnings; a stage behind a problem is left out, not blamed.
/// What another plan has said of a stage is not said again.
fn infer(
    experiment: &Experiment,
    draft: &Draft,
    order: &[NodeIndex],
    like: Option<&Plan>,
    issues: &mut Issues,
) -> (BTreeMap<NodeIndex, Facts>, Vec<Issue>) {
    let mut known: BTreeMap<NodeIndex, Facts> = BTreeMap::new();
    let mut warnings = Issues::default();
    for node in order {
        let Some(stage) = &draft[*node] else { continue };
        let spec = &experiment.stages[node.index()];
        let edges: Vec<_> = draft.edges_directed(*node, petgraph::Direction::Incoming).collect();
        let inputs: BTreeMap<String, Facts> = edges
            .iter()
            .filter_map(|edge| Some((edge.weight().port.name.to_owned(), known.get(&edge.source())?.clone())))
            .collect();
        let ports = stage.ports();
        let replaced = |name: &str| {
            let other = ports.iter().find(|other| other.instead_of == Some(name));
            other.is_some_and(|other| inputs.contains_key(other.name))
        };
        let is_plugged = |port: &Port| inputs.contains_key(port.name) || replaced(port.name);
        let plugged = ports.iter().all(|port| port.optional || port.instead_of.is_some() || is_plugged(port));
        if !plugged || inputs.len() != edges.len() {
            continue;
        }
        if let Some(facts) = like.filter(|_| edges.is_empty()).and_then(|like| like.facts_of(&spec.id, stage.as_ref()))
        {
            known.insert(*node, facts);
            continue;
        }
        let inputs = InputFacts(inputs);
        match stage.infer(&inputs) {
            Ok(facts) => {
                known.insert(*node, facts);
                stage.warnings(&inputs).into_iter().for_each(|issue| warnings.push(placed(spec, issue)));
            }
            Err(found) => found.into_iter().for_each(|issue| issues.push(placed(spec, issue))),
        }
    }
    (known, warnings.finish().err().unwrap_or_default())
}

/// An issue at the place of its parameter, or of the stage's table where the parameter is not written. What a template says is
/// changed in the config: the help says where.
fn placed(spec: &StageSpec, mut issue: Issue) -> Issue {
    let (place, path) = (&spec.params.nearest(&issue.path).place, path::join(&spec.id, &issue.path));
    if let Some(help) = issue.help.as_mut().filter(|_| place.source.layer == Layer::Template) {
        help.push_str(&format!(" (in the config, under `[{}]`)", spec.id));
    }
    issue.placed(place, path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use simpipe_base::node::Node as Written;
    use simpipe_base::params;
    use simpipe_base::source::{Place, Source};
    use simpipe_base::suggest::Known;
    use simpipe_spec::Input;
    use simpipe_stage::{BackendChoice, Bound, Ctx, Kind, Stage, StageDoc, StageError};

    params! {
        /// A link of a chain.
        struct LinkParams {
            /// Refused when it is 0.
            size: usize = 1,
        }
    }

    #[derive(Debug)]
    struct Link;

    impl Stage for Link {
        const NAME: &'static str = "link";
        const SUMMARY: &'static str = "A link of a chain.";
        const VERSION: u32 = 1;
        const OUTPUT: Kind = Kind::Report;
        const FILES: &'static [&'static str] = &["out"];
        type Params = LinkParams;

        fn ports(_: &LinkParams) -> Vec<Port> {
            vec![Port::new("before", Kind::Report, &["out"]).optional()]
        }
        fn infer(params: &LinkParams, _: &InputFacts) -> Result<Facts, Vec<Issue>> {
            if params.size == 0 { Err(vec![Issue::of("size", "too small")]) } else { Ok(Facts::Report) }
        }
        fn run(_: &LinkParams, _: &mut Ctx<'_>) -> Result<(), StageError> {
            Ok(())
        }
    }

    struct Links;

    impl Catalog for Links {
        fn stages(&self) -> Vec<&'static str> {
            vec!["link"]
        }
        fn read(&self, _: &str, table: &Written, path: &str, issues: &mut Issues) -> Option<Arc<dyn DynStage>> {
            use simpipe_base::param::Param;
            Some(Arc::new(Bound::<Link>(LinkParams::read(table, path, issues)?)))
        }
        fn docs(&self) -> Vec<StageDoc> {
            Vec::new()
        }
        fn devices(&self) -> &'static [Known<'static>] {
            &[Known { name: "cpu", aka: &[] }]
        }
        fn backend(&self, _: &str, _: Option<&str>) -> Result<BackendChoice, StageError> {
            Ok(BackendChoice { accepted: vec!["flex".into()], compute: "flex".into(), unable: None })
        }
    }

    /// An experiment of links: `(id, the one before it)`.
    fn experiment(links: &[(&str, &str)]) -> Experiment {
        let place = Place::new(&Source::new("t.toml", "", std::path::Path::new("")), 0..0);
        let stage = |(id, before): &(&str, &str)| {
            let input = Input { from: (*before).into(), port_place: place.clone(), place: place.clone() };
            StageSpec {
                id: (*id).into(),
                place: place.clone(),
                stage: "link".into(),
                stage_place: place.clone(),
                inputs: (!before.is_empty()).then(|| ("before".to_owned(), input)).into_iter().collect(),
                params: Written::empty_table(&place),
            }
        };
        Experiment {
            name: "links".into(),
            description: String::new(),
            seed: 1,
            seeds: Vec::new(),
            device: "cpu".into(),
            device_place: place.clone(),
            numerics: None,
            numerics_place: place.clone(),
            sweep: None,
            pipeline: "links".into(),
            config: "links.toml".into(),
            project: ".".into(),
            header: BTreeMap::new(),
            stages: links.iter().map(stage).collect(),
            issues: Vec::new(),
        }
    }

    fn messages(links: &[(&str, &str)]) -> Vec<String> {
        let issues = Plan::build(experiment(links), &Links).err().unwrap_or_default();
        issues.into_iter().map(|issue| issue.message).collect()
    }

    #[test]
    fn stages_come_after_those_they_read_from() {
        let plan = Plan::build(experiment(&[("c", "b"), ("a", ""), ("b", "a"), ("d", "a")]), &Links).unwrap();
        let ids: Vec<&str> = plan.order.iter().map(|node| plan.graph[*node].id.as_str()).collect();
        assert_eq!(ids, ["a", "b", "c", "d"]);
    }

    #[test]
    fn a_cycle_is_shown_as_a_path() {
        let expected = "stages read from each other in a circle: a -> c -> b -> a";
        assert_eq!(messages(&[("a", "b"), ("b", "c"), ("c", "a"), ("d", "a")]), [expected]);
        assert_eq!(messages(&[("a", "a")]), ["stages read from each other in a circle: a -> a"]);
    }

    #[test]
    fn an_unknown_input_is_named() {
        assert_eq!(
            messages(&[("first", ""), ("second", "frist")]),
            ["`second` reads `frist`, but no stage has that id"]
        );
    }
}
