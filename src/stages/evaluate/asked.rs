//! The metrics that a spec asks for, by what they need.

use std::sync::Arc;

use serde_json::Value as Json;

use super::Params;
use super::rerank::Rerank;
use simpipe_base::issue::{Issue, Issues};
use simpipe_base::node::Node;
use simpipe_base::param::{self, Param, Shape, View};
use simpipe_base::seed::Seed;
use simpipe_metric::registry::AnyMetric;
use simpipe_metric::{
    Average, ClusteringMetric, NameError, NeighbourMetric, OpenSetMetric, PairMetric, RetrievalMetric, SpaceMetric,
};
use simpipe_stage::StageError;

/// A metric as a spec names it: `recall@10`, `map@r/macro`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// Its name without what it is averaged over.
    metric: String,
    /// What a query weighs in its mean, where the name says it.
    average: Option<Average>,
}

/// Metrics are read before anything is drawn: the seed does not matter yet.
fn parsed(name: &str) -> Result<AnyMetric, NameError> {
    AnyMetric::parse(name, Seed::of_stage(0, "evaluate", None))
}

impl Wish {
    fn parse(text: &str) -> Result<Self, NameError> {
        let (name, average) = match text.rsplit_once('/') {
            None => (text, None),
            Some((name, "micro")) => (name, Some(Average::Micro)),
            Some((name, "macro")) => (name, Some(Average::Macro)),
            Some((_, other)) => {
                let message = format!("`{text}`: there is no `/{other}`");
                return Err(NameError { message, help: "expected `/micro` or `/macro`".to_owned() });
            }
        };
        let metric = parsed(name)?;
        let refused = |message: String, help: &str| Err(NameError { message, help: help.to_owned() });
        match &metric {
            AnyMetric::Episode(_) => {
                let help = "choose a metric of ranked neighbours, such as `recall@1`";
                return refused(format!("`{name}` is measured in few-shot episodes, not in one lookup"), help);
            }
            AnyMetric::Rank(_) => {}
            _ if average.is_some() => {
                let message = format!("`{name}` is not a mean over queries, so nothing may follow a `/`");
                return refused(message, &format!("write `{name}`"));
            }
            _ => {}
        }
        Ok(Self { metric: metric.metric().name(), average })
    }

    /// What is asked for where nothing is.
    pub(super) fn usual() -> Vec<Self> {
        let names = ["recall@1", "recall@10", "precision@5", "map@10", "map@r", "r-precision", "mrr", "ndcg@10"];
        names.map(|metric| Self { metric: metric.to_owned(), average: None }).to_vec()
    }

    /// As it stands in a spec.
    pub(super) fn written(&self) -> String {
        match self.average {
            None => self.metric.clone(),
            Some(Average::Micro) => format!("{}/micro", self.metric),
            Some(Average::Macro) => format!("{}/macro", self.metric),
        }
    }

    /// As columns and JSON name it.
    fn name(&self) -> String {
        self.written().replace('-', "_")
    }

    /// The metric and its average where a spec says `usual`: two wishes of equal ones are one.
    pub(super) fn meant(&self, usual: Average) -> (&str, Average) {
        (&self.metric, self.average.unwrap_or(usual))
    }

    /// The metric; `None` for no name that was read.
    pub(super) fn metric(&self) -> Option<AnyMetric> {
        parsed(&self.metric).ok()
    }
}

impl Param for Wish {
    fn read(node: &Node, path: &str, issues: &mut Issues) -> Option<Self> {
        let Some(text) = node.string() else {
            param::expected(node, path, "a string", issues);
            return None;
        };
        let refuse = |NameError { message, help }| issues.push(Issue::at(&node.place, path, message).help(help));
        Self::parse(text).map_err(refuse).ok()
    }

    fn write(&self, _: View) -> Json {
        self.written().into()
    }

    fn shape() -> Shape {
        Shape::String
    }
}

/// A metric with where a spec asks for it and what its figure is called.
#[derive(Debug)]
pub(super) struct Named<M> {
    /// `metrics[3]`.
    pub(super) path: String,
    pub(super) name: String,
    pub(super) metric: M,
}

/// A mean over queries.
#[derive(Debug)]
pub(super) struct Mean {
    /// Which of [`Groups::columns`] it is the mean of.
    pub(super) column: usize,
    pub(super) average: Average,
}

/// What is asked for, by what it needs.
#[derive(Debug, Default)]
pub(super) struct Groups {
    /// The metrics of ranked neighbours, each once.
    pub(super) columns: Vec<RetrievalMetric>,
    pub(super) means: Vec<Named<Mean>>,
    pub(super) pair: Vec<Named<Box<dyn PairMetric>>>,
    pub(super) open_set: Vec<Named<Box<dyn OpenSetMetric>>>,
    pub(super) neighbour: Vec<Named<Box<dyn NeighbourMetric>>>,
    pub(super) clustering: Vec<Named<Box<dyn ClusteringMetric>>>,
    pub(super) space: Vec<Named<Arc<dyn SpaceMetric>>>,
    /// Names of figures in the spec's order.
    pub(super) order: Vec<String>,
}

impl Groups {
    /// The metrics of a spec; `seed` is where those that draw pairs draw them from.
    pub(super) fn of(params: &Params, seed: Seed) -> Result<Self, StageError> {
        let mut groups = Self::default();
        for (at, wish) in params.metrics.iter().enumerate() {
            let (path, name) = (format!("metrics[{at}]"), wish.name());
            groups.order.push(name.clone());
            let metric = AnyMetric::parse(&wish.metric, seed);
            match metric.map_err(|error| StageError::failed(error.message).with_help(error.help))? {
                AnyMetric::Rank(metric) => {
                    let column = groups.columns.iter().position(|known| *known == metric);
                    let column = column.unwrap_or(groups.columns.len());
                    if column == groups.columns.len() {
                        groups.columns.push(metric);
                    }
                    let average = wish.meant(params.average.of_metric()).1;
                    groups.means.push(Named { path, name, metric: Mean { column, average } });
                }
                AnyMetric::Pair(metric) => groups.pair.push(Named { path, name, metric }),
                AnyMetric::OpenSet(metric) => groups.open_set.push(Named { path, name, metric }),
                AnyMetric::Neighbour(metric) => groups.neighbour.push(Named { path, name, metric }),
                AnyMetric::Clustering(metric) => groups.clustering.push(Named { path, name, metric }),
                AnyMetric::Space(metric) => groups.space.push(Named { path, name, metric: metric.into() }),
                // Refused where names are read.
                AnyMetric::Episode(_) => {}
            }
        }
        Ok(groups)
    }

    /// The nearest of each query that are kept for what is not measured while searching.
    pub(super) fn keep(&self, rerank: Option<&Rerank>) -> usize {
        let neighbours = self.neighbour.iter().map(|asked| asked.metric.depth()).max().unwrap_or(0);
        neighbours.max(rerank.map_or(0, Rerank::expands_by))
    }

    /// The first that needs classes to be told apart, with where it is asked for.
    pub(super) fn first_of_labels(&self) -> Option<&str> {
        let means = self.means.iter().map(|asked| &asked.path);
        let pair = self.pair.iter().map(|asked| &asked.path);
        let clustering = self.clustering.iter().map(|asked| &asked.path);
        means
            .chain(pair)
            .chain(self.open_set.iter().map(|asked| &asked.path))
            .chain(clustering)
            .map(String::as_str)
            .next()
    }
}

/// The names that figures are left under.
pub(super) fn names(params: &Params) -> Vec<String> {
    let is_mean = |wish: &&Wish| matches!(wish.metric(), Some(AnyMetric::Rank(_)));
    let again = params.metrics.iter().filter(|_| params.rerank.is_some()).filter(is_mean);
    let again = again.flat_map(|wish| [format!("reranked.{}", wish.name()), format!("gain.{}", wish.name())]);
    params.metrics.iter().map(Wish::name).chain(again).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refused(json: &Json) -> (String, String) {
        let issue = param::from_json::<Params>(&json!({ "metrics": json })).unwrap_err().remove(0);
        assert!(issue.path.starts_with("metrics"), "{issue:?}");
        (issue.message, issue.help.unwrap_or_default())
    }

    #[test]
    fn names_are_read_and_written() {
        for name in ["recall@10", "map@r/macro", "r-precision/micro", "fpr@95tpr", "hubness@10", "nmi"] {
            let wish: Wish = param::from_json(&json!(name)).unwrap();
            assert_eq!(wish.write(View::Key), json!(name));
        }
        let wish: Wish = param::from_json(&json!("r-precision/macro")).unwrap();
        assert_eq!(wish.name(), "r_precision/macro");
        let usual: Vec<Json> = Wish::usual().iter().map(|wish| wish.write(View::Full)).collect();
        assert_eq!(param::from_json::<Vec<Wish>>(&usual.into()).unwrap(), Wish::usual());
    }

    #[test]
    fn what_is_no_metric_is_refused_with_what_was_meant() {
        assert_eq!(refused(&json!(["recal@1"])).1, "did you mean `recall@1`?");
        assert_eq!(refused(&json!(["auc"])).1, "did you mean `roc-auc`?");
        assert_eq!(refused(&json!(["recall"])).0, "`recall` needs a number");
        assert_eq!(refused(&json!(["recall@0"])).0, "`recall@0` needs a whole number from 1 on");
        assert_eq!(refused(&json!(["map@r/class"])).1, "expected `/micro` or `/macro`");
        assert_eq!(refused(&json!(["nmi/macro"])).1, "write `nmi`");
        assert!(refused(&json!(["nearest-prototype"])).0.contains("few-shot episodes"));
        assert_eq!(refused(&json!(["map@r", 5])).0, "`metrics[1]` expects a string, found the integer 5");
        assert!(refused(&json!([])).0.contains("at least one item"));
    }

    #[test]
    fn metrics_stand_by_what_they_need_and_each_ranking_is_looked_at_once() {
        let metrics = json!(["map@r", "eer", "map@r/macro", "auroc", "nmi", "hubness@7", "effective-rank", "mrr"]);
        let rerank = json!({ "query-expansion": { "k": 9 } });
        let params: Params = param::from_json(&json!({ "metrics": metrics, "rerank": rerank })).unwrap();
        let groups = Groups::of(&params, Seed::of_stage(1, "evaluate", None)).unwrap();
        let columns: Vec<String> = groups.columns.iter().map(RetrievalMetric::name).collect();
        assert_eq!(columns, ["map@r", "mrr"]);
        let means: Vec<_> =
            groups.means.iter().map(|mean| (mean.path.as_str(), mean.metric.column, mean.metric.average)).collect();
        let (micro, of_classes) = (Average::Micro, Average::Macro);
        assert_eq!(means, [("metrics[0]", 0, micro), ("metrics[2]", 0, of_classes), ("metrics[7]", 1, micro)]);
        assert_eq!((groups.keep(None), groups.keep(params.rerank.as_ref())), (7, 9));
        let names = names(&params);
        assert_eq!(names[..4], ["map@r", "eer", "map@r/macro", "auroc"]);
        assert_eq!(names[8..10], ["reranked.map@r", "gain.map@r"]);
        assert_eq!(names.len(), 8 + 6);
    }
}
