//! How far a map can be trusted, measured against the embeddings that it is of.

use std::collections::BTreeMap;

use super::body::Scatter;
use crate::artifact::Distance;
use crate::metric::plane::{Trustworthiness, trustworthiness};
use crate::report::{ReportData, ReportError, Stop};

/// The trustworthiness of a map that is of this distance; `None` where the embeddings of its points are not there, or no
/// longer have the lengths that the map is of.
pub(super) fn of(
    data: &ReportData,
    map: &Scatter,
    distance: Distance,
    k: usize,
    stop: Stop<'_>,
) -> Result<Option<Trustworthiness>, ReportError> {
    let rows: BTreeMap<u64, usize> = data.embeddings.example_id.iter().copied().zip(0..).collect();
    let places: Option<Vec<usize>> = map.ids.iter().map(|id| rows.get(id).copied()).collect();
    let directions = distance == Distance::Cosine;
    let lengths_lost = data.index_info.metric == Distance::Cosine && !directions;
    let Some(places) = places.filter(|_| !lengths_lost) else { return Ok(None) };
    let dim = data.embeddings.dim;
    let row = |at: usize| {
        let row = data.embeddings.values.get(at * dim..(at + 1) * dim).unwrap_or_default();
        if directions { direction(row) } else { row.to_vec() }
    };
    let values: Vec<f32> = places.into_iter().flat_map(row).collect();
    Ok(trustworthiness((&values, dim), &map.points, k, stop)?)
}

/// The row at unit length; one of zeros as it is.
fn direction(row: &[f32]) -> Vec<f32> {
    let length = row.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt();
    let scale = if length > 0.0 { 1.0 / length } else { 1.0 };
    row.iter().map(|value| (f64::from(*value) * scale) as f32).collect()
}

/// What the reader is told, which the numbers then hold too.
pub(super) fn in_words(trust: Option<Trustworthiness>, numbers: &mut BTreeMap<String, f64>) -> String {
    let Some(Trustworthiness { k, value }) = trust else {
        return "How far the map can be trusted was not measured: the embeddings that it is of are not here, or too few."
            .to_owned();
    };
    numbers.insert("trustworthiness".to_owned(), value);
    numbers.insert("trustworthiness.k".to_owned(), k as f64);
    format!(
        "Trustworthiness {value:.3} at k = {k} (Venna and Kaski): 1 where all of the {k} nearest on the map are among the {k} \
         nearest in the embedding, about 0.5 where the map is random."
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::figure::{FigureSpec, Method, Projection};
    use crate::report::synthetic;

    fn numbers(data: &ReportData, k: usize) -> (BTreeMap<String, f64>, String) {
        let map = Projection { method: Method::Pca, k, ..crate::base::param::defaults() };
        let figure = FigureSpec::Projection(map).build(data, &|| false).unwrap();
        (figure.numbers, figure.reading)
    }

    #[test]
    fn a_map_says_how_far_it_is_trusted_with_the_k_of_the_spec() {
        let data = synthetic::with(5, 60, crate::artifact::ImageShape { height: 4, width: 4, channels: 1 });
        let (found, reading) = numbers(&data, 7);
        assert_eq!(found["trustworthiness.k"], 7.0);
        assert!((0.3..=1.0).contains(&found["trustworthiness"]), "{found:?}");
        assert!(reading.contains(&format!("Trustworthiness {:.3} at k = 7", found["trustworthiness"])), "{reading}");
        assert_ne!(numbers(&data, 3).0["trustworthiness"], found["trustworthiness"]);
    }

    #[test]
    fn what_can_not_be_measured_is_said() {
        let (found, reading) =
            numbers(&synthetic::with(1, 1, crate::artifact::ImageShape { height: 4, width: 4, channels: 1 }), 7);
        assert!(!found.contains_key("trustworthiness") && reading.contains("not measured"), "{reading}");
    }
}
