use std::collections::BTreeMap;

use super::*;
use crate::drawn::{mixed, numbers};
use simpipe_base::param;

const DIM: usize = 6;

fn params() -> Hnsw {
    param::from_json(&serde_json::json!({ "links": 5, "build-width": 30 })).unwrap()
}

/// Every vector that is there is reached, and by its own numbers found, or one that is the same; no other is.
fn expect_whole(graph: &LivingGraph, known: &BTreeMap<u32, Vec<f32>>) {
    assert_eq!(graph.len(), known.len());
    let all = graph.nearest(&vec![0.1; graph.dim], known.len(), known.len()).unwrap();
    let mut places: Vec<u32> = all.iter().map(|hit| hit.row).collect();
    places.sort_unstable();
    assert!(places.iter().eq(known.keys()), "{} of {} are reached", places.len(), known.len());
    for (place, vector) in known {
        let found = graph.nearest(vector, 1, known.len()).unwrap();
        let same = graph.vector(found[0].row) == graph.vector(*place);
        assert!(same, "{place}: {found:?}");
    }
}

/// Adds and removes by turns, copies too.
fn come_and_go(distance: Distance, dim: usize, steps: usize, looks: usize) {
    let mut graph = LivingGraph::new(dim, distance, params());
    let mut known: BTreeMap<u32, Vec<f32>> = BTreeMap::new();
    let vectors = numbers(steps * dim);
    for (step, vector) in vectors.chunks(dim).enumerate() {
        let drawn = mixed(step as u64) as usize;
        // More come than go at first, and then the other way round; at times all but a few go.
        let grows = if step % 1000 < 600 { 3 } else { 1 };
        if known.is_empty() || drawn % 4 < grows {
            let copy = drawn.is_multiple_of(7) && !known.is_empty();
            let vector = if copy { known.values().nth(drawn % known.len()).unwrap().clone() } else { vector.to_vec() };
            let place = graph.add(&vector).unwrap();
            assert!(known.insert(place, vector).is_none(), "a place is one's alone");
        } else {
            let place = *known.keys().nth(drawn % known.len()).unwrap();
            known.remove(&place);
            assert!(graph.remove(place) && !graph.remove(place));
        }
        if step.is_multiple_of(steps / looks) {
            expect_whole(&graph, &known);
        }
    }
    expect_whole(&graph, &known);
    while known.len() > 1 {
        let place = known.pop_first().unwrap().0;
        assert!(graph.remove(place));
    }
    expect_whole(&graph, &known);
    assert!(graph.remove(*known.keys().next().unwrap()) && graph.is_empty());
    assert!(graph.nearest(&vec![0.5; dim], 3, 10).unwrap().is_empty());
    graph.add(&vec![0.5; dim]).unwrap();
    assert_eq!(graph.nearest(&vec![0.5; dim], 3, 10).unwrap().len(), 1);
}

#[test]
fn every_vector_is_reached_whatever_came_and_went() {
    for distance in [Distance::Euclidean, Distance::Cosine, Distance::SquaredEuclidean] {
        come_and_go(distance, DIM, 1500, 5);
    }
}

#[test]
#[ignore = "takes minutes: for the nightly run"]
fn ten_thousand_come_and_ten_thousand_go() {
    come_and_go(Distance::Cosine, 64, 20_000, 4);
}

#[test]
fn a_graph_that_was_built_lives_on() {
    let values = numbers(800 * DIM);
    let rows = Rows::new(&values, DIM).unwrap();
    let built = super::super::graph(rows, Distance::Euclidean, &params(), &|| false).unwrap();
    let mut graph = LivingGraph::of(rows, Distance::Euclidean, &built, params()).unwrap();
    let mut known: BTreeMap<u32, Vec<f32>> = (0..).zip(values.chunks(DIM).map(<[f32]>::to_vec)).collect();
    expect_whole(&graph, &known);
    for place in (0..800).step_by(2) {
        assert!(graph.remove(place));
        known.remove(&place);
    }
    for vector in numbers(1000 * DIM)[800 * DIM..].chunks(DIM) {
        known.insert(graph.add(vector).unwrap(), vector.to_vec());
    }
    expect_whole(&graph, &known);
    assert!(graph.places() < 1000, "places are used again");
    let fewer = Rows::new(&values[..DIM], DIM).unwrap();
    assert!(LivingGraph::of(fewer, Distance::Euclidean, &built, params()).is_err());
    for bad in [
        Graph { links: 0, ..built.clone() },
        Graph { entry: 800, ..built.clone() },
        Graph { upper: Vec::<u32>::new().into(), ..built.clone() },
        Graph { levels: vec![200; 800].into(), ..built },
    ] {
        assert!(LivingGraph::of(rows, Distance::Euclidean, &bad, params()).is_err());
    }
}

#[test]
fn what_can_not_be_compared_is_refused() {
    let mut graph = LivingGraph::new(2, Distance::Cosine, params());
    assert_eq!(graph.add(&[1.0]).unwrap_err(), SearchError::Dimension { queries: 1, rows: 2 });
    assert_eq!(graph.add(&[0.0, 0.0]).unwrap_err(), SearchError::Zero { position: 0 });
    assert_eq!(graph.add(&[f32::NAN, 0.0]).unwrap_err(), SearchError::NotFinite { position: 0 });
    assert!(graph.is_empty() && !graph.remove(0));
    let place = graph.add(&[3.0, 4.0]).unwrap();
    assert_eq!(graph.vector(place).unwrap(), [0.6, 0.8]);
    assert_eq!(graph.nearest(&[6.0, 8.0], 1, 1).unwrap(), [Hit { row: place, distance: 0.0 }]);
    assert_eq!(graph.nearest(&[6.0, 8.0], usize::MAX, usize::MAX).unwrap().len(), 1, "all that there are");
    assert!(graph.nearest(&[0.0, 0.0], 1, 1).is_err());
}
