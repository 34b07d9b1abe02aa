//! `evaluate` where queries do not look at images of their group or source, against the plain definition.

use super::*;
use crate::evaluate::Evaluate;
use simpipe_artifact::{Belonging, Evaluation, ExcludedInfo, PerQuery};

type Texts = Vec<Option<String>>;

fn texts(values: &[&str]) -> Texts {
    values.iter().map(|value| Some((*value).to_owned()).filter(|value| value != "-")).collect()
}

impl World {
    /// Points of which a column is known, embedded under the name `cloud`, and an index of some of them.
    fn cloud(points: &[(f32, i32)], column: &str, values: Texts, indexed: &Json) -> Self {
        let world = Self::new();
        world.embed("cloud", 0, points, false);
        let path = world.folder("cloud").join("embeddings.parquet");
        let mut rows = Embeddings::read(&path).unwrap();
        rows.belonging = Belonging::default().with(column, values);
        rows.write(&path).unwrap();
        world.run::<Index>(indexed, &[("dataset", "dataset"), ("embeddings", "cloud")], "index").unwrap();
        world
    }

    fn of_cloud(&self, params: &Json) -> Outcome {
        self.run::<Evaluate>(params, &[("index", "index"), ("queries", "cloud")], "evaluate")
    }

    fn found(&self) -> (Evaluation, PerQuery) {
        let folder = self.folder("evaluate");
        let queries = PerQuery::read_metrics(&folder.join(PerQuery::FILE)).unwrap();
        (read_json(&folder.join(Evaluation::FILE)).unwrap(), queries)
    }
}

/// Points whose distances often tie, with labels and groups that have nothing to do with each other.
fn points() -> (Vec<(f32, i32)>, Texts) {
    let point = |at: u16| (f32::from(at * 379 % 1009), i32::from((at * at + at / 3) % 4));
    let group = |at: u16| (!at.is_multiple_of(11)).then(|| format!("group {}", at % 7));
    ((0..60).map(point).collect(), (0..60).map(group).collect())
}

/// What each query ranks: whether its label comes, nearest first, with each distance.
fn ranked(
    points: &[(f32, i32)],
    groups: &Texts,
    indexed: std::ops::Range<usize>,
    query: usize,
    alone: bool,
) -> Vec<(f32, bool)> {
    let looks_at = |row: &usize| !(alone && *row == query || groups[query].is_some() && groups[*row] == groups[query]);
    let mut rows: Vec<usize> = indexed.filter(looks_at).collect();
    let distance = |row: usize| (points[row].0 - points[query].0).abs();
    rows.sort_by(|one, other| distance(*one).total_cmp(&distance(*other)).then(one.cmp(other)));
    rows.into_iter().map(|row| (distance(row), points[row].1 == points[query].1)).collect()
}

fn mean(values: &[Option<f64>]) -> f64 {
    let some: Vec<f64> = values.iter().flatten().copied().collect();
    some.iter().sum::<f64>() / some.len() as f64
}

/// recall@1, precision@5, map@r and mrr of one ranking.
fn of_query(hits: &[bool]) -> Option<[f64; 4]> {
    let relevant = hits.iter().filter(|hit| **hit).count();
    let first = hits.iter().position(|hit| *hit)?;
    let among = |k: usize| hits.iter().take(k).filter(|hit| **hit).count() as f64;
    let at = |rank: usize| if hits[rank] { among(rank + 1) / (rank + 1) as f64 } else { 0.0 };
    let map = (0..relevant).map(at).sum::<f64>() / relevant as f64;
    Some([f64::from(u8::from(hits[0])), among(5) / 5.0, map, 1.0 / (first + 1) as f64])
}

#[test]
fn rankings_and_pairs_are_those_of_the_plain_definition() {
    let (points, groups) = points();
    let whole = json!({ "begin": 0, "size": 60 });
    for (indexed, asked, alone) in [
        (json!({ "slice": whole }), 0..60, true),
        (json!({ "slice": { "begin": 0, "size": 40 } }), 40..60, false),
        (json!({ "slice": { "begin": 10, "size": 40 } }), 0..60, true),
    ] {
        let world = World::cloud(&points, "group", groups.clone(), &indexed);
        let begin = indexed["slice"]["begin"].as_u64().unwrap() as usize;
        let rows = begin..begin + indexed["slice"]["size"].as_u64().unwrap() as usize;
        let slice = json!({ "begin": asked.start, "size": asked.len() });
        let metrics = json!(["recall@1", "precision@5", "map@r", "mrr", "roc-auc"]);
        let params = json!({ "slice": slice, "leave-one-out": alone, "exclude": "same-group", "metrics": metrics });
        let (numbers, warnings) = world.of_cloud(&params).unwrap();

        let rankings: Vec<Vec<(f32, bool)>> =
            asked.clone().map(|query| ranked(&points, &groups, rows.clone(), query, alone)).collect();
        let values: Vec<Option<[f64; 4]>> = rankings
            .iter()
            .map(|ranking| of_query(&ranking.iter().map(|near| near.1).collect::<Vec<bool>>()))
            .collect();
        for (at, name) in ["recall@1", "precision@5", "map@r", "mrr"].into_iter().enumerate() {
            let column: Vec<Option<f64>> = values.iter().map(|values| values.map(|values| values[at])).collect();
            assert!((numbers[name] - mean(&column)).abs() < 1e-12, "{name}: {} of {rows:?}", numbers[name]);
        }
        let of = |genuine: bool| -> Vec<f32> {
            rankings.iter().flatten().filter(|near| near.1 == genuine).map(|near| near.0).collect()
        };
        let (genuine, impostor) = (of(true), of(false));
        let wins = |one: &f32| {
            let won = |other: &f32| {
                if one < other {
                    1.0
                } else if one == other {
                    0.5
                } else {
                    0.0
                }
            };
            impostor.iter().map(won).sum::<f64>()
        };
        let auc = genuine.iter().map(wins).sum::<f64>() / (genuine.len() * impostor.len()) as f64;
        assert!((numbers["roc_auc"] - auc).abs() < 1e-9, "{} is not {auc}", numbers["roc_auc"]);

        let (evaluation, queries) = world.found();
        let relevant: Vec<u64> =
            rankings.iter().map(|ranking| ranking.iter().filter(|near| near.1).count() as u64).collect();
        assert_eq!(queries.relevant, relevant);
        let unknown = asked.clone().filter(|query| groups[*query].is_none()).count();
        let info = evaluation.excluded.unwrap();
        assert_eq!((info.same.as_str(), info.unknown), ("group", unknown));
        assert!(
            warnings.last().unwrap().starts_with(&format!("the data says no group of {unknown} quer")),
            "{warnings:?}"
        );
    }
}

/// Out of ranking and ground truth goes all that has a query's `sequence`, whatever its label: `batched_knn` of
/// open-metric-learning 3 (oml/functional/knn.py).
#[test]
fn a_sequence_is_left_out_as_open_metric_learning_does() {
    // Beside the query: its label and sequence; its sequence alone; another sequence with and without its label.
    let points = [(0.0, 0), (1.0, 0), (0.5, 1), (3.0, 0), (2.0, 1)];
    let world = World::cloud(&points, "source", texts(&["one", "one", "one", "two", "two"]), &json!({}));
    let metrics = json!(["recall@1", "recall@2", "mrr"]);
    let params = json!({ "leave-one-out": true, "exclude": "same-source", "metrics": metrics });
    let (_, warnings) = world.of_cloud(&params).unwrap();
    let (evaluation, queries) = world.found();
    // torch.topk of the masked distances gives rows 4 and 3, of which row 3 is the ground truth.
    let first: Vec<f64> = queries.metrics.iter().map(|column| column.1[0].unwrap()).collect();
    assert_eq!((first, queries.relevant[0]), (vec![0.0, 1.0, 0.5], 1));
    // Nobody loses its class by that: row 2 finds row 4.
    assert_eq!(evaluation.excluded, Some(ExcludedInfo { same: "source".to_owned(), unknown: 0, emptied: 0 }));
    assert!(warnings.is_empty(), "{warnings:?}");
}

#[test]
fn queries_that_lose_their_class_are_counted_and_said() {
    let points = [(0.0, 0), (1.0, 0), (4.0, 1), (5.0, 1)];
    let world = World::cloud(&points, "group", texts(&["a", "a", "a", "b"]), &json!({}));
    let params = |more: &str| json!({ more: true, "exclude": "same-group", "metrics": ["recall@1"] });
    // The group holds each query itself: nothing finds itself, and nothing needs to be allowed.
    for more in ["leave-one-out", "allow-overlap"] {
        let (numbers, warnings) = world.of_cloud(&params(more)).unwrap();
        assert_eq!((numbers["lone"], numbers["recall@1"]), (2.0, 1.0), "rows 2 and 3 find each other");
        let expected =
            "2 queries have others of their class in their own group only: means over queries leave them out";
        assert_eq!(warnings, [expected]);
        assert_eq!(world.found().0.excluded.unwrap().emptied, 2);
    }
    let world = World::cloud(&points, "group", texts(&["a", "a", "b", "b"]), &json!({}));
    let error = world.of_cloud(&params("leave-one-out")).unwrap_err().to_string();
    assert!(
        error.starts_with("`exclude`: `recall@1` has nothing to find: all others of a query's class are of"),
        "{error}"
    );
}

#[test]
fn data_without_the_column_is_refused() {
    let world = World::cloud(&[(0.0, 0), (1.0, 0), (2.0, 1)], "category", texts(&["x", "x", "y"]), &json!({}));
    let params = |more: Json| {
        let mut params = json!({ "leave-one-out": true, "metrics": ["recall@1"] });
        params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        params
    };
    let error = world.of_cloud(&params(json!({ "exclude": "same-group" }))).unwrap_err();
    assert_eq!(error.to_string(), "the data has no column `group`");
    // Classes are called `cat` and `dog`: what tells categories is the column.
    world.of_cloud(&params(json!({ "breakdown": "category" }))).unwrap();
    let (evaluation, _) = world.found();
    assert!(evaluation.breakdown["y"].is_empty(), "the one of `y` has nothing to find");
    assert_eq!(evaluation.breakdown["x"]["recall@1"].queries, 2);
}
