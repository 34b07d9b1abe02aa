//! The stage `evaluate` on the same tiny artifacts, against figures computed by hand.

use super::*;
use crate::evaluate::{Evaluate, Params};
use simpipe_artifact::{Evaluation, PerClass, PerQuery};
use simpipe_base::param::{Param, View};

impl World {
    fn evaluate(&self, params: &Json) -> Outcome {
        self.run::<Evaluate>(params, &[("index", "index"), ("queries", "validation")], "evaluate")
    }

    fn evaluation(&self) -> Evaluation {
        read_json(&self.folder("evaluate").join(Evaluation::FILE)).unwrap()
    }

    fn indexed() -> Self {
        let world = Self::new();
        world.index().unwrap();
        world
    }

    /// An index of all six points.
    fn whole() -> Self {
        let world = Self::new();
        let plugs = [("dataset", "dataset"), ("embeddings", "validation")];
        world.run::<Index>(&json!({}), &plugs, "index").unwrap();
        world
    }
}

#[test]
fn figures_are_as_computed_by_hand() {
    let world = World::indexed();
    let metrics = json!(["recall@1", "map@r", "mrr", "precision@3", "ndcg@2", "r-precision", "map@r/macro"]);
    let (numbers, warnings) =
        world.evaluate(&json!({ "slice": { "begin": 4, "size": 2 }, "metrics": metrics })).unwrap();
    assert!(warnings.is_empty(), "{warnings:?}");
    // 0.4 (label 0) finds 0, 1, 10, 11: right, right, wrong, wrong. 3 (label 1) finds 1, 0, 10, 11: the other way round.
    for (name, value) in [
        ("recall@1", 0.5),
        ("map@r", 0.5),
        ("mrr", f64::midpoint(1.0, 1.0 / 3.0)),
        ("precision@3", 0.5),
        ("ndcg@2", 0.5),
        ("r_precision", 0.5),
        ("map@r/macro", 0.5),
        ("queries", 2.0),
        ("lone", 0.0),
        ("overlap", 0.0),
    ] {
        assert!((numbers[name] - value).abs() < 1e-12, "{name}: {}", numbers[name]);
    }
    // Of two classes with one query each either may be drawn twice.
    assert_eq!((numbers["recall@1.low"], numbers["recall@1.high"]), (0.0, 1.0));
    let found = world.evaluation();
    assert_eq!(found.order[..2], ["recall@1", "map@r"]);
    assert_eq!((found.metrics["map@r"].estimate.value, found.metrics["map@r"].queries), (0.5, 2));
    assert_eq!(found.metrics["map@r"].interval, "classes-then-queries");
    assert_eq!((found.counts.classes, found.counts.indexed, found.bootstrap.draws), (2, 4, 2000));

    let queries = PerQuery::read_metrics(&world.folder("evaluate").join(PerQuery::FILE)).unwrap();
    assert_eq!((queries.query_id, queries.relevant), (vec![14, 15], vec![2, 2]));
    assert_eq!(queries.digest, ["digest of 14", "digest of 15"]);
    let names: Vec<&str> = queries.metrics.iter().map(|column| column.0.as_str()).collect();
    assert_eq!(names, ["recall@1", "map@r", "mrr", "precision@3", "ndcg@2", "r_precision"]);
    assert_eq!(queries.metrics[2].1, [Some(1.0), Some(1.0 / 3.0)]);
    let classes = PerClass::read(&world.folder("evaluate").join(PerClass::FILE)).unwrap();
    assert_eq!((classes.class, classes.indexed), (vec!["cat".to_owned(), "dog".to_owned()], vec![2, 2]));
    let names: Vec<&str> = classes.metrics.iter().map(|column| column.0.as_str()).collect();
    assert_eq!(names[..4], ["recall@1", "recall@1.low", "recall@1.high", "map@r"]);
    assert_eq!(found.hubs, None, "nobody has asked for them");
    assert!(classes.metrics[..3].iter().all(|column| column.1 == [Some(1.0), Some(0.0)]), "{:?}", classes.metrics);
}

#[test]
fn it_agrees_with_match_on_the_same_queries() {
    let world = World::ready();
    for more in [json!({ "slice": { "begin": 4, "size": 2 } }), json!({ "leave-one-out": true })] {
        let with = |rest: Json| {
            let mut all = more.clone();
            all.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
            all
        };
        let (matched, _) = world.matched(&with(json!({ "neighbours": 3 }))).unwrap();
        let metrics = json!(["recall@1", "precision@1", "map@r", "recall@3"]);
        let (found, _) = world.evaluate(&with(json!({ "metrics": metrics }))).unwrap();
        for name in ["recall@1", "precision@1", "map@r", "recall@3", "lone"] {
            assert_eq!(found[name], matched[name], "{name}");
        }
    }
}

#[test]
fn queries_in_the_index_are_refused_left_out_or_told_apart() {
    let world = World::indexed();
    let metrics = json!(["recall@1", "recall@2"]);
    let error = world.evaluate(&json!({ "metrics": metrics })).unwrap_err();
    let expected =
        "`slice`: 4 queries are also in the index and would match themselves (query 10 is example 10 of the index";
    assert!(error.to_string().starts_with(expected), "{error}");
    let (found, warnings) = world.evaluate(&json!({ "metrics": metrics, "allow-overlap": true })).unwrap();
    assert_eq!((found["recall@1"], found["disjoint.recall@1"], found["overlap"]), (5.0 / 6.0, 0.5, 4.0));
    assert!(warnings[0].starts_with("4 of 6 queries are in the index"), "{warnings:?}");
    assert_eq!(world.evaluation().disjoint["recall@1"].queries, 2);
    let (found, warnings) = world.evaluate(&json!({ "metrics": metrics, "leave-one-out": true })).unwrap();
    // 0 finds 1, 1 finds 0, 10 finds 11, 11 finds 10; 0.4 finds 0 and 3 finds 1, as before.
    assert_eq!((found["recall@1"], warnings.len(), found.contains_key("disjoint.recall@1")), (5.0 / 6.0, 0, false));
    assert!(world.evaluation().leave_one_out);
}

#[test]
fn means_are_of_queries_or_of_classes() {
    let world = World::whole();
    // 11 and 0.4 are right, 3 is wrong: 2 of 3 queries, all of label 0 and half of label 1.
    let params = |average: &str, metrics: Json| {
        let slice = json!({ "begin": 3, "size": 3 });
        json!({ "slice": slice, "leave-one-out": true, "average": average, "metrics": metrics })
    };
    let (found, _) = world.evaluate(&params("micro", json!(["recall@1", "recall@1/macro"]))).unwrap();
    assert_eq!((found["recall@1"], found["recall@1/macro"]), (2.0 / 3.0, 0.75));
    let (found, _) = world.evaluate(&params("macro", json!(["recall@1", "recall@1/micro"]))).unwrap();
    assert_eq!((found["recall@1"], found["recall@1/micro"]), (0.75, 2.0 / 3.0));
    assert_eq!(world.evaluation().average, "macro");
}

#[test]
fn means_are_told_apart_by_the_category_of_the_class() {
    let world = World::new();
    let named = |classes: [&str; 2]| {
        let path = world.folder("dataset").join("dataset.json");
        let mut info: DatasetInfo = read_json(&path).unwrap();
        info.classes = classes.map(str::to_owned).to_vec();
        write_json(&path, &info).unwrap();
        world.index().unwrap();
        let params =
            json!({ "slice": { "begin": 4, "size": 2 }, "metrics": ["recall@1", "nmi"], "breakdown": "category" });
        world.evaluate(&params)
    };
    named(["feline/cat", "canine/dog"]).unwrap();
    let found = world.evaluation().breakdown;
    let figures: Vec<_> =
        found.iter().map(|(name, figures)| (name.as_str(), figures["recall@1"].estimate.value)).collect();
    assert_eq!(figures, [("canine", 0.0), ("feline", 1.0)]);
    assert!(found.values().all(|figures| figures.len() == 1 && figures["recall@1"].queries == 1), "{found:?}");
    let error = named(["cat", "dog"]).unwrap_err().to_string();
    assert_eq!(error, "the data has no groups: its class names do not have the form `group/class`");
}

#[test]
fn lone_queries_are_counted_and_left_out_of_means() {
    let world = World::indexed();
    world.embed("validation", 10, &[(0.4, 0), (3.0, 5), (10.4, 1)], false);
    let (found, _) = world.evaluate(&json!({ "metrics": ["recall@1"], "leave-one-out": true })).unwrap();
    // The image of example 10 is in the index: 0.4 finds 1 instead of 0.
    assert_eq!((found["recall@1"], found["lone"], found["queries"]), (1.0, 1.0, 3.0));
    let figure = &world.evaluation().metrics["recall@1"];
    assert_eq!((figure.queries, figure.estimate.low, figure.estimate.high), (2, Some(1.0), Some(1.0)));
    let queries = PerQuery::read_metrics(&world.folder("evaluate").join(PerQuery::FILE)).unwrap();
    assert_eq!(queries.metrics[0].1, [Some(1.0), None, Some(1.0)]);
}

#[test]
fn pairs_open_sets_clusters_and_spaces_have_their_figures() {
    let world = World::indexed();
    let points: [(f32, i32); 6] = [(0.4, 0), (3.0, 1), (10.4, 1), (20.0, 7), (9.0, 7), (0.5, 0)];
    world.embed("validation", 100, &points, false);
    let metrics = json!([
        "roc-auc",
        "eer",
        "tpr@1fpr",
        "auroc",
        "dir@1far",
        "oscr",
        "nmi",
        "ami",
        "ari",
        "hubness@1",
        "antihubs@1",
        "effective-rank",
        "alignment",
        "uniformity",
        "silhouette",
        "recall@1"
    ]);
    let (found, _) = world.evaluate(&json!({ "metrics": metrics, "bootstrap": { "draws": 200 } })).unwrap();
    // Best distances of known queries 0.4, 2 (wrong), 0.4, 0.5; of unknown ones 9 and 1.
    assert_eq!(found["auroc"], 7.0 / 8.0);
    // Accepting no unknown query: 0.4, 0.4 and 0.5, all with the right label.
    assert_eq!((found["dir@1far"], found["oscr"]), (0.75, 0.75));
    // Genuine pairs: 0.4 0.6 | 7 8 | 0.4 0.6 | 0.5 0.5.
    let evaluation = world.evaluation();
    let pairs = evaluation.pairs.as_ref().unwrap();
    assert_eq!((pairs.genuine, pairs.impostor, pairs.all), (8, 16, true));
    let genuine = [0.4, 0.6, 7.0, 8.0, 0.4, 0.6, 0.5, 0.5];
    let rows: [(f32, i32); 4] = [(0.0, 0), (1.0, 0), (10.0, 1), (11.0, 1)];
    let others = points.iter().flat_map(|query| rows.iter().map(move |row| (query, row)));
    let others = others.filter(|(query, row)| query.1 != row.1);
    let impostor: Vec<f64> = others.map(|(query, row)| f64::from((query.0 - row.0).abs())).collect();
    let won: f64 = genuine
        .iter()
        .flat_map(|near| impostor.iter().map(move |far| (near, far)))
        .map(|(near, far)| if (near - far).abs() < 1e-6 { 0.5 } else { f64::from(u8::from(near < far)) })
        .sum();
    assert!((found["roc_auc"] - won / 128.0).abs() < 1e-6, "{} {}", found["roc_auc"], won / 128.0);
    // 0.4 and 0.5 find 0, 3 finds 1, 10.4 and 9 find 10, 20 finds 11.
    assert_eq!(found["antihubs@1"], 0.0);
    let hubs = evaluation.hubs.as_ref().unwrap();
    let top: Vec<_> = hubs.top.iter().map(|hub| (hub.example_id, hub.label, hub.queries)).collect();
    assert_eq!((hubs.neighbours, top), (1, vec![(10, 0, 2), (12, 1, 2), (11, 0, 1), (13, 1, 1)]));
    assert!(found["nmi"] > 0.5 && found["nmi"] <= 1.0 && found["effective_rank"] == 1.0, "{found:?}");
    // Classes {0.4, 0.5}, {3, 10.4}, {20, 9}: three pairs.
    let alignment = (0.01 + 7.4 * 7.4 + 121.0) / 3.0;
    assert!((found["alignment"] - alignment).abs() < 1e-3, "{}", found["alignment"]);
    for name in ["roc_auc", "eer", "auroc", "oscr", "nmi", "ari", "recall@1"] {
        let figure = &evaluation.metrics[name].estimate;
        let (low, high) = (figure.low.unwrap(), figure.high.unwrap());
        assert!(low <= figure.value && figure.value <= high, "{name}: {figure:?}");
        assert_eq!(found[&format!("{name}.low")], low);
    }
    assert_eq!(evaluation.metrics["nmi"].interval, "queries-within-classes");
    for name in ["hubness@1", "effective_rank", "uniformity", "silhouette"] {
        assert!(
            evaluation.metrics[name].estimate.low.is_none() && evaluation.metrics[name].interval.starts_with("none: ")
        );
    }
    assert_eq!(evaluation.clustering.unwrap().clusters, 3);
    assert!(evaluation.undefined.is_empty(), "{:?}", evaluation.undefined);
}

#[test]
fn pairs_can_be_drawn_and_too_many_looks_have_no_interval() {
    let world = World::indexed();
    let slice = json!({ "begin": 4, "size": 2 });
    let metrics = json!(["roc-auc"]);
    let all = world.evaluate(&json!({ "metrics": metrics, "slice": slice })).unwrap().0;
    let params = json!({ "metrics": metrics, "slice": slice, "pairs": 3, "bootstrap": { "draws": 50 } });
    let (drawn, _) = world.evaluate(&params).unwrap();
    let pairs = world.evaluation().pairs.unwrap();
    assert_eq!((pairs.genuine, pairs.impostor, pairs.all), (3, 3, false));
    assert!(drawn.contains_key("roc_auc") && (0.0..=1.0).contains(&all["roc_auc"]));
    assert_eq!(world.evaluate(&params).unwrap().0, drawn, "the same seed draws the same pairs");
}

#[test]
fn undefined_figures_are_absent_and_say_why() {
    let world = World::indexed();
    // All embeddings alike: nothing is nearer than anything, and every figure is still defined or absent.
    world.embed("validation", 100, &[(0.5, 0), (0.5, 1), (0.5, 0), (0.5, 1)], false);
    let metrics = json!(["recall@1", "roc-auc", "eer", "hubness@4", "nmi", "silhouette", "uniformity"]);
    let (found, _) = world.evaluate(&json!({ "metrics": metrics })).unwrap();
    assert!(found.values().all(|value| value.is_finite()), "{found:?}");
    assert_eq!((found["recall@1"], found["roc_auc"], found["uniformity"]), (0.5, 0.5, 0.0));
    // Each of the four rows is found by all.
    assert!(!found.contains_key("hubness@4"));
    let evaluation = world.evaluation();
    assert_eq!(evaluation.undefined["hubness@4"], "every indexed image is found equally often");
    assert!(!evaluation.order.contains(&"hubness@4".to_owned()));
}

#[test]
fn re_ranked_figures_stand_beside_the_others() {
    let world = World::whole();
    let base = json!({ "metrics": ["map@r", "recall@1"], "leave-one-out": true });
    let with = |rerank: Json| {
        let mut params = base.clone();
        params["rerank"] = rerank;
        params
    };
    let (plain, _) = world.evaluate(&base).unwrap();
    let (found, _) = world.evaluate(&with(json!({ "k-reciprocal": { "k1": 2, "k2": 1, "lambda": 1.0 } }))).unwrap();
    // The distance alone ranks as before.
    assert_eq!((found["map@r"], found["reranked.map@r"], found["gain.map@r"]), (plain["map@r"], plain["map@r"], 0.0));
    let (found, _) = world.evaluate(&with(json!({ "k-reciprocal": { "k1": 2, "k2": 1, "lambda": 0.0 } }))).unwrap();
    assert!((found["reranked.map@r"] - found["map@r"] - found["gain.map@r"]).abs() < 1e-12);
    let rerank = world.evaluation().rerank.unwrap();
    assert_eq!(rerank.method["k-reciprocal"]["k1"], 2);
    assert!(rerank.gains["recall@1"].estimate.low.is_some());
    let queries = PerQuery::read_metrics(&world.folder("evaluate").join(PerQuery::FILE)).unwrap();
    let names: Vec<&str> = queries.metrics.iter().map(|column| column.0.as_str()).collect();
    assert_eq!(names, ["map@r", "recall@1", "reranked.map@r", "reranked.recall@1"]);
}

#[test]
fn what_only_the_data_shows_is_refused_at_its_metric() {
    let refused = |points: &[(f32, i32)], metrics: Json| {
        let world = World::indexed();
        world.embed("validation", 100, points, false);
        world.evaluate(&json!({ "metrics": metrics })).unwrap_err().to_string()
    };
    let lone = refused(&[(1.0, 5), (2.0, 6)], json!(["nmi", "recall@1"]));
    assert_eq!(
        lone,
        "`metrics[1]`: `recall@1` needs queries whose class the index holds, but it holds the class of none"
    );
    let known = refused(&[(1.0, 0), (2.0, 1)], json!(["recall@1", "auroc"]));
    assert!(known.starts_with("`metrics[1]`: `auroc` needs queries whose class the index does not hold"), "{known}");
    let nan = refused(&[(1.0, 0), (f32::NAN, 1)], json!(["recall@1"]));
    assert_eq!(nan, "the embedding of example 101 (row 1) contains a number that is not finite");

    let world = World::new();
    world.embed("validation", 10, &[(0.0, 0), (1.0, 0), (2.0, 0), (3.0, 0), (4.0, 0)], false);
    world.index().unwrap();
    let error = world.evaluate(&json!({ "metrics": ["hubness@1", "recall@1"], "slice": { "begin": 4, "size": 1 } }));
    let error = error.unwrap_err().to_string();
    assert!(error.starts_with("`metrics[1]`: index and queries hold images of one class only"), "{error}");
    world.evaluate(&json!({ "metrics": ["hubness@1"], "slice": { "begin": 4, "size": 1 } })).unwrap();
}

#[test]
fn the_same_inputs_give_the_same_bytes_whatever_the_threads() {
    let world = World::whole();
    let metrics = json!(["map@r", "mrr", "roc-auc", "nmi", "silhouette", "hubness@2"]);
    let rerank = json!({ "k-reciprocal": { "k1": 3, "k2": 2 } });
    let params = json!({ "metrics": metrics, "leave-one-out": true, "rerank": rerank, "pairs": 4 });
    let bytes = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| world.evaluate(&params).unwrap());
        let read = |file: &&str| std::fs::read(world.folder("evaluate").join(file)).unwrap();
        Evaluate::FILES.iter().map(read).collect::<Vec<_>>()
    };
    assert_eq!(bytes(1), bytes(3));
}

fn issues(params: &Json, facts: &InputFacts) -> Vec<Issue> {
    let params: Params = param::from_json(params).unwrap();
    Evaluate::infer(&params, facts).err().unwrap_or_default()
}

#[test]
fn an_evaluation_is_checked_before_anything_runs() {
    assert_eq!(issues(&json!({}), &facts(200, 200..1000, true)), []);
    let shared = issues(&json!({}), &facts(200, 0..1000, true));
    assert_eq!(shared[0].message, "200 queries are also in the index and would match themselves");
    for key in ["allow-overlap", "leave-one-out"] {
        assert_eq!(issues(&json!({ key: true }), &facts(200, 0..1000, true)), []);
    }
    let paths = |params: Json, facts: &InputFacts| {
        issues(&params, facts).into_iter().map(|issue| issue.path).collect::<Vec<String>>()
    };
    let small = facts(4, 4..10, true);
    assert_eq!(
        paths(json!({ "metrics": ["recall@4", "map@5", "map@r", "mrr", "hubness@7"] }), &small),
        ["metrics[1]", "metrics[4]"]
    );
    let left_out = json!({ "metrics": ["recall@4"], "leave-one-out": true });
    assert_eq!(paths(left_out, &facts(4, 0..4, true)), ["metrics[0]"]);
    let twice = json!({ "metrics": ["map@r", "map@r/macro", "map@r/micro"] });
    assert_eq!(issues(&twice, &small)[0].message, "`map@r/micro` is repeated");
    let rerank = json!({ "metrics": ["map@r"], "rerank": { "k-reciprocal": { "k1": 5, "k2": 2 } } });
    assert_eq!(paths(rerank, &small), ["rerank.k-reciprocal.k1"]);
    assert_eq!(paths(json!({ "metrics": ["nmi"], "rerank": { "query-expansion": { "k": 2 } } }), &small), ["rerank"]);
    let excluded = |facts: &InputFacts| issues(&json!({ "metrics": ["map@r"], "exclude": "same-group" }), facts);
    let with = |facts: &InputFacts, columns: &[&str]| {
        let mut facts = facts.clone();
        if let Some(Facts::Embeddings(queries)) = facts.0.get_mut("queries") {
            queries.pool.columns = Some(columns.iter().map(|column| (*column).to_owned()).collect());
        }
        facts
    };
    assert_eq!(excluded(&small), [], "not known yet");
    assert_eq!(excluded(&with(&small, &["group"])), []);
    let issue = excluded(&with(&small, &["source"])).remove(0);
    assert!(issue.path == "exclude" && issue.is_unavailable() && issue.message == "the data has no column `group`");
    assert_eq!(issue.help.as_deref(), Some("it has `source`: did you mean \"same-source\"?"));
    assert_eq!(excluded(&with(&facts(200, 0..1000, true), &["group"])), [], "its group may hold each query itself");
    let mut named = facts(4, 4..10, true);
    if let Some(Facts::Index(index)) = named.0.get_mut("index") {
        index.pool.classes = Some(vec!["cat".to_owned(), "dog".to_owned()]);
    }
    let issue = issues(&json!({ "metrics": ["map@r"], "breakdown": "category" }), &named).remove(0);
    assert!(issue.path == "breakdown" && issue.is_unavailable() && issue.message.starts_with("the data has no groups"));
    assert_eq!(issues(&json!({ "metrics": ["map@r"], "breakdown": "category" }), &with(&named, &["category"])), []);
}

#[test]
fn distances_that_re_ranking_does_not_know_are_refused() {
    let rerank = json!({ "metrics": ["map@r"], "rerank": { "query-expansion": { "k": 2 } } });
    let mut facts = facts(4, 4..10, true);
    assert_eq!(issues(&rerank, &facts), []);
    if let Some(Facts::Index(index)) = facts.0.get_mut("index") {
        index.distance = Distance::Manhattan;
    }
    let issue = issues(&rerank, &facts).remove(0);
    assert_eq!(issue.message, "`query-expansion` does not work with the distance `manhattan`");
    assert_eq!(issue.help.as_deref(), Some("set `distance` of the index to `cosine` or `inner-product`"));
}

#[test]
fn classes_that_facts_know_are_checked() {
    let with = |indexed: &[i32], asked: &[i32], whole: bool| {
        let mut facts = facts(4, 0..6, false);
        if let Some(Facts::Index(index)) = facts.0.get_mut("index") {
            index.pool.labels = Some(indexed.to_vec());
            index.pool.count = Some(if whole { 4 } else { 9 });
        }
        if let Some(Facts::Embeddings(queries)) = facts.0.get_mut("queries") {
            queries.pool.labels = Some(asked.to_vec());
        }
        facts
    };
    let open_set = json!({ "metrics": ["map@r", "dir@1far"] });
    let issue = issues(&open_set, &with(&[0, 1], &[0], true)).remove(0);
    assert_eq!(issue.path, "metrics[1]");
    assert!(issue.message.starts_with("`dir@1far` needs queries whose class the index does not hold"), "{issue:?}");
    assert_eq!(issues(&open_set, &with(&[0, 1], &[0, 2], true)), []);
    assert_eq!(issues(&open_set, &with(&[0, 1], &[0], false)), [], "a part of the index may lack a class");
    let issue = issues(&json!({ "metrics": ["hubness@1", "map@r"] }), &with(&[3], &[3], true)).remove(0);
    assert_eq!(issue.path, "metrics[1]");
    assert!(issue.message.contains("one class only"), "{issue:?}");
}

#[test]
fn it_says_what_it_gives_and_its_defaults_enter_no_key() {
    assert_eq!(param::defaults::<Params>().write(View::Key), json!({}));
    let params: Params = param::from_json(&json!({ "metrics": ["r-precision", "eer"] })).unwrap();
    let Ok(Facts::Evaluation(given)) = Evaluate::infer(&params, &facts(200, 200..1000, true)) else {
        panic!("an evaluation")
    };
    assert_eq!(given.metrics, ["r_precision", "eer"]);
    let mut facts = facts(200, 200..1000, true);
    assert_eq!(Evaluate::warnings(&params, &facts), []);
    if let Some(Facts::Embeddings(queries)) = facts.0.get_mut("queries") {
        queries.seen_in_training = true;
    }
    assert!(Evaluate::warnings(&params, &facts)[0].message.contains("trained on"));
}
