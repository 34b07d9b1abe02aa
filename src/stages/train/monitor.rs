//! Which figure of an epoch decides: when a training ends early, and which epoch's weights are kept.

use serde_json::Value as Json;

use simpipe_base::check;
use simpipe_base::issue::{Issue, Issues};
use simpipe_base::node::{Node, Value};
use simpipe_base::param::{Param, Shape, View, expected, found};
use simpipe_base::suggest;
use simpipe_base::{choice, params};
use simpipe_metric::{NameError, RetrievalMetric};
use simpipe_nn as nn;

choice! {
    /// The figure of an epoch that is looked at, beside `recall@K`, `precision@K` and `map@r` of the validation pool.
    pub enum Monitor {
        /// The mean loss over the validation batches; lower is better.
        "val-loss" => ValLoss,
        /// The mean loss over the epoch's steps; lower is better.
        "loss" => Loss,
    }
}

/// The figure of an epoch that is looked at.
#[derive(Debug, Clone, PartialEq)]
pub enum Watched {
    /// A loss.
    Loss(Monitor),
    /// A retrieval metric of the validation pool, each image a query among the others.
    Metric(RetrievalMetric),
}

params! {
    /// Ends a training that no longer gets better, as Keras' `EarlyStopping` does: after `patience` epochs in a row
    /// whose figure is not better than the best one by more than `min-delta`.
    pub struct EarlyStopping {
        /// Number of epochs in a row without improvement; those that `validate-every` skips do not count.
        patience: usize = 3 => check::count(1),
        /// A loss counts as better if it is below `best - min-delta`, a metric if it is above `best + min-delta`.
        min_delta: f64 = 0.0 => check::not_negative(),
        /// The number to watch: `val-loss`, `loss`, or a metric of the whole validation pool, `recall@K`, `precision@K`
        /// or `map@r`. For a metric, each image of the pool is looked up among all others, without copies of itself.
        #[aka("monitor", "score")]
        metric: Watched = Watched::Loss(Monitor::ValLoss),
    }
}

/// Whether the best epoch's weights are kept, and by which figure.
#[derive(Debug, Clone, PartialEq)]
pub enum KeepBest {
    /// The last epoch's are.
    No,
    /// By the figure that is looked at anyway.
    Yes,
    /// By this one.
    By(Watched),
}

impl Watched {
    /// As the training loop has it.
    pub(super) fn monitor(&self) -> nn::Monitor {
        match self {
            Self::Loss(Monitor::ValLoss) => nn::Monitor::ValLoss,
            Self::Loss(Monitor::Loss) => nn::Monitor::Loss,
            Self::Metric(metric) => {
                nn::Monitor::Score { name: metric.name(), higher_is_better: metric.higher_is_better() }
            }
        }
    }

    pub(super) const fn metric(&self) -> Option<RetrievalMetric> {
        match self {
            Self::Metric(metric) => Some(*metric),
            Self::Loss(_) => None,
        }
    }
}

/// What may stand for a figure, as examples of the names with a number.
const NAMES: [&str; 5] = ["val-loss", "loss", "recall@1", "precision@1", "map@r"];

impl Param for Watched {
    fn read(node: &Node, path: &str, issues: &mut Issues) -> Option<Self> {
        let Some(name) = node.string() else {
            let message = format!("`{path}` expects the name of a metric, found {}", found(node));
            issues.push(Issue::at(&node.place, path, message).help(format!("write {}", suggest::one_of(&NAMES))));
            return None;
        };
        match name {
            "val-loss" => return Some(Self::Loss(Monitor::ValLoss)),
            "loss" => return Some(Self::Loss(Monitor::Loss)),
            _ => {}
        }
        let metric = RetrievalMetric::parse(name);
        let refuse = |error: NameError| {
            let meant = error.help.starts_with("did you mean");
            let help = if meant { error.help } else { suggest::help(name, &NAMES) };
            issues.push(Issue::at(&node.place, path, format!("unknown metric `{name}` for `{path}`")).help(help));
        };
        metric.map_err(refuse).ok().map(Self::Metric)
    }

    fn write(&self, view: View) -> Json {
        match self {
            Self::Loss(loss) => loss.write(view),
            Self::Metric(metric) => metric.name().into(),
        }
    }

    fn shape() -> Shape {
        Shape::AnyOf(vec![Monitor::shape(), Shape::String])
    }
}

impl Param for KeepBest {
    fn read(node: &Node, path: &str, issues: &mut Issues) -> Option<Self> {
        match &node.value {
            Value::Boolean(true) => Some(Self::Yes),
            Value::Boolean(false) => Some(Self::No),
            Value::String(text) if !matches!(text.to_lowercase().as_str(), "true" | "false") => {
                Watched::read(node, path, issues).map(Self::By)
            }
            _ => {
                expected(node, path, "`true`, `false` or the name of a metric", issues);
                None
            }
        }
    }

    fn write(&self, view: View) -> Json {
        match self {
            Self::No => Json::Bool(false),
            Self::Yes => Json::Bool(true),
            Self::By(watched) => watched.write(view),
        }
    }

    fn shape() -> Shape {
        Shape::AnyOf(vec![Shape::Boolean, Watched::shape()])
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use simpipe_base::param;

    #[test]
    fn figures_are_read_and_written_by_their_names() {
        for name in ["val-loss", "loss", "recall@5", "map@r"] {
            let watched: Watched = param::from_json(&json!(name)).unwrap();
            assert_eq!((watched.write(View::Key), watched.monitor().name()), (json!(name), name));
            assert_eq!(param::from_json::<KeepBest>(&json!(name)).unwrap(), KeepBest::By(watched));
        }
        for flag in [true, false] {
            assert_eq!(param::from_json::<KeepBest>(&json!(flag)).unwrap().write(View::Key), json!(flag));
        }
    }

    #[test]
    fn unknown_metrics_are_refused_with_help() {
        let refused = |json: Json| param::from_json::<Watched>(&json).unwrap_err().remove(0);
        let issue = refused(json!("recal@1"));
        assert_eq!(issue.message, "unknown metric `recal@1` for ``");
        assert_eq!(issue.help.as_deref(), Some("did you mean `recall@1`?"));
        for wrong in ["recall@0", "recall", "val-los", "accuracy"] {
            assert!(refused(json!(wrong)).message.starts_with("unknown metric"), "{wrong}");
        }
        assert!(refused(json!(1)).message.contains("expects the name of a metric, found the integer 1"));
        let issue = param::from_json::<KeepBest>(&json!("true")).unwrap_err().remove(0);
        assert_eq!(issue.help.as_deref(), Some("remove the quotes: true"));
    }
}
