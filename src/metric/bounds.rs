//! The bounds of numbers, as far as their names tell them.

use super::registry::known;

/// Numbers of `calibrate`, `match` and `few-shot` that lie between 0 and 1 and are not called as a metric of the registry is.
const OTHERS: [&str; 9] = ["accuracy", "achieved", "binary-accuracy", "ece", "f1", "far", "matched", "npv", "unknown"];
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
    // In a spec `r-precision`, among the numbers of a run `r_precision`.
    let base = figure.split(['@', '/']).next().unwrap_or(figure).replace('_', "-");
    let is_share =
        known().find(|known| known.name == base).map_or_else(|| OTHERS.contains(&base.as_str()), |known| known.share);
    is_share && parts.all(|part| part != GAIN)
}

/// The end of a number's interval; that of a share is cut at 0 and 1, which no share leaves.
#[must_use]
pub fn cut(name: &str, end: f64) -> f64 {
    if is_share(name) { end.clamp(0.0, 1.0) } else { end }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::shown;

    #[test]
    fn intervals_of_shares_end_at_0_and_1() {
        for name in [
            "match.accuracy",
            "evaluate.disjoint.map@r",
            "evaluate.r_precision/macro",
            "evaluate.dir@1far",
            "calibrate.optimal.f1",
        ] {
            assert_eq!([cut(name, -0.2279), cut(name, 0.5), cut(name, 1.5557)], [0.0, 0.5, 1.0], "{name}");
        }
        for name in ["train.loss", "evaluate.gain.map@r", "evaluate.hubness@10", "evaluate.ari", "match.lone"] {
            assert_eq!([cut(name, -0.2279), cut(name, 1.5557)], [-0.2279, 1.5557], "{name}");
        }
    }

    #[test]
    fn a_metric_says_itself_whether_it_is_a_share() {
        for metric in known() {
            let written = shown(metric.name, metric.argument);
            for name in written.split(" or ").map(|name| name.trim_matches('`')) {
                assert_eq!(is_share(&format!("evaluate.{name}")), metric.share, "{name}");
                assert_eq!(is_share(&name.replace('-', "_")), metric.share, "{name}");
            }
        }
        assert!(known().all(|metric| !OTHERS.contains(&metric.name)), "those of the registry stand there alone");
    }
}
