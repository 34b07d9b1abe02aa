//! Distances and calibration held against what reference libraries computed: the evaluators of golden files.

use serde_json::Value as Json;

use super::distance::{Rows, to_rows};
use super::matcher::{Matcher, Vote};
use super::{CalibrationMetric, Counting, Curve, Judged};
use simpipe_artifact::Distance;
use simpipe_base::golden::{
    Array, Case, CaseError, Comparison, Evaluator, field, number, numbers, object, text, value,
};
use simpipe_base::param;

/// What is computed here, by the names of files.
pub const EVALUATORS: &[(&str, Evaluator)] = &[("distances", distances), ("calibration", calibration)];

/// Distances of all pairs, as a search computes them.
fn distances(case: &Case, to: &mut Comparison) -> Result<(), CaseError> {
    let name = text(&case.params, "distance")?;
    let distance = Distance::from_name(&param::kebab(&name.trim().to_lowercase()));
    let distance = distance.ok_or_else(|| CaseError::unknown(format!("the distance `{name}`")))?;
    let [query, key] = ["query", "key"].map(|name| Array::read(field(&case.input, name)?, 2));
    let (query, key) = (query?, key?);
    if query.shape[1] != key.shape[1] {
        return Err(CaseError::malformed("rows of `query` and `key` are of different lengths"));
    }
    let keys = Rows::new(&key.values, key.shape[1]);
    let keys = keys.map_err(|error| CaseError::malformed(error.to_string()))?;
    let expected = numbers(field(&case.expected, "distances")?)?;
    let mut found: Vec<f32> = Vec::new();
    for query in query.rows() {
        let mut of_query = Vec::new();
        to_rows(distance, &query, &keys, &mut of_query);
        found.extend(of_query);
    }
    to.equal("number of distances", &found.len(), &expected.len());
    for (at, (found, expected)) in found.into_iter().zip(expected).enumerate() {
        // Near 0 a root magnifies what cancellation leaves: the file's note gives it 1e-3.
        let near = f64::from(found).min(expected) < 1e-2;
        let absolute = if distance == Distance::Euclidean && near { 1e-3 } else { 0.0 };
        to.value_within(&format!("searched distances[{at}]"), found.into(), expected, absolute);
    }
    Ok(())
}

/// Thresholds with their metrics, and the cutpoints among them.
fn calibration(case: &Case, to: &mut Comparison) -> Result<(), CaseError> {
    let curve = curve(case)?;
    let metric = metric(text(&case.params, "calibration_metric")?)?;
    let column = |name: &str| -> Result<Vec<f64>, CaseError> {
        Ok(match name {
            "distance" => curve.thresholds.iter().map(|&distance| distance.into()).collect(),
            "value" => curve.values(&metric),
            _ => curve.values(&self::metric(name)?),
        })
    };
    for (name, expected) in object(&case.expected, "thresholds")? {
        to.list(name, column(name)?, expected)?;
    }
    let cutpoints = object(&case.expected, "cutpoints")?;
    let mut found = vec![("optimal".to_owned(), curve.optimal(&metric))];
    for (name, value) in object(&case.params, "targets")? {
        found.push((name.clone(), curve.target(&metric, number(value)?)));
    }
    for (name, at) in found {
        to.equal(&format!("whether {name} is reached"), &at.is_some(), &cutpoints.contains_key(&name));
        let (Some(at), Some(Json::Object(fields))) = (at, cutpoints.get(&name)) else { continue };
        for (field, expected) in fields.iter().filter(|(field, _)| *field != "name") {
            let column = column(field)?;
            to.value(&format!("{name}.{field}"), column.get(at).copied().unwrap_or(f64::NAN), number(expected)?);
        }
    }
    Ok(())
}

fn metric(name: &str) -> Result<CalibrationMetric, CaseError> {
    CalibrationMetric::of_column(name).ok_or_else(|| CaseError::unknown(format!("the calibration metric `{name}`")))
}

fn curve(case: &Case) -> Result<Curve, CaseError> {
    let labels: Vec<i32> = value(&case.input, "query_labels")?;
    let found: Vec<Vec<i32>> = value(&case.input, "lookup_labels")?;
    let distances: Vec<Vec<f32>> = value(&case.input, "lookup_distances")?;
    let same = |(labels, distances): (&Vec<i32>, &Vec<f32>)| labels.len() == distances.len();
    if labels.len() != found.len() || found.len() != distances.len() || !found.iter().zip(&distances).all(same) {
        return Err(CaseError::malformed("queries, labels and distances of neighbours of different numbers"));
    }
    let matcher = match text(&case.params, "matcher")? {
        "match_nearest" => Matcher::Nearest,
        "match_majority_vote" => Matcher::MajorityVote(Vote { k: found.iter().map(Vec::len).max().unwrap_or(1) }),
        other => return Err(CaseError::unknown(format!("the matcher `{other}`"))),
    };
    let query = |((&label, found), distances): ((&i32, &Vec<i32>), &Vec<f32>)| {
        let neighbours: Vec<(i32, f32)> = found.iter().copied().zip(distances.iter().copied()).collect();
        Judged { label, indexed: true, verdict: matcher.decide(&neighbours) }
    };
    let judged: Vec<Judged> = labels.iter().zip(&found).zip(&distances).map(query).collect();
    Ok(Curve::new(&judged, distances.concat(), Distance::Cosine, &Counting::Lookup))
}

#[cfg(test)]
mod tests {
    use super::*;
    use simpipe_base::golden::GoldenFile;

    #[test]
    fn distances_and_calibration_are_tensorflow_similaritys() {
        for ((name, evaluate), (cases, least)) in EVALUATORS.iter().zip([(18, 500), (18, 400)]) {
            let path = format!("{}/../../tests/fixtures/golden/{name}.json", env!("CARGO_MANIFEST_DIR"));
            let file: GoldenFile = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
            let mut comparison = Comparison::new(file.tolerance);
            file.cases.iter().for_each(|case| evaluate(case, &mut comparison).unwrap());
            assert_eq!(comparison.wrong(), 0, "{name}: {:?}", comparison.mismatches());
            assert!(file.cases.len() == cases && comparison.compared() > least, "{}", comparison.compared());
        }
    }
}
