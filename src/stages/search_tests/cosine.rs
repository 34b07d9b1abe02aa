//! The cosine distance of embeddings that are not of unit length.

use super::*;

/// Points of a plane, compared by the cosine distance.
fn plane(world: &World, name: &str, first_id: u64, points: &[([f32; 2], i32)]) {
    let ids: Vec<u64> = (first_id..).take(points.len()).collect();
    let embeddings = Embeddings {
        position: (0..).take(points.len()).collect(),
        digest: ids.iter().map(|id| format!("digest of {id}")).collect(),
        example_id: ids,
        label: points.iter().map(|point| point.1).collect(),
        split: vec!["test".into(); points.len()],
        values: points.iter().flat_map(|point| point.0).collect(),
        dim: 2,
        ..Embeddings::default()
    };
    embeddings.write(&world.folder(name).join("embeddings.parquet")).unwrap();
    let (distance, count) = (Distance::Cosine, points.len());
    let info = EmbeddingsInfo {
        format: 1,
        distance,
        dim: 2,
        count,
        begin: 0,
        seen_in_training: false,
        model_use: ModelUse::default(),
        made_by: None,
    };
    write_json(&world.folder(name).join(EmbeddingsInfo::FILE), &info).unwrap();
    ImageSet::default().write(&world.folder(name).join(ImageSet::TRAINED_ON)).unwrap();
}

#[test]
fn cosine_compares_directions_whatever_the_lengths() {
    let world = World::new();
    // Without scaling every distance is clipped to 0 and the first row is the nearest of all queries.
    let slice = json!({ "slice": { "begin": 0, "size": 2 } });
    let plugs = [("dataset", "dataset"), ("embeddings", "validation")];
    plane(&world, "validation", 10, &[([30.0, 0.0], 0), ([0.0, 40.0], 1), ([9.0, 1.0], 0), ([1.0, 9.0], 1)]);
    plane(&world, "training", 100, &[([5.0, 1.0], 0), ([2.0, 7.0], 1)]);
    world.run::<Index>(&slice, &plugs, "index").unwrap();
    let info: Json = read_json(&world.folder("index").join("index.json")).unwrap();
    assert_eq!(info["normalized"], true);
    let rows = IndexRows::read(&world.folder("index").join("index.arrow")).unwrap();
    assert_eq!(rows.vectors, [1.0, 0.0, 0.0, 1.0]);
    world.calibrate(&json!({}), "training").unwrap();
    let thresholds = Thresholds::read(&world.folder("calibrate").join("thresholds.parquet")).unwrap();
    let expected = [1.0 - 5.0 / 26.0_f64.sqrt(), 1.0 - 7.0 / 53.0_f64.sqrt()];
    let close = |found: &[f64]| found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-7);
    assert!(close(&thresholds.distance), "{:?}", thresholds.distance);
    let params = json!({ "slice": { "begin": 2, "size": 2 }, "neighbours": 2 });
    let (metrics, _) = world.matched(&params).unwrap();
    assert_eq!((metrics["recall@1"], metrics["accuracy"]), (1.0, 1.0));
    let rows = Matches::read(&world.folder("match").join("matches.parquet")).unwrap().0;
    assert_eq!((rows[0].neighbours[0].example_id, rows[1].neighbours[0].example_id), (10, 11));
}

#[test]
fn rows_of_unit_length_are_indexed_as_they_are() {
    let world = World::new();
    plane(&world, "validation", 10, &[([0.6, 0.8], 0), ([-0.8, 0.6], 1)]);
    let plugs = [("dataset", "dataset"), ("embeddings", "validation")];
    world.run::<Index>(&json!({}), &plugs, "index").unwrap();
    let info: Json = read_json(&world.folder("index").join("index.json")).unwrap();
    assert_eq!(info.get("normalized"), None);
    let rows = IndexRows::read(&world.folder("index").join("index.arrow")).unwrap();
    assert_eq!(rows.vectors, [0.6, 0.8, -0.8, 0.6]);
    // Other distances take rows as they are.
    plane(&world, "validation", 10, &[([3.0, 4.0], 0), ([0.0, 0.0], 1)]);
    world.run::<Index>(&json!({ "distance": "euclidean" }), &plugs, "index").unwrap();
    assert_eq!(IndexRows::read(&world.folder("index").join("index.arrow")).unwrap().vectors, [3.0, 4.0, 0.0, 0.0]);
}

#[test]
fn a_row_of_zeros_has_no_cosine_distance() {
    let world = World::new();
    plane(&world, "validation", 10, &[([3.0, 4.0], 0), ([1.0, 0.0], 1), ([0.0, 0.0], 1), ([0.0, 2.0], 0)]);
    let index = |size| {
        let plugs = [("dataset", "dataset"), ("embeddings", "validation")];
        world.run::<Index>(&json!({ "slice": { "begin": 0, "size": size } }), &plugs, "index")
    };
    let error = index(4).unwrap_err().to_string();
    assert_eq!(error, "the embedding of example 12 (row 2) is all zeros: it has no cosine distance to anything");
    index(2).unwrap();
    plane(&world, "training", 100, &[([1.0, 1.0], 0), ([-0.0, 0.0], 1)]);
    let error = world.calibrate(&json!({}), "training").unwrap_err().to_string();
    assert!(error.starts_with("the embedding of example 101 (row 1) is all zeros"), "{error}");
    plane(&world, "training", 100, &[([1.0, 1.0], 0), ([2.0, 0.0], 1)]);
    world.calibrate(&json!({}), "training").unwrap();
    let error = world.matched(&json!({ "slice": { "begin": 2, "size": 2 }, "neighbours": 1 })).unwrap_err().to_string();
    assert!(error.starts_with("the embedding of example 12 (row 0) is all zeros"), "{error}");
}
