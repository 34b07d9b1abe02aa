use super::*;
use crate::drawn::numbers;
use simpipe_base::param;

fn products(values: &[f32], dim: usize, distance: Distance, json: &serde_json::Value) -> Products {
    let params: IvfPq = param::from_json(json).unwrap();
    Products::new(Rows::new(values, dim).unwrap(), distance, &params, &|| false).unwrap()
}

/// As many words as vectors and a list for each: codes stand for the vectors themselves, so scores are distances.
#[test]
fn scores_are_the_distances_where_nothing_is_rounded_away() {
    let values = numbers(40 * 6);
    for (distance, lists) in [(Distance::SquaredEuclidean, 3), (Distance::InnerProduct, 3), (Distance::Euclidean, 40)] {
        let json = serde_json::json!({ "lists": lists, "parts": 6, "probes": lists });
        let made = products(&values, 6, distance, &json);
        let query = &numbers(41 * 6)[40 * 6..];
        let table = made.table(query);
        let far = made.to_centres(query);
        for (list, far) in far.iter().enumerate() {
            let places = made.made.begins[list] as usize..made.made.begins[list + 1] as usize;
            let mut scores = Vec::new();
            made.score(&table, *far, places.clone(), &mut scores);
            for (score, row) in scores.iter().zip(&made.made.rows[places]) {
                let row = &values[*row as usize * 6..][..6];
                let pairs = || query.iter().zip(row).map(|(q, k)| (f64::from(*q), f64::from(*k)));
                let expected: f64 = match distance {
                    Distance::InnerProduct => -pairs().map(|(q, k)| q * k).sum::<f64>(),
                    _ => pairs().map(|(q, k)| (q - k) * (q - k)).sum(),
                };
                assert!((f64::from(*score) - expected).abs() < 1e-4, "{distance:?}: {score} {expected}");
            }
        }
        let all = made.best(query, 40, 1, &Marks::default());
        assert_eq!(all.len(), 40, "as many lists are looked through as it takes");
        let mut sorted = all;
        sorted.sort_unstable();
        assert!(sorted.into_iter().eq(0..40));
    }
}

#[test]
fn the_codes_are_the_same_from_any_number_of_threads() {
    let values = numbers(3000 * 8);
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| products(&values, 8, Distance::Cosine, &serde_json::json!({ "lists": 20 })).made)
    };
    let one = with(1);
    assert_eq!((one.lists, one.parts, one.words, one.rows.len()), (20, 2, 256, 3000));
    for threads in [2, 3, 8] {
        assert!(with(threads) == one, "{threads} threads");
    }
}

#[test]
fn nothing_and_copies_are_coded_too() {
    let none = products(&[], 0, Distance::Cosine, &serde_json::json!({}));
    assert!(none.best(&[], 3, 1, &Marks::default()).is_empty());
    let copies = products(&[0.5; 4 * 30], 4, Distance::SquaredEuclidean, &serde_json::json!({}));
    assert_eq!(copies.best(&[0.5; 4], 30, 3, &Marks::default()).len(), 30);
    let params: IvfPq = param::defaults();
    let rows = Rows::new(&[0.5; 40], 4).unwrap();
    let stopped = Products::new(rows, Distance::Cosine, &params, &|| true);
    assert_eq!(stopped.unwrap_err(), SearchError::Stopped);
}
