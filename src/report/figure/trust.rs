//! How far a map can be trusted, measured against the embeddings that it is of.

use std::collections::BTreeMap;

use simpipe_artifact::Distance;
use simpipe_metric::plane::{Trustworthiness, nearest_rows, trustworthiness};

use super::body::Scatter;
use super::count_of;
use crate::{ReportData, ReportError, Stop};

/// Neighbours of a point that a page tells.
const TOLD: usize = 5;
/// Points beyond which they are not looked for.
const MOST: usize = 10_000;

/// The embeddings of a map's points, as the map's distance sees them; `None` where they are not there, or no longer have the
/// lengths that the map is of.
pub(super) fn rows(data: &ReportData, map: &Scatter, distance: Distance) -> Option<Vec<f32>> {
    let rows: BTreeMap<u64, usize> = data.embeddings.example_id.iter().copied().zip(0..).collect();
    let places: Option<Vec<usize>> = map.ids.iter().map(|id| rows.get(id).copied()).collect();
    let directions = distance == Distance::Cosine;
    let lengths_lost = data.index_info.metric == Distance::Cosine && !directions;
    let dim = data.embeddings.dim;
    let row = |at: usize| {
        let row = data.embeddings.values.get(at * dim..(at + 1) * dim).unwrap_or_default();
        if directions { direction(row) } else { row.to_vec() }
    };
    Some(places.filter(|_| !lengths_lost)?.into_iter().flat_map(row).collect())
}

/// How far the map can be trusted, and the nearest others of each point in the embedding: of many points none.
pub(super) fn of(
    (rows, dim): (&[f32], usize),
    points: &[[f64; 2]],
    k: usize,
    stop: Stop<'_>,
) -> Result<(Option<Trustworthiness>, Vec<Vec<usize>>), ReportError> {
    let trust = trustworthiness((rows, dim), points, k, stop)?;
    let few = points.len() <= MOST;
    let neighbours = if few { nearest_rows((rows, dim), TOLD, stop)? } else { Vec::new() };
    Ok((trust, neighbours))
}

/// The row at unit length; one of zeros as it is.
fn direction(row: &[f32]) -> Vec<f32> {
    let length = row.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt();
    let scale = if length > 0.0 { 1.0 / length } else { 1.0 };
    row.iter().map(|value| (f64::from(*value) * scale) as f32).collect()
}

/// What the reader is told, which the numbers then hold too.
pub(super) fn in_words(trust: Option<Trustworthiness>, numbers: &mut BTreeMap<String, f64>) -> String {
    let Some(Trustworthiness { k, of, value }) = trust else {
        return "How far the map can be trusted was not measured: the embeddings that it is of are not here, or too few."
            .to_owned();
    };
    numbers.insert("trustworthiness".to_owned(), value);
    numbers.insert("trustworthiness.k".to_owned(), k as f64);
    numbers.insert("trustworthiness.points".to_owned(), of as f64);
    format!(
        "Trustworthiness {value:.3} at k = {k} over {} (Venna and Kaski): 1 where all of the {k} nearest on the map are among the {k} \
         nearest in the embedding, about 0.5 where the map is random.",
        count_of(of, "point", "points")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figure::{FigureSpec, Method, Projection};
    use crate::synthetic;

    fn numbers(data: &ReportData, k: usize) -> (BTreeMap<String, f64>, String) {
        let map = Projection { method: Method::Pca, k, ..simpipe_base::param::defaults() };
        let figure = FigureSpec::Projection(map).build(data, &|| false).unwrap();
        (figure.numbers, figure.reading)
    }

    #[test]
    fn a_map_says_how_far_it_is_trusted_with_the_k_of_the_spec() {
        let data = synthetic::with(5, 60, simpipe_artifact::ImageShape { height: 4, width: 4, channels: 1 });
        let (found, reading) = numbers(&data, 7);
        assert_eq!(found["trustworthiness.k"], 7.0);
        assert!((0.3..=1.0).contains(&found["trustworthiness"]), "{found:?}");
        assert!(
            reading.contains(&format!("Trustworthiness {:.3} at k = 7 over ", found["trustworthiness"])),
            "{reading}"
        );
        assert_ne!(numbers(&data, 3).0["trustworthiness"], found["trustworthiness"]);
    }

    #[test]
    fn what_can_not_be_measured_is_said() {
        let (found, reading) =
            numbers(&synthetic::with(1, 1, simpipe_artifact::ImageShape { height: 4, width: 4, channels: 1 }), 7);
        assert!(!found.contains_key("trustworthiness") && reading.contains("not measured"), "{reading}");
    }
}
