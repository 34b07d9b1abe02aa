use super::kept::Kept;
use super::layers::Sharing;
use super::walk::Room;
use super::*;
use crate::drawn::numbers;
use crate::method::Hnsw;
use crate::top_k::position;
use simpipe_base::param;

fn built(values: &[f32], dim: usize, params: &Hnsw) -> Graph {
    graph(Rows::new(values, dim).unwrap(), Distance::Euclidean, params, &|| false).unwrap()
}

#[test]
fn the_graph_is_the_same_from_any_number_of_threads() {
    let values = numbers(2000 * 12);
    let params: Hnsw = param::from_json(&serde_json::json!({ "links": 6, "build-width": 40 })).unwrap();
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| built(&values, 12, &params))
    };
    let one = with(1);
    for threads in [2, 3, 8] {
        assert!(with(threads) == one, "{threads} threads");
    }
    assert!(one.levels.iter().any(|level| *level > 1), "it has layers");
}

#[test]
fn every_vector_is_reached_and_no_list_is_too_long() {
    let values = numbers(1500 * 8);
    let params: Hnsw = param::from_json(&serde_json::json!({ "links": 4, "build-width": 50 })).unwrap();
    let layers = Fixed::new(built(&values, 8, &params));
    for layer in 0..=layers.top() {
        let of_layer: Vec<u32> = (0..1500).filter(|row| layers.kept.level(*row).unwrap() >= layer).collect();
        for row in &of_layer {
            let linked = layers.linked(*row, layer);
            assert!(linked.len() <= if layer == 0 { 8 } else { 4 } && !linked.contains(row));
            assert!(linked.iter().all(|other| layers.kept.level(*other).unwrap() >= layer));
        }
    }
    let rough = Rough::new(Rows::new(&values, 8).unwrap(), Distance::Euclidean);
    let pool = Pool::default();
    let nearest = |row: &u32| pool.with(|room| layers.near(&rough, rough.row(*row), 64, |_| true, room)[0]);
    let found = |row: &u32| position(nearest(row)) == *row;
    let lost = (0..1500).filter(|row| !found(row)).count();
    assert!(lost <= 30, "{lost} vectors don't find themselves");
}

#[test]
fn nothing_one_and_two_are_graphs_too() {
    let params: Hnsw = param::defaults();
    for count in 0..3 {
        let values = numbers(count * 3);
        let layers = Fixed::new(built(&values, if count == 0 { 0 } else { 3 }, &params));
        let rough = Rough::new(Rows::new(&values, 3).unwrap(), Distance::Euclidean);
        let found = Pool::default().with(|room| layers.near(&rough, &[0.0; 3], 5, |_| true, room));
        assert_eq!(found.len(), count);
    }
}

/// Rows that a walk over all links of the lowest layer does not come to.
fn lost(graph: &Graph) -> usize {
    let mut layers = Sharing::of(graph);
    let mut lost = 0;
    let count = graph.levels.len();
    let values = vec![0.0; count];
    let rough = Rough::new(Rows::new(&values, 1).unwrap(), Distance::Euclidean);
    let seen = std::cell::Cell::new(0);
    connect::connect(&mut layers, &rough, 1, |_| {
        seen.set(seen.get() + 1);
        false
    });
    lost += seen.get();
    lost
}

#[test]
fn copies_of_one_vector_are_reached_and_hide_no_other() {
    // Half of all rows are one vector, a quarter another; the rest are anywhere.
    let dim = 8;
    let mut values = numbers(2000 * dim);
    let (one, other) = (values[..dim].to_vec(), values[dim..2 * dim].to_vec());
    for (at, row) in values.chunks_mut(dim).enumerate() {
        match at % 4 {
            0 | 1 => row.copy_from_slice(&one),
            2 => row.copy_from_slice(&other),
            _ => {}
        }
    }
    for distance in [Distance::Euclidean, Distance::Cosine, Distance::InnerProduct] {
        let rows = super::super::Vectors::new(&values, dim, distance).unwrap();
        let params: Hnsw = param::from_json(&serde_json::json!({ "links": 6, "build-width": 40 })).unwrap();
        let graph = super::graph(rows.rows(), distance, &params, &|| false).unwrap();
        assert_eq!(lost(&graph), 0, "{distance:?}");
        let search = crate::Search::Hnsw(params);
        let structure = crate::Structure::of_graph(graph);
        let searcher = crate::Searcher::new(rows.rows(), distance, &search, &structure);
        let share = crate::recall::recall(rows.rows(), distance, &searcher, &|| false).unwrap();
        assert!(share > 0.97, "{distance:?}: {share}");
    }
}

#[test]
fn links_that_lead_nowhere_are_passed_over() {
    let values = numbers(300 * 4);
    let params: Hnsw = param::from_json(&serde_json::json!({ "links": 4, "build-width": 20 })).unwrap();
    let mut graph = built(&values, 4, &params);
    let changed = |links: &[u32]| links.iter().map(|link| link ^ 0x100).collect::<Vec<u32>>();
    (graph.lowest, graph.upper) = (changed(&graph.lowest).into(), changed(&graph.upper).into());
    let layers = Fixed::new(graph);
    let rough = Rough::new(Rows::new(&values, 4).unwrap(), Distance::Euclidean);
    let found = layers.near(&rough, &[0.0; 4], 300, |_| true, &mut Room::default());
    assert!(found.iter().all(|near| position(*near) < 300));
}
