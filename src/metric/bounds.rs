//! The bounds of numbers, as far as their names tell them.

/// Numbers that lie between 0 and 1, whatever is measured: their names without what follows an `@` or a `/`.
const SHARES: [&str; 27] = [
    "accuracy",
    "achieved",
    "auroc",
    "average-precision",
    "binary_accuracy",
    "dir",
    "ece",
    "eer",
    "f1",
    "far",
    "fpr",
    "frr",
    "map",
    "map-clip-at-r",
    "matched",
    "mrr",
    "ndcg",
    "nmi",
    "npv",
    "oscr",
    "precision",
    "r-precision",
    "recall",
    "roc-auc",
    "tpr",
    "true-ndcg",
    "unknown",
];
/// The part of a name that makes a number a difference, which may be below 0.
const GAIN: &str = "gain";

/// Whether a number of a run, such as `match.disjoint.recall@1`, always lies between 0 and 1.
///
/// ```
/// use simpipe_metric::bounds::is_share;
/// assert!(is_share("evaluate.recall@1") && !is_share("evaluate.gain.recall@1") && !is_share("train.loss"));
/// ```
#[must_use]
pub fn is_share(name: &str) -> bool {
    let mut parts = name.rsplit('.');
    let figure = parts.next().unwrap_or(name);
    let base = figure.split(['@', '/']).next().unwrap_or(figure);
    SHARES.contains(&base) && parts.all(|part| part != GAIN)
}

/// The end of a number's interval; that of a share is cut at 0 and 1, which no share leaves.
#[must_use]
pub fn cut(name: &str, end: f64) -> f64 {
    if is_share(name) { end.clamp(0.0, 1.0) } else { end }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_of_shares_end_at_0_and_1() {
        for name in ["match.accuracy", "evaluate.disjoint.map@r", "evaluate.r-precision/macro", "evaluate.dir@1far"] {
            assert_eq!([cut(name, -0.2279), cut(name, 0.5), cut(name, 1.5557)], [0.0, 0.5, 1.0], "{name}");
        }
        for name in ["train.loss", "evaluate.gain.map@r", "evaluate.hubness@10", "match.lone"] {
            assert_eq!([cut(name, -0.2279), cut(name, 1.5557)], [-0.2279, 1.5557], "{name}");
        }
    }
}
