//! What one threshold, found on other data, achieves.

use super::{Probe, Truth};
use crate::{MetricError, real};

/// Shares of queries that one threshold treats wrongly.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ErrorRates {
    /// Queries of unknown classes that are accepted: the false acceptance rate. `None` without such queries.
    pub far: Option<f64>,
    /// Queries of known classes that are rejected: the false rejection rate. `None` without such queries.
    pub frr: Option<f64>,
    /// Queries of known classes that are accepted with the right label: the detection and identification rate. `None`
    /// without such queries. What it lacks to 1 is rejected or has a wrong label.
    pub dir: Option<f64>,
}

/// The rates at a threshold: a query is accepted if its score is at least it.
///
/// ```
/// use simpipe_metric::open_set::{Probe, Truth, error_rates};
/// let probe = |score, truth| Probe { score, truth };
/// let probes = [probe(0.9, Truth::Right), probe(0.2, Truth::Right), probe(0.5, Truth::Unknown)];
/// let rates = error_rates(&probes, 0.4)?;
/// assert_eq!((rates.far, rates.frr, rates.dir), (Some(1.0), Some(0.5), Some(0.5)));
/// # Ok::<(), simpipe_metric::MetricError>(())
/// ```
///
/// # Errors
/// If a score or the threshold is NaN.
pub fn error_rates(probes: &[Probe], threshold: f64) -> Result<ErrorRates, MetricError> {
    if let Some(row) = probes.iter().position(|probe| probe.score.is_nan()) {
        return Err(MetricError::NotFinite { what: "score", row });
    }
    if threshold.is_nan() {
        return Err(MetricError::Range { what: "the threshold", expected: "a number".to_owned() });
    }
    let count = |test: &dyn Fn(&Probe) -> bool| probes.iter().filter(|probe| test(probe)).count();
    let accepted = |probe: &Probe| probe.score >= threshold;
    let unknown = count(&|probe| probe.truth == Truth::Unknown);
    let known = probes.len() - unknown;
    let share = |part: usize, whole: usize| (whole > 0).then(|| real(part) / real(whole));
    Ok(ErrorRates {
        far: share(count(&|probe| probe.truth == Truth::Unknown && accepted(probe)), unknown),
        frr: share(count(&|probe| probe.truth != Truth::Unknown && !accepted(probe)), known),
        dir: share(count(&|probe| probe.truth == Truth::Right && accepted(probe)), known),
    })
}
