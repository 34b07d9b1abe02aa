//! Queries that the model was trained on, or that the thresholds were found with.

use super::*;

/// Queries 4 and 5, which the index does not hold.
fn second_part(more: Json) -> Json {
    let mut params = json!({ "slice": { "begin": 4, "size": 2 }, "neighbours": 3 });
    params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    params
}

#[test]
fn queries_of_the_training_are_refused_or_left_out_of_other_figures() {
    let world = World::ready();
    // Query 14 has the pixels of training example 7 of another dataset, and no number in common with it.
    let seen = ImageSet::of([(7, "digest of 14"), (14, "digest of nobody")]);
    seen.write(&world.folder("validation").join(ImageSet::TRAINED_ON)).unwrap();
    let error = world.matched(&second_part(json!({}))).unwrap_err();
    let words =
        "`slice`: 1 query is an image that the model was trained on (query 14 is example 7 of the training pool)";
    assert_eq!(error.to_string(), words);
    assert!(error.help().unwrap().contains("`allow-overlap = true`"));
    assert!(world.matched(&second_part(json!({ "leave-one-out": true }))).is_err(), "that is about the index");
    let (metrics, warnings) = world.matched(&second_part(json!({ "allow-overlap": true }))).unwrap();
    assert_eq!((metrics["overlap"], metrics["overlap.training"], metrics["recall@1"]), (0.0, 1.0, 0.5));
    assert_eq!(metrics["disjoint.recall@1"], 0.0, "query 15 is wrong");
    assert!(!metrics.contains_key("overlap.calibration"));
    assert_eq!(warnings, ["1 of 2 queries are images that the model was trained on: see the metrics `disjoint.*`"]);
    let both = ImageSet::of([(7, "digest of 14"), (8, "digest of 15")]);
    both.write(&world.folder("validation").join(ImageSet::TRAINED_ON)).unwrap();
    let (metrics, warnings) = world.matched(&second_part(json!({ "allow-overlap": true }))).unwrap();
    assert!(warnings[0].ends_with("trained on: no other queries are left"), "{warnings:?}");
    assert!(!metrics.keys().any(|name| name.starts_with("disjoint.")), "{metrics:?}");
}

#[test]
fn queries_of_the_calibration_are_refused_and_all_problems_are_told_at_once() {
    let world = World::ready();
    world.calibrate(&json!({ "slice": { "begin": 0, "size": 5 } }), "validation").unwrap();
    let error = world.matched(&json!({ "neighbours": 3 })).unwrap_err().to_string();
    assert!(error.starts_with("`slice`: 4 queries are also in the index"), "{error}");
    assert!(
        error.contains("; `slice`: 5 queries are images that the thresholds were found with (query 10 is"),
        "{error}"
    );
    let (metrics, warnings) = world.matched(&json!({ "neighbours": 3, "allow-overlap": true })).unwrap();
    assert_eq!((metrics["overlap"], metrics["overlap.calibration"], warnings.len()), (4.0, 5.0, 2));
    // Only query 15 is in none of them.
    assert_eq!((metrics["disjoint.recall@1"], metrics["disjoint.accuracy"]), (0.0, 0.0));
}

#[test]
fn a_calibration_knows_its_own_queries_alone() {
    let world = World::new();
    world.index().unwrap();
    ImageSet::of([(1, "digest of 100")]).write(&world.folder("training").join(ImageSet::TRAINED_ON)).unwrap();
    let calibrated = |begin: usize| {
        world.calibrate(&json!({ "slice": { "begin": begin, "size": 2 } }), "training").unwrap();
        let file: Calibration = read_json(&world.folder("calibrate").join("calibration.json")).unwrap();
        file.trained_queries
    };
    assert_eq!([calibrated(0), calibrated(1)], [1, 0]);
    let used = ImageSet::read(&world.folder("calibrate").join(ImageSet::CALIBRATED_ON)).unwrap();
    assert_eq!(used, ImageSet::of([(101, "digest of 101"), (102, "digest of 102")]));
}

#[test]
fn what_the_facts_tell_is_refused_before_anything_runs() {
    let trained = |seen: bool| {
        let mut inputs = facts(200, 200..1000, false);
        if let Some(Facts::Embeddings(queries)) = inputs.0.get_mut("queries") {
            queries.seen_in_training = seen;
        }
        inputs
    };
    assert_eq!(match_issues(&json!({}), &trained(false)), []);
    let found = match_issues(&json!({ "leave-one-out": true }), &trained(true));
    assert_eq!(found[0].message, "800 queries are images that the model was trained on");
    assert_eq!(match_issues(&json!({ "allow-overlap": true }), &trained(true)), []);
    let calibrated = |pool: &str| {
        let mut inputs = facts(200, 200..1000, false);
        if let Some(Facts::Calibration(calibration)) = inputs.0.get_mut("calibration") {
            calibration.queries = Some((pool.to_owned(), 100..300));
        }
        match_issues(&json!({}), &inputs).into_iter().map(|issue| issue.message).collect::<Vec<_>>()
    };
    assert_eq!(calibrated("b"), ["100 queries are images that the thresholds were found with"]);
    assert_eq!(calibrated("a"), [""; 0], "positions of another pool");
}

/// Index and queries of these labels.
fn labelled(index: &[i32], queries: &[i32]) -> InputFacts {
    let mut inputs = facts(9, 0..9, false);
    for facts in inputs.0.values_mut() {
        match facts {
            Facts::Index(facts) => facts.pool.labels = Some(index.to_vec()),
            Facts::Embeddings(facts) => facts.pool.labels = Some(queries.to_vec()),
            _ => {}
        }
    }
    inputs
}

#[test]
fn calibration_queries_need_their_classes_in_the_index() {
    let params = |json: Json| param::from_json::<calibrate::Params>(&json).unwrap();
    let errors = |index: &[i32], queries: &[i32]| {
        let found = Calibrate::infer(&params(json!({})), &labelled(index, queries)).err().unwrap_or_default();
        found.into_iter().map(|issue| issue.message + &issue.help.unwrap()).collect::<Vec<_>>()
    };
    let refused = errors(&[5, 6], &[0, 1, 2]);
    assert!(refused[0].starts_with("none of the queries' 3 classes is in the index, so no answer can be right"));
    assert!(refused[0].contains("metric-learning-held-out"), "{refused:?}");
    assert_eq!((errors(&[0, 5], &[0, 1, 2]).len(), errors(&[0, 1, 2], &[0, 1]).len()), (0, 0));
    let warned = |json: Json, index: &[i32]| Calibrate::warnings(&params(json), &labelled(index, &[0, 1, 2])).len();
    assert_eq!((warned(json!({}), &[0, 5]), warned(json!({}), &[2, 1, 0])), (1, 0));
    assert_eq!(warned(json!({ "counting": "open-set" }), &[0, 5]), 0, "then they are meant to be unknown");
}

#[test]
fn queries_with_near_copies_are_left_out_of_the_distinct_figures() {
    use simpipe_artifact::NearCopiesInfo;
    let world = World::ready();
    let plugs =
        [("index", "index"), ("queries", "validation"), ("calibration", "calibrate"), ("near-copies", "near-copies")];
    let copies = |digests: &[&str]| {
        let query_digests = digests.iter().map(|digest| (*digest).to_owned()).collect();
        let info = NearCopiesInfo { format: 1, query_digests, ..NearCopiesInfo::default() };
        write_json(&world.folder("near-copies").join(NearCopiesInfo::FILE), &info).unwrap();
        world.run::<Match>(&second_part(json!({})), &plugs, "match").unwrap().0
    };
    let metrics = copies(&["digest of 14", "digest of nobody"]);
    assert_eq!((metrics["recall@1"], metrics["distinct.recall@1"], metrics["near_copies"]), (0.5, 0.0, 1.0));
    let metrics = copies(&["digest of 14", "digest of 15"]);
    assert!(metrics["near_copies"] == 2.0 && !metrics.keys().any(|name| name.starts_with("distinct.")), "{metrics:?}");
    assert_eq!(copies(&[])["distinct.recall@1"], 0.5);
}
