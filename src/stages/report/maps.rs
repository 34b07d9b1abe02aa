//! Embeddings that stages `project` have placed on a plane, as the report's figures ask for them.

use std::collections::BTreeMap;

use super::ReportParams;
use simpipe_artifact::{Projection, ProjectionInfo, read_json};
use simpipe_base::issue::Issue;
use simpipe_report::FigureSpec;
use simpipe_report::figure::{self, Method};
use simpipe_stage::{Ctx, InputFacts, Kind, Port, ProjectionFacts, StageError};

/// A port is called as the method whose projection it takes.
pub(super) const fn port(method: &'static str) -> Port {
    Port::new(method, Kind::Projection, &[Projection::FILE, ProjectionInfo::FILE]).optional()
}

/// What is plugged in, by method.
pub(super) fn read(ctx: &Ctx<'_>) -> Result<BTreeMap<String, (ProjectionInfo, Projection)>, StageError> {
    let plugged = Method::NAMES.iter().filter(|method| ctx.has_input(method));
    let read = |method: &&str| {
        let info: ProjectionInfo = read_json(ctx.input(method, ProjectionInfo::FILE))?;
        let placed = Projection::read(ctx.input(method, Projection::FILE))?;
        Ok(((*method).to_owned(), (info, placed)))
    };
    plugged.map(read).collect()
}

/// Figures that no projection plugged in can give, and projections of another method than their port's. Where none is
/// plugged in, the report computes what figures ask for.
pub(super) fn issues(params: &ReportParams, inputs: &InputFacts) -> Vec<Issue> {
    let plugged: BTreeMap<&str, &ProjectionFacts> =
        Method::NAMES.iter().filter_map(|method| Some((*method, inputs.projection(method)?))).collect();
    let foreign = plugged.iter().filter(|(port, facts)| **port != facts.method).map(|(port, facts)| {
        let message = format!("the port `{port}` takes a projection by {port}, but is given one by {}", facts.method);
        Issue::of("", message).help(format!("plug it into the port `{}`", facts.method))
    });
    let maps = params.figures.iter().enumerate().filter_map(|(at, figure)| match figure {
        FigureSpec::Projection(map) => Some((at, map)),
        _ => None,
    });
    let missing = maps.filter(|_| !plugged.is_empty()).filter_map(|(at, map)| match plugged.get(map.method.name()) {
        None => Some(not_plugged(at, map, &plugged)),
        Some(facts) => too_few(at, map, facts),
    });
    foreign.chain(missing).collect()
}

fn not_plugged(at: usize, map: &figure::Projection, plugged: &BTreeMap<&str, &ProjectionFacts>) -> Issue {
    let (method, others) = (map.method.name(), plugged.keys().copied().collect::<Vec<_>>().join("` and `"));
    let message = format!("no `project` stage is plugged into the port `{method}`, only into `{others}`");
    Issue::of(format!("figures[{at}].projection.method"), message).help(format!(
        "plug one of `method = \"{method}\"` into the port `{method}` of this stage, or leave the figure out"
    ))
}

/// A figure of more points than were placed.
fn too_few(at: usize, map: &figure::Projection, facts: &ProjectionFacts) -> Option<Issue> {
    let wanted = facts.of.map_or(map.count, |of| map.count.min(of));
    (wanted > facts.most).then(|| {
        let message = format!("{wanted} embeddings are to be shown, but `project` places {}", facts.most);
        Issue::of(format!("figures[{at}].projection.count"), message).help(format!(
            "choose `count` of at most {}, or raise `count` of the stage plugged into the port `{}`",
            facts.most,
            map.method.name()
        ))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;
    use simpipe_base::param;
    use simpipe_stage::Facts;

    fn found(figures: Json, plugged: &[(&str, &str, usize, Option<usize>)]) -> Vec<(String, String)> {
        let params: ReportParams = param::from_json(&json!({ "figures": figures })).unwrap();
        let facts = plugged.iter().map(|(port, method, most, of)| {
            let facts = ProjectionFacts { method: (*method).to_owned(), most: *most, of: *of };
            ((*port).to_owned(), Facts::Projection(facts))
        });
        let issues = issues(&params, &InputFacts(facts.collect()));
        issues.into_iter().map(|issue| (issue.path, issue.message)).collect()
    }

    #[test]
    fn a_figure_needs_the_projection_of_its_method_and_count() {
        let two =
            || json!(["training-curves", { "projection": { "count": 500 } }, { "projection": { "method": "t-sne" } }]);
        // Nothing plugged in: the report computes.
        assert_eq!(found(two(), &[]), []);
        let enough = [("pca", "pca", 500, Some(2000)), ("t-sne", "t-sne", 1000, None)];
        assert_eq!(found(two(), &enough), []);
        let issues = found(two(), &enough[..1]);
        assert_eq!(issues[0].0, "figures[2].projection.method");
        assert_eq!(issues[0].1, "no `project` stage is plugged into the port `t-sne`, only into `pca`");
        let few = [("pca", "pca", 499, Some(2000)), ("t-sne", "t-sne", 300, Some(300))];
        let issues = found(two(), &few);
        assert_eq!((issues.len(), issues[0].0.as_str()), (1, "figures[1].projection.count"));
        assert_eq!(issues[0].1, "500 embeddings are to be shown, but `project` places 499");
        let swapped = found(json!(["training-curves"]), &[("pca", "t-sne", 1000, None)]);
        assert_eq!(swapped[0].1, "the port `pca` takes a projection by pca, but is given one by t-sne");
    }
}
