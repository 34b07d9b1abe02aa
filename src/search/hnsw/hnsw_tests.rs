use super::*;
use crate::base::param;
use crate::search::drawn::numbers;
use crate::search::method::Hnsw;

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
    let layers = Layers::new(built(&values, 8, &params));
    for layer in 0..=layers.top() {
        let of_layer: Vec<u32> = (0..1500).filter(|row| layers.graph.levels[*row as usize] >= layer).collect();
        for row in &of_layer {
            let linked = layers.linked(*row, layer);
            assert!(linked.len() <= if layer == 0 { 8 } else { 4 } && !linked.contains(row));
            assert!(linked.iter().all(|other| layers.graph.levels[*other as usize] >= layer));
        }
    }
    let rough = Rough::new(Rows::new(&values, 8).unwrap(), Distance::Euclidean);
    let pool = Pool::default();
    let found = |row: &u32| pool.with(|visited| layers.near(&rough, rough.row(*row), 64, visited)[0] == *row);
    let lost = (0..1500).filter(|row| !found(row)).count();
    assert!(lost <= 30, "{lost} vectors don't find themselves");
}

#[test]
fn nothing_one_and_two_are_graphs_too() {
    let params: Hnsw = param::defaults();
    for count in 0..3 {
        let values = numbers(count * 3);
        let layers = Layers::new(built(&values, if count == 0 { 0 } else { 3 }, &params));
        let rough = Rough::new(Rows::new(&values, 3).unwrap(), Distance::Euclidean);
        let found = Pool::default().with(|visited| layers.near(&rough, &[0.0; 3], 5, visited));
        assert_eq!(found.len(), count);
    }
}
