//! Re-ranking against brute force, and against a reference.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::super::lookup::tests::{indexed, line, look};
use super::*;
use simpipe_artifact::{Embeddings, IndexRows};
use simpipe_search::Vectors;

/// Rows of three classes around the corners of a triangle, with some of each class astray.
fn cloud(seed: u64, count: usize, first_id: u64) -> Embeddings {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut values = Vec::new();
    for row in 0..count {
        let corner = row % 3;
        values.extend((0..3).map(|axis| rng.random_range(-0.6..0.6) + if axis == corner { 1.0 } else { 0.0 }));
    }
    let points: Vec<(f32, i32)> = (0..count).map(|row| (0.0, i32::try_from(row % 3).unwrap())).collect();
    Embeddings { values, dim: 3, ..line(&points, first_id) }
}

fn ask(
    by: &Rerank,
    index: &IndexRows,
    queries: &Embeddings,
    distance: Distance,
    alone: bool,
    names: &[&str],
) -> [Vec<Vec<Option<f64>>>; 2] {
    let lookup = look((index, queries), distance, alone, &|| false);
    let columns: Vec<RetrievalMetric> = names.iter().map(|name| RetrievalMetric::parse(name).unwrap()).collect();
    let found = lookup.find(lookup.asked(), &columns, by.expands_by()).unwrap();
    let again = values(by, &lookup, &columns, &found).unwrap();
    [found.into_iter().map(|found| found.values).collect(), again]
}

/// All rankings by brute force: the whole joint matrix of the reference's order of queries and index.
fn by_hand(by: KReciprocal, index: &IndexRows, queries: &Embeddings, names: &[&str]) -> Vec<Vec<Option<f64>>> {
    let all = Vectors::new(&[queries.values.clone(), index.vectors.to_vec()].concat(), 3, Distance::Cosine)
        .unwrap()
        .into_scaled()
        .unwrap();
    let labels = vec![0; all.len() / 3];
    let space = Space::new(&all, 3, &labels).unwrap();
    let neighbours = Neighbours::of_rows(&space, by.depth());
    let between = |one: usize, other: usize| square(space.row(one), space.row(other));
    let encoded = by.encode(&neighbours, between).unwrap();
    let of_query = |query: usize| {
        let distances = &encoded.distances(&neighbours, query, between)[queries.len()..];
        let mut order: Vec<usize> = (0..distances.len()).collect();
        order.sort_by(|one, other| distances[*one].total_cmp(&distances[*other]).then(one.cmp(other)));
        let hits: Vec<bool> = order.iter().map(|row| index.label[*row] == queries.label[query]).collect();
        let relevant = hits.iter().filter(|hit| **hit).count();
        let ranked = simpipe_metric::Ranked { hits: &hits, relevant };
        names.iter().map(|name| RetrievalMetric::parse(name).unwrap().of_query(&ranked)).collect()
    };
    (0..queries.len()).map(of_query).collect()
}

#[test]
fn k_reciprocal_ranks_as_the_whole_matrix_does() {
    let names = ["recall@1", "map@r", "mrr", "map", "precision@5"];
    let (index, queries) = (indexed(&cloud(1, 60, 0)), cloud(2, 24, 1000));
    for (k1, k2, lambda) in [(6, 3, 0.3), (4, 1, 0.0), (9, 4, 1.0)] {
        let by = Rerank::KReciprocal(Reciprocal { k1, k2, lambda });
        let [before, after] = ask(&by, &index, &queries, Distance::Cosine, false, &names);
        let expected = by_hand(KReciprocal { k1, k2, lambda }, &index, &queries, &names);
        for (found, expected) in after.iter().flatten().zip(expected.iter().flatten()) {
            assert!((found.unwrap() - expected.unwrap()).abs() < 1e-12, "{k1} {k2} {lambda}");
        }
        assert_eq!(before == after, lambda == 1.0, "{lambda}: the distance alone ranks as before");
    }
}

#[test]
fn a_query_of_the_index_stands_for_itself_once() {
    let rows = cloud(3, 45, 0);
    let reciprocal = KReciprocal { k1: 5, k2: 2, lambda: 0.3 };
    let by = Rerank::KReciprocal(Reciprocal { k1: 5, k2: 2, lambda: 0.3 });
    let [before, after] = ask(&by, &indexed(&rows), &rows, Distance::Euclidean, true, &["map@r", "recall@1"]);
    // By hand: 45 rows, not 90, and no row among its own neighbours.
    let labels = vec![0; 45];
    let space = Space::new(&rows.values, 3, &labels).unwrap();
    let neighbours = Neighbours::of_rows(&space, reciprocal.depth());
    let between = |one: usize, other: usize| square(space.row(one), space.row(other));
    let encoded = reciprocal.encode(&neighbours, between).unwrap();
    for (query, found) in after.iter().enumerate() {
        let distances = encoded.distances(&neighbours, query, between);
        let mut order: Vec<usize> = (0..45).filter(|row| *row != query).collect();
        order.sort_by(|one, other| distances[*one].total_cmp(&distances[*other]).then(one.cmp(other)));
        let hits: Vec<bool> = order.iter().map(|row| row % 3 == query % 3).collect();
        let ranked = simpipe_metric::Ranked { hits: &hits, relevant: 14 };
        assert_eq!(found[0], RetrievalMetric::MapAtR.of_query(&ranked), "query {query}");
    }
    assert_ne!(before, after);
}

#[test]
fn expanded_queries_are_looked_up_again() {
    // What NumPy has computed.
    let cases = simpipe_metric::golden("rerank");
    let case = cases.as_array().unwrap().iter().find(|case| case["params"].get("k").is_some()).unwrap();
    let rows = |name: &str| -> Vec<Vec<f32>> { serde_json::from_value(case["input"][name].clone()).unwrap() };
    let (asked, kept) = (rows("queries"), rows("index"));
    let label = |row: &Vec<f32>| i32::from(row[0] > 0.0);
    let of = |rows: &[Vec<f32>], first| {
        let points: Vec<(f32, i32)> = rows.iter().map(|row| (0.0, label(row))).collect();
        Embeddings { values: rows.concat(), dim: rows[0].len(), ..line(&points, first) }
    };
    let (index, queries) = (indexed(&of(&kept, 0)), of(&asked, 1000));
    let by = Rerank::QueryExpansion(Expanded { k: 4, alpha: 2.0 });
    let [_, after] = ask(&by, &index, &queries, Distance::Cosine, false, &["map@r", "recall@1"]);
    // By hand: the four nearest by cosine, weighed by its square, added, and looked up.
    let cosine = |one: &[f32], other: &[f32]| {
        let dot = |one: &[f32], other: &[f32]| -> f64 {
            one.iter().zip(other).map(|(one, other)| f64::from(*one) * f64::from(*other)).sum()
        };
        dot(one, other) / (dot(one, one) * dot(other, other)).sqrt()
    };
    let ranked = |query: &[f32]| {
        let mut order: Vec<usize> = (0..kept.len()).collect();
        order.sort_by(|one, other| cosine(query, &kept[*other]).total_cmp(&cosine(query, &kept[*one])));
        order
    };
    let unit = |row: &[f32]| {
        let norm = row.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt();
        row.iter().map(|value| f64::from(*value) / norm).collect::<Vec<f64>>()
    };
    for (at, query) in asked.iter().enumerate() {
        let mut sum = unit(query);
        for near in &ranked(query)[..4] {
            let weight = cosine(query, &kept[*near]).max(0.0).powi(2);
            sum.iter_mut().zip(unit(&kept[*near])).for_each(|(sum, value)| *sum += weight * value);
        }
        #[expect(clippy::cast_possible_truncation, reason = "embeddings are f32")]
        let turned: Vec<f32> = sum.into_iter().map(|value| value as f32).collect();
        let hit = label(&kept[ranked(&turned)[0]]) == label(query);
        assert_eq!(after[at][1], Some(f64::from(u8::from(hit))), "query {at}");
    }
}

#[test]
fn who_wants_to_stop_gets_no_ranking() {
    let (index, queries) = (indexed(&cloud(1, 60, 0)), cloud(2, 24, 1000));
    let lookup = look((&index, &queries), Distance::Cosine, false, &|| true);
    for by in [
        Rerank::KReciprocal(Reciprocal { k1: 6, k2: 3, lambda: 0.3 }),
        Rerank::QueryExpansion(Expanded { k: 3, alpha: 3.0 }),
    ] {
        let none = Retrieved { values: Vec::new(), nearest: None, near: Vec::new(), hit: false };
        let error = values(&by, &lookup, &[RetrievalMetric::MapAtR], &vec![none; 24]).unwrap_err();
        assert!(matches!(error, StageError::Interrupted), "{error}");
    }
}
