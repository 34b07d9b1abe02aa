//! The stage `project`.

use super::*;
use crate::project::Project;
use simpipe_artifact::{Projection, ProjectionInfo};

fn project(world: &World, params: &Json) -> (ProjectionInfo, Projection, BTreeMap<String, f64>) {
    let metrics = world.run::<Project>(params, &[("embeddings", "validation")], "project").unwrap().0;
    let at = |file: &str| world.folder("project").join(file);
    (read_json(&at(ProjectionInfo::FILE)).unwrap(), Projection::read(&at(Projection::FILE)).unwrap(), metrics)
}

#[test]
fn points_of_a_line_lie_on_a_line() {
    let world = World::new();
    let slice = json!({ "begin": 1, "size": 5 });
    let (info, placed, metrics) = project(&world, &json!({ "method": { "pca": {} }, "slice": slice, "count": 3 }));
    // 1, 10 and 11 around their mean.
    let expected = [1.0, 10.0, 11.0].map(|x: f64| x - 22.0 / 3.0);
    for (point, expected) in placed.point.iter().zip(expected) {
        assert!((point[0] - expected).abs() < 1e-9 && point[1] == 0.0, "{point:?}");
    }
    assert_eq!((placed.position, placed.example_id, placed.label), (vec![1, 2, 3], vec![11, 12, 13], vec![0, 1, 1]));
    assert_eq!((info.method.as_str(), info.count, info.of, info.left_out, info.dim), ("pca", 3, 5, 0, 1));
    assert_eq!((info.explained, info.distance), (Some([1.0, 0.0]), Distance::Euclidean));
    assert_eq!((metrics["points"], metrics["explained.1"]), (3.0, 1.0));
}

#[test]
fn t_sne_says_what_it_was_made_with() {
    let world = World::new();
    let points: Vec<(f32, i32)> = (0..30_u8).map(|at| (f32::from(at) + if at < 15 { 0.0 } else { 100.0 }, 0)).collect();
    world.embed("validation", 10, &points, false);
    let params = json!({ "method": { "t-sne": { "perplexity": 4.0, "steps": 50 } } });
    let (info, placed, _) = project(&world, &params);
    assert_eq!(info.parameters, json!({ "perplexity": 4.0, "steps": 50 }));
    assert_eq!((info.method.as_str(), info.explained, placed.point.len()), ("t-sne", None, 30));
    assert_eq!(project(&world, &params).1, placed, "the same bytes again");
    let other = json!({ "method": { "t-sne": { "perplexity": 9.0, "steps": 50 } } });
    assert_ne!(project(&world, &other).1.point, placed.point);
}

#[test]
fn umap_says_what_it_was_made_with() {
    let world = World::new();
    let points: Vec<(f32, i32)> = (0..30_u8).map(|at| (f32::from(at) + if at < 15 { 0.0 } else { 100.0 }, 0)).collect();
    world.embed("validation", 10, &points, false);
    let params = json!({ "method": { "umap": { "neighbours": 5, "steps": 50 } } });
    let (info, placed, _) = project(&world, &params);
    assert_eq!(info.parameters, json!({ "neighbours": 5, "min-dist": 0.1, "steps": 50, "seed": 0 }));
    assert_eq!((info.method.as_str(), info.explained, placed.point.len()), ("umap", None, 30));
    assert_eq!(project(&world, &params).1, placed, "the same bytes again");
    let other = json!({ "method": { "umap": { "neighbours": 5, "steps": 50, "seed": 1 } } });
    assert_ne!(project(&world, &other).1.point, placed.point);
}

#[test]
fn cosine_is_of_directions_and_a_slice_must_be_embedded() {
    let world = World::new();
    // All directions of a line are two; the row of zeros keeps its place in the middle.
    let (info, placed, _) = project(&world, &json!({ "distance": "cosine" }));
    assert_eq!(info.distance, Distance::Cosine);
    assert!(placed.point[1..].windows(2).all(|two| two[0] == two[1]), "{:?}", placed.point);
    let params = json!({ "slice": { "begin": 0, "size": 7 } });
    let error = world.run::<Project>(&params, &[("embeddings", "validation")], "project").unwrap_err();
    assert_eq!(error.to_string(), "`slice`: `slice` selects positions 0..7, but only 0..6 were embedded");
}
